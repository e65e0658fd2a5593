"""The live projection of one process: catching up with the log, its status, and who is notified of new positions.

Any number of threads and processes may call `ProjectionRunner.catch_up` at the same time: a step begins by locking the
projector's row, so one of them works while the others wait and then find nothing left to do.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from ogpgraph.readmodel.projector import ProjectionFailure, ProjectionStep, Projector
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
"""How long the projection pauses before it tries again to project an event that stopped it."""

# One statement, as every read session begins with it.
_SELECT_PROGRESS = """
select p.log_position, p.position, p.projection_version,
       coalesce((select max(e.position) from event e), 0) as head
from projector p where p.name = :name"""
_SELECT_PROJECTION_VERSION = "select projection_version from projector where name = :name"

ProgressCallback = Callable[[int, int], None]
"""Called with the log position reached and the log's head."""
PositionCallback = Callable[[int], None]
log = structlog.stdlib.get_logger(__name__)


class ProjectionProgress(NamedTuple):
    """How far the read model is: its newest entry, and that entry's place in the log, whose newest place is `head`."""

    log_position: int = 0
    position: int = 0
    head: int = 0
    projection_version: int = 0

    @property
    def is_behind(self) -> bool:
        """Return whether the log has events that are not projected yet."""
        return self.log_position < self.head


@dataclass(frozen=True)
class ProjectionStatus:
    """The read model's position, how many events it lacks and since when, and the failure that stopped it, if any."""

    position: int
    lag: int
    oldest_pending_at: str | None
    failure: ProjectionFailure | None


class PositionNotifier:
    """Notifies the process of the newest position. Positions may be skipped: subscribers read what lies in between."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition()
        self._subscribers: list[PositionCallback] = []
        self.position = 0

    def subscribe(self, callback: PositionCallback) -> Callable[[], None]:
        """Call `callback` with each newer position; returns the function that ends the subscription.

        The callback runs in the notifying thread, which may be a writer's: it must hand over and return at once.
        """
        with self._lock:
            self._subscribers.append(callback)

        def unsubscribe() -> None:
            with self._lock:
                if callback in self._subscribers:
                    self._subscribers.remove(callback)

        return unsubscribe

    def notify(self, position: int) -> None:
        """Notify of a position, unless it or a later one was notified before."""
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
        """Wait until a position is reached; returns whether it was within the time."""
        with self._changed:
            return self._changed.wait_for(lambda: self.position >= position, timeout=seconds)


class ProjectionRunner:
    """Projects the log into the live tables."""

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
        self._failure: ProjectionFailure | None = None
        self._retry_at = 0.0
        self.notifier = notifier or PositionNotifier()

    def create_tables(self) -> None:
        """Create the read model's tables unless it has some; an older program's are left for `Rebuild` to replace."""
        if not self._database.has_table(PROJECTOR_TABLE):
            if self._database.has_table(FORMER_PROJECTOR_TABLE):
                return
            self._database.apply_ddl(render_ddl(LIVE_PREFIX, FIRST_BUILD))
        with self._database.write() as transaction:
            insert_projector(transaction, LIVE_PREFIX, PROJECTION_VERSION, FIRST_BUILD)

    def is_outdated(self) -> bool:
        """Return whether another version of the projection wrote the rows, so that they must be rebuilt."""
        if not self._database.has_table(PROJECTOR_TABLE):
            return True
        rows = self._database.query(_SELECT_PROJECTION_VERSION, name=PROJECTOR_NAME)
        return not rows or rows[0]["projection_version"] != PROJECTION_VERSION

    def catch_up(self, progress: ProgressCallback | None = None, *, to: int | None = None) -> int:
        """Project all events of the log, or at least those up to log position `to`; returns the position reached.

        Returns early where an event cannot be projected: `failure` names it, and calls within the next second return
        without trying again.
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
        """Return whether a thread of this process is catching up; it will notify of the position it reaches."""
        return self._lock.locked()

    @property
    def failure(self) -> ProjectionFailure | None:
        """Return the failure at which this process last stopped, None where it did not."""
        return self._failure

    def read_progress(self, transaction: Transaction) -> ProjectionProgress:
        """Return how far the read model is, as a transaction sees it."""
        return _to_progress(transaction.fetch_all(_SELECT_PROGRESS, name=PROJECTOR_NAME))

    def refresh(self) -> ProjectionProgress:
        """Return how far the read model is now, whichever process projected it, and notify of the position."""
        progress = _to_progress(self._database.query(_SELECT_PROGRESS, name=PROJECTOR_NAME))
        self.notifier.notify(progress.position)
        return progress

    def status(self, transaction: Transaction) -> ProjectionStatus:
        """Return the status of the read model, as a transaction sees it."""
        progress = self.read_progress(transaction)
        lag = self._log.count_after(transaction, progress.log_position)
        oldest = self._log.find_time_after(transaction, progress.log_position) if lag else None
        return ProjectionStatus(progress.position, lag, oldest, self.failure if lag else None)

    def _is_done(self, to: int | None) -> bool:
        if to is not None and to <= self._log_position:
            return True
        return self._failure is not None and self._monotonic() < self._retry_at

    def _record_step(self, step: ProjectionStep) -> None:
        before, self._failure = self._failure, step.failure
        if step.failure:
            self._retry_at = self._monotonic() + RETRY_SECONDS
        if step.failure and step.failure != before:
            log.error(
                "projection stopped",
                code=step.failure.code,
                reason=step.failure.message,
                position=step.checkpoint.position,
            )
        if before and not step.failure:
            log.info("projection resumed", position=step.checkpoint.position)
        self._log_position, self._position = step.checkpoint.log_position, step.checkpoint.position
        self.notifier.notify(step.checkpoint.position)


def _to_progress(rows: list[Row]) -> ProjectionProgress:
    return ProjectionProgress(**rows[0]) if rows else ProjectionProgress()
