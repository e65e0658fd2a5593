"""The result of reading a page: extracted values with the characters of the canonical text that they were read from."""

from __future__ import annotations

from dataclasses import dataclass

from ogpgraph.domain.event import Origin
from ogpgraph.domain.values import ReportedRating
from ogpgraph.importer.pages.text import Span


class UnreadableInput(Exception):
    """The input cannot be imported; `reason` is one line for the person who imports it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


Value = str | int | tuple[str, ...] | ReportedRating


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
