"""The interface to the database behind one URL: transactions, statements, and the errors that both engines raise.

Every statement is written once, for both engines, with `:name` parameters; a list parameter is written as `in :names`,
and the numbers of a column as one text, with commas in between, as `group_concat(column)`.
What differs between the engines is in `sqlite.py` and `postgres.py`.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeVar

from ogpgraph.storage.error_codes import StorageErrorCode

CHUNK_SIZE = 500
"""How many items of a list one statement gets: both engines limit the number of parameters."""
Parameters = Mapping[str, object]
Row = Mapping[str, Any]
T = TypeVar("T")
ProgressCallback = Callable[[int, int], None]
"""Called during a long operation with the number of units that are done, and of all units."""
_TRY_AGAIN = "try again, and mutations with the idempotencyKey of the first attempt, so that they are recorded once"


class DatabaseError(Exception):
    """The database cannot be used; the message never contains a password."""


class UniqueViolation(DatabaseError):
    """A row with this key exists already."""


class DataRejected(DatabaseError):
    """The database rejects a value, a row or a statement; the transaction is rolled back."""


class StorageError(DatabaseError):
    """An error of the storage that clients are told: `code` is stable (docs/errors.md lists all of them).

    `explanation` is what clients read; the message, which may name files, is for the log. `retry_after_seconds` is when
    the same request may succeed, None where somebody has to act first.
    """

    code: ClassVar[StorageErrorCode]
    explanation: str
    retry_after_seconds: ClassVar[int | None] = None


class StorageFailure(StorageError):
    """The storage cannot do at the moment what it is asked to; nothing is known to be damaged."""


class StorageUnavailable(StorageFailure):
    """The database cannot be reached, or its disk fails."""

    code = StorageErrorCode.STORAGE_UNAVAILABLE
    explanation = f"the storage is not available at the moment: {_TRY_AGAIN}"
    retry_after_seconds = 5


class ConnectionLost(StorageUnavailable):
    """The connection broke: the transaction may have been committed or not."""


class StorageFull(StorageFailure):
    """There is no space for what should be stored."""

    code = StorageErrorCode.STORAGE_FULL
    explanation = "the storage is full: nothing can be recorded until there is space; reading goes on"
    retry_after_seconds = 30


class StorageReadOnly(StorageFailure):
    """The database does not let this program write."""

    code = StorageErrorCode.STORAGE_READ_ONLY
    explanation = "the storage can only be read at the moment: nothing can be recorded; reading goes on"
    retry_after_seconds = 30


class LockTimeout(StorageFailure):
    """A lock or a connection was not available within the time allowed; a later attempt may succeed."""

    code = StorageErrorCode.STORAGE_BUSY
    explanation = f"the storage was busy for too long: {_TRY_AGAIN}"
    retry_after_seconds = 1


class StorageDamaged(StorageFailure):
    """The database finds its own files damaged; SQLite says the same where the disk fails to read them."""

    code = StorageErrorCode.STORAGE_DAMAGED
    explanation = "the storage is damaged, or its disk fails: if that persists, an operator has to restore it"
    retry_after_seconds = 30


class StatementCancelled(DatabaseError):
    """A statement was cancelled because the transaction's deadline is over."""


class TablesMissing(DatabaseError):
    """The database was never migrated."""

    def __init__(self) -> None:
        super().__init__("the database has no tables yet: run `ogpgraph migrate`")


class Commit(Protocol):
    """A writing transaction of this process, so that nobody has to read what was written by it."""

    def follows(self, before: Any) -> bool:
        """Return whether it is certain that nothing at all was committed between a former one and it."""


class KnownCommits(Protocol):
    """The commits that its owner knows of: all up to a version, and some later ones. One thread at a time uses it."""

    def begin(self, version: Any) -> None:
        """Know of all commits up to a version that was read, and of no later one."""

    def add(self, commit: Any) -> bool:
        """Know of a commit of this process, too; returns False if it is of no use, as those before are not known."""

    def covers(self, version: Any) -> bool:
        """Return whether nothing else was committed up to a version."""


class VersionChannel(Protocol):
    """Asks for the version of a database without waiting for the answer, which comes with a later event of a file."""

    def fileno(self) -> int:
        """Return the descriptor of the file, which becomes readable with an answer."""

    def send(self) -> None:
        """Ask for the version; raises ConnectionLost."""

    def receive(self) -> object | None:
        """Return what `Database.read_version` does, as of a moment after `send`; None while it is not here.

        Raises ConnectionLost.
        """

    def close(self) -> None:
        """Close the file."""


class Transaction(ABC):
    """A transaction in which statements run; `statements` counts them.

    Of a writing transaction `commit` is set once it is committed, or before, if the engine tells.

    Only a statement that returns rows is waited for, with all before it: the error of any other statement may be
    raised by a later one, or by the commit.
    """

    statements = 0
    commit: Commit | None = None

    @property
    @abstractmethod
    def database_name(self) -> str:
        """Return the file or the name of the database, for messages."""

    def fetch_all(self, sql: str, **parameters: object) -> list[Row]:
        """Return all rows of a query."""
        return list(self.stream(sql, **parameters))

    def fetch_one(self, sql: str, **parameters: object) -> Row | None:
        """Return the first row of a query, or None."""
        rows = self.fetch_all(sql, **parameters)
        return rows[0] if rows else None

    def fetch_value(self, sql: str, **parameters: object) -> Any:
        """Return the first column of the first row, or None."""
        row = self.fetch_one(sql, **parameters)
        return row[next(iter(row.keys()))] if row else None

    @abstractmethod
    def stream(self, sql: str, **parameters: object) -> Iterator[Row]:
        """Yield the rows of a query one by one; they are never in memory all at once."""

    @abstractmethod
    def execute(self, sql: str, **parameters: object) -> None:
        """Run one statement. Raises UniqueViolation where a key exists."""

    @abstractmethod
    def execute_many(self, sql: str, parameters: Iterable[Parameters]) -> None:
        """Run one statement for each set of parameters."""

    @abstractmethod
    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Insert rows in the engine's fastest way. Raises UniqueViolation where a key exists."""

    @abstractmethod
    def set_deadline(self, is_over: Callable[[], bool], seconds: float) -> None:
        """Have statements raise StatementCancelled once `is_over` returns True, or after `seconds`."""

    def continue_numbering(self, table: str, column: str) -> None:  # noqa: B027 - not every engine has something to do
        """Let the numbers that the database gives to rows follow those of the rows that were inserted with one."""

    @abstractmethod
    def lock_tables(self, tables: Sequence[str]) -> None:
        """Lock tables, in the given order, against all other use until the transaction ends."""


