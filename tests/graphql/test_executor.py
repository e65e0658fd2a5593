"""The executor gives the same responses as strawberry's, including the order of errors, and stops at the deadline."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from enum import Enum
from typing import Any

import msgspec
import pytest
import strawberry
from graphql import (
    GraphQLError,
    execute,
    parse,
)

from ogpgraph.graphql import subject
from ogpgraph.graphql.compiled.operation import CompiledOperations
from ogpgraph.graphql.context import Context
from ogpgraph.graphql.executor import Executor, VariableErrors, core_schema
from ogpgraph.graphql.schema import build_schema
from ogpgraph.system import System

SCHEMA = build_schema()


def execute_with_both(schema: strawberry.Schema, query: str, context: Any = None, **variables: Any) -> tuple[Any, Any]:
    """Return the data and errors that our executor returns, and those of strawberry's."""
    document = parse(query)
    ours = Executor.prepare(schema, document, variables, compiled=CompiledOperations()).run(
        context, check_deadline=no_deadline
    )
    theirs = execute(
        core_schema(schema),
        document,
        context_value=context,
        variable_values=variables,
        executor_class=schema.execution_context_class,
    )
    return data_and_errors(ours), data_and_errors(theirs)


def no_deadline() -> None:
    pass


def data_and_errors(result: Any) -> Any:
    return msgspec.json.encode(result.data), [error.formatted for error in result.errors or []]


# ----------------------------------------------------------------------------------------------------- nulls and errors


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
        return Wrong(name="w")  # type: ignore[return-value]  # the subject of a test

    @strawberry.field
    def numbers(self) -> list[int]:
        return range(3)  # type: ignore[return-value]  # an iterable that is no list

    @strawberry.field
    def no_numbers(self) -> list[int] | None:
        return 7  # type: ignore[return-value]  # the subject of a test

    @strawberry.field
    def too_large(self) -> int | None:
        return 2**40

    @strawberry.field
    def text_of_number(self) -> str | None:
        return 5  # type: ignore[return-value]  # graphql-core converts it

    @strawberry.field
    def returned(self) -> str | None:
        return ValueError("returned")  # type: ignore[return-value]  # the subject of a test

    @strawberry.field
    def colours(self, where: Filter) -> list[Colour]:
        return where.colours

    @strawberry.field
    def note(self, where: Filter) -> str:
        return repr(where.note)

    @strawberry.field
    def no_colour(self) -> Colour | None:
        return "blue"  # type: ignore[return-value]  # the subject of a test

    @strawberry.field
    def missing(self) -> Box:
        return None  # type: ignore[return-value]  # the subject of a test

    @strawberry.field
    def missing_in_list(self) -> list[Box]:
        return [Box(name="a", size=1), None]  # type: ignore[list-item]  # the subject of a test


TOY = strawberry.Schema(Query, types=[Box])


def queries() -> Iterator[str]:
    yield "{ box { name size inner(times: 2) { name broken } } }"
    yield "{ boxes { name maybe } }"
    yield "{ boxes { broken } other: boxes { name } }"
    yield "{ things { name ... on Box { size inner { name } } } }"
    yield "{ impostor { name } numbers noNumbers tooLarge textOfNumber returned noColour }"
    yield "{ missing { name } box { name } }"
    yield "{ missingInList { name } }"
    yield "{ colours(where: {colours: [RED, GREEN]}) note(where: {colours: []}) }"
    yield 'query ($w: Filter! = {colours: [RED], note: "n"}) { colours(where: $w) note(where: $w) }'
    yield "query ($w: Filter!) { colours(where: $w) }"
    named = "fragment B on Box { name ...C } fragment C on Box { size }"
    yield "query ($n: Int = 3) { box { inner(times: $n) { ...B } } } " + named
    yield "{ box { name } box { size } b: box { ...B } ...Q } fragment Q on Query { box { inner { name } } } " + named
    yield "{ box @skip(if: true) { name } numbers @include(if: false) __typename }"
    yield '{ __schema { queryType { name fields { name } } } __type(name: "Box") { name } }'


@pytest.mark.parametrize("query", list(queries()))
def test_nulls_errors_and_paths_are_the_same_from_both(query: str) -> None:
    variables = {"w": {"colours": ["GREEN"]}} if "Filter!)" in query else {}
    ours, theirs = execute_with_both(TOY, query, **variables)
    assert ours == theirs


def test_an_asynchronous_resolver_is_an_error() -> None:
    @strawberry.type
    class AsynchronousQuery:
        @strawberry.field
        async def one(self) -> int:
            return 1

    with pytest.raises(TypeError, match=r"AsynchronousQuery\.one is asynchronous"):
        Executor.prepare(strawberry.Schema(AsynchronousQuery), parse("{ one }"))


@pytest.mark.parametrize(
    "text", ["query ($w: Filter!) { colours(where: $w) }", "query A { numbers } query B { numbers }"]
)
def test_variables_that_do_not_fit_and_unclear_operations_are_reported_before_anything_runs(text: str) -> None:
    with pytest.raises(VariableErrors) as raised:
        Executor.prepare(TOY, parse(text))
    assert len(raised.value.errors) == 1


# --------------------------------------------------------------------------------------------------------- several runs


def test_one_executor_runs_an_operation_again_without_the_errors_of_the_run_before() -> None:
    executor = Executor.prepare(TOY, parse("{ box { name } boxes { maybe name } }"), compiled=CompiledOperations())
    first, second = (executor.run(None, check_deadline=no_deadline) for _ in range(2))
    assert data_and_errors(first) == data_and_errors(second)
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
        executor = Executor.prepare(SCHEMA, document, {"language": "es"}, compiled=CompiledOperations())
        for position in range(1, session.head + 1):
            snapshot = session.at(position)
            entry = snapshot.find_entry(position)
            assert entry is not None
            event = subject.Entry.of(entry, snapshot)
            expected = execute(
                core_schema(SCHEMA),
                document,
                root_value=event,
                context_value=context,
                variable_values={"language": "es"},
                executor_class=SCHEMA.execution_context_class,
            )
            assert data_and_errors(executor.run(context, event, check_deadline=no_deadline)) == data_and_errors(
                expected
            )


# ------------------------------------------------------------------------------------------------------------- deadline


def test_the_deadline_is_checked_for_each_object() -> None:
    checks: list[None] = []
    executor = Executor.prepare(TOY, parse("{ box { inner(times: 5) { name } } }"), compiled=CompiledOperations())
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

    executor = Executor.prepare(
        schema, parse(f"{kind} {{ box {{ inner(times: 5) {{ name }} }} }}"), compiled=CompiledOperations()
    )
    with pytest.raises(Stopped):
        executor.run(None, Box(name="b", size=1), check_deadline=check_deadline)
