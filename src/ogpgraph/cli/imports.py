"""`ogpgraph import` and `ogpgraph revert`: what published pages say is recorded, or taken back."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ogpgraph.cli.database import DatabaseOption, load_settings, open_for_dry_run, open_migrated
from ogpgraph.cli.terminal import err, out

if TYPE_CHECKING:
    from ogpgraph.importer.report import Report

EXIT_CODE_INTERRUPTED = 130
"""The exit code of what Ctrl-C ended, as shells have it."""


def import_(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH|URL...",
            help="Commitment pages (files of text or HTML, or addresses), and CSV files of OGP's commitment database.",
        ),
    ],
    observed: Annotated[
        str | None, typer.Option(help="When the pages were seen: a day or time (ISO 8601); the present if left out.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why they are imported, kept with every event.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report what would be recorded; record nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Fetch from addresses outside the public internet, too.")
    ] = False,
    database: DatabaseOption = None,
) -> None:
    """Record what published pages say; what they said before stays readable."""
    from ogpgraph.cli.progress import create_progress, track_rows
    from ogpgraph.domain.unit_of_work import CommandContext
    from ogpgraph.importer.fetch import Fetcher
    from ogpgraph.importer.run import import_files
    from ogpgraph.system import generate_id

    settings = load_settings(database)
    act = CommandContext(
        actor="importer",
        role="publisher",
        time=_parse_observed_time(observed),
        reason=reason,
        correlation=generate_id(),
    )
    limit = settings.max_import_bytes
    fetcher = Fetcher(limit_bytes=limit, allow_private=allow_private)
    with (open_for_dry_run if dry_run else open_migrated)(settings) as system, create_progress("files") as progress:
        task = progress.add_task("importing", total=len(files))
        rows = track_rows(progress)
        imports = import_files(system, files, act, limit_bytes=limit, dry_run=dry_run, fetcher=fetcher, progress=rows)
        reports, is_whole = _collect_reports(imports, lambda: progress.advance(task))
    _print_reports(reports, act.correlation, dry_run=dry_run, as_json=as_json)
    if not is_whole:
        err.print(
            f"interrupted after {len(reports)} of {len(files)} files: each is recorded whole or not at all",
            soft_wrap=True,
        )
        raise typer.Exit(EXIT_CODE_INTERRUPTED)
    if any(report.problem for report in reports):
        raise typer.Exit(1)


def revert(
    correlation: Annotated[str, typer.Argument(help="The id that everything of an import has; its report names it.")],
    reason: Annotated[str, typer.Option(help="Why it is taken back, kept with every event.")],
    database: DatabaseOption = None,
) -> None:
    """Take back all that one import recorded, as events: what it said stays readable at its positions."""
    from ogpgraph.clock import system_clock
    from ogpgraph.domain.unit_of_work import CommandContext
    from ogpgraph.importer.writer import revert_import

    act = CommandContext(actor="importer", role="publisher", time=system_clock(), reason=reason)
    with open_migrated(load_settings(database)) as system:
        number = revert_import(system, correlation, act)
    out.print(f"{correlation}: taken back by {number:,} events" if number else f"{correlation}: nothing is left of it")


def _collect_reports(imports: Iterator[Report], advance: Callable[[], None]) -> tuple[list[Report], bool]:
    """Return the reports of what was imported before Ctrl-C, and whether that is everything."""
    reports = []
    try:
        for report in imports:
            reports.append(report)
            advance()
    except KeyboardInterrupt:
        return reports, False
    return reports, True


def _print_reports(reports: list[Report], correlation: str | None, *, dry_run: bool, as_json: bool) -> None:
    from ogpgraph.importer.report import build_report_document
    from ogpgraph.importer.report_table import print_report

    for report in reports:
        if report.problem:
            err.print(f"{report.file}: {report.problem}", soft_wrap=True)
    if as_json:
        told = build_report_document(reports, correlation=correlation, dry_run=dry_run)
        sys.stdout.write(json.dumps(told, ensure_ascii=False, indent=2) + "\n")
    else:
        print_report(out, reports, correlation=correlation, dry_run=dry_run)


def _parse_observed_time(observed: str | None) -> datetime:
    from ogpgraph.clock import system_clock
    from ogpgraph.importer.run import parse_moment

    if observed is None:
        return system_clock()
    try:
        moment = parse_moment(observed)
    except ValueError as error:
        raise typer.BadParameter(f"{observed} is no day or time such as 2021-05-04", param_hint="--observed") from error
    if moment > system_clock():
        raise typer.BadParameter(f"{observed} has not come yet", param_hint="--observed")
    return moment
