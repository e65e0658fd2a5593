"""The thread of a serving process that projects what other processes append."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import structlog

from ogpgraph.readmodel.background_thread import run_thread
from ogpgraph.readmodel.projection import ProjectionProgress, ProjectionRunner
from ogpgraph.storage.database import Database, StorageFailure

GRACE_SECONDS = 0.02
"""A writer projects its own events at once. The poller does it instead only where that has not happened by then."""
GRACE_POLL_SECONDS = 0.004
"""How often the poller looks during the grace period: subscribers are not to wait until its end."""
REFRESH_SECONDS = 1.0
"""How often the poller reads the tables even if no change was signalled."""
RETRY_DELAYS_SECONDS = (0.1, 0.5, 2.0)
HEARTBEAT_TIMEOUT_SECONDS = 10.0

log = structlog.stdlib.get_logger(__name__)


class Heads(Protocol):
    """Tells how far the read model is."""

    def confirm(self) -> ProjectionProgress:
        """Return how far it is at a moment after the call, without reading it where that is not needed."""

    def refresh(self) -> ProjectionProgress:
        """Return how far it is at a moment after the call, as the tables say."""


class ProjectionPoller:
    """A thread of a serving process that projects what other processes append, and reports its health."""

    def __init__(
        self,
        database: Database,
        projection: ProjectionRunner,
        heads: Heads,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._projection = projection
        self._heads = heads
        self._monotonic = monotonic
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._heartbeat_at = monotonic()
        self._refreshed_at = float("-inf")

    @contextmanager
    def run(self) -> Iterator[None]:
        """Run the thread until the end of the context."""
        self._heartbeat_at = self._monotonic()
        with run_thread(self._run, "projection", self._stop) as self._thread:
            yield

    def find_problem(self) -> str | None:
        """Return the problem with the thread, None while it is alive and active."""
        if self._thread is None or not self._thread.is_alive():
            return "the projection thread is dead"
        if self._monotonic() - self._heartbeat_at > HEARTBEAT_TIMEOUT_SECONDS:
            return f"the projection thread has been silent for more than {HEARTBEAT_TIMEOUT_SECONDS:g} seconds"
        return None

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                for changed in self._database.watch_changes(self._stop):
                    self._catch_up(changed=changed)
                    failures = 0
            except Exception as error:
                delay = RETRY_DELAYS_SECONDS[min(failures, len(RETRY_DELAYS_SECONDS) - 1)]
                failures += 1
                trace = not isinstance(error, StorageFailure)
                log.exception(
                    "watching the log failed, starting again", seconds=delay, reason=str(error), exc_info=trace
                )
                # The thread is healthy, the database is not: requests report that.
                self._heartbeat_at = self._monotonic()
                self._stop.wait(delay)

    def _catch_up(self, *, changed: bool) -> None:
        self._heartbeat_at = self._monotonic()
        if not changed and self._heartbeat_at - self._refreshed_at < REFRESH_SECONDS:
            return
        before, since = self._refresh(), self._monotonic()
        while before.is_behind and not self._stop.wait(GRACE_POLL_SECONDS):
            after = self._refresh()
            if after.is_behind and after.log_position == before.log_position:
                if self._monotonic() - since < GRACE_SECONDS:
                    continue
                self._projection.catch_up(self._record_progress)
                if self._projection.failure:
                    return
            before, since = after, self._monotonic()

    def _refresh(self) -> ProjectionProgress:
        """Return how far the read model is, and notify of it.

        While this process catches up, it waits for that instead of competing with it.
        """
        position = -1
        while self._projection.is_running and not self._stop.wait(GRACE_POLL_SECONDS):
            if position != (position := self._projection.notifier.position):
                self._heartbeat_at = self._monotonic()
        is_due = self._heartbeat_at - self._refreshed_at >= REFRESH_SECONDS
        progress = self._heads.refresh() if is_due else self._heads.confirm()
        if is_due:
            self._refreshed_at = self._monotonic()
        self._projection.notifier.notify(progress.position)
        return progress

    def _record_progress(self, _log_position: int, _head: int) -> None:
        self._heartbeat_at = self._monotonic()
