"""PostgreSQL: a pool of connections, and appends that take turns so that no reader misses an event.

Statements are translated by `postgres_dialect` and executed by `postgres_transaction`.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from ogpgraph.storage.database import (
    ConnectionLost,
    Database,
    DatabaseError,
    LockTimeout,
    Row,
    StorageUnavailable,
    Transaction,
    split_statements,
)
from ogpgraph.storage.postgres_dialect import translate_ddl
from ogpgraph.storage.postgres_transaction import (
    LOCK_READ_MODEL,
    AutocommitTransaction,
    PostgresTransaction,
    to_milliseconds,
)
from ogpgraph.storage.postgres_version import Era, KnownTransactions, PostgresVersion, PostgresVersionChannel
from ogpgraph.storage.shared_read import SharedRead
from ogpgraph.storage.waiting import waiting

POOL_SIZE = 10
"""More than there are expensive operations that have begun, each of which may hold a connection."""
CONNECT_TIMEOUT_SECONDS = 2
POOL_TIMEOUT_SECONDS = 10
HEARTBEAT_SECONDS = 0.5
STOP_SECONDS = 0.05
"""How soon who waits for a notification notices that the process stops."""
MIGRATION_LOCK = 0x6F67706772617068
"""The key of the advisory lock, "ogpgraph" in ASCII."""
CHANNEL = "ogpgraph_event"
_OF_SERVER = "connection failed: connection to server"
"""Begins the messages about a server that was found, which quote its address and what it answers."""
_QUOTED = re.compile(r"""(["']).*\1""")
_READ = f"begin isolation level repeatable read, read only; {LOCK_READ_MODEL}"
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
        timeout = "" if lock_seconds is None else f"; set local lock_timeout = {to_milliseconds(lock_seconds)}"
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
                is_notified = _wait_for_notification(connection, stop)
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
            if (reason := self._find_refusal()) is not None:
                raise StorageUnavailable(f"{message}: {reason}") from error
            raise LockTimeout(message) from error

    def _connect(self, application_name: str) -> psycopg.Connection[Any]:
        """Return a connection of its own; raises psycopg.Error."""
        return psycopg.connect(self._url, application_name=application_name, **_CONNECTION)

    def _find_refusal(self) -> str | None:
        """Return why the server takes no connection; None where it does, so that all of the pool's are in use."""
        try:
            psycopg.connect(self._url, connect_timeout=CONNECT_TIMEOUT_SECONDS).close()
        except psycopg.Error as error:
            reason = str(error).partition("\n")[0]
            # Where a password has characters that are not escaped, what is quoted of the URL may be a part of it.
            return reason if reason.startswith(_OF_SERVER) else _QUOTED.sub("…", reason)
        return None

    def _open(self) -> None:
        with self._open_lock:
            if not self._is_open:
                self._pool.open()
                self._is_open = True


def _wait_for_notification(connection: psycopg.Connection[Any], stop: threading.Event) -> bool:
    """Return whether the server notified within a heartbeat; at once where `stop` is set."""
    deadline = time.monotonic() + HEARTBEAT_SECONDS
    while not stop.is_set() and time.monotonic() < deadline:
        if any(connection.notifies(timeout=STOP_SECONDS, stop_after=1)):
            return True
    return False
