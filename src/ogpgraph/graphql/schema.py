"""Puts the schema together and prints it as the contract that `schema/ogpgraph.graphql` holds."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, cast

import strawberry
from graphql import build_schema as read_schema
from graphql import lexicographic_sort_schema, print_schema
from strawberry.schema.config import StrawberryConfig

from ogpgraph.graphql.enum_descriptions import add_descriptions
from ogpgraph.graphql.filters import EntryFilter
from ogpgraph.graphql.mutations import Mutation
from ogpgraph.graphql.query import Query, Snapshot
from ogpgraph.graphql.scalars import SCALARS, Position
from ogpgraph.graphql.types import Account, ActionPlan, Code, Commitment, Entry, Member, Source


@dataclass(frozen=True)
class EntrySubscription:
    """What a subscription asks to follow: from where on, and which entries."""

    after: int | None
    where: EntryFilter | None


@strawberry.type(description="What can be followed as it happens.")
class Subscription:
    """The subscriptions of the schema."""

    @strawberry.subscription(
        description="Every entry of the log that comes after a position: first those that are there, then each new one "
        "as it is recorded, in order, without gap and without double. Its subject is the thing as it stood at that "
        "entry. To go on after an interruption, give the position of the last entry received as `after`."
    )
    async def entries(
        self,
        after: Annotated[
            Position | None,
            strawberry.argument(description="The position to begin after; left out, the head: new entries only."),
        ] = None,
        where: Annotated[
            EntryFilter | None, strawberry.argument(description="Only entries of which this holds.")
        ] = None,
    ) -> AsyncGenerator[Entry, None]:
        """Yield, once, what is to be followed.

        The transports follow it themselves: one execution of a selection for each entry serves everybody who asks the
        same, which a generator of each subscriber's own could not.
        """
        yield cast(Entry, EntrySubscription(after, where))


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
    add_descriptions(schema._schema)  # noqa: SLF001 - strawberry has no public way to graphql-core's schema
    return schema


def print_sdl(schema: strawberry.Schema) -> str:
    """Return the schema in the schema definition language, sorted, as it is published."""
    # Sorted by way of its text: sorted copies of strawberry's own enums cannot print a default.
    return print_schema(lexicographic_sort_schema(read_schema(schema.as_str()))).rstrip() + "\n"


def compute_schema_version(schema: strawberry.Schema) -> str:
    """Return a short name of the schema's text, which changes exactly when the schema does."""
    return sha256(print_sdl(schema).encode()).hexdigest()[:12]
