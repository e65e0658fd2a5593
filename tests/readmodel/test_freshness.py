"""Every reader sees what any process has acknowledged before, although little is read to find that out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ogpgraph.readmodel.freshness import HeadReader, SharedRead
from ogpgraph.readmodel.projection import ProjectionProgress
from ogpgraph.system import open_system
from tests.conftest import BOTH_ENGINES, ONLY_SQLITE, DatabaseFactory, SystemFactory
from tests.readmodel.sample_log import record_commitments
from tests.support.peers import read_title, read_title_of, run_peers
from tests.support.writers import change_title

CHECKS = [60, pytest.param(10_000, marks=pytest.mark.long)]
WAIT_SECONDS = 10


@BOTH_ENGINES
@pytest.mark.parametrize("checks", CHECKS)
def test_every_process_reads_what_another_one_or_itself_has_acknowledged(
    make_system: SystemFactory, new_database: DatabaseFactory, checks: int
) -> None:
    record_commitments(make_system(), 3)
    with run_peers(new_database(), 2) as peers:
        for number in range(checks):
            writer, reader = (peers[number % 2], peers[number // 2 % 2])
            position = writer.write(f"Title {number}")
            for head, title in reader.read():
                assert (head >= position, title) == (True, f"Title {number}")


class Reading:
    """A read that ends when the test says so; it returns how many began before it."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.may_end = threading.Semaphore(0)
        self.number = 0

    def __call__(self) -> int:
        self.number += 1
        number = self.number
        self.begun.release()
        assert self.may_end.acquire(timeout=WAIT_SECONDS)
        return number


def wait_until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(WAIT_SECONDS * 1000):
        if condition():
            return
        pause.wait(0.001)
    raise AssertionError("the condition was never met")


def test_readers_that_ask_during_a_read_share_the_next_one() -> None:
    reading = Reading()
    shared: SharedRead[int] = SharedRead(reading)
    asked = threading.Semaphore(0)

    def ask() -> int:
        asked.release()
        return shared.get()

    with ThreadPoolExecutor(5) as threads:
        first = threads.submit(ask)
        assert reading.begun.acquire(timeout=WAIT_SECONDS)
        later = [threads.submit(ask) for _ in range(4)]
        for _ in range(5):
            assert asked.acquire(timeout=WAIT_SECONDS)
        wait_until(lambda: shared._next is not None)
        reading.may_end.release(2)
        assert first.result(WAIT_SECONDS) == 1
        assert {each.result(WAIT_SECONDS) for each in later} <= {2, 3}
        reading.may_end.release(3)
    assert reading.number <= 3


def test_a_failed_read_fails_those_that_share_it_and_no_later_one() -> None:
    outcomes: Iterator[Exception | int] = iter([ZeroDivisionError("once"), 7])

    def read() -> int:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    shared: SharedRead[int] = SharedRead(read)
    with pytest.raises(ZeroDivisionError):
        shared.get()
    assert shared.get() == 7


@ONLY_SQLITE
def test_nothing_is_read_while_nothing_was_committed(make_system: SystemFactory) -> None:
    system, other = make_system(), make_system()
    record_commitments(system, 3)
    reads = 0

    def read() -> ProjectionProgress:
        nonlocal reads
        reads += 1
        return system.projection.query_progress()

    heads = HeadReader(system.database, read)
    before = heads.confirm()
    assert all(heads.confirm() == before for _ in range(10))
    assert reads == 1
    change_title(other, "FR0001", "By another process")
    assert heads.confirm().position == before.position + 1
    assert reads == 2


@BOTH_ENGINES
def test_a_session_that_needs_no_statement_opens_no_transaction(make_system: SystemFactory) -> None:
    system = make_system()
    record_commitments(system, 3)
    with system.read_session() as session:
        assert (session.head, session.root_at(session.head)) == (session.head, session.at_head().root_hash)
        assert session.read_log_identity().id == system.model.log_identity.id
        assert session.transaction.statements == 0


@BOTH_ENGINES
def test_an_earlier_session_goes_on_reading_at_its_head_after_later_writes(make_system: SystemFactory) -> None:
    system, other = make_system(), make_system()
    record_commitments(system, 3)
    with system.read_session() as session:
        change_title(other, "FR0001", "Later")
        commitment = session.at_head().find_by_code("commitment", "FR0001")
        assert commitment
        assert read_title_of(session.at_head(), commitment) == "Commitment 1"
    assert read_title(system)[1] == "Later"


@BOTH_ENGINES
def test_a_closed_session_reads_nothing_more(url: str) -> None:
    with open_system(url) as system:
        record_commitments(system, 1)
        with system.read_session() as session:
            pass
        with pytest.raises(Exception, match="the read session is closed"):
            session.at_head().find_by_code("commitment", "FR0001")
