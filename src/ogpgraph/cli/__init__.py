"""The command line: one command for each task of an operator or a publisher.

The modules of the commands import at the top only what their options need, and the rest when a command runs. So help
and usage errors appear without the second that importing the server and the schema takes.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ogpgraph.cli.accounts import account_app
from ogpgraph.cli.backups import backup, check, copy, restore
from ogpgraph.cli.follow import follow
from ogpgraph.cli.imports import import_, revert
from ogpgraph.cli.maintenance import migrate, rebuild, schema
from ogpgraph.cli.search import search
from ogpgraph.cli.server import demo, serve
from ogpgraph.cli.shared import print_error, print_version

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_show_locals=False)
app.command("migrate")(migrate)
app.command("import")(import_)
app.command("revert")(revert)
app.command("serve")(serve)
app.command("demo")(demo)
app.command("follow")(follow)
app.command("search")(search)
app.command("rebuild")(rebuild)
app.command("backup")(backup)
app.command("restore")(restore)
app.command("copy")(copy)
app.command("check")(check)
app.command("schema")(schema)
app.add_typer(account_app, name="account")


@app.callback()
def describe_program(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Ogpgraph records open government commitments: every change is an event, and every past state can be read."""


def main() -> None:
    """Run the command line; an error that the user can fix is printed in one line, with exit code 1."""
    try:
        app()
    except Exception as error:
        if not isinstance(error, _user_errors()):
            raise
        sys.exit(print_error(error))


def _user_errors() -> tuple[type[Exception], ...]:
    from ogpgraph.domain.errors import Refusal
    from ogpgraph.settings import SettingsError
    from ogpgraph.storage.database import DatabaseError

    return SettingsError, DatabaseError, LookupError, Refusal
