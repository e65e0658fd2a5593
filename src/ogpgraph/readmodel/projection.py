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

from ogpgraph.readmodel.projection_failure import ProjectionFailure
from ogpgraph.readmodel.projector import ProjectionStep, Projector
from ogpgraph.readmodel.tables import (
    FORMER_PROJECTOR_TABLE,
    LIVE_PREFIX,
    PROJECTION_VERSION,
    PROJECTOR_NAME,
    PROJECTOR_TABLE,
    insert_projector,
    render_ddl,
)
from ogpgraph.storage.database import Database, Row, Transaction
from ogpgraph.storage.event_log import EventLog

FIRST_BUILD = 0
RETRY_SECONDS = 1.0
"""How often it is tried again to get past an event that the follower stopped before."""

_SELECT_PROGRESS = """
select p.log_position, p.position, p.projection_version,
       coalesce((select max(e.position) from event e), 0) as head
from projector p where p.name = :name"""

ProgressCallback = Callable[[int, int], None]
log = structlog.stdlib.get_logger(__name__)


class ProjectionProgress(NamedTuple):
    """How far the read model is: in the recorder's positions, of which the log's newest is `head`, and in entries.

    And which version of the projection made it.
    """

    log_position: int = 0
    position: int = 0
    head: int = 0
    projection_version: int = 0

    @property
    def is_behind(self) -> bool:
        """Tell whether the log holds events that the read model does not show yet."""
        return self.log_position < self.head


@dataclass(frozen=True)
class ProjectionStatus:
    """Where the read model stands: its position, how many events are not in it yet, since when, and what stopped it."""

    position: int
    lag: int
    oldest_pending_at: str | None
    failure: ProjectionFailure | None


class ProjectionRunner:
    """Keeps the read model up with the log."""

    def __init__(
        self,
        database: Database,
        log: EventLog,
        notifier: PositionNotifier | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._log = log
        self._projector = Projector(database, log, LIVE_PREFIX)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._log_position = 0
        self._position = 0
        self._failure: tuple[ProjectionFailure, float] | None = None
        self.notifier = notifier or PositionNotifier()

    def create_tables(self) -> None:
        """Create the read model's tables unless it has some; an older program's are left for `Rebuild` to replace."""
        if not self._database.has_table(PROJECTOR_TABLE):
            if self._database.has_table(FORMER_PROJECTOR_TABLE):
                return
            self._database.apply_ddl(render_ddl(LIVE_PREFIX, FIRST_BUILD))
        with self._database.write() as transaction:
            insert_projector(transaction, LIVE_PREFIX, PROJECTION_VERSION, FIRST_BUILD)

    def read_progress(self, transaction: Transaction) -> ProjectionProgress:
        """Return how far the read model is, as a transaction sees it."""
        return _to_progress(transaction.fetch_all(_SELECT_PROGRESS, name=PROJECTOR_NAME))

    def refresh(self) -> ProjectionProgress:
        """Return how far the read model is at this moment, and tell those who wait for it."""
        progress = _to_progress(self._database.query(_SELECT_PROGRESS, name=PROJECTOR_NAME))
        self.notifier.notify(progress.position)
        return progress

    def is_outdated(self) -> bool:
        """Return whether another version of the projection wrote the rows, so that they must be rebuilt."""
        if not self._database.has_table(PROJECTOR_TABLE):
            return True
        rows = self._database.query("select projection_version from projector where name = :name", name=PROJECTOR_NAME)
        return not rows or rows[0]["projection_version"] != PROJECTION_VERSION

    def catch_up(self, progress: ProgressCallback | None = None, *, to: int | None = None) -> int:
        """Project every event there is, or at least those up to `to`; returns the position reached.

        It stops before an event that it cannot follow, and says so in `stop`; the next second it tries again.
        Positions of `to` and `progress` (where it is, where the head is) are the recorder's.
        """
        with self._lock:
            while not self._is_done(to):
                step = self._projector.step()
                self._record_step(step)
                if progress:
                    progress(step.checkpoint.log_position, step.head)
                if step.is_last:
                    break
            return self._position

    @property
    def is_running(self) -> bool:
        """Tell whether somebody in this process brings the read model up, and will tell those who wait for it."""
        return self._lock.locked()

    @property
    def failure(self) -> ProjectionFailure | None:
        """Return what the follower was last seen to stop before, None while it follows."""
        stopped = self._failure
        return stopped[0] if stopped else None

    def status(self, transaction: Transaction) -> ProjectionStatus:
        """Return where the read model stands."""
        progress = self.read_progress(transaction)
        behind = self._log.count_after(transaction, progress.log_position)
        since = self._log.find_time_after(transaction, progress.log_position) if behind else None
        return ProjectionStatus(progress.position, behind, since, self.failure if behind else None)

    def _is_done(self, to: int | None) -> bool:
        if to is not None and to <= self._log_position:
            return True
        return self._failure is not None and self._monotonic() < self._failure[1]

    def _record_step(self, step: ProjectionStep) -> None:
        known = self.failure
        if step.failure and known != step.failure:
            log.error(
                "the follower stops",
                code=step.failure.code,
                reason=step.failure.message,
                position=step.checkpoint.position,
            )
        if known and not step.failure:
            log.info("the follower goes on", position=step.checkpoint.position)
        self._failure = (step.failure, self._monotonic() + RETRY_SECONDS) if step.failure else None
        self._log_position, self._position = step.checkpoint.log_position, step.checkpoint.position
        self.notifier.notify(step.checkpoint.position)


def _to_progress(rows: list[Row]) -> ProjectionProgress:
    return ProjectionProgress(**rows[0]) if rows else ProjectionProgress()


PositionCallback = Callable[[int], None]


class PositionNotifier:
    """Tells subscribers the newest position; what lies between the last one told and this one they read themselves."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition()
        self._subscribers: list[PositionCallback] = []
        self.position = 0

    def subscribe(self, callback: PositionCallback) -> Callable[[], None]:
        """Call `callback` with every newer position from now on; returns what ends it.

        It is called in the thread that noticed and must return at once: hand over to a queue or an event loop there.
        """
        with self._lock:
            self._subscribers.append(callback)

        def unsubscribe() -> None:
            with self._lock:
                if callback in self._subscribers:
                    self._subscribers.remove(callback)

        return unsubscribe

    def notify(self, position: int) -> None:
        """Tell that the read model has come to a position; said again or too late it is heard by nobody."""
        with self._lock:
            if position <= self.position:
                return
            self.position = position
            subscribers = list(self._subscribers)
        with self._changed:
            self._changed.notify_all()
        for callback in subscribers:
            try:
                callback(position)
            except Exception:
                log.exception("a subscriber failed")

    def wait_for(self, position: int, seconds: float) -> bool:
        """Wait until the read model has come to a position; returns whether it has within the time."""
        with self._changed:
            return self._changed.wait_for(lambda: self.position >= position, timeout=seconds)