class Database(ABC):
    """A database on which transactions are opened, each from one thread at a time.

    Where `read_version` `waits_for_version`, a server has to answer.
    """

    waits_for_version: ClassVar[bool] = False

    @property
    @abstractmethod
    def name(self) -> str:
        """Return the file or the name of the database, for messages."""

    @property
    @abstractmethod
    def url(self) -> str:
        """Return the URL by which another process opens the database; it may contain a password."""

    @abstractmethod
    def read(self) -> AbstractContextManager[Transaction]:
        """Open a read-only transaction: all its statements see the database as it was at the first."""

    def read_autocommit(self) -> AbstractContextManager[Transaction]:
        """Open read-only access in which each statement may see a later state: for rows that never change."""
        return self.read()

    def read_log(self) -> AbstractContextManager[Transaction]:
        """Open a read-only transaction for the log and what belongs to it, which may take long.

        The read model's tables may be swapped meanwhile: they are not waited for, and not to be read.
        """
        return self.read()

    def has_replacement(self) -> bool:
        """Return whether the database was replaced by another one, which only a process that opens it anew can use.

        It has to be called twice: a file that is still being copied changes from one call to the next.
        """
        return False

    def set_former_files_aside(self) -> None:  # noqa: B027 - not every engine has files
        """Keep what belongs to the former database from being used with the one that replaced it."""

    def find_damage(self) -> Iterator[str]:
        """Yield what the engine itself finds wrong with its files, as far as it can tell."""
        return iter(())

    def query(self, sql: str, **parameters: object) -> list[Row]:
        """Return all rows of a single query."""
        with self.read() as transaction:
            return transaction.fetch_all(sql, **parameters)

    @abstractmethod
    def read_version(self) -> object:
        """Return what tells by `KnownCommits` whether anything was committed since a former call.

        It reads no table and takes no transaction. Raises StorageError as a read does.
        """

    @abstractmethod
    def track_commits(self) -> KnownCommits:
        """Return what keeps account of the commits that somebody knows of."""

    def open_version_channel(self) -> VersionChannel | None:
        """Return a channel, opened now, which the caller closes; None if `read_version` waits for nobody.

        Raises StorageError.
        """
        return None

    def read_clock(self) -> datetime | None:
        """Return the time by the clock of the database's server, None where it has no clock of its own."""
        return None

    def has_table(self, name: str) -> bool:
        """Return whether a table exists."""
        try:
            self.query(f"select 1 from {name} limit 1")  # noqa: S608 - our own tables' names
        except TablesMissing:
            return False
        return True

    @abstractmethod
    def write(self, *, durable: bool = True, lock_seconds: float | None = None) -> AbstractContextManager[Transaction]:
        """Open a writing transaction: committed at the end of the context, rolled back on any error.

        Locks are waited for at most `lock_seconds`, by default as long as the engine's usual writers wait.

        A commit that is not `durable` may be lost when the machine fails: as a whole, together with all later commits,
        and only if none of these is durable.
        """

    @abstractmethod
    def append(self) -> AbstractContextManager[Transaction]:
        """Open a writing transaction that holds the log's lock: no other one appends until it ends."""

    def erase(self) -> AbstractContextManager[Transaction]:
        """Open a transaction as `append` does, for the removal of personal data.

        SQLite overwrites what it deletes or replaces, and empties the WAL at the end; raises LockTimeout, with the
        transaction committed, where a reader keeps it from emptying the WAL. PostgreSQL keeps former rows until a
        vacuum, and its WAL for as long as it is configured to.
        """
        return self.append()

    @abstractmethod
    def watch_changes(self, stop: threading.Event) -> Iterator[bool]:
        """Yield True when something may have been committed, and False from time to time, until `stop` is set.

        The first item is True, so that no change between the caller's last look and the start of the watch is missed.
        Raises any error that breaks the connection.
        """

    @abstractmethod
    def apply_ddl(self, script: str) -> None:
        """Run a script of definitions that has no effect where they exist; one process at a time runs it."""

    @abstractmethod
    def execute_ddl(self, transaction: Transaction, script: str) -> None:
        """Run a script of definitions in a transaction."""

    def release_space(self) -> None:  # noqa: B027 - not every engine has something to do
        """Return the space of dropped tables to the file system while the database is in use; raises DatabaseError."""

    @abstractmethod
    def close(self) -> None:
        """Close every connection."""


def split_statements(script: str) -> list[str]:
    """Return the statements of a script, without empty ones."""
    return [statement for part in script.split(";") if (statement := part.strip())]


def iter_chunks(items: Sequence[T], size: int | None = None) -> Iterator[Sequence[T]]:
    """Yield a list in chunks, by default of the size that one statement gets."""
    size = size or CHUNK_SIZE
    return (items[i : i + size] for i in range(0, len(items), size))
