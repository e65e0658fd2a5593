"""The database behind one URL: reading and writing transactions, and the one seam for SQL parameters.

Every statement is written once, with `:name` parameters, for both engines. A list parameter stands
after `in` (`id in :ids`). What differs between the engines is in `sqlite.py` and `postgres.py`.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

CHUNK_SIZE = 500
Parameters = Mapping[str, object]
Row = Mapping[str, Any]
T = TypeVar("T")


class DatabaseError(Exception):
    """The database cannot be used as asked; the message names what and where, never a password."""


class UniqueViolation(DatabaseError):
    """A row with that key is there already."""


class DataRejected(DatabaseError):
    """The database refuses a value, a row or a statement; nothing of the transaction is kept."""


class ConnectionLost(DatabaseError):
    """The connection broke: what was asked for may have been done, or not."""


class LockTimeout(DatabaseError):
    """Nobody made room within the time allowed: trying again later may help."""


class StatementCancelled(DatabaseError):
    """A statement was broken off, because the transaction is watched and was told to end."""


class TablesMissing(DatabaseError):
    """The database was never migrated."""

    def __init__(self) -> None:
        super().__init__("the database has no tables yet: run `ogpgraph migrate`")


class Transaction(ABC):
    """A transaction in which statements run; `statements` counts them.

    Whoever asks for rows waits for them and for all before; what is wrong with any other statement may be raised by a
    later one, or at the commit.
    """

    statements = 0

    def fetch_all(self, sql: str, **parameters: object) -> list[Row]:
        """Return all rows of a query."""
        return list(self.stream(sql, **parameters))

    def fetch_one(self, sql: str, **parameters: object) -> Row | None:
        """Return the first row of a query, or None."""
        return next(iter(self.fetch_all(sql, **parameters)), None)

    def fetch_value(self, sql: str, **parameters: object) -> Any:
        """Return the first column of the first row, or None."""
        row = self.fetch_one(sql, **parameters)
        return row[next(iter(row.keys()))] if row else None

    @abstractmethod
    def stream(self, sql: str, **parameters: object) -> Iterator[Row]:
        """Yield the rows of a query one by one, without holding them all."""

    @abstractmethod
    def execute(self, sql: str, **parameters: object) -> None:
        """Run one statement. Raises UniqueViolation where a key is taken."""

    @abstractmethod
    def execute_many(self, sql: str, parameters: Iterable[Parameters]) -> None:
        """Run one statement for each set of parameters."""

    @abstractmethod
    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Add rows to a table, in the quickest way the engine has. Raises UniqueViolation where a key is taken."""

    @abstractmethod
    def set_deadline(self, is_over: Callable[[], bool], seconds: float) -> None:
        """Have statements raise StatementCancelled once `is_over` returns True, or after `seconds`."""

    @abstractmethod
    def lock_tables(self, tables: Sequence[str]) -> None:
        """Keep everybody else from using tables until the transaction ends; who reads already is waited for."""


class Database(ABC):
    """A database: what storage, follower and readers open transactions on."""

    @abstractmethod
    def read(self) -> AbstractContextManager[Transaction]:
        """Open a reading transaction: one consistent view until it closes."""

    def read_autocommit(self) -> AbstractContextManager[Transaction]:
        """Open what reads without one view for all its statements: for what never changes."""
        return self.read()

    def query(self, sql: str, **parameters: object) -> list[Row]:
        """Return all rows of one query that needs no other beside it."""
        with self.read() as transaction:
            return transaction.fetch_all(sql, **parameters)

    def has_table(self, name: str) -> bool:
        """Return whether a table exists."""
        try:
            self.query(f"select 1 from {name} limit 1")  # noqa: S608 - the name of one of our own tables
        except TablesMissing:
            return False
        return True

    @abstractmethod
    def write(self, *, durable: bool = True) -> AbstractContextManager[Transaction]:
        """Open a writing transaction, committed at its end and rolled back on any error.

        What is not `durable` may be lost when the machine fails, whole and latest first: never on its own, and
        never with something durable that was committed later.
        """

    @abstractmethod
    def append(self) -> AbstractContextManager[Transaction]:
        """Open a writing transaction that is the only one to append to the log until it ends."""

    @abstractmethod
    def watch_changes(self, stop: threading.Event) -> Iterator[bool]:
        """Yield, until told to stop, True when something may have been committed and False when time has passed.

        The first is True: whoever listens from here on misses nothing. Raises what breaks the connection.
        """

    @abstractmethod
    def apply_ddl(self, script: str) -> None:
        """Run the statements of a script of definitions, which may be run again at any time."""

    @abstractmethod
    def execute_ddl(self, transaction: Transaction, script: str) -> None:
        """Run the statements of a script of definitions in a transaction."""

    @abstractmethod
    def close(self) -> None:
        """Close every connection."""


def split_statements(script: str) -> list[str]:
    """Return the statements of a script, without empty ones."""
    return [statement for part in script.split(";") if (statement := part.strip())]


def iter_chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield a long list in pieces that one statement can take."""
    return (items[i : i + CHUNK_SIZE] for i in range(0, len(items), CHUNK_SIZE))


if sys.platform == "win32":  # which has no such locks: SQLite's own must do

    def _lock_file(_file: int) -> None:
        return

    def _unlock_file(_file: int) -> None:
        return

else:
    import fcntl

    def _lock_file(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock_file(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)


LOCK_POLL_SECONDS = 0.001


class WriterLock:
    """Lets one thread of one process write to a SQLite database at a time, by a lock on a file beside it.

    SQLite releases its own lock before the checkpoint that may follow a commit, and in versions with the WAL-reset bug
    another process can do harm then. It also lets waiting writers sleep longer and longer, so that one of eight waits
    for seconds. This lock is held from before a transaction begins until after its checkpoint, and ends with the
    process, however that ends.
    """

    def __init__(self, path: Path, timeout_seconds: float) -> None:
        self._path = path
        self._timeout = timeout_seconds
        self._thread_lock = threading.Lock()
        self._file: int | None = None

    @contextmanager
    def acquire(self) -> Iterator[None]:
        """Wait for the turn and have it until the end; raises LockTimeout when it does not come in time."""
        deadline = time.monotonic() + self._timeout
        if not self._thread_lock.acquire(timeout=self._timeout):
            raise LockTimeout(f"no turn to write within {self._timeout:g} seconds")
        try:
            file = self._open()
            self._wait(file, deadline)
            try:
                yield
            finally:
                _unlock_file(file)
        finally:
            self._thread_lock.release()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self) -> int:
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        return self._file

    def _wait(self, file: int, deadline: float) -> None:
        while True:
            try:
                _lock_file(file)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise LockTimeout(f"another process has been writing for {self._timeout:g} seconds") from None
                time.sleep(LOCK_POLL_SECONDS)
            else:
                return
