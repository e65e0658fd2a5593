"""A clock that cannot be right is refused: one behind the log, and one ahead of the time that has passed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ogpgraph.clock import Uptime, read_uptime
from ogpgraph.storage.clock_guard import ClockAhead, ClockBehind, ClockGuard, ClockReading

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Machine:
    """A machine whose clock and uptime a test controls; it was started a day before noon."""

    def __init__(self) -> None:
        self.now = NOON
        self.uptime = Uptime("run 1", DAY.total_seconds())

    def pass_time(self, duration: timedelta) -> None:
        self.now += duration
        self.uptime = self.uptime._replace(seconds=self.uptime.seconds + duration.total_seconds())

    def restart(self, after: timedelta) -> None:
        self.now += after
        self.uptime = Uptime(self.uptime.boot + "+", 0)

    def open_guard(self, remembered: ClockReading | None = None, *, server_lead: timedelta | None = None) -> ClockGuard:
        guard = ClockGuard(max_lag=HOUR, max_lead=HOUR, uptime=lambda: self.uptime)
        times = [self.now] if server_lead is None else [self.now, self.now + server_lead]
        guard.begin(times, remembered)
        return guard


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.mark.parametrize("idle", [timedelta(0), timedelta(seconds=1), 365 * DAY])
def test_a_clock_that_jumps_ahead_is_refused_until_it_is_right_again(machine: Machine, idle: timedelta) -> None:
    guard = machine.open_guard()
    guard.require_plausible(machine.now, NOON)
    machine.pass_time(idle)
    guard.require_plausible(machine.now, NOON)
    right = machine.now
    for jump in (HOUR + timedelta(seconds=1), 400 * DAY):
        with pytest.raises(ClockAhead, match="it should be about " + right.isoformat()[:19]):
            guard.require_plausible(right + jump, NOON)
    guard.require_plausible(right + HOUR, NOON)


def test_the_error_names_the_setting_that_permits_the_jump(machine: Machine) -> None:
    guard = machine.open_guard()
    problem = guard.find_problem(machine.now + DAY, None)
    assert isinstance(problem, ClockAhead)
    assert problem.code == "CLOCK_AHEAD"
    assert f"OGPGRAPH_MAX_CLOCK_LEAD_SECONDS={86_400 + 3_600} " in problem.explanation


def test_a_clock_that_was_behind_may_be_corrected(machine: Machine) -> None:
    guard = machine.open_guard()
    guard.require_plausible(machine.now - 5 * HOUR, None)
    guard.require_plausible(machine.now, None)


def test_what_was_remembered_during_the_same_run_of_the_machine_shows_a_jump(machine: Machine) -> None:
    guard = machine.open_guard()
    guard.require_plausible(machine.now, None)
    machine.pass_time(30 * DAY)
    machine.open_guard(guard.reading).require_plausible(machine.now, NOON)
    machine.now += 400 * DAY
    with pytest.raises(ClockAhead):
        machine.open_guard(guard.reading).require_plausible(machine.now, NOON)


def test_after_a_restart_of_the_machine_nothing_tells_a_jump_from_time_that_has_passed(machine: Machine) -> None:
    remembered = machine.open_guard().reading
    machine.restart(400 * DAY)
    machine.open_guard(remembered).require_plausible(machine.now, NOON)


def test_without_the_id_of_a_run_nothing_remembered_is_used(machine: Machine) -> None:
    machine.uptime = Uptime("", 5)
    remembered = machine.open_guard().reading
    machine.now += 400 * DAY
    machine.open_guard(remembered).require_plausible(machine.now, NOON)


def test_the_clock_of_a_database_server_shows_that_the_own_is_ahead(machine: Machine) -> None:
    machine.open_guard(server_lead=-HOUR).require_plausible(machine.now, None)
    machine.open_guard(server_lead=400 * DAY).require_plausible(machine.now, None)
    with pytest.raises(ClockAhead):
        machine.open_guard(server_lead=-2 * HOUR).require_plausible(machine.now, None)


def test_a_jump_that_is_permitted_once_is_taken_for_right_afterwards(machine: Machine) -> None:
    before = machine.open_guard().reading
    machine.now += DAY
    lenient = ClockGuard(max_lead=2 * DAY, uptime=lambda: machine.uptime)
    lenient.begin([machine.now], before)
    lenient.require_plausible(machine.now, NOON)
    machine.open_guard(lenient.reading).require_plausible(machine.now, NOON)


def test_a_clock_far_behind_the_last_event_is_refused(machine: Machine) -> None:
    guard = machine.open_guard()
    guard.require_plausible(machine.now, machine.now + HOUR)
    with pytest.raises(ClockBehind):
        guard.require_plausible(machine.now, machine.now + 2 * HOUR)


def test_a_guard_without_a_bound_does_not_compare_the_clock_with_the_time_that_has_passed(machine: Machine) -> None:
    guard = ClockGuard(uptime=lambda: machine.uptime)
    guard.begin([machine.now])
    guard.require_plausible(machine.now + 400 * DAY, NOON)
    assert guard.reading is None


def test_the_uptime_of_this_machine_grows_and_names_one_run() -> None:
    before, after = read_uptime(), read_uptime()
    assert before.boot == after.boot
    assert 0 < before.seconds <= after.seconds
