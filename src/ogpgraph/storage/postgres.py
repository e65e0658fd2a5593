"""PostgreSQL: the same statements, translated at one seam; appends take the log's lock so that no reader misses one."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from itertools import chain
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from ogpgraph.storage.database import (
    BrokenOff,
    Busy,
    Database,
    DatabaseError,
    Lost,
    NoTables,
    Parameters,
    Row,
    Taken,
    Transaction,
    Unacceptable,
    statements_of,
)

POOL_SIZE = 4
CONNECT_SECONDS = 2
WAIT_SECONDS = 10
HEARTBEAT_SECONDS = 0.5
STREAM_ROWS = 2_000
COPIED_FROM = 20
"""From so many rows on COPY is quicker than inserts that are sent together."""
MIGRATION_LOCK = 0x6F67706772617068
CHANNEL = "ogpgraph_event"
_UNACCEPTABLE = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.ReadOnlySqlTransaction,
)
_PARAMETER = re.compile(r"(\bin )?(?<![:\w]):([a-z_][a-z_0-9]*)")
_READ = (
    "begin isolation level repeatable read, read only; "
    # Taken before the view is: a rebuild that swaps the tables meanwhile is waited for, never half seen. The follower's
    # table comes first for everyone who takes several, so that no two wait for each other.
    "lock table follower, entry, version, tag in access share mode"
)
_WRITE = "begin"
_WRITE_SOON = "begin; set local synchronous_commit = off"
# Without the lock a reader could see a later position before an earlier one commits, and miss that for ever.
_APPEND = f"begin; lock table event in exclusive mode; notify {CHANNEL}"
# A peer that is gone without a word is noticed within seconds, not after the kernel's hours.
_ALIVE: dict[str, Any] = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


class PostgresTransaction(Transaction):
    """A transaction on one connection.

    One that writes sends its statements in the protocol's pipeline mode, which waits only for what is asked for: a way
    there and back takes longer than most statements.
    """

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self._connection = connection
        self._together = ExitStack()

    def begin(self, statements: str) -> None:
        """Begin, by these statements; raises Lost where the connection is dead."""
        with _translated_errors(self._connection):
            self._connection.execute(statements.encode())

    @contextmanager
    def committed(self) -> Iterator[None]:
        """Send what runs inside together, and commit it at the end; raises what any of it failed with."""
        with _translated_errors(self._connection):
            self._together.enter_context(self._connection.pipeline())
            try:
                yield
                done = self._connection.execute("commit")
            except BaseException:
                with suppress(psycopg.Error):  # that what followed the failure was not done is known
                    self._together.close()
                raise
            self._together.close()
        if done.statusmessage != "COMMIT":  # the server undoes, and calls that no error, what failed before
            raise DatabaseError("nothing was kept: a statement before had failed")

    def end(self) -> None:
        """Undo what was not committed, and leave the connection to others."""
        try:
            if not self._connection.closed:
                self._connection.rollback()
        except psycopg.Error:  # broken off in the midst of a statement: nobody else can use it
            self._connection.close()

    def _one_by_one(self) -> None:
        """Leave the pipeline mode, in which there are neither copies nor a server's cursors."""
        with _translated_errors(self._connection):
            self._together.close()

    def rows(self, sql: str, **parameters: object) -> list[Row]:
        """Return all rows of a query."""
        self.statements += 1
        with _translated_errors(self._connection):
            return self._connection.execute(translated(sql), _adapted(parameters)).fetchall()

    def stream(self, sql: str, **parameters: object) -> Iterator[Row]:
        """Yield the rows of a query one by one, through a cursor of the server."""
        self.statements += 1
        self._one_by_one()
        alone = self._connection.info.transaction_status == TransactionStatus.IDLE
        with _translated_errors(self._connection), self._connection.cursor("stream", withhold=alone) as cursor:
            cursor.itersize = STREAM_ROWS
            cursor.execute(translated(sql), _adapted(parameters))
            yield from cursor

    def execute(self, sql: str, **parameters: object) -> None:
        """Run one statement."""
        self.statements += 1
        with _translated_errors(self._connection):
            self._connection.execute(translated(sql), _adapted(parameters))

    def execute_many(self, sql: str, parameters: Iterable[Parameters]) -> None:
        """Run one statement for each set of parameters, sent together."""
        if not (given := list(parameters)):
            return
        if len(given) == 1:
            self.execute(sql, **given[0])
            return
        self.statements += 1
        with _translated_errors(self._connection), self._connection.cursor() as cursor:
            cursor.executemany(translated(sql), given)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Add rows to a table: many by COPY, few as they are."""
        if not rows:
            return
        self.statements += 1
        names = ", ".join(columns)
        if len(rows) >= COPIED_FROM:
            self._one_by_one()
        with _translated_errors(self._connection), self._connection.cursor() as cursor:
            if len(rows) < COPIED_FROM:
                places = ", ".join(["(" + ", ".join(["%s"] * len(columns)) + ")"] * len(rows))
                statement = f"insert into {table} ({names}) values {places}"  # noqa: S608 - our own tables' names
                cursor.execute(statement.encode(), list(chain(*rows)))
                return
            with cursor.copy(f"copy {table} ({names}) from stdin".encode()) as copy:
                for row in rows:
                    copy.write_row(row)

    def watch(self, is_over: Callable[[], bool], seconds: float) -> None:  # noqa: ARG002 - SQLite asks it, a server cannot
        """Have the server end what runs longer than some seconds; before that, a statement runs on."""
        self.execute("select set_config('statement_timeout', :most, true)", most=f"{max(1, round(seconds * 1000))}ms")

    def seize(self, tables: Sequence[str]) -> None:
        """Keep everybody else from using tables, one after the other in the order given."""
        self.execute(f"lock table {', '.join(tables)} in access exclusive mode")


class PostgresDatabase(Database):
    """A PostgreSQL database."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opened = False
        self._opening = threading.Lock()
        self._pool: ConnectionPool[psycopg.Connection[Row]] = ConnectionPool(
            url,
            kwargs={
                "row_factory": dict_row,
                "connect_timeout": CONNECT_SECONDS,
                "application_name": "ogpgraph",
                "autocommit": True,
                **_ALIVE,
            },
            min_size=1,
            max_size=POOL_SIZE,
            timeout=WAIT_SECONDS,
            open=False,
        )

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Open a reading transaction."""
        with self._begun(_READ) as transaction:
            yield transaction

    @contextmanager
    def glance(self) -> Iterator[Transaction]:
        """Open what reads each statement for itself; raises Lost where the connection turns out dead."""
        with self._connection() as connection:
            yield PostgresTransaction(connection)

    def query(self, sql: str, **parameters: object) -> list[Row]:
        """Return all rows of one query that needs no transaction around it: one message there and one back."""
        for _spare in range(POOL_SIZE):
            with suppress(Lost), self._connection() as connection:
                return PostgresTransaction(connection).rows(sql, **parameters)
        with self._connection() as connection:
            return PostgresTransaction(connection).rows(sql, **parameters)

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Transaction]:
        """Open a writing transaction."""
        with self._begun(_WRITE if durable else _WRITE_SOON) as transaction, transaction.committed():
            yield transaction

    @contextmanager
    def append(self) -> Iterator[Transaction]:
        """Open a writing transaction that is the only one to append to the log until it ends."""
        with self._begun(_APPEND) as transaction, transaction.committed():
            yield transaction

    def changes(self, stop: threading.Event) -> Iterator[bool]:
        """Yield True when something was appended, as the server tells it, and False twice a second otherwise."""
        with psycopg.connect(
            self._url, autocommit=True, connect_timeout=CONNECT_SECONDS, application_name="ogpgraph listening", **_ALIVE
        ) as connection:
            connection.execute(f"listen {CHANNEL}".encode())
            yield True
            while not stop.is_set():
                heard = any(connection.notifies(timeout=HEARTBEAT_SECONDS, stop_after=1))
                if not heard:
                    connection.execute("select 1")
                yield heard

    def create(self, script: str) -> None:
        """Run the statements of a script of definitions, one process at a time."""
        with self.write() as transaction:
            transaction.execute("select pg_advisory_xact_lock(:lock)", lock=MIGRATION_LOCK)
            self.define(transaction, script)

    def define(self, transaction: Transaction, script: str) -> None:
        """Run the statements of a script of definitions in a transaction."""
        for statement in statements_of(script):
            transaction.execute(defined(statement))

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    @contextmanager
    def _begun(self, begin: str) -> Iterator[PostgresTransaction]:
        """Yield a new transaction.

        Connections are not asked whether they live before they are used: a dead one shows here, where nothing has been
        done yet, and the next is taken.
        """
        for spare in range(POOL_SIZE, -1, -1):
            with self._connection() as connection:
                transaction = PostgresTransaction(connection)
                try:
                    transaction.begin(begin)
                except Lost:
                    if not spare:
                        raise
                    continue
                try:
                    yield transaction
                finally:
                    transaction.end()
                return

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[Row]]:
        self._open()
        try:
            with self._pool.connection() as connection:
                yield connection
        except PoolTimeout as error:
            raise Busy(f"no connection to the database within {WAIT_SECONDS} seconds") from error

    def _open(self) -> None:
        with self._opening:
            if not self._opened:
                self._pool.open()
                self._opened = True


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
def _translated_errors(connection: psycopg.Connection[Row]) -> Iterator[None]:
    try:
        yield
    except psycopg.errors.UniqueViolation as error:
        raise Taken(str(error)) from error
    except psycopg.errors.UndefinedTable as error:
        raise NoTables from error
    except _UNACCEPTABLE as error:
        raise Unacceptable(str(error)) from error
    except psycopg.errors.QueryCanceled as error:
        raise BrokenOff("the statement took too long") from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        # In a pipeline the server's last word may be read before it is noticed that it has hung up.
        if connection.closed or error.diag.severity_nonlocalized in ("FATAL", "PANIC"):
            raise Lost(f"the connection to the database broke: {error}") from error
        raise DatabaseError(str(error)) from error
