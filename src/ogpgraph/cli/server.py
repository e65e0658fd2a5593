"""`ogpgraph serve` and `ogpgraph demo`: a server of one's own data, or of the demonstration's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from ogpgraph.cli.database import DatabaseOption, ensure_migrated, load_settings
from ogpgraph.cli.terminal import out, print_problem

if TYPE_CHECKING:
    from ogpgraph.settings import Settings
    from ogpgraph.system import System

DEMO_DATABASE = "sqlite:///ogpgraph-demo.db"

HostOption = Annotated[str | None, typer.Option(help="The address to listen on; else OGPGRAPH_HOST.")]
PortOption = Annotated[
    int | None, typer.Option(min=0, max=65535, help="The port to listen on, 0 for any; else OGPGRAPH_PORT.")
]


def serve(
    host: HostOption = None,
    port: PortOption = None,
    workers: Annotated[
        int | None, typer.Option(help="How many processes answer; else OGPGRAPH_WORKERS.", min=1)
    ] = None,
    database: DatabaseOption = None,
) -> None:
    """Answer GraphQL over HTTP."""
    from ogpgraph.web.server import serve as serve_system

    settings = load_settings(database, host=host, port=port, workers=workers)
    ensure_migrated(settings)
    with _report_address_errors():
        serve_system(settings)


def demo(
    host: HostOption = None,
    port: PortOption = None,
    database: Annotated[str, typer.Option(help="The URL of the demonstration's database.")] = DEMO_DATABASE,
) -> None:
    """Serve a demonstration: two French action plans, told by fictitious actors in words of our own."""
    from ogpgraph.cli.progress import create_progress, track_task
    from ogpgraph.demo.example_queries import load_example_queries
    from ogpgraph.demo.loader import load_demo
    from ogpgraph.system import migrate, open_system
    from ogpgraph.web.console import Example
    from ogpgraph.web.server import SystemLifespan, bind_socket, create_app, server_url
    from ogpgraph.web.server import serve as serve_system

    settings = load_settings(database, host=host, port=port, log_level="warning")
    with _report_address_errors(), bind_socket(settings) as address:
        migrate(settings.database)
        with create_progress("scenes") as progress:
            load_demo(settings.database, track_task(progress, "loading"))
        with open_system(settings.database) as system:
            examples = [Example(each.title, each.query) for each in load_example_queries()]
            tell = partial(_print_introduction, system, settings, server_url(address))
            app = partial(create_app, SystemLifespan(lambda: nullcontext(system)), settings, examples)
            serve_system(replace(settings, workers=1), app=app, address=address, on_listening=tell)


@contextmanager
def _report_address_errors() -> Iterator[None]:
    from ogpgraph.web.server import AddressUnavailable

    try:
        yield
    except AddressUnavailable as refused:
        raise typer.Exit(print_problem(refused)) from refused


def _print_introduction(system: System, settings: Settings, url: str) -> None:
    from ogpgraph.demo.example_queries import format_json, load_example_queries
    from ogpgraph.graphql.context import Context
    from ogpgraph.graphql.schema import build_schema, compute_schema_version

    schema = build_schema()
    kept = settings.describe()["OGPGRAPH_DATABASE"]
    out.print(f"Codes, titles and stars are France's, the rest is invented. It is kept in {kept}.\n", soft_wrap=True)
    for number, document in enumerate(load_example_queries(), start=1):
        with system.read_session() as reading:
            answer = schema.execute_sync(document.query, context_value=Context(reading, compute_schema_version(schema)))
        out.print(f"{number}. {document.title}\n", style="bold", soft_wrap=True)
        out.print(document.query + "\n", style="cyan", soft_wrap=True)
        out.print(format_json(answer.data) + "\n", soft_wrap=True)
    asking = Text.assemble((f"Ask more at {url}/", "bold"), f" (a client asks {url}/graphql). Ctrl-C stops.")
    out.print(asking, soft_wrap=True)
