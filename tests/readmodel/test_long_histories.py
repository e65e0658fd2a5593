"""Reading an aggregate costs the same however many revisions it has: its last entries, who set its values, its past."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.delta import Delta
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.readmodel import states
from ogpgraph.readmodel.entry import Entry
from ogpgraph.readmodel.open_rows import OpenRowsCache, find_no_aggregate
from ogpgraph.readmodel.queries import PageRequest
from ogpgraph.readmodel.snapshot import Snapshot
from ogpgraph.readmodel.tables import LIVE_PREFIX
from ogpgraph.storage.lazy_transaction import LazyTransaction
from ogpgraph.storage.sqlite import SQLiteTransaction
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES, SystemFactory
from tests.support.writers import change_title, command_context, register_commitment

SHORT, LONG = 100, 3_000
LAST = PageRequest(limit=50, backward=True)
STEPS = 20


def revise(system: System, revisions: int) -> None:
    """Change one title so many times, in one save."""
    register_commitment(system, "FR0001")

    def commands(uow: UnitOfWork) -> None:
        commitment = uow.require_by_code("commitment", "FR0001")
        for number in range(revisions):
            uow.append(commitment.id, "CommitmentRevised", {"title/en": uow.text_value(f"Title {number}")})

    system.execute(command_context(), commands)


def read_history(snapshot: Snapshot, commitment: Aggregate) -> list[Entry]:
    return [entry for _, entry in snapshot.page_history(commitment, LAST).items]


def read_blame(snapshot: Snapshot, commitment: Aggregate) -> None:
    for claim in commitment.current_claims.values():
        assert snapshot.find_entry_of_revision(commitment, claim.revision)


def read_subjects(snapshot: Snapshot, commitment: Aggregate) -> None:
    for entry in read_history(snapshot, commitment):
        _, subject = snapshot.as_of_entry(entry, lambda each: each.stream)
        assert subject
        assert subject.revision == entry.revision


def count_steps(system: System, read: Callable[[Snapshot, Aggregate], object]) -> int:
    """How many steps the engine takes for what is read of the commitment, in twenties."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    with system.read_session() as session:
        assert isinstance(session.transaction, LazyTransaction)
        opened = session.transaction.opened
        assert isinstance(opened, SQLiteTransaction)
        snapshot = session.at_head()
        commitment = snapshot.find_by_code("commitment", "FR0001")
        assert commitment
        opened._connection.set_progress_handler(count, STEPS)
        read(snapshot, commitment)
    return steps


def test_a_long_history_costs_what_a_short_one_costs(make_system: SystemFactory) -> None:
    systems = make_system("short"), make_system("long")
    for system, revisions in zip(systems, (SHORT, LONG), strict=True):
        revise(system, revisions)
    for read in (read_history, read_blame, read_subjects):
        short, long = (count_steps(system, read) for system in systems)
        assert (0 < long < 1.5 * short, read) == (True, read)


def test_states_of_one_aggregate_are_decoded_along_its_chain(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    revise(system, 300)
    decoded = 0

    def count(data: bytes) -> Delta:
        nonlocal decoded
        decoded += 1
        return decode_delta(data)

    decode_delta = states.decode_delta
    monkeypatch.setattr(states, "decode_delta", count)
    with system.read_session() as session:
        commitment = session.at_head().find_by_code("commitment", "FR0001")
        assert commitment
        decoded = 0
        session.load((session.at(position), commitment.id) for position in range(100, 200))
        assert [session.at(position).since(commitment.id) for position in range(100, 200)] == list(range(100, 200))
    assert decoded < 200


@BOTH_ENGINES
def test_slices_of_a_history_are_those_of_its_list(system: System) -> None:
    revise(system, 30)
    with system.read_session() as session:
        for position in (2, 20, session.head):
            snapshot = session.at(position)
            commitment = snapshot.find_by_code("commitment", "FR0001")
            assert commitment
            every = [entry for _, entry in snapshot.page_history(commitment, PageRequest(limit=100)).items]
            assert [entry.revision for entry in every] == list(range(1, commitment.revision + 1))
            positions = [entry.position for entry in every]
            for after in (None, 0, 5, 13, 500):
                for before in (None, 1, 9, 25, 500):
                    for backward in (False, True):
                        expected = [each for each in positions if (after or 0) < each < (before or 1_000)]
                        request = PageRequest(
                            4, (after,) if after is not None else None, (before,) if before else None, backward
                        )
                        page = snapshot.page_history(commitment, request)
                        assert [entry.position for _, entry in page.items] == (
                            expected[-4:] if backward else expected[:4]
                        )
                        assert (page.has_previous if backward else page.has_next) == (len(expected) > 4)


@BOTH_ENGINES
def test_rows_of_a_projector_without_a_cache_are_those_of_one_with_it(system: System) -> None:
    register_commitment(system, "FR0001")
    for number in range(40):
        system.projection._projector._open_rows = OpenRowsCache(LIVE_PREFIX, find_no_aggregate)
        change_title(system, "FR0001", f"Title {number}")
    with system.database.read() as transaction:
        assert transaction.fetch_value("select count(*) from version where frame is not null") > 1
    before = system.digest()
    system.rebuild()
    assert system.digest() == before
