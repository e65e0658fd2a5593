"""The published schema is the contract: equal to the code, fully described, and compatible with the former one."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    is_required_input_field,
    validate_schema,
)
from graphql.utilities import BreakingChange, find_schema_changes

from ogpgraph.graphql import schema
from ogpgraph.graphql.context import Context
from ogpgraph.system import System
from tests.graphql.client import execute_operation, execute_query

PUBLISHED = Path(__file__).parents[2] / "schema" / "ogpgraph.graphql"
TEXT = schema.print_sdl(schema.build_schema())
SCHEMA = build_schema(TEXT)


# ------------------------------------------------------------------------------------------------------------ published


def test_the_schema_has_no_breaking_change() -> None:
    changes = find_schema_changes(build_schema(PUBLISHED.read_text()), SCHEMA)
    breaking = [change.description for change in changes if isinstance(change, BreakingChange)]
    assert not breaking, "the published schema has what clients rely on:\n" + "\n".join(breaking)


def test_the_published_schema_is_up_to_date() -> None:
    assert PUBLISHED.read_text() == TEXT, "run `make schema`"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("type Query { a: Int b: Int }", "type Query { a: Int }", ["Field Query.b was removed."]),
        ("type Query { a: Int }", "type Query { a: Int b: Int }", []),
        ("type Query { a: Int! }", "type Query { a: Int }", ["Field Query.a changed type from Int! to Int."]),
        (
            "type Query { a(x: Int): Int }",
            "type Query { a(x: Int!): Int }",
            ["Argument Query.a(x:) has changed type from Int to Int!."],
        ),
        ("type Query { a: E } enum E { X Y }", "type Query { a: E } enum E { X }", ["Enum value E.Y was removed."]),
        ("type Query { a: E } enum E { X }", "type Query { a: E } enum E { X Y }", []),
    ],
)
def test_removals_are_breaking_changes_and_additions_are_not(before: str, after: str, expected: list[str]) -> None:
    changes = find_schema_changes(build_schema(before), build_schema(after))
    breaking = [change.description for change in changes if isinstance(change, BreakingChange)]
    assert breaking == expected


def test_the_schema_is_valid_and_sorted_and_has_a_version() -> None:
    assert validate_schema(SCHEMA) == []
    names = [
        line.split()[1] for line in TEXT.splitlines() if line.startswith(("type ", "enum ", "input ", "interface "))
    ]
    assert names == sorted(names)
    again = schema.build_schema.__wrapped__()
    assert schema.print_sdl(again) == TEXT
    assert len(schema.compute_schema_version(again)) == 12


# ------------------------------------------------------------------------------------------------------------ described


def own_types(schema: GraphQLSchema = SCHEMA) -> Iterator[GraphQLNamedType]:
    built_in = {"Boolean", "Float", "ID", "Int", "String"}
    return (kind for name, kind in schema.type_map.items() if not name.startswith("__") and name not in built_in)


def iter_descriptions(schema: GraphQLSchema = SCHEMA) -> Iterator[tuple[str, str | None]]:
    """Yield the schema coordinate and the description of everything that can have one."""
    for kind in own_types(schema):
        yield kind.name, kind.description
        if isinstance(kind, GraphQLEnumType):
            yield from ((f"{kind.name}.{name}", value.description) for name, value in kind.values.items())
        elif isinstance(kind, GraphQLInputObjectType):
            yield from ((f"{kind.name}.{name}", each.description) for name, each in kind.fields.items())
        elif isinstance(kind, (GraphQLObjectType, GraphQLInterfaceType)):
            for name, field in kind.fields.items():
                yield f"{kind.name}.{name}", field.description
                yield from ((f"{kind.name}.{name}({a}:)", each.description) for a, each in field.args.items())


def test_everything_has_a_description_in_sentences() -> None:
    found = list(iter_descriptions())
    assert len(found) > 500
    assert [where for where, text in found if not text] == []
    assert [(where, text) for where, text in found if text and text[-1] not in ".`:"] == []
    assert [(where, text) for where, text in found if text and text != text.strip()] == []


def can_fail(type_name: str, field: GraphQLField) -> bool:
    """Return whether a field is null only with an error: a root field, or one that takes arguments of a list."""
    roots = {"Query", "Snapshot", "RecordView", "Mutation", "Subscription"}
    return type_name in roots or not {"first", "where", "dimension", "dimensions"}.isdisjoint(field.args)


def test_every_field_that_can_be_null_says_when() -> None:
    silent = []
    for kind in own_types():
        if isinstance(kind, (GraphQLObjectType, GraphQLInterfaceType)):
            for name, field in kind.fields.items():
                if not is_non_null_type(field.type) and not can_fail(kind.name, field):
                    silent += [f"{kind.name}.{name}"] if "null" not in (field.description or "").lower() else []
    assert silent == []


PRIVATE_WORDS = ("aggregate", "canonical text", "tag", "fold", "stream", "posting", "projector's", "reader", "snapshot")


def test_no_description_has_a_word_of_the_implementation() -> None:
    pattern = re.compile(rf"(?<![`\w])({'|'.join(PRIVATE_WORDS)})s?(?![`\w])", re.IGNORECASE)
    assert [(where, text) for where, text in iter_descriptions() if pattern.search(text or "")] == []


def test_no_argument_has_null_as_its_default() -> None:
    assert "= null" not in TEXT


def test_the_schema_has_the_custom_scalars() -> None:
    scalars = {kind.name for kind in own_types() if isinstance(kind, GraphQLScalarType)}
    assert scalars >= {"DateTime", "FieldValue", "PartialDate", "Position"}


# ------------------------------------------------------------------------------------------------------------- contract

CONTRACT = {
    "Query": "at member members actionPlan actionPlans commitment commitments entries source node meta",
    "Snapshot": "member members actionPlan actionPlans commitment commitments entries source node meta",
    "Commitment": "code formerCodes number title description languages status actionPlan member leadInstitutions "
    "supportingInstitutions policyAreas milestones ratings rating starred narratives sources predecessors successors "
    "revision since history blame lastObservedAt",
    "Milestone": "number title status startsOn endsOn updates",
    "Rating": "indicator stage ogpValue state value statedAs statedIn irmReport entry",
    "Entry": "position id kind recordedAt effectiveOn changedBetween actor reason cause subject revision changes "
    "source evidence correlationId",
    "Change": "path before after",
    "Evidence": "source contentHash start end quote",
    "Meta": "logId position recordedAt rootHash projectionVersion schemaVersion",
    "CommitmentConnection": "totalCount nodes edges pageInfo",
    "PageInfo": "hasNextPage hasPreviousPage startCursor endCursor",
}
TYPES = {
    "Commitment.starred": "Boolean!",
    "Commitment.number": "String",
    "Commitment.cycle": "Int",
    "Commitment.since": "Position!",
    "Commitment.languages": "[String!]!",
    "Commitment.policyAreas": "[String!]!",
    "Commitment.leadInstitutions": "[String!]!",
    "Commitment.history": "EntryConnection",
    "Commitment.blame": "[Blame!]!",
    "Query.at": "Snapshot",
    "Query.member": "Member",
    "Query.members": "MemberConnection",
    "Query.actionPlan": "ActionPlan",
    "Query.actionPlans": "ActionPlanConnection",
    "Query.commitment": "Commitment",
    "Query.commitments": "CommitmentConnection",
    "Query.entries": "EntryConnection",
    "Query.source": "Source",
    "Query.node": "Node",
    "Query.meta": "Meta",
}


def fields_of(name: str) -> dict[str, GraphQLField]:
    kind = SCHEMA.type_map[name]
    assert isinstance(kind, (GraphQLObjectType, GraphQLInterfaceType))
    return dict(kind.fields)


@pytest.mark.parametrize("name", CONTRACT)
def test_the_schema_has_the_fields_of_the_contract(name: str) -> None:
    assert not set(CONTRACT[name].split()) - fields_of(name).keys()


def test_fields_have_the_types_of_the_contract() -> None:
    found = {where: str(fields_of(where.split(".")[0])[where.split(".")[1]].type) for where in TYPES}
    assert found == TYPES


@pytest.mark.parametrize("name", ["Query", "RecordView", "Snapshot", "Mutation", "Subscription"])
def test_every_root_field_can_be_null_so_that_a_failing_one_leaves_the_others(name: str) -> None:
    assert {field for field, each in fields_of(name).items() if is_non_null_type(each.type)} == set()


def test_every_list_in_pages_and_every_node_of_it_can_be_null() -> None:
    for kind in own_types():
        if not isinstance(kind, (GraphQLObjectType, GraphQLInterfaceType)):
            continue
        for name, field in kind.fields.items():
            assert not str(field.type).endswith("Connection!"), f"{kind.name}.{name}"
        if kind.name.endswith("Connection"):
            node = get_named_type(kind.fields["nodes"].type)
            assert str(kind.fields["nodes"].type) == f"[{node}]!"
            edges = get_named_type(kind.fields["edges"].type)
            assert isinstance(edges, GraphQLObjectType)
            assert edges.fields["node"].type == node
        for name, field in kind.fields.items():
            if kind.name.endswith("Connection") and field.args:
                assert not is_non_null_type(field.type), f"{kind.name}.{name} can refuse its arguments"


def test_the_present_and_the_past_have_the_same_fields() -> None:
    view = fields_of("RecordView")
    for name in ("Query", "Snapshot"):
        kind = SCHEMA.type_map[name]
        assert isinstance(kind, GraphQLObjectType)
        assert [each.name for each in kind.interfaces] == ["RecordView"]
        assert {field: str(each.type) for field, each in kind.fields.items() if field in view} == {
            field: str(each.type) for field, each in view.items()
        }


def iter_possible_types(kind: GraphQLInterfaceType | GraphQLUnionType) -> Iterator[GraphQLObjectType]:
    """Yield the types that a value of an abstract type can have.

    Parts of things, such as ratings, implement Node only to be found by their ids, which is all that they have in
    common: whoever asks for one knows which, so the `value` of a rating need not have the type of that of a claim.
    """
    things = {each.name for each in SCHEMA.get_possible_types(SCHEMA.type_map["Subject"])} | {"Entry"}  # type: ignore[arg-type]
    found = SCHEMA.get_possible_types(kind)
    yield from (each for each in found if kind.name != "Node" or each.name in things)


def test_fields_of_one_name_have_one_type_whatever_a_value_turns_out_to_be() -> None:
    shapes: dict[tuple[str, str], dict[str, list[str]]] = {}
    for kind in own_types():
        if isinstance(kind, (GraphQLInterfaceType, GraphQLUnionType)):
            for each in iter_possible_types(kind):
                for name, field in each.fields.items():
                    arguments = ", ".join(f"{argument}: {one.type}" for argument, one in sorted(field.args.items()))
                    types = shapes.setdefault((kind.name, name), {})
                    types.setdefault(f"({arguments}): {field.type}", []).append(each.name)
    assert len(shapes) > 50
    assert {where: types for where, types in shapes.items() if len(types) > 1} == {}


def test_what_things_share_is_read_without_knowing_what_they_are() -> None:
    assert {"code", "number", "title", "status", "revision", "since"} <= fields_of("Subject").keys()


def test_the_indicators_have_their_published_names() -> None:
    indicator = SCHEMA.type_map["Indicator"]
    assert isinstance(indicator, GraphQLEnumType)
    names = "VERIFIABLE SPECIFICITY RELEVANCE POTENTIAL_IMPACT AMBITION POTENTIAL_FOR_RESULTS COMPLETION EARLY_RESULTS"
    assert set(indicator.values) == {*names.split(), "DID_IT_OPEN_GOVERNMENT", "STARRED"}


# ------------------------------------------------------------------------------------------------------- random queries

STRINGS = ["", "UY0901", "uy0802", "URY", "en", "es", "x", "%", "ä", "null", "title", "ratings/COMPLETION", "a" * 300]
NUMBERS = [0, 1, 2, 3, 7, 60, 100, 101, -1, 2**31 - 1, -(2**31), 2018]
SCALAR_VALUES: dict[str, Sequence[int | str]] = {
    "Position": [0, 1, 2, 60, 61, 5_000, 2**53 - 1],
    "DateTime": ["2026-01-01T12:01:00Z", "1999-12-31T00:00:00+02:00", "2199-01-01T00:00:00Z"],
    "PartialDate": ["2018", "2018-S2", "2019-03", "2019/..", "2020-02-29"],
}


class RandomQueries:
    """Generates valid queries over the whole schema, with arguments that find something and arguments that do not."""

    def __init__(self, seed: int, ids: list[str]) -> None:
        self.random = random.Random(seed)
        self.ids = ids
        self.numbers = count()

    def query(self) -> str:
        return self._selection(SCHEMA.type_map["Query"], 0, self.random.randint(2, 6))

    def _selection(self, kind: Any, depth: int, deepest: int) -> str:
        names = [name for name, field in kind.fields.items() if depth < deepest or self._is_leaf(field)]
        chosen = self.random.sample(names, min(len(names), self.random.randint(1, 4 if depth else 2)))
        fields = [self._field(name, kind.fields[name], depth, deepest) for name in chosen]
        if isinstance(kind, GraphQLInterfaceType) and depth < deepest:
            one = self.random.choice(sorted(SCHEMA.get_possible_types(kind), key=lambda each: each.name))
            fields.append(f"... on {one.name} {self._selection(one, depth, deepest)}")
        return "{ __typename " + " ".join(fields) + " }"

    def _is_leaf(self, field: GraphQLField) -> bool:
        return is_leaf_type(get_named_type(field.type))

    def _field(self, name: str, field: GraphQLField, depth: int, deepest: int) -> str:
        arguments = [
            f"{argument}: {self._value(each.type)}"
            for argument, each in field.args.items()
            if is_required_argument(each) or self.random.random() < 0.3
        ]
        given = f"({', '.join(arguments)})" if arguments else ""
        kind = get_named_type(field.type)
        below = "" if is_leaf_type(kind) else " " + self._selection(kind, depth + 1, deepest)
        return f"a{next(self.numbers)}: {name}{given}{below}"

    def _value(self, kind: Any, depth: int = 0) -> str:
        if is_non_null_type(kind):
            return self._value(kind.of_type, depth)
        if is_list_type(kind):
            items = [self._value(kind.of_type, depth + 1) for _ in range(self.random.randint(0, 2))]
            return f"[{', '.join(items)}]"
        if isinstance(kind, GraphQLEnumType):
            return str(self.random.choice(list(kind.values)))
        if isinstance(kind, GraphQLInputObjectType):
            fields = [
                f"{name}: {self._value(each.type, depth + 1)}"
                for name, each in kind.fields.items()
                if is_required_input_field(each) or (depth < 3 and self.random.random() < 0.25)
            ]
            return f"{{{', '.join(fields)}}}"
        return self._scalar(kind.name)

    def _scalar(self, name: str) -> str:
        if name == "Boolean":
            return self.random.choice(["true", "false"])
        if name == "Int":
            return str(self.random.choice(NUMBERS))
        strings = [*STRINGS, *(self.ids if name == "ID" else [])]
        value: int | str = self.random.choice(SCALAR_VALUES.get(name, strings))
        return str(value) if isinstance(value, int) else '"' + value + '"'


@pytest.mark.slow
def test_no_query_has_an_internal_error(example_system: System) -> None:
    found = execute_query(
        example_system, "{ entries(last: 20) { nodes { id subject { id } } } commitments { nodes { id } } }"
    )
    ids = [each["id"] for each in found["entries"]["nodes"] + found["commitments"]["nodes"]]
    ids += [each["subject"]["id"] for each in found["entries"]["nodes"]]
    successful = 0
    for seed in range(120):
        query = RandomQueries(seed, ids).query()
        with example_system.read_session() as session:
            result = execute_operation(query, {}, Context(session, "1"))
        for error in result.errors or []:
            inner = error.original_error
            assert inner is None or (error.extensions or {}).get("code"), f"{query}\n{inner!r}"
        successful += not result.errors
    assert successful > 40, "too many of the queries are errors"
