"""The connections of a SQLite database that only read: a pool of them, and one that tells whether anything changed."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ogpgraph.storage.database import DatabaseError, LockTimeout
from ogpgraph.storage.database_file import DatabaseFile
from ogpgraph.storage.sqlite_connection import connect, translate_errors

MAX_READERS = 16
MAX_IDLE_READERS = 8


class ReaderPool:
    """Lends connections that can only read, each to one reader at a time, and reuses those used last."""

    def __init__(self, file: DatabaseFile, timeout_seconds: float) -> None:
        self.timeout_seconds = timeout_seconds
        self._file = file
        self._path = file.path
        self._slots = threading.BoundedSemaphore(MAX_READERS)
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection.

        Raises LockTimeout where all are in use, StorageFailure where the file cannot be used or was removed, and
        DatabaseError once the pool is closed.
        """
        self._require_open()
        self._file.require_unchanged()
        if not self._slots.acquire(timeout=self.timeout_seconds):
            raise LockTimeout(f"no connection to {self._path} within {self.timeout_seconds:g} seconds: all are in use")
        try:
            connection = self._take()
            try:
                yield connection
            finally:
                self._put_back(connection)
        finally:
            self._slots.release()

    def close(self) -> None:
        """Lend nothing more, wait for the readers within the timeout, and close every connection.

        A connection in use is never closed: that would crash the process. A reader that takes longer closes its own.
        """
        self._closed = True
        deadline = time.monotonic() + self.timeout_seconds
        acquired = 0
        while acquired < MAX_READERS and self._slots.acquire(timeout=max(0.0, deadline - time.monotonic())):
            acquired += 1
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
        if acquired:
            self._slots.release(acquired)

    def _require_open(self) -> None:
        if self._closed:
            raise DatabaseError(f"{self._path} is closed")

    def _take(self) -> sqlite3.Connection:
        self._require_open()  # again: the wait for a slot may have ended because the pool was closed
        with self._lock:
            if self._idle:
                return self._idle.pop()
        connection = connect(self._path)
        connection.execute("PRAGMA query_only = 1")
        self._file.require_unchanged()  # after the first connection has created it, too
        self._file.identify_companions()
        return connection

    def _put_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if not self._closed and len(self._idle) < MAX_IDLE_READERS:
                self._idle.append(connection)
                return
        connection.close()


class ChangeDetector:
    """Tells whether anything was committed, by one open connection that nothing else uses."""

    def __init__(self, file: DatabaseFile) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._cursor: sqlite3.Cursor
        self._number = 0
        self._closed = False

    def read_version(self) -> tuple[int, int]:
        """Return the number of the connection and its version of the data; raises as `ReaderPool.connection` does."""
        self._file.require_unchanged()
        return self.read_version_of_same_file()

    def read_version_of_same_file(self) -> tuple[int, int]:
        """Return what `read_version` does, for who has just found that the file is the same."""
        with self._lock:
            if self._closed:
                raise DatabaseError(f"{self._file.path} is closed")
            if self._connection is None:
                self._connection = connect(self._file.path)
                self._connection.row_factory = None
                self._cursor = self._connection.cursor()
                self._number += 1  # versions of different connections have nothing to do with each other
                self._file.require_unchanged()
                self._file.identify_companions()
            try:
                # Without the context that translates errors, and without rows by name: it is asked for each reader.
                return self._number, self._cursor.execute("PRAGMA data_version").fetchone()[0]
            except (sqlite3.Error, UnicodeDecodeError):
                self._disconnect()
                with translate_errors():
                    raise

    def close(self) -> None:
        """Close the connection; nothing can be asked any more."""
        with self._lock:
            self._closed = True
            self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
