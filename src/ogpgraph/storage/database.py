"""The database behind one URL: reading and writing transactions, and the one seam for SQL parameters.

SQLite only, so far: one writing connection per process (which alone may checkpoint), readers that
cannot write, every writing transaction BEGIN IMMEDIATE so that it waits its turn instead of failing.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from eventsourcing.sqlite import SQLiteConnection, SQLiteConnectionPool, SQLiteCursor, SQLiteDatastore

LOCK_TIMEOUT_SECONDS = 30
READERS = 8
LIST_CHUNK = 500
Parameters = Mapping[str, object]
Row = sqlite3.Row
T = TypeVar("T")


class DatabaseError(Exception):
    """The database cannot be used as asked; the message names what and where, never a password."""


class Transaction:
    """A transaction in which statements with `:name` parameters run; a list parameter becomes a list of values."""

    def __init__(self, cursor: SQLiteCursor) -> None:
        self.cursor = cursor
        self.statements = 0

    def rows(self, sql: str, **parameters: object) -> list[Row]:
        """Return all rows of a query."""
        self.execute(sql, **parameters)
        return list(self.cursor.fetchall())

    def stream(self, sql: str, **parameters: object) -> Iterator[Row]:
        """Yield the rows of a query one by one, without holding them all."""
        self.execute(sql, **parameters)
        yield from self.cursor.sqlite_cursor

    def row(self, sql: str, **parameters: object) -> Row | None:
        """Return the first row of a query, or None."""
        rows = self.rows(sql, **parameters)
        return rows[0] if rows else None

    def value(self, sql: str, **parameters: object) -> Any:
        """Return the first column of the first row, or None."""
        row = self.row(sql, **parameters)
        return row[0] if row else None

    def execute(self, sql: str, **parameters: object) -> None:
        """Run one statement."""
        self.statements += 1
        self.cursor.execute(*expanded(sql, parameters))

    def execute_many(self, sql: str, parameters: Iterable[Parameters]) -> None:
        """Run one statement for each set of parameters."""
        self.statements += 1
        self.cursor.executemany(sql, parameters)


def expanded(sql: str, parameters: Parameters) -> tuple[str, Parameters]:
    """Return a statement and its parameters with every list parameter spread out: `in :ids` → `in (:ids_0, :ids_1)`."""
    lists = {name: value for name, value in parameters.items() if isinstance(value, (list, tuple, frozenset, set))}
    if not lists:
        return sql, parameters
    flat = {name: value for name, value in parameters.items() if name not in lists}
    for name, values in lists.items():
        named = {f"{name}_{i}": value for i, value in enumerate(values)}
        flat |= named
        sql = re.sub(rf":{name}\b", "(" + ", ".join(f":{n}" for n in named) + ")", sql)
    return sql, flat


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield a long list in pieces that one statement can take."""
    return (items[i : i + LIST_CHUNK] for i in range(0, len(items), LIST_CHUNK))


class _Pool(SQLiteConnectionPool):
    """The library's pool, whose connections only read: the one writer is the datastore's."""

    def _create_connection(self) -> SQLiteConnection:
        connection: SQLiteConnection = super()._create_connection()
        connection.cursor().execute("PRAGMA query_only = 1")
        return connection


class Datastore(SQLiteDatastore):
    """The library's datastore with one writing connection of its own."""

    def __init__(self, path: str) -> None:
        super().__init__(path, lock_timeout=LOCK_TIMEOUT_SECONDS, originator_id_type="text")
        self.pool = _Pool(db_name=path, lock_timeout=LOCK_TIMEOUT_SECONDS, pool_size=READERS, max_overflow=READERS)
        self._path = path
        self._writing = threading.Lock()
        self._writer: sqlite3.Connection | None = None

    @contextmanager
    def transaction(self, *, commit: bool) -> Iterator[SQLiteCursor]:
        """Open a transaction; one that commits waits for its turn, in this process and among processes."""
        if not commit:
            with super().transaction(commit=False) as cursor:
                yield cursor
            return
        with self._writing:
            yield from self._written()

    def _written(self) -> Iterator[SQLiteCursor]:
        writer = self._writer = self._writer or self._open_writer()
        cursor = SQLiteCursor(writer.cursor())
        cursor.execute("BEGIN IMMEDIATE")
        try:
            yield cursor
            writer.commit()
        except BaseException:
            writer.rollback()
            raise

    def _open_writer(self) -> sqlite3.Connection:
        writer = sqlite3.connect(
            self._path, uri=True, check_same_thread=False, isolation_level=None, timeout=LOCK_TIMEOUT_SECONDS
        )
        writer.row_factory = sqlite3.Row
        writer.execute("PRAGMA journal_mode = WAL")
        # An acknowledgement follows the sync to disk: FULL syncs the log of a WAL database at every commit.
        writer.execute("PRAGMA synchronous = FULL")
        return writer

    def close(self) -> None:
        """Close every connection."""
        super().close()
        if getattr(self, "_writer", None):
            self._writer.close()  # type: ignore[union-attr]  # narrowed by getattr: close() may run on a half-built object
            self._writer = None


class Database:
    """One SQLite database file."""

    def __init__(self, url: str) -> None:
        self.path = sqlite_path(url)
        self.datastore = Datastore(str(self.path))

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Open a reading transaction: one consistent view until it closes."""
        with self.datastore.transaction(commit=False) as cursor:
            yield Transaction(cursor)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Open a writing transaction, committed at its end and rolled back on any error."""
        with self.datastore.transaction(commit=True) as cursor:
            yield Transaction(cursor)

    def run_script(self, script: str) -> None:
        """Run the statements of a script in one writing transaction."""
        with self.write() as transaction:
            for statement in filter(None, (part.strip() for part in script.split(";"))):
                transaction.execute(statement)

    def close(self) -> None:
        """Close every connection."""
        self.datastore.close()


def sqlite_path(url: str) -> Path:
    """Return the file of a `sqlite:///file.db` URL; raises DatabaseError for another kind of URL or a missing folder."""
    scheme, _, rest = url.partition("://")
    if scheme != "sqlite" or not rest.startswith("/") or len(rest) < 2:
        raise DatabaseError(f"a database URL of the form sqlite:///file.db is needed, not one that begins {scheme}:")
    path = Path(rest[1:])
    if not path.absolute().parent.is_dir():
        raise DatabaseError(f"{path}: there is no folder {path.absolute().parent}")
    return path
