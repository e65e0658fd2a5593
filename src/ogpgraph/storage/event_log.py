"""The event log: an append-only table whose events are the leaves of a hash tree.

The log is an application recorder of the eventsourcing library, written in statements that serve both engines. Events
are appended in saves, each stored as a whole or not at all.

The bytes that a leaf hash covers never change: a line with the format, then stream, revision, name, version and time of
recording, each on a line of its own, then the payload. It is stored compressed, which the hash does not depend on
(docs/decisions/0005).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

from eventsourcing.persistence import ApplicationRecorder, IntegrityError, Notification, StoredEvent, Subscription

from ogpgraph.clock import Clock, format_timestamp
from ogpgraph.storage.clock_guard import ClockGuard, ClockWrong
from ogpgraph.storage.damage import DamagedRecord
from ogpgraph.storage.database import Database, Row, Transaction, UniqueViolation, iter_chunks
from ogpgraph.storage.error_codes import StorageErrorCode
from ogpgraph.storage.log_identity import (
    CREATE_LOG_TABLE,
    LOG_FORMAT,
    insert_log_identity,
)
from ogpgraph.storage.merkle import Frontier, leaf_hash
from ogpgraph.storage.payload import compress_payload, decompress_payload
from ogpgraph.storage.texts import build_rows, insert_rows

__all__ = [
    "AppendCheck",
    "CorruptEvent",
    "EventLog",
    "IntegrityError",
    "LoggedEvent",
    "StoredEvent",
    "canonical_bytes",
    "create_log",
    "load_event",
    "require_consecutive",
]

LEAF_FORMAT = f"ogpgraph event {LOG_FORMAT}"
MAX_POSITION = 2**62
AppendCheck = Callable[[Transaction], None]
"""Called under the log's lock before a save is stored; if it raises, nothing is stored."""

_CREATE_EVENT_TABLE = """
create table if not exists event (
  position integer primary key autoincrement,
  stream text not null,
  revision bigint not null,
  topic text not null,
  payload blob not null,
  recorded_at text not null,
  leaf blob not null,
  save bigint not null,
  command text,
  unique (stream, revision)
);
create unique index if not exists event_command on event (command) where command is not null
"""
# Saves have no index: each is a run of positions, so its ends are found by position.
_SELECT = "select position, stream, revision, topic, payload, recorded_at, leaf, save from event "
_SELECT_LAST = _SELECT + "order by position desc limit 1"
_SELECT_REVISION = "select max(revision) from event where stream = :stream"
_SELECT_POSITIONS_AFTER = "select position from event where position > :position order by position"
_INSERT = """
insert into event (stream, revision, topic, payload, recorded_at, leaf, save, command)
values (:stream, :revision, :topic, :payload, :recorded_at, :leaf, :save, :command)"""
_NEXT_EVENTS = "(select position, save from event where position > :position order by position limit :limit) n"
# The next events, and the others of the save that they end in: up to where the following one begins.
_WHERE_NEXT_SAVES = f"""
where position > :position and position < coalesce((
  select position from event
  where position > (select max(position) from {_NEXT_EVENTS}) and save > (select max(save) from {_NEXT_EVENTS})
  order by position limit 1
), :end)
"""  # noqa: S608 - our own columns' names
# A command stands at the last event of its save, which begins after the last event of the save before.
_WHERE_COMMAND = """
where position <= (select position from event where command = :command) and position > coalesce((
  select position from event
  where position < (select position from event where command = :command)
  and save < (select save from event where command = :command)
  order by position desc limit 1
), 0)
"""


