"""Compiled operations and graphql-core give the same response, byte for byte, to random operations of the schema."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from ogpgraph.graphql.compiled.operation import CompiledOperations
from ogpgraph.graphql.context import Context
from ogpgraph.graphql.executor import CoreExecutor, Executor, VariableErrors, core_schema
from ogpgraph.graphql.schema import build_schema
from ogpgraph.system import System
from tests.graphql.random_operations import Operation, RandomOperations

SCHEMA = build_schema()
ALTERNATIVES = ({"first", "last"}, {"code", "id"}, {"position", "time"}, {"from", "fromDate"})
RARE = {"after", "before", "root"}


def generate(seed: int, number: int) -> Iterator[Operation]:
    return RandomOperations(core_schema(SCHEMA), seed, alternatives=ALTERNATIVES, rare=RARE).generate(number)


def respond(system: System, prepare: Callable[[], Executor | CoreExecutor]) -> bytes:
    """Return the response as a client receives it."""
    try:
        executor = prepare()
    except VariableErrors as invalid:
        return str(invalid).encode()
    with system.read_session() as session:
        result = executor.run(Context(session, "1"), check_deadline=lambda: None)
    return msgspec.json.encode([result.data, [error.formatted for error in result.errors or ()]])


def respond_compiled(
    system: System, operation: Operation, compiled: CompiledOperations, variables: dict[str, Any]
) -> tuple[bytes, bool]:
    """Return the response and whether it needed graphql-core."""
    executors: list[Executor] = []

    def prepare() -> Executor:
        executors.append(Executor.prepare(SCHEMA, operation.document, variables, compiled=compiled))
        return executors[0]

    response = respond(system, prepare)
    return response, not executors or "core" in vars(executors[0])


def respond_by_core(system: System, operation: Operation, variables: dict[str, Any]) -> bytes:
    return respond(system, lambda: CoreExecutor.prepare(SCHEMA, operation.document, variables))


def count_responses_without_core(system: System, seed: int, number: int) -> int:
    """Compare the responses to some operations, each with several sets of variables, in turn."""
    without_core = 0
    for operation in generate(seed, number):
        compiled = CompiledOperations()
        for variables in operation.variables:
            response, needed_core = respond_compiled(system, operation, compiled, variables)
            assert response == respond_by_core(system, operation, variables), (operation.text, variables)
            without_core += not needed_core
    return without_core


@pytest.mark.parametrize("seed", range(3))
def test_responses_are_the_same_for_every_set_of_variables(example_system: System, seed: int) -> None:
    assert count_responses_without_core(example_system, seed, 8) >= 5  # of 24; the others have errors


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 140))
def test_responses_are_the_same_for_many_operations(example_system: System, seed: int) -> None:
    count_responses_without_core(example_system, seed, 100)


def test_threads_that_share_compiled_operations_do_not_disturb_each_other(example_system: System) -> None:
    operations = [(operation, CompiledOperations()) for operation in generate(7, 8)]
    requests = [(operation, compiled, each) for operation, compiled in operations for each in operation.variables] * 2
    random.Random(7).shuffle(requests)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda request: respond_compiled(example_system, *request)[0], requests))
    expected = [respond_by_core(example_system, operation, variables) for operation, _, variables in requests]
    assert found == expected
