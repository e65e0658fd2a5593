"""Transactions of PostgreSQL. Those that write are pipelined: a round trip takes longer than most statements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from ogpgraph.storage.database import (
    ConnectionLost,
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
)
from ogpgraph.storage.postgres_dialect import translate_parameters
from ogpgraph.storage.postgres_version import SELECT_TRANSACTION, TransactionCommit
from ogpgraph.storage.waiting import waiting

STREAM_ROWS = 2_000
COPY_MIN_ROWS = 20
"""From so many rows on, COPY is faster than one insert with all values."""
# Before the first query fixes the view, so that a rebuild that swaps the tables is waited for and never seen in half.
# Everyone who locks several tables begins with the projector's, so that no two wait for each other.
LOCK_READ_MODEL = "lock table projector, stream, term, entry, version, tag in access share mode"
_READ_COMMITTED = f"begin isolation level read committed, read only; {LOCK_READ_MODEL}"
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
        self.execute("select set_config('statement_timeout', :timeout, true)", timeout=f"{to_milliseconds(seconds)}ms")

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
            self.begin(f"{_READ_COMMITTED}; set local statement_timeout = {to_milliseconds(seconds)}")


def to_milliseconds(seconds: float) -> int:
    """Return a time for a setting of the server."""
    return max(1, round(seconds * 1000))  # 0 would mean no timeout


def _adapt(parameters: dict[str, object]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in parameters.items()}


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
