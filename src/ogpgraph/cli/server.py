"""`ogpgraph serve` and `ogpgraph demo`: serve a database, or the demonstration."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ogpgraph.cli.shared import (
    AcceptHistoryOption,
    DatabaseOption,
    accept_log_history,
    ensure_migrated,
    load_settings,
    out,
    print_error,
)

if TYPE_CHECKING:
    from ogpgraph.settings import Settings
    from ogpgraph.system import System

DEMO_DATABASE = "sqlite:///ogpgraph-demo.db"
JSON_WIDTH = 120

HostOption = Annotated[str | None, typer.Option(help="The address to listen on; by default OGPGRAPH_HOST.")]
PortOption = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="The port to listen on, 0 for any free one; by default OGPGRAPH_PORT."),
]


def serve(
    host: HostOption = None,
    port: PortOption = None,
    workers: Annotated[
        int | None, typer.Option(help="The number of serving processes; by default OGPGRAPH_WORKERS.", min=1)
    ] = None,
    database: DatabaseOption = None,
    *,
    accept_history: AcceptHistoryOption = False,
) -> None:
    """Serve the GraphQL API over HTTP and WebSocket, with web pages for people."""
    with _without_collections():
        from ogpgraph.server import serve as serve_system

        settings = load_settings(database, host=host, port=port, workers=workers)
        ensure_migrated(settings)
        if accept_history:
            accept_log_history(settings)
        with _report_unavailable_address():
            serve_system(settings)


def demo(
    host: HostOption = None,
    port: PortOption = None,
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            help=f"The URL of a database for the demonstration; by default OGPGRAPH_DATABASE, or {DEMO_DATABASE}.",
        ),
    ] = None,
) -> None:
    """Serve a demonstration: two action plans of France, with invented actors and texts."""
    from ogpgraph.cli.progress import create_progress, track_task
    from ogpgraph.demo.loader import load_demo, load_example_queries, require_no_other_log
    from ogpgraph.server import SystemLifespan, bind_socket, create_app, server_url
    from ogpgraph.server import serve as serve_system
    from ogpgraph.system import migrate, open_system
    from ogpgraph.web.console import Example

    settings = load_settings(database, DEMO_DATABASE, host=host, port=port, log_level="warning")
    # The port is bound first, so that no database is created when it is not available.
    with _report_unavailable_address(), bind_socket(settings) as listener:
        require_no_other_log(settings.database)  # before anything in it is changed
        migrate(settings.database)
        with create_progress("steps") as progress:
            load_demo(settings.database, track_task(progress, "loading"))
        with open_system(settings.database) as system:
            examples = [Example(each.title, each.query) for each in load_example_queries()]
            print_introduction = partial(_print_introduction, system, settings, server_url(listener))
            app = partial(create_app, SystemLifespan(lambda: nullcontext(system)), settings, examples)
            # In one process, because other processes could not use the open system.
            serve_system(replace(settings, workers=1), app=app, address=listener, on_listening=print_introduction)


@contextmanager
def _without_collections() -> Iterator[None]:
    """Look for no garbage in what a start makes, nearly all of which stays: it takes a tenth of the start.

    Once the server has started, `web.garbage_collection` decides when to look.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def _report_unavailable_address() -> Iterator[None]:
    from ogpgraph.server import AddressUnavailable

    try:
        yield
    except AddressUnavailable as error:
        raise typer.Exit(print_error(error)) from error


def _print_introduction(system: System, settings: Settings, url: str) -> None:
    """Print the example queries with their results, and the address of the server."""
    from ogpgraph.demo.loader import load_example_queries
    from ogpgraph.graphql.context import Context
    from ogpgraph.graphql.schema import build_schema, compute_schema_version

    schema = build_schema()
    schema_version = compute_schema_version(schema)
    database = settings.describe()["OGPGRAPH_DATABASE"]
    out.print(
        f"Codes, titles and stars are France's, everything else is invented. The database is {database}.\n",
        soft_wrap=True,
    )
    for number, example in enumerate(load_example_queries(), start=1):
        with system.read_session() as session:
            result = schema.execute_sync(example.query, context_value=Context(session, schema_version))
        out.print(f"{number}. {example.title}\n", style="bold", soft_wrap=True)
        out.print(example.query + "\n", style="cyan", soft_wrap=True)
        out.print(format_json(result.data) + "\n", soft_wrap=True)
    out.print(f"Look at it: {url}/", style="bold", soft_wrap=True)
    out.print(f"Try your own queries at {url}/console (clients use {url}/graphql). Ctrl-C stops.", soft_wrap=True)


def format_json(value: Any, width: int = JSON_WIDTH) -> str:
    """Return a value as JSON in which every object or list that fits on a line is on one line."""
    return _format_json(value, "", width, 0)


def _format_json(value: Any, indent: str, width: int, name_length: int) -> str:
    line = json.dumps(value, ensure_ascii=False)
    if not value or not isinstance(value, (dict, list)) or len(indent) + name_length + len(line) <= width:
        return line
    inner = indent + "  "
    if isinstance(value, list):
        parts = [_format_json(each, inner, width, 0) for each in value]
        return "[\n" + ",\n".join(inner + part for part in parts) + f"\n{indent}]"
    names = [f"{json.dumps(name)}: " for name in value]
    parts = [_format_json(each, inner, width, len(name)) for name, each in zip(names, value.values(), strict=True)]
    return "{\n" + ",\n".join(inner + name + part for name, part in zip(names, parts, strict=True)) + f"\n{indent}}}"
