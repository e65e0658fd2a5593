"""SQLite: one writing connection per process, readers that cannot write, and no statement that waits in vain.

The library's pool keeps the readers. Writers take turns by a lock on a file beside the database and
BEGIN IMMEDIATE, so that they wait for their turn instead of failing half-way. A commit is on the
disk before it is acknowledged; after a failure of the disk nothing more is.
"""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from eventsourcing.persistence import ConnectionPoolClosedError, ConnectionUnavailableError
from eventsourcing.sqlite import SQLiteConnection, SQLiteConnectionPool

from ogpgraph.storage.database import (
    Database,
    DatabaseError,
    DataRejected,
    LockTimeout,
    Parameters,
    Row,
    StatementCancelled,
    TablesMissing,
    Transaction,
    UniqueViolation,
    WriterLock,
    split_statements,
)

LOCK_TIMEOUT_SECONDS = 30
READER_POOL_SIZE = 8
POOL_TIMEOUT_SECONDS = 10
POLL_SECONDS = 0.01
CACHE_KIBIBYTES = 65_536
CHECKPOINT_PAGES = 4_000
"""A page that is written again before the checkpoint is copied back once: 16 MiB of log instead of 4."""
PROGRESS_HANDLER_STEPS = 20_000
SQLITE_IOERR = 10
"""SQLite's primary result code of a disk that failed to read, write or sync."""


class SQLiteTransaction(Transaction):
    """A transaction on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def stream(self, sql: str, **parameters: object) -> Iterator[Row]:
        """Yield the rows of a query one by one."""
        self.statements += 1
        with _translate_errors():
            yield from self._connection.execute(*_expand_lists(sql, parameters))

    def execute(self, sql: str, **parameters: object) -> None:
        """Run one statement."""
        self.statements += 1
        with _translate_errors():
            self._connection.execute(*_expand_lists(sql, parameters))

    def execute_many(self, sql: str, parameters: Iterable[Parameters]) -> None:
        """Run one statement for each set of parameters."""
        self.statements += 1
        with _translate_errors():
            self._connection.executemany(sql, parameters)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Add rows to a table."""
        if not rows:
            return
        self.statements += 1
        places = ", ".join("?" * len(columns))
        statement = f"insert into {table} ({', '.join(columns)}) values ({places})"  # noqa: S608 - our own tables' names
        with _translate_errors():
            self._connection.executemany(statement, rows)

    def set_deadline(self, is_over: Callable[[], bool], seconds: float) -> None:  # noqa: ARG002 - a server's way to tell time
        """Ask, every so many steps of SQLite's machine, whether to go on; the time is the caller's to measure."""
        self._connection.set_progress_handler(is_over, PROGRESS_HANDLER_STEPS)

    def lock_tables(self, tables: Sequence[str]) -> None:
        """Do nothing: there is one writer at a time, and readers keep what they see."""


class _ReaderPool(SQLiteConnectionPool):
    """The library's pool, whose connections only read."""

    def _create_connection(self) -> SQLiteConnection:
        connection: SQLiteConnection = super()._create_connection()
        connection._sqlite_conn.text_factory = _decode_text  # noqa: SLF001 - the library's pool has no other way
        connection.cursor().execute("PRAGMA query_only = 1")
        return connection


def _decode_text(data: bytes) -> str:
    """Return a text as stored; damaged bytes become what no text can be, so that whoever checks it can name it."""
    return data.decode(errors="surrogateescape")


