"""The command line: one word for each thing an operator or publisher does.

A command's module begins with what its options are made of. What does the work is imported when the command runs, so
that help is told, and a mistake, before a server or a schema would have been loaded.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ogpgraph.cli.accounts import account_app
from ogpgraph.cli.database import migrate, rebuild
from ogpgraph.cli.feed import follow
from ogpgraph.cli.imports import import_, revert
from ogpgraph.cli.schema_files import schema
from ogpgraph.cli.server import demo, serve
from ogpgraph.cli.terminal import print_problem, print_version

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_show_locals=False)
app.command("migrate")(migrate)
app.command("import")(import_)
app.command("revert")(revert)
app.command("serve")(serve)
app.command("demo")(demo)
app.command("follow")(follow)
app.command("rebuild")(rebuild)
app.command("schema")(schema)
app.add_typer(account_app, name="account")


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Tell the version, and end.")
    ] = False,
) -> None:
    """Ogpgraph keeps the record of open government commitments: every change an event, every moment readable."""


def main() -> None:
    """Run the command line; problems that people can mend end in one line and exit code 1."""
    try:
        app()
    except Exception as problem:
        if not isinstance(problem, _expected_errors()):
            raise
        sys.exit(print_problem(problem))


def _expected_errors() -> tuple[type[Exception], ...]:
    """Return the problems that people can mend, but for those of an address, which `serve` and `demo` tell."""
    from ogpgraph.domain.errors import Refusal
    from ogpgraph.settings import SettingsError
    from ogpgraph.storage.database import DatabaseError

    return SettingsError, DatabaseError, LookupError, Refusal
