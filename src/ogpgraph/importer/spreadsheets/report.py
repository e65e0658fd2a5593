"""The report on a file of the database: what came of its rows, and every cell in it that a person should look at."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from ogpgraph.importer.pages.extraction import Remark
from ogpgraph.importer.report import Report
from ogpgraph.personal import mask_personal_data

UNRECOGNISED_KINDS = frozenset(
    (
        "column-unknown",
        "unrecognised",
        "member-unknown",
        "code-malformed",
        "no-key",
        "row-too-long",
    )
)
"""Kinds of remarks on what was not understood; all others are on what was, and gives reason to look."""


@dataclass(frozen=True, slots=True)
class CellRemark(Remark):
    """A remark on a cell: `line` is the row as a spreadsheet counts, 0 for the whole file."""

    column: str = ""


@dataclass(frozen=True, slots=True)
class CycleTotal:
    """The rows of a member in a cycle (in a plan, where the form names no year), and how many were recorded."""

    member: str
    name: str
    cycle: str
    rows: int
    recorded: int


@dataclass(frozen=True)
class SpreadsheetReport(Report):
    """What became of one file of OGP's database."""

    rows: int = 0
    totals: tuple[CycleTotal, ...] = ()

    @property
    def warnings(self) -> tuple[Remark, ...]:
        """Return what was understood and gives reason to look: damage, duplicates, disagreements."""
        return tuple(remark for remark in self.remarks if remark.kind not in UNRECOGNISED_KINDS)

    @property
    def unrecognized(self) -> tuple[Remark, ...]:
        """Return columns, rows and values that were not understood."""
        return tuple(remark for remark in self.remarks if remark.kind in UNRECOGNISED_KINDS)

    @property
    def remark_counts(self) -> Counter[str]:
        """Return how many remarks there are of each kind."""
        return Counter(remark.kind for remark in self.remarks)

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON; the names of the fields are a contract."""
        return {
            **Report.as_json(self),
            "notKnown": [_remark(remark) for remark in self.unrecognized],
            "warnings": [_remark(remark) for remark in self.warnings],
            "rows": self.rows,
            "remarks": dict(sorted(self.remark_counts.items())),
            "totals": [
                {"member": t.member, "name": t.name, "cycle": t.cycle, "rows": t.rows, "recorded": t.recorded}
                for t in self.totals
            ],
        }


def create_remark(row: int, column: str, kind: str, text: str) -> CellRemark:
    """Return a remark on a cell as it may be shown to anyone."""
    return CellRemark(row, kind, mask_personal_data(text), column)


def _remark(remark: Remark) -> dict[str, Any]:
    column = remark.column if isinstance(remark, CellRemark) else ""
    return {"line": remark.line or None, "kind": remark.kind, "text": remark.text, "column": column or None}
