"""A thread of a serving process that follows the log by itself, however events came there, and tells that it lives."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from ogpgraph.readmodel.follower import Follower, Seen
from ogpgraph.storage.database import Database

GRACE_SECONDS = 0.02
"""Whoever appends follows at once; only where that does not happen somebody else does it for them."""
NAP_SECONDS = 0.004
"""Meanwhile it is looked for this often: those who wait for the entry shall not wait out the grace."""
LOOK_SECONDS = 1.0
PAUSES_SECONDS = (0.1, 0.5, 2.0)
SILENT_SECONDS = 10.0
JOIN_SECONDS = 5.0

log = structlog.stdlib.get_logger(__name__)


class Following:
    """Follows in a thread of its own."""

    def __init__(self, database: Database, follower: Follower, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._follower = follower
        self._monotonic = monotonic
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._beat = monotonic()
        self._looked = float("-inf")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Follow until the end."""
        self._stop.clear()
        self._beat = self._monotonic()
        self._thread = threading.Thread(target=self._run, name="following", daemon=True)
        self._thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._thread.join(JOIN_SECONDS)

    def problem(self) -> str | None:
        """Return what is wrong with the thread, None while it lives and works."""
        if self._thread is None or not self._thread.is_alive():
            return "the thread that follows the log is dead"
        if self._monotonic() - self._beat > SILENT_SECONDS:
            return f"the thread that follows the log has been silent for more than {SILENT_SECONDS:g} seconds"
        return None

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                for changed in self._database.changes(self._stop):
                    self._wake(changed=changed)
                    failures = 0
            except Exception:
                pause = PAUSES_SECONDS[min(failures, len(PAUSES_SECONDS) - 1)]
                failures += 1
                log.exception("following broke off; it begins again", seconds=pause)
                # The thread is well, what it follows is not: asking for the read model will tell.
                self._beat = self._monotonic()
                self._stop.wait(pause)

    def _wake(self, *, changed: bool) -> None:
        self._beat = self._monotonic()
        if not changed and self._beat - self._looked < LOOK_SECONDS:
            return
        self._looked = self._beat
        seen, since = self._look(), self._monotonic()
        while seen.is_behind and not self._stop.wait(NAP_SECONDS):
            later = self._look()
            if later.is_behind and later.log_position == seen.log_position:
                if self._monotonic() - since < GRACE_SECONDS:
                    continue
                self._follower.catch_up(self._progress)
                if self._follower.stop:
                    return
            seen, since = later, self._monotonic()

    def _look(self) -> Seen:
        """Look, but while this process brings the read model up, which tells by itself, do not stand in its way."""
        reached = -1
        while self._follower.is_busy and not self._stop.wait(NAP_SECONDS):
            if reached != (reached := self._follower.wakeups.position):
                self._beat = self._monotonic()
        return self._follower.look()

    def _progress(self, _log_position: int, _head: int) -> None:
        self._beat = self._monotonic()
