"""The database that a command works on: which one is meant, its tables made and made again, and opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ogpgraph.cli.terminal import out

if TYPE_CHECKING:
    from ogpgraph.settings import Settings
    from ogpgraph.system import System

DatabaseOption = Annotated[
    str | None,
    typer.Option("--database", help="The database's URL; else OGPGRAPH_DATABASE, else sqlite:///ogpgraph.db."),
]


def migrate(database: DatabaseOption = None) -> None:
    """Make the tables of the database, and those of the read model again where another version made them."""
    from ogpgraph import system
    from ogpgraph.cli.progress import create_progress, track_task

    settings = load_settings(database)
    with create_progress("events") as progress:
        system.migrate(settings.database, progress=track_task(progress, "rebuilding"))
    out.print(f"{settings.describe()['OGPGRAPH_DATABASE']} is ready")


def rebuild(database: DatabaseOption = None) -> None:
    """Throw the read model away and make it again from the log; the digests tell whether it came out the same."""
    from ogpgraph.cli.progress import create_progress, track_task

    with open_migrated(load_settings(database)) as system:
        before = system.digest()
        with create_progress("events") as progress:
            position = system.rebuild(track_task(progress, "rebuilding"))
        after = system.digest()
    verdict = "identical" if before == after else f"it was {before}"
    out.print(f"position {position}, digest {after} ({verdict})", soft_wrap=True)


def load_settings(database: str | None, **options: Any) -> Settings:
    """Return the environment's settings with those put in their place that the command line gives; set up the log."""
    from ogpgraph.logging import configure_logging
    from ogpgraph.settings import Settings

    given = {name: value for name, value in options.items() if value is not None}
    settings = replace(Settings.from_environment(), **given)
    configure_logging(settings.log_level, settings.log_format)
    return replace(settings, database=database) if database else settings


@contextmanager
def open_migrated(settings: Settings) -> Iterator[System]:
    """Open a database whose tables are made, or made first."""
    from ogpgraph.system import open_system

    ensure_migrated(settings)
    with open_system(settings.database) as system:
        yield system


@contextmanager
def open_for_dry_run(settings: Settings) -> Iterator[System]:
    """Open a database to record nothing in it; where there is none yet, an empty one elsewhere stands for it."""
    from ogpgraph.system import database_exists, open_system, require_migrated

    if not database_exists(settings.database):
        with (
            TemporaryDirectory() as folder,
            open_migrated(replace(settings, database=f"sqlite:///{folder}/empty.db")) as system,
        ):
            yield system
        return
    require_migrated(settings.database)
    with open_system(settings.database) as system:
        yield system


def ensure_migrated(settings: Settings) -> None:
    """Make the tables of a SQLite database; those of a server, which many use, are made by `migrate` alone."""
    from ogpgraph import system

    if settings.database.startswith("sqlite:"):
        system.migrate(settings.database)
    else:
        system.require_migrated(settings.database)
