"""Projecting the log into the live tables: each event once, whichever process does it, and who is notified."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from structlog.testing import capture_logs

from ogpgraph.readmodel.entry_query import EntryQuery
from ogpgraph.readmodel.queries import PageRequest
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES, SystemFactory
from tests.support.writers import register_commitment

pytestmark = BOTH_ENGINES


def test_subscriber_that_fails_does_not_keep_others_from_being_notified(system: System) -> None:
    positions: list[int] = []

    def fail(_position: int) -> None:
        raise RuntimeError

    system.projection.notifier.subscribe(fail)
    system.projection.notifier.subscribe(positions.append)
    with capture_logs() as logs:
        register_commitment(system, "FR0001")
    assert positions == [2]
    assert [line["event"] for line in logs] == ["a subscriber failed"]


def test_concurrent_processes_project_each_event_once(make_system: SystemFactory) -> None:
    systems = [make_system() for _ in range(3)]

    def write(number: int) -> None:
        for n in range(5):
            code = f"FR{100 * number + n:04}"
            register_commitment(systems[number], code)
            with systems[number].read_session() as session:
                assert session.at_head().find_by_code("commitment", code)

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(write, range(3)))
    with systems[0].read_session() as session:
        assert session.head == 30
        entries = session.at_head().page_entries(EntryQuery(), PageRequest(limit=1000)).items
        assert [entry.position for _, entry in entries] == list(range(1, 31))
        assert len({entry.event_id for _, entry in entries}) == 30
    digest = systems[0].digest()
    systems[1].rebuild()
    assert systems[2].digest() == digest
