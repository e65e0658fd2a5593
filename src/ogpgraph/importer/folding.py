"""Comparing words as people do: blind to case, accents, apostrophes, dashes, blanks, and the damage of scanning."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
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
_DAMAGE = re.compile("[ᴀ\uac00-\ud7a3]+")
_LIGATURE = "fi"


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
    at: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where the folded characters `start` to `end` stand in the original."""
        return self.at[start], self.at[end]


def folded(text: str) -> Folded:
    """Fold a text, keeping positions; runs of blanks become one, and a run of damage becomes the lost ligature."""
    plain = list(map(_plain, text))
    joined = "".join(plain)
    if all(len(one) == 1 for one in plain) and "  " not in joined and not _DAMAGE.search(text):
        return Folded(joined, range(len(text) + 1))
    for match in _DAMAGE.finditer(text):
        plain[match.start() : match.end()] = [_LIGATURE, *[""] * (match.end() - match.start() - 1)]
    return _collapsed(plain)


def _collapsed(plain: list[str]) -> Folded:
    characters: list[str] = []
    at: list[int] = []
    for index, one in enumerate(plain):
        if one == " " and characters and characters[-1] == " ":
            continue
        characters.extend(one)
        at.extend([index] * len(one))
    return Folded("".join(characters), (*at, len(plain)))


@lru_cache(maxsize=16384)
def fold(text: str) -> str:
    """Return a short text folded and stripped, for equality."""
    return folded(text).text.strip()


_PLURAL = re.compile(r"\s*\(e?s\)")
_GLOSS = re.compile(r"\s*(?:\([^()]*\)|\[\d*\])$")


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
