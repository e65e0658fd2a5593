"""Invented pages, two long ones in files and small ones made to order, and their import."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ogpgraph.domain.unit_of_work import CommandContext
from ogpgraph.importer.report import Report
from ogpgraph.importer.run import import_page
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
    """An entry of the list at the end of a page."""

    code: str
    title: str
    cycle: int = 2018
    area: str = "Open Data"


@dataclass(frozen=True)
class Page:
    """An English page; None leaves a field empty."""

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
        """Return the page with some attributes changed."""
        return replace(self, **changes)  # type: ignore[arg-type]  # the dataclass checks names

    @property
    def text(self) -> str:
        """Return the page as text."""
        return "\n\n".join((*self._header(), *self._body())) + "\n"

    @property
    def data(self) -> bytes:
        """Return the bytes of the page as text."""
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
        return lines + [f"{label}: {value or ''}".rstrip() for label, value in optional]

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


FERRIES = Page()

_SPANISH_LABELS = (
    ("Overview", "Resumen"),
    ("At-a-Glance", "De un vistazo"),
    ("Action Plan Cycle", "Ciclo del plan de acción"),
    ("Action Plan:", "Plan de ACCION:"),
    ("Status: Active", "Estado: Activo"),
    ("Institutions", "Instituciones"),
    ("Lead Institution", "Institución principal"),
    ("Policy Areas", "Áreas de política"),
    ("IRM Review", "Revisión de IRM"),
    ("IRM Report: Pending Revisión de IRM", "Informe de IRM: Revisión pendiente de IRM"),
    ("Verifiable: Yes", "Verificable: Sí"),
    ("Completion: Pending Revisión de IRM", "Terminación: Revisión pendiente de IRM"),
    ("Description", "Descripción"),
)


def with_spanish_labels(page: Page) -> bytes:
    """Return a page as the Spanish site has it, apart from its own text."""
    text = page.text
    for english, spanish in _SPANISH_LABELS:
        text = text.replace(english, spanish)
    return text.encode()


def write_pages(folder: Path, *pages: Page) -> list[Path]:
    """Write pages to files in a folder, and return the files."""
    files = [folder / f"{place}.txt" for place in range(len(pages))]
    for file, page in zip(files, pages, strict=True):
        file.write_bytes(page.data)
    return files


def importer_context(
    at: datetime | int = 1, correlation: str | None = None, reason: str | None = None
) -> CommandContext:
    """Return the context of an import at a moment, or on a day of March 2021."""
    time = day(at) if isinstance(at, int) else at
    return CommandContext(actor="importer", role="publisher", time=time, correlation=correlation, reason=reason)


def day(number: int, hour: int = 0) -> datetime:
    """Return an hour of a day of March 2021."""
    return datetime(2021, 3, number, hour, tzinfo=UTC)


def import_sample_page(
    system: System, page: Page | Path | bytes, at: datetime | int = 1, reason: str | None = None
) -> Report:
    """Import a page as observed at a moment, or on a day of March 2021."""
    data = page.data if isinstance(page, Page) else page if isinstance(page, bytes) else page.read_bytes()
    return import_page(system, "a page", data, importer_context(at, reason=reason), limit_bytes=LIMIT)


def count_events(report: Report) -> dict[str, int]:
    """Return the number of events of each name that an import recorded."""
    return dict(report.events)
