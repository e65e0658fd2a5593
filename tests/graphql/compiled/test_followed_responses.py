"""A response that is kept across a write is the one that graphql-core reads after it, byte for byte.

The documents select what is followed: lists by random filters and orders, what these lead to, facets, things by their
codes, and entries. They are sent after each of many small writes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
import pytest
from graphql import GraphQLInputObjectType, parse

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.graphql.compiled.operation import CompiledOperations
from ogpgraph.graphql.context import Context
from ogpgraph.graphql.executor import Executor, VariableErrors
from ogpgraph.graphql.facets import Dimension
from ogpgraph.readmodel.aggregate_snapshot import AggregateSnapshot
from ogpgraph.readmodel.index import Index, Values
from ogpgraph.readmodel.kept_responses import KeptData
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES, DatabaseFactory
from tests.graphql.compiled.both_ways import CORE_SCHEMA, SCHEMA, BothWays, respond_by_core
from tests.graphql.compiled.test_random_operations import SEED, bound_caches, serve_both_ways
from tests.graphql.random_operations import Operation
from tests.graphql.random_values import RandomValues
from tests.graphql.random_writes import RandomWrites

PLAN = "title member { code name } commitments(first: 2, orderBy: $by) { totalCount nodes { code } }"
COMMITMENT = f"id code title status ratings {{ indicator value }} milestones {{ title }} actionPlan {{ {PLAN} }}"
LISTS = {
    "commitments": COMMITMENT,
    "actionPlans": f"code {PLAN}",
    "members": "code name actionPlans(where: {commitments: $of}) { nodes { title commitments { totalCount } } }",
}
FILTERS = {"commitments": "CommitmentFilter", "actionPlans": "ActionPlanFilter", "members": "MemberFilter"}
ORDERS = {"commitments": "CommitmentOrder", "actionPlans": "ActionPlanOrder", "members": "MemberOrder"}
"""Lists with what is selected of their nodes, and the inputs of their arguments."""
NAMED = {
    "commitment(code: $code)": (COMMITMENT, "commitment codes"),
    "member(code: $code)": ("code name commitments(orderBy: $by) { nodes { code title } }", "member codes"),
    "actionPlan(code: $code)": (f"id code {PLAN}", "plan codes"),
}
PARTIAL_FILTERS = {"text", "changedSince", "overdue"}
"""Lists by these are not followed."""


def write_documents(chance: random.Random) -> Iterator[str]:
    """Yield documents whose responses are followed."""
    for name, nodes in LISTS.items():
        declared = f"$where: {FILTERS[name]}, $order: [{ORDERS[name]}!], $of: CommitmentFilter, $by: [CommitmentOrder!]"
        selected = f"{name}(where: $where, orderBy: $order, first: 4)"
        counted = chance.sample([each.name for each in Dimension], 2)
        counts = "values { value count across { count } }"
        facets = f"facets(dimensions: [{counted[0]}], across: {counted[1]}) {{ {counts} }}"
        yield f"query ({declared}) {{ {selected} {{ totalCount nodes {{ {nodes} }} }} }}"
        if name == "commitments":
            yield f"query ({declared}) {{ {selected} {{ {facets} }} again: {selected} {{ totalCount }} }}"
    for named, (fields, _) in NAMED.items():
        yield f"query ($code: String!, $by: [CommitmentOrder!]) {{ {named} {{ {fields} }} }}"
    yield "query ($before: String) { entries(last: 3, before: $before) { nodes { position subject { code } } } }"


def prune(text: str) -> str:
    """Return a document without the declarations of variables that it does not use."""
    head, _, body = text.partition("{")
    declared = head.partition("(")[2].rpartition(")")[0].split(", ")
    used = [each for each in declared if each.partition(":")[0] in body]
    return f"query ({', '.join(used)}) {{{body}"


def choose_variables(values: RandomValues, text: str) -> dict[str, Any]:
    """Return variables for a document, most of which are followed."""
    found: dict[str, Any] = {}
    for declared in text.partition("(")[2].partition(")")[0].split(", "):
        name, _, type_name = declared[1:].partition(": ")
        type_ = CORE_SCHEMA.type_map.get(type_name.strip("[]!"))
        if isinstance(type_, GraphQLInputObjectType):
            value = values.choose(type_, type_.name)
            found[name] = [value] if value and type_name.startswith("[") else without_partial(value or None)
        elif name == "before":
            found[name] = (values.known("entry cursors") or [None])[-1]
        else:
            pool = next(pool for field, (_, pool) in NAMED.items() if field in text)
            found[name] = (values.known(pool) or ["URY"])[0]
    return found


def without_partial(value: Any) -> Any:
    if isinstance(value, list):
        return [without_partial(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: without_partial(each) for name, each in value.items() if name not in PARTIAL_FILTERS}


class Followed:
    """Requests whose responses are followed, and how many were kept across a write."""

    def __init__(self, both: BothWays, sets: int) -> None:
        self._both = both
        self.kept = 0
        texts = [prune(each) for each in write_documents(both.chance)]
        self.requests = [(each, choose_variables(both.values, each)) for each in texts for _ in range(sets)]

    def compare(self) -> None:
        """Compare what is kept of all responses with what graphql-core reads, then read the others."""
        with self._both.open_oracle() as oracle:
            for text, variables in self.requests:
                operation = Operation(text, parse(text), (variables,))
                kept = self._find(operation, variables, self._both.system)
                if kept is not None:
                    self.kept += 1
                    expected = msgspec.json.decode(respond_by_core(oracle, operation, variables))
                    assert [msgspec.json.decode(kept.data), []] == expected, f"{text}\nwith {variables}"
                else:
                    self._both.compare(operation, variables, oracle)

    def _find(self, operation: Operation, variables: dict[str, Any], system: System) -> KeptData | None:
        compiled = self._both.compiled_of(operation)
        try:
            executor = Executor.prepare(SCHEMA, operation.document, variables, compiled=compiled)
        except VariableErrors:
            return None
        with system.read_session() as session:  # loads what other processes have written
            return executor.find_kept(session.whole_state, session.record_version)


@contextmanager
def follow(url: str, seed: int, writes: int, sets: int) -> Iterator[tuple[Followed, BothWays, RandomWrites]]:
    with serve_both_ways(url, seed, writes) as (both, random_writes):
        both.learn_values()
        yield Followed(both, sets), both, random_writes


def test_what_is_kept_across_a_write_is_what_is_read_after_it(new_database: DatabaseFactory) -> None:
    with follow(new_database(), 5, 20, 2) as (followed, both, writes):
        followed.compare()
        for _ in range(7):
            writes.write(both.values)
            followed.compare()
        assert followed.kept > 10


@BOTH_ENGINES
@pytest.mark.long
@pytest.mark.parametrize("number", range(10))
def test_what_is_kept_across_very_many_writes_is_what_is_read(
    new_database: DatabaseFactory, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if number % 2:
        bound_caches(monkeypatch, 10 ** (number + 2))
    print(f"repeat with OGPGRAPH_TEST_SEED={SEED}, as number {number}")  # noqa: T201 - shown where it fails
    with follow(new_database(), SEED * 100 + number, 60, 5) as (followed, both, writes):
        for _ in range(30):
            both.learn_values()
            followed.compare()
            writes.write(both.values)
        assert number % 2 or followed.kept > 100


class Reading:
    """What is read at the head of a system in whatever way: values of dimensions, and aggregates that are loaded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.dimensions: set[tuple[str, str]] = set()
        self.streams: set[str] = set()
        read_values, add = Index.values, AggregateSnapshot.add

        def values(index: Index, dimension: str) -> Values:
            self.dimensions.add((index.aggregate_type, dimension))
            return read_values(index, dimension)

        def add_loaded(snapshot: AggregateSnapshot, aggregate: Aggregate, since: int) -> None:
            if snapshot.position == snapshot.session.state.position:
                self.streams.add(aggregate.id)
            add(snapshot, aggregate, since)

        monkeypatch.setattr(Index, "values", values)
        monkeypatch.setattr(AggregateSnapshot, "add", add_loaded)

    def clear(self) -> None:
        self.dimensions, self.streams = set(), set()


def test_all_that_is_read_is_noted(new_database: DatabaseFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    with follow(new_database(), 6, 1, 4) as (followed, both, _):
        reading, noted = Reading(monkeypatch), 0
        for text, variables in followed.requests:
            with both.open_oracle() as system:  # a process that has nothing in its caches
                reading.clear()
                executor = Executor.prepare(SCHEMA, parse(text), variables, compiled=CompiledOperations())
                with suppress(Exception), system.read_session() as session:
                    executor.run_compiled(Context(session, "1"), check_deadline=lambda: None)
                kept = executor.find_kept(system.model.state, system.model.confirm().record_version)
                if kept is None or not kept.is_followed or system.model.state is None:
                    continue
                noted += 1
                streams = system.model.state.streams
                loaded = streams.numbers_at(streams.version_at(each, streams.position) for each in reading.streams)
                assert loaded <= kept.streams, text
                assert reading.dimensions <= set(kept.dimensions), text
        assert noted > len(followed.requests) / 2
