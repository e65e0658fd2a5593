"""The rebuild: projects the whole log into a second set of tables and then swaps it with the live one.

Readers, writers and projectors go on meanwhile; the swap is one transaction. The tables that an interrupted rebuild
leaves are dropped by the next one. Of two rebuilds at the same time the later one wins and the earlier one fails.
"""

from __future__ import annotations

import gc
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from ogpgraph.readmodel.parallel_projection import ParallelProjection, ProjectionWorkers, count_workers
from ogpgraph.readmodel.projector import BATCH_SIZE, Checkpoint, ProjectionStep, Projector, ProjectorMissing
from ogpgraph.readmodel.tables import (
    NEXT_PREFIX,
    PROJECTION_VERSION,
    PROJECTOR_NAME,
    PROJECTOR_TABLE,
    drop_tables,
    insert_projector,
    render_indexes,
    render_tables,
    swap_tables,
    table_names,
)
from ogpgraph.storage.database import Database, DatabaseError, ProgressCallback, TablesMissing, Transaction
from ogpgraph.storage.event_log import EventLog
from ogpgraph.storage.merkle import Frontier

MAX_BUILD = 2**31
MIN_PARALLEL_EVENTS = 20_000
"""Fewer events are projected before other processes have started."""

log = structlog.stdlib.get_logger(__name__)


class RebuildStopped(DatabaseError):
    """The rebuild did not complete; the live read model is unchanged."""


class Rebuild:
    """One rebuild, recognized by its random build number."""

    def __init__(self, database: Database, log: EventLog) -> None:
        self._database = database
        self._log = log
        self._build = 1 + secrets.randbelow(MAX_BUILD - 1)
        self._next = Projector(database, log, NEXT_PREFIX, is_rebuild=True)
        self._live_tables: list[str] = []

    def run(self, progress: ProgressCallback | None = None) -> int:
        """Rebuild the read model; returns the position reached.

        Raises RebuildStopped where another rebuild has started, and where the rebuild stops at an event that the live
        read model already holds: a rebuild never shows less than before.
        """
        self._begin()
        self._project_in_parallel(progress)
        has_indexes = False
        while True:
            step = self._step()
            if progress:
                progress(step.checkpoint.log_position, step.head)
            if not step.is_last:
                continue
            if not has_indexes:
                self._create_indexes()
                has_indexes = True
            elif (position := self._switch()) is not None:
                return position

    def _begin(self) -> None:
        with self._database.write() as transaction:
            drop_tables(transaction, NEXT_PREFIX)
            self._database.execute_ddl(transaction, render_tables(NEXT_PREFIX))
            insert_projector(transaction, NEXT_PREFIX, PROJECTION_VERSION, self._build)
        # Tables that are missing are replaced like damaged ones: nothing is needed of the live set.
        self._live_tables = [table for table in table_names() if self._database.has_table(table)]

    def _project_in_parallel(self, progress: ProgressCallback | None) -> None:
        """Project a long log in several processes; what these do not project is projected afterwards, as any events."""
        with self._database.read_log() as transaction:
            is_long = self._log.count_after(transaction, 0) >= MIN_PARALLEL_EVENTS
        if not is_long or (number := count_workers()) == 1:
            return
        begun = Checkpoint(PROJECTION_VERSION, self._build, 0, Frontier())
        with ProjectionWorkers(self._database.url, NEXT_PREFIX, number) as workers:
            steps = ParallelProjection(self._database, self._log, self._next, workers).iter_steps(begun)
            while (step := self._take_step(steps)) is not None:
                if progress:
                    progress(step.checkpoint.log_position, step.head)

    def _take_step(self, steps: Iterator[ProjectionStep]) -> ProjectionStep | None:
        try:
            with _paused_collection():
                return next(steps, None)
        except Exception as error:  # the projection in this process says what is wrong with an event or the tables
            log.warning("projecting in several processes failed, going on in one", reason=type(error).__name__)
            return None

    def _create_indexes(self) -> None:
        """Create the indexes of what is projected: sorting all rows takes less time than inserting each in its place.

        The projector does not use them. What is projected afterwards is inserted into them.
        """
        with self._database.write() as transaction:
            self._database.execute_ddl(transaction, render_indexes(NEXT_PREFIX, self._build))

    def _step(self) -> ProjectionStep:
        try:
            with _paused_collection():
                step = self._next.step()
        except (TablesMissing, ProjectorMissing) as error:
            raise RebuildStopped("another rebuild has started") from error
        self._require_own_build(step.checkpoint)
        return step

    def _switch(self) -> int | None:
        """Swap the sets and return the position reached; None where events came in that need another step first."""
        with self._database.write() as transaction:
            transaction.lock_tables(self._live_tables)
            live_log_position = self._read_live_log_position(transaction)
            try:
                checkpoint = self._next.lock_checkpoint(transaction)
            except (TablesMissing, ProjectorMissing) as error:
                raise RebuildStopped("another rebuild has started") from error
            self._require_own_build(checkpoint)
            step = self._project_rest(transaction, checkpoint)
            if not step.is_last:
                return None  # commits these rows and releases the locks: readers must not wait for many events
            # Stopped by an event that was projected before: the former rows show more.
            if step.checkpoint.log_position < live_log_position:
                raise RebuildStopped(step.failure.message if step.failure else "the log is shorter than the read model")
            swap_tables(transaction)
        self._database.release_space()
        return step.checkpoint.position

    def _read_live_log_position(self, transaction: Transaction) -> int:
        """Return how far the live rows are; 0 where they lack the row that says so."""
        if PROJECTOR_TABLE not in self._live_tables:
            return 0
        sql = "select log_position from projector where name = :name"
        return transaction.fetch_value(sql, name=PROJECTOR_NAME) or 0

    def _project_rest(self, transaction: Transaction, checkpoint: Checkpoint) -> ProjectionStep:
        saves = self._log.read_saves_after(transaction, checkpoint.log_position, BATCH_SIZE)
        return self._next.project_saves(transaction, checkpoint, saves)

    def _require_own_build(self, checkpoint: Checkpoint) -> None:
        if checkpoint.build != self._build:
            raise RebuildStopped("another rebuild has started")


@contextmanager
def _paused_collection() -> Iterator[None]:
    """Pause the garbage collector: a projection makes no cycles, but many objects, and looking at them takes time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
