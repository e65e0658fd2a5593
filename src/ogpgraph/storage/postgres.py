"""PostgreSQL: the same statements, translated at one seam; appends take the log's lock so that no reader misses one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

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

POOL_SIZE = 4
CONNECT_SECONDS = 2
WAIT_SECONDS = 10
STREAM_ROWS = 2_000
MIGRATION_LOCK = 0x6F67706772617068
_PARAMETER = re.compile(r"(\bin )?(?<![:\w]):([a-z_][a-z_0-9]*)")
_READ_ONLY = (
    "begin isolation level repeatable read, read only; "
    # Taken before the view is: a rebuild that swaps the tables meanwhile is waited for, never half seen.
    "lock table entry, version, tag in access share mode"
)


class PostgresTransaction(Transaction):
    """A transaction on one connection."""

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self._connection = connection

    def rows(self, sql: str, **parameters: object) -> list[Row]:
        """Return all rows of a query."""
        self.statements += 1
        with _translated_errors():
            return self._connection.execute(translated(sql), _adapted(parameters)).fetchall()

    def stream(self, sql: str, **parameters: object) -> Iterator[Row]:
        """Yield the rows of a query one by one, through a cursor of the server."""
        self.statements += 1
        with self._connection.cursor(name="stream") as cursor:
            cursor.itersize = STREAM_ROWS
            cursor.execute(translated(sql), _adapted(parameters))
            yield from cursor

    def execute(self, sql: str, **parameters: object) -> None:
        """Run one statement."""
        self.statements += 1
        with _translated_errors():
            self._connection.execute(translated(sql), _adapted(parameters))

    def execute_many(self, sql: str, parameters: Iterable[Parameters]) -> None:
        """Run one statement for each set of parameters, sent together."""
        self.statements += 1
        with _translated_errors(), self._connection.cursor() as cursor:
            cursor.executemany(translated(sql), list(parameters))


class PostgresDatabase(Database):
    """A PostgreSQL database."""

    def __init__(self, url: str) -> None:
        self._pool: ConnectionPool[psycopg.Connection[Row]] = ConnectionPool(
            url,
            kwargs={
                "row_factory": dict_row,
                "connect_timeout": CONNECT_SECONDS,
                "application_name": "ogpgraph",
                "autocommit": True,
            },
            min_size=1,
            max_size=POOL_SIZE,
            timeout=WAIT_SECONDS,
            open=False,
        )

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Open a reading transaction."""
        with self._connection() as connection:
            try:
                with _translated_errors():
                    connection.execute(_READ_ONLY)
                yield PostgresTransaction(connection)
            finally:
                connection.rollback()

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Open a writing transaction."""
        with self._connection() as connection, connection.transaction():
            yield PostgresTransaction(connection)

    @contextmanager
    def append(self) -> Iterator[Transaction]:
        """Open a writing transaction that is the only one to append to the log until it ends."""
        with self.write() as transaction:
            # Without it a reader could see a later position before an earlier one commits, and miss that for ever.
            transaction.execute("lock table event in exclusive mode")
            yield transaction

    def create(self, script: str) -> None:
        """Run the statements of a script of definitions, one process at a time."""
        with self._connection() as connection, connection.transaction():
            connection.execute("select pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
            for statement in statements_of(script):
                connection.execute(defined(statement).encode())

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[Row]]:
        self._pool.open()
        try:
            with self._pool.connection() as connection:
                yield connection
        except PoolTimeout as error:
            raise DatabaseError("no connection to the database within the time allowed") from error


@lru_cache(maxsize=2_000)
def translated(sql: str) -> bytes:
    """Return a statement in psycopg's form: `:name` → `%(name)s`, `in :names` → `= any(%(names)s)`."""
    return _PARAMETER.sub(_placeholder, sql.replace("%", "%%")).encode()


def _placeholder(found: re.Match[str]) -> str:
    among, name = found.groups()
    return f"= any(%({name})s)" if among else f"%({name})s"


def _adapted(parameters: dict[str, object]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in parameters.items()}


def defined(statement: str) -> str:
    """Return a definition in PostgreSQL's words; texts compare by their bytes, as they do in SQLite."""
    statement = statement.replace(
        "integer primary key autoincrement", "bigint generated always as identity primary key"
    )
    return re.sub(r"\btext\b(?! \()", 'text collate "C"', re.sub(r"\bblob\b", "bytea", statement))


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except psycopg.errors.UniqueViolation as error:
        raise Taken(str(error)) from error
    except psycopg.errors.UndefinedTable as error:
        raise NoTables from error
