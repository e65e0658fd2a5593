"""The follower: reads the log, in order and each event once, into rows; nothing else ever writes them.

Its transaction first takes the follower's own row, so any number of processes may call
`catch_up` at the same time: one works, the others wait and then find nothing left to do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import msgspec

from ogpgraph.domain.event import Event, decode
from ogpgraph.domain.subject import Subject, evolve, kind_of
from ogpgraph.merkle import EMPTY_ROOT, Frontier
from ogpgraph.readmodel.projection import (
    PROJECTION,
    changes_between,
    code_of,
    decode_document,
    encode_document,
    tags_of,
)
from ogpgraph.storage.database import Database, Transaction, chunks
from ogpgraph.storage.log import EventLog, LoggedEvent

NAME = "main"
FOREVER = 2**63 - 1
BATCH = 500
TABLES = ("entry", "version", "tag", "follower")

_TAKE = "update follower set position = position where name = :name returning log_position, position, frontier"
_ADVANCE = (
    "update follower set log_position = :log_position, position = :position, frontier = :frontier where name = :name"
)
_CLOSE_VERSION = "update version set until = :until where id = :id and since = :since"
_CLOSE_TAG = (
    "update tag set until = :until where id = :id and dimension = :dimension and value = :value and since = :since"
)
_INSERT_VERSION = "insert into version (kind, id, since, until, revision, code, document) values (:kind, :id, :since, :until, :revision, :code, :document)"
_INSERT_TAG = (
    "insert into tag (kind, id, dimension, value, since, until) values (:kind, :id, :dimension, :value, :since, :until)"
)
_INSERT_ENTRY = """
insert into entry (position, log_position, event_id, stream, revision, name, recorded_at, actor, cause, source,
                   correlation, envelope, changes, leaf, root)
values (:position, :log_position, :event_id, :stream, :revision, :name, :recorded_at, :actor, :cause, :source,
        :correlation, :envelope, :changes, :leaf, :root)"""

Progress = Callable[[int, int], None]


@dataclass
class Standing:
    """A subject's open rows: the state, since when it holds, and since when each of its tags does."""

    subject: Subject
    since: int = 0
    tags: dict[tuple[str, str], int] = field(default_factory=dict)


@dataclass
class Batch:
    """The rows that a run of events makes, gathered to be written together."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    versions: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    tags: dict[tuple[str, str, str, int], dict[str, Any]] = field(default_factory=dict)
    closed_versions: list[dict[str, Any]] = field(default_factory=list)
    closed_tags: list[dict[str, Any]] = field(default_factory=list)

    def open_version(self, subject: Subject, position: int) -> None:
        """Add the row of a state that holds from a position on."""
        row = {"kind": subject.kind, "id": subject.id, "since": position, "until": FOREVER}
        row |= {"revision": subject.revision, "code": code_of(subject), "document": encode_document(subject)}
        self.versions[subject.id, position] = row

    def close_version(self, stream: str, since: int, until: int) -> None:
        """End a row, here if this batch made it, in the table otherwise."""
        if (row := self.versions.get((stream, since))) is not None:
            row["until"] = until
        elif since:
            self.closed_versions.append({"id": stream, "since": since, "until": until})

    def open_tag(self, stream: str, tag: tuple[str, str], position: int) -> None:
        """Add the row of a tag that holds from a position on."""
        dimension, value = tag
        row = {"kind": kind_of(stream), "id": stream, "dimension": dimension, "value": value, "since": position}
        self.tags[stream, dimension, value, position] = row | {"until": FOREVER}

    def close_tag(self, stream: str, tag: tuple[str, str], since: int, until: int) -> None:
        """End a tag, here if this batch made it, in the table otherwise."""
        dimension, value = tag
        if (row := self.tags.get((stream, dimension, value, since))) is not None:
            row["until"] = until
        else:
            end = {"id": stream, "dimension": dimension, "value": value, "since": since, "until": until}
            self.closed_tags.append(end)

    def write(self, transaction: Transaction) -> None:
        """Write all rows."""
        transaction.execute_many(_CLOSE_VERSION, self.closed_versions)
        transaction.execute_many(_CLOSE_TAG, self.closed_tags)
        transaction.execute_many(_INSERT_VERSION, self.versions.values())
        transaction.execute_many(_INSERT_TAG, self.tags.values())
        transaction.execute_many(_INSERT_ENTRY, self.entries)


class Follower:
    """Keeps the read model up with the log."""

    def __init__(self, database: Database, log: EventLog) -> None:
        self._database = database
        self._log = log

    def create_tables(self) -> None:
        """Make the read model's tables unless they are there."""
        self._database.create(files("ogpgraph.readmodel").joinpath("tables.sql").read_text())
        with self._database.write() as transaction:
            transaction.execute(
                "insert into follower (name, projection, log_position, position, frontier) "
                "values (:name, :projection, 0, 0, '') on conflict do nothing",
                name=NAME,
                projection=PROJECTION,
            )

    def is_behind(self, transaction: Transaction) -> bool:
        """Tell whether the log holds events that the read model does not show yet."""
        return self._log.head(transaction) > (
            transaction.value("select log_position from follower where name = :name", name=NAME) or 0
        )

    def is_outdated(self) -> bool:
        """Tell whether the rows were made by another version of the projection, so that they must be made again."""
        with self._database.read() as transaction:
            return bool(
                transaction.value("select projection from follower where name = :name", name=NAME) != PROJECTION
            )

    def catch_up(self, progress: Progress | None = None) -> int:
        """Project every event there is; returns the position reached.

        `progress` is told the log's position and head after each batch.
        """
        while True:
            position, log_position, head = self._step()
            if progress:
                progress(log_position, head)
            if log_position == head:
                return position

    def _step(self) -> tuple[int, int, int]:
        with self._database.write() as transaction:
            row = transaction.row(_TAKE, name=NAME)
            if row is None:
                raise LookupError("the read model has no tables: run `ogpgraph migrate`")
            head = self._log.head(transaction)
            events = self._log.after(transaction, row["log_position"], BATCH)
            if not events:
                return row["position"], head, head
            frontier = Frontier.from_bytes(row["position"], bytes.fromhex(row["frontier"]))
            frontier = self._project(transaction, events, frontier)
            log_position = events[-1].id
            transaction.execute(
                _ADVANCE,
                name=NAME,
                log_position=log_position,
                position=frontier.size,
                frontier=frontier.to_bytes().hex(),
            )
        return frontier.size, log_position, head

    def _project(self, transaction: Transaction, events: list[LoggedEvent], frontier: Frontier) -> Frontier:
        standing = _standing(transaction, sorted({event.stream for event in events}))
        batch = Batch()
        for logged in events:
            frontier = frontier.append(logged.leaf)
            _project_one(batch, standing[logged.stream], logged, frontier)
        batch.write(transaction)
        return frontier

    def rebuild(self, progress: Progress | None = None) -> int:
        """Throw the read model away and make it again from the log; returns the position reached."""
        with self._database.write() as transaction:
            for table in TABLES:
                transaction.execute(f"drop table if exists {table}")
        self.create_tables()
        return self.catch_up(progress)


