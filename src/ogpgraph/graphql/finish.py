"""The last touch to the schema: what strawberry does not do, done once, before it is served or printed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
)

from ogpgraph.graphql.meanings import ARGUMENTS, VALUES


def finish(schema: GraphQLSchema) -> None:
    """Describe the values of enums and what is said in many places, and take away defaults that say nothing.

    A field or argument that may be left out is not given as null: it has no default.
    """
    for kind in _own(schema):
        if isinstance(kind, GraphQLEnumType):
            for name, value in kind.values.items():
                value.description = value.description or VALUES.get(kind.name, {}).get(name)
    for name, given in _inputs(schema):
        given.description = given.description or ARGUMENTS.get(name)
        if given.default_value is None:
            given.default_value = Undefined


def _own(schema: GraphQLSchema) -> Iterable[object]:
    return [kind for name, kind in schema.type_map.items() if not name.startswith("__")]


def _inputs(schema: GraphQLSchema) -> Iterator[tuple[str, GraphQLArgument | GraphQLInputField]]:
    for kind in _own(schema):
        if isinstance(kind, GraphQLInputObjectType):
            yield from kind.fields.items()
        elif isinstance(kind, (GraphQLObjectType, GraphQLInterfaceType)):
            fields: Iterable[GraphQLField] = kind.fields.values()
            yield from (argument for field in fields for argument in field.args.items())
