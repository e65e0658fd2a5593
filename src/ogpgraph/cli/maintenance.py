"""`ogpgraph migrate`, `rebuild` and `schema`: tables, the read model, and what is generated."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ogpgraph.cli.shared import (
    AcceptHistoryOption,
    DatabaseOption,
    ExitCode,
    accept_log_history,
    err,
    load_settings,
    open_migrated,
    out,
)

if TYPE_CHECKING:
    from ogpgraph.system import System

SCHEMA_FOLDER = Path("schema")
DOCS_FOLDER = Path("docs")


def migrate(database: DatabaseOption = None, *, accept_history: AcceptHistoryOption = False) -> None:
    """Create the tables of the database, and rebuild those of the read model if another version created them."""
    from ogpgraph import system
    from ogpgraph.cli.progress import create_progress, track_task

    settings = load_settings(database)
    with create_progress("events") as progress:
        system.migrate(settings.database, progress=track_task(progress, "rebuilding"))
    if accept_history:
        accept_log_history(settings)
    out.print(f"{settings.describe()['OGPGRAPH_DATABASE']} is ready")


def rebuild(database: DatabaseOption = None) -> None:
    """Rebuild the read model from the log, and report whether its digest is the same as before.

    Texts that were changed after they were stored are named on standard error; the exit code is 1 then.
    """
    from ogpgraph.cli.progress import create_progress, track_task

    with open_migrated(load_settings(database)) as system:
        before = _digest_of_former_rows(system)
        with create_progress("events") as progress:
            position = system.rebuild(track_task(progress, "rebuilding"))
        after = system.digest()
        corrupt_texts = system.find_corrupt_texts()
    verdict = "identical" if before == after else f"it was {before}"
    out.print(f"position {position}, digest {after} ({verdict})", soft_wrap=True)
    for error in corrupt_texts:
        err.print(f"{error.code}: {error}", soft_wrap=True)
    if corrupt_texts:
        raise typer.Exit(ExitCode.FAILED)


def _digest_of_former_rows(system: System) -> str:
    try:
        return system.digest()
    except Exception as error:  # whatever is wrong with the rows, they are replaced
        return f"unreadable: {type(error).__name__}"


def schema(
    *,
    write: Annotated[
        bool, typer.Option("--write", help="Write the files in the folders `schema` and `docs` instead of printing.")
    ] = False,
) -> None:
    """Print the GraphQL schema, or write it with everything else that is generated from declarations."""
    from ogpgraph.graphql.cost_reference import build_cost_reference
    from ogpgraph.graphql.executor import core_schema
    from ogpgraph.graphql.field_reference import build_field_reference
    from ogpgraph.graphql.mutations.reference import build_reference
    from ogpgraph.graphql.schema import build_schema, print_sdl
    from ogpgraph.web.error_reference import build_error_reference
    from ogpgraph.web.persisted_documents import encode_documents, read_documents

    built = build_schema()
    sdl = print_sdl(built)
    if not write:
        sys.stdout.write(sdl)  # not through rich, which would wrap long lines
        return
    for folder in (SCHEMA_FOLDER, DOCS_FOLDER):
        folder.mkdir(exist_ok=True)
    (SCHEMA_FOLDER / "ogpgraph.graphql").write_text(sdl)
    (SCHEMA_FOLDER / "documents.json").write_bytes(encode_documents(read_documents(SCHEMA_FOLDER / "documents")))
    write_events_schema(SCHEMA_FOLDER / "events.json")
    (DOCS_FOLDER / "mutations.md").write_text(build_reference(built))
    (DOCS_FOLDER / "fields.md").write_text(build_field_reference())
    (DOCS_FOLDER / "cost.md").write_text(build_cost_reference(core_schema(built)))
    (DOCS_FOLDER / "errors.md").write_text(build_error_reference({each: each.meaning for each in ExitCode}))


def write_events_schema(file: Path) -> None:
    """Write the schema of the stored events; exits with 1 if events that a log may hold would no longer be valid."""
    from ogpgraph.domain.aggregate_types import events_schema
    from ogpgraph.domain.schema_compatibility import find_incompatibilities

    current = events_schema()
    incompatibilities = find_incompatibilities(json.loads(file.read_text()), current) if file.exists() else []
    for incompatibility in incompatibilities:
        err.print(f"{file}: {incompatibility}", soft_wrap=True)
    if incompatibilities:
        raise typer.Exit(ExitCode.FAILED)
    file.write_text(json.dumps(current, indent=2, ensure_ascii=False) + "\n")
