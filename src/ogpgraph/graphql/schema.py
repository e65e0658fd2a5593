"""Puts the schema together and prints it as the contract that `schema/ogpgraph.graphql` holds."""

from __future__ import annotations

from hashlib import sha256

import strawberry
from strawberry.schema.config import StrawberryConfig

from ogpgraph.graphql import record, types
from ogpgraph.graphql.query import Query, Snapshot
from ogpgraph.graphql.scalars import SCALARS, register_enums


def build_schema() -> strawberry.Schema:
    """Return the schema, validated."""
    register_enums()
    return strawberry.Schema(
        query=Query,
        types=[*types.types(), record.Code, record.Source, Snapshot],
        config=StrawberryConfig(scalar_map=SCALARS, sort_schema=True),
    )


def schema_text(schema: strawberry.Schema) -> str:
    """Return the schema in the schema definition language, sorted, as it is published."""
    return schema.as_str().rstrip() + "\n"


def schema_version(schema: strawberry.Schema) -> str:
    """Return a short name of the schema's text, which changes exactly when the schema does."""
    return sha256(schema_text(schema).encode()).hexdigest()[:12]
