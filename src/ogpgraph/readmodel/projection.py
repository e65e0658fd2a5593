"""The live projection of one process: catching up with the log, its status, and notification of new positions.

What a process appends it projects in the same transaction, where it can. Any number of threads and processes may call
`ProjectionRunner.catch_up` at the same time: a step begins by locking the projector's row, so one of them works while
the others wait and then find nothing left to do.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from ogpgraph.readmodel.batch_projection import ProjectionFailure
from ogpgraph.readmodel.kept_responses import RecordVersion
from ogpgraph.readmodel.open_rows import FindAggregate, find_no_aggregate
from ogpgraph.readmodel.projector import SELECT_CHECKPOINT, ProjectionStep, Projector
from ogpgraph.readmodel.tables import (
    LIVE_PREFIX,
    PROJECTION_VERSION,
    PROJECTOR_NAME,
    PROJECTOR_TABLE,
    insert_projector,
    render_ddl,
)
from ogpgraph.storage.append import StoredSaves
from ogpgraph.storage.database import (
    Database,
    DataRejected,
    ProgressCallback,
    Row,
    StorageDamaged,
    StorageFailure,
    Transaction,
)
from ogpgraph.storage.event_log import EventLog
from ogpgraph.storage.waiting import acquire_lock

FIRST_BUILD = 0
RETRY_SECONDS = 1.0
"""How long the projection pauses before it tries again to project an event that stopped it."""
READER_PATIENCE_SECONDS = 3.0
"""How long a reader waits for others to write, before it reads what is projected already."""

# One statement, as every read session begins with it.
_SELECT_PROGRESS = """
select p.log_position, p.position, p.projection_version, p.build,
       coalesce((select max(e.position) from event e), 0) as head,
       (select t.root from entry t where t.position = p.position) as root,
       (select l.id from log l) as log_id, (select l.redaction_version from log l) as redaction_version
