"""A rebuild of a long log projects in several processes, with the rows and the errors of a projection in one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.readmodel import open_rows, parallel_projection, rebuild
from ogpgraph.readmodel.open_rows import OpenRowsCache, find_no_aggregate
from ogpgraph.readmodel.parallel_projection import ProjectionWorkers
from ogpgraph.readmodel.rebuild import Rebuild, RebuildStopped
from ogpgraph.readmodel.tables import LIVE_PREFIX
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES, ONLY_SQLITE
from tests.readmodel.histories import correct_commitment, withdraw_events
from tests.readmodel.sample_log import code_of_number, record_commitments
from tests.support.writers import change_title, command_context

pytestmark = BOTH_ENGINES
COMMITMENTS = 6


@pytest.fixture
def filled(system: System, monkeypatch: pytest.MonkeyPatch) -> System:
    """A log whose streams each have events in several batches, some of which amend events of earlier ones."""
    record_commitments(system, COMMITMENTS)
    for number in range(1, COMMITMENTS + 1):
        change_title(system, code_of_number(number), f"Title {number}")
    for number in (1, 2):
        system.execute(command_context(), partial(_amend, code_of_number(number)))
    monkeypatch.setattr(rebuild, "MIN_PARALLEL_EVENTS", 1)
    monkeypatch.setattr(rebuild, "count_workers", lambda: 2)
    monkeypatch.setattr(parallel_projection, "REBUILD_BATCH_SIZE", 4)
    return system


def _amend(code: str, uow: UnitOfWork) -> None:
    correct_commitment(uow, code=code, facts={"title/en": uow.text_value("Corrected")})
    withdraw_events(uow, code=code, revisions={2})


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ProjectionWorkers]]:
    """The workers of each rebuild, all of which have ended after the test."""
    started: list[ProjectionWorkers] = []
    submit = ProjectionWorkers.submit

    def watch(self: ProjectionWorkers, *arguments: object) -> None:
        started.append(self)
        submit(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(ProjectionWorkers, "submit", watch)
    yield started
    assert all(process.returncode is not None for each in started for process in each._processes)


def test_rebuild_in_several_processes_gives_the_same_rows(filled: System, workers: list[ProjectionWorkers]) -> None:
    before = filled.digest()
    positions: list[int] = []
    assert filled.rebuild(lambda position, _head: positions.append(position))
    assert filled.digest() == before
    assert len(workers) > 2
    assert positions == sorted(positions)


@ONLY_SQLITE
def test_rebuild_goes_on_alone_where_a_process_was_killed(filled: System, workers: list[ProjectionWorkers]) -> None:
    before = filled.digest()

    def kill_one(_position: int, _head: int) -> None:
        for process in workers[-1]._processes[1:]:
            process.kill()
            process.wait()

    filled.rebuild(kill_one)
    assert filled.digest() == before


@ONLY_SQLITE
def test_rebuild_stops_at_an_event_that_cannot_be_read_and_names_it(filled: System) -> None:
    before = filled.digest()
    with filled.database.write() as transaction:
        position = transaction.fetch_value("select max(position) from event")
        damage = "update event set payload = :damaged where position = :position"
        transaction.execute(damage, damaged=b"", position=position)
    with pytest.raises(RebuildStopped, match=f"event {position} "):
        filled.rebuild()
    assert filled.digest() == before


@ONLY_SQLITE
def test_rebuild_that_was_overtaken_stops_and_leaves_the_rows(filled: System, workers: list[ProjectionWorkers]) -> None:
    before = filled.digest()
    with pytest.raises(RebuildStopped, match="another rebuild"):
        filled.rebuild(lambda _position, _head: Rebuild(filled.database, filled.log)._begin())
    assert workers
    assert filled.digest() == before


@ONLY_SQLITE
def test_aggregates_of_the_last_batch_are_remembered_however_many(
    filled: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their rows may not be in the tables yet when the next batch is projected."""
    monkeypatch.setattr(open_rows, "MAX_OPEN_AGGREGATES", 1)
    cache = OpenRowsCache(LIVE_PREFIX, find_no_aggregate)
    with filled.database.read() as transaction:
        streams = [row["id"] for row in transaction.fetch_all("select id from stream order by key")]
        first = cache.get(0, transaction, dict.fromkeys(streams[:1], 1))
        cache.advance_to(1)
        last = cache.get(1, transaction, dict.fromkeys(streams[1:4], 1))
        cache.advance_to(2)
        again = cache.get(2, transaction, dict.fromkeys(streams[:4], 1))
    assert all(again[stream] is last[stream] for stream in last)
    assert again[streams[0]] is not first[streams[0]]
