"""A thread of a serving process that follows the log by itself, however events came there, and tells that it lives."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from ogpgraph.readmodel.projection import ProjectionProgress, ProjectionRunner
from ogpgraph.storage.database import Database

GRACE_SECONDS = 0.02
"""Whoever appends follows at once; only where that does not happen somebody else does it for them."""
GRACE_POLL_SECONDS = 0.004
"""Meanwhile it is looked for this often: those who wait for the entry shall not wait out the grace."""
REFRESH_SECONDS = 1.0
RETRY_DELAYS_SECONDS = (0.1, 0.5, 2.0)
HEARTBEAT_TIMEOUT_SECONDS = 10.0
JOIN_TIMEOUT_SECONDS = 5.0

log = structlog.stdlib.get_logger(__name__)


class ProjectionPoller:
    """Follows in a thread of its own."""

    def __init__(
        self, database: Database, projection: ProjectionRunner, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._projection = projection
        self._monotonic = monotonic
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._heartbeat_at = monotonic()
        self._refreshed_at = float("-inf")

    @contextmanager
    def run(self) -> Iterator[None]:
        """Follow until the end."""
        self._stop.clear()
        self._heartbeat_at = self._monotonic()
        self._thread = threading.Thread(target=self._run, name="following", daemon=True)
        self._thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._thread.join(JOIN_TIMEOUT_SECONDS)

    def find_problem(self) -> str | None:
        """Return what is wrong with the thread, None while it lives and works."""
        if self._thread is None or not self._thread.is_alive():
            return "the thread that follows the log is dead"
        if self._monotonic() - self._heartbeat_at > HEARTBEAT_TIMEOUT_SECONDS:
            return (
                f"the thread that follows the log has been silent for more than {HEARTBEAT_TIMEOUT_SECONDS:g} seconds"
            )
        return None

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                for changed in self._database.watch_changes(self._stop):
                    self._catch_up(changed=changed)
                    failures = 0
            except Exception:
                pause = RETRY_DELAYS_SECONDS[min(failures, len(RETRY_DELAYS_SECONDS) - 1)]
                failures += 1
                log.exception("following broke off; it begins again", seconds=pause)
                # The thread is well, what it follows is not: asking for the read model will tell.
                self._heartbeat_at = self._monotonic()
                self._stop.wait(pause)

    def _catch_up(self, *, changed: bool) -> None:
        self._heartbeat_at = self._monotonic()
        if not changed and self._heartbeat_at - self._refreshed_at < REFRESH_SECONDS:
            return
        self._refreshed_at = self._heartbeat_at
        before, since = self._refresh(), self._monotonic()
        while before.is_behind and not self._stop.wait(GRACE_POLL_SECONDS):
            later = self._refresh()
            if later.is_behind and later.log_position == before.log_position:
                if self._monotonic() - since < GRACE_SECONDS:
                    continue
                self._projection.catch_up(self._progress)
                if self._projection.failure:
                    return
            before, since = later, self._monotonic()

    def _refresh(self) -> ProjectionProgress:
        """Look, but while this process brings the read model up, which tells by itself, do not stand in its way."""
        reached = -1
        while self._projection.is_running and not self._stop.wait(GRACE_POLL_SECONDS):
            if reached != (reached := self._projection.notifier.position):
                self._heartbeat_at = self._monotonic()
        return self._projection.refresh()

    def _progress(self, _log_position: int, _head: int) -> None:
        self._heartbeat_at = self._monotonic()
