"""The report of an import on a terminal: a table of the files, their events, and a line for everything to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ogpgraph.importer.fetch import is_url
from ogpgraph.importer.pages.extraction import Remark
from ogpgraph.importer.report import Report, sum_reports

_MAX_FILES_WITH_EVENTS = 10
"""Up to so many files the events of each are told, not only their sums."""
_MAX_REMARKS_PER_KIND = 20
"""Up to so many remarks of one kind on a file have a line each."""
_STYLES = {"refused": "red", "seen again": "dim", "recorded": "green"}
_NUMBERS = ("Fields", "Not known", "Warnings", "Personal", "Events")


def print_report(console: Console, reports: Sequence[Report], *, correlation: str | None, dry_run: bool) -> None:
    """Print the report of an import."""
    console.print(_files_table(reports))
    for report in reports:
        if report.rows:
            console.print(build_totals_table(report))
    for line in (*_detail_lines(reports), *_closing_lines(reports, correlation, dry_run)):
        console.print(line, soft_wrap=True)


def _files_table(reports: Sequence[Report]) -> Table:
    table = Table(
        show_footer=len(reports) > 1, header_style="bold", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0)
    )
    sums = sum_reports(reports)
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
        numbers = (report.facts, len(report.unrecognized), len(report.warnings), report.personal.total())
        told = (f"{number:,}" for number in (*numbers, report.recorded.total()))
        table.add_row(
            Text(_display_name(report.file)), Text(page), *told, Text(report.outcome, style=_STYLES[report.outcome])
        )
    return table


def _display_name(file: str) -> str:
    """Return a file's name without its folders, an address whole."""
    return file if is_url(file) else Path(file).name or file


def _detail_lines(reports: Sequence[Report]) -> Iterator[Text]:
    events = [(report.file, report.recorded) for report in reports if report.recorded]
    if len(reports) > _MAX_FILES_WITH_EVENTS:
        sums = sum_reports(reports)["events"]
        told = [f"{number:,} {name} {cause}" for name, causes in sums.items() for cause, number in causes.items()]
        yield from _section("Events", told)
    else:
        yield from _section("Events", [f"{file}: {_format_events(recorded)}" for file, recorded in events])
    yield from _section("Not known", [line for report in reports for line in _remarks(report, report.unrecognized)])
    yield from _section("Warnings", [line for report in reports for line in _remarks(report, report.warnings)])
    personal = sum_reports(reports)["personalData"]
    yield from _section("Personal data, masked for the public", [f"{n:,} {kind}" for kind, n in personal.items()])


def _format_events(recorded: dict[tuple[str, str], int]) -> str:
    return ", ".join(f"{number:,} {name} {cause}" for (name, cause), number in sorted(recorded.items()))


def _section(title: str, lines: Sequence[str]) -> Iterator[Text]:
    if lines:
        yield Text(f"{title}", style="bold")
        yield from (Text(f"  {line}") for line in lines)


def _remarks(report: Report, remarks: Sequence[Remark]) -> Iterator[str]:
    """Yield a line for each remark; of a kind that a file has many of, the first few and how many more there are."""
    by_kind: dict[str, list[Remark]] = {}
    for remark in remarks:
        by_kind.setdefault(remark.kind, []).append(remark)
    for kind, found in by_kind.items():
        yield from (_format_remark(report, remark) for remark in found[:_MAX_REMARKS_PER_KIND])
        if len(found) > _MAX_REMARKS_PER_KIND:
            more = len(found) - _MAX_REMARKS_PER_KIND
            yield f"{report.file}: {kind}: {more:,} more, all in the report as JSON (--json)"


def _format_remark(report: Report, remark: Remark) -> str:
    place = f"{report.file}:{remark.line}" if remark.line else report.file
    column = f"{remark.column}: " if remark.column else ""
    return f"{place}: {remark.kind}: {column}{' '.join(remark.text.split())}"


def _closing_lines(reports: Sequence[Report], correlation: str | None, dry_run: bool) -> Iterator[Text]:
    if dry_run:
        yield Text("A dry run: nothing was recorded.", style="bold")
    elif any(report.recorded for report in reports):
        yield Text(f"To take all of it back: ogpgraph revert {correlation} --reason …")


def build_totals_table(report: Report) -> Table:
    """Return the table of rows by member and cycle."""
    table = Table(title=f"{report.rows:,} rows", show_footer=True, header_style="bold", box=None, pad_edge=False)
    table.add_column("Member", f"{len({total.member for total in report.totals}):,} members")
    table.add_column("Cycle")
    table.add_column("Rows", f"{sum(total.rows for total in report.totals):,}", justify="right")
    table.add_column("Recorded", f"{sum(total.recorded for total in report.totals):,}", justify="right")
    for total in report.totals:
        table.add_row(Text(f"{total.member} {total.name}"), total.cycle, f"{total.rows:,}", f"{total.recorded:,}")
    return table
