"""Projects runs of events into one set of tables, as far as it can: it stops before a save that it cannot follow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
import msgspec
import structlog
from ogpgraph.domain.aggregate import Aggregate, evolve
from ogpgraph.domain.event import Event
from ogpgraph.readmodel.entry import diff_aggregates
from ogpgraph.readmodel.tables import PROJECTION_VERSION, PROJECTOR_NAME, OpenRows, OpenRowsCache, RowBatch
from ogpgraph.readmodel.tags import diff_tags
from ogpgraph.storage.database import Database, DataRejected, Row, Transaction, UniqueViolation
from ogpgraph.storage.event_log import EventLog, LoggedEvent
from ogpgraph.storage.merkle import Frontier
from enum import StrEnum
from functools import lru_cache
from msgspec import Struct
from ogpgraph.domain.aggregate import aggregate_type_of
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.errors import Invalid, StoredEventError
from ogpgraph.domain.event import VERSION, Event, decode_payload
from ogpgraph.storage.database import Row
from ogpgraph.storage.event_log import CorruptEvent, LoggedEvent, load_event

BATCH_SIZE = 500

_LOCK_CHECKPOINT = (
    "update {}projector set position = position where name = :name "
    "returning projection_version, build, log_position, position, frontier"
)
_SAVE_CHECKPOINT = (
    "update {}projector set log_position = :log_position, position = :position, frontier = :frontier where name = :name"
)
_encoder = msgspec.json.Encoder()

log = structlog.stdlib.get_logger(__name__)
Save = list[tuple[LoggedEvent, Event]]


class ProjectorMissing(LookupError):
    """The set of tables is not there, or has no follower's row."""

    def __init__(self) -> None:
        super().__init__("the read model has no tables: run `ogpgraph migrate`")


class Checkpoint(NamedTuple):
    """How far a set of tables has come: in the recorder's positions, and in entries with the tree over them."""

    projection_version: int
    build: int
    log_position: int
    frontier: Frontier

    @property
    def position(self) -> int:
        """Return the number of entries."""
        return self.frontier.size


class ProjectionStep(NamedTuple):
    """What one transaction did: where it came, where the log's head was, and what it stopped before."""

    checkpoint: Checkpoint
    head: int
    save_count: int
    failure: ProjectionFailure | None

    @property
    def is_last(self) -> bool:
        """Tell whether there is nothing more to do for now."""
        return self.failure is not None or self.checkpoint.log_position >= self.head


