"""Appending to the event log: saves, each stored as a whole or not at all, any number of them in one transaction.

Whoever decides upon what is recorded remembers the head of the log that he has seen. Under the log's lock he reads what
others have appended since: if that is nothing that his decision rests on, it still holds, and is stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from eventsourcing.persistence import IntegrityError, StoredEvent

from ogpgraph.clock import MICROSECOND, Clock, format_timestamp
from ogpgraph.storage.clock_guard import ClockGuard
from ogpgraph.storage.database import Commit, Parameters, Row, Transaction, UniqueViolation
from ogpgraph.storage.logged_event import LoggedEvent, hash_leaf, load_event
from ogpgraph.storage.payload import compress_payload
from ogpgraph.storage.texts import build_rows, insert_rows

MAX_NEWS: Final = 500
"""After more events than these, whoever has seen the head before them has to read everything anew."""

_SELECT_LAST = (
    "select position, stream, revision, topic, payload, recorded_at, leaf, save, command from event "
    "order by position desc limit 1"
)
_SELECT_SINCE = (
    "select position, stream, revision, topic, payload, recorded_at, leaf, save, command from event "
    "where position >= :position order by position limit :limit"
)
_SELECT_POSITIONS_AFTER = "select position from event where position > :position order by position"
_INSERT = """
insert into event (stream, revision, topic, payload, recorded_at, leaf, save, command)
values (:stream, :revision, :topic, :payload, :recorded_at, :leaf, :save, :command)"""


class LogHead(NamedTuple):
    """The last event of the log at some moment: its position, the number of its save, its time and its leaf."""

    position: int = 0
    save: int = 0
    recorded_at: str = ""
    leaf: bytes = b""


class LogNews(NamedTuple):
    """What was appended between two heads: the streams and the commands of the events.

    It `is_complete` unless there is too much of it, or the log is not the one that the former head was read from.
    """

    head: LogHead
    streams: frozenset[str] = frozenset()
    commands: frozenset[str] = frozenset()
    is_complete: bool = True


class Save(NamedTuple):
    """Events that are stored as a whole or not at all, the rows of their texts, and the id of their command."""

    events: Sequence[StoredEvent]
    payloads: Sequence[bytes]
    texts: Sequence[Parameters]
    command: str | None

    @classmethod
    def prepare(
        cls, events: Sequence[StoredEvent], texts: Mapping[str, tuple[bytes, str]], command: str | None
    ) -> Save:
        """Return a save of events with the texts they refer to (reference → salt, text).

        It compresses the payloads and searches the texts for personal data, which takes time. Raises ValueError for a
        payload that is too long.
        """
        return cls(events, [compress_payload(event.state) for event in events], build_rows(texts), command)


class StoredSaves(NamedTuple):
    """Saves as they were stored: the events of each, the head of the log before them, and the new one.

    `texts` are rows of their texts that were not stored before. `commit` is that of their transaction, once it is
    committed.
    """

    events: Sequence[Sequence[LoggedEvent]]
    before: LogHead
    head: LogHead
    texts: Sequence[Parameters] = ()
    commit: Commit | None = None

    @property
    def positions(self) -> list[tuple[int, ...]]:
        """Return the log positions of each save."""
        return [tuple(event.id for event in save) for save in self.events]

    def last_leaves(self) -> dict[str, bytes]:
        """Return stream → leaf of its last event."""
        return {event.stream: event.leaf for save in self.events for event in save}


class LogAppend:
    """A transaction that holds the log's lock: nobody else appends before it ends.

    `head` is that of the log, if it is known without reading it; once something is stored, the new one.
    """

    def __init__(
        self, transaction: Transaction, clock: Clock, clock_guard: ClockGuard, head: LogHead | None = None
    ) -> None:
        self.transaction = transaction
        self.head = head
        self._clock = clock
        self._clock_guard = clock_guard

    def read_head(self) -> LogHead:
        """Return the head of the log; raises CorruptEvent where its event is one."""
        return self.read_news(None).head

    def read_news(self, since: LogHead | None) -> LogNews:
        """Return what was appended after a head; raises CorruptEvent where the last event is one."""
        if self.head is not None and self.head == since:
            return LogNews(self.head)
        news, last = _read_news(self.transaction, since)
        if last is not None:
            load_event(last)  # what is stored next continues its time and its number
        return news

    def store(self, head: LogHead, saves: Sequence[Save]) -> StoredSaves:
        """Store saves after the head of the log, in their order, with the texts they refer to.

        Raises:
            IntegrityError: a stream has one of the revisions, or a command is recorded already; nothing is stored.
            ClockWrong: the clock is too far behind the last event, or ahead of the time that has passed.
        """
        rows = list[dict[str, Any]]()
        for number, save in enumerate(saves, start=head.save + 1):
            last = rows[-1]["recorded_at"] if rows else head.recorded_at
            rows += _build_rows(save, number, self._next_time(last))
        texts = insert_rows(self.transaction, [row for save in saves for row in save.texts])
        try:
            positions = self._insert(rows, head)
        except UniqueViolation as error:
            raise IntegrityError(str(error)) from error
        events = _load_saves(saves, rows, positions)
        self.head = _to_head({**rows[-1], "position": positions[-1]}) if rows else head
        return StoredSaves(events, head, self.head, texts)

    def _insert(self, rows: Sequence[Row], head: LogHead) -> list[int]:
        """Insert events after the head of the log; returns their positions."""
        if len(rows) == 1:
            return [self.transaction.fetch_value(f"{_INSERT} returning position", **rows[0])]
        self.transaction.execute_many(_INSERT, rows)
        stored = self.transaction.fetch_all(_SELECT_POSITIONS_AFTER, position=head.position)
        return [row["position"] for row in stored]

    def _next_time(self, last: str) -> datetime:
        """Return the time of the next event after one of the time `last`."""
        # Under the log's lock, so that recorded time strictly increases with position even if the clock goes back.
        now, before = self._clock(), datetime.fromisoformat(last) if last else None
        self._clock_guard.require_plausible(now, before)
        return max(now, before + MICROSECOND) if before else now


def read_news(transaction: Transaction, since: LogHead | None) -> LogNews:
    """Return what a transaction sees that was appended after a head; without one, only the head of the log is known.

    The events are not verified.
    """
    return _read_news(transaction, since)[0]


def _read_news(transaction: Transaction, since: LogHead | None) -> tuple[LogNews, Row | None]:
    """Return the news, and the row of the log's last event."""
    if since is not None:
        rows = transaction.fetch_all(_SELECT_SINCE, position=since.position, limit=MAX_NEWS + 1)
        is_continued = not since.position or (len(rows) > 0 and _to_head(rows[0]).leaf == since.leaf)
        if is_continued and len(rows) <= MAX_NEWS:
            new, last = rows[1:] if since.position else rows, rows[-1] if rows else None
            streams, commands = (frozenset(row[name] for row in new if row[name]) for name in ("stream", "command"))
            return LogNews(_to_head(last) if last else since, streams, commands), last
    last = transaction.fetch_one(_SELECT_LAST)
    return LogNews(_to_head(last) if last else LogHead(), is_complete=False), last


