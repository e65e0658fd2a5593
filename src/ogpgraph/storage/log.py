"""The event log: an append-only table on the library's recorder, each event hashed as a leaf of the tree.

The canonical bytes a leaf hash covers are fixed for ever: a line naming the format, then stream,
revision, name, version and time of recording, each on a line of its own, then the payload as stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from eventsourcing.persistence import IntegrityError, Notification, StoredEvent
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteCursor

from ogpgraph.clock import Clock, timestamp
from ogpgraph.merkle import leaf_hash
from ogpgraph.storage.database import Database, Datastore
from ogpgraph.storage.texts import insert_texts

TABLE = "event"
FORMAT = "ogpgraph event 1"
CREATE_TABLE = f"""
create table if not exists {TABLE} (
  rowid integer primary key autoincrement,
  originator_id text not null,
  originator_version integer not null,
  topic text not null,
  state blob not null,
  recorded_at text not null,
  leaf blob not null,
  save integer not null,
  command text unique,
  unique (originator_id, originator_version)
)"""
_SELECT = f"select rowid, originator_id, originator_version, topic, state, recorded_at, leaf, save from {TABLE} "  # noqa: S608 - constants only
_INSERT = f"insert into {TABLE} (originator_id, originator_version, topic, state, recorded_at, leaf, save, command) values (?,?,?,?,?,?,?,?)"  # noqa: S608


class CorruptEvent(Exception):
    """A stored event is not what was hashed when it was recorded: named here, and never served."""


@dataclass(frozen=True)
class LoggedEvent(Notification):
    """A stored event with its place in the log; `id` is the recorder's position, which may have gaps."""

    recorded_at: str
    leaf: bytes
    save: int

    @property
    def name(self) -> str:
        """Return the event's name."""
        return self.topic.rpartition(".")[0]

    @property
    def version(self) -> int:
        """Return the version of the stored form."""
        return int(self.topic.rpartition(".")[2])

    @property
    def stream(self) -> str:
        """Return the stream's name."""
        return str(self.originator_id)


def canonical_bytes(stream: str, revision: int, name: str, version: int, recorded_at: str, payload: bytes) -> bytes:
    """Return the bytes that an event's leaf hash covers."""
    return f"{FORMAT}\n{stream}\n{revision}\n{name}\n{version}\n{recorded_at}\n".encode() + payload


