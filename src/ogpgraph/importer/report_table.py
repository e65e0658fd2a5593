"""The report of an import for a terminal: a line for each file, their events, and a line for each remark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ogpgraph.importer.pages.extraction import Remark
from ogpgraph.importer.planned_changes import PlannedChange
from ogpgraph.importer.report import CausedEvent, Report, sum_reports

_MAX_FILES_WITH_EVENTS = 10
"""Of more files than this only the sums of their events are listed."""
_MAX_REMARKS_PER_KIND = 20
"""The number of remarks of one kind on one file that are listed."""
_OUTCOME_STYLES = {"refused": "red", "seen again": "dim", "recorded": "green"}
_NUMBER_COLUMNS = ("  Fields", "Not known", "Warnings", "Personal", "  Events")
_OUTCOME_WIDTH = max(map(len, _OUTCOME_STYLES))
_MAX_QUIET_FILES = 20
"""Of more files than this only those that have something to say have a line."""
_MAX_CHANGES = 200
"""How many of the changes that a dry run would make are listed."""
_MAX_SHOWN_VALUE = 160


def print_report(
    console: Console, reports: Sequence[Report], *, correlation: str | None, dry_run: bool, skipped: Mapping[str, int]
) -> None:
    """Print the report of an import; `correlation` is the id by which it can be reverted.

    `skipped` has the numbers of files of folders that were not read, by their suffixes.
    """
    for line in _file_lines(reports):
        # Soft wrap: names and reasons, which are searched for and copied, have to stay whole.
        console.print(line, soft_wrap=True)
    for report in reports:
        if report.rows:
            console.print(_totals_table(report))
    for line in (*_detail_lines(reports), *_closing_lines(reports, correlation, dry_run=dry_run, skipped=skipped)):
        console.print(line, soft_wrap=True)


def _file_lines(reports: Sequence[Report]) -> Iterator[Text]:
    """Yield a line for each file that has something to say, and one with the sums of all.

    The name comes last, so that it is not broken, however long it is.
    """
    shown = [report for report in reports if _has_news(report)] if len(reports) > _MAX_QUIET_FILES else reports
    pages = {id(each): " ".join(filter(None, (each.code, each.language, each.layout))) for each in shown}
    page_width = max([len("Page"), *map(len, pages.values())])
    yield Text(_format_row(_NUMBER_COLUMNS, "Outcome", "Page".ljust(page_width), "File"), style="bold")
    for report in shown:
        numbers = [f"{number:,}" for number in _numbers(report)]
        name = f"{report.file}: {report.problem}" if report.problem else report.file
        line = Text(_format_row(numbers, report.outcome, pages[id(report)].ljust(page_width), name))
        start = line.plain.index(report.outcome)
        line.stylize(_OUTCOME_STYLES[report.outcome], start, start + len(report.outcome))
        yield line
    if len(reports) > 1:
        sums = [sum(column) for column in zip(*map(_numbers, reports), strict=True)]
        outcomes = sum_reports(reports)["outcomes"].items()
        summary = f"{len(reports):,} files: {', '.join(f'{number:,} {outcome}' for outcome, number in outcomes)}"
        yield Text(_format_row([f"{number:,}" for number in sums], "", " " * page_width, summary), style="bold")


def _has_news(report: Report) -> bool:
    return bool(report.problem or report.unrecognized or report.warnings)


def _format_row(numbers: Sequence[str], outcome: str, page: str, file: str) -> str:
    cells = (number.rjust(len(name)) for name, number in zip(_NUMBER_COLUMNS, numbers, strict=True))
    return "  ".join((*cells, outcome.ljust(_OUTCOME_WIDTH), page, file)).rstrip()


def _numbers(report: Report) -> tuple[int, ...]:
    remarks = len(report.unrecognized), len(report.warnings)
    return report.facts, *remarks, report.personal.total(), report.recorded.total()


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
    ignored = {column: reason for each in reports for column, reason in each.ignored.items()}
    yield from _section("Columns that are not read", [f"{column}: {reason}" for column, reason in ignored.items()])
    yield from _change_lines([change for each in reports for change in each.changes])
    personal = [f"{number:,} {kind}" for kind, number in sums["personalData"].items()]
    yield from _section("Personal data, masked for the public", personal)


def _change_lines(changes: Sequence[PlannedChange]) -> Iterator[Text]:
    """Yield what a dry run would change, as lines of a difference."""
    if changes:
        yield Text("Changes", style="bold")
    for change in changes[:_MAX_CHANGES]:
        yield Text(f"  {change.subject} {change.path}")
        for sign, value, style in (("-", change.before, "red"), ("+", change.after, "green")):
            if value is not None:
                yield Text(f"    {sign} {_shorten(value)}", style=style)
    if len(changes) > _MAX_CHANGES:
        yield Text(f"  {len(changes) - _MAX_CHANGES:,} more, all in the report as JSON (--json)")


def _shorten(value: str) -> str:
    line = " ".join(value.split())
    return line if len(line) <= _MAX_SHOWN_VALUE else f"{line[: _MAX_SHOWN_VALUE - 1]}…"


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


def _closing_lines(
    reports: Sequence[Report], correlation: str | None, *, dry_run: bool, skipped: Mapping[str, int]
) -> Iterator[Text]:
    if skipped:
        kinds = ", ".join(f"{number:,} {suffix}" for suffix, number in sorted(skipped.items()))
        yield Text(f"Not read, because files of folders are read by their suffixes: {kinds}")
    if dry_run:
        yield Text("A dry run: nothing was recorded.", style="bold")
    elif any(report.recorded for report in reports):
        yield Text(f"To revert the whole import: ogpgraph revert {correlation} --reason …")
