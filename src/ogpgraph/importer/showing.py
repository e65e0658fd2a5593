"""The report of an import on a terminal: a table of the files, their events, and a line for everything to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ogpgraph.importer.database.report import CellRemark, DatabaseReport
from ogpgraph.importer.database.showing import totals_of
from ogpgraph.importer.fetch import is_url
from ogpgraph.importer.reading import Remark
from ogpgraph.importer.report import Report, totals

_EACH_EVENT = 10
"""Up to so many files the events of each are told, not only their sums."""
_EACH_REMARK = 20
"""Up to so many remarks of one kind on a file have a line each."""
_STYLES = {"refused": "red", "seen again": "dim", "recorded": "green"}
_NUMBERS = ("Fields", "Not known", "Warnings", "Personal", "Events")


def show(console: Console, reports: Sequence[Report], *, correlation: str | None, dry_run: bool) -> None:
    """Print the report of an import."""
    console.print(_files(reports))
    for report in reports:
        if isinstance(report, DatabaseReport) and report.rows:
            console.print(totals_of(report))
    for line in (*_lines(reports), *_last(reports, correlation, dry_run)):
        console.print(line, soft_wrap=True)


def _files(reports: Sequence[Report]) -> Table:
    table = Table(
        show_footer=len(reports) > 1, header_style="bold", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0)
    )
    sums = totals(reports)
    footers = (
        sums["fieldsRead"],
        sums["notKnown"],
        sums["warnings"],
        sum(sums["personalData"].values()),
        sum(report.recorded.total() for report in reports),
    )
    table.add_column("File", f"{len(reports):,} files", overflow="fold")
    table.add_column("Page", overflow="fold")
    for name, footer in zip(_NUMBERS, footers, strict=True):
        table.add_column(name, f"{footer:,}", justify="right")
    table.add_column("Outcome")
    for report in reports:
        page = " ".join(filter(None, (report.code, report.language, report.layout)))
        numbers = (report.facts, len(report.not_known), len(report.warnings), report.personal.total())
        told = (f"{number:,}" for number in (*numbers, report.recorded.total()))
        table.add_row(Text(_name(report.file)), Text(page), *told, Text(report.outcome, style=_STYLES[report.outcome]))
    return table


def _name(file: str) -> str:
    """Return a file's name without its folders, an address whole."""
    return file if is_url(file) else Path(file).name or file


def _lines(reports: Sequence[Report]) -> Iterator[Text]:
    events = [(report.file, report.recorded) for report in reports if report.recorded]
    if len(reports) > _EACH_EVENT:
        sums = totals(reports)["events"]
        told = [f"{number:,} {name} {cause}" for name, causes in sums.items() for cause, number in causes.items()]
        yield from _titled("Events", told)
    else:
        yield from _titled("Events", [f"{file}: {_told(recorded)}" for file, recorded in events])
    yield from _titled("Not known", [line for report in reports for line in _remarks(report, report.not_known)])
    yield from _titled("Warnings", [line for report in reports for line in _remarks(report, report.warnings)])
    personal = totals(reports)["personalData"]
    yield from _titled("Personal data, masked for the public", [f"{n:,} {kind}" for kind, n in personal.items()])


def _told(recorded: dict[tuple[str, str], int]) -> str:
    return ", ".join(f"{number:,} {name} {cause}" for (name, cause), number in sorted(recorded.items()))


def _titled(title: str, lines: Sequence[str]) -> Iterator[Text]:
    if lines:
        yield Text(f"{title}", style="bold")
        yield from (Text(f"  {line}") for line in lines)


def _remarks(report: Report, remarks: Sequence[Remark]) -> Iterator[str]:
    """Yield a line for each remark; of a kind that a file has many of, the first few and how many more there are."""
    by_kind: dict[str, list[Remark]] = {}
    for remark in remarks:
        by_kind.setdefault(remark.kind, []).append(remark)
    for kind, found in by_kind.items():
        yield from (_line(report, remark) for remark in found[:_EACH_REMARK])
        if len(found) > _EACH_REMARK:
            yield f"{report.file}: {kind}: {len(found) - _EACH_REMARK:,} more, all in the report as JSON (--json)"


def _line(report: Report, remark: Remark) -> str:
    place = f"{report.file}:{remark.line}" if remark.line else report.file
    column = f"{remark.column}: " if isinstance(remark, CellRemark) and remark.column else ""
    return f"{place}: {remark.kind}: {column}{' '.join(remark.text.split())}"


def _last(reports: Sequence[Report], correlation: str | None, dry_run: bool) -> Iterator[Text]:
    if dry_run:
        yield Text("A dry run: nothing was recorded.", style="bold")
    elif any(report.recorded for report in reports):
        yield Text(f"To take all of it back: ogpgraph revert {correlation} --reason …")
