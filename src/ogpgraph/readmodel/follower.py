"""The follower: reads the log, in order and each event once, into rows; nothing else ever writes them.

Its transaction first takes the follower's own row, so any number of threads and processes may call
`catch_up` at the same time: one works, the others wait and then find nothing left to do.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from ogpgraph.readmodel.projection import PROJECTION
from ogpgraph.readmodel.projector import Projector, Step
from ogpgraph.readmodel.stop import Stop
from ogpgraph.readmodel.tables import LIVE, NAME, begin, script
from ogpgraph.readmodel.wakeups import Wakeups
from ogpgraph.storage.database import Database, NoTables, Row, Transaction
from ogpgraph.storage.log import EventLog

FIRST_BUILD = 0
RETRY_SECONDS = 1.0
"""How often it is tried again to get past an event that the follower stopped before."""

_SEEN = """
select f.log_position, f.position, f.projection, coalesce((select max(e.position) from event e), 0) as head
from follower f where f.name = :name"""

Progress = Callable[[int, int], None]
log = structlog.stdlib.get_logger(__name__)


class Seen(NamedTuple):
    """How far the read model is: in the recorder's positions, of which the log's newest is `head`, and in entries.

    And which version of the projection made it.
    """

    log_position: int = 0
    position: int = 0
    head: int = 0
    projection: int = 0

    @property
    def is_behind(self) -> bool:
        """Tell whether the log holds events that the read model does not show yet."""
        return self.log_position < self.head


@dataclass(frozen=True)
class Standpoint:
    """Where the read model stands: its position, how many events are not in it yet, since when, and what stopped it."""

    position: int
    behind: int
    waiting_since: str | None
    stop: Stop | None


class Follower:
    """Keeps the read model up with the log."""

    def __init__(
        self,
        database: Database,
        log: EventLog,
        wakeups: Wakeups | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._log = log
        self._projector = Projector(database, log, LIVE)
        self._monotonic = monotonic
        self._one_at_a_time = threading.Lock()
        self._followed = 0
        self._position = 0
        self._stopped: tuple[Stop, float] | None = None
        self.wakeups = wakeups or Wakeups()

    def create_tables(self) -> None:
        """Make the read model's tables unless they are there."""
        try:
            with self._database.read() as transaction:
                self.seen(transaction)
        except NoTables:
            self._database.create(script(LIVE, FIRST_BUILD))
        with self._database.write() as transaction:
            begin(transaction, LIVE, PROJECTION, FIRST_BUILD)

    def seen(self, transaction: Transaction) -> Seen:
        """Return how far the read model is, as a transaction sees it."""
        return _seen(transaction.rows(_SEEN, name=NAME))

    def look(self) -> Seen:
        """Return how far the read model is at this moment, and tell those who wait for it."""
        seen = _seen(self._database.query(_SEEN, name=NAME))
        self.wakeups.advanced(seen.position)
        return seen

    def is_outdated(self) -> bool:
        """Tell whether the rows were made by another version of the projection, so that they must be made again."""
        with self._database.read() as transaction:
            return bool(
                transaction.value("select projection from follower where name = :name", name=NAME) != PROJECTION
            )

    def catch_up(self, progress: Progress | None = None, *, to: int | None = None) -> int:
        """Project every event there is, or at least those up to `to`; returns the position reached.

        It stops before an event that it cannot follow, and says so in `stop`; the next second it tries again.
        Positions of `to` and `progress` (where it is, where the head is) are the recorder's.
        """
        with self._one_at_a_time:
            while not self._is_done(to):
                step = self._projector.step()
                self._note(step)
                if progress:
                    progress(step.place.log_position, step.head)
                if step.is_last:
                    break
            return self._position

    @property
    def is_busy(self) -> bool:
        """Tell whether somebody in this process brings the read model up, and will tell those who wait for it."""
        return self._one_at_a_time.locked()

    @property
    def stop(self) -> Stop | None:
        """Return what the follower was last seen to stop before, None while it follows."""
        stopped = self._stopped
        return stopped[0] if stopped else None

    def standpoint(self, transaction: Transaction) -> Standpoint:
        """Return where the read model stands."""
        seen = self.seen(transaction)
        behind = self._log.number_after(transaction, seen.log_position)
        since = self._log.time_after(transaction, seen.log_position) if behind else None
        return Standpoint(seen.position, behind, since, self.stop if behind else None)

    def _is_done(self, to: int | None) -> bool:
        if to is not None and to <= self._followed:
            return True
        return self._stopped is not None and self._monotonic() < self._stopped[1]

    def _note(self, step: Step) -> None:
        known = self.stop
        if step.stop and known != step.stop:
            log.error("the follower stops", code=step.stop.code, reason=step.stop.message, position=step.place.position)
        if known and not step.stop:
            log.info("the follower goes on", position=step.place.position)
        self._stopped = (step.stop, self._monotonic() + RETRY_SECONDS) if step.stop else None
        self._followed, self._position = step.place.log_position, step.place.position
        self.wakeups.advanced(step.place.position)


def _seen(rows: list[Row]) -> Seen:
    return Seen(**rows[0]) if rows else Seen()
