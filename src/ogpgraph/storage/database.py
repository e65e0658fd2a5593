"""The database behind one URL: reading and writing transactions, and the one seam for SQL parameters.

Every statement is written once, with `:name` parameters, for both engines. A list parameter stands
after `in` (`id in :ids`). What differs between the engines is in `sqlite.py` and `postgres.py`.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

LIST_CHUNK = 500
Parameters = Mapping[str, object]
Row = Mapping[str, Any]
T = TypeVar("T")


class DatabaseError(Exception):
    """The database cannot be used as asked; the message names what and where, never a password."""


class Taken(DatabaseError):
    """A row with that key is there already."""


class Unacceptable(DatabaseError):
    """The database refuses a value, a row or a statement; nothing of the transaction is kept."""


class Lost(DatabaseError):
    """The connection broke: what was asked for may have been done, or not."""


class Busy(DatabaseError):
    """Nobody made room within the time allowed: trying again later may help."""


class BrokenOff(DatabaseError):
    """A statement was broken off, because the transaction is watched and was told to end."""


class NoTables(DatabaseError):
    """The database was never migrated."""

    def __init__(self) -> None:
        super().__init__("the database has no tables yet: run `ogpgraph migrate`")


class Transaction(ABC):
    """A transaction in which statements run; `statements` counts them.

    Whoever asks for rows waits for them and for all before; what is wrong with any other statement may be raised by a
    later one, or at the commit.
    """

    statements = 0

    def rows(self, sql: str, **parameters: object) -> list[Row]:
        """Return all rows of a query."""
        return list(self.stream(sql, **parameters))

    def row(self, sql: str, **parameters: object) -> Row | None:
        """Return the first row of a query, or None."""
        return next(iter(self.rows(sql, **parameters)), None)

    def value(self, sql: str, **parameters: object) -> Any:
        """Return the first column of the first row, or None."""
        row = self.row(sql, **parameters)
        return row[next(iter(row.keys()))] if row else None

    @abstractmethod
    def stream(self, sql: str, **parameters: object) -> Iterator[Row]:
        """Yield the rows of a query one by one, without holding them all."""

    @abstractmethod
    def execute(self, sql: str, **parameters: object) -> None:
        """Run one statement. Raises Taken where a key is taken."""

    @abstractmethod
    def execute_many(self, sql: str, parameters: Iterable[Parameters]) -> None:
        """Run one statement for each set of parameters."""

    @abstractmethod
    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Add rows to a table, in the quickest way the engine has. Raises Taken where a key is taken."""

    @abstractmethod
    def watch(self, is_over: Callable[[], bool], seconds: float) -> None:
        """Break off statements, by BrokenOff, that run when something is over, or for longer than some seconds."""

    @abstractmethod
    def seize(self, tables: Sequence[str]) -> None:
        """Keep everybody else from using tables until the transaction ends; who reads already is waited for."""


class Database(ABC):
    """A database: what storage, follower and readers open transactions on."""

    @abstractmethod
    def read(self) -> AbstractContextManager[Transaction]:
        """Open a reading transaction: one consistent view until it closes."""

    def glance(self) -> AbstractContextManager[Transaction]:
        """Open what reads without one view for all its statements: for what never changes."""
        return self.read()

    def query(self, sql: str, **parameters: object) -> list[Row]:
        """Return all rows of one query that needs no other beside it."""
        with self.read() as transaction:
            return transaction.rows(sql, **parameters)

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
    def changes(self, stop: threading.Event) -> Iterator[bool]:
        """Yield, until told to stop, True when something may have been committed and False when time has passed.

        The first is True: whoever listens from here on misses nothing. Raises what breaks the connection.
        """

    @abstractmethod
    def create(self, script: str) -> None:
        """Run the statements of a script of definitions, which may be run again at any time."""

    @abstractmethod
    def define(self, transaction: Transaction, script: str) -> None:
        """Run the statements of a script of definitions in a transaction."""

    @abstractmethod
    def close(self) -> None:
        """Close every connection."""


def statements_of(script: str) -> list[str]:
    """Return the statements of a script, without empty ones."""
    return [statement for part in script.split(";") if (statement := part.strip())]


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield a long list in pieces that one statement can take."""
    return (items[i : i + LIST_CHUNK] for i in range(0, len(items), LIST_CHUNK))


def open_database(url: str) -> Database:
    """Return the database of a URL; raises DatabaseError for a URL of no known kind."""
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        from ogpgraph.storage.sqlite import SQLiteDatabase  # noqa: PLC0415 - the engines know this module

        return SQLiteDatabase(url)
    if scheme in ("postgresql", "postgres"):
        from ogpgraph.storage.postgres import PostgresDatabase  # noqa: PLC0415 - psycopg is an extra

        return PostgresDatabase(url)
    raise DatabaseError(f"a database URL begins with sqlite:/// or postgresql://, not with {scheme}:")
