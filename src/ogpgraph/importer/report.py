"""The report of an import: what became of each file, what was not understood, what gives reason to doubt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ogpgraph.domain.event import Event
from ogpgraph.importer.pages.extraction import Remark
from ogpgraph.personal import find_personal_data, mask_personal_data

CausedEvent = tuple[str, str]
"""The name of an event and its cause."""
WARNINGS = frozenset(
    (
        "contradiction",
        "header-lags",
        "site-default",
        "said-twice",
        "sibling-twice",
        "header-incomplete",
        "number-differs",
        "date-differs",
        "address-differs",
        "member-differs",
        "code-reissued",
    )
)
"""Kinds of remarks on what was understood and gives reason to doubt; all others are on what was not understood."""
_COUNTED = "personal-data"
_SEEN_AGAIN = "SourceSeenAgain"


@dataclass(frozen=True)
class Report:
    """What became of one file: the page it holds, the events it made, or the reason why nothing was recorded."""

    file: str
    code: str = ""
    language: str = ""
    layout: str = ""
    facts: int = 0
    recorded: Counter[CausedEvent] = field(default_factory=Counter)
    remarks: tuple[Remark, ...] = ()
    personal: Counter[str] = field(default_factory=Counter)
    problem: str = ""

    @property
    def events(self) -> Counter[str]:
        """Return how many events of each kind it made."""
        return _count_by((name, number) for (name, _), number in self.recorded.items())

    @property
    def causes(self) -> Counter[str]:
        """Return how many events it made for each cause."""
        return _count_by((cause, number) for (_, cause), number in self.recorded.items())

    @property
    def warnings(self) -> tuple[Remark, ...]:
        """Return what was understood and gives reason to doubt."""
        return tuple(remark for remark in self.remarks if remark.kind in WARNINGS)

    @property
    def unrecognized(self) -> tuple[Remark, ...]:
        """Return labels, values, sections and lines that were not understood; they are kept in the source's text."""
        return tuple(remark for remark in self.remarks if remark.kind not in WARNINGS)

    @property
    def outcome(self) -> str:
        """Return in a few words what the import of the file did."""
        if self.problem:
            return "refused"
        if self.events.keys() - {_SEEN_AGAIN}:
            return "recorded"
        return "seen again"

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON; the names of the fields are a contract."""
        return {
            "file": self.file,
            "outcome": self.outcome,
            "problem": self.problem or None,
            "code": self.code or None,
            "language": self.language or None,
            "layout": self.layout or None,
            "fieldsRead": self.facts,
            "notKnown": [_remark_json(remark) for remark in self.unrecognized],
            "warnings": [_remark_json(remark) for remark in self.warnings],
            "personalData": dict(sorted(self.personal.items())),
            "events": _by_kind_and_cause(self.recorded),
        }


def publishable_remarks(found: Iterable[Remark]) -> tuple[Remark, ...]:
    """Return remarks as they may be shown to anyone, in the order of their lines."""
    shown = (Remark(each.line, each.kind, mask_personal_data(each.text)) for each in found if each.kind != _COUNTED)
    return tuple(sorted(shown, key=lambda remark: remark.line))


def count_personal_data(*texts: str) -> Counter[str]:
    """Return how many pieces of personal data of each sort stand in some texts."""
    return Counter(str(mark.kind) for text in texts for mark in find_personal_data(text))


def count_events(events: Iterable[Event]) -> Counter[CausedEvent]:
    """Return how many events there are of each kind and cause."""
    return Counter((event.name, str(event.envelope.cause)) for event in events)


def sum_reports(reports: Iterable[Report]) -> dict[str, Any]:
    """Return the sums over all files as JSON."""
    reports = list(reports)
    return {
        "files": len(reports),
        "outcomes": dict(sorted(Counter(report.outcome for report in reports).items())),
        "fieldsRead": sum(report.facts for report in reports),
        "notKnown": sum(len(report.unrecognized) for report in reports),
        "warnings": sum(len(report.warnings) for report in reports),
        "personalData": dict(sorted(_sum_counters(report.personal for report in reports).items())),
        "events": _by_kind_and_cause(_sum_counters(report.recorded for report in reports)),
    }


def build_report_document(reports: Iterable[Report], *, correlation: str | None, dry_run: bool) -> dict[str, Any]:
    """Return the report of a whole import as JSON; `correlation` is what it can be reverted by."""
    reports = list(reports)
    return {
        "dryRun": dry_run,
        "correlation": None if dry_run else correlation,
        "files": [report.as_json() for report in reports],
        "totals": sum_reports(reports),
    }


def _remark_json(remark: Remark) -> dict[str, Any]:
    return {"line": remark.line or None, "kind": remark.kind, "text": remark.text}


def _by_kind_and_cause(recorded: Counter[CausedEvent]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (name, cause), number in sorted(recorded.items()):
        found.setdefault(name, {})[cause] = number
    return found


def _count_by(counted: Iterable[tuple[str, int]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for name, number in counted:
        found[name] += number
    return found


def _sum_counters(counters: Iterable[Counter[Any]]) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for counter in counters:
        found.update(counter)
    return found
