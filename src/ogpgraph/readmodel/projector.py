"""The projector: turns the events of the log, in order and each once, into the rows of one set of tables.

A save is projected whole or not at all. The projector stops before the save of an event that it cannot project, so
that no row rests on a history with a hole in it; a `ProjectionFailure` names the event.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import structlog
from msgspec import Struct

from ogpgraph.clock import to_microseconds
from ogpgraph.domain.aggregate_types import decode_event
from ogpgraph.domain.as_of import Timeline, advance_timeline
from ogpgraph.domain.errors import StoredEventError, UnknownEvent
from ogpgraph.domain.event import Event
from ogpgraph.domain.field import Tag
from ogpgraph.domain.fold import statement_interval
from ogpgraph.readmodel.batch_rows import BatchRows, RowBatch, RowWriter
from ogpgraph.readmodel.earlier_claims import earlier_claims
from ogpgraph.readmodel.entry import changed_paths
from ogpgraph.readmodel.entry_query import entry_term
from ogpgraph.readmodel.error_codes import ProjectionFailureCode
from ogpgraph.readmodel.model_change import ChangeRecorder, ModelChange
from ogpgraph.readmodel.open_rows import FindAggregate, OpenRows, OpenRowsCache, find_no_aggregate
from ogpgraph.readmodel.queries import hash_event_id, path_set_term
from ogpgraph.readmodel.rule_tags import Readings
from ogpgraph.readmodel.searched_texts import diff_searched_texts
from ogpgraph.readmodel.states import extend_chain
from ogpgraph.readmodel.tables import PROJECTION_VERSION, PROJECTOR_NAME
from ogpgraph.readmodel.tags import CODE_PATHS, TagDifference, code_of
from ogpgraph.storage.append import StoredSaves
from ogpgraph.storage.database import Commit, Database, DatabaseError, DataRejected, Row, Transaction, UniqueViolation
from ogpgraph.storage.event_log import CorruptEvent, EventLog, LoggedEvent, load_event
from ogpgraph.storage.merkle import Frontier

BATCH_SIZE = 500
"""About how many events one transaction projects; a save is never split."""
REBUILD_BATCH_SIZE = 4_000
"""The same of a rebuild, for which no reader waits: more rows end in the batch in which they began."""

# An update that changes nothing: it locks the row, so that one transaction at a time projects into a set of tables.
_LOCK_CHECKPOINT = (
    "update {}projector set position = position where name = :name "
    "returning projection_version, build, log_position, position, frontier"
)
_SELECT_CHECKPOINT = (
    "select projection_version, build, log_position, position, frontier from projector where name = :name"
)
_SAVE_CHECKPOINT = (
    "update {}projector set log_position = :log_position, position = :position, frontier = :frontier where name = :name"
)

log = structlog.stdlib.get_logger(__name__)
DecodedSave = list[tuple[LoggedEvent, Event]]
ReadStream = Callable[[str, Collection[int]], Mapping[int, Event]]
"""Returns revision → event for some revisions of a stream."""


class ProjectorMissing(LookupError):
    """The set of tables has no row of its projector."""

    def __init__(self) -> None:
        super().__init__("the read model has no tables: run `ogpgraph migrate`")


class ProjectionFailure(Struct, frozen=True):
    """The event that the projection stopped before, and why. `message` is safe to expose: it quotes no payload."""

    code: ProjectionFailureCode
    message: str
    log_position: int


class PoisonEvent(Exception):
    """A stored event that cannot be read."""

    def __init__(self, failure: ProjectionFailure) -> None:
        super().__init__(failure.message)
        self.failure = failure


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
        return self.build, self.frontier.root()


def read_checkpoint(transaction: Transaction) -> Checkpoint | None:
    """Return how far the live set is projected, as a transaction sees it; None where it has no projector."""
    row = transaction.fetch_one(_SELECT_CHECKPOINT, name=PROJECTOR_NAME)
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
        return _decode_checkpoint(row)

    def project_saves(
        self, transaction: Transaction, checkpoint: Checkpoint, saves: Sequence[list[Row]]
    ) -> ProjectionStep:
        """Project the saves that follow a checkpoint, in the transaction that locked it."""
        head = saves[-1][-1]["position"] if saves else checkpoint.log_position
        if sum(map(len, saves)) >= self._limit:  # the batch is full; a smaller one ends at the log's head
            head = self._log.read_head(transaction)
        if checkpoint.projection_version != PROJECTION_VERSION:
            return ProjectionStep(checkpoint, head, _describe_other_projection(checkpoint))
        decoded, poison = _decode_saves(saves)
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
        saves = [[(logged, _decode_logged(logged)) for logged in save] for save in stored.events]
        return self._project(transaction, ProjectionStep(checkpoint, stored.head.position), saves)

    def _project(self, transaction: Transaction, begun: ProjectionStep, saves: Sequence[DecodedSave]) -> ProjectionStep:
        checkpoint = begun.checkpoint
        if not saves:
            return begun
        revisions: dict[str, int] = {}
        for logged, _ in (each for save in saves for each in save):
            revisions.setdefault(logged.stream, logged.revision)
        open_rows = self._open_rows.get(checkpoint.identity, transaction, revisions)
        batch = _BatchProjection(checkpoint.position, open_rows, partial(self._read_events, transaction))
        if failure := batch.project(saves):
            # The batch holds rows of the save that failed. The saves before it are projected once more, without them.
            return self._project(transaction, begun, saves[: batch.done])._replace(failure=failure)
        frontier, roots = checkpoint.frontier.extend(logged.leaf for save in saves for logged, _ in save)
        after = checkpoint._replace(log_position=saves[-1][-1][0].id, frontier=frontier)
        self._write(transaction, [batch.rows.to_rows()], roots, after)
        self._open_rows.advance_to(after.identity)
        if self._is_rebuild:
            return begun._replace(checkpoint=after, before=checkpoint)
        change = batch.changes.to_change(checkpoint.position, after.position, after.frontier.root())
        return begun._replace(checkpoint=after, before=checkpoint, change=change)

    def _read_events(self, transaction: Transaction, stream: str, revisions: Collection[int]) -> dict[int, Event]:
        found = self._log.read_revisions(stream, revisions, transaction)
        return {logged.revision: _decode_logged(logged) for logged in found}

    def _write(
        self, transaction: Transaction, parts: Sequence[BatchRows], roots: Sequence[bytes], after: Checkpoint
    ) -> None:
        RowWriter(transaction, self._prefix, self._open_rows.terms).write(parts, roots)
        transaction.execute(
            _SAVE_CHECKPOINT.format(self._prefix),
            name=PROJECTOR_NAME,
            log_position=after.log_position,
            position=after.position,
            frontier=after.frontier.to_bytes().hex(),
        )


def _decode_checkpoint(row: Row) -> Checkpoint:
    try:
        frontier = Frontier.from_bytes(row["position"], bytes.fromhex(row["frontier"]))
    except ValueError as error:
        raise DatabaseError(f"the projector's row is damaged ({error}): run `ogpgraph rebuild`") from error
    return Checkpoint(row["projection_version"], row["build"], row["log_position"], frontier)


class _BatchProjection:
    """The projection of one batch in memory, whose entries follow a position."""

    def __init__(self, position: int, open_rows: dict[str, OpenRows], read_events: ReadStream) -> None:
        self._read_events = read_events
        self._position = position
        self.rows = RowBatch()
        self.changes = ChangeRecorder()
        self.done = 0
        self._open_rows = open_rows

    def project(self, saves: Iterable[DecodedSave]) -> ProjectionFailure | None:
        """Project saves; after a failure, `done` is the number of saves before it, and the batch is of no use."""
        for save in saves:
            for logged, event in save:
                try:
                    self._project_event(logged, event)
                except Exception as error:
                    log.exception("projecting an event failed", log_position=logged.id, stream=logged.stream)
                    return _describe_failed_event(logged, error)
            self.done += 1
        return None

    def _project_event(self, logged: LoggedEvent, event: Event) -> None:
        open_rows = self._open_rows[logged.stream]
        before = open_rows.timeline
        if event.revision != before.aggregate.revision + 1:  # an event of the stream was deleted from the log
            raise ValueError(f"revision {event.revision} follows revision {before.aggregate.revision}")
        delta, timeline, touched = advance_timeline(before, event, partial(self._read_events, logged.stream))
        after, former_code = timeline.aggregate, open_rows.code
        if not open_rows.key or not CODE_PATHS.isdisjoint(touched):
            open_rows.code = code_of(after)
        position = self._position = self._position + 1
        is_first = not open_rows.key
        if is_first:
            open_rows.key = position
            self.rows.add_stream(position, after)
        if is_first or open_rows.code != former_code:
            self.rows.codes.append((open_rows.key, position, open_rows.code))
        open_rows.chain, content = extend_chain(open_rows.chain, position, delta, after)
        self.rows.versions.append((position, open_rows.code, *content))
        paths = changed_paths(delta)
        path_set = path_set_term(paths) if paths else None
        if path_set and path_set not in self.rows.path_sets:
            self.rows.path_sets[path_set] = [entry_term("path", path) for path in paths]
        self.rows.entries.append(_entry_row(logged, event, position, open_rows.key, path_set))
        differences = _update_dated_rows(self.rows, open_rows, former_code, timeline, touched, position)
        self.changes.add(position, open_rows.code, after, differences)
        open_rows.timeline = timeline


def _update_dated_rows(
    rows: RowBatch, open_rows: OpenRows, former_code: str, after: Timeline, paths: frozenset[str], position: int
) -> tuple[TagDifference, TagDifference]:
    """Replace the rows of tags, earlier claims and texts that differ between two states that differ at some paths.

    Returns in which tags they differ, and in which of those of the days on which a state changes.
    """
    key, before, was_listed, is_listed = open_rows.key, open_rows.timeline, bool(former_code), bool(open_rows.code)
    old, new = Readings(before), Readings(after)
    by_rules = open_rows.tags.move(old, new, paths, was_listed=was_listed, is_listed=is_listed)
    by_days = open_rows.days.move(before, after, paths)
    for difference in (by_rules, by_days):
        rows.tags.replace(key, difference.ended, difference.begun, position)
    if before.earlier or after.earlier:
        old_claims, new_claims = earlier_claims(before, paths), earlier_claims(after, paths)
        rows.earlier_claims.replace(key, old_claims - new_claims, new_claims - old_claims, position)
    texts = diff_searched_texts(old, new, paths, was_listed=was_listed, is_listed=is_listed)
    rows.searched_texts.replace(key, texts.ended, texts.begun, position)
    return by_rules, by_days


def _entry_row(logged: LoggedEvent, event: Event, position: int, stream: int, path_set: Tag | None) -> tuple[Any, ...]:
    """Return the row of an entry as `RowBatch` collects it."""
    envelope, effective = event.envelope, statement_interval(event)
    return (
        position,
        logged.id,
        hash_event_id(envelope.id),
        stream,
        event.revision,
        to_microseconds(datetime.fromisoformat(logged.recorded_at)),
        to_microseconds(effective.after) if effective.after else None,
        to_microseconds(effective.before),
        entry_term("name", event.name),
        entry_term("cause", envelope.cause),
        entry_term("actor", envelope.actor),
        entry_term("role", envelope.role),
        entry_term("source", envelope.source) if envelope.source else None,
        entry_term("correlation", envelope.correlation),
        path_set,
    )


def _decode_saves(saves: Iterable[list[Row]]) -> tuple[list[DecodedSave], ProjectionFailure | None]:
    """Return the saves before the first one with an event that cannot be read, and that event's failure."""
    decoded: list[DecodedSave] = []
    for save in saves:
        try:
            decoded.append([_decode_row(row) for row in save])
        except PoisonEvent as poison:
            return decoded, poison.failure
    return decoded, None