from projector p where p.name = :name"""

PositionCallback = Callable[[int], None]
log = structlog.stdlib.get_logger(__name__)


class ProjectionProgress(NamedTuple):
    """How far the read model is: its newest entry, and that entry's place in the log, whose newest place is `head`.

    `root` is that of the tree over all entries up to the newest one; None where there is none. `build` is another one
    once the tables were rebuilt. The log's id and the version of its redaction are read with them.
    """

    log_position: int = 0
    position: int = 0
    head: int = 0
    projection_version: int = 0
    root: bytes | None = None
    build: int = 0
    log_id: str = ""
    redaction_version: int = 0

    @property
    def is_behind(self) -> bool:
        """Return whether the log has events that are not projected yet."""
        return self.log_position < self.head

    @property
    def record_version(self) -> RecordVersion:
        """Return what all responses depend on that are read there."""
        return RecordVersion(self.log_id, self.redaction_version, self.projection_version)


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
        # Outside the lock: a callback may subscribe or unsubscribe.
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
        monotonic: Callable[[], float] = time.monotonic,
        remember: Callable[[int, str], None] = lambda _position, _root: None,
        follow: Sequence[Callable[[ProjectionStep], None]] = (),
        find_aggregate: FindAggregate = find_no_aggregate,
    ) -> None:
        """Project events; `find_aggregate` returns an aggregate as it was before its last events, if that is in memory.

        Once a step is committed, `remember` is called with a new position and its root, in hex, and each of `follow`
        with the step, before anybody is notified of it.
        """
        self._database = database
        self._log = log
        self._remember = remember
        self._follow = follow
        self._projector = Projector(database, log, LIVE_PREFIX, find_aggregate)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._log_position = 0
        self._position = 0
        self._failure: ProjectionFailure | None = None
        self._retry_at = 0.0
        self._write_again_at = 0.0
        self.notifier = PositionNotifier()

    def create_tables(self) -> None:
        """Create the read model's tables unless it has some; those of another version are for `Rebuild` to replace."""
        if not self._database.has_table(PROJECTOR_TABLE):
            self._database.apply_ddl(render_ddl(LIVE_PREFIX, FIRST_BUILD))
        with suppress(DataRejected), self._database.write() as transaction:  # a former table has other columns
            insert_projector(transaction, LIVE_PREFIX, PROJECTION_VERSION, FIRST_BUILD)

    def is_outdated(self) -> bool:
        """Return whether another version of the projection wrote the rows, so that they must be rebuilt."""
        try:
            rows = self._database.query(SELECT_CHECKPOINT, name=PROJECTOR_NAME)
        except DataRejected:  # the table of another version has other columns
            return True
        return not rows or rows[0]["projection_version"] != PROJECTION_VERSION

    def catch_up(self, progress: ProgressCallback | None = None, *, to: int | None = None) -> int:
        """Project all events of the log, or at least those up to log position `to`; returns the position reached.

        Returns early where an event cannot be projected: `failure` names it, and calls within the next second return
        without trying again.
        """
        acquire_lock(self._lock)
        try:
            return self._catch_up(progress, to)
        finally:
            self._lock.release()

    def try_hold(self) -> bool:
        """Let no other thread of this process project until `release`; returns False where one does just now."""
        return self._lock.acquire(blocking=False)

    def release(self) -> None:
        """Let others project again."""
        self._lock.release()

    def project(self, transaction: Transaction, stored: StoredSaves) -> ProjectionStep | None:
        """Project saves in the transaction that stores them; None where `catch_up` has to do it afterwards.

        The caller holds the projection until it has called `record` with the step, or the transaction is rolled back.
        Raises what keeps the rows from being written.
        """
        return self._projector.project_stored(transaction, stored)

    def catch_up_for_reader(self) -> None:
        """Project all events of the log, unless the storage cannot be written to: a reader can do without.

        A failure is logged, and for a second readers do not try again.
        """
        if self._monotonic() < self._write_again_at:
            return
        if not acquire_lock(self._lock, READER_PATIENCE_SECONDS):
            return
        try:
            if self._monotonic() >= self._write_again_at:
                self._catch_up(lock_seconds=READER_PATIENCE_SECONDS)
        except StorageFailure as failure:
            self._write_again_at = self._monotonic() + RETRY_SECONDS
            log.warning("projecting failed, reading goes on", code=failure.code, reason=str(failure))
        finally:
            self._lock.release()

    def _catch_up(
        self, progress: ProgressCallback | None = None, to: int | None = None, lock_seconds: float | None = None
    ) -> int:
        while not self._is_done(to):
            step = self._projector.step(lock_seconds)
            self.record(step)
            if progress:
                progress(step.checkpoint.log_position, step.head)
            if step.is_last:
                break
        return self._position

    def has_reached(self, log_position: int) -> bool:
        """Return whether this process has projected the log up to a position."""
        return log_position <= self._log_position

    @property
    def is_running(self) -> bool:
        """Return whether a thread of this process is catching up; it will notify of the position it reaches."""
        return self._lock.locked()

    @property
    def failure(self) -> ProjectionFailure | None:
        """Return the failure at which this process last stopped, None where it did not."""
        return self._failure

    def status(self, transaction: Transaction) -> ProjectionStatus:
        """Return the status of the read model, as a transaction sees it."""
        progress = read_progress(transaction)
        lag = self._log.count_after(transaction, progress.log_position)
        oldest = self._log.find_time_after(transaction, progress.log_position) if lag else None
        return ProjectionStatus(progress.position, lag, oldest, self.failure if lag else None)

    def compute_root(self, transaction: Transaction, length: int) -> str | None:
        """Return the root over the first events of the log, in hex, from their leaves; None where there are fewer."""
        return self._log.compute_root(transaction, length)

    def _is_done(self, to: int | None) -> bool:
        if to is not None and self.has_reached(to):  # another thread projected it while this one waited
            return True
        return self._failure is not None and self._monotonic() < self._retry_at

    def record(self, step: ProjectionStep) -> None:
        """Take note of a step that is committed, and notify of its position; the caller holds the projection."""
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
        if step.checkpoint.position != self._position:
            self._remember(step.checkpoint.position, step.checkpoint.frontier.root().hex())
        self._log_position, self._position = step.checkpoint.log_position, step.checkpoint.position
        self._log.follow(step.commit)
        for follow in self._follow:
            follow(step)
        self.notifier.notify(step.checkpoint.position)


def query_progress(database: Database) -> ProjectionProgress:
    """Return how far the read model is now, whichever process projected it; raises StorageDamaged."""
    return _to_progress(database.query(_SELECT_PROGRESS, name=PROJECTOR_NAME))


def read_progress(transaction: Transaction) -> ProjectionProgress:
    """Return how far the read model is, as a transaction sees it; raises StorageDamaged."""
    return _to_progress(transaction.fetch_all(_SELECT_PROGRESS, name=PROJECTOR_NAME))


def _to_progress(rows: list[Row]) -> ProjectionProgress:
    """Return what was read; the row of the projector is there since `migrate`, as is that of the log."""
    if not rows or rows[0]["log_id"] is None:
        raise StorageDamaged(f"the row of the table {'log' if rows else 'projector'} is missing: run `ogpgraph check`")
    return ProjectionProgress(**rows[0])
