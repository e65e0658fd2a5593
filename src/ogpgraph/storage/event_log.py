"""The event log: an append-only table whose events are the leaves of a hash tree.

The log is an application recorder of the eventsourcing library, written in statements that serve both engines. Events
are appended in saves, each stored as a whole or not at all (`append`); every event that is read is verified
(`logged_event`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from eventsourcing.persistence import ApplicationRecorder, StoredEvent, Subscription

from ogpgraph.clock import Clock
from ogpgraph.storage.append import LogAppend, LogHead, LogNews, Save, read_news
from ogpgraph.storage.clock_guard import ClockGuard, ClockWrong
from ogpgraph.storage.database import Commit, Database, Row, Transaction, iter_chunks
from ogpgraph.storage.log_identity import CREATE_LOG_TABLE, insert_log_identity
from ogpgraph.storage.logged_event import (
    SELECT_EVENTS,
    LoggedEvent,
    load_events,
    lost_event,
    require_consecutive,
)
from ogpgraph.storage.merkle import Frontier

MAX_POSITION = 2**62
MAX_EACH = 100
"""Of so many streams one statement reads an event each."""
AppendCheck = Callable[[Transaction], None]
"""Called under the log's lock before events are stored; if it raises, they are not."""

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
        self._stored: tuple[Commit | None, LogHead | None] = None, None
        """The last commit of this process up to which all are known, and the head of the log that it has stored."""

    @contextmanager
    def begin_append(self) -> Iterator[LogAppend]:
        """Open the transaction that holds the log's lock, committed and synced at the end of the context.

        Raises ConnectionLost where that is not known: `read_command` shows what is stored.
        """
        with self._database.append() as transaction:
            before, head = self._stored
            is_known = transaction.commit is not None and transaction.commit.follows(before)
            append = LogAppend(transaction, self._clock, self._clock_guard, head if is_known else None)
            yield append
        self._stored = transaction.commit, append.head

    def follow(self, commit: Commit | None) -> None:
        """Take note that a commit of this process has appended nothing."""
        before, head = self._stored
        if commit is not None and commit.follows(before):
            self._stored = commit, head

    def append(
        self,
        events: Sequence[StoredEvent],
        *,
        texts: Mapping[str, tuple[bytes, str]],
        command: str | None,
    ) -> list[int]:
        """Store events as one save, with the texts they refer to; returns their log positions.

        Raises as `begin_append` and `LogAppend.store` do.
        """
        save = Save.prepare(events, texts, command)  # before the lock is held
        with self.begin_append() as append:
            stored = append.store(append.read_head(), [save])
        return list(stored.positions[0])

    def read_news(self, since: LogHead | None) -> LogNews:
        """Return what was appended after a head; the events are not verified."""
        with self._database.read_log() as transaction:
            return read_news(transaction, since)

    def find_clock_problem(self, transaction: Transaction) -> ClockWrong | None:
        """Return the error with which an append would fail at present, None where the clock can be right."""
        last = transaction.fetch_value("select recorded_at from event order by position desc limit 1")
        try:
            recorded_at = datetime.fromisoformat(last) if last else None
            return self._clock_guard.find_problem(self._clock(), recorded_at)
        except (ValueError, TypeError):  # the value is damaged, which whoever reads the event reports
            return None

    def read_stream(self, stream: str) -> list[LoggedEvent]:
        """Return the events of a stream, oldest first; raises CorruptEvent, also where one is missing."""
        events = self.select_events(stream)
        require_consecutive(stream, events, first=1)
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
            found += load_events(fetch_all(SELECT_EVENTS + where, stream=stream, revisions=chunk))
        if missing := set(revisions).difference(event.revision for event in found):
            raise lost_event(stream, min(missing))
        return found

    def read_each(self, revisions: Mapping[str, int], transaction: Transaction | None = None) -> dict[str, LoggedEvent]:
        """Return one event of each stream, of the given revision; raises CorruptEvent, also where one is missing."""
        fetch_all = transaction.fetch_all if transaction else self._database.query
        found: dict[str, LoggedEvent] = {}
        for chunk in iter_chunks(list(revisions.items()), MAX_EACH):
            places = " or ".join(f"(stream = :stream_{n} and revision = :revision_{n})" for n in range(len(chunk)))
            values: dict[str, object] = {f"stream_{n}": stream for n, (stream, _) in enumerate(chunk)}
            values |= {f"revision_{n}": revision for n, (_, revision) in enumerate(chunk)}
            rows = fetch_all(f"{SELECT_EVENTS}where {places}", **values)
            found |= {event.stream: event for event in load_events(rows)}
        for stream in revisions.keys() - found.keys():
            raise lost_event(stream, revisions[stream])
        return found

    def read_command(self, command: str) -> list[LoggedEvent]:
        """Return the events that a command recorded, none where no such command is recorded."""
        return load_events(self._database.query(f"{SELECT_EVENTS}{_WHERE_COMMAND}order by position", command=command))

    def read_saves_after(self, transaction: Transaction, position: int, limit: int) -> list[list[Row]]:
        """Return the rows of about `limit` events after a log position, by save; no save is split.

        `load_event` decodes a row: the rows are not verified yet, so that a corrupt one does not hide those before it.
        """
        sql = f"{SELECT_EVENTS}{_WHERE_NEXT_SAVES}order by position"
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
        return load_events(self._database.query(SELECT_EVENTS + where + order, stream=str(originator_id), **bounds))

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
        sql = f"{SELECT_EVENTS}{where}{by_topic}order by position limit :limit"
        with self._database.read() as transaction:
            return load_events(transaction.fetch_all(sql, **bounds))

    def max_notification_id(self) -> int | None:
        """Return the newest log position, None for an empty log."""
        with self._database.read() as transaction:
            return self.read_head(transaction) or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Refuse: subscribers are served from the read model's entries, which are complete up to the head."""
        raise NotImplementedError("subscribe to PositionNotifier and read the entries instead")
