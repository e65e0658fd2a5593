"""Indexes that follow each change, and indexes of the past, have what the events up to their position say."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import Phase, given, settings

from ogpgraph.domain.aggregate import aggregate_type_of
from ogpgraph.readmodel.dimension_tags import FOREVER
from ogpgraph.readmodel.index import Index
from ogpgraph.readmodel.index_cache import IndexKey, PastIndexes, PresentIndexes
from ogpgraph.readmodel.index_rows import read_change
from ogpgraph.readmodel.sort_keys import BY_CODE, Order, SortStep, build_sort_key, encode_order, number_key
from ogpgraph.readmodel.tags import code_of
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES, SystemFactory
from tests.readmodel.histories import Step, histories, record_history
from tests.readmodel.replay import Replay, iter_replay

pytestmark = [pytest.mark.slow, BOTH_ENGINES]
NAMES = count()
TYPES = ("member", "plan", "commitment", "source")
ORDERS: list[Order] = [
    BY_CODE,
    (SortStep("changed", descending=True),),
    (SortStep("status", nulls_first=True), SortStep("rating:COMPLETION", descending=True)),
    (SortStep("endsOn", descending=True), SortStep("cycle")),
]
A_FEW = settings(max_examples=4, phases=[Phase.generate])


@A_FEW
@given(history=histories)
def test_indexes_have_at_every_position_what_the_events_say(make_system: SystemFactory, history: list[Step]) -> None:
    system = make_system(f"log-{next(NAMES)}")
    record_history(system, history)
    _check_every_position(system)


def _check_every_position(system: System) -> None:
    with system.read_session() as session:
        transaction, head = session.transaction, session.head
        latest, past = PresentIndexes.load(transaction, head), PastIndexes()
        advanced = PresentIndexes.load(transaction, 0)
        for position, replay in _iter_some(system, head):
            change = read_change(transaction, advanced.position, position)
            earlier = advanced
            advanced = advanced.advance(change)
            loaded = PresentIndexes.load(transaction, position)
            for name in TYPES:
                expected = _describe_replay(replay, name)
                assert _describe(loaded.of_type(name)) == expected
                assert _describe(advanced.of_type(name)) == expected
                assert _describe(past.get(latest, transaction, name, IndexKey(position))) == expected
            then = earlier.position
            # What a later change leads to leaves the index that a reader still has as it is.
            assert _describe(earlier.of_type("commitment")) == _describe(
                past.get(latest, transaction, "commitment", IndexKey(then))
            )


def _iter_some(system: System, head: int) -> Iterator[tuple[int, Replay]]:
    """Yield about every third position, and the last."""
    for position, replay, _ in iter_replay(system):
        if position % 3 == 1 or position == head:
            yield position, replay


def _describe(index: Index) -> dict[str, object]:
    slots = index.streams.slots
    tags = {
        (stream, dimension, value)
        for dimension, values in index.postings.items()
        for value, posting in values.items()
        for stream in index.iter_ids(posting.mask())
    }
    streams = list(index.iter_ids((1 << index.count) - 1))
    return {
        "tags": tags,
        "listed": set(index.iter_ids(index.universe)),
        "since": {each: index.streams.version_at(slots[each], index.position) for each in streams},
        "orders": [list(index.sort_index(order).iter_keys()) for order in ORDERS],
    }


def _describe_replay(replay: Replay, aggregate_type: str) -> dict[str, object]:
    of_type = {each: state for each, state in replay.aggregates.items() if state.type == aggregate_type}
    tags = {
        (stream, tag.dimension, tag.value)
        for stream, tag in replay.tags()
        if tag.end_day == FOREVER and aggregate_type_of(stream) == aggregate_type
    }
    values: dict[tuple[str, str], list[str]] = {}
    for stream, dimension, value in tags:
        values.setdefault((stream, dimension), []).append(value)

    def sort_text(stream: str, step: SortStep) -> str:
        match step.name:
            case "code":
                keys = [code_of(of_type[stream])]
            case "changed":
                keys = [number_key(replay.since[stream])]
            case dimension:
                found = (
                    build_sort_key(aggregate_type, dimension, each) for each in values.get((stream, dimension), [])
                )
                keys = [key for key in found if key is not None]
        return step.text(min(keys)) if keys else step.null

    return {
        "tags": tags,
        "listed": {each for each, state in of_type.items() if code_of(state)},
        "since": {each: replay.since[each] for each in of_type},
        "orders": [
            sorted(
                (encode_order(order), *(sort_text(each, step) for step in order), code_of(state), each)
                for each, state in of_type.items()
            )
            for order in ORDERS
        ],
    }
