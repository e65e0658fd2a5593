"""The projector: turns the events of the log, in order and each once, into the rows of one set of tables.

A save is projected whole or not at all. The projector stops before the save of an event that it cannot project, so
that no row rests on a history with a hole in it; a `ProjectionFailure` names the event.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import structlog

from ogpgraph.domain.aggregate_types import decode_stored_event
from ogpgraph.domain.event import Event
from ogpgraph.readmodel.batch_projection import (
    BatchProjection,
    DecodedSave,
    ProjectionFailure,
    decode_saves,
)
from ogpgraph.readmodel.batch_rows import BatchRows, RowWriter
from ogpgraph.readmodel.error_codes import ProjectionFailureCode
from ogpgraph.readmodel.model_change import ChangeRecorder, ModelChange
from ogpgraph.readmodel.open_rows import FindAggregate, OpenRowsCache, find_no_aggregate
from ogpgraph.readmodel.tables import PROJECTION_VERSION, PROJECTOR_NAME
from ogpgraph.storage.append import StoredSaves
from ogpgraph.storage.database import Commit, Database, DatabaseError, DataRejected, Row, Transaction, UniqueViolation
from ogpgraph.storage.event_log import EventLog
from ogpgraph.storage.merkle import Frontier

BATCH_SIZE = 500
"""About how many events one transaction projects; a save is never split."""
REBUILD_BATCH_SIZE = 4_000
"""The same of a rebuild, for which no reader waits: more rows end in the batch in which they began."""

_CHECKPOINT_COLUMNS = "projection_version, build, log_position, position, frontier"
# An update that changes nothing: it locks the row, so that one transaction at a time projects into a set of tables.
_LOCK_CHECKPOINT = f"update {{}}projector set position = position where name = :name returning {_CHECKPOINT_COLUMNS}"
SELECT_CHECKPOINT = f"select {_CHECKPOINT_COLUMNS} from projector where name = :name"
_SAVE_CHECKPOINT = (
    "update {}projector set log_position = :log_position, position = :position, frontier = :frontier where name = :name"
)

log = structlog.stdlib.get_logger(__name__)


class ProjectorMissing(LookupError):
    """The set of tables has no row of its projector."""

    def __init__(self) -> None:
        super().__init__("the read model has no tables: run `ogpgraph migrate`")


class Checkpoint(NamedTuple):
    """How far a set of tables is projected: the log position of its last event, and the tree over its entries."""

    projection_version: int
    build: int
    log_position: int
    frontier: Frontier

    @property
    def position(self) -> int:
        """Return the number of entries."""
        return self.frontier.size

    @property
    def identity(self) -> object:
        """Return what no other rows have: after a transaction that was rolled back, others may be at its position."""
        return self.build, self.frontier


def read_checkpoint(transaction: Transaction) -> Checkpoint | None:
    """Return how far the live set is projected, as a transaction sees it; None where it has no projector."""
    row = transaction.fetch_one(SELECT_CHECKPOINT, name=PROJECTOR_NAME)
    return _decode_checkpoint(row) if row else None


class ProjectionStep(NamedTuple):
    """The outcome of one transaction: the checkpoint reached, the log's head then, and the failure it stopped at.

    `change` is what the projected entries change since the checkpoint `before`; both are None where there were none.
    `commit` is that of the transaction, if the engine tells.
    """

    checkpoint: Checkpoint
    head: int
    failure: ProjectionFailure | None = None
    before: Checkpoint | None = None
    change: ModelChange | None = None
    commit: Commit | None = None

    @property
    def is_last(self) -> bool:
        """Return whether another step would find nothing to project."""
        return self.failure is not None or self.checkpoint.log_position >= self.head


class Projector:
    """Projects into one set of tables, named by its prefix."""

    def __init__(
        self,
        database: Database,
        log: EventLog,
        prefix: str,
        find_aggregate: FindAggregate = find_no_aggregate,
        *,
        is_rebuild: bool = False,
    ) -> None:
        """Project into the tables with a prefix. A rebuild has greater batches, and nobody follows its changes.

        Aggregates that are found in memory are not restored from the rows.
        """
        self._database = database
        self._log = log
        self._prefix = prefix
        self._open_rows = OpenRowsCache(prefix, find_aggregate)
        self._reached: Checkpoint | None = None
        """The checkpoint of the last step, which may have been rolled back."""
        self._is_rebuild = is_rebuild
        self._batch_size = REBUILD_BATCH_SIZE if is_rebuild else BATCH_SIZE
        self._limit = self._batch_size

    def step(self, lock_seconds: float | None = None) -> ProjectionStep:
        """Project about one batch in a transaction of its own, which waits for locks as `Database.write` does.

        Where the database rejects the rows of a batch, the batch is halved until the save at fault is alone: everything
        before it is projected, and the step that meets it alone returns the failure.
        """
        while True:
            checkpoint: Checkpoint | None = None
            saves: list[list[Row]] = []
            try:
                with self._database.write(durable=False, lock_seconds=lock_seconds) as transaction:
                    checkpoint = self.lock_checkpoint(transaction)
                    saves = self._log.read_saves_after(transaction, checkpoint.log_position, self._limit)
                    step = self.project_saves(transaction, checkpoint, saves)
            except (UniqueViolation, DataRejected) as error:
                if not saves or checkpoint is None:
                    raise
                if len(saves) == 1:
                    log.exception("rows of a save rejected", log_position=saves[0][0]["position"])
                    return ProjectionStep(
                        checkpoint, saves[0][-1]["position"], _describe_rejected_save(saves[0], error)
                    )
                self._limit = len(saves) // 2
            else:
                self._limit = min(self._batch_size, self._limit * 2)
                return step._replace(commit=transaction.commit)

    def lock_checkpoint(self, transaction: Transaction) -> Checkpoint:
        """Return the set's checkpoint; nobody else can move it before the transaction ends."""
        row = transaction.fetch_one(_LOCK_CHECKPOINT.format(self._prefix), name=PROJECTOR_NAME)
        if row is None:
            raise ProjectorMissing
        found = _decode_checkpoint(row)
        return self._reached if found == self._reached else found  # of which the root is known

    def project_saves(
        self, transaction: Transaction, checkpoint: Checkpoint, saves: Sequence[list[Row]]
    ) -> ProjectionStep:
        """Project the saves that follow a checkpoint, in the transaction that locked it."""
        head = saves[-1][-1]["position"] if saves else checkpoint.log_position
        if sum(map(len, saves)) >= self._limit:  # the batch is full; a smaller one ends at the log's head
            head = self._log.read_head(transaction)
        if checkpoint.projection_version != PROJECTION_VERSION:
            return ProjectionStep(checkpoint, head, _describe_other_projection(checkpoint))
        decoded, poison = decode_saves(saves)
        step = self._project(transaction, ProjectionStep(checkpoint, head), decoded)
        return step._replace(failure=step.failure or poison)

    def project_stored(self, transaction: Transaction, stored: StoredSaves) -> ProjectionStep | None:
        """Project saves in the transaction that stores them; None where others or other events have to come first.

        Raises what keeps the rows from being written: then the whole transaction has to be rolled back.
        """
        if sum(map(len, stored.events)) > self._limit:
            return None
        checkpoint = self.lock_checkpoint(transaction)
        is_current = checkpoint.projection_version == PROJECTION_VERSION
        if not is_current or checkpoint.log_position != stored.before.position:
            return None
        saves = [[(logged, decode_stored_event(logged)) for logged in save] for save in stored.events]
        return self._project(transaction, ProjectionStep(checkpoint, stored.head.position), saves)

    def _project(self, transaction: Transaction, begun: ProjectionStep, saves: Sequence[DecodedSave]) -> ProjectionStep:
        checkpoint = begun.checkpoint
        if not saves:
            return begun
        revisions: dict[str, int] = {}
        for logged, _ in (each for save in saves for each in save):
            revisions.setdefault(logged.stream, logged.revision)
        open_rows = self._open_rows.get(checkpoint.identity, transaction, revisions)
        changes = None if self._is_rebuild else ChangeRecorder()
        batch = BatchProjection(open_rows, partial(read_events, self._log, transaction), changes)
        if failure := batch.project(saves, checkpoint.position):
            # The batch holds rows of the save that failed. The saves before it are projected once more, without them.
            return self._project(transaction, begun, saves[: batch.done])._replace(failure=failure)
        last, leaves = saves[-1][-1][0].id, (logged.leaf for save in saves for logged, _ in save)
        after = self.write(transaction, checkpoint, [batch.rows.to_rows()], last, leaves)
        self._open_rows.advance_to(after.identity)
        self._reached = after
        if changes is None:
            return begun._replace(checkpoint=after, before=checkpoint)
        change = changes.to_change(checkpoint.position, after.position, after.frontier.root())
        return begun._replace(checkpoint=after, before=checkpoint, change=change)

    def write(
        self,
        transaction: Transaction,
        checkpoint: Checkpoint,
        parts: Sequence[BatchRows],
        log_position: int,
        leaves: Iterable[bytes],
    ) -> Checkpoint:
        """Write the rows of the events that follow a checkpoint, up to a log position; returns the checkpoint there.

        The parts are of different streams. The leaf hashes are those of the events, in their order.
        """
        frontier, roots = checkpoint.frontier.extend(leaves)
        RowWriter(transaction, self._prefix, self._open_rows.terms).write(parts, roots)
        transaction.execute(
            _SAVE_CHECKPOINT.format(self._prefix),
            name=PROJECTOR_NAME,
            log_position=log_position,
            position=frontier.size,
            frontier=frontier.to_bytes().hex(),
        )
        return checkpoint._replace(log_position=log_position, frontier=frontier)


