"""The command line: one word for each thing an operator or publisher does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from ogpgraph.application import Act
from ogpgraph.clock import system_clock
from ogpgraph.graphql.schema import build_schema, schema_text
from ogpgraph.importer.run import Report, import_files, moment_of
from ogpgraph.settings import Settings, SettingsError
from ogpgraph.storage.database import DatabaseError
from ogpgraph.system import System, migrate, open_system, random_id
from ogpgraph.web.serve import serve as serve_system

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_show_locals=False)
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

Database = Annotated[
    str | None,
    typer.Option("--database", help="The database's URL; else OGPGRAPH_DATABASE, else sqlite:///ogpgraph.db."),
]


def main() -> None:
    """Run the command line; problems that people can mend end in one line and exit code 1."""
    try:
        app()
    except (SettingsError, DatabaseError, LookupError) as problem:
        err.print(f"[red]{type(problem).__name__}[/red]: {problem}", soft_wrap=True)
        sys.exit(1)


@app.callback()
def about() -> None:
    """Ogpgraph keeps the record of open government commitments: every change an event, every moment readable."""


@app.command("migrate")
def migrate_command(database: Database = None) -> None:
    """Make the tables of the database, and those of the read model again where another version made them."""
    settings = _settings(database)
    migrate(settings.database)
    out.print(f"{settings.describe()['OGPGRAPH_DATABASE']} is ready")


@app.command("import")
def import_command(
    files: Annotated[list[Path], typer.Argument(help="Commitment pages as published, as text or HTML.")],
    observed: Annotated[
        str | None, typer.Option(help="When the pages were seen: a day or time (ISO 8601); the present if left out.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why they are imported, kept with every event.")] = None,
    database: Database = None,
) -> None:
    """Record what published pages say; what they said before stays readable."""
    settings = _settings(database)
    act = Act(actor="importer", role="publisher", time=_moment(observed), reason=reason, correlation=random_id())
    with _opened(settings) as system, _progress("files") as progress:
        task = progress.add_task("importing", total=len(files))
        reports = []
        for report in import_files(system, files, act, limit_bytes=settings.max_import_bytes):
            reports.append(report)
            progress.advance(task)
    for report in reports:
        _tell(report)
    if any(report.problem for report in reports):
        raise typer.Exit(1)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on; else OGPGRAPH_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on; else OGPGRAPH_PORT.")] = None,
    database: Database = None,
) -> None:
    """Answer GraphQL over HTTP."""
    settings = _settings(database)
    given: dict[str, Any] = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    with _opened(settings) as system:
        serve_system(system, replace(settings, **given))


@app.command()
def rebuild(database: Database = None) -> None:
    """Throw the read model away and make it again from the log; the digests tell whether it came out the same."""
    with _opened(_settings(database)) as system:
        before = system.digest()
        with _progress("events") as progress:
            position = system.rebuild(_follow(progress, progress.add_task("rebuilding", total=None)))
        after = system.digest()
    verdict = "identical" if before == after else f"it was {before}"
    out.print(f"position {position}, digest {after} ({verdict})", soft_wrap=True)


@app.command()
def schema(
    *,
    write: Annotated[bool, typer.Option("--write", help="Write the schema's files instead of printing.")] = False,
) -> None:
    """Print the GraphQL schema, or write what `schema/` holds."""
    text = schema_text(build_schema())
    if not write:
        sys.stdout.write(text)
        return
    Path("schema").mkdir(exist_ok=True)
    Path("schema/ogpgraph.graphql").write_text(text)


def _settings(database: str | None) -> Settings:
    settings = Settings.from_environment()
    return replace(settings, database=database) if database else settings


@contextmanager
def _opened(settings: Settings) -> Iterator[System]:
    migrate(settings.database)
    with open_system(settings.database) as system:
        yield system


def _moment(observed: str | None) -> datetime:
    if observed is None:
        return system_clock()
    try:
        return moment_of(observed)
    except ValueError as error:
        raise typer.BadParameter(f"{observed} is no day or time such as 2021-05-04", param_hint="--observed") from error


def _progress(unit: str) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(unit),
        TimeRemainingColumn(),
        console=err,
        transient=True,
    )


class Rate(ProgressColumn):
    """How many of something are done in a second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """Return the rate in words."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f} {self._unit}/s" if speed else "")


def _follow(progress: Progress, task: TaskID) -> Any:
    return lambda position, head: progress.update(task, completed=position, total=head)


def _tell(report: Report) -> None:
    if report.problem:
        err.print(f"{report.file}: {report.problem}", soft_wrap=True)
        return
    events = ", ".join(f"{count} {name}" for name, count in sorted(report.events.items())) or "no event"
    out.print(
        f"{report.file}: {report.code} ({report.language}, {report.layout}), {report.facts} facts: {report.outcome} ({events})",
        soft_wrap=True,
    )
