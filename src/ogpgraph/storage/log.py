"""The event log: an append-only table in which each event is hashed as a leaf of the tree.

It is a recorder of the eventsourcing library, on statements that serve both engines. The canonical
bytes a leaf hash covers are fixed for ever: a line naming the format, then stream, revision, name,
version and time of recording, each on a line of its own, then the payload as stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

from eventsourcing.persistence import ApplicationRecorder, IntegrityError, Notification, StoredEvent, Subscription

from ogpgraph.clock import Clock, timestamp
from ogpgraph.merkle import leaf_hash
from ogpgraph.storage.database import Database, Row, Taken, Transaction
from ogpgraph.storage.texts import insert_rows, marked

FORMAT = "ogpgraph event 1"
CREATE_TABLE = """
create table if not exists event (
  position integer primary key autoincrement,
  stream text not null,
  revision bigint not null,
  topic text not null,
  payload blob not null,
  recorded_at text not null,
  leaf blob not null,
  save bigint not null,
  command text unique,
  unique (stream, revision)
);
create index if not exists event_save on event (save)
"""
_SELECT = "select position, stream, revision, topic, payload, recorded_at, leaf, save from event "
_INSERT = """
insert into event (stream, revision, topic, payload, recorded_at, leaf, save, command)
values (:stream, :revision, :topic, :payload, :recorded_at, :leaf, :save, :command)"""
_LAST = _SELECT + "order by position desc limit 1"
# Up to the end of the last save that the next so many events touch.
_END = (
    "(select max(position) from event where save = (select max(save) from "
    "(select save from event where position > :position order by position limit :limit) s))"
)
MOST = 2**62
Check = Callable[[Transaction], None]
"""What is asked under the log's lock before a save is stored: whatever it raises, nothing is."""


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


