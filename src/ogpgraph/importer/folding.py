"""Comparing words as people do: blind to case, accents, kinds of apostrophe and dash, blanks, and damage of scanning."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

_SAME = {
    **dict.fromkeys("’‘`´ʼ′", "'"),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    **dict.fromkeys("“”„«»", '"'),
    **dict.fromkeys("\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff", ""),
    "œ": "oe",
    "Œ": "oe",
    "æ": "ae",
    "Æ": "ae",
    "ß": "ss",
}

# Where a converter lost the ligature "fi", pages show a Hangul syllable, often behind a small capital: "modiᴀ밄có".
_DAMAGE = "ᴀ"
_LIGATURE = "fi"


def _is_damage(character: str) -> bool:
    return character == _DAMAGE or "\uac00" <= character <= "\ud7a3"


@lru_cache(maxsize=4096)
def _plain(character: str) -> str:
    if character in _SAME:
        return _SAME[character]
    if character.isspace():
        return " "
    decomposed = unicodedata.normalize("NFKD", character)
    kept = "".join(part for part in decomposed if not unicodedata.combining(part))
    return "".join(_SAME.get(part, part) for part in kept.casefold())


@dataclass(frozen=True, slots=True)
class Folded:
    """A text folded for comparison, which still knows where in the original each of its characters stands."""

    text: str
    at: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where the folded characters `start` to `end` stand in the original."""
        return self.at[start], self.at[end]


def folded(text: str) -> Folded:
    """Fold a text, keeping positions; runs of blanks become one, and a run of damage becomes the lost ligature."""
    characters: list[str] = []
    at: list[int] = []
    damaged = False
    for index, character in enumerate(text):
        was_damaged, damaged = damaged, _is_damage(character)
        plain = "" if damaged and was_damaged else _LIGATURE if damaged else _plain(character)
        if plain == " " and characters and characters[-1] == " ":
            continue
        characters.extend(plain)
        at.extend([index] * len(plain))
    return Folded("".join(characters), (*at, len(text)))


@lru_cache(maxsize=16384)
def fold(text: str) -> str:
    """Return a short text folded and stripped, for equality."""
    return folded(text).text.strip()


_PLURAL = re.compile(r"\s*\(e?s\)")
_GLOSS = re.compile(r"\s*\([^()]*\)$")


@lru_cache(maxsize=16384)
def label_key(text: str) -> str:
    """Return what makes two labels one: "Institution (s) d’appui :" and "institution d'appui" are the same label."""
    key = _PLURAL.sub("", fold(text)).strip(" :.?¿")
    return _GLOSS.sub("", key).strip(" :.?")


_SPELLING = re.compile(r"[-/,.()?\s]+")


@lru_cache(maxsize=16384)
def area_key(text: str) -> str:
    """Return what makes two spellings one policy area: "&" is "and", and hyphens, slashes and brackets are blanks."""
    return _SPELLING.sub(" ", fold(text).replace("&", " and ")).strip()