def _standing(transaction: Transaction, streams: list[str]) -> dict[str, Standing]:
    standing = {stream: Standing(Subject(stream)) for stream in streams}
    for chunk in chunks(streams):
        for row in transaction.rows(
            "select id, since, revision, document from version where id in :streams and until = :forever",
            streams=chunk,
            forever=FOREVER,
        ):
            subject = decode_document(row["id"], row["revision"], row["document"])
            standing[row["id"]] = Standing(subject, row["since"])
        for row in transaction.rows(
            "select id, dimension, value, since from tag where id in :streams and until = :forever",
            streams=chunk,
            forever=FOREVER,
        ):
            standing[row["id"]].tags[row["dimension"], row["value"]] = row["since"]
    return standing


def _project_one(batch: Batch, standing: Standing, logged: LoggedEvent, frontier: Frontier) -> None:
    event = decode(logged.stream, logged.originator_version, logged.name, logged.version, logged.state)
    position, before, after = frontier.size, standing.subject, evolve(standing.subject, event)
    batch.entries.append(_entry(logged, event, position, before, after) | {"root": frontier.root().hex()})
    batch.close_version(after.id, standing.since, position)
    batch.open_version(after, position)
    _retag(batch, standing, after, position)
    standing.subject, standing.since = after, position


def _retag(batch: Batch, standing: Standing, after: Subject, position: int) -> None:
    tags = tags_of(after)
    for tag in standing.tags.keys() - tags:
        batch.close_tag(after.id, tag, standing.tags.pop(tag), position)
    for tag in tags - standing.tags.keys():
        batch.open_tag(after.id, tag, position)
        standing.tags[tag] = position


def _entry(logged: LoggedEvent, event: Event, position: int, before: Subject, after: Subject) -> dict[str, Any]:
    envelope = event.envelope
    return {
        "position": position,
        "log_position": logged.id,
        "event_id": envelope.id,
        "stream": event.stream,
        "revision": event.revision,
        "name": event.name,
        "recorded_at": logged.recorded_at,
        "actor": envelope.actor,
        "cause": envelope.cause,
        "source": envelope.source,
        "correlation": envelope.correlation,
        "envelope": msgspec.json.encode(envelope).decode(),
        "changes": msgspec.json.encode(changes_between(before, after, event)).decode(),
        "leaf": logged.leaf.hex(),
    }


def empty_root() -> str:
    """Return the root hash of a log without events, in hex."""
    return EMPTY_ROOT.hex()
