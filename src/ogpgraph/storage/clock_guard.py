"""The guard of the clock: no entry gets a time that cannot be right.

Entries keep their times for ever, and no later one may be earlier. So a clock that is far behind the last entry is
refused, and one that is ahead of the time that has passed. How much has passed, the uptime of the machine tells: while
it runs, the clock minus the uptime, which is when it was started by the clock, stays the same. A clock that jumps ahead
moves that, and a log that is idle for a year does not. It is compared with what this process knows since its start,
with what was remembered beside the log during the same run of the machine, and with the database server's clock.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import msgspec

from ogpgraph.clock import Uptime, format_timestamp, read_uptime
from ogpgraph.storage.database import StorageFailure
from ogpgraph.storage.error_codes import StorageErrorCode

MAX_CLOCK_LAG = timedelta(hours=1)
"""How far the clock may be behind the last event of the log by default; beyond it one of the two is wrong."""
_ROOM_SECONDS = 3600


class ClockWrong(StorageFailure):
    """The clock cannot be right, so that the times of new events would not be, either."""

    def __init__(self, explanation: str) -> None:
        self.explanation = explanation
        super().__init__(explanation)


class ClockBehind(ClockWrong):
    """The clock is far behind the last event of the log, so that the times of new events would be made up."""

    code = StorageErrorCode.CLOCK_BEHIND

    def __init__(self, now: datetime, last: datetime) -> None:
        super().__init__(
            f"nothing can be recorded: it is {format_timestamp(now)} by the server's clock, and the last entry was "
            f"recorded at {format_timestamp(last)}. If the clock is wrong, correct it; if that entry is, "
            f"OGPGRAPH_MAX_CLOCK_LAG_SECONDS={_add_room(last - now)} lets new entries be recorded just after it"
        )


class ClockAhead(ClockWrong):
    """The clock is far ahead of the time that has passed, so that it or what it was compared with is wrong."""

    code = StorageErrorCode.CLOCK_AHEAD

    def __init__(self, now: datetime, expected: datetime) -> None:
        super().__init__(
            f"nothing can be recorded: it is {format_timestamp(now)} by the server's clock, and it should be about "
            f"{format_timestamp(expected)} by the time that has passed. If the clock is wrong, correct it; if it was "
            f"wrong before, OGPGRAPH_MAX_CLOCK_LEAD_SECONDS={_add_room(now - expected)} lets new entries be recorded"
        )


def _add_room(difference: timedelta) -> int:
    return math.ceil(difference.total_seconds()) + _ROOM_SECONDS


class ClockReading(msgspec.Struct, frozen=True, rename="camel"):
    """When the machine was started, by a clock that was taken for right, and the id of that run of the machine."""

    boot: str
    booted_at: datetime


class ClockGuard:
    """Compares the clock with the log and with the time that has passed. Without `max_lead`, only with the log."""

    def __init__(
        self,
        *,
        max_lag: timedelta = MAX_CLOCK_LAG,
        max_lead: timedelta | None = None,
        uptime: Callable[[], Uptime] = read_uptime,
    ) -> None:
        self._max_lag = max_lag
        self._max_lead = max_lead
        self._uptime = uptime
        self._lock = threading.Lock()
        self._reading: ClockReading | None = None

    @property
    def reading(self) -> ClockReading | None:
        """Return the last reading that was taken for right, None where the clock is not compared."""
        return self._reading

    def begin(self, times: Iterable[datetime], remembered: ClockReading | None = None) -> None:
        """Take the earliest of some clocks for right, and of what is remembered of this run of the machine."""
        if self._max_lead is None:
            return
        readings = [self._read(time) for time in times]
        if remembered and remembered.boot and remembered.boot == readings[0].boot:
            readings.append(remembered)
        self._reading = min(readings, key=lambda reading: reading.booted_at)

    def require_plausible(self, now: datetime, last: datetime | None) -> None:
        """Raise the error of `find_problem`; where there is none, the clock is taken for right."""
        if (problem := self.find_problem(now, last)) is not None:
            raise problem
        if self._reading is not None:
            current = self._read(now)
            with self._lock:
                # Never back: a clock that is behind for a while may be corrected.
                self._reading = max(self._reading, current, key=lambda reading: reading.booted_at)

    def find_problem(self, now: datetime, last: datetime | None) -> ClockWrong | None:
        """Return why nothing can be recorded now, after an event of the time `last`; None where something can."""
        if last is not None and last - now > self._max_lag:
            return ClockBehind(now, last)
        if self._reading is None or self._max_lead is None:
            return None
        lead = self._read(now).booted_at - self._reading.booted_at
        return ClockAhead(now, now - lead) if lead > self._max_lead else None

    def _read(self, now: datetime) -> ClockReading:
        uptime = self._uptime()
        return ClockReading(uptime.boot, now - timedelta(seconds=uptime.seconds))
