"""The command line: one word for each thing an operator or publisher does."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
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
from ogpgraph.cli_accounts import account_app
from ogpgraph.cli_follow import follow_command
from ogpgraph.clock import system_clock
from ogpgraph.demo.documents import documents, shown
from ogpgraph.demo.loading import load_demo
from ogpgraph.domain.errors import Refusal
from ogpgraph.domain.growth import losses
from ogpgraph.domain.nouns import events_schema
from ogpgraph.graphql.context import Context
from ogpgraph.graphql.schema import build_schema, schema_text, schema_version
from ogpgraph.importer.fetch import Fetcher
from ogpgraph.importer.report import Report
from ogpgraph.importer.report import document as import_document
from ogpgraph.importer.reverting import revert_import
from ogpgraph.importer.run import import_files, moment_of
from ogpgraph.importer.showing import show
from ogpgraph.settings import Settings, SettingsError
from ogpgraph.storage.database import DatabaseError
from ogpgraph.storage.sqlite import sqlite_path
from ogpgraph.system import System, migrate, open_system, random_id, require_migrated
from ogpgraph.web import logs
from ogpgraph.web.console import Example
from ogpgraph.web.serve import AddressRefused, Serving, application, listen_on, url_of
from ogpgraph.web.serve import serve as serve_system
from ogpgraph.web.trusted import collected, written

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_show_locals=False)
app.add_typer(account_app, name="account")
app.command("follow")(follow_command)
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)
INTERRUPTED = 130
"""The exit code of what Ctrl-C ended, as shells have it."""
DEMO = "sqlite:///ogpgraph-demo.db"

Database = Annotated[
    str | None,
    typer.Option("--database", help="The database's URL; else OGPGRAPH_DATABASE, else sqlite:///ogpgraph.db."),
]
Reason = Annotated[str | None, typer.Option(help="Why they are imported, kept with every event.")]
Host = Annotated[str | None, typer.Option(help="The address to listen on; else OGPGRAPH_HOST.")]
Port = Annotated[
    int | None, typer.Option(min=0, max=65535, help="The port to listen on, 0 for any; else OGPGRAPH_PORT.")
]


def main() -> None:
    """Run the command line; problems that people can mend end in one line and exit code 1."""
    try:
        app()
    except (SettingsError, DatabaseError, AddressRefused, LookupError, Refusal) as problem:
        err.print(f"[red]{type(problem).__name__}[/red]: {problem}", soft_wrap=True)
        sys.exit(1)


@app.callback()
def about() -> None:
    """Ogpgraph keeps the record of open government commitments: every change an event, every moment readable."""


@app.command("migrate")
def migrate_command(database: Database = None) -> None:
    """Make the tables of the database, and those of the read model again where another version made them."""
    settings = _settings(database)
    with _progress("events") as progress:
        migrate(settings.database, progress=_follow(progress, progress.add_task("rebuilding", total=None)))
    out.print(f"{settings.describe()['OGPGRAPH_DATABASE']} is ready")


@app.command("import")
def import_command(
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
    reason: Reason = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report what would be recorded; record nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Fetch from addresses outside the public internet, too.")
    ] = False,
    database: Database = None,
) -> None:
    """Record what published pages say; what they said before stays readable."""
    settings = _settings(database)
    act = Act(actor="importer", role="publisher", time=_moment(observed), reason=reason, correlation=random_id())
    limit = settings.max_import_bytes
    fetcher = Fetcher(limit_bytes=limit, allow_private=allow_private)
    with (_opened_to_try if dry_run else _opened)(settings) as system, _progress("files") as progress:
        task = progress.add_task("importing", total=len(files))
        rows = partial(_follow_rows, progress, progress.add_task("rows", total=None, visible=False, unit="rows"))
        imports = import_files(system, files, act, limit_bytes=limit, dry_run=dry_run, fetcher=fetcher, progress=rows)
        reports, is_whole = _until_interrupted(imports, lambda: progress.advance(task))
    for report in reports:
        if report.problem:
            err.print(f"{report.file}: {report.problem}", soft_wrap=True, markup=False)
    if as_json:
        told = import_document(reports, correlation=act.correlation, dry_run=dry_run)
        sys.stdout.write(json.dumps(told, ensure_ascii=False, indent=2) + "\n")
    else:
        show(out, reports, correlation=act.correlation, dry_run=dry_run)
    if not is_whole:
        err.print(
            f"interrupted after {len(reports)} of {len(files)} files: each is recorded whole or not at all",
            soft_wrap=True,
        )
        raise typer.Exit(INTERRUPTED)
    if any(report.problem for report in reports):
        raise typer.Exit(1)


def _until_interrupted(imports: Iterator[Report], advance: Callable[[], None]) -> tuple[list[Report], bool]:
    """Return the reports of what was imported before Ctrl-C, and whether that is everything."""
    reports = []
    try:
        for report in imports:
            reports.append(report)
            advance()
    except KeyboardInterrupt:
        return reports, False
    return reports, True


@app.command("revert")
def revert_command(
    correlation: Annotated[str, typer.Argument(help="The id that everything of an import has; its report names it.")],
    reason: Annotated[str, typer.Option(help="Why it is taken back, kept with every event.")],
    database: Database = None,
) -> None:
    """Take back all that one import recorded, as events: what it said stays readable at its positions."""
    act = Act(actor="importer", role="publisher", time=system_clock(), reason=reason)
    with _opened(_settings(database)) as system:
        number = revert_import(system, correlation, act)
    out.print(f"{correlation}: taken back by {number:,} events" if number else f"{correlation}: nothing is left of it")


@app.command()
def serve(
    host: Host = None,
    port: Port = None,
    workers: Annotated[
        int | None, typer.Option(help="How many processes answer; else OGPGRAPH_WORKERS.", min=1)
    ] = None,
    database: Database = None,
) -> None:
    """Answer GraphQL over HTTP."""
    settings = _settings(database, host=host, port=port, workers=workers)
    _prepare(settings)
    serve_system(settings)


@app.command()
def demo(
    host: Host = None,
    port: Port = None,
    database: Annotated[str, typer.Option(help="The URL of the demonstration's database.")] = DEMO,
) -> None:
    """Serve a demonstration: two French action plans, told by fictitious actors in words of our own."""
    settings = _settings(database, host=host, port=port, log_level="warning")
    with listen_on(settings) as address:
        migrate(settings.database)
        with _progress("scenes") as progress:
            load_demo(settings.database, _follow(progress, progress.add_task("loading", total=None)))
        with open_system(settings.database) as system:
            examples = [Example(each.title, each.query) for each in documents()]
            tell = partial(_tell_demo, system, settings, url_of(address))
            app = partial(application, Serving(lambda: nullcontext(system)), settings, examples)
            serve_system(replace(settings, workers=1), app=app, address=address, listening=tell)


def _tell_demo(system: System, settings: Settings, url: str) -> None:
    schema = build_schema()
    kept = settings.describe()["OGPGRAPH_DATABASE"]
    out.print(f"Codes, titles and stars are France's, the rest is invented. It is kept in {kept}.\n", soft_wrap=True)
    for number, document in enumerate(documents(), start=1):
        with system.reading() as reading:
            answer = schema.execute_sync(document.query, context_value=Context(reading, schema_version(schema)))
        out.print(f"[bold]{number}. {document.title}[/bold]\n", soft_wrap=True)
        out.print(document.query + "\n", style="cyan", markup=False, soft_wrap=True)
        out.print(shown(answer.data) + "\n", markup=False, soft_wrap=True)
    out.print(f"[bold]Ask more at {url}/[/bold] (a client asks {url}/graphql). Ctrl-C stops.", soft_wrap=True)


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
    Path("schema/documents.json").write_bytes(written(collected(Path("schema/documents"))))
    _write_events_schema(Path("schema/events.json"))


def _write_events_schema(file: Path) -> None:
    """Write the schema of the stored events, unless it has lost something that is in somebody's log."""
    now = events_schema()
    lost = losses(json.loads(file.read_text()), now) if file.exists() else []
    for each in lost:
        err.print(f"{file}: {each}", soft_wrap=True)
    if lost:
        raise typer.Exit(1)
    file.write_text(json.dumps(now, indent=2, ensure_ascii=False) + "\n")