class CorruptEvent(DamagedRecord):
    """A stored event does not match its leaf hash, or is missing from its stream; it is never returned.

    It is named by its log position, or else by its stream and revision.
    """

    code = StorageErrorCode.CORRUPT_EVENT

    def __init__(self, message: str, *, log_position: int | None = None, stream: str = "", revision: int = 0) -> None:
        super().__init__(message)
        self.log_position = log_position
        self._stream = stream
        self._revision = revision

    def is_repaired(self, transaction: Transaction) -> bool:
        """Return whether the event is stored, and matches its leaf hash."""
        if self.log_position is None:
            where = {"stream": self._stream, "revision": self._revision}
            row = transaction.fetch_one(f"{_SELECT}where stream = :stream and revision = :revision", **where)
        else:
            row = transaction.fetch_one(f"{_SELECT}where position = :position", position=self.log_position)
        try:
            return row is not None and bool(load_event(row))
        except CorruptEvent:
            return False


@dataclass(frozen=True)
class LoggedEvent(Notification):
    """A stored event. Its `id` is its log position, which increases but may have gaps."""

    recorded_at: str
    leaf: bytes
    save: int

    @property
    def name(self) -> str:
        """Return the event's name."""
        return self.topic.rpartition(".")[0]

    @property
    def version(self) -> int:
        """Return the version of the payload's form."""
        return int(self.topic.rpartition(".")[2])

    @property
    def stream(self) -> str:
        """Return the stream's id."""
        return str(self.originator_id)

    @property
    def revision(self) -> int:
        """Return the event's number within its stream, from 1."""
        return int(self.originator_version)

    @property
    def payload(self) -> bytes:
        """Return the payload; in the log it is compressed."""
        return self.state


def canonical_bytes(stream: str, revision: int, name: str, version: int, recorded_at: str, payload: bytes) -> bytes:
    """Return the bytes that an event's leaf hash covers."""
    return f"{LEAF_FORMAT}\n{stream}\n{revision}\n{name}\n{version}\n{recorded_at}\n".encode() + payload


def load_event(row: Row) -> LoggedEvent:
    """Return the event in a row of the log, verified against its leaf hash; raises CorruptEvent."""
    stream, revision, topic, recorded_at = row["stream"], row["revision"], row["topic"], row["recorded_at"]
    corrupt = CorruptEvent(
        f"event {row['position']} ({stream!r} revision {revision}) does not match its leaf hash",
        log_position=row["position"],
    )
    try:
        payload, leaf = decompress_payload(bytes(row["payload"])), bytes(row["leaf"])
        computed = _hash_leaf(stream, revision, topic, recorded_at, payload)
    except (ValueError, TypeError):  # the damaged value is of a form that was never stored
        raise corrupt from None
    if leaf != computed:
        raise corrupt
    return LoggedEvent(stream, revision, topic, payload, row["position"], recorded_at, leaf, row["save"])


def require_consecutive(stream: str, events: Sequence[LoggedEvent], *, first: int) -> None:
    """Raise CorruptEvent where an event is missing between the revision `first` and the last of these."""
    for revision, event in enumerate(events, start=first):
        if event.revision != revision:
            raise _lost_event(stream, revision)


def _lost_event(stream: str, revision: int) -> CorruptEvent:
    message = f"{stream} has lost an event: revision {revision} is missing"
    return CorruptEvent(message, stream=stream, revision=revision)


def create_log(database: Database, new_id: Callable[[], str], new_key: Callable[[], bytes]) -> None:
    """Create the log's tables and give it an identity, unless it has them; a log that is there has to be supported.

    The tables are created together, so that events without a format are those of a former program.
    """
    database.apply_ddl(f"{CREATE_LOG_TABLE};{_CREATE_EVENT_TABLE}")
    with database.write() as transaction:
        insert_log_identity(transaction, new_id, new_key)


