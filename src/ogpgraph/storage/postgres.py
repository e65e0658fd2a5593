"""PostgreSQL: translates the statements, and makes appends take turns so that no reader misses an event.

Writing transactions use the pipeline mode of the protocol: a round trip takes longer than most statements.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
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
    StorageDamaged,
    StorageFull,
    StorageReadOnly,
    StorageUnavailable,
    TablesMissing,
    Transaction,
    UniqueViolation,
    split_statements,
)
from ogpgraph.storage.postgres_version import (
    SELECT_TRANSACTION,
    Era,
    KnownTransactions,
    PostgresVersion,
    PostgresVersionChannel,
    TransactionCommit,
)
from ogpgraph.storage.shared_read import SharedRead
from ogpgraph.storage.waiting import waiting

POOL_SIZE = 10
"""More than there are expensive operations that have begun, each of which may hold a connection."""
CONNECT_TIMEOUT_SECONDS = 2
POOL_TIMEOUT_SECONDS = 10
HEARTBEAT_SECONDS = 0.5
STREAM_ROWS = 2_000
COPY_MIN_ROWS = 20
"""From so many rows on, COPY is faster than one insert with all values."""
MIGRATION_LOCK = 0x6F67706772617068
"""The key of the advisory lock, "ogpgraph" in ASCII."""
CHANNEL = "ogpgraph_event"
_ERRORS: dict[type[psycopg.Error], type[DatabaseError]] = {
    psycopg.errors.UniqueViolation: UniqueViolation,
    psycopg.DataError: DataRejected,
    psycopg.IntegrityError: DataRejected,
    psycopg.errors.UndefinedColumn: DataRejected,
    psycopg.errors.QueryCanceled: StatementCancelled,
    psycopg.errors.LockNotAvailable: LockTimeout,
    psycopg.errors.DeadlockDetected: LockTimeout,
    psycopg.errors.ReadOnlySqlTransaction: StorageReadOnly,
    psycopg.errors.DiskFull: StorageFull,
    psycopg.errors.DataCorrupted: StorageDamaged,
    psycopg.errors.IndexCorrupted: StorageDamaged,
}
"""The errors of the server and what each means; the first that fits, as one may be another's subclass."""
_ROLLED_BACK = "the transaction was rolled back: a statement before had failed"
_PARAMETER = re.compile(r"(\bin )?(?<![:\w]):([a-z_][a-z_0-9]*)")
_CONCATENATION = re.compile(r"group_concat\(([^)]*)\)")
# Before the first query fixes the view, so that a rebuild that swaps the tables is waited for and never seen in half.
# Everyone who locks several tables begins with the projector's, so that no two wait for each other.
_LOCK_READ_MODEL = "lock table projector, stream, term, entry, version, tag in access share mode"
_READ = f"begin isolation level repeatable read, read only; {_LOCK_READ_MODEL}"
_READ_COMMITTED = f"begin isolation level read committed, read only; {_LOCK_READ_MODEL}"
_READ_LOG = "begin isolation level repeatable read, read only"
_WRITE = "begin"
_WRITE_ASYNC = "begin; set local synchronous_commit = off"
# Without the lock, a later position could be committed before an earlier one, which a reader would then miss for ever.
_APPEND = f"begin; set local lock_timeout = '30s'; lock table event in exclusive mode; notify {CHANNEL}"
# A peer that vanished without closing the connection is noticed within seconds; the kernel's default is two hours.
_CONNECTION: dict[str, Any] = {
    "autocommit": True,
    "connect_timeout": CONNECT_TIMEOUT_SECONDS,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


class PostgresTransaction(Transaction):
    """A transaction on one connection."""

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self._connection = connection
        self._pipeline = ExitStack()

    @property
    def database_name(self) -> str:
        return self._connection.info.dbname

    def begin(self, statements: str) -> None:
        """Begin with some statements; raises ConnectionLost where the connection is dead."""
        with waiting(), _translate_errors(self._connection):
            self._connection.execute(statements.encode())

    @contextmanager
    def commit_at_end(self) -> Iterator[None]:
        """Pipeline the statements of the context and commit at its end; raises the error of any of them."""
        with _translate_errors(self._connection):
            self._pipeline.enter_context(self._connection.pipeline())
            try:
                yield
                number, done = self._execute_commit()
            except BaseException:
                with suppress(psycopg.Error):  # the statements after the failure report only that they were skipped
                    self._pipeline.close()
                raise
            self._pipeline.close()
        if done.statusmessage != "COMMIT":  # after a failed statement, the server answers a commit with ROLLBACK
            raise DatabaseError(_ROLLED_BACK)
        if written := number.fetchone():
            self.commit = TransactionCommit.of(written)

    def _execute_commit(self) -> tuple[psycopg.Cursor[Row], psycopg.Cursor[Row]]:
        """Ask for the number of the transaction and commit; returns the outcomes."""
        try:
            return self._connection.execute(SELECT_TRANSACTION), self._connection.execute(b"commit")
        except psycopg.errors.InFailedSqlTransaction as error:  # which is known at once outside a pipeline
            raise DatabaseError(_ROLLED_BACK) from error

    def roll_back(self) -> None:
        """Roll back what was not committed, and make the connection reusable."""
        try:
            if not self._connection.closed:
                self._connection.rollback()
        except psycopg.Error:  # cancelled in the middle of a statement: it cannot be used again
            self._connection.close()

    def fetch_all(self, sql: str, **parameters: object) -> list[Row]:
        self.statements += 1
        with waiting(), _translate_errors(self._connection):
            return self._connection.execute(translate_parameters(sql), _adapt(parameters)).fetchall()

    def stream(self, sql: str, **parameters: object) -> Iterator[Row]:
        self.statements += 1
        self._leave_pipeline()
        # A server-side cursor lives in a transaction; outside of one it has to be declared WITH HOLD.
        is_autocommit = self._is_autocommit()
        with _translate_errors(self._connection), self._connection.cursor("stream", withhold=is_autocommit) as cursor:
            cursor.itersize = STREAM_ROWS
            with waiting():
                cursor.execute(translate_parameters(sql), _adapt(parameters))
            yield from cursor

    def execute(self, sql: str, **parameters: object) -> None:
        self.statements += 1
        with _translate_errors(self._connection):
            self._connection.execute(translate_parameters(sql), _adapt(parameters))

    def execute_many(self, sql: str, parameters: Iterable[Parameters]) -> None:
        if not (all_parameters := list(parameters)):
            return
        if len(all_parameters) == 1:
            self.execute(sql, **all_parameters[0])
            return
        self.statements += 1
        with _translate_errors(self._connection), self._connection.cursor() as cursor:
            cursor.executemany(translate_parameters(sql), all_parameters)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Insert many rows by COPY, and few by one insert."""
        if not rows:
            return
        self.statements += 1
        names = ", ".join(columns)
        if len(rows) >= COPY_MIN_ROWS:
            self._leave_pipeline()
        with _translate_errors(self._connection), self._connection.cursor() as cursor:
            if len(rows) < COPY_MIN_ROWS:
                places = ", ".join(["(" + ", ".join(["%s"] * len(columns)) + ")"] * len(rows))
                statement = f"insert into {table} ({names}) overriding system value values {places}"  # noqa: S608 - our own tables' names
                cursor.execute(statement.encode(), list(chain(*rows)))
                return
            with cursor.copy(f"copy {table} ({names}) from stdin".encode()) as copy:
                for row in rows:
                    copy.write_row(row)

    def set_deadline(self, is_over: Callable[[], bool], seconds: float) -> None:  # noqa: ARG002 - a server cannot call it
        """Have the server cancel each statement after `seconds`: `is_over` cannot end one earlier."""
        self.execute("select set_config('statement_timeout', :timeout, true)", timeout=f"{_milliseconds(seconds)}ms")

    def continue_numbering(self, table: str, column: str) -> None:
        self.execute(
            f"select setval(pg_get_serial_sequence('{table}', '{column}'), max({column})) from {table} "  # noqa: S608
            "having count(*) > 0"
        )

    def lock_tables(self, tables: Sequence[str]) -> None:
        self.execute(f"lock table {', '.join(tables)} in access exclusive mode")

    def _is_autocommit(self) -> bool:
        return bool(self._connection.info.transaction_status == TransactionStatus.IDLE)

    def _leave_pipeline(self) -> None:
        """Leave the pipeline mode, which supports neither COPY nor server-side cursors."""
        with _translate_errors(self._connection):
            self._pipeline.close()


class AutocommitTransaction(PostgresTransaction):
    """Reads each statement in a transaction of its own, until a deadline is set.

    A statement timeout that outlives its transaction would apply to the next user of the connection, too. So with a
    deadline the next statement begins a transaction, in which each statement still sees what was committed before it.
    It begins no earlier, because a reader that reads nothing more need not wait for the server.
    """

    _pending_seconds: float | None = None

    def set_deadline(self, is_over: Callable[[], bool], seconds: float) -> None:
        if self._is_autocommit():
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
            seconds, self._pending_seconds = self._pending_seconds, None
            self.begin(f"{_READ_COMMITTED}; set local statement_timeout = {_milliseconds(seconds)}")


class PostgresDatabase(Database):
    """A PostgreSQL database."""

    waits_for_version = True

    def __init__(self, url: str) -> None:
        self._url = url
        self._is_open = self._is_closed = False
        self._open_lock = threading.Lock()
        self._era = Era()
        self._channels = list[PostgresVersionChannel]()
        self._version_channel: PostgresVersionChannel | None = None
        self._versions = SharedRead(self._read_version)
        self._pool: ConnectionPool[psycopg.Connection[Row]] = ConnectionPool(
            url,
            kwargs={"row_factory": dict_row, "application_name": "ogpgraph", **_CONNECTION},
            min_size=1,
            max_size=POOL_SIZE,
            timeout=POOL_TIMEOUT_SECONDS,
            open=False,
        )

    @property
    def name(self) -> str:
        return str(psycopg.conninfo.conninfo_to_dict(self._url).get("dbname", ""))

    @property
    def url(self) -> str:
        return self._url

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        with self._begin(_READ) as transaction:
            yield transaction

    @contextmanager
    def read_log(self) -> Iterator[Transaction]:
        with self._begin(_READ_LOG) as transaction:
            yield transaction

    @contextmanager
    def read_autocommit(self) -> Iterator[Transaction]:
        """Open read-only access without a transaction; raises ConnectionLost where the connection is dead."""
        with self._connection() as connection:
            transaction = AutocommitTransaction(connection)
            try:
                yield transaction
            finally:
                transaction.roll_back()

    def query(self, sql: str, **parameters: object) -> list[Row]:
        """Return all rows of a single query, outside a transaction: it takes one round trip."""
        for _ in range(POOL_SIZE):  # as in `_begin`: every pooled connection may be dead
            with suppress(ConnectionLost), self._connection() as connection:
                return PostgresTransaction(connection).fetch_all(sql, **parameters)
        with self._connection() as connection:
            return PostgresTransaction(connection).fetch_all(sql, **parameters)

    def read_version(self) -> PostgresVersion:
        return self._versions.get()

    def track_commits(self) -> KnownTransactions:
        return KnownTransactions()

    def open_version_channel(self) -> PostgresVersionChannel:
        with self._open_lock:
            if self._is_closed:
                raise DatabaseError(f"{self.name} is closed")
            channel = PostgresVersionChannel(self._connect, self._era)
            self._channels = [each for each in self._channels if not each.is_closed] + [channel]
        return channel

    def _read_version(self) -> PostgresVersion:
        """Return the version by a channel that is kept open; one thread at a time calls it."""
        if self._version_channel is not None:
            with suppress(ConnectionLost):  # which nobody has noticed before
                return self._version_channel.read()
            self._version_channel.close()
        self._version_channel = self.open_version_channel()
        return self._version_channel.read()

    def read_clock(self) -> datetime | None:
        found: datetime = self.query("select clock_timestamp() as now")[0]["now"]
        return found

    @contextmanager
    def write(self, *, durable: bool = True, lock_seconds: float | None = None) -> Iterator[Transaction]:
        timeout = "" if lock_seconds is None else f"; set local lock_timeout = {_milliseconds(lock_seconds)}"
        begin = (_WRITE if durable else _WRITE_ASYNC) + timeout
        with self._begin(begin) as transaction, transaction.commit_at_end():
            yield transaction

    @contextmanager
    def append(self) -> Iterator[Transaction]:
        # As a whole: who waits for its turn to compute must not hold the lock meanwhile.
        with waiting(), self._begin(_APPEND) as transaction, transaction.commit_at_end():
            yield transaction

    def watch_changes(self, stop: threading.Event) -> Iterator[bool]:
        """Yield True when the server notifies of an append, and False after each half second without one."""
        with self._connect("ogpgraph listening") as connection:
            connection.execute(f"listen {CHANNEL}".encode())
            yield True
            while not stop.is_set():
                is_notified = any(connection.notifies(timeout=HEARTBEAT_SECONDS, stop_after=1))
                if not is_notified:
                    connection.execute("select 1")  # raises where the connection is dead
                yield is_notified

    def apply_ddl(self, script: str) -> None:
        # `create … if not exists` fails where two processes run it at the same time.
        with self.write() as transaction:
            transaction.execute("select pg_advisory_xact_lock(:lock)", lock=MIGRATION_LOCK)
            self.execute_ddl(transaction, script)

    def execute_ddl(self, transaction: Transaction, script: str) -> None:
        for statement in split_statements(script):
            transaction.execute(translate_ddl(statement))

    def close(self) -> None:
        self._is_closed = True
        self._pool.close()
        with self._open_lock:
            for channel in self._channels:
                channel.close()

    @contextmanager
    def _begin(self, begin: str) -> Iterator[PostgresTransaction]:
        """Yield a new transaction.

        A connection is not tested before it is used: a dead one is noticed here, where nothing has been done yet, and
        the next one is tried. The pool may be full of dead ones, so there is one attempt more than it has connections.
        """
        for attempts_left in range(POOL_SIZE, -1, -1):
            with self._connection() as connection:
                transaction = PostgresTransaction(connection)
                try:
                    transaction.begin(begin)
                except ConnectionLost:
                    if not attempts_left:
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
            with ExitStack() as stack:
                with waiting():
                    connection = stack.enter_context(self._pool.connection())
                yield connection
        except PoolTimeout as error:
            message = f"no connection to the database within {POOL_TIMEOUT_SECONDS} seconds"
            raise (LockTimeout if self._answers() else StorageUnavailable)(message) from error

    def _connect(self, application_name: str) -> psycopg.Connection[Any]:
        """Return a connection of its own; raises psycopg.Error."""
        return psycopg.connect(self._url, application_name=application_name, **_CONNECTION)

    def _answers(self) -> bool:
        """Return whether the server takes a connection: if so, all of the pool's are in use."""
        try:
            psycopg.connect(self._url, connect_timeout=CONNECT_TIMEOUT_SECONDS).close()
        except psycopg.Error:
            return False
        return True

    def _open(self) -> None:
        with self._open_lock:
            if not self._is_open:
                self._pool.open()
                self._is_open = True


@lru_cache(maxsize=2_000)
def translate_parameters(sql: str) -> bytes:
    """Return a statement in psycopg's form: `:name` → `%(name)s`, `in :names` → `= any(%(names)s)`.

    `group_concat(column)` becomes the same aggregate in PostgreSQL's dialect.
    """
    sql = _CONCATENATION.sub(r"string_agg(\1::text, ',')", sql.replace("%", "%%"))
    return _PARAMETER.sub(_replace_parameter, sql).encode()


def _replace_parameter(found: re.Match[str]) -> str:
    is_list, name = found.groups()
    return f"= any(%({name})s)" if is_list else f"%({name})s"


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))  # 0 would mean no timeout


def _adapt(parameters: dict[str, object]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in parameters.items()}


def translate_ddl(statement: str) -> str:
    """Return a definition in PostgreSQL's dialect; texts are compared by their bytes, as they are in SQLite."""
    statement = statement.replace(
        "integer primary key autoincrement", "bigint generated always as identity primary key"
    )
    statement = statement.removesuffix("without rowid")
    return re.sub(r"\btext\b", 'text collate "C"', re.sub(r"\bblob\b", "bytea", statement))


@contextmanager
def _translate_errors(connection: psycopg.Connection[Row]) -> Iterator[None]:
    try:
        yield
    except tuple(_ERRORS) as error:
        raise next(each for kind, each in _ERRORS.items() if isinstance(error, kind))(str(error)) from error
    except psycopg.errors.UndefinedTable as error:
        raise TablesMissing from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        # In a pipeline, the server's last message may be read before the connection is seen to be closed.
        if connection.closed or error.diag.severity_nonlocalized in ("FATAL", "PANIC"):
            raise ConnectionLost(f"the connection to the database broke: {error}") from error
        raise StorageUnavailable(str(error)) from error
