"""Spans and lines of a canonical text, and the values extracted from it, each with the characters it was read from."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ogpgraph.domain.event import Origin
from ogpgraph.domain.vocabulary import RatingState, RatingValue

_BULLET = re.compile(r"^[•·▪◦‣○●■□✓➢❖*\-–\ue000-\uf8ff]\s*")


class UnreadableInput(Exception):
    """The bytes are not a commitment page that can be read; `reason` says why in one line."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Span:
    """Characters of the canonical text, `end` excluded."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ExtractedRating:
    """What is said of an indicator: `value` only when RATED, and the words as published."""

    state: RatingState
    value: RatingValue | None
    stated_as: str
    irm_report: str | None = None


Value = str | int | tuple[str, ...] | ExtractedRating


@dataclass(frozen=True, slots=True)
class ExtractedValue:
    """A value and where it was said: for a wording the span is the wording, for a list the raw list."""

    value: Value
    span: Span


ExtractedFacts = dict[str, ExtractedValue]


@dataclass(frozen=True, slots=True)
class Remark:
    """A finding for the report of an import: its kind, and the text it is about.

    `line` counts from 1, 0 is the whole source; in a spreadsheet it is the row, and `column` the name of the column.
    """

    line: int
    kind: str
    text: str
    column: str = ""


@dataclass(frozen=True, slots=True)
class Sibling:
    """A commitment as another commitment's page lists it."""

    code: str
    cycle: int
    facts: ExtractedFacts


@dataclass(frozen=True, slots=True)
class SiblingListReading:
    """The member's list of commitments, a source of its own with its own canonical text."""

    text: str
    entries: tuple[Sibling, ...]


@dataclass(frozen=True, slots=True)
class PageReading:
    """All that one page says; `facts` is origin → path → what was said."""

    text: str
    language: str
    layout: str
    code: str
    translation_kind: str
    facts: dict[Origin, ExtractedFacts]
    country: ExtractedValue | None
    plan_title: ExtractedValue | None
    cycle: ExtractedValue | None
    siblings: SiblingListReading | None
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line, or a piece of one, without the blanks around it; `number` counts the text's lines from 1."""

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
        """Return a piece of the line, blanks around it off."""
        piece = self.text[start:end]
        return Line(piece.strip(), self.start + start + len(piece) - len(piece.lstrip()), self.number)

    def strip_bullet(self) -> Line:
        mark = _BULLET.match(self.text)
        return self.slice(mark.end()) if mark else self


def split_lines(text: str, start: int = 0, end: int | None = None) -> list[Line]:
    """Return the lines of text[start:end] that are not blank."""
    number = text.count("\n", 0, start) + 1
    found = []
    at = start
    for raw in text[start:end].split("\n"):
        if stripped := raw.strip():
            found.append(Line(stripped, at + raw.index(stripped), number))
        at += len(raw) + 1
        number += 1
    return found


def trim_span(text: str, start: int, end: int) -> Span | None:
    """Return the span without blanks around it, None when nothing is left."""
    piece = text[start:end]
    stripped = piece.strip()
    if not stripped:
        return None
    begin = start + len(piece) - len(piece.lstrip())
    return Span(begin, begin + len(stripped))
