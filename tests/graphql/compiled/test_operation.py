"""Which operations are compiled, how often, and what their functions share and leave to graphql-core."""

from __future__ import annotations

from enum import Enum
from typing import Any, NewType

import msgspec
import pytest
import strawberry
from graphql import GraphQLError, parse
from strawberry.schema.config import StrawberryConfig
from structlog.testing import capture_logs

from ogpgraph.graphql.compiled import operation as operation_module
from ogpgraph.graphql.compiled.leaves import Refused
from ogpgraph.graphql.compiled.operation import MAX_FUNCTIONS, CompiledOperations
from ogpgraph.graphql.compiled.writer import OperationWriter
from ogpgraph.graphql.executor import CoreExecutor, Executor

conversions: list[object] = []


def parse_size(value: object) -> int:
    conversions.append(value)
    if not isinstance(value, int) or value > 100:
        raise GraphQLError("too large")
    return value


Size = NewType("Size", int)


@strawberry.enum
class Colour(Enum):
    RED = "r"


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Box(Named):
    colour: Colour | None = None

    @strawberry.field
    def inner(self, sizes: list[Size]) -> list[Box]:
        return [Box(name=f"{self.name}.{size}") for size in sizes]

    @strawberry.field
    def widths(self) -> list[list[int | None]]:
        return [[1, None], []]


@strawberry.type
class Query:
    @strawberry.field
    def boxes(self, info: strawberry.Info, number: int = 2) -> list[Box]:
        return [Box(name=f"{info.context}{each}", colour=Colour.RED) for each in range(number)]

    @strawberry.field
    def first(self) -> Named | None:
        return Box(name="first")

    @strawberry.field
    def selected(self, info: strawberry.Info) -> list[str]:
        return [getattr(each, "name", "") for each in info.selected_fields]


@strawberry.type
class Mutation:
    @strawberry.mutation
    def name(self) -> str:
        return "name"


SCALARS: dict[Any, Any] = {Size: strawberry.scalar(name="Size", serialize=int, parse_value=parse_size)}
SCHEMA = strawberry.Schema(Query, Mutation, types=[Box], config=StrawberryConfig(scalar_map=SCALARS))


def prepare(text: str, compiled: CompiledOperations, **variables: Any) -> Executor:
    return Executor.prepare(SCHEMA, parse(text), variables, compiled=compiled)


def execute(executor: Executor) -> Any:
    result = executor.run("box", check_deadline=lambda: None)
    assert result.errors is None
    return msgspec.json.decode(msgspec.json.encode(result.data))


def needs_core(text: str, **variables: Any) -> bool:
    executor = prepare(text, CompiledOperations(), **variables)
    executor.run("box", check_deadline=lambda: None)
    return "core" in vars(executor)


@pytest.mark.parametrize(
    "text",
    [
        "{ boxes { name colour } }",
        "{ boxes(number: 1) { ...B } } fragment B on Box { __typename ... on Named { name } }",
        "{ first { __typename name ... on Box { colour widths } } }",
        "query ($number: Int!, $all: Boolean = true) { boxes(number: $number) { name @include(if: $all) colour } }",
    ],
)
def test_operations_are_executed_without_graphql_core(text: str) -> None:
    assert not needs_core(text, number=3)


@pytest.mark.parametrize(
    "text",
    [
        "mutation { name again: name }",
        "{ __schema { queryType { name } } boxes { name } }",
        "{ selected }",
        "{ boxes { inner(sizes: [101]) { name } } }",
    ],
)
def test_what_a_function_does_not_express_is_left_to_graphql_core(text: str) -> None:
    assert needs_core(text)


def test_a_value_that_a_function_refuses_without_reason_is_served_and_logged() -> None:
    @strawberry.type
    class Oddity:
        @strawberry.field
        def numbers(self) -> list[int]:
            return range(2)  # type: ignore[return-value]  # graphql-core takes any iterable

    schema = strawberry.Schema(Oddity)
    executor = Executor.prepare(schema, parse("{ numbers }"), compiled=CompiledOperations())
    with capture_logs() as logs:
        assert execute(executor) == {"numbers": [0, 1]}
    assert [(each["log_level"], type(each["exc_info"])) for each in logs] == [("warning", Refused)]


def test_literal_arguments_are_converted_once_and_variables_once_for_each_request() -> None:
    compiled = CompiledOperations()
    literal = "{ boxes(number: 9) { inner(sizes: [7]) { name } } }"
    execute(prepare(literal, compiled))
    conversions.clear()
    assert execute(prepare(literal, compiled))["boxes"][8] == {"inner": [{"name": "box8.7"}]}
    assert conversions == []
    variable = "query ($size: Size!) { boxes(number: 9) { inner(sizes: [$size]) { name } } }"
    for size in (5, 6):
        executor = prepare(variable, (compiled := CompiledOperations()), size=size)
        assert execute(executor)["boxes"][0] == {"inner": [{"name": f"box0.{size}"}]}
    conversions.clear()
    execute(prepare(variable, compiled, size=8))
    assert conversions == [8]


def test_an_operation_is_compiled_once_for_each_combination_of_its_conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[OperationWriter] = []

    def write(*arguments: Any) -> OperationWriter:
        written.append(OperationWriter(*arguments))
        return written[-1]

    monkeypatch.setattr(operation_module, "OperationWriter", write)
    text, compiled = "query ($c: Boolean!) { boxes { name @include(if: $c) __typename } }", CompiledOperations()
    for condition in (True, False, True, False):
        names = [set(each) for each in execute(prepare(text, compiled, c=condition))["boxes"]]
        assert names == [{"name", "__typename"} if condition else {"__typename"}] * 2
    assert len(written) == 2


def test_a_document_has_a_bounded_number_of_functions() -> None:
    fields = " ".join(f"f{number}: __typename @include(if: $c{number})" for number in range(5))
    text = f"query ({', '.join(f'$c{number}: Boolean!' for number in range(5))}) {{ boxes {{ {fields} name }} }}"
    compiled, without_core = CompiledOperations(), 0
    for number in range(32):
        executor = prepare(text, compiled, **{f"c{bit}": bool(number >> bit & 1) for bit in range(5)})
        execute(executor)
        without_core += "core" not in vars(executor)
    assert without_core == MAX_FUNCTIONS


def test_a_document_with_very_many_fields_is_left_to_graphql_core() -> None:
    fields = " ".join(f"f{number}: name" for number in range(2_001))
    assert needs_core(f"{{ boxes {{ {fields} }} }}")


def test_the_source_is_readable_and_has_one_function_for_each_type_and_selection() -> None:
    document = parse(
        "query ($n: Int) { a: boxes(number: $n) { ...B } b: boxes(number: 1) { ...B } } fragment B on Box { name }"
    )
    writer = OperationWriter(SCHEMA, CoreExecutor.prepare(SCHEMA, document), 100)
    name = writer.write_fields(*writer.collect_root())
    source = "\n".join(writer.lines)
    assert source.count("def select_Box") == 2  # they may select other fields elsewhere
    assert f"def {name}(source, run):" in source
    assert "name': v if type(v := source.name) is str else complete_required_String" in source
    assert "(source, info=run, **run.arguments[0])" in source
