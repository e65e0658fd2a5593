"""A closed list of words and what each means, found in running text also where separators are missing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from ogpgraph.importer.pages.text_normalization import fold, fold_with_positions

T = TypeVar("T")

_NOTHING = re.compile(r"(?!)")
_BETWEEN = re.compile(r"[\s,;/|.()&*+·•\-]+|\b(?:and|y|e|et)\b")


def invert_tables(tables: Iterable[Mapping[T, Iterable[str]]], key: Callable[[str], str] = fold) -> dict[str, T]:
    """Return word → what it means; where tables differ the first counts."""
    meanings: dict[str, T] = {}
    for table in tables:
        for meaning, words in table.items():
            for word in words:
                meanings.setdefault(key(word), meaning)
    return meanings


@dataclass(frozen=True, slots=True)
class LexiconMatch(Generic[T]):
    """What a word means and where in the text it stands."""

    meaning: T
    start: int
    end: int


class Lexicon(Generic[T]):
    """A closed list of folded words with their meanings."""

    def __init__(self, meanings: Mapping[str, T]) -> None:
        self.meanings = dict(meanings)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The words as one expression, the longest first, so that "not relevant" is not read as "relevant"."""
        words = sorted((re.escape(word) for word in self.meanings if word), key=len, reverse=True)
        return re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)") if words else _NOTHING

    def get(self, text: str) -> T | None:
        """Return what a text that is one of the words means."""
        return self.meanings.get(fold(text))

    def find(self, text: str) -> tuple[list[LexiconMatch[T]], str]:
        """Return the words found in a text, in order, and what is left of it besides separators."""
        plain = fold_with_positions(text)
        matches = list(self.pattern.finditer(plain.text))
        found = [
            LexiconMatch(self.meanings[match.group()], *plain.span(match.start(), match.end())) for match in matches
        ]
        rest = _BETWEEN.sub(" ", self.pattern.sub(" ", plain.text)).strip()
        return found, rest

    def match_all(self, text: str) -> list[LexiconMatch[T]] | None:
        """Return the words that make up a text, None where it holds anything else or nothing."""
        found, rest = self.find(text)
        return found if found and not rest else None