def _to_head(row: Row) -> LogHead:
    leaf = row["leaf"]
    # A damaged one may have another type, and is that of no event.
    return LogHead(row["position"], row["save"], row["recorded_at"], b"" if isinstance(leaf, str) else bytes(leaf))


def _build_rows(save: Save, number: int, moment: datetime) -> list[dict[str, Any]]:
    rows = [
        _build_row(event, payload, format_timestamp(moment + n * MICROSECOND), number)
        for n, (event, payload) in enumerate(zip(save.events, save.payloads, strict=True))
    ]
    if rows:
        rows[-1]["command"] = save.command
    return rows


def _build_row(event: StoredEvent, payload: bytes, recorded_at: str, save: int) -> dict[str, Any]:
    stream = str(event.originator_id)
    return {
        "stream": stream,
        "revision": event.originator_version,
        "topic": event.topic,
        "payload": payload,
        "recorded_at": recorded_at,
        "leaf": hash_leaf(stream, event.originator_version, event.topic, recorded_at, event.state),
        "save": save,
        "command": None,
    }


def _load_saves(saves: Sequence[Save], rows: Sequence[Row], positions: Sequence[int]) -> list[list[LoggedEvent]]:
    """Return the events of saves as they would be read from the rows that were stored."""
    remaining: Iterator[tuple[Row, int]] = zip(rows, positions, strict=True)
    return [
        [
            LoggedEvent(
                row["stream"],
                row["revision"],
                row["topic"],
                event.state,
                position,
                row["recorded_at"],
                row["leaf"],
                row["save"],
            )
            for event, (row, position) in zip(save.events, remaining, strict=False)
        ]
        for save in saves
    ]
