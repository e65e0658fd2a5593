"""Every reader sees what any process has acknowledged before, although little is read to find that out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ogpgraph.domain import commitment as commitment_commands
from ogpgraph.domain.event import Facts
from ogpgraph.readmodel.freshness import HeadReader
from ogpgraph.readmodel.projection import ProjectionProgress, query_progress
from ogpgraph.storage.shared_read import SharedRead
from ogpgraph.system import System, open_system
from tests.conftest import BOTH_ENGINES, ONLY_SQLITE, DatabaseFactory, SystemFactory
from tests.readmodel.sample_log import record_commitments
from tests.support.peers import read_title, read_title_of, run_peers
from tests.support.waiting import wait_until
from tests.support.writers import change_title, command_context

CHECKS = [20, pytest.param(10_000, marks=pytest.mark.long)]
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


@BOTH_ENGINES
def test_nothing_is_read_while_nothing_was_committed(make_system: SystemFactory) -> None:
    system, other = make_system(), make_system()
    record_commitments(system, 3)
    reads = 0

    def read() -> ProjectionProgress:
        nonlocal reads
        reads += 1
        return query_progress(system.database)

    heads = HeadReader(system.database, read)
    before = heads.confirm()
    assert all(heads.confirm() == before for _ in range(10))
    assert reads == 1
    change_title(other, "FR0001", "By another process")
    assert heads.confirm().position == before.position + 1
    assert reads == 2


def count_reads(system: System, monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Return a list that gets longer whenever the system reads how far its read model is."""
    reads: list[None] = []
    read = system.heads._progress._read

    def count() -> ProjectionProgress:
        reads.append(None)
        return read()

    monkeypatch.setattr(system.heads._progress, "_read", count)
    return reads


@BOTH_ENGINES
def test_what_this_process_has_recorded_is_not_read_to_be_known(
    make_system: SystemFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, other = make_system(), make_system()
    record_commitments(system, 3)
    change_title(system, "FR0001", "First")
    system.heads.confirm()
    reads = count_reads(system, monkeypatch)
    for number in range(5):
        change_title(system, "FR0001", f"Title {number}")
        assert read_title(system)[1] == f"Title {number}"
    assert len(reads) == 0
    assert system.heads.confirm() == query_progress(system.database)
    change_title(other, "FR0001", "By another process")
    assert read_title(system)[1] == "By another process"
    assert len(reads) > 0


@BOTH_ENGINES
def test_an_epoch_lasts_while_nothing_but_events_of_this_process_is_committed(make_system: SystemFactory) -> None:
    system, other = make_system(), make_system()
    record_commitments(system, 3)
    change_title(system, "FR0001", "First")
    epochs = [system.heads.find_epoch()]
    for number in range(3):
        change_title(system, "FR0001", f"Title {number}")
    assert system.heads.find_epoch() == epochs[0]
    for change in (
        lambda: system.accounts.set_person("account-1", "Name", None),
        lambda: other.accounts.set_person("account-1", "Another name", None),
        lambda: change_title(other, "FR0001", "By another process"),
        system.rebuild,
    ):
        change()
        epochs.append(system.heads.find_epoch())
    assert len(set(epochs)) == len(epochs)


def change_something(system: System, change: str, number: int) -> None:
    """Change what readers see, or what they do not, in one of the ways in which processes do."""
    match change:
        case "title":
            change_title(system, "FR0001", f"Title {number}")
        case "append":  # as by a process that is killed before it projects
            facts: Facts = {"endsOn": f"{2000 + number}"}
            system.executor.execute(
                command_context(),
                lambda uow: commitment_commands.revise_commitment(
                    uow, uow.require_by_code("commitment", "FR0001"), facts
                ),
            )
        case "person":
            system.accounts.set_person("account-1", f"Name {number}", None)
        case "rebuild":
            system.rebuild()
        case "nothing":
            system.projection.catch_up()


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["title"] * 6 + ["append", "person", "rebuild", "nothing"]), st.integers(0, 1), st.booleans()
    ),
    max_size=25,
)
NUMBERS = count()


@ONLY_SQLITE
@settings(max_examples=15)
@given(changes=CHANGES)
def test_whatever_is_followed_is_what_the_tables_say(
    changes: list[tuple[str, int, bool]], make_system: SystemFactory
) -> None:
    name = f"log-{next(NUMBERS)}"
    systems = make_system(name), make_system(name)
    record_commitments(systems[0], 1)
    for number, (change, writer, is_confirmed) in enumerate(changes):
        change_something(systems[writer], change, number)
        for system in systems if is_confirmed else ():
            assert system.heads.confirm() == query_progress(system.database)
    for system in systems:
        assert system.heads.confirm() == query_progress(system.database)
        assert system.projection.catch_up() == system.heads.confirm().position


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
