"""The report of an import for a terminal: a table of the files, their events, and a line for each remark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ogpgraph.importer.pages.extraction import Remark
from ogpgraph.importer.report import CausedEvent, Report, sum_reports

_MAX_FILES_WITH_EVENTS = 10
"""Of more files than this only the sums of their events are listed."""
_MAX_REMARKS_PER_KIND = 20
"""The number of remarks of one kind on one file that are listed."""
_OUTCOME_STYLES = {"refused": "red", "seen again": "dim", "recorded": "green"}
_NUMBER_COLUMNS = ("Fields", "Not known", "Warnings", "Personal", "Events")


def print_report(console: Console, reports: Sequence[Report], *, correlation: str | None, dry_run: bool) -> None:
    """Print the report of an import; `correlation` is the id by which it can be reverted."""
    console.print(_files_table(reports))
    for report in reports:
        if report.rows:
            console.print(_totals_table(report))
    for line in (*_detail_lines(reports), *_closing_lines(reports, correlation, dry_run=dry_run)):
        # Soft wrap: rich would otherwise break long lines, which are searched for and copied.
        console.print(line, soft_wrap=True)


def _files_table(reports: Sequence[Report]) -> Table:
    table = Table(
        show_footer=len(reports) > 1, header_style="bold", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0)
    )
    rows = [_numbers(report) for report in reports]
    table.add_column("File", f"{len(reports):,} files", overflow="fold")
    table.add_column("Page", overflow="fold")
    for place, name in enumerate(_NUMBER_COLUMNS):
        table.add_column(name, f"{sum(row[place] for row in rows):,}", justify="right")
    table.add_column("Outcome", no_wrap=True)  # names, which have no limit, are broken over lines instead
    for report, numbers in zip(reports, rows, strict=True):
        page = " ".join(filter(None, (report.code, report.language, report.layout)))
        outcome = Text(report.outcome, style=_OUTCOME_STYLES[report.outcome])
        table.add_row(Text(_short_name(report.file)), Text(page), *(f"{number:,}" for number in numbers), outcome)
    return table


def _numbers(report: Report) -> tuple[int, ...]:
    remarks = len(report.unrecognized), len(report.warnings)
    return report.facts, *remarks, report.personal.total(), report.recorded.total()


def _short_name(file: str) -> str:
    """Return the name of a file without its folders; a URL as it is."""
    return file if "://" in file else Path(file).name or file


def _totals_table(report: Report) -> Table:
    """Return the table of a spreadsheet's rows by member and cycle."""
    table = Table(title=f"{report.rows:,} rows", show_footer=True, header_style="bold", box=None, pad_edge=False)
    table.add_column("Member", f"{len({total.member for total in report.totals}):,} members")
    table.add_column("Cycle")
    table.add_column("Rows", f"{sum(total.rows for total in report.totals):,}", justify="right")
    table.add_column("Recorded", f"{sum(total.recorded for total in report.totals):,}", justify="right")
    for total in report.totals:
        table.add_row(Text(f"{total.member} {total.name}"), total.cycle, f"{total.rows:,}", f"{total.recorded:,}")
    return table


def _detail_lines(reports: Sequence[Report]) -> Iterator[Text]:
    sums = sum_reports(reports)
    if len(reports) > _MAX_FILES_WITH_EVENTS:
        by_cause = [
            (name, cause, number) for name, causes in sums["events"].items() for cause, number in causes.items()
        ]
        yield from _section("Events", [f"{number:,} {name} {cause}" for name, cause, number in by_cause])
    else:
        recorded = [(report.file, report.recorded) for report in reports if report.recorded]
        yield from _section("Events", [f"{file}: {_format_events(events)}" for file, events in recorded])
    yield from _section("Not known", [line for each in reports for line in _remark_lines(each, each.unrecognized)])
    yield from _section("Warnings", [line for each in reports for line in _remark_lines(each, each.warnings)])
    personal = [f"{number:,} {kind}" for kind, number in sums["personalData"].items()]
    yield from _section("Personal data, masked for the public", personal)


def _format_events(recorded: Mapping[CausedEvent, int]) -> str:
    return ", ".join(f"{number:,} {name} {cause}" for (name, cause), number in sorted(recorded.items()))


def _section(title: str, lines: Sequence[str]) -> Iterator[Text]:
    if lines:
        yield Text(title, style="bold")
        yield from (Text(f"  {line}") for line in lines)


def _remark_lines(report: Report, remarks: Sequence[Remark]) -> Iterator[str]:
    """Yield a line for each remark; of a frequent kind only the first ones, and the number of the others."""
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


def _closing_lines(reports: Sequence[Report], correlation: str | None, *, dry_run: bool) -> Iterator[Text]:
    if dry_run:
        yield Text("A dry run: nothing was recorded.", style="bold")
    elif any(report.recorded for report in reports):
        yield Text(f"To revert the whole import: ogpgraph revert {correlation} --reason …")
