"""`ogpgraph serve` and `ogpgraph demo`: a server of one's own data, or of the demonstration's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from ogpgraph.cli.database import Database, prepare, settings_of
from ogpgraph.cli.terminal import out, told

if TYPE_CHECKING:
    from ogpgraph.settings import Settings
    from ogpgraph.system import System

DEMO = "sqlite:///ogpgraph-demo.db"

Host = Annotated[str | None, typer.Option(help="The address to listen on; else OGPGRAPH_HOST.")]
Port = Annotated[
    int | None, typer.Option(min=0, max=65535, help="The port to listen on, 0 for any; else OGPGRAPH_PORT.")
]


def serve(
    host: Host = None,
    port: Port = None,
    workers: Annotated[
        int | None, typer.Option(help="How many processes answer; else OGPGRAPH_WORKERS.", min=1)
    ] = None,
    database: Database = None,
) -> None:
    """Answer GraphQL over HTTP."""
    from ogpgraph.web.serve import serve as serve_system

    settings = settings_of(database, host=host, port=port, workers=workers)
    prepare(settings)
    with _address_told():
        serve_system(settings)


def demo(
    host: Host = None,
    port: Port = None,
    database: Annotated[str, typer.Option(help="The URL of the demonstration's database.")] = DEMO,
) -> None:
    """Serve a demonstration: two French action plans, told by fictitious actors in words of our own."""
    from ogpgraph.cli.progress import following, progress_in
    from ogpgraph.demo.documents import documents
    from ogpgraph.demo.loading import load_demo
    from ogpgraph.system import migrate, open_system
    from ogpgraph.web.console import Example
    from ogpgraph.web.serve import Serving, application, listen_on, url_of
    from ogpgraph.web.serve import serve as serve_system

    settings = settings_of(database, host=host, port=port, log_level="warning")
    with _address_told(), listen_on(settings) as address:
        migrate(settings.database)
        with progress_in("scenes") as progress:
            load_demo(settings.database, following(progress, "loading"))
        with open_system(settings.database) as system:
            examples = [Example(each.title, each.query) for each in documents()]
            tell = partial(_tell_demo, system, settings, url_of(address))
            app = partial(application, Serving(lambda: nullcontext(system)), settings, examples)
            serve_system(replace(settings, workers=1), app=app, address=address, listening=tell)


@contextmanager
def _address_told() -> Iterator[None]:
    from ogpgraph.web.serve import AddressRefused

    try:
        yield
    except AddressRefused as refused:
        raise typer.Exit(told(refused)) from refused


def _tell_demo(system: System, settings: Settings, url: str) -> None:
    from ogpgraph.demo.documents import documents, shown
    from ogpgraph.graphql.context import Context
    from ogpgraph.graphql.schema import build_schema, schema_version

    schema = build_schema()
    kept = settings.describe()["OGPGRAPH_DATABASE"]
    out.print(f"Codes, titles and stars are France's, the rest is invented. It is kept in {kept}.\n", soft_wrap=True)
    for number, document in enumerate(documents(), start=1):
        with system.reading() as reading:
            answer = schema.execute_sync(document.query, context_value=Context(reading, schema_version(schema)))
        out.print(f"{number}. {document.title}\n", style="bold", soft_wrap=True)
        out.print(document.query + "\n", style="cyan", soft_wrap=True)
        out.print(shown(answer.data) + "\n", soft_wrap=True)
    asking = Text.assemble((f"Ask more at {url}/", "bold"), f" (a client asks {url}/graphql). Ctrl-C stops.")
    out.print(asking, soft_wrap=True)
