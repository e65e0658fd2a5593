"""A response is cached unless its operation selects a field that depends on more than the position that is read."""

from __future__ import annotations

import pytest
import strawberry
from graphql import GraphQLSchema, get_operation_ast, parse, validate

from ogpgraph.graphql import schema
from ogpgraph.graphql.executor import core_schema
from ogpgraph.graphql.volatile_fields import VOLATILE, iter_selected_fields, marked_fields, selects_field

SCHEMA: GraphQLSchema = core_schema(schema.build_schema())


def selects(text: str, operation_name: str | None = None, schema: GraphQLSchema = SCHEMA) -> bool:
    document = parse(text)
    assert not validate(schema, document)
    operation = get_operation_ast(document, operation_name)
    assert operation is not None
    return selects_field(schema, document, operation, VOLATILE)


def test_only_the_projector_status_depends_on_more_than_the_position() -> None:
    assert marked_fields(SCHEMA, "volatile") == {("Meta", "projector")}


IN_FRAGMENTS = """
fragment A on Query { ...B }
fragment B on RecordView { meta { ...C } }
fragment C on Meta { projector { state } }
"""


@pytest.mark.parametrize(
    "text",
    [
        "{ meta { projector { state } } }",
        "{ meta { position p: projector { behind } } }",
        "{ at(position: 1) { meta { projector { state } } } }",
        "{ meta { ... on Meta { ... { projector { state } } } } }",
        "{ meta { projector @skip(if: true) { state } } }",
        "{ ...A } " + IN_FRAGMENTS,
        "{ other: meta { position } ...A ...A } " + IN_FRAGMENTS,
    ],
)
def test_a_selected_volatile_field_is_found_under_any_name_and_in_any_fragment(text: str) -> None:
    assert selects(text)


@pytest.mark.parametrize(
    "text",
    [
        "{ meta { position } }",
        '{ commitment(code: "projector") { title } }',
        "{ meta { position } } # projector",
        "query projector { projector: meta { position } }",
        '{ __type(name: "projector") { fields { name } } __typename }',
        "query ($projector: String!) { commitment(code: $projector) { title } }",
    ],
)
def test_the_name_of_a_volatile_field_anywhere_else_does_not_count(text: str) -> None:
    assert not selects(text)


def test_only_the_selected_operation_and_the_fragments_that_it_spreads_count() -> None:
    text = "query One { meta { position } } query Two { ...A } " + IN_FRAGMENTS
    assert not selects(text, "One")
    assert selects(text, "Two")


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (
            '{ node(id: "x") { id ... on Member { name ...F } } } fragment F on Subject { revision }',
            {("Query", "node"), ("Node", "id"), ("Member", "name"), ("Subject", "revision")},
        ),
        ("subscription { entries { position } }", {("Subscription", "entries"), ("Entry", "position")}),
    ],
)
def test_selected_fields_are_named_by_the_type_that_they_are_selected_on(
    text: str, fields: set[tuple[str, str]]
) -> None:
    document = parse(text)
    operation = get_operation_ast(document)
    assert operation is not None
    assert set(iter_selected_fields(SCHEMA, document, operation)) == fields


@strawberry.interface
class Clock:
    name: str

    @strawberry.field
    def now(self) -> int:
        return 0


@strawberry.type
class StoppedClock(Clock):
    pass


@strawberry.type
class RunningClock(Clock):
    ticks: int = strawberry.field(metadata=VOLATILE)

    @strawberry.field(metadata=VOLATILE)  # type: ignore[untyped-decorator]  # strawberry has no types for it
    def now(self) -> int:
        return 1


@strawberry.type
class Query:
    @strawberry.field
    def clock(self) -> Clock:
        return StoppedClock(name="tower")


def test_a_field_of_an_interface_is_volatile_if_one_implementation_is() -> None:
    toy = core_schema(strawberry.Schema(Query, types=[StoppedClock, RunningClock]))
    assert marked_fields(toy, "volatile") == {("Clock", "now"), ("RunningClock", "now"), ("RunningClock", "ticks")}
    assert selects("{ clock { now } }", schema=toy)
    assert not selects("{ clock { name ... on StoppedClock { now } } }", schema=toy)
