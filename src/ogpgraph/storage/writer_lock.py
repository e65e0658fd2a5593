"""The lock by which the writers of a SQLite database take turns."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ogpgraph.storage.database import LockTimeout
from ogpgraph.storage.database_file import open_private_file, translate_os_error
from ogpgraph.storage.waiting import acquire_lock, waiting

if sys.platform != "win32":
    import fcntl

LOCK_POLL_SECONDS = 0.001


class WriterLock:
    """Lets one thread of one process at a time write to a database, by a lock on a file beside it.

    SQLite releases its own lock before the checkpoint that may follow a commit; in versions with the WAL-reset bug,
    another process can corrupt the database then. It also makes waiting writers sleep longer and longer, so that one
    of eight waits for seconds. This lock is held from before a transaction until after its checkpoint. The operating
    system releases it when the process ends, however it ends.
    """

    def __init__(self, path: Path, timeout_seconds: float) -> None:
        self._path = path
        self._timeout = timeout_seconds
        self._thread_lock = threading.Lock()
        self._file: int | None = None

    @contextmanager
    def acquire(self, seconds: float | None = None) -> Iterator[None]:
        """Hold the lock until the end of the context; raises LockTimeout, and StorageFailure without the file."""
        timeout = self._timeout if seconds is None else seconds
        if not acquire_lock(self._thread_lock, timeout):
            raise LockTimeout(f"another thread has been writing for {timeout:g} seconds")
        try:
            file = self._open()
            self._lock(file, timeout)
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
            try:
                self._file = open_private_file(self._path)
            except OSError as error:
                raise translate_os_error(error, self._path) from error
        return self._file

    def _lock(self, file: int, timeout: float) -> None:
        if _try_lock_file(file):
            return
        # Polling: a blocking flock has no timeout.
        deadline = time.monotonic() + timeout
        with waiting():
            while not _try_lock_file(file):
                if time.monotonic() > deadline:
                    raise LockTimeout(f"another process has been writing for {timeout:g} seconds")
                time.sleep(LOCK_POLL_SECONDS)


if sys.platform == "win32":  # it has no flock: SQLite's own locks must do

    def _try_lock_file(_file: int) -> bool:
        return True

    def _unlock_file(_file: int) -> None:
        return

else:

    def _try_lock_file(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock_file(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
