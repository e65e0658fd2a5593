"""The executor against strawberry's own: whatever is asked, both answer the same, errors and their order included."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Iterator
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

from ogpgraph.graphql import types
from ogpgraph.graphql.context import Context
from ogpgraph.graphql.executor import Executor, VariableErrors, core_schema
from ogpgraph.graphql.schema import build_schema
from ogpgraph.system import System

SCHEMA = build_schema()


def both(schema: strawberry.Schema, query: str, context: Any = None, **variables: Any) -> tuple[Any, Any]:
    """What our executor and strawberry's answer, each as its data and errors."""
    document = parse(query)
    ours = Executor.prepare(schema, document, variables).run(context, check_deadline=no_deadline)
    theirs = execute(
        core_schema(schema),
        document,
        context_value=context,
        variable_values=variables,
        executor_class=schema.execution_context_class,
    )
    return plain(ours), plain(theirs)


def no_deadline() -> None:
    pass


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

    executor = Executor.prepare(strawberry.Schema(Asynchronous), parse("{ one }"))
    with pytest.raises(TypeError, match="asynchronous"):
        executor.run(None, check_deadline=no_deadline)


@pytest.mark.parametrize(
    "text", ["query ($w: Filter!) { colours(where: $w) }", "query A { numbers } query B { numbers }"]
)
def test_variables_that_do_not_fit_and_unclear_operations_are_reported_before_anything_runs(text: str) -> None:
    with pytest.raises(VariableErrors) as raised:
        Executor.prepare(TOY, parse(text))
    assert len(raised.value.errors) == 1


# ------------------------------------------------------------------------------------------------------- several runs


def test_one_executor_runs_an_operation_again_without_the_errors_of_the_run_before() -> None:
    executor = Executor.prepare(TOY, parse("{ box { name } boxes { maybe name } }"))
    first, second = (executor.run(None, check_deadline=no_deadline) for _ in range(2))
    assert plain(first) == plain(second)
    assert len(first.errors or []) == 2


EVENTS = """
subscription Entries($language: String) {
  __typename
  entries {
    position kind recordedAt changes { path before after }
    subject { __typename id ... on Commitment { title(language: $language) milestones { number title } } }
    source { url language }
  }
}
"""


@pytest.mark.parametrize(
    "text", [EVENTS, "subscription { e: entries { ...E } } fragment E on Entry { id actor cause }"]
)
def test_one_executor_answers_each_event_of_a_subscription_as_graphql_core_does(
    example_system: System, text: str
) -> None:
    document = parse(text)
    with example_system.read_session() as session:
        context = Context(session, "1")
        executor = Executor.prepare(SCHEMA, document, {"language": "es"})
        for position in range(1, session.head + 1):
            snapshot = session.at(position)
            entry = snapshot.find_entry(position)
            assert entry is not None
            event = types.Entry.of(entry, snapshot)
            expected = execute(
                core_schema(SCHEMA),
                document,
                root_value=event,
                context_value=context,
                variable_values={"language": "es"},
                executor_class=SCHEMA.execution_context_class,
            )
            assert plain(executor.run(context, event, check_deadline=no_deadline)) == plain(expected)


# ----------------------------------------------------------------------------------------------------------- deadline


def test_the_deadline_is_checked_for_each_object() -> None:
    checks: list[None] = []
    executor = Executor.prepare(TOY, parse("{ box { inner(times: 5) { name } } }"))
    executor.run(None, check_deadline=lambda: checks.append(None))
    assert len(checks) == 1 + 1 + 5


class Stopped(BaseException):
    pass


@pytest.mark.parametrize("kind", ["query", "mutation", "subscription"])
def test_an_operation_is_stopped_by_what_the_check_of_the_deadline_raises(kind: str) -> None:
    @strawberry.type
    class Mutation:
        @strawberry.mutation
        def box(self) -> Box:
            return Box(name="b", size=1)

    @strawberry.type
    class Subscription:
        @strawberry.subscription
        async def box(self) -> AsyncGenerator[Box, None]:
            yield Box(name="b", size=1)

    schema = strawberry.Schema(Query, Mutation, Subscription, types=[Box])
    remaining = iter([None, None, None])

    def check_deadline() -> None:
        if next(remaining, Stopped) is Stopped:
            raise Stopped

    executor = Executor.prepare(schema, parse(f"{kind} {{ box {{ inner(times: 5) {{ name }} }} }}"))
    with pytest.raises(Stopped):
        executor.run(None, Box(name="b", size=1), check_deadline=check_deadline)