class SQLiteDatabase(Database):
    """One SQLite database file."""

    def __init__(self, url: str) -> None:
        self.path = parse_sqlite_url(url)
        self._readers = _ReaderPool(
            db_name=str(self.path),
            lock_timeout=LOCK_TIMEOUT_SECONDS,
            pool_size=READER_POOL_SIZE,
            max_overflow=READER_POOL_SIZE,
            pool_timeout=POOL_TIMEOUT_SECONDS,
        )
        self._writer_lock = WriterLock(self.path.with_name(self.path.name + "-lock"), LOCK_TIMEOUT_SECONDS)
        self._writer: sqlite3.Connection | None = None
        self._failed = False
        self._closing = False

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Open a reading transaction."""
        try:
            pooled = self._readers.get_connection(is_writer=False)
        except ConnectionPoolClosedError as error:
            raise DatabaseError(f"{self.path} is closed") from error
        except ConnectionUnavailableError as error:
            raise LockTimeout(
                f"no connection to {self.path} within {POOL_TIMEOUT_SECONDS} seconds: all are in use"
            ) from error
        connection = pooled._sqlite_conn  # noqa: SLF001 - the library's pool has no other way to its connection
        try:
            if self._closing:
                raise DatabaseError(f"{self.path} is being closed")
            connection.execute("BEGIN")
            yield SQLiteTransaction(connection)
        finally:
            connection.set_progress_handler(None, 0)
            connection.rollback()
            self._readers.put_connection(pooled)

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Transaction]:
        """Open a writing transaction, in its turn among threads and processes."""
        with self._writer_lock.acquire():
            if self._failed:
                raise DatabaseError(f"the disk under {self.path} failed before: nothing is written until a restart")
            writer = self._writer = self._writer or self._open_writer()
            # FULL syncs the log of a WAL database at every commit; NORMAL leaves it to the next commit that does.
            writer.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            with _translate_errors():
                writer.execute("BEGIN IMMEDIATE")
            try:
                yield SQLiteTransaction(writer)
                writer.commit()
            except BaseException as error:
                self._failed = isinstance(error, sqlite3.OperationalError) and _is_disk_failure(error)
                writer.rollback()
                raise

    append = write

    def watch_changes(self, stop: threading.Event) -> Iterator[bool]:
        """Yield True when another connection has committed, by asking again and again; False in between."""
        connection = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
        try:
            connection.execute("PRAGMA query_only = 1")
            seen = None
            while not stop.is_set():
                now = connection.execute("PRAGMA data_version").fetchone()[0]
                yield now != seen
                seen = now
                stop.wait(POLL_SECONDS)
        finally:
            connection.close()

    def apply_ddl(self, script: str) -> None:
        """Run the statements of a script of definitions."""
        with self.write() as transaction:
            self.execute_ddl(transaction, script)

    def execute_ddl(self, transaction: Transaction, script: str) -> None:
        """Run the statements of a script of definitions in a transaction."""
        for statement in split_statements(script):
            transaction.execute(statement)

    def close(self) -> None:
        """Close every connection; whoever still reads or writes is waited for.

        A connection closed under a thread that uses it would end the process. What does not end in time stays open.
        """
        self._closing = True
        deadline = time.monotonic() + POOL_TIMEOUT_SECONDS
        while self._readers.num_in_use and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        if not self._readers.num_in_use:
            self._readers.close()
        if self._writer:
            with suppress(LockTimeout), self._writer_lock.acquire():
                self._writer.close()
                self._writer = None
        self._writer_lock.close()

    def _open_writer(self) -> sqlite3.Connection:
        writer = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None, timeout=LOCK_TIMEOUT_SECONDS)
        writer.row_factory, writer.text_factory = sqlite3.Row, _decode_text
        try:
            writer.execute("PRAGMA journal_mode = WAL")
            writer.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
            writer.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        except sqlite3.DatabaseError as error:
            writer.close()
            raise DatabaseError(f"{self.path} cannot be used: {error}") from error
        return writer


def parse_sqlite_url(url: str) -> Path:
    """Return the file of a `sqlite:///file.db` URL; raises DatabaseError for another form or a missing folder."""
    _, _, rest = url.partition("://")
    if not rest.startswith("/") or len(rest) < 2:
        raise DatabaseError("a database URL of the form sqlite:///file.db is needed")
    if ":memory:" in rest or "mode=memory" in rest or rest.startswith("/file:"):
        raise DatabaseError("a database in memory would be another one for every connection: name a file")
    path = Path(rest[1:])
    if not path.absolute().parent.is_dir():
        raise DatabaseError(f"{path}: there is no folder {path.absolute().parent}")
    if path.is_dir():
        raise DatabaseError(f"{path} is a folder, not a database file")
    return path


def has_wal_reset_bug(version: tuple[int, int, int] = sqlite3.sqlite_version_info) -> bool:
    """Tell whether several processes that write and checkpoint may corrupt a database of this SQLite.

    Versions 3.7.0 to 3.51.2 may, except 3.50.7 and 3.44.6, which got the mending of 3.51.3.
    """
    mended = (3, 44, 6) <= version < (3, 45, 0) or (3, 50, 7) <= version < (3, 51, 0)
    return (3, 7, 0) <= version <= (3, 51, 2) and not mended


def _is_disk_failure(error: sqlite3.OperationalError) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == SQLITE_IOERR


def _expand_lists(sql: str, parameters: Parameters) -> tuple[str, Parameters]:
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
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise UniqueViolation(str(error)) from error
    except (sqlite3.InterfaceError, sqlite3.DataError, OverflowError) as error:
        raise DataRejected(str(error)) from error
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            raise StatementCancelled("the statement took too long") from error
        if "no such table" in str(error):
            raise TablesMissing from error
        if "no such column" in str(error) or "readonly database" in str(error):
            raise DataRejected(str(error)) from error
        if "database is locked" in str(error):
            raise LockTimeout(f"another program has held the database for {LOCK_TIMEOUT_SECONDS} seconds") from error
        raise
