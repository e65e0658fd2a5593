"""`ogpgraph schema`: what is published of the schema and of the stored events, printed or written."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from ogpgraph.cli.terminal import err


def schema(
    *,
    write: Annotated[bool, typer.Option("--write", help="Write the schema's files instead of printing.")] = False,
) -> None:
    """Print the GraphQL schema, or write it with everything else that is generated from declarations."""
    from ogpgraph.graphql.mutations.reference import build_reference
    from ogpgraph.graphql.schema import build_schema, print_sdl
    from ogpgraph.web.persisted_documents import encode_documents, read_documents

    built = build_schema()
    text = print_sdl(built)
    if not write:
        sys.stdout.write(text)
        return
    Path("schema").mkdir(exist_ok=True)
    Path("schema/ogpgraph.graphql").write_text(text)
    Path("schema/documents.json").write_bytes(encode_documents(read_documents(Path("schema/documents"))))
    write_events_schema(Path("schema/events.json"))
    Path("docs/mutations.md").write_text(build_reference(built))


def write_events_schema(file: Path) -> None:
    """Write the schema of the stored events, unless it has lost something that is in somebody's log."""
    from ogpgraph.domain.aggregate_types import events_schema
    from ogpgraph.domain.schema_compatibility import find_incompatibilities

    now = events_schema()
    lost = find_incompatibilities(json.loads(file.read_text()), now) if file.exists() else []
    for each in lost:
        err.print(f"{file}: {each}", soft_wrap=True)
    if lost:
        raise typer.Exit(1)
    file.write_text(json.dumps(now, indent=2, ensure_ascii=False) + "\n")
