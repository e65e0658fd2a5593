"""Read sessions: the pinned head, and positions and times at which they can read."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from eventsourcing.persistence import StoredEvent

from ogpgraph.domain import commitment as commitment_commands
from ogpgraph.readmodel.session import PositionError
from ogpgraph.readmodel.tables import PROJECTION_VERSION
from ogpgraph.system import System
from tests.application.in_memory_log import command_context
from tests.conftest import BOTH_ENGINES, SystemFactory, TickingClock
from tests.graphql.client import execute_query
from tests.readmodel.sample_log import (
    ALL,
    COMMITMENTS,
    code_of_number,
    ensure_commitment,
    record_commitments,
    snapshot_at,
)

pytestmark = BOTH_ENGINES


def test_empty_log_can_be_read(system: System) -> None:
    with system.read_session() as session:
        now = session.at_head()
        assert (session.head, now.position, now.recorded_at) == (0, 0, None)
        assert now.root_hash == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        assert now.find("commitment-1") is None
        assert now.page(COMMITMENTS, ALL).items == ()
        assert now.count(COMMITMENTS) == 0
        with pytest.raises(PositionError, match="position 1 is past the head, which is 0"):
            session.at(1)
        with pytest.raises(PositionError, match="before the first entry"):
            session.at_time(datetime.fromisoformat("2026-01-01T00:00:00Z"))


@pytest.mark.parametrize(
    ("position", "message"), [(0, "before the first"), (-1, "before the first"), (7, "past the head")]
)
def test_position_outside_of_the_log_is_refused(system: System, position: int, message: str) -> None:
    record_commitments(system, 1, plans=1)
    with system.read_session() as session, pytest.raises(PositionError, match=message):
        session.at(position if position < 7 else session.head + 1)


def test_head_is_pinned_when_the_session_begins(make_system: SystemFactory) -> None:
    system, other = make_system(), make_system()
    record_commitments(system, 1)
    with system.read_session() as session:
        before = session.head
        other.execute(
            command_context(),
            lambda uow: commitment_commands.withdraw_commitment(uow, uow.require_by_code("commitment", "FR0001")),
        )
        found = session.at_head().find_by_code("commitment", "FR0001")
        assert found
        assert found.value("status") is None
        with pytest.raises(PositionError):
            session.at(before + 1)
    with snapshot_at(system) as now:
        assert now.position == before + 1


def test_time_reads_at_the_last_entry_not_later(system: System, clock: TickingClock) -> None:
    for number in (1, 2, 3):
        clock.now = datetime.fromisoformat(f"2026-02-0{number}T12:00:00Z")
        ensure_commitment(system, code_of_number(number))
    clock.now = datetime.fromisoformat("2026-03-01T00:00:00Z")
    with system.read_session() as session:
        first, head = datetime.fromisoformat("2026-02-01T12:00:00Z"), session.head
        assert session.at_time(first).position == 1
        assert session.at_time(first + timedelta(microseconds=1)).position == 2
        assert session.at_time(datetime.fromisoformat("2026-02-02T13:00:00+01:00")).position == 3
        assert session.at_time(datetime.fromisoformat("2026-02-28T00:00:00Z")).position == head
        for position in range(1, head + 1):
            recorded_at = session.at(position).recorded_at
            assert recorded_at
            assert session.at_time(datetime.fromisoformat(recorded_at)).position == position
        for early in ("2026-02-01T11:59:59.999999Z", "0999-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"):
            with pytest.raises(PositionError, match="is before the first entry"):
                session.at_time(datetime.fromisoformat(early))
        for late in ("2026-04-01T00:00:00Z", "9999-12-31T23:59:59-12:00"):
            with pytest.raises(PositionError, match="is in the future"):
                session.at_time(datetime.fromisoformat(late))


def position_at(system: System, moment: datetime) -> int | None:
    """The position that a time reads at, None where it is refused."""
    with system.read_session() as session:
        try:
            return session.at_time(moment).position
        except PositionError:
            return None


def test_time_after_the_session_was_opened_is_refused(
    make_system: SystemFactory,
) -> None:
    clock = TickingClock(timedelta(0))
    system = make_system(clock=clock)
    ensure_commitment(system, "FR0001")
    clock.now += timedelta(hours=1)
    with system.read_session() as session:
        clock.now += timedelta(minutes=2)
        ensure_commitment(system, "FR0002")
        clock.now += timedelta(minutes=2)
        with pytest.raises(PositionError, match="is in the future"):
            session.at_time(clock.now - timedelta(minutes=2))


def test_peek_reads_up_to_its_head_and_refuses_a_head_that_is_not_projected(
    system: System, clock: TickingClock
) -> None:
    for code in ("FR0001", "FR0002"):
        ensure_commitment(system, code)
    clock.now += timedelta(hours=1)
    with system.model.peek(3) as session:
        assert session.head == 3
        found = session.find_last_before(clock.now)
        assert found is not None
        assert found.position == 3
        with pytest.raises(PositionError):
            session.at(4)
    with pytest.raises(PositionError, match="position 5 is not available any more"), system.model.peek(5):
        pass


def test_time_after_an_event_that_stopped_the_projection_is_refused(make_system: SystemFactory) -> None:
    clock = TickingClock(timedelta(0))
    system = make_system(clock=clock)
    ensure_commitment(system, "FR0001")
    clock.now += timedelta(hours=1)
    stopped_at = clock.now
    event = StoredEvent("code-plan-XXX", 1, "CodeRetired.1", b"{}")
    system.log.append([event], texts={}, command="a program of the future")
    clock.now += timedelta(hours=1)
    assert position_at(system, stopped_at - timedelta(seconds=1)) == 2
    assert position_at(system, stopped_at) is None
    assert position_at(system, clock.now - timedelta(minutes=10)) is None


def test_projection_version_is_that_of_the_rows(system: System) -> None:
    ensure_commitment(system, "FR0001")
    with system.database.write() as transaction:
        transaction.execute("update projector set projection_version = projection_version + 1")
    with system.read_session() as session:
        assert session.at_head().projection_version == session.at(1).projection_version == PROJECTION_VERSION + 1
    assert execute_query(system, "{ meta { projectionVersion } }") == {
        "meta": {"projectionVersion": PROJECTION_VERSION + 1}
    }


def test_present_of_a_log_that_is_ahead_of_the_clock_is_its_head(
    make_system: SystemFactory, clock: TickingClock
) -> None:
    system = make_system()
    record_commitments(system, 1)
    sane, head_before = clock.now, system.projection_status().position
    clock.now += timedelta(days=400)
    system.execute(
        command_context(),
        lambda uow: commitment_commands.withdraw_commitment(uow, uow.require_by_code("commitment", "FR0001")),
    )
    clock.now = sane + timedelta(hours=1)
    with system.read_session() as session:
        ahead = datetime.fromisoformat(session.at_head().recorded_at or "")
        assert session.at_time(session.opened_at).position == session.head
        assert session.at_time(session.opened_at - timedelta(seconds=30)).position == session.head
        assert session.at_time(ahead).position == session.head
        assert session.at_time(sane).position == head_before
        with pytest.raises(PositionError, match="after the last entry"):
            session.at_time(ahead + timedelta(seconds=1))
