"""What the commands share: output, settings, and opening the database.

The result of a command goes to standard output, everything else to standard error.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import IntEnum
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from ogpgraph.control_characters import escape_control_characters

if TYPE_CHECKING:
    from ogpgraph.settings import Settings
    from ogpgraph.system import System


class SafeConsole(Console):
    """A console for output that contains names, paths and texts of others.

    It shows the control characters in them, and does not take brackets for markup.
    """

    def __init__(self, *, stderr: bool = False, width: int | None = None) -> None:
        super().__init__(stderr=stderr, width=width, highlight=False, markup=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return the text of a string, of which rich would drop some control characters."""
        return super().render_str(escape_control_characters(text, keep_lines=True), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Yield the segments of anything that is printed."""
        for segment in super().render(renderable, options):
            text = segment.text if segment.control else escape_control_characters(segment.text, keep_lines=True)
            yield segment._replace(text=text)


out = SafeConsole()
err = SafeConsole(stderr=True)


def print_json(document: object, *, indent: int | None = None) -> None:
    """Print a document as JSON, on one line unless it is indented; control characters are written as escapes."""
    encoded = json.dumps(document, ensure_ascii=False, indent=indent)
    out.file.write(escape_control_characters(encoded, keep_lines=True) + "\n")
    out.file.flush()  # a pipe would be buffered


DatabaseOption = Annotated[
    str | None,
    typer.Option("--database", help="The URL of the database; by default OGPGRAPH_DATABASE, or sqlite:///ogpgraph.db."),
]


def normalize_reason(reason: str | None) -> str | None:
    """Return a reason as mutations record it; raises BadParameter for one that they refuse, such as an empty one."""
    from ogpgraph.application.translation import normalize_sent_text
    from ogpgraph.domain.errors import Invalid

    try:
        return None if reason is None else normalize_sent_text(reason, "reason")
    except Invalid as error:
        raise typer.BadParameter(error.message) from None


class ExitCode(IntEnum):
    """The exit codes of the commands, besides 0 for success."""

    meaning: str

    def __new__(cls, number: int, meaning: str) -> Self:
        code = int.__new__(cls, number)
        code._value_ = number
        code.meaning = meaning
        return code

    FAILED = (
        1,
        (
            "The command has failed, or has found something damaged or refused; standard error says what, with its "
            "error code if it has one. Nothing is recorded by halves."
        ),
    )
    WRONG_USAGE = 2, "An option, argument or command does not exist or has a wrong value."
    INTERRUPTED = 130, "Ctrl-C has interrupted an import: each file is recorded completely or not at all."


def print_version(is_requested: bool) -> None:
    """Print the version of the program and exit, if the option was given."""
    if is_requested:
        from importlib.metadata import version

        out.print(f"ogpgraph {version('ogpgraph')}")
        raise typer.Exit


def print_error(error: Exception) -> int:
    """Print an error that the user can fix, in one line; returns the exit code."""
    err.print(Text.assemble((type(error).__name__, "red"), f": {error}"), soft_wrap=True)
    return ExitCode.FAILED


def load_settings(database: str | None, default_database: str | None = None, **options: Any) -> Settings:
    """Return the settings of the environment, overridden by the options that were given, and configure logging."""
    from ogpgraph.logging import configure_logging
    from ogpgraph.settings import Settings

    given = {name: value for name, value in options.items() if value is not None}
    defaults = {"database": default_database} if default_database else {}
    settings = replace(Settings.from_environment(None, **defaults), **given)
    configure_logging(settings.log_level, settings.log_format)
    return replace(settings, database=database) if database else settings


AcceptHistoryOption = Annotated[
    bool,
    typer.Option(
        "--accept-history",
        help="Accept the log as it is although it is not the one that was open last: an older backup, for example.",
    ),
]


def accept_log_history(settings: Settings) -> None:
    """Remember the log as it is, so that it may be written to whatever was remembered."""
    from ogpgraph.system import open_configured_system

    with open_configured_system(settings, accept_history=True):
        pass


def ensure_migrated(settings: Settings) -> None:
    """Create or replace the tables of a SQLite database where necessary.

    A PostgreSQL database, which other processes may be using, is only changed by `migrate`; raises DatabaseError if it
    has not been migrated.
    """
    from ogpgraph import system

    if settings.database.startswith("sqlite:"):
        system.migrate(settings.database)
    else:
        system.require_migrated(settings.database)


@contextmanager
def open_migrated(settings: Settings) -> Iterator[System]:
    """Open a database, migrated where necessary."""
    from ogpgraph.system import open_configured_system

    ensure_migrated(settings)
    with open_configured_system(settings) as system:
        yield system


@contextmanager
def open_for_dry_run(settings: Settings) -> Iterator[System]:
    """Open a database without migrating it; one that does not exist is replaced by a temporary, empty one."""
    from ogpgraph.system import database_exists, open_configured_system, require_migrated

    if not database_exists(settings.database):
        with (
            TemporaryDirectory() as folder,
            open_migrated(replace(settings, database=f"sqlite:///{folder}/empty.db")) as system,
        ):
            yield system
        return
    require_migrated(settings.database)
    with open_configured_system(settings) as system:
        yield system
