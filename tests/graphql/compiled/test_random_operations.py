"""Compiled operations give the response that graphql-core gives without any cache, byte for byte, to random requests.

Queries and subscriptions are compared; then something is written or removed and time passes, and they are compared
again. Mutations are among the writes: graphql-core must write the same payload. The requests of the long comparison are
those of a seed, which it prints and which `OGPGRAPH_TEST_SEED` chooses.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from graphql import OperationType

from ogpgraph.readmodel import index_cache
from ogpgraph.readmodel.fragment_cache import FragmentCache
from ogpgraph.storage.byte_cache import ByteCache
from ogpgraph.system import migrate, open_system
from tests.conftest import BOTH_ENGINES, DatabaseFactory
from tests.graphql.compiled.both_ways import CORE_SCHEMA, BothWays
from tests.graphql.example_log import record_example, sequential_ids
from tests.graphql.random_values import RandomValues
from tests.graphql.random_writes import RandomWrites, SetClock
from tests.graphql.reachable import list_reachable
from tests.graphql.shrinking import shrink

SMALLEST_SHARE = 0.6
"""At least this share of the responses comes without graphql-core: most others have errors."""

SEED = int(os.environ.get("OGPGRAPH_TEST_SEED") or random.SystemRandom().randrange(10**6))


@contextmanager
def serve_both_ways(
    url: str, seed: int, writes: int = 20, *, elsewhere: bool = False
) -> Iterator[tuple[BothWays, RandomWrites]]:
    """A record that has something of everything, and grows: by this system, or by one `elsewhere`."""
    clock, new_id = SetClock(datetime(2026, 1, 1, tzinfo=UTC)), sequential_ids()
    migrate(url, clock=clock, new_id=new_id)
    with ExitStack() as stack:
        system = stack.enter_context(open_system(url, clock=clock, new_id=new_id))
        record_example(system)
        clock.now += timedelta(days=1)
        writer = stack.enter_context(open_system(url, clock=clock, new_id=new_id)) if elsewhere else system
        yield BothWays(system, url, clock, seed), RandomWrites(writer, clock, seed, writes)


def compare_rounds(both: BothWays, writes: RandomWrites, rounds: int, number: int) -> None:
    """Compare the responses to some queries and subscriptions, and compare them again after writes."""
    for _ in range(rounds):
        both.learn_values()
        operations = both.generate(number)
        subscriptions = both.generate(2, kind=OperationType.SUBSCRIPTION)
        both.compare_all(operations)
        both.compare_subscriptions(subscriptions)
        for mutation in both.generate(4, variable_sets=1, kind=OperationType.MUTATION):
            writes.send(mutation)
        writes.write(both.values)
        both.compare_all(operations)
        both.compare_subscriptions(subscriptions)
        both.forget_documents()


def bound_caches(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Have each cache drop what exceeds so many bytes, or, of indexes, three."""
    begin, begin_fragments = ByteCache.__init__, FragmentCache.__init__
    monkeypatch.setattr(
        ByteCache, "__init__", lambda cache, max_bytes, *rest: begin(cache, min(max_bytes, most), *rest)
    )
    monkeypatch.setattr(FragmentCache, "__init__", lambda cache: begin_fragments(cache, 10 * most))
    monkeypatch.setattr(index_cache, "MAX_PAST_INDEXES", 3)


@pytest.fixture
def tiny_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have caches drop nearly everything that they get."""
    bound_caches(monkeypatch, 40_000)


def test_responses_are_the_same_before_and_after_writes(new_database: DatabaseFactory) -> None:
    with serve_both_ways(new_database(), 1) as (both, writes):
        compare_rounds(both, writes, rounds=6, number=7)
        assert both.compared > 200
        assert both.compiled_share > SMALLEST_SHARE
        assert len(both.find_never_asked()) < len(list_reachable(CORE_SCHEMA)) / 2


@pytest.mark.usefixtures("tiny_caches")
def test_responses_are_the_same_where_caches_keep_nearly_nothing(new_database: DatabaseFactory) -> None:
    with serve_both_ways(new_database(), 2) as (both, writes):
        compare_rounds(both, writes, rounds=2, number=7)


@pytest.mark.usefixtures("tiny_caches")
def test_threads_that_share_everything_do_not_disturb_each_other_nor_writes(new_database: DatabaseFactory) -> None:
    with serve_both_ways(new_database(), 3) as (both, writes):
        both.learn_values()
        operations = both.generate(10)
        requests = [(operation, each) for operation in operations for each in operation.variables] * 3
        random.Random(3).shuffle(requests)
        with ThreadPoolExecutor(4) as threads:
            differences = threads.map(lambda request: both.find_difference_in_session(*request), requests)
            for _ in range(5):
                writes.write(RandomValues(random.Random(3)))
            assert [each for each in differences if each] == []
        both.compare_all(operations)  # with what is in the caches now


@pytest.mark.parametrize("knows_responses", [False, True], ids=["from tables", "from memory"])
def test_what_is_written_during_a_session_does_not_change_its_responses(
    new_database: DatabaseFactory, *, knows_responses: bool
) -> None:
    with serve_both_ways(new_database(), 5) as (both, writes):
        both.learn_values()
        for operation in both.generate(6, variable_sets=1):
            variables = operation.variables[0]
            if knows_responses:
                both.respond_compiled(operation, variables)
            difference = both.find_difference_in_session(
                operation, variables, meanwhile=lambda: writes.write(both.values)
            )
            assert difference is None


@BOTH_ENGINES
@pytest.mark.long
@pytest.mark.parametrize("number", range(12))
def test_responses_are_the_same_to_thousands_of_requests(
    new_database: DatabaseFactory, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if number % 2:
        bound_caches(monkeypatch, 10**number)
    seed = SEED * 100 + number
    print(f"repeat with OGPGRAPH_TEST_SEED={SEED}, as number {number}")  # noqa: T201 - shown where it fails
    with serve_both_ways(new_database(), seed, writes=40, elsewhere=number % 3 == 2) as (both, writes):
        compare_rounds(both, writes, rounds=20, number=7)
        assert both.compared > 500
        assert both.compiled_share > SMALLEST_SHARE


@pytest.mark.long
def test_requests_ask_for_every_field_argument_and_input_field(new_database: DatabaseFactory) -> None:
    with serve_both_ways(new_database(), 4) as (both, _):
        both.learn_values()
        for _ in range(90):
            if both.find_never_asked():
                both.generate(50, variable_sets=1)
        assert both.find_never_asked() == set()


def test_a_document_is_shrunk_to_what_makes_the_difference() -> None:
    text = (
        "query ($a: String!, $b: String!) { meta { position } ...F x: member(code: $b) { code } } "
        "fragment F on Query { member(code: $a) { ...G name } } fragment G on Member { id region status }"
    )
    shrunk = shrink(text, CORE_SCHEMA, lambda each: "region" in each)
    assert " ".join(shrunk.split()) == (
        "query ($a: String!) { ...F } fragment F on Query { member(code: $a) { ...G } } fragment G on Member { region }"
    )
