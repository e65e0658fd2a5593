"""The file that remembers the last acknowledged position of a log, outside of its database.

A database that is replaced by an older backup of itself cannot know that. The file can: it holds the log's id and the
newest position that was acknowledged, with the root there. Replacing it takes about as long as a commit, because it is
synced, so it is done at most once in INTERVAL_SECONDS: at once where the last time is longer ago, otherwise by a
thread. So it is behind by that time at most, and exact after a clean stop. Where it is behind, it proves less, and
never anything wrong.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import structlog

from ogpgraph.storage.clock_guard import ClockReading
from ogpgraph.storage.database_file import open_private_file
from ogpgraph.storage.waiting import waiting

if sys.platform != "win32":
    import fcntl

INTERVAL_SECONDS = 0.5

log = structlog.stdlib.get_logger(__name__)


class RememberedHead(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The newest position of a log that was acknowledged, the root there, in hex, and what was known of the clock."""

    log_id: str
    position: int
    root: str
    clock: ClockReading | None = None


class HeadUnreadable(Exception):
    """There is a file, and what it remembers cannot be read."""


class HeadFile:
    """One such file. A failure to write it is logged and hinders nothing."""

    def __init__(self, path: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._storing = threading.Lock()
        self._written_at = float("-inf")
        self._pending: RememberedHead | None = None
        self._timer: threading.Timer | None = None
        self._failed = False

    def read(self) -> RememberedHead | None:
        """Return what is remembered, None where there is no file; raises HeadUnreadable."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=RememberedHead)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise HeadUnreadable(f"{self.path} cannot be read: {error.strerror}") from error
        except msgspec.MsgspecError as error:
            raise HeadUnreadable(f"{self.path} does not hold a remembered position: {error}") from error

    def remember(self, head: RememberedHead) -> None:
        """Remember a position within INTERVAL_SECONDS, unless a later one of the same log is remembered."""
        with self._lock:
            is_due = self._timer is None and self._monotonic() - self._written_at >= INTERVAL_SECONDS
            if is_due:
                self._written_at = self._monotonic()
            else:
                self._pending = head
                self._start_timer()
        if is_due:
            self._store(head, only_forward=True)

    def replace(self, head: RememberedHead) -> None:
        """Remember a position in place of whatever is remembered."""
        with self._lock:
            self._pending = None
        self._store(head, only_forward=False)

    def close(self) -> None:
        """Write what is to be remembered."""
        if self._timer is not None:
            self._timer.cancel()
        self._flush()

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(INTERVAL_SECONDS, self._flush)
            self._timer.daemon = True
            self._timer.start()

    def _flush(self) -> None:
        with self._lock:
            self._timer = None
            pending, self._pending = self._pending, None
            self._written_at = self._monotonic()  # from its begin on, no writer is to do the same
        if pending is not None:
            self._store(pending, only_forward=True)

    def _store(self, head: RememberedHead, *, only_forward: bool) -> None:
        # Without `_lock`: a writer that has something else to remember does not wait for the disk.
        try:
            with (
                waiting(),
                _lock_folder(self.path.parent),
            ):  # others remember in the same file, by threads and processes
                known = self.read() if only_forward else None
                if known is None or known.log_id != head.log_id or known.position <= head.position:
                    self._write(msgspec.json.encode(head) + b"\n")
            self._failed = False
        except (OSError, HeadUnreadable):
            if not self._failed:
                log.warning("the last acknowledged position cannot be remembered", file=str(self.path), exc_info=True)
            self._failed = True
        self._written_at = self._monotonic()

    def _write(self, content: bytes) -> None:
        temporary = self.path.with_name(f"{self.path.name}-{os.getpid()}")
        file = open_private_file(temporary)
        try:
            os.truncate(file, 0)  # a process of the same number may have been killed here
            os.write(file, content)
            os.fsync(file)  # or a power failure might leave an empty file
        finally:
            os.close(file)
        temporary.replace(self.path)


@contextmanager
def _lock_folder(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder until the end of the context; the file itself is replaced at each write."""
    if sys.platform == "win32":
        yield
        return
    file = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)
