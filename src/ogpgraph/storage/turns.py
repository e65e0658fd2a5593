"""Turns at writing a SQLite database: one thread of one process at a time, by a lock on a file beside it.

SQLite's own lock lets go before the checkpoint that may follow a commit, and in versions with the
WAL-reset bug that is when another process can do harm. It also makes waiting writers sleep longer
and longer, so that one of eight waits for seconds. The lock here is held from before a transaction
begins until after its checkpoint, and ends with the process, however that ends.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ogpgraph.storage.database import Busy

if sys.platform == "win32":  # which has no such locks: SQLite's own must do

    def _seize(_file: int) -> None:
        return

    def _release(_file: int) -> None:
        return

else:
    import fcntl

    def _seize(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _release(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)


PAUSE_SECONDS = 0.001


class Turns:
    """Lets one thread of one process write at a time."""

    def __init__(self, path: Path, patience_seconds: float) -> None:
        self._path = path
        self._patience = patience_seconds
        self._mine = threading.Lock()
        self._file: int | None = None

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for the turn and have it until the end; raises Busy when it does not come in time."""
        deadline = time.monotonic() + self._patience
        if not self._mine.acquire(timeout=self._patience):
            raise Busy(f"no turn to write within {self._patience:g} seconds")
        try:
            file = self._opened()
            self._wait(file, deadline)
            try:
                yield
            finally:
                _release(file)
        finally:
            self._mine.release()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _opened(self) -> int:
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        return self._file

    def _wait(self, file: int, deadline: float) -> None:
        while True:
            try:
                _seize(file)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Busy(f"another process has been writing for {self._patience:g} seconds") from None
                time.sleep(PAUSE_SECONDS)
            else:
                return
