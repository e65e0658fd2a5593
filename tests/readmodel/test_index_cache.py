"""The indexes of a process: each is built once, outside the lock, and only a few are cached."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from ogpgraph.readmodel import index
from ogpgraph.readmodel.index import CACHED_PER_TYPE, Index, IndexCache, IndexKey
from ogpgraph.storage.database import StatementCancelled, Transaction
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES
from tests.support.writers import change_title, register_commitment

pytestmark = BOTH_ENGINES
WAIT_SECONDS = 60
PAST = 4
Build = Callable[[Transaction, str, IndexKey], Index]


@pytest.fixture
def filled(system: System) -> System:
    """A log of sixteen entries; the index of commitments changes with each."""
    for number in range(4):
        register_commitment(system, f"FR{number:04}")
        change_title(system, f"FR{number:04}", f"Title {number}")
    for number in range(4):
        change_title(system, f"FR{number:04}", f"Another title {number}")
    return system


class BlockedBuild:
    """Blocks each build of the index at one position until it is released; counts all builds by position."""

    def __init__(self, build: Build, position: int) -> None:
        self._build = build
        self._position = position
        self._released = threading.Event()
        self.has_begun = threading.Event()
        self.built: list[int] = []
        self.error: Exception | None = None

    def __call__(self, transaction: Transaction, aggregate_type: str, key: IndexKey) -> Index:
        self.built.append(key.position)
        if key.position == self._position:
            self.has_begun.set()
            assert self._released.wait(WAIT_SECONDS)
            if (error := self.error) is not None:
                self.error = None
                raise error
        return self._build(transaction, aggregate_type, key)

    def release(self) -> None:
        self._released.set()


@pytest.fixture
def blocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[BlockedBuild]:
    blocked = BlockedBuild(index.build_index, PAST)
    monkeypatch.setattr(index, "build_index", blocked)
    yield blocked
    blocked.release()


@contextmanager
def reader_of_the_past(system: System, indexes: IndexCache) -> Iterator[Callable[[], Future[Index]]]:
    """Starts threads that read the index of a past position."""

    def read() -> Index:
        with system.read_session() as session:
            return indexes.get(session.transaction, "commitment", IndexKey(PAST))

    with ThreadPoolExecutor(2) as threads:
        yield lambda: threads.submit(read)


def test_reader_of_the_present_does_not_wait_for_an_index_of_the_past(filled: System, blocked: BlockedBuild) -> None:
    indexes = IndexCache()
    with reader_of_the_past(filled, indexes) as read_past, filled.read_session() as session:
        past = read_past()
        try:
            assert blocked.has_begun.wait(WAIT_SECONDS)
            present = indexes.get(session.transaction, "commitment", IndexKey(session.head))
            assert not past.done()
        finally:
            blocked.release()
        assert present == index.build_index(session.transaction, "commitment", IndexKey(session.head))
        assert past.result(WAIT_SECONDS) == index.build_index(session.transaction, "commitment", IndexKey(PAST))


def test_readers_of_the_same_position_share_one_build(filled: System, blocked: BlockedBuild) -> None:
    indexes = IndexCache()
    with reader_of_the_past(filled, indexes) as read_past:
        first = read_past()
        assert blocked.has_begun.wait(WAIT_SECONDS)
        second = read_past()
        blocked.release()
        assert first.result(WAIT_SECONDS) is second.result(WAIT_SECONDS)
    assert blocked.built == [PAST]


def test_cancelled_build_fails_for_its_own_reader_only(filled: System, blocked: BlockedBuild) -> None:
    indexes = IndexCache()
    blocked.error = StatementCancelled("the reader's time is over")
    with reader_of_the_past(filled, indexes) as read_past:
        first = read_past()
        assert blocked.has_begun.wait(WAIT_SECONDS)
        second = read_past()
        blocked.release()
        outcomes = [each.exception(WAIT_SECONDS) for each in (first, second)]
    assert [type(outcome) for outcome in outcomes] == [StatementCancelled, type(None)]
    assert second.result().position == PAST


def test_index_of_the_present_stays_cached_while_many_of_the_past_are_read(
    filled: System, blocked: BlockedBuild
) -> None:
    blocked.release()
    indexes = IndexCache()
    with filled.read_session() as session:
        present = indexes.get(session.transaction, "commitment", IndexKey(session.head))
        for position in range(1, session.head):
            indexes.get(session.transaction, "commitment", IndexKey(position))
        assert indexes.get(session.transaction, "commitment", IndexKey(session.head)) is present
    assert blocked.built.count(session.head) == 1


def test_only_a_few_indexes_of_a_type_are_cached(filled: System) -> None:
    indexes = IndexCache()
    with filled.read_session() as session:
        for position in range(1, session.head + 1):
            indexes.get(session.transaction, "commitment", IndexKey(position))
    assert len(indexes._indexes["commitment"]) == CACHED_PER_TYPE
