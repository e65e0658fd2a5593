"""`ogpgraph import` and `ogpgraph revert`: records what published pages and files contain, or reverts an import."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Self

import typer

from ogpgraph.cli.shared import (
    DatabaseOption,
    ExitCode,
    err,
    load_settings,
    normalize_reason,
    open_for_dry_run,
    open_migrated,
    out,
    print_json,
)
from ogpgraph.control_characters import escape_control_characters

if TYPE_CHECKING:
    from ogpgraph.domain.unit_of_work import CommandContext
    from ogpgraph.importer.fetch import Fetcher
    from ogpgraph.importer.pages.values import DateOrder
    from ogpgraph.importer.report import Report
    from ogpgraph.importer.spreadsheets.run import FileOptions
    from ogpgraph.settings import Settings


class DateStyle(StrEnum):
    """What comes first in dates that consist of numbers."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


_DATE_ORDERS: dict[DateStyle, DateOrder] = {
    DateStyle.DAY_FIRST: "day first",
    DateStyle.MONTH_FIRST: "month first",
}


YOUNG_OBJECTS = 50_000
"""The objects that are allocated between two collections of garbage: an import makes many, and nearly no cycles."""


def import_(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH|URL|-...",
            help="Commitment pages (text or HTML files, or URLs), and files (CSV, TSV or XLSX) of OGP's commitment "
            "database; folders with such files, and patterns; - is the standard input.",
        ),
    ],
    observed: Annotated[
        str | None, typer.Option(help="When the pages were retrieved: a day or time (ISO 8601); by default now.")
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option(callback=normalize_reason, help="The reason for the import, recorded with every event."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report what would be recorded; record nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    dates: Annotated[
        DateStyle | None,
        typer.Option(
            help="What comes first in dates such as 3/4/2014 in spreadsheets; by default what their layout says, and "
            "where it says nothing, such a date keeps only its year."
        ),
    ] = None,
    is_partial: Annotated[
        bool,
        typer.Option("--partial", help="The spreadsheets are parts of the database: do not record what they lack."),
    ] = False,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Also fetch from addresses that are not on the public internet.")
    ] = False,
    database: DatabaseOption = None,
) -> None:
    """Record what published pages and files contain, as observations of their sources at one time."""
    from ogpgraph.domain.roles import IMPORTER, PUBLISHER
    from ogpgraph.domain.unit_of_work import CommandContext
    from ogpgraph.importer.fetch import Fetcher
    from ogpgraph.importer.inputs import find_inputs
    from ogpgraph.importer.spreadsheets.run import FileOptions
    from ogpgraph.system import generate_id

    gc.set_threshold(YOUNG_OBJECTS)
    settings = load_settings(database)
    time, correlation = _parse_observed_time(observed), generate_id()
    context = CommandContext(actor=IMPORTER, role=PUBLISHER, time=time, reason=reason, correlation=correlation)
    inputs = find_inputs(files)
    fetcher = Fetcher(limit_bytes=settings.max_import_bytes, allow_private=allow_private)
    options = FileOptions(_DATE_ORDERS.get(dates) if dates else None, is_partial)
    reports, is_complete = _import_inputs(settings, inputs.names, context, fetcher, options, dry_run=dry_run)
    _print_reports(reports, correlation, inputs.skipped, dry_run=dry_run, as_json=as_json)
    if not is_complete:
        done = f"interrupted after {len(reports)} of {len(inputs.names)} files"
        err.print(f"{done}: each file is recorded completely or not at all", soft_wrap=True)
        raise typer.Exit(ExitCode.INTERRUPTED)
    if any(report.problem for report in reports):
        raise typer.Exit(ExitCode.FAILED)


def _import_inputs(
    settings: Settings,
    names: Sequence[str],
    context: CommandContext,
    fetcher: Fetcher,
    options: FileOptions,
    *,
    dry_run: bool,
) -> tuple[list[Report], bool]:
    """Import files and show the progress; returns the reports of those before Ctrl-C, and whether these are all."""
    from ogpgraph.cli.progress import create_progress, track_rows
    from ogpgraph.importer.run import import_files

    with (open_for_dry_run if dry_run else open_migrated)(settings) as system, create_progress("files") as progress:
        task = progress.add_task("importing", total=len(names))
        imports = import_files(
            system,
            names,
            context,
            limit_bytes=settings.max_import_bytes,
            dry_run=dry_run,
            fetcher=fetcher,
            progress=track_rows(progress),
            options=options,
        )
        return _collect_reports(imports, partial(progress.advance, task))


def revert(
    correlation: Annotated[str, typer.Argument(help="The correlation id of the import, which its report contains.")],
    reason: Annotated[str, typer.Option(callback=normalize_reason, help="The reason, recorded with every event.")],
    database: DatabaseOption = None,
) -> None:
    """Revert an import by further events; what it recorded can still be read at its positions."""
    from ogpgraph.clock import system_clock
    from ogpgraph.domain.roles import IMPORTER, PUBLISHER
    from ogpgraph.domain.unit_of_work import CommandContext
    from ogpgraph.importer.writer import revert_import

    context = CommandContext(actor=IMPORTER, role=PUBLISHER, time=system_clock(), reason=reason)
    with open_migrated(load_settings(database)) as system:
        number = revert_import(system, correlation, context)
    out.print(f"{correlation}: reverted by {number:,} events" if number else f"{correlation}: nothing left to revert")


class _Interruption:
    """Ctrl-C while files are imported: it interrupts what is being done, and no other file is begun.

    The exception alone does not suffice: raised in a callback, such as one of the database engine's, it is lost.
    """

    def __init__(self) -> None:
        self.is_requested = False

    def __enter__(self) -> Self:
        self._former = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._former)

    def _interrupt(self, _signal: int, _frame: object) -> None:
        self.is_requested = True
        raise KeyboardInterrupt


def _collect_reports(imports: Iterator[Report], advance: Callable[[], None]) -> tuple[list[Report], bool]:
    """Return the reports of the files imported before Ctrl-C, and whether these are all."""
    reports: list[Report] = []
    with _Interruption() as interruption:
        try:
            for report in imports:
                reports.append(report)
                advance()
                if interruption.is_requested:
                    return reports, False
        except KeyboardInterrupt:
            return reports, False
    return reports, True


def _print_reports(
    reports: list[Report], correlation: str | None, skipped: Mapping[str, int], *, dry_run: bool, as_json: bool
) -> None:
    from ogpgraph.importer.report import build_report_document
    from ogpgraph.importer.report_table import print_report

    # A name of a file may have a line feed, and would look like several lines.
    shown = [replace(each, file=escape_control_characters(each.file)) for each in reports]
    for report in shown:
        # On a terminal the reason is in the table.
        if report.problem and (as_json or not out.is_terminal):
            err.print(f"{report.file}: {report.problem}", soft_wrap=True)
    if as_json:
        document = build_report_document(reports, correlation=correlation, dry_run=dry_run, skipped=skipped)
        print_json(document, indent=2)
    else:
        print_report(out, shown, correlation=correlation, dry_run=dry_run, skipped=skipped)


def _parse_observed_time(observed: str | None) -> datetime:
    from ogpgraph.clock import system_clock
    from ogpgraph.importer.run import parse_moment

    if observed is None:
        return system_clock()
    try:
        moment = parse_moment(observed)
    except ValueError as error:
        raise typer.BadParameter(
            f"{observed} is not a day or time such as 2021-05-04", param_hint="--observed"
        ) from error
    if moment > system_clock():
        raise typer.BadParameter(f"{observed} is in the future", param_hint="--observed")
    return moment