def read_events(log: EventLog, transaction: Transaction, stream: str, revisions: Collection[int]) -> dict[int, Event]:
    """Return revision → event for some revisions of a stream."""
    return {each.revision: decode_stored_event(each) for each in log.read_revisions(stream, revisions, transaction)}


def _decode_checkpoint(row: Row) -> Checkpoint:
    try:
        frontier = Frontier.from_bytes(row["position"], bytes.fromhex(row["frontier"]))
    except ValueError as error:
        raise DatabaseError(f"the projector's row is damaged ({error}): run `ogpgraph rebuild`") from error
    return Checkpoint(row["projection_version"], row["build"], row["log_position"], frontier)


def _describe_rejected_save(save: list[Row], error: Exception) -> ProjectionFailure:
    position = save[0]["position"]
    message = f"the database rejects the rows of the save that begins with event {position} ({type(error).__name__})"
    return ProjectionFailure(ProjectionFailureCode.PROJECTION_FAILED, message, position)


def _describe_other_projection(checkpoint: Checkpoint) -> ProjectionFailure:
    message = (
        f"the read model has projection version {checkpoint.projection_version}, "
        f"this program writes version {PROJECTION_VERSION}"
    )
    return ProjectionFailure(ProjectionFailureCode.OTHER_PROJECTION, message, checkpoint.log_position)
