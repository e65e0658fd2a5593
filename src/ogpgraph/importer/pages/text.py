"""Text primitives: spans and lines of a text, normal forms for comparison, and lexicons found in running text.

Folding ignores case, accents, the kinds of apostrophes, dashes and quotes, repeated blanks, and damage from scanning. A
folded text knows the position of each of its characters in the original, because evidence quotes the original.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property, lru_cache
from typing import Generic, NamedTuple, TypeVar

from ogpgraph.personal import mask_personal_data

T = TypeVar("T")

_LONGEST_QUOTE = 200
_CELL_SEPARATOR = re.compile(r"[^\S\t]*[|\t][^\S\t]*")
_BULLET = re.compile(r"^[•·▪◦‣○●■□✓➢❖*\-–\ue000-\uf8ff]\s*")

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
_GLOSS = re.compile(r"\s*(?:\([^()]*\)|\[\d*\])$")
_SPELLING_SEPARATORS = re.compile(r"[-/,.()?\s]+")
_NO_MATCH = re.compile(r"(?!)")
_NEARLY = 0.8


# Positions


def quote(text: str) -> str:
    """Return the beginning of a text, as remarks quote it, masked before it is cut: half an address is none."""
    return mask_personal_data(text)[:_LONGEST_QUOTE]


class Span(NamedTuple):
    """Characters of a text, `end` excluded."""

    start: int
    end: int

    def of(self, text: str) -> str:
        """Return these characters of a text."""
        return text[self.start : self.end]

    def quote(self, text: str) -> str:
        """Return the beginning of these characters, as remarks quote it."""
        return quote(self.of(text))

    def line_number(self, text: str) -> int:
        """Return the number of the line, from 1, that the span begins in."""
        return text.count("\n", 0, self.start) + 1

    def trim(self, text: str) -> Span | None:
        """Return the span in a text without blanks at its ends, None where nothing else is in it."""
        piece = self.of(text)
        start = self.start + len(piece) - len(piece.lstrip())
        return Span(start, start + len(piece.strip())) if piece.strip() else None


@dataclass(frozen=True, slots=True)
class Line:
    """A line or a piece of one, without blanks around it; `number` counts the lines of the text from 1."""

    text: str
    start: int
    number: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)

    @property
    def is_bullet(self) -> bool:
        return bool(_BULLET.match(self.text))

    def slice(self, start: int, end: int | None = None) -> Line:
        """Return a piece of the line without blanks around it."""
        piece = self.text[start:end]
        return Line(piece.strip(), self.start + start + len(piece) - len(piece.lstrip()), self.number)

    def strip_bullet(self) -> Line:
        mark = _BULLET.match(self.text)
        return self.slice(mark.end()) if mark else self


def split_lines(text: str, start: int = 0, end: int | None = None) -> list[Line]:
    """Return the lines of text[start:end] that are not blank."""
    number = text.count("\n", 0, start) + 1
    lines = []
    position = start
    for raw in text[start:end].split("\n"):
        if stripped := raw.strip():
            lines.append(Line(stripped, position + raw.index(stripped), number))
        position += len(raw) + 1
        number += 1
    return lines


def split_cells(row: Line) -> list[Line]:
    """Return the cells of a row, of which some may be empty; of any other line the line itself."""
    begin = 1 if row.text.startswith("|") else 0  # Markdown has bars at both ends of a row
    end = len(row.text) - 1 if begin and row.text.endswith("|") else len(row.text)
    separators = _CELL_SEPARATOR.finditer(row.text, begin, end)
    edges = [begin, *(edge for separator in separators for edge in separator.span()), max(begin, end)]
    return [row.slice(*cell) for cell in zip(edges[::2], edges[1::2], strict=True)]


# Damage

_CUT_END = re.compile(r"[,;:(/&\[–-]$")
_CUT_YEAR = re.compile(r"\d{4}\s*[-–—]\s*(?:\d|\d{3})?$|\b(?:20|201|202)$")


def is_cut_off(text: str) -> bool:
    """Return whether a text ends in the middle, behind a separator."""
    return bool(_CUT_END.search(text.rstrip()))


def is_cut_in_year(text: str) -> bool:
    """Return whether a text, which ends in years where it is whole, ends within one."""
    return bool(_CUT_YEAR.search(text.rstrip()))


def is_continued(line: str, following: str, small_words: Collection[str]) -> bool:
    """Return whether a line goes on in the following one, by how one ends and the other begins.

    A line ends openly behind a separator or one of the small words, or where the next one begins in lower case: with
    several words, since a single one may be anything.
    """
    end, begin = line.rstrip(), following.lstrip()
    if not end or not begin:
        return False
    last_word = end.rsplit(maxsplit=1)[-1]
    return (
        is_cut_off(end)
        or fold(last_word) in small_words
        or (begin[0].islower() and " " in begin and not end[-1].isdigit())
    )


# Normal forms


@dataclass(frozen=True, slots=True)
class FoldedText:
    """A folded text; `positions` are those of its characters in the original, and behind them the original's length."""

    text: str
    positions: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where the folded characters from `start` to `end` are in the original."""
        return self.positions[start], self.positions[end]


def fold_with_positions(text: str) -> FoldedText:
    """Fold a text and keep the positions; a run of blanks becomes one blank, a run of damage the lost ligature."""
    folded = list(map(_fold_character, text))
    joined = "".join(folded)
    # Most texts fold one character to one, so that no list of positions is needed.
    if all(len(each) == 1 for each in folded) and "  " not in joined and not _LOST_LIGATURE.search(text):
        return FoldedText(joined, range(len(text) + 1))
    for match in _LOST_LIGATURE.finditer(text):
        folded[match.start() : match.end()] = [_LIGATURE, *[""] * (match.end() - match.start() - 1)]
    return _collapse_blanks(folded)


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    if character in _REPLACEMENTS:
        return _REPLACEMENTS[character]
    if character.isspace():
        return " "
    # NFKD separates accents from their letters, and ligatures and full-width forms into plain letters.
    decomposed = unicodedata.normalize("NFKD", character)
    base = "".join(part for part in decomposed if not unicodedata.combining(part))
    return "".join(_REPLACEMENTS.get(part, part) for part in base.casefold())


def _collapse_blanks(folded: list[str]) -> FoldedText:
    characters: list[str] = []
    positions: list[int] = []
    for position, each in enumerate(folded):
        if each == " " and characters and characters[-1] == " ":
            continue
        characters.extend(each)
        positions.extend([position] * len(each))
    return FoldedText("".join(characters), (*positions, len(folded)))


@lru_cache(maxsize=16384)
def fold(text: str) -> str:
    """Return a short text folded, without blanks around it."""
    return fold_with_positions(text).text.strip()


def normalize_label(text: str, plural_ending: re.Pattern[str]) -> str:
    """Return the form in which labels are compared, without final punctuation, gloss and plural ending.

    "Institution (s) d’appui :" becomes "institution d'appui".
    """
    plain = plural_ending.sub("", fold(text)).strip(" :.?¿")
    return _GLOSS.sub("", plain).strip(" :.?")


@lru_cache(maxsize=16384)
def normalize_policy_area(text: str) -> str:
    """Return the form in which policy areas are compared: "&" is "and", hyphens, slashes and brackets are blanks."""
    return _SPELLING_SEPARATORS.sub(" ", fold(text).replace("&", " and ")).strip()


# Lexicons


def invert_tables(tables: Iterable[Mapping[T, Iterable[str]]], normalize: Callable[[str], str] = fold) -> dict[str, T]:
    """Return normalized word → its meaning, from tables of meaning → words; of several meanings the first table's."""
    meanings: dict[str, T] = {}
    for table in tables:
        for meaning, words in table.items():
            for word in words:
                meanings.setdefault(normalize(word), meaning)
    return meanings


