"""Invented pages: two whole ones in files, and any number of small ones to order."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ogpgraph.application import CommandContext
from ogpgraph.importer.run import Report, import_page
from ogpgraph.system import System

EXAMPLES = Path(__file__).parent / "examples"
LIGHTHOUSE = EXAMPLES / "lighthouse_en.txt"
LIBRARIES = EXAMPLES / "bibliotecas_es.txt"
SAMPLES = Path(os.environ.get("OGPGRAPH_TEST_SAMPLES", Path(__file__).parents[3] / "shared" / "samples")) / "pages"
SEED_EN = SAMPLES / "FR0043_en_seed.txt"
SEED_ES = SAMPLES / "FR0039_es_seed.txt"
LIMIT = 2_000_000


@dataclass(frozen=True)
class Sibling:
    """A line of the list at the end of a page."""

    code: str
    title: str
    cycle: int = 2018
    area: str = "Open Data"


@dataclass(frozen=True)
class Page:
    """An English page; None leaves a line out."""

    code: str = "UY0901"
    title: str = "Ferry Tables"
    country: str = "Uruguay"
    plan: str = "Uruguay Action Plan 2018-2020"
    status: str | None = "Active"
    lead: str | None = "Ministry of Ferries"
    completion: str | None = "Pending IRM Review"
    description: str = "Print the tables of all ferries."
    prose: str = ""
    siblings: Sequence[Sibling] = ()

    def with_changes(self, **changes: object) -> Page:
        """Return the page as it was or became later."""
        return replace(self, **changes)  # type: ignore[arg-type]  # the dataclass checks names

    @property
    def text(self) -> str:
        """Return the page as text."""
        return "\n\n".join((*self._header(), *self._body())) + "\n"

    @property
    def data(self) -> bytes:
        """Return the page as it would be crawled."""
        return self.text.encode()

    def _header(self) -> list[str]:
        lines = [
            f"{self.country}\n\n{self.title} ({self.code})",
            "Overview\n\nAt-a-Glance",
            f"Action Plan: {self.plan}",
            "Action Plan Cycle: 2018",
            "Institutions",
            "Policy Areas\n\nOpen Data",
            "IRM Review\n\nIRM Report: Pending IRM Review",
            "Verifiable: Yes",
        ]
        optional = (("Status", self.status), ("Lead Institution", self.lead), ("Completion", self.completion))
        return lines + [f"{label}: {value}" for label, value in optional if value is not None]

    def _body(self) -> list[str]:
        parts = ["Description", self.description]
        if self.prose:
            parts += ["IRM Midterm Status Summary", "1. Ferries", "Context and Objectives", self.prose]
        if self.siblings:
            entries = [
                f"  {place}. {each.title}\n\n    {each.code}, {each.cycle}, {each.area}"
                for place, each in enumerate(self.siblings, 1)
            ]
            parts += ["Commitments", *entries]
        return parts


def day(number: int, hour: int = 0) -> datetime:
    """Return the start of a day of March 2021, or an hour of it."""
    return datetime(2021, 3, number, hour, tzinfo=UTC)


def import_sample_page(
    system: System, page: Page | Path | bytes, at: datetime | int = 1, reason: str | None = None
) -> Report:
    """Import a page as observed at a moment (or on a day of March 2021)."""
    data = page.data if isinstance(page, Page) else page if isinstance(page, bytes) else page.read_bytes()
    act = CommandContext(actor="importer", role="publisher", time=day(at) if isinstance(at, int) else at, reason=reason)
    return import_page(system, "a page", data, act, limit_bytes=LIMIT)


def count_events(report: Report) -> dict[str, int]:
    """Return how many events of each name an import recorded."""
    return dict(report.events)
