"""Garbage in cycles is collected while the process is idle, or once it has grown; nothing of the start is looked at."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from ogpgraph.web.garbage_collection import (
    CHECK_SECONDS,
    LOADING_SECONDS,
    MAX_GROWTH_BYTES,
    MIN_SECONDS,
    IdleCollector,
    collect_when_idle,
    read_resident_bytes,
)


class Process:
    """What a collector asks of its process, as a test sets it."""

    def __init__(self) -> None:
        self.now = self.used = 0.0
        self.size = 1 << 30

    def pass_seconds(self, seconds: float, *, busy: bool) -> None:
        self.now += seconds
        self.used += seconds * (0.9 if busy else 0.01)


class Node:
    """An object that refers to itself."""

    def __init__(self) -> None:
        self.itself = self


def create_old_garbage() -> weakref.ref[Node]:
    """Return a reference to garbage that has survived the collections of the young."""
    node = Node()
    gc.collect(1)
    return weakref.ref(node)


@pytest.fixture
def process() -> Process:
    return Process()


@pytest.fixture(autouse=True)
def freeze_again() -> Iterator[None]:
    """Freeze what there is after a test, as it was before: a collection of all tests' objects takes long."""
    yield
    gc.freeze()


@pytest.fixture
def collector(process: Process) -> IdleCollector:
    return IdleCollector(
        clock=lambda: process.now, used_seconds=lambda: process.used, resident_bytes=lambda: process.size
    )


def test_an_idle_process_collects_all_garbage(process: Process, collector: IdleCollector) -> None:
    garbage = create_old_garbage()
    process.pass_seconds(MIN_SECONDS, busy=False)
    assert collector.check()
    assert garbage() is None


def test_a_busy_process_collects_no_old_garbage_until_it_has_grown(process: Process, collector: IdleCollector) -> None:
    garbage = create_old_garbage()
    for _ in range(60):
        process.pass_seconds(CHECK_SECONDS, busy=True)
        assert not collector.check()
    assert garbage() is not None
    process.size += MAX_GROWTH_BYTES + 1
    process.pass_seconds(CHECK_SECONDS, busy=True)
    assert collector.check()
    assert garbage() is None


def test_a_process_that_grows_all_the_time_collects_only_now_and_then(
    process: Process, collector: IdleCollector
) -> None:
    collections = 0
    for _ in range(int(10 * MIN_SECONDS / CHECK_SECONDS)):
        process.size += MAX_GROWTH_BYTES + 1
        process.pass_seconds(CHECK_SECONDS, busy=True)
        collections += collector.check()
    assert 5 <= collections <= 10


@pytest.mark.parametrize("is_loading", [True, False])
def test_what_survives_the_collections_of_the_young_is_frozen_while_a_process_loads(
    process: Process, is_loading: bool
) -> None:
    collector = IdleCollector(clock=lambda: process.now, is_loading=lambda: is_loading)
    gc.callbacks.append(collector.note_collection)
    try:
        garbage, loaded = weakref.ref(Node()), Node()
        gc.collect(1)
        is_frozen = not any(each is loaded for each in gc.get_objects())
    finally:
        gc.callbacks.remove(collector.note_collection)
    assert garbage() is None
    assert loaded.itself is loaded
    assert is_frozen is is_loading


def test_a_process_that_loads_is_not_stopped_by_what_it_loads_until_it_takes_too_long(process: Process) -> None:
    collector = IdleCollector(
        clock=lambda: process.now,
        used_seconds=lambda: process.used,
        resident_bytes=lambda: process.size,
        is_loading=lambda: True,
    )
    while process.now + CHECK_SECONDS < LOADING_SECONDS:
        process.size += MAX_GROWTH_BYTES + 1
        process.pass_seconds(CHECK_SECONDS, busy=True)
        assert not collector.check()
    process.size += MAX_GROWTH_BYTES + 1
    process.pass_seconds(MIN_SECONDS, busy=True)
    assert collector.check()


def test_a_process_that_did_nothing_does_not_collect(process: Process, collector: IdleCollector) -> None:
    create_old_garbage()
    process.pass_seconds(MIN_SECONDS, busy=False)
    assert collector.check()
    gc.disable()
    process.pass_seconds(MIN_SECONDS, busy=False)
    assert not collector.check()
    gc.enable()


@pytest.mark.anyio
async def test_objects_of_the_start_are_frozen_and_the_collector_is_as_before_at_the_end() -> None:
    before = gc.get_threshold()
    async with collect_when_idle():
        assert gc.get_freeze_count() > 10_000
        assert gc.get_threshold() != before
    assert gc.get_threshold() == before
    assert not gc.get_freeze_count()
    assert read_resident_bytes() > 1_000_000


@pytest.mark.anyio
async def test_garbage_is_collected_after_a_start_without_collections() -> None:
    gc.disable()
    try:
        async with collect_when_idle():
            assert gc.isenabled()
    finally:
        gc.enable()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