def _decode_row(row: Row) -> tuple[LoggedEvent, Event]:
    """Return the event in a row of the log, verified and decoded as for a command; raises PoisonEvent."""
    try:
        logged = load_event(row)
    except CorruptEvent as error:
        raise PoisonEvent(ProjectionFailure(ProjectionFailureCode.CORRUPT, str(error), row["position"])) from error
    try:
        return logged, _decode_logged(logged)
    except UnknownEvent as error:
        failure = _describe(ProjectionFailureCode.UNKNOWN_EVENT, logged, "this program does not know such an event")
        raise PoisonEvent(failure) from error
    except StoredEventError as error:
        failure = _describe(
            ProjectionFailureCode.UNDECODABLE, logged, "its payload does not match its name and version"
        )
        raise PoisonEvent(failure) from error


def _decode_logged(logged: LoggedEvent) -> Event:
    return decode_event(logged.stream, logged.revision, logged.name, logged.version, logged.payload)


def _describe(code: ProjectionFailureCode, logged: LoggedEvent, reason: str) -> ProjectionFailure:
    name = f"{logged.name} version {logged.version}"
    message = f"event {logged.id} ({logged.stream} revision {logged.revision}, {name}): {reason}"
    return ProjectionFailure(code, message, logged.id)


def _describe_failed_event(logged: LoggedEvent, error: Exception) -> ProjectionFailure:
    # Only the error's class: its message may quote the payload.
    return _describe(ProjectionFailureCode.PROJECTION_FAILED, logged, f"projecting it failed ({type(error).__name__})")


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
