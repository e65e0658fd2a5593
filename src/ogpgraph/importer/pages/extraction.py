"""The result of reading a page: extracted values with the characters of the canonical text that they were read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ogpgraph.domain.event import Origin
from ogpgraph.domain.values import ReportedRating
from ogpgraph.importer.pages.text import Span


class UnreadableInput(Exception):
    """The input cannot be imported; `reason` is one line for the person who imports it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnrecognizedPage(UnreadableInput):
    """A text, which the exception has, is not recognized as a page: perhaps it is in a language that is not read."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(reason)
        self.text = text


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
    """The list of the member's commitments, which is a source of its own with its own canonical text.

    It `is_in_order` if its entries are numbered from 1 and every line of it belongs to one.
    """

    text: str
    entries: tuple[Sibling, ...]
    is_in_order: bool = False

    def find_entry(self, code: str) -> Sibling | None:
        """Return the entry with a code, None where the list has none."""
        return next((each for each in self.entries if each.code == code), None)

    def omits(self, code: str, other: SiblingListReading) -> bool:
        """Return whether the list shows that an entry, which another state of it has, is gone.

        The end of a list may be cut off, so the entry has to be above one that both have.
        """
        codes, others = [each.code for each in self.entries], [each.code for each in other.entries]
        if not self.is_in_order or code in codes or code not in others:
            return False
        return any(each in codes for each in others[others.index(code) + 1 :])


@dataclass(frozen=True, slots=True)
class PageReading:
    """The reading of one page. `facts` are the values by the zone of the page that states them.

    `covered` are, by zone, the paths at which the page says that there is nothing but what is in `facts`, with "/" at
    the end all paths below; `emptied` those of them whose fields are there and have no value. At all other paths it
    says nothing.
    """

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
    covered: Mapping[Origin, frozenset[str]] = field(default_factory=dict)
    emptied: frozenset[str] = frozenset()

    def says(self, origin: Origin, path: str) -> bool:
        """Return whether a zone of the page says something, or that there is nothing, at a path."""
        return path in self.facts.get(origin, {}) or _is_under(path, self.covered.get(origin, frozenset()))

    def withdraws(self, origin: Origin, path: str, *, is_finding: bool) -> bool:
        """Return whether a zone of the page says that there is nothing at a path, where there was something.

        An empty field may have an icon that the text does not show: it never withdraws what a review found.
        """
        if path in self.facts.get(origin, {}) or not self.says(origin, path):
            return False
        return not (is_finding and _is_under(path, self.emptied))


def _is_under(path: str, covered: frozenset[str]) -> bool:
    return path in covered or any(each.endswith("/") and path.startswith(each) for each in covered)