class Projector:
    """Brings one set of tables, named by its prefix, forward."""

    def __init__(self, database: Database, log: EventLog, prefix: str) -> None:
        self._database = database
        self._log = log
        self._prefix = prefix
        self._open_rows = OpenRowsCache(prefix)
        self._limit = BATCH_SIZE

    def step(self) -> ProjectionStep:
        """Project about one batch in a transaction of its own, or find out what cannot be projected.

        Where the database refuses the rows of a batch, smaller ones are tried: the save at fault is found, and all
        before it is projected.
        """
        checkpoint, saves = Checkpoint(PROJECTION_VERSION, 0, 0, Frontier()), list[list[Row]]()
        while True:
            try:
                with self._database.write(durable=False) as transaction:
                    checkpoint = self.lock_checkpoint(transaction)
                    saves = self._log.read_saves_after(transaction, checkpoint.log_position, self._limit)
                    step = self.project_saves(transaction, checkpoint, saves)
            except (UniqueViolation, DataRejected) as error:
                if not saves:
                    raise
                if len(saves) == 1:
                    log.exception("the rows of a save are refused")
                    return ProjectionStep(
                        checkpoint, saves[0][-1]["position"], 0, describe_rejected_rows(saves[0][0], error)
                    )
                self._limit = max(1, len(saves) // 2)
            else:
                self._limit = min(BATCH_SIZE, self._limit * 2)
                return step

    def lock_checkpoint(self, transaction: Transaction) -> Checkpoint:
        """Return where the set of tables stands; nobody else moves it before the transaction ends."""
        row = transaction.fetch_one(_LOCK_CHECKPOINT.format(self._prefix), name=PROJECTOR_NAME)
        if row is None:
            raise ProjectorMissing
        frontier = Frontier.from_bytes(row["position"], bytes.fromhex(row["frontier"]))
        return Checkpoint(row["projection_version"], row["build"], row["log_position"], frontier)

    def project_saves(
        self, transaction: Transaction, checkpoint: Checkpoint, saves: Sequence[list[Row]]
    ) -> ProjectionStep:
        """Project saves in a transaction that took the place; the step's `head` is how far the log reached."""
        head = saves[-1][-1]["position"] if saves else checkpoint.log_position
        if sum(map(len, saves)) >= self._limit:
            head = self._log.read_head(transaction)
        if checkpoint.projection_version != PROJECTION_VERSION:
            found = checkpoint.projection_version
            message = f"the read model is of projection {found}, and this program makes {PROJECTION_VERSION}"
            return ProjectionStep(
                checkpoint,
                head,
                0,
                ProjectionFailure(ProjectionFailureCode.OTHER_PROJECTION, message, checkpoint.log_position),
            )
        readable, failure = _decode_saves(saves)
        after, number, worse = self._project(transaction, checkpoint, readable)
        return ProjectionStep(after, head, number, worse or failure)

    def _project(
        self, transaction: Transaction, checkpoint: Checkpoint, saves: list[Save]
    ) -> tuple[Checkpoint, int, ProjectionFailure | None]:
        if not saves:
            return checkpoint, 0, None
        streams = {logged.stream for save in saves for logged, _ in save}
        run = _BatchProjection(
            checkpoint.frontier, self._open_rows.get((checkpoint.build, checkpoint.position), transaction, streams)
        )
        if failure := run.project(saves):
            # What stood was changed on the way to the failure: once more, without the save that failed.
            after, number, _ = self._project(transaction, checkpoint, saves[: run.done])
            return after, number, failure
        after = checkpoint._replace(log_position=saves[-1][-1][0].id, frontier=run.frontier)
        self._write(transaction, run.batch, after)
        self._open_rows.advance_to((after.build, after.position))
        return after, len(saves), None

    def _write(self, transaction: Transaction, batch: RowBatch, after: Checkpoint) -> None:
        batch.write(transaction, self._prefix)
        transaction.execute(
            _SAVE_CHECKPOINT.format(self._prefix),
            name=PROJECTOR_NAME,
            log_position=after.log_position,
            position=after.position,
            frontier=after.frontier.to_bytes().hex(),
        )


def _decode_saves(saves: Sequence[list[Row]]) -> tuple[list[Save], ProjectionFailure | None]:
    readable: list[Save] = []
    for save in saves:
        try:
            readable.append([decode_row(row) for row in save])
        except PoisonEvent as poison:
            return readable, poison.failure
    return readable, None


class _BatchProjection:
    """One run over some saves: the rows they make, and the tree that they grow."""

    def __init__(self, frontier: Frontier, open_rows: dict[str, OpenRows]) -> None:
        self.frontier = frontier
        self.batch = RowBatch()
        self.done = 0
        self._open_rows = open_rows

    def project(self, saves: list[Save]) -> ProjectionFailure | None:
        """Project saves; where one fails, `done` tells how many did not, and the run is spoilt."""
        for save in saves:
            for logged, event in save:
                try:
                    self._project_one(logged, event)
                except Exception as error:
                    log.exception("projecting an event failed", log_position=logged.id, stream=logged.stream)
                    return describe_failed_event(logged, error)
            self.done += 1
        return None

    def _project_one(self, logged: LoggedEvent, event: Event) -> None:
        open_rows = self._open_rows[logged.stream]
        before = open_rows.aggregate
        if event.revision != before.revision + 1:
            raise ValueError(f"revision {event.revision} follows revision {before.revision}")
        after = evolve(before, event)
        self.frontier = self.frontier.append(logged.leaf)
        position = self.frontier.size
        self.batch.entries.append(_entry_row(logged, event, before, after, self.frontier))
        self.batch.close_version(after.id, open_rows.since, position)
        self.batch.open_version(after, position)
        _update_tags(self.batch, open_rows, after, event.facts, position)
        open_rows.aggregate, open_rows.since = after, position


def _update_tags(batch: RowBatch, open_rows: OpenRows, after: Aggregate, facts: Iterable[str], position: int) -> None:
    ended, begun = diff_tags(open_rows.aggregate, after, facts)
    for tag in ended:
        batch.close_tag(after.id, tag, open_rows.tags.pop(tag), position)
    for tag in begun:
        batch.open_tag(after.id, tag, position)
        open_rows.tags[tag] = position


def _entry_row(
    logged: LoggedEvent, event: Event, before: Aggregate, after: Aggregate, frontier: Frontier
) -> tuple[Any, ...]:
    """Return the row of an entry, in the order of its columns."""
    envelope = event.envelope
    return (
        frontier.size,
        logged.id,
        envelope.id,
        event.stream,
        event.revision,
        event.name,
        logged.recorded_at,
        envelope.actor,
        envelope.cause,
        envelope.source,
        envelope.correlation,
        _encoder.encode(envelope).decode(),
        _encoder.encode(diff_aggregates(before, after, event)).decode(),
        logged.leaf.hex(),
        frontier.root().hex(),
    )


# MERGED from ogpgraph.readmodel.projector: 'Why the follower stopped: the event it could not get past, in one of few classes, and what may be told of it.'


class ProjectionFailureCode(StrEnum):
    """In what way an event cannot be followed."""

    CORRUPT = "CORRUPT"
    UNKNOWN_EVENT = "UNKNOWN_EVENT"
    UNDECODABLE = "UNDECODABLE"
    PROJECTION_FAILED = "PROJECTION_FAILED"
    OTHER_PROJECTION = "OTHER_PROJECTION"


class ProjectionFailure(Struct, frozen=True):
    """What the follower stands still before; `message` may be told to everyone."""

    code: ProjectionFailureCode
    message: str
    log_position: int


class PoisonEvent(Exception):
    """An event that cannot be followed."""

    def __init__(self, failure: ProjectionFailure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def decode_row(row: Row) -> tuple[LoggedEvent, Event]:
    """Return the event that a row of the log holds, checked and decoded; raises PoisonEvent."""
    try:
        logged = load_event(row)
    except CorruptEvent as error:
        raise PoisonEvent(ProjectionFailure(ProjectionFailureCode.CORRUPT, str(error), row["position"])) from error
    if not _is_known(aggregate_type_of(logged.stream), logged.name, logged.version):
        raise PoisonEvent(
            _describe(ProjectionFailureCode.UNKNOWN_EVENT, logged, "this program does not know such an event")
        )
    try:
        return logged, decode_payload(
            logged.stream, logged.originator_version, logged.name, logged.version, logged.state
        )
    except StoredEventError as error:
        raise PoisonEvent(
            _describe(ProjectionFailureCode.UNDECODABLE, logged, "its payload is not of the form it should have")
        ) from error


def describe_failed_event(logged: LoggedEvent, error: Exception) -> ProjectionFailure:
    """Return the stop before an event whose projection failed; of the error only the class is told."""
    return _describe(ProjectionFailureCode.PROJECTION_FAILED, logged, f"projecting it failed ({type(error).__name__})")


def describe_rejected_rows(row: Row, error: Exception) -> ProjectionFailure:
    """Return the stop before a save whose rows the database does not take."""
    message = (
        f"the database refuses the rows of the save that begins with event {row['position']} ({type(error).__name__})"
    )
    return ProjectionFailure(ProjectionFailureCode.PROJECTION_FAILED, message, row["position"])


@lru_cache(maxsize=1_000)
def _is_known(aggregate_type: str, name: str, version: int) -> bool:
    noun = AGGREGATE_TYPES.get(aggregate_type)
    try:
        return noun is not None and version <= VERSION and bool(noun.event_type(name))
    except Invalid:
        return False


def _describe(code: ProjectionFailureCode, logged: LoggedEvent, reason: str) -> ProjectionFailure:
    what = f"{logged.name} version {logged.version}"
    where = f"event {logged.id} ({logged.stream} revision {logged.originator_version}, {what})"
    return ProjectionFailure(code, f"{where}: {reason}", logged.id)
