"""Builds the schema, and prints it as the contract that `schema/ogpgraph.graphql` holds."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Annotated, Final, cast

import strawberry
from graphql import (
    GraphQLArgument,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    lexicographic_sort_schema,
    print_schema,
)
from graphql import build_schema as parse_schema
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.name_converter import NameConverter
from strawberry.utils.str_converters import to_camel_case

from ogpgraph.graphql.accounts import Account, Code
from ogpgraph.graphql.entry_filters import EntryFilter
from ogpgraph.graphql.errors import FieldErrorCode, client_error
from ogpgraph.graphql.executor import core_schema
from ogpgraph.graphql.input_errors import show_value
from ogpgraph.graphql.mutations import Mutation
from ogpgraph.graphql.query import Query, Snapshot
from ogpgraph.graphql.scalars import SCALARS, Position
from ogpgraph.graphql.subject import Entry, Source
from ogpgraph.graphql.types import ActionPlan, Commitment, Member
from ogpgraph.readmodel.bookmark import Bookmark, parse_bookmark

ARGUMENT_DESCRIPTIONS: Final = {
    "where": "Only nodes that match. Omitted or null: all.",
    "orderBy": "The fields to sort by, the first one first. Ties are broken by code. Omitted or null: by code.",
    "input": "What to record, and why.",
}
"""The descriptions of arguments that mean the same on all fields."""


@dataclass(frozen=True)
class EntrySubscription:
    """The arguments of a subscription to entries: it begins after a bookmark, None for the head."""

    after: Bookmark | None
    where: EntryFilter | None


@strawberry.type(description="Subscriptions deliver entries as they are recorded.")
class Subscription:
    @strawberry.subscription(
        description="The entries after a position: first those that exist, then each new one when it is recorded, in "
        "order and without gaps or repetitions. To resume after an interruption, pass the `cursor` of the last entry "
        "that arrived: then it is an error (`OTHER_HISTORY`) if the log was restored from a backup meanwhile, and "
        "lacks or has replaced entries that arrived."
    )
    async def entries(
        self,
        after: Annotated[
            Position | None,
            strawberry.argument(
                description="The position after which to begin. Omitted or null: the newest one, for new entries only. "
                "It does not say which history of the log it is of: to resume, use `cursor`."
            ),
        ] = None,
        cursor: Annotated[
            str | None,
            strawberry.argument(
                description="The `cursor` of the entry after which to begin. Not together with `after`."
            ),
        ] = None,
        where: Annotated[
            EntryFilter | None, strawberry.argument(description="Only entries that match. Omitted or null: all.")
        ] = None,
    ) -> AsyncGenerator[Entry | None, None]:
        """Yield the arguments, once.

        The transports in `web.live` read the log themselves: one execution for each entry then serves all clients that
        have the same subscription, which a generator for each client could not do.
        """
        if where is not None:
            where.require_possible()
        yield cast(Entry, EntrySubscription(_start_of(after, cursor), where))


def _start_of(after: int | None, cursor: str | None) -> Bookmark | None:
    if cursor is None:
        return None if after is None else Bookmark(after)
    if after is not None:
        raise client_error("give either `after` or `cursor`", FieldErrorCode.BAD_CURSOR)
    try:
        return parse_bookmark(cursor)
    except ValueError:
        raise client_error(
            f"`cursor` is {show_value(cursor)}, which is not that of an entry", FieldErrorCode.BAD_CURSOR
        ) from None


class RememberedNames(NameConverter):
    """The names of the schema. strawberry asks for those of all fields of an input whenever one is sent."""

    def apply_naming_config(self, name: str) -> str:
        return _to_camel_case(name)


_to_camel_case = cache(to_camel_case)


@cache
def build_schema() -> strawberry.Schema:
    """Return the schema. It is built once for a process: that takes a tenth of a second, and nothing changes it."""
    schema = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[Member, ActionPlan, Commitment, Code, Source, Account, Snapshot],
        # Not `sort_schema`: its copies of enums pass bare values to resolvers instead of members.
        config=StrawberryConfig(scalar_map=SCALARS, name_converter=RememberedNames()),
    )
    _complete_arguments(core_schema(schema))
    return schema


def _complete_arguments(schema: GraphQLSchema) -> None:
    """Add the common descriptions of arguments, and remove null as a default: leaving out is not giving null."""
    for name, argument in _iter_input_values(schema):
        argument.description = argument.description or ARGUMENT_DESCRIPTIONS.get(name)
        if argument.default_value is None:
            argument.default_value = Undefined


def _iter_input_values(schema: GraphQLSchema) -> Iterator[tuple[str, GraphQLArgument | GraphQLInputField]]:
    for type_ in schema.type_map.values():
        if type_.name.startswith("__"):
            continue
        if isinstance(type_, GraphQLInputObjectType):
            yield from type_.fields.items()
        elif isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType)):
            for field in type_.fields.values():
                yield from field.args.items()


def print_sdl(schema: strawberry.Schema) -> str:
    """Return the schema in the schema definition language, sorted, as it is published."""
    # Sorted after parsing: a sorted copy of strawberry's own schema cannot print the default of an enum argument.
    return print_schema(lexicographic_sort_schema(parse_schema(schema.as_str()))).rstrip() + "\n"


@cache
def compute_schema_version(schema: strawberry.Schema) -> str:
    """Return the version of the schema: 12 hexadecimal digits, which change whenever its text does.

    Its text is that in the order of its declarations: sorting it would take a fourth of the time that a start takes.
    """
    return sha256(schema.as_str().encode()).hexdigest()[:12]
