"""The indexes of a process: no reader waits for what another reads of the past, and only a bounded part is kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ogpgraph.readmodel import index_cache
from ogpgraph.readmodel.index import Checkpoint, Index
from ogpgraph.readmodel.index_cache import IndexKey, PastIndexes, PresentIndexes
from ogpgraph.readmodel.index_rows import read_change, read_history
from ogpgraph.readmodel.session import ReadSession
from ogpgraph.readmodel.sort_keys import BY_CODE, SortStep
from ogpgraph.readmodel.streams import StreamTable
from ogpgraph.readmodel.tag_history import TagHistory
from ogpgraph.storage.database import StatementCancelled, Transaction
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES
from tests.support.writers import change_title, register_commitment

pytestmark = BOTH_ENGINES
WAIT_SECONDS = 60
PAST = IndexKey(4)


@pytest.fixture
def filled(system: System) -> System:
    """A log of sixteen entries; the titles of commitments change with each."""
    for number in range(4):
        register_commitment(system, f"FR{number:04}")
        change_title(system, f"FR{number:04}", f"Title {number}")
    for number in range(4):
        change_title(system, f"FR{number:04}", f"Another title {number}")
    for number in range(4):
        change_title(system, f"FR{number:04}", f"Third title {number}")
    return system


class BlockedRead:
    """Blocks the first reading of all tags of a dimension until it is released; counts them."""

    def __init__(self) -> None:
        self._read = read_history
        self._released = threading.Event()
        self.has_begun = threading.Event()
        self.count = 0
        self.error: Exception | None = None

    def __call__(
        self, transaction: Transaction, streams: StreamTable, dimension: str, position: int, checkpoint: Checkpoint
    ) -> TagHistory:
        self.count += 1
        self.has_begun.set()
        if self.error is not None:
            raise self.error
        if self.count == 1:
            assert self._released.wait(WAIT_SECONDS)
        return self._read(transaction, streams, dimension, position, checkpoint)

    def release(self) -> None:
        self._released.set()


@pytest.fixture
def blocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[BlockedRead]:
    blocked = BlockedRead()
    monkeypatch.setattr(index_cache, "read_history", blocked)
    yield blocked
    blocked.release()


def _load_present(system: System) -> PresentIndexes:
    with system.read_session() as session:
        return PresentIndexes.load(session.transaction, session.head)


def _titles(session: ReadSession, past: PastIndexes, present: PresentIndexes, key: IndexKey) -> dict[str, int]:
    index = past.get(present, session.transaction, "commitment", key)
    return {value: posting.mask() for value, posting in index.values("title").items()}


def _loaded_titles(session: ReadSession, position: int) -> dict[str, int]:
    index = PresentIndexes.load(session.transaction, position).of_type("commitment")
    return {value: posting.mask() for value, posting in index.values("title").items()}


def test_readers_of_other_positions_do_not_wait_while_tags_of_the_past_are_read(
    filled: System, blocked: BlockedRead
) -> None:
    past, present = PastIndexes(), _load_present(filled)

    def read_past() -> dict[str, int]:
        with filled.read_session() as session:
            return _titles(session, past, present, PAST)

    with ThreadPoolExecutor(1) as threads, filled.read_session() as session:
        reader = threads.submit(read_past)
        try:
            assert blocked.has_begun.wait(WAIT_SECONDS)
            latest = _titles(session, past, present, IndexKey(session.head))
            other = _titles(session, past, present, IndexKey(PAST.position + 1))
            assert not reader.done()
        finally:
            blocked.release()
        assert latest == _loaded_titles(session, session.head)
        assert other == _loaded_titles(session, PAST.position + 1)
        assert reader.result(WAIT_SECONDS) == _loaded_titles(session, PAST.position)


def test_tags_of_a_dimension_are_read_once_and_after_a_cancelled_reading_again(
    filled: System, blocked: BlockedRead
) -> None:
    past, present = PastIndexes(), _load_present(filled)
    blocked.release()
    blocked.error = StatementCancelled("the reader's time is over")
    with filled.read_session() as session:
        with pytest.raises(StatementCancelled):
            _titles(session, past, present, PAST)
        blocked.error = None
        for position in (PAST.position, PAST.position, *range(1, session.head)):
            assert _titles(session, past, present, IndexKey(position)) == _loaded_titles(session, position)
    assert blocked.count == 2


def test_tags_of_positions_after_those_that_were_read_are_read_anew(filled: System, blocked: BlockedRead) -> None:
    blocked.release()
    past, before = PastIndexes(), _load_present(filled)
    with filled.read_session() as session:
        _titles(session, past, before, PAST)
    for number in range(3):
        change_title(filled, "FR0000", f"Later title {number}")
    with filled.read_session() as session:
        present = before.advance(read_change(session.transaction, before.position, session.head))
        for position in range(1, session.head + 1):
            assert _titles(session, past, present, IndexKey(position)) == _loaded_titles(session, position)
    assert blocked.count == 2


def test_dimension_that_has_not_changed_since_is_that_of_the_present(filled: System) -> None:
    before = _load_present(filled)
    change_title(filled, "FR0000", "Fourth title")
    with filled.read_session() as session:
        present = before.advance(read_change(session.transaction, before.position, session.head))
        past = PastIndexes().get(present, session.transaction, "commitment", IndexKey(before.position))
        assert past.values("code") is present.of_type("commitment").values("code")
        assert past.values("title") is not present.of_type("commitment").values("title")
        assert set(past.values("title")) == set(before.of_type("commitment").values("title"))


def test_order_that_was_used_follows_a_change_without_being_sorted(
    filled: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = [BY_CODE, (SortStep("changed", descending=True),)]
    for number in range(10, 30):
        register_commitment(filled, f"FR{number:04}")
    before = _load_present(filled)
    for order in orders:
        before.of_type("commitment").sort_index(order)
    change_title(filled, "FR0000", "Fourth title")
    register_commitment(filled, "ES0001")
    with filled.read_session() as session:
        present = before.advance(read_change(session.transaction, before.position, session.head))
        loaded = PresentIndexes.load(session.transaction, session.head)
        expected = [list(loaded.of_type("commitment").sort_index(order).iter_keys()) for order in orders]
        monkeypatch.setattr(Index, "_sort", None)
        found = [present.of_type("commitment").sort_index(order) for order in orders]
        past = PastIndexes().get(present, session.transaction, "commitment", IndexKey(before.position))
        assert [list(each.iter_keys()) for each in found] == expected
        assert past.sort_index(BY_CODE).length == found[0].length - 1


def test_indexes_of_the_past_take_a_bounded_number_of_bytes(filled: System) -> None:
    max_bytes = 20_000
    past = PastIndexes(max_bytes)
    with filled.read_session() as session:
        present = PresentIndexes.load(session.transaction, session.head)
        sizes = []
        for position in range(1, session.head):
            index = past.get(present, session.transaction, "commitment", IndexKey(position))
            index.page(index.select("title", index.values("title")), BY_CODE, 10, (None, None), backward=False)
            sizes.append(past.use().bytes)
        assert max(sizes) > max_bytes / 2
        assert max(sizes) < max_bytes * 1.5
        assert past.use().misses == session.head - 1


def test_bytes_of_an_index_that_followed_are_those_of_one_that_was_loaded(filled: System) -> None:
    before = _load_present(filled)
    register_commitment(filled, "ES0001")
    change_title(filled, "FR0000", "Fourth title")
    with filled.read_session() as session:
        present = before.advance(read_change(session.transaction, before.position, session.head))
    assert present.size_bytes() == _load_present(filled).size_bytes() > before.streams.size_bytes()


def test_checkpoint_of_a_reader_is_called_while_it_evaluates(filled: System) -> None:
    calls: list[None] = []
    with filled.read_session() as session:
        present = PresentIndexes.load(session.transaction, session.head)
        index = PastIndexes().get(
            present, session.transaction, "commitment", IndexKey(session.head), lambda: calls.append(None)
        )
        index.count_by_value("title", index.universe)
        assert calls
