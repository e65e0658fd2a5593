"""Comparing words as people do: blind to case, accents, apostrophes, dashes, blanks, and the damage of scanning."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_REPLACEMENTS = {
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
_LOST_LIGATURE = re.compile("[ᴀ\uac00-\ud7a3]+")
_LIGATURE = "fi"


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    if character in _REPLACEMENTS:
        return _REPLACEMENTS[character]
    if character.isspace():
        return " "
    decomposed = unicodedata.normalize("NFKD", character)
    kept = "".join(part for part in decomposed if not unicodedata.combining(part))
    return "".join(_REPLACEMENTS.get(part, part) for part in kept.casefold())


@dataclass(frozen=True, slots=True)
class FoldedText:
    """A text folded for comparison, which still knows where in the original each of its characters stands."""

    text: str
    positions: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where the folded characters `start` to `end` stand in the original."""
        return self.positions[start], self.positions[end]


def fold_with_positions(text: str) -> FoldedText:
    """Fold a text, keeping positions; runs of blanks become one, and a run of damage becomes the lost ligature."""
    plain = list(map(_fold_character, text))
    joined = "".join(plain)
    if all(len(one) == 1 for one in plain) and "  " not in joined and not _LOST_LIGATURE.search(text):
        return FoldedText(joined, range(len(text) + 1))
    for match in _LOST_LIGATURE.finditer(text):
        plain[match.start() : match.end()] = [_LIGATURE, *[""] * (match.end() - match.start() - 1)]
    return _collapse_spaces(plain)


def _collapse_spaces(plain: list[str]) -> FoldedText:
    characters: list[str] = []
    positions: list[int] = []
    for index, one in enumerate(plain):
        if one == " " and characters and characters[-1] == " ":
            continue
        characters.extend(one)
        positions.extend([index] * len(one))
    return FoldedText("".join(characters), (*positions, len(plain)))


@lru_cache(maxsize=16384)
def fold(text: str) -> str:
    """Return a short text folded and stripped, for equality."""
    return fold_with_positions(text).text.strip()


_PLURAL = re.compile(r"\s*\(e?s\)")
_GLOSS = re.compile(r"\s*(?:\([^()]*\)|\[\d*\])$")


@lru_cache(maxsize=16384)
def normalize_label(text: str) -> str:
    """Return what makes two labels one: "Institution (s) d’appui :" and "institution d'appui" are the same label."""
    key = _PLURAL.sub("", fold(text)).strip(" :.?¿")
    return _GLOSS.sub("", key).strip(" :.?")


_SPELLING = re.compile(r"[-/,.()?\s]+")


@lru_cache(maxsize=16384)
def normalize_policy_area(text: str) -> str:
    """Return what makes two spellings one policy area: "&" is "and", and hyphens, slashes and brackets are blanks."""
    return _SPELLING.sub(" ", fold(text).replace("&", " and ")).strip()