class EventLog(ApplicationRecorder):
    """The log: appends whole saves, reads streams and everything in order, and checks each event it reads."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def create_table(self) -> None:
        """Make the table unless it is there."""
        self._database.create(CREATE_TABLE)

    def append(
        self,
        events: Sequence[StoredEvent],
        *,
        texts: Mapping[str, tuple[bytes, str]],
        command: str | None,
        unmoved: Mapping[str, int] | None = None,
        check: Check | None = None,
    ) -> list[int]:
        """Store events and the wordings they refer to, all or nothing; returns their positions in the recorder.

        Raises the library's IntegrityError when a stream has one of the revisions already, when one of those `unmoved`
        has another than is said, and when `command` came before; what `check` raises; and Lost when the connection
        broke: the events may be stored then, which `of_command` tells.
        """
        wordings = marked(texts)  # before the lock is taken: to look for personal data takes its time
        with self._database.append() as transaction:
            self._require(transaction, unmoved or {})
            if check:
                check(transaction)
            moment, save = self._next_moment_and_save(transaction)
            rows = [_row(event, moment + timedelta(microseconds=place), save) for place, event in enumerate(events)]
            if rows:
                rows[-1]["command"] = command
            insert_rows(transaction, wordings)
            try:
                transaction.execute_many(_INSERT, rows)
                found = transaction.rows("select position from event where save = :save order by position", save=save)
            except Taken as taken:
                raise IntegrityError(str(taken)) from taken
        return [row["position"] for row in found]

    def _require(self, transaction: Transaction, revisions: Mapping[str, int]) -> None:
        for stream, revision in revisions.items():
            stands = transaction.value("select max(revision) from event where stream = :stream", stream=stream) or 0
            if stands != revision:
                raise IntegrityError(f"{stream} is at revision {stands}, not {revision}")

    def _next_moment_and_save(self, transaction: Transaction) -> tuple[datetime, int]:
        # Under the log's lock, so that recorded time strictly increases with position even if the clock goes back.
        last = transaction.row(_LAST)
        now = self._clock()
        if last is None:
            return now, 1
        before = opened(last)
        return max(now, datetime.fromisoformat(before.recorded_at) + timedelta(microseconds=1)), before.save + 1

    def stream(self, stream: str) -> list[LoggedEvent]:
        """Return all events of a stream, oldest first; raises CorruptEvent, for one that is missing too."""
        events = self.select_events(stream)
        for revision, event in enumerate(events, start=1):
            if event.originator_version != revision:
                raise CorruptEvent(f"{stream} has lost an event: revision {revision} is missing")
        return events

    def saves_after(self, transaction: Transaction, position: int, limit: int) -> list[list[Row]]:
        """Return the rows of about `limit` events after a position of the recorder, save by save, none in part.

        What they hold is told by `opened`, which may find that one is corrupt.
        """
        where = f"where position > :position and position <= {_END} order by position"
        rows = transaction.rows(_SELECT + where, position=position, limit=limit)
        return [list(save) for _, save in groupby(rows, key=itemgetter("save"))]

    def number_after(self, transaction: Transaction, position: int) -> int:
        """Return how many events there are after a position of the recorder."""
        return int(transaction.value("select count(*) from event where position > :position", position=position))

    def time_after(self, transaction: Transaction, position: int) -> str | None:
        """Return when the first event after a position of the recorder was recorded, None where there is none."""
        recorded_at: str | None = transaction.value(
            "select recorded_at from event where position > :position order by position limit 1", position=position
        )
        return recorded_at

    def of_command(self, command: str) -> list[LoggedEvent]:
        """Return the events that a command recorded, or none if no command of that name recorded anything."""
        where = "where save = (select save from event where command = :command) order by position"
        return _checked(self._database.query(_SELECT + where, command=command))

    def head(self, transaction: Transaction) -> int:
        """Return the recorder's newest position, 0 for an empty log."""
        return int(transaction.value("select max(position) from event") or 0)

    # The library's interface

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int]:
        """Append events as one save; returns their positions."""
        return self.append(stored_events, texts=kwargs.get("texts", {}), command=kwargs.get("command"))

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
        where = "where stream = :stream and revision > :gt and revision <= :lte "
        order = f"order by revision {'desc' if desc else 'asc'} limit :limit"
        bounds = {"gt": gt or 0, "lte": MOST if lte is None else lte, "limit": MOST if limit is None else limit}
        return _checked(self._database.query(_SELECT + where + order, stream=str(originator_id), **bounds))

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
        first = (start or 0) + (0 if inclusive_of_start else 1)
        where = "where position >= :first and position <= :stop "
        only = "and topic in :topics " if topics else ""
        given = {"topics": tuple(topics)} if topics else {}
        bounds = {"first": first, "stop": MOST if stop is None else stop, "limit": limit}
        with self._database.read() as transaction:
            return _checked(
                transaction.rows(f"{_SELECT}{where}{only}order by position limit :limit", **bounds, **given)
            )

    def max_notification_id(self) -> int | None:
        """Return the newest position, None for an empty log."""
        with self._database.read() as transaction:
            return self.head(transaction) or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Refuse: the follower reads the log, and everyone who follows reads what it wrote."""
        raise NotImplementedError("follow the entries instead")


def _row(event: StoredEvent, moment: datetime, save: int) -> dict[str, object]:
    recorded_at = timestamp(moment)
    return {
        "stream": str(event.originator_id),
        "revision": event.originator_version,
        "topic": event.topic,
        "payload": event.state,
        "recorded_at": recorded_at,
        "leaf": _leaf(str(event.originator_id), event.originator_version, event.topic, recorded_at, event.state),
        "save": save,
        "command": None,
    }


def _leaf(stream: str, revision: int, topic: str, recorded_at: str, payload: bytes) -> bytes:
    name, _, version = topic.rpartition(".")
    return leaf_hash(canonical_bytes(stream, revision, name, int(version), recorded_at, payload))


def _checked(rows: Sequence[Row]) -> list[LoggedEvent]:
    return [opened(row) for row in rows]


def opened(row: Row) -> LoggedEvent:
    """Return the event that a row of the log holds; raises CorruptEvent where it is not what was recorded."""
    stream, revision, topic, payload = row["stream"], row["revision"], row["topic"], bytes(row["payload"])
    recorded_at, leaf = row["recorded_at"], bytes(row["leaf"])
    if not _is_what_was_recorded(row):
        raise CorruptEvent(f"event {row['position']} ({stream!r} revision {revision}) is not what was recorded")
    return LoggedEvent(stream, revision, topic, payload, row["position"], recorded_at, leaf, row["save"])


def _is_what_was_recorded(row: Row) -> bool:
    try:
        leaf = _leaf(row["stream"], row["revision"], row["topic"], row["recorded_at"], bytes(row["payload"]))
    except (ValueError, TypeError):  # a topic or time that no event was ever stored with
        return False
    return leaf == bytes(row["leaf"])


__all__ = [
    "Check",
    "CorruptEvent",
    "EventLog",
    "IntegrityError",
    "LoggedEvent",
    "StoredEvent",
    "canonical_bytes",
    "opened",
]