class EventLog(ApplicationRecorder):
    """Appends saves, and reads streams and the whole log; every event that is read is verified."""

    def __init__(self, database: Database, clock: Clock, clock_guard: ClockGuard | None = None) -> None:
        self._database = database
        self._clock = clock
        self._clock_guard = clock_guard or ClockGuard()

    def append(
        self,
        events: Sequence[StoredEvent],
        *,
        texts: Mapping[str, tuple[bytes, str]],
        command: str | None,
        expected_revisions: Mapping[str, int] | None = None,
        check: AppendCheck | None = None,
    ) -> list[int]:
        """Store events as one save, with the texts they refer to; returns their log positions.

        Raises:
            IntegrityError: a stream has one of the revisions, or is not at its expected revision, or `command` is
                recorded already.
            Exception: any error that `check` raises.
            ConnectionLost: the events may be stored or not; `read_command` shows which.
            ClockWrong: the clock is too far behind the last event, or ahead of the time that has passed.
        """
        # Before the lock is held: compression and the search for personal data take time.
        text_rows, payloads = build_rows(texts), [compress_payload(event.state) for event in events]
        with self._database.append() as transaction:
            _require_revisions(transaction, expected_revisions or {})
            if check:
                check(transaction)
            last, moment, save = self._next_place(transaction)
            rows = [
                _to_row(event, payload, moment + timedelta(microseconds=n), save)
                for n, (event, payload) in enumerate(zip(events, payloads, strict=True))
            ]
            if rows:
                rows[-1]["command"] = command
            insert_rows(transaction, text_rows)
            try:
                transaction.execute_many(_INSERT, rows)
                stored = transaction.fetch_all(_SELECT_POSITIONS_AFTER, position=last)
            except UniqueViolation as error:
                raise IntegrityError(str(error)) from error
        return [row["position"] for row in stored]

    def _next_place(self, transaction: Transaction) -> tuple[int, datetime, int]:
        """Return the position of the last event, and the time and number of the next save."""
        # Under the log's lock, so that recorded time strictly increases with position even if the clock goes back.
        last = transaction.fetch_one(_SELECT_LAST)
        now = self._clock()
        if last is None:
            self._clock_guard.require_plausible(now, None)
            return 0, now, 1
        before = load_event(last)
        recorded_at = datetime.fromisoformat(before.recorded_at)
        self._clock_guard.require_plausible(now, recorded_at)
        return before.id, max(now, recorded_at + timedelta(microseconds=1)), before.save + 1

    def find_clock_problem(self, transaction: Transaction) -> ClockWrong | None:
        """Return the error with which an append would fail at present, None where the clock can be right."""
        last = transaction.fetch_value("select recorded_at from event order by position desc limit 1")
        try:
            recorded_at = datetime.fromisoformat(last) if last else None
            return self._clock_guard.find_problem(self._clock(), recorded_at)
        except (ValueError, TypeError):  # the value is damaged, which whoever reads the event reports
            return None

    def read_stream(self, stream: str, *, since: int = 1) -> list[LoggedEvent]:
        """Return the events of a stream from a revision on; raises CorruptEvent, also where one is missing."""
        events = self.select_events(stream, gt=since - 1)
        require_consecutive(stream, events, first=since)
        return events

    def list_streams(self, prefix: str) -> list[str]:
        """Return the streams whose ids begin with a prefix."""
        sql = "select stream from event where stream >= :prefix and stream < :end and revision = 1 order by stream"
        end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        return [row["stream"] for row in self._database.query(sql, prefix=prefix, end=end)]

    def read_revisions(
        self, stream: str, revisions: Collection[int], transaction: Transaction | None = None
    ) -> list[LoggedEvent]:
        """Return events of a stream by their revisions; raises CorruptEvent, also where one is missing."""
        fetch_all = transaction.fetch_all if transaction else self._database.query
        found: list[LoggedEvent] = []
        where = "where stream = :stream and revision in :revisions order by revision"
        for chunk in iter_chunks(sorted(revisions)):
            found += _load_events(fetch_all(_SELECT + where, stream=stream, revisions=chunk))
        if missing := set(revisions).difference(event.revision for event in found):
            raise _lost_event(stream, min(missing))
        return found

    def read_command(self, command: str) -> list[LoggedEvent]:
        """Return the events that a command recorded, none where no such command is recorded."""
        return _load_events(self._database.query(f"{_SELECT}{_WHERE_COMMAND}order by position", command=command))

    def read_saves_after(self, transaction: Transaction, position: int, limit: int) -> list[list[Row]]:
        """Return the rows of about `limit` events after a log position, by save; no save is split.

        `load_event` decodes a row: the rows are not verified yet, so that a corrupt one does not hide those before it.
        """
        sql = f"{_SELECT}{_WHERE_NEXT_SAVES}order by position"
        rows = transaction.fetch_all(sql, position=position, limit=limit, end=MAX_POSITION)
        return [list(save) for _, save in groupby(rows, key=itemgetter("save"))]

    def read_head(self, transaction: Transaction) -> int:
        """Return the newest log position, 0 for an empty log."""
        return int(transaction.fetch_value("select max(position) from event") or 0)

    def compute_root(self, transaction: Transaction, length: int) -> str | None:
        """Return the root over the first events, in hex; None where there are fewer. It reads all their leaves."""
        rows, frontier = 0, Frontier()
        for row in transaction.stream("select leaf from event order by position limit :length", length=length):
            rows, frontier = rows + 1, frontier.append(bytes(row["leaf"]))
        return frontier.root().hex() if rows == length else None

    def count_after(self, transaction: Transaction, position: int) -> int:
        """Return the number of events after a log position."""
        return int(transaction.fetch_value("select count(*) from event where position > :position", position=position))

    def find_time_after(self, transaction: Transaction, position: int) -> str | None:
        """Return when the first event after a log position was recorded, None where there is none."""
        recorded_at: str | None = transaction.fetch_value(
            "select recorded_at from event where position > :position order by position limit 1", position=position
        )
        return recorded_at

    # The interface of the eventsourcing library

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int]:
        """Append events as one save; returns their log positions."""
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
        bounds = {
            "gt": gt or 0,
            "lte": MAX_POSITION if lte is None else lte,
            "limit": MAX_POSITION if limit is None else limit,
        }
        return _load_events(self._database.query(_SELECT + where + order, stream=str(originator_id), **bounds))

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
        by_topic = "and topic in :topics " if topics else ""
        bounds: dict[str, object] = {"first": first, "stop": MAX_POSITION if stop is None else stop, "limit": limit}
        if topics:
            bounds["topics"] = tuple(topics)
        sql = f"{_SELECT}{where}{by_topic}order by position limit :limit"
        with self._database.read() as transaction:
            return _load_events(transaction.fetch_all(sql, **bounds))

    def max_notification_id(self) -> int | None:
        """Return the newest log position, None for an empty log."""
        with self._database.read() as transaction:
            return self.read_head(transaction) or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Refuse: subscribers are served from the read model's entries, which are complete up to the head."""
        raise NotImplementedError("subscribe to PositionNotifier and read the entries instead")


def _require_revisions(transaction: Transaction, expected: Mapping[str, int]) -> None:
    for stream, revision in expected.items():
        current = transaction.fetch_value(_SELECT_REVISION, stream=stream) or 0
        if current != revision:
            raise IntegrityError(f"{stream} is at revision {current}, not {revision}")


def _to_row(event: StoredEvent, payload: bytes, moment: datetime, save: int) -> dict[str, object]:
    stream, recorded_at = str(event.originator_id), format_timestamp(moment)
    return {
        "stream": stream,
        "revision": event.originator_version,
        "topic": event.topic,
        "payload": payload,
        "recorded_at": recorded_at,
        "leaf": _hash_leaf(stream, event.originator_version, event.topic, recorded_at, event.state),
        "save": save,
        "command": None,
    }


def _hash_leaf(stream: str, revision: int, topic: str, recorded_at: str, payload: bytes) -> bytes:
    name, _, version = topic.rpartition(".")
    return leaf_hash(canonical_bytes(stream, revision, name, int(version), recorded_at, payload))


def _load_events(rows: Sequence[Row]) -> list[LoggedEvent]:
    return [load_event(row) for row in rows]
