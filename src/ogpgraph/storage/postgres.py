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
    ConnectionLost,
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
    split_statements,
)

POOL_SIZE = 4
CONNECT_TIMEOUT_SECONDS = 2
POOL_TIMEOUT_SECONDS = 10
HEARTBEAT_SECONDS = 0.5
STREAM_ROWS = 2_000
COPY_MIN_ROWS = 20
"""From so many rows on COPY is quicker than inserts that are sent together."""
MIGRATION_LOCK = 0x6F67706772617068
CHANNEL = "ogpgraph_event"
_DATA_REJECTED = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.ReadOnlySqlTransaction,
)
_PARAMETER = re.compile(r"(\bin )?(?<![:\w]):([a-z_][a-z_0-9]*)")
# Taken before the snapshot is, so that a rebuild that swaps the tables is waited for and never seen half done. Everyone
# who takes several of these locks takes them in the same order, so that no two wait for each other.
_LOCK_READ_MODEL = "lock table projector, entry, version, tag in access share mode"
_READ = f"begin isolation level repeatable read, read only; {_LOCK_READ_MODEL}"
_READ_COMMITTED = f"begin isolation level read committed, read only; {_LOCK_READ_MODEL}"
_WRITE = "begin"
_WRITE_ASYNC = "begin; set local synchronous_commit = off"
# Without the lock a reader could see a later position before an earlier one commits, and miss that for ever.
_APPEND = f"begin; lock table event in exclusive mode; notify {CHANNEL}"
# A peer that is gone without a word is noticed within seconds, not after the kernel's hours.
_KEEPALIVE: dict[str, Any] = {
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
        self._pipeline = ExitStack()

    def begin(self, statements: str) -> None:
        """Begin, by these statements; raises ConnectionLost where the connection is dead."""
        with _translate_errors(self._connection):
            self._connection.execute(statements.encode())

    @contextmanager
    def commit_at_end(self) -> Iterator[None]:
        """Send what runs inside together, and commit it at the end; raises what any of it failed with."""
        with _translate_errors(self._connection):
            self._pipeline.enter_context(self._connection.pipeline())
            try:
                yield
                done = self._connection.execute("commit")
            except BaseException:
                with suppress(psycopg.Error):  # that what followed the failure was not done is known
                    self._pipeline.close()
                raise
            self._pipeline.close()
        if done.statusmessage != "COMMIT":  # the server undoes, and calls that no error, what failed before
            raise DatabaseError("nothing was kept: a statement before had failed")

    def roll_back(self) -> None:
        """Undo what was not committed, and leave the connection to others."""
        try:
            if not self._connection.closed:
                self._connection.rollback()
        except psycopg.Error:  # broken off in the midst of a statement: nobody else can use it
            self._connection.close()

    def _leave_pipeline(self) -> None:
        """Leave the pipeline mode, in which there are neither copies nor a server's cursors."""
        with _translate_errors(self._connection):
            self._pipeline.close()

    def fetch_all(self, sql: str, **parameters: object) -> list[Row]:
        """Return all rows of a query."""
        self.statements += 1
        with _translate_errors(self._connection):
            return self._connection.execute(translate_parameters(sql), _adapt(parameters)).fetchall()

    def stream(self, sql: str, **parameters: object) -> Iterator[Row]:
        """Yield the rows of a query one by one, through a cursor of the server."""
        self.statements += 1
        self._leave_pipeline()
        alone = self._connection.info.transaction_status == TransactionStatus.IDLE
        with _translate_errors(self._connection), self._connection.cursor("stream", withhold=alone) as cursor:
            cursor.itersize = STREAM_ROWS
            cursor.execute(translate_parameters(sql), _adapt(parameters))
            yield from cursor

    def execute(self, sql: str, **parameters: object) -> None:
        """Run one statement."""
        self.statements += 1
        with _translate_errors(self._connection):
            self._connection.execute(translate_parameters(sql), _adapt(parameters))

    def execute_many(self, sql: str, parameters: Iterable[Parameters]) -> None:
        """Run one statement for each set of parameters, sent together."""
        if not (given := list(parameters)):
            return
        if len(given) == 1:
            self.execute(sql, **given[0])
            return
        self.statements += 1
        with _translate_errors(self._connection), self._connection.cursor() as cursor:
            cursor.executemany(translate_parameters(sql), given)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Add rows to a table: many by COPY, few as they are."""
        if not rows:
            return
        self.statements += 1
        names = ", ".join(columns)
        if len(rows) >= COPY_MIN_ROWS:
            self._leave_pipeline()
        with _translate_errors(self._connection), self._connection.cursor() as cursor:
            if len(rows) < COPY_MIN_ROWS:
                places = ", ".join(["(" + ", ".join(["%s"] * len(columns)) + ")"] * len(rows))
                statement = f"insert into {table} ({names}) values {places}"  # noqa: S608 - our own tables' names
                cursor.execute(statement.encode(), list(chain(*rows)))
                return
            with cursor.copy(f"copy {table} ({names}) from stdin".encode()) as copy:
                for row in rows:
                    copy.write_row(row)

    def set_deadline(self, is_over: Callable[[], bool], seconds: float) -> None:  # noqa: ARG002 - SQLite asks it, a server cannot
        """Have the server end what runs longer than some seconds; before that, a statement runs on."""
        self.execute("select set_config('statement_timeout', :most, true)", most=f"{max(1, round(seconds * 1000))}ms")

    def lock_tables(self, tables: Sequence[str]) -> None:
        """Keep everybody else from using tables, one after the other in the order given."""
        self.execute(f"lock table {', '.join(tables)} in access exclusive mode")


class AutocommitTransaction(PostgresTransaction):
    """Reads each statement in a transaction of its own, until a deadline is set.

    A statement timeout that outlives its transaction would apply to the next user of the connection, too. So with a
    deadline the next statement begins a transaction, in which each statement still sees what was committed before it.
    It begins no earlier, because a reader that reads nothing more need not wait for the server.
    """

    _pending_seconds: float | None = None

    def set_deadline(self, is_over: Callable[[], bool], seconds: float) -> None:
        if self._connection.info.transaction_status == TransactionStatus.IDLE:
            self._pending_seconds = seconds
        else:
            super().set_deadline(is_over, seconds)

    def fetch_all(self, sql: str, **parameters: object) -> list[Row]:
        self._begin_if_pending()
        return super().fetch_all(sql, **parameters)

    def stream(self, sql: str, **parameters: object) -> Iterator[Row]:
        self._begin_if_pending()
        return super().stream(sql, **parameters)

    def _begin_if_pending(self) -> None:
        if self._pending_seconds is not None:
            milliseconds, self._pending_seconds = max(1, round(self._pending_seconds * 1000)), None
            self.begin(f"{_READ_COMMITTED}; set local statement_timeout = {milliseconds}")


class PostgresDatabase(Database):
    """A PostgreSQL database."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._is_open = False
        self._open_lock = threading.Lock()
        self._pool: ConnectionPool[psycopg.Connection[Row]] = ConnectionPool(
            url,
            kwargs={
                "row_factory": dict_row,
                "connect_timeout": CONNECT_TIMEOUT_SECONDS,
                "application_name": "ogpgraph",
                "autocommit": True,
                **_KEEPALIVE,
            },
            min_size=1,
            max_size=POOL_SIZE,
            timeout=POOL_TIMEOUT_SECONDS,
            open=False,
        )

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Open a reading transaction."""
        with self._begin(_READ) as transaction:
            yield transaction

    @contextmanager
    def read_autocommit(self) -> Iterator[Transaction]:
        """Open what reads each statement for itself; raises ConnectionLost where the connection turns out dead."""
        with self._connection() as connection:
            transaction = AutocommitTransaction(connection)
            try:
                yield transaction
            finally:
                transaction.roll_back()

    def query(self, sql: str, **parameters: object) -> list[Row]:
        """Return all rows of one query that needs no transaction around it: one message there and one back."""
        for _spare in range(POOL_SIZE):
            with suppress(ConnectionLost), self._connection() as connection:
                return PostgresTransaction(connection).fetch_all(sql, **parameters)
        with self._connection() as connection:
            return PostgresTransaction(connection).fetch_all(sql, **parameters)

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Transaction]:
        """Open a writing transaction."""
        with self._begin(_WRITE if durable else _WRITE_ASYNC) as transaction, transaction.commit_at_end():
            yield transaction

    @contextmanager
    def append(self) -> Iterator[Transaction]:
        """Open a writing transaction that is the only one to append to the log until it ends."""
        with self._begin(_APPEND) as transaction, transaction.commit_at_end():
            yield transaction

    def watch_changes(self, stop: threading.Event) -> Iterator[bool]:
        """Yield True when something was appended, as the server tells it, and False twice a second otherwise."""
        with psycopg.connect(
            self._url,
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            application_name="ogpgraph listening",
            **_KEEPALIVE,
        ) as connection:
            connection.execute(f"listen {CHANNEL}".encode())
            yield True
            while not stop.is_set():
                heard = any(connection.notifies(timeout=HEARTBEAT_SECONDS, stop_after=1))
                if not heard:
                    connection.execute("select 1")
                yield heard

    def apply_ddl(self, script: str) -> None:
        """Run the statements of a script of definitions, one process at a time."""
        with self.write() as transaction:
            transaction.execute("select pg_advisory_xact_lock(:lock)", lock=MIGRATION_LOCK)
            self.execute_ddl(transaction, script)

    def execute_ddl(self, transaction: Transaction, script: str) -> None:
        """Run the statements of a script of definitions in a transaction."""
        for statement in split_statements(script):
            transaction.execute(translate_ddl(statement))

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    @contextmanager
    def _begin(self, begin: str) -> Iterator[PostgresTransaction]:
        """Yield a new transaction.

        Connections are not asked whether they live before they are used: a dead one shows here, where nothing has been
        done yet, and the next is taken.
        """
        for spare in range(POOL_SIZE, -1, -1):
            with self._connection() as connection:
                transaction = PostgresTransaction(connection)
                try:
                    transaction.begin(begin)
                except ConnectionLost:
                    if not spare:
                        raise
                    continue
                try:
                    yield transaction
                finally:
                    transaction.roll_back()
                return

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[Row]]:
        self._open()
        try:
            with self._pool.connection() as connection:
                yield connection
        except PoolTimeout as error:
            raise LockTimeout(f"no connection to the database within {POOL_TIMEOUT_SECONDS} seconds") from error

    def _open(self) -> None:
        with self._open_lock:
            if not self._is_open:
                self._pool.open()
                self._is_open = True


@lru_cache(maxsize=2_000)
def translate_parameters(sql: str) -> bytes:
    """Return a statement in psycopg's form: `:name` → `%(name)s`, `in :names` → `= any(%(names)s)`."""
    return _PARAMETER.sub(_replace_parameter, sql.replace("%", "%%")).encode()


def _replace_parameter(found: re.Match[str]) -> str:
    among, name = found.groups()
    return f"= any(%({name})s)" if among else f"%({name})s"


def _adapt(parameters: dict[str, object]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in parameters.items()}


def translate_ddl(statement: str) -> str:
    """Return a definition in PostgreSQL's words; texts compare by their bytes, as they do in SQLite."""
    statement = statement.replace(
        "integer primary key autoincrement", "bigint generated always as identity primary key"
    )
    return re.sub(r"\btext\b", 'text collate "C"', re.sub(r"\bblob\b", "bytea", statement))


@contextmanager
def _translate_errors(connection: psycopg.Connection[Row]) -> Iterator[None]:
    try:
        yield
    except psycopg.errors.UniqueViolation as error:
        raise UniqueViolation(str(error)) from error
    except psycopg.errors.UndefinedTable as error:
        raise TablesMissing from error
    except _DATA_REJECTED as error:
        raise DataRejected(str(error)) from error
    except psycopg.errors.QueryCanceled as error:
        raise StatementCancelled("the statement took too long") from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        # In a pipeline the server's last word may be read before it is noticed that it has hung up.
        if connection.closed or error.diag.severity_nonlocalized in ("FATAL", "PANIC"):
            raise ConnectionLost(f"the connection to the database broke: {error}") from error
        raise DatabaseError(str(error)) from error
