"""`ogpgraph backup`, `restore`, `copy` and `check`: the record as a whole."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ogpgraph.cli.shared import AcceptHistoryOption, DatabaseOption, ExitCode, err, load_settings, out

if TYPE_CHECKING:
    from ogpgraph.maintenance import Track
    from ogpgraph.settings import Settings
    from ogpgraph.storage.record import Summary


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write, such as backup.json.gz.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is an older backup.")] = False,
    database: DatabaseOption = None,
) -> None:
    """Back up the record to a file, also while it is in use: the log, texts, accounts and keys."""
    from ogpgraph.maintenance import back_up

    settings = load_settings(database)
    with _track_rows() as track:
        summary = back_up(settings.database, file, force=force, track=track)
    out.print(f"{file}: {_describe(summary)}", soft_wrap=True)


def restore(
    file: Annotated[Path, typer.Argument(help="The backup.")],
    database: DatabaseOption = None,
    *,
    accept_history: AcceptHistoryOption = False,
) -> None:
    """Restore a backup into an empty database; an interrupted restore goes on where it stopped."""
    from ogpgraph import maintenance

    settings = load_settings(database)
    with _track_rows() as track:
        summary = maintenance.restore(file, settings.database, track)
    _report_target(settings, summary, accept_history=accept_history)


def copy(
    from_: Annotated[str, typer.Argument(metavar="FROM", help="The URL of the database to copy.")],
    to: Annotated[str, typer.Argument(metavar="TO", help="The URL of an empty database, of either engine.")],
    *,
    accept_history: AcceptHistoryOption = False,
) -> None:
    """Copy the record into another database, also while it is in use; an interrupted copy goes on where it stopped."""
    from ogpgraph import maintenance

    settings = load_settings(to)
    with _track_rows() as track:
        summary = maintenance.copy(from_, to, track)
    _report_target(settings, summary, accept_history=accept_history)


def check(database: DatabaseOption = None) -> None:
    """Read everything that is stored and verify it; exits with 1 if something is damaged, and changes nothing."""
    from ogpgraph import maintenance

    settings = load_settings(database)
    tables: set[str] = set()
    with _track_rows() as track:
        for fault in maintenance.check(settings.database, track, state=settings.state):
            tables.add(fault.table)
            out.print(": ".join(part for part in (f"{fault.table} {fault.key}".strip(), fault.problem) if part))
    if not tables:
        out.print(f"{settings.describe()['OGPGRAPH_DATABASE']}: no faults")
        return
    for advice in maintenance.advise(tables):
        err.print(advice, soft_wrap=True)
    raise typer.Exit(ExitCode.FAILED)


def _report_target(settings: Settings, summary: Summary, *, accept_history: bool) -> None:
    from ogpgraph.maintenance import remember_history

    problem = remember_history(settings.database, settings.state, accept=accept_history)
    out.print(f"{settings.describe()['OGPGRAPH_DATABASE']}: {_describe(summary)}", soft_wrap=True)
    if problem:
        err.print(f"It is read-only: {problem}", soft_wrap=True)


@contextmanager
def _track_rows() -> Iterator[Track]:
    """Yield what tracks the work. SIGTERM ends it as Ctrl-C does: unfinished copies of private data are removed."""
    from ogpgraph.cli.progress import create_progress, track_task

    former = signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        with create_progress("rows") as progress:
            yield partial(track_task, progress)
    finally:
        signal.signal(signal.SIGTERM, former)


def _describe(summary: Summary) -> str:
    counts = summary.counts
    return (
        f"{counts['event']} events and {counts['stored_text']} texts, position {summary.head} in the log, "
        f"root {summary.root}"
    )