@dataclass(frozen=True, slots=True)
class LexiconMatch(Generic[T]):
    """The meaning of a word that was found, and its position in the original text."""

    meaning: T
    start: int
    end: int


class Lexicon(Generic[T]):
    """A closed list of folded words and their meanings. `separators` are folded words that may come between them."""

    def __init__(self, meanings: Mapping[str, T], separators: Iterable[str]) -> None:
        self.meanings = dict(meanings)
        self._separator = re.compile(rf"[\s,;/|.()&*+·•\-]+|\b(?:{'|'.join(map(re.escape, separators))})\b")

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        # The longest word first, so that "not relevant" is not read as "relevant".
        words = sorted((re.escape(word) for word in self.meanings if word), key=len, reverse=True)
        return re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)") if words else _NO_MATCH

    def find(self, text: str) -> tuple[list[LexiconMatch[T]], str]:
        """Return the words found in a text, in order, and the rest of it without separators."""
        folded = fold_with_positions(text)
        found = [
            LexiconMatch(self.meanings[match.group()], *folded.span(match.start(), match.end()))
            for match in self._pattern.finditer(folded.text)
        ]
        rest = self._separator.sub(" ", self._pattern.sub(" ", folded.text)).strip()
        return found, rest

    def is_beginning(self, text: str) -> bool:
        """Return whether a text is the beginning of a word and no word itself: the rest of it may be cut off."""
        folded = fold(text)
        return folded not in self.meanings and any(word.startswith(folded) for word in self.meanings)

    def is_nearly(self, text: str) -> bool:
        """Return whether a text is a word with a few characters missing or wrong."""
        return bool(get_close_matches(fold(text), self.meanings, 1, _NEARLY))

    def match_all(self, text: str) -> list[LexiconMatch[T]] | None:
        """Return the words that a text consists of, None where it contains anything else or no word."""
        found, rest = self.find(text)
        return found if found and not rest else None
