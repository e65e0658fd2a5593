"""Freshness: how far the read model is, as of a moment after a request arrived, with as little reading as possible.

Every reader confirms the head before it reads, so that each process serves what any other one has acknowledged. Where
the engine tells whether anything was committed, nothing is read unless something was. Otherwise readers that arrive
while a read is under way share the next one: one that began before they arrived might lack what they must see.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, NamedTuple, TypeVar

from ogpgraph.readmodel.projection import ProjectionProgress
from ogpgraph.storage.database import Database
from ogpgraph.storage.waiting import waiting

T = TypeVar("T")


class SharedRead(Generic[T]):
    """Reads a value for many threads: each gets one whose reading began after it asked; those that wait share it."""

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._next: Future[T] | None = None

    def get(self) -> T:
        """Return a value that was read after the call; raises what reading it raised."""
        with self._lock:
            if is_first := self._next is None:
                self._next = Future()
            future = self._next
        with waiting():
            if is_first:
                self._run(future)
            return future.result()

    def _run(self, future: Future[T]) -> None:
        with self._reading:
            # Whoever asks from now on gets the value of another read.
            with self._lock:
                self._next = None
            try:
                future.set_result(self._read())
            except BaseException as error:
                future.set_exception(error)


class _Confirmed(NamedTuple):
    version: object
    progress: ProjectionProgress


class HeadReader:
    """Tells the threads of a process how far the read model is."""

    def __init__(self, database: Database, read_progress: Callable[[], ProjectionProgress]) -> None:
        self._database = database
        self._progress = SharedRead(read_progress)
        self._confirmed: _Confirmed | None = None

    @property
    def last(self) -> ProjectionProgress:
        """What was confirmed last; there may be more by now."""
        return self._confirmed.progress if self._confirmed else ProjectionProgress()

    def recall(self) -> ProjectionProgress | None:
        """Return what was confirmed last, if nothing was committed since; None where that has to be read.

        Raises StorageError.
        """
        confirmed, version = self._confirmed, self._database.read_version()
        return confirmed.progress if confirmed and version is not None and confirmed.version == version else None

    def confirm(self) -> ProjectionProgress:
        """Return how far the read model is at a moment after the call; raises StorageError."""
        # Asked before the progress is read: what is committed in between is then read once more, instead of never.
        version = self._database.read_version()
        confirmed = self._confirmed
        if confirmed is not None and version is not None and confirmed.version == version:
            return confirmed.progress
        progress = self._progress.get()
        self._confirmed = _Confirmed(version, progress)
        return progress
