"""Helpers for tests of storage: databases, events, and damage to what is stored."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count

from eventsourcing.persistence import StoredEvent

from ogpgraph.storage.connect import open_database
from ogpgraph.storage.database import Database
from ogpgraph.storage.event_log import EventLog
from ogpgraph.system import migrate

_commands = count(1)


@contextmanager
def open_migrated_database(url: str) -> Iterator[Database]:
    """Migrate a database and open it."""
    migrate(url)
    database = open_database(url)
    try:
        yield database
    finally:
        database.close()


def stored_event(stream: str, revision: int, payload: bytes = b"{}", topic: str = "MemberRevised.1") -> StoredEvent:
    return StoredEvent(stream, revision, topic, payload)


def append_events(log: EventLog, *events: StoredEvent, command: str | None = None) -> list[int]:
    return log.append(events, texts={}, command=command or f"command {next(_commands)}")


def append_batch(log: EventLog, stream: str, size: int = 1) -> Sequence[StoredEvent]:
    """Append one save of so many events to a stream."""
    first = len(log.read_stream(stream)) + 1
    events = [stored_event(stream, first + n, f'{{"n":{n}}}'.encode()) for n in range(size)]
    append_events(log, *events)
    return events


def flip_bit(url: str, position: int, column: str, *, byte: int, bit: int = 0) -> None:
    """Flip one bit of one stored value, as a failing disk would; SQLite itself does not notice."""
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        ((kind, value),) = connection.execute(
            f"select typeof({column}), cast({column} as blob) from event where position = ?", (position,)
        ).fetchall()
        data = bytearray(value)
        data[byte] ^= 1 << bit
        changed = "cast(? as text)" if kind == "text" else "?"
        connection.execute(f"update event set {column} = {changed} where position = ?", (bytes(data), position))
    connection.close()
