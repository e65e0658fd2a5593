"""The result of reading a page: extracted values with the characters of the canonical text that they were read from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from ogpgraph.domain.event import Origin
from ogpgraph.domain.vocabulary import RatingState, RatingValue

_BULLET = re.compile(r"^[•·▪◦‣○●■□✓➢❖*\-–\ue000-\uf8ff]\s*")
_LONGEST_QUOTE = 200


class UnreadableInput(Exception):
    """The input cannot be imported; `reason` is one line for the person who imports it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Span(NamedTuple):
    """Characters of a text, `end` excluded."""

    start: int
    end: int

    def of(self, text: str) -> str:
        """Return these characters of a text."""
        return text[self.start : self.end]

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


@dataclass(frozen=True, slots=True)
class ExtractedRating:
    """A rating of an indicator as published; `value` is None unless the state is RATED."""

    state: RatingState
    value: RatingValue | None
    stated_as: str
    irm_report: str | None = None


Value = str | int | tuple[str, ...] | ExtractedRating


@dataclass(frozen=True, slots=True)
class ExtractedValue:
    """A value and its evidence: for a text the span is the text itself, for a list the list as written."""

    value: Value
    span: Span


ExtractedFacts = dict[str, ExtractedValue]
"""Path → value."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A finding for the report of an import: its kind, and the text it is about.

    `line` counts from 1, 0 is the whole source; in a spreadsheet it is the row, and `column` the name of the column.
    """

    line: int
    kind: str
    text: str
    column: str = ""


def create_remark(kind: str, text: str, span: Span) -> Remark:
    """Return a remark that quotes the beginning of a span of a text."""
    return Remark(line_number(text, span.start), kind, span.of(text)[:_LONGEST_QUOTE])


def line_number(text: str, position: int) -> int:
    """Return the number of the line, from 1, that a position of a text is in."""
    return text.count("\n", 0, position) + 1


@dataclass(frozen=True, slots=True)
class Sibling:
    """A commitment as the page of another commitment lists it."""

    code: str
    cycle: int
    facts: ExtractedFacts


@dataclass(frozen=True, slots=True)
class SiblingListReading:
    """The list of the member's commitments, which is a source of its own with its own canonical text."""

    text: str
    entries: tuple[Sibling, ...]


@dataclass(frozen=True, slots=True)
class PageReading:
    """The reading of one page. `facts` are the values by the zone of the page that states them."""

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
