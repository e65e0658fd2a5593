"""What reading a page gives: facts, each with the characters it was read from, and remarks on all not understood."""

from __future__ import annotations

from dataclasses import dataclass

from ogpgraph.domain.event import Origin
from ogpgraph.domain.vocabulary import RatingState, RatingValue


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
class RatingSaid:
    """What is said of an indicator: `value` only when RATED, and the words as published."""

    state: RatingState
    value: RatingValue | None
    stated_as: str
    irm_report: str | None = None


Value = str | int | tuple[str, ...] | RatingSaid


@dataclass(frozen=True, slots=True)
class Said:
    """A value and where it was said: for a wording the span is the wording, for a list the raw list."""

    value: Value
    span: Span


Facts = dict[str, Said]


@dataclass(frozen=True, slots=True)
class Remark:
    """Something a reader of the import should know: the line (from 1), what kind of thing, and the words."""

    line: int
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Sibling:
    """A commitment as another commitment's page lists it."""

    code: str
    cycle: int
    facts: Facts


@dataclass(frozen=True, slots=True)
class SiblingReading:
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
    made_by: str
    facts: dict[Origin, Facts]
    country: Said | None
    plan_title: Said | None
    cycle: Said | None
    siblings: SiblingReading | None
    remarks: tuple[Remark, ...]