class Recorder(SQLiteApplicationRecorder):
    """The library's recorder on our own table, which adds time, leaf hash, save and command to each event."""

    def __init__(self, datastore: Datastore, clock: Clock) -> None:
        super().__init__(datastore, events_table_name=TABLE)
        self._clock = clock

    def construct_create_table_statements(self) -> list[str]:
        """Return the statement that makes our table."""
        return [CREATE_TABLE]

    def _insert_events(self, c: SQLiteCursor, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int]:
        insert_texts(c, kwargs.get("texts", {}))
        moment, save = self._next_moment_and_save(c)
        last = len(stored_events) - 1
        positions = []
        for place, event in enumerate(stored_events):
            recorded_at = timestamp(moment + timedelta(microseconds=place))
            command = kwargs.get("command") if place == last else None
            c.execute(_INSERT, (*_columns(event, recorded_at), save, command))
            positions.append(c.lastrowid)
        return positions

    def _next_moment_and_save(self, c: SQLiteCursor) -> tuple[datetime, int]:
        # Under the write lock, so that recorded time strictly increases with position even if the clock goes back.
        c.execute(f"select recorded_at, save from {TABLE} order by rowid desc limit 1")  # noqa: S608 - constant
        last = c.fetchone()
        now = self._clock()
        if last is None:
            return now, 1
        return max(now, datetime.fromisoformat(last["recorded_at"]) + timedelta(microseconds=1)), last["save"] + 1

    def select_events(
        self,
        originator_id: Any,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> list[LoggedEvent]:
        """Return the events of a stream, oldest first unless `desc`; raises CorruptEvent."""
        where = "where originator_id = ? and originator_version > ? and originator_version <= ? "
        order = f"order by originator_version {'desc' if desc else 'asc'} limit ?"
        parameters = (str(originator_id), gt or 0, lte or 2**62, limit if limit is not None else -1)
        return self._select(where + order, parameters)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> list[LoggedEvent]:
        """Return events of all streams in the order of the log; raises CorruptEvent."""
        first = (start or 0) if inclusive_of_start else (start or 0) + 1
        where, parameters = "where rowid >= ? and rowid <= ? ", [first, stop if stop is not None else 2**62]
        if topics:
            where += f"and topic in ({','.join('?' * len(topics))}) "
        return self._select(where + "order by rowid limit ?", (*parameters, *topics, limit))

    def _select(self, rest: str, parameters: Sequence[object]) -> list[LoggedEvent]:
        with self.datastore.transaction(commit=False) as c:
            c.execute(_SELECT + rest, parameters)
            return [_checked(row) for row in c.fetchall()]


def _columns(event: StoredEvent, recorded_at: str) -> tuple[object, ...]:
    name, _, version = event.topic.rpartition(".")
    stream, revision = str(event.originator_id), event.originator_version
    leaf = leaf_hash(canonical_bytes(stream, revision, name, int(version), recorded_at, event.state))
    return stream, revision, event.topic, event.state, recorded_at, leaf


def _checked(row: Any) -> LoggedEvent:
    event = LoggedEvent(
        id=row["rowid"],
        originator_id=row["originator_id"],
        originator_version=row["originator_version"],
        topic=row["topic"],
        state=row["state"],
        recorded_at=row["recorded_at"],
        leaf=row["leaf"],
        save=row["save"],
    )
    if _columns(event, event.recorded_at)[-1] != event.leaf:
        raise CorruptEvent(
            f"event {event.id} ({event.stream} revision {event.originator_version}) is not what was recorded"
        )
    return event


class EventLog:
    """The log as the rest of the program sees it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._recorder = Recorder(database.datastore, clock)

    def create_table(self) -> None:
        """Make the table unless it is there."""
        self._recorder.create_table()

    def append(self, events: Sequence[StoredEvent], *, texts: dict[str, tuple[bytes, str]], command: str) -> list[int]:
        """Store events and the wordings they refer to, all or nothing; returns their positions in the recorder.

        Raises eventsourcing's IntegrityError when a stream already has one of the revisions, or `command` came before.
        """
        return list(self._recorder.insert_events(events, texts=texts, command=command) or ())

    def stream(self, stream: str) -> list[LoggedEvent]:
        """Return all events of a stream, oldest first; raises CorruptEvent."""
        return self._recorder.select_events(stream)

    def after(self, position: int, limit: int) -> list[LoggedEvent]:
        """Return about `limit` events after a position of the recorder, never part of a save; raises CorruptEvent."""
        events = self._recorder.select_notifications(position, limit, inclusive_of_start=False)
        while len(events) >= limit:
            more = self._recorder.select_notifications(events[-1].id, limit, inclusive_of_start=False)
            same = [event for event in more if event.save == events[-1].save]
            events += same
            if len(same) < limit:
                break
        return events

    def of_command(self, command: str) -> list[LoggedEvent]:
        """Return the events that a command recorded, or none if no command of that name recorded anything."""
        with self._recorder.datastore.transaction(commit=False) as c:
            c.execute(f"select save from {TABLE} where command = ?", (command,))  # noqa: S608 - constant
            found = c.fetchone()
            if found is None:
                return []
            c.execute(_SELECT + "where save = ? order by rowid", (found["save"],))
            return [_checked(row) for row in c.fetchall()]

    def head(self) -> int:
        """Return the recorder's newest position, 0 for an empty log."""
        return self._recorder.max_notification_id() or 0


__all__ = ["CorruptEvent", "EventLog", "IntegrityError", "LoggedEvent", "StoredEvent", "canonical_bytes"]
