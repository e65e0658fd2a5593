"""The executor against strawberry's own: whatever is asked, both answer the same, errors and their order included."""

from __future__ import annotations

import random
from collections.abc import Iterator
from enum import Enum
from typing import Any

import pytest
import strawberry
from graphql import (
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    execute,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    parse,
)

from ogpgraph.graphql.context import Context
from ogpgraph.graphql.executor import Executor
from ogpgraph.graphql.schema import build_schema
from ogpgraph.system import System

SCHEMA = build_schema()


def both(schema: strawberry.Schema, query: str, context: Any = None, **variables: Any) -> tuple[Any, Any]:
    """What our executor and strawberry's answer, each as its data and errors."""
    document, core = parse(query), schema._schema
    ours = Executor.build(
        core, document, context_value=context, raw_variable_values=variables, check_deadline=lambda: None
    )
    assert isinstance(ours, Executor)
    theirs = execute(
        core,
        document,
        context_value=context,
        variable_values=variables,
        executor_class=schema.execution_context_class,
    )
    return plain(ours.execute_operation()), plain(theirs)


def plain(result: Any) -> Any:
    return result.data, [error.formatted for error in result.errors or []]


# --------------------------------------------------------------------------------------------- questions to the record


class Asking:
    """Makes up questions that the schema allows."""

    def __init__(self, schema: GraphQLSchema, seed: int) -> None:
        self.schema = schema
        self.chance = random.Random(seed)

    def question(self) -> str:
        parts = [
            self.selection(self.schema.query_type, 4),
            "{ at(position: 9) " + self.selection(self.reading(), 3) + "}",
        ]
        return self.chance.choice(parts)

    def reading(self) -> GraphQLNamedType:
        return get_named_type(self.fields_of(self.schema.query_type)["at"].type)

    def fields_of(self, kind: Any) -> dict[str, GraphQLField]:
        return dict(kind.fields)

    def selection(self, kind: Any, depth: int) -> str:
        fields = [*self.fields_of(kind).items()]
        chosen = self.chance.sample(fields, min(len(fields), self.chance.randint(2, 5)))
        parts = ["__typename", *(self.field(name, field, depth) for name, field in chosen)]
        if isinstance(kind, GraphQLInterfaceType) and depth > 0:
            possible = self.chance.choice(sorted(self.schema.get_possible_types(kind), key=lambda each: each.name))
            parts.append(f"... on {possible.name} {self.selection(possible, depth - 1)}")
        return "{ " + " ".join(filter(None, parts)) + " }"

    def field(self, name: str, field: GraphQLField, depth: int) -> str:
        kind = get_named_type(field.type)
        given = self.arguments(field)
        if given is None or name == "at":
            return ""
        alias = f"a{self.chance.randint(0, 10_000)}: " if self.chance.random() < 0.3 else ""
        gate = self.chance.choice(["", "", "", " @skip(if: true)", " @include(if: true)"])
        if is_leaf_type(kind):
            return f"{alias}{name}{given}{gate}" if alias or not given else ""
        if depth == 0:
            return ""
        assert isinstance(kind, (GraphQLObjectType, GraphQLInterfaceType))
        # Under names of their own, so that two with different arguments never merge.
        own = alias or f"b{self.chance.randint(0, 10**9)}: "
        return f"{own}{name}{given}{gate} {self.selection(kind, depth - 1)}"

    def arguments(self, field: GraphQLField) -> str | None:
        known = {"code": '"UY"', "first": "3", "language": '"en"', "position": "5", "id": '"nobody"', "path": '"title"'}
        given = {name: known.get(name) for name, each in field.args.items() if is_required_argument(each)}
        if None in given.values():
            return None
        for name in ("first", "language", "path"):
            if name in field.args and self.chance.random() < 0.5:
                given[name] = known[name]
        return "(" + ", ".join(f"{name}: {value}" for name, value in given.items()) + ")" if given else ""


@pytest.mark.parametrize("seed", range(150))
def test_both_answer_any_question_to_the_record_alike(example_system: System, seed: int) -> None:
    question = Asking(SCHEMA._schema, seed).question()
    with example_system.read_session() as one:
        ours, theirs = both(SCHEMA, question, Context(one, "1"))
    assert ours == theirs


# ------------------------------------------------------------------------------------------------- what can go wrong


class Colour(Enum):
    RED = "r"
    GREEN = "g"


strawberry.enum(Colour)


@strawberry.interface
class Thing:
    name: str