def _settings(database: str | None, **options: Any) -> Settings:
    """Return the environment's settings with those put in their place that the command line gives."""
    given = {name: value for name, value in options.items() if value is not None}
    settings = replace(Settings.from_environment(), **given)
    logs.configure(settings.log_level, settings.log_format)
    return replace(settings, database=database) if database else settings


@contextmanager
def _opened(settings: Settings) -> Iterator[System]:
    _prepare(settings)
    with open_system(settings.database) as system:
        yield system


@contextmanager
def _opened_to_try(settings: Settings) -> Iterator[System]:
    """Open a database to record nothing in it; where there is none yet, an empty one elsewhere stands for it."""
    if settings.database.startswith("sqlite:") and not sqlite_path(settings.database).exists():
        with (
            TemporaryDirectory() as folder,
            _opened(replace(settings, database=f"sqlite:///{folder}/empty.db")) as system,
        ):
            yield system
        return
    require_migrated(settings.database)
    with open_system(settings.database) as system:
        yield system


def _prepare(settings: Settings) -> None:
    """Make the tables of a SQLite database; those of a server, which many use, are made by `migrate` alone."""
    if settings.database.startswith("sqlite:"):
        migrate(settings.database)
    else:
        require_migrated(settings.database)


def _moment(observed: str | None) -> datetime:
    if observed is None:
        return system_clock()
    try:
        moment = moment_of(observed)
    except ValueError as error:
        raise typer.BadParameter(f"{observed} is no day or time such as 2021-05-04", param_hint="--observed") from error
    if moment > system_clock():
        raise typer.BadParameter(f"{observed} has not come yet", param_hint="--observed")
    return moment


def _progress(unit: str) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(unit),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )


def _follow_rows(progress: Progress, task: TaskID, done: int, whole: int) -> None:
    """Show how many rows of a file of many are done, while they are not all."""
    progress.update(task, completed=done, total=whole, visible=done < whole)


class Rate(ProgressColumn):
    """How many of something are done in a second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """Return the rate in words."""
        speed = task.finished_speed or task.speed
        unit = task.fields.get("unit", self._unit)
        return Text(f"{speed:,.0f} {unit}/s" if speed else "")


def _follow(progress: Progress, task: TaskID) -> Any:
    return lambda position, head: progress.update(task, completed=position, total=head)
