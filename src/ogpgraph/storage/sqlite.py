"""SQLite: one writing connection per process, readers that cannot write, and no statement that waits in vain.

The library's pool keeps the readers. Writers BEGIN IMMEDIATE, so that they wait for their turn
instead of failing half-way; a commit is on the disk before it is acknowledged.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from eventsourcing.sqlite import SQLiteConnection, SQLiteConnectionPool

from ogpgraph.storage.database import (
    Database,
    DatabaseError,
    NoTables,
    Parameters,
    Row,
    Taken,
    Transaction,
    statements_of,
)

LOCK_TIMEOUT_SECONDS = 30
READERS = 8


class SQLiteTransaction(Transaction):
    """A transaction on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def stream(self, sql: str, **parameters: object) -> Iterator[Row]:
        """Yield the rows of a query one by one."""
        self.statements += 1
        with _translated_errors():
            yield from self._connection.execute(*_spread(sql, parameters))

    def execute(self, sql: str, **parameters: object) -> None:
        """Run one statement."""
        self.statements += 1
        with _translated_errors():
            self._connection.execute(*_spread(sql, parameters))

    def execute_many(self, sql: str, parameters: Iterable[Parameters]) -> None:
        """Run one statement for each set of parameters."""
        self.statements += 1
        with _translated_errors():
            self._connection.executemany(sql, parameters)


class _Readers(SQLiteConnectionPool):
    """The library's pool, whose connections only read."""

    def _create_connection(self) -> SQLiteConnection:
        connection: SQLiteConnection = super()._create_connection()
        connection.cursor().execute("PRAGMA query_only = 1")
        return connection


class SQLiteDatabase(Database):
    """One SQLite database file."""

    def __init__(self, url: str) -> None:
        self.path = sqlite_path(url)
        self._readers = _Readers(
            db_name=str(self.path), lock_timeout=LOCK_TIMEOUT_SECONDS, pool_size=READERS, max_overflow=READERS
        )
        self._writing = threading.Lock()
        self._writer: sqlite3.Connection | None = None

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Open a reading transaction."""
        pooled = self._readers.get_connection(is_writer=False)
        connection = pooled._sqlite_conn  # noqa: SLF001 - the library's pool has no other way to its connection
        try:
            connection.execute("BEGIN")
            yield SQLiteTransaction(connection)
        finally:
            connection.rollback()
            self._readers.put_connection(pooled)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Open a writing transaction, in its turn among threads and processes."""
        with self._writing:
            writer = self._writer = self._writer or self._open_writer()
            writer.execute("BEGIN IMMEDIATE")
            try:
                yield SQLiteTransaction(writer)
                writer.commit()
            except BaseException:
                writer.rollback()
                raise

    append = write

    def create(self, script: str) -> None:
        """Run the statements of a script of definitions."""
        with self.write() as transaction:
            for statement in statements_of(script):
                transaction.execute(statement)

    def close(self) -> None:
        """Close every connection."""
        self._readers.close()
        if self._writer:
            self._writer.close()
            self._writer = None

    def _open_writer(self) -> sqlite3.Connection:
        writer = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None, timeout=LOCK_TIMEOUT_SECONDS)
        writer.row_factory = sqlite3.Row
        writer.execute("PRAGMA journal_mode = WAL")
        # An acknowledgement follows the sync to disk: FULL syncs the log of a WAL database at every commit.
        writer.execute("PRAGMA synchronous = FULL")
        return writer


def sqlite_path(url: str) -> Path:
    """Return the file of a `sqlite:///file.db` URL; raises DatabaseError for another form or a missing folder."""
    _, _, rest = url.partition("://")
    if not rest.startswith("/") or len(rest) < 2:
        raise DatabaseError("a database URL of the form sqlite:///file.db is needed")
    path = Path(rest[1:])
    if not path.absolute().parent.is_dir():
        raise DatabaseError(f"{path}: there is no folder {path.absolute().parent}")
    if path.is_dir():
        raise DatabaseError(f"{path} is a folder, not a database file")
    return path


def _spread(sql: str, parameters: Parameters) -> tuple[str, Parameters]:
    """Return a statement with every list parameter spread out: `in :ids` → `in (:ids_0, :ids_1)`."""
    lists = {name: value for name, value in parameters.items() if isinstance(value, (list, tuple))}
    if not lists:
        return sql, parameters
    flat = {name: value for name, value in parameters.items() if name not in lists}
    for name, values in lists.items():
        named = {f"{name}_{place}": value for place, value in enumerate(values)}
        flat |= named
        sql = re.sub(rf":{name}\b", "(" + ", ".join(f":{each}" for each in named) + ")", sql)
    return sql, flat


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise Taken(str(error)) from error
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            raise NoTables from error
        raise