@strawberry.type
class Box(Thing):
    size: int

    @strawberry.field
    def inner(self, times: int = 1) -> list[Box]:
        return [Box(name=f"{self.name}.{n}", size=n) for n in range(times)]

    @strawberry.field
    def broken(self) -> str:
        raise ValueError(f"broken {self.name}")

    @strawberry.field
    def maybe(self) -> str | None:
        raise GraphQLError("no", extensions={"code": "NO"})


@strawberry.type
class Wrong:
    name: str


@strawberry.input
class Filter:
    colours: list[Colour]
    note: str | None = strawberry.UNSET


@strawberry.type
class Query:
    @strawberry.field
    def box(self, size: int = 2) -> Box:
        return Box(name="b", size=size)

    @strawberry.field
    def boxes(self) -> list[Box | None]:
        return [Box(name="a", size=1), None, Box(name="b", size=2)]

    @strawberry.field
    def things(self) -> list[Thing]:
        return [Box(name="a", size=1), Box(name="c", size=3)]

    @strawberry.field
    def impostor(self) -> Box | None:
        return Wrong(name="w")  # type: ignore[return-value]  # that is the point

    @strawberry.field
    def numbers(self) -> list[int]:
        return range(3)  # type: ignore[return-value]  # an iterable that is no list

    @strawberry.field
    def no_numbers(self) -> list[int] | None:
        return 7  # type: ignore[return-value]  # that is the point

    @strawberry.field
    def too_large(self) -> int | None:
        return 2**40

    @strawberry.field
    def text_of_number(self) -> str | None:
        return 5  # type: ignore[return-value]  # graphql-core makes it a text

    @strawberry.field
    def returned(self) -> str | None:
        return ValueError("returned")  # type: ignore[return-value]  # that is the point

    @strawberry.field
    def colours(self, where: Filter) -> list[Colour]:
        return where.colours

    @strawberry.field
    def said(self, where: Filter) -> str:
        return repr(where.note)

    @strawberry.field
    def no_colour(self) -> Colour | None:
        return "blue"  # type: ignore[return-value]  # that is the point

    @strawberry.field
    def missing(self) -> Box:
        return None  # type: ignore[return-value]  # that is the point

    @strawberry.field
    def missing_in_list(self) -> list[Box]:
        return [Box(name="a", size=1), None]  # type: ignore[list-item]  # that is the point


TOY = strawberry.Schema(Query, types=[Box])


def questions() -> Iterator[str]:
    yield "{ box { name size inner(times: 2) { name broken } } }"
    yield "{ boxes { name maybe } }"
    yield "{ boxes { broken } other: boxes { name } }"
    yield "{ things { name ... on Box { size inner { name } } } }"
    yield "{ impostor { name } numbers noNumbers tooLarge textOfNumber returned noColour }"
    yield "{ missing { name } box { name } }"
    yield "{ missingInList { name } }"
    yield "{ colours(where: {colours: [RED, GREEN]}) said(where: {colours: []}) }"
    yield 'query ($w: Filter! = {colours: [RED], note: "n"}) { colours(where: $w) said(where: $w) }'
    yield "query ($w: Filter!) { colours(where: $w) }"
    named = "fragment B on Box { name ...C } fragment C on Box { size }"
    yield "query ($n: Int = 3) { box { inner(times: $n) { ...B } } } " + named
    yield "{ box { name } box { size } b: box { ...B } ...Q } fragment Q on Query { box { inner { name } } } " + named
    yield "{ box @skip(if: true) { name } numbers @include(if: false) __typename }"
    yield '{ __schema { queryType { name fields { name } } } __type(name: "Box") { name } }'


@pytest.mark.parametrize("question", list(questions()))
def test_both_agree_on_nulls_errors_and_paths(question: str) -> None:
    variables = {"w": {"colours": ["GREEN"]}} if "Filter!)" in question else {}
    ours, theirs = both(TOY, question, **variables)
    assert ours == theirs


def test_an_asynchronous_resolver_is_an_error_and_no_answer() -> None:
    @strawberry.type
    class Asynchronous:
        @strawberry.field
        async def one(self) -> int:
            return 1

    core = strawberry.Schema(Asynchronous)._schema
    executor = Executor.build(core, parse("{ one }"), check_deadline=lambda: None)
    assert isinstance(executor, Executor)
    with pytest.raises(TypeError, match="asynchronous"):
        executor.execute_operation()


def test_the_watch_is_asked_for_each_object() -> None:
    asked: list[None] = []
    executor = Executor.build(
        TOY._schema, parse("{ box { inner(times: 5) { name } } }"), check_deadline=lambda: asked.append(None)
    )
    assert isinstance(executor, Executor)
    executor.execute_operation()
    assert len(asked) == 1 + 1 + 5
