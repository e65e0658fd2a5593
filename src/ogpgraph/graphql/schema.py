"""Puts the schema together and prints it as the contract that `schema/ogpgraph.graphql` holds."""

from __future__ import annotations

from hashlib import sha256

import strawberry
from graphql import build_schema as read_schema
from graphql import lexicographic_sort_schema, print_schema
from strawberry.schema.config import StrawberryConfig

from ogpgraph.graphql.account import Account
from ogpgraph.graphql.action_plan import ActionPlan
from ogpgraph.graphql.code import Code
from ogpgraph.graphql.commitment import Commitment
from ogpgraph.graphql.finish import finish
from ogpgraph.graphql.member import Member
from ogpgraph.graphql.mutation import Mutation
from ogpgraph.graphql.query import Query, Snapshot
from ogpgraph.graphql.scalars import SCALARS
from ogpgraph.graphql.source import Source
from ogpgraph.graphql.subscription import Subscription


def build_schema() -> strawberry.Schema:
    """Return the schema, validated."""
    schema = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[Member, ActionPlan, Commitment, Code, Source, Account, Snapshot],
        # Not `sort_schema`: its copies of enums give resolvers bare values in place of members.
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    finish(schema._schema)  # noqa: SLF001 - strawberry has no public way to graphql-core's schema
    return schema


def schema_text(schema: strawberry.Schema) -> str:
    """Return the schema in the schema definition language, sorted, as it is published."""
    # Sorted by way of its text: sorted copies of strawberry's own enums cannot print a default.
    return print_schema(lexicographic_sort_schema(read_schema(schema.as_str()))).rstrip() + "\n"


def schema_version(schema: strawberry.Schema) -> str:
    """Return a short name of the schema's text, which changes exactly when the schema does."""
    return sha256(schema_text(schema).encode()).hexdigest()[:12]
