"""The report of an import: the outcome of each file, the input that was not recognized, and what a person should check.

One kind of report serves pages and spreadsheets: a spreadsheet's has the number of its rows, and its remarks name a
column. The JSON document made of it is a contract with scripts (`ogpgraph import --json`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from ogpgraph.domain.event import Event
from ogpgraph.importer.pages.extraction import Remark
from ogpgraph.importer.planned_changes import PlannedChange
from ogpgraph.personal import find_personal_data, mask_personal_data

CausedEvent = tuple[str, str]
"""The name of an event and its cause."""
PAGE_WARNINGS = frozenset(
    (
        "contradiction",
        "header-lags",
        "site-default",
        "said-twice",
        "sibling-twice",
        "header-incomplete",
        "number-differs",
        "date-differs",
        "rating-differs",
        "address-differs",
        "member-differs",
        "code-reissued",
        "not-recorded",
        "other-member",
        "withdrawn",
        "shortened",
        "cut-off",
        "value-doubtful",
        "title-doubtful",
        "text-doubtful",
        "odd-plan-title",
        "plan-unknown",
        "unknown-name",
        "encoding",
    )
)
SPREADSHEET_WARNINGS = frozenset(
    (
        "duplicate",
        "same-title",
        "twins-disagree",
        "star-differs",
        "repaired",
        "date-repaired",
        "doubtful",
        "date-doubtful",
        "not-matched",
        "former-code",
        "code-refused",
        "plan-differs",
        "member-differs",
        "header-repeated",
        "row-too-short",
        "row-too-long",
        "row-askew",
        "disappeared",
        "not-whole",
        "encoding",
        "e-mail",
        "area-not-applicable",
        "not-recorded",
        "other-member",
    )
)
WARNINGS = PAGE_WARNINGS | SPREADSHEET_WARNINGS
"""Kinds of remarks on input that was recognized and is doubtful; the others are on input that was not recognized."""
_PERSONAL_DATA = "personal-data"  # counted in `personal`, so its remarks are not listed
_SEEN_AGAIN = "SourceObservedUnchanged"


@dataclass(frozen=True, slots=True)
class CycleTotal:
    """The number of rows of a member in a cycle, or in a plan where the spreadsheet names no year."""

    member: str
    name: str
    cycle: str
    rows: int
    recorded: int


@dataclass(frozen=True)
class Report:
    """The outcome of one file: the source it holds, the events it caused, or the reason why nothing was recorded.

    `facts` counts the values read. `rows` is the number of a spreadsheet's rows, None for a page; `ignored` are its
    columns that are known and not read, with the reasons. `changes` are those that a dry run would have made.
    """

    file: str
    code: str = ""
    language: str = ""
    layout: str = ""
    facts: int = 0
    recorded: Counter[CausedEvent] = field(default_factory=Counter)
    remarks: tuple[Remark, ...] = ()
    personal: Counter[str] = field(default_factory=Counter)
    problem: str = ""
    rows: int | None = None
    totals: tuple[CycleTotal, ...] = ()
    ignored: Mapping[str, str] = field(default_factory=dict)
    changes: tuple[PlannedChange, ...] = ()

    @property
    def events(self) -> Counter[str]:
        """Return the number of recorded events of each kind."""
        return _count_by((name, number) for (name, _), number in self.recorded.items())

    @property
    def causes(self) -> Counter[str]:
        """Return the number of recorded events of each cause."""
        return _count_by((cause, number) for (_, cause), number in self.recorded.items())

    @property
    def warnings(self) -> tuple[Remark, ...]:
        """Return the remarks on input that was recognized and is doubtful."""
        return tuple(remark for remark in self.remarks if remark.kind in WARNINGS)

    @property
    def unrecognized(self) -> tuple[Remark, ...]:
        """Return the remarks on input that was not recognized; it is preserved in the source's text."""
        return tuple(remark for remark in self.remarks if remark.kind not in WARNINGS)

    @property
    def remark_counts(self) -> Counter[str]:
        """Return the number of remarks of each kind."""
        return Counter(remark.kind for remark in self.remarks)

    @property
    def outcome(self) -> str:
        """Return `refused`, `recorded`, or `seen again` where nothing changed."""
        if self.problem:
            return "refused"
        # A page and its list are two sources, so one import may record that both were seen again.
        if self.events.keys() - {_SEEN_AGAIN}:
            return "recorded"
        return "seen again"

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON; a spreadsheet's has rows, remarks by kind and totals as well."""
        report: dict[str, Any] = {
            "file": self.file,
            "outcome": self.outcome,
            "problem": self.problem or None,
            "code": self.code or None,
            "language": self.language or None,
            "layout": self.layout or None,
            "fieldsRead": self.facts,
            "notKnown": self._remarks_json(self.unrecognized),
            "warnings": self._remarks_json(self.warnings),
            "personalData": dict(sorted(self.personal.items())),
            "events": _by_kind_and_cause(self.recorded),
        }
        if self.changes:
            report["changes"] = msgspec.to_builtins(self.changes)
        if self.rows is None:
            return report
        return report | {
            "rows": self.rows,
            "remarks": dict(sorted(self.remark_counts.items())),
            "ignoredColumns": [{"column": name, "reason": reason} for name, reason in self.ignored.items()],
            "totals": [
                {"member": t.member, "name": t.name, "cycle": t.cycle, "rows": t.rows, "recorded": t.recorded}
                for t in self.totals
            ],
        }

    def _remarks_json(self, remarks: Iterable[Remark]) -> list[dict[str, Any]]:
        found = [{"line": each.line or None, "kind": each.kind, "text": each.text} for each in remarks]
        if self.rows is None:
            return found
        return [json | {"column": each.column or None} for json, each in zip(found, remarks, strict=True)]


def publishable_remarks(found: Iterable[Remark]) -> tuple[Remark, ...]:
    """Return a page's remarks with personal data masked, in the order of their lines."""
    shown = (replace(each, text=mask_personal_data(each.text)) for each in found if each.kind != _PERSONAL_DATA)
    return tuple(sorted(shown, key=lambda remark: remark.line))


def create_cell_remark(row: int, column: str, kind: str, text: str) -> Remark:
    """Return a remark on a spreadsheet's cell with personal data masked; row 0 stands for the whole file."""
    return Remark(row, kind, mask_personal_data(text), mask_personal_data(column))


def count_personal_data(*texts: str) -> Counter[str]:
    """Return the number of marks of each kind of personal data in texts."""
    return Counter(str(mark.kind) for text in texts for mark in find_personal_data(text))


def count_events(events: Iterable[Event]) -> Counter[CausedEvent]:
    """Return the number of events of each kind and cause."""
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


def build_report_document(
    reports: Iterable[Report], *, correlation: str | None, dry_run: bool, skipped: Mapping[str, int]
) -> dict[str, Any]:
    """Return the report of a whole import as JSON; `correlation` is the id by which it can be reverted.

    `skipped` has the numbers of files of folders that were not read, by their suffixes.
    """
    reports = list(reports)
    return {
        "dryRun": dry_run,
        "correlation": None if dry_run else correlation,
        "files": [report.as_json() for report in reports],
        "skipped": dict(sorted(skipped.items())),
        "totals": sum_reports(reports),
    }


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
    # Not `sum`, which would copy the growing counter for each of thousands of files.
    found: Counter[Any] = Counter()
    for counter in counters:
        found.update(counter)
    return found
