"""Logs for the tests of storage: events by the shortest way, and the bytes on the disk turned over."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count

from eventsourcing.persistence import StoredEvent

from ogpgraph.clock import Clock
from ogpgraph.storage import texts
from ogpgraph.storage.database import Database, open_database
from ogpgraph.storage.log import EventLog

_commands = count(1)


@contextmanager
def opened(url: str) -> Iterator[Database]:
    database = open_database(url)
    try:
        yield database
    finally:
        database.close()


def log_on(database: Database, clock: Clock) -> EventLog:
    """A log with its tables, and nothing else of the program."""
    log = EventLog(database, clock)
    log.create_table()
    database.create(texts.CREATE_TABLE)
    # On PostgreSQL a reading transaction waits for these where a rebuild is going on.
    for table in ("entry", "version", "tag"):
        database.create(f"create table if not exists {table} (one integer)")
    return log


def event(stream: str, revision: int, payload: bytes = b"{}", topic: str = "MemberRevised.1") -> StoredEvent:
    return StoredEvent(stream, revision, topic, payload)


def append(log: EventLog, *events: StoredEvent, command: str | None = None) -> list[int]:
    return log.append(events, texts={}, command=command or f"command {next(_commands)}")


def save(log: EventLog, stream: str, size: int = 1) -> Sequence[StoredEvent]:
    """Append one save of so many events to a stream."""
    first = len(log.stream(stream)) + 1
    events = [event(stream, first + n, f'{{"n":{n}}}'.encode()) for n in range(size)]
    append(log, *events)
    return events


def turn_over(url: str, position: int, column: str, *, byte: int, bit: int = 0) -> None:
    """Flip one bit of one stored value, as a failing disk would: SQLite's own checks see nothing."""
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        (kind, value), = connection.execute(
            f"select typeof({column}), cast({column} as blob) from event where position = ?", (position,)
        ).fetchall()
        data = bytearray(value)
        data[byte] ^= 1 << bit
        changed = "cast(? as text)" if kind == "text" else "?"
        connection.execute(f"update event set {column} = {changed} where position = ?", (bytes(data), position))
    connection.close()
