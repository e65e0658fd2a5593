"""Freshness: how far the read model is, as of a moment after a request arrived, with as little reading as possible.

Every reader confirms the head before it reads, so that each process serves what any other one has acknowledged. Where
the engine tells whether anything was committed, nothing is read unless something was, by another process: what this one
has stored and projected it knows. Otherwise readers that arrive while a read is under way share the next one: one that
began before they arrived might lack what they must see.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, NamedTuple, TypeVar

from ogpgraph.readmodel.projection import ProjectionProgress
from ogpgraph.readmodel.projector import ProjectionStep
from ogpgraph.storage.database import Commit, Database
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
    """How far the read model is at the moment at which the database has a version, or later."""

    version: object
    progress: ProjectionProgress


class HeadReader:
    """Tells the threads of a process how far the read model is.

    It follows the commits of its process, as long as it is told of every one and nobody else's comes in between.
    """

    def __init__(self, database: Database, read_progress: Callable[[], ProjectionProgress]) -> None:
        self._database = database
        self._progress = SharedRead(read_progress)
        self._confirmed: _Confirmed | None = None
        self._lock = threading.Lock()
        self._followed: Commit | None = None
        self._epoch = 0

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
        return self._read(version)

    def refresh(self) -> ProjectionProgress:
        """Return what `confirm` does, and read it although nothing seems to have been committed.

        A program that writes without taking our locks may have come between a commit of this process and its version.
        """
        return self._read(self._database.read_version())

    def find_epoch(self) -> int | None:
        """Return what stays the same until anything else is committed than what this process follows; None if unknown.

        What was read after the call is the same for as long as it is. Raises StorageError.
        """
        version = self._database.read_version()
        if version is None:
            return None
        confirmed = self._confirmed
        if confirmed is None or confirmed.version != version:
            self._read(version)
        return self._epoch

    def follow_append(self, commit: Commit | None) -> None:
        """Go on past a commit of events that this process is about to project.

        Nobody was told yet that they are recorded, so readers need not wait for them. If they are not projected, call
        `forget`.
        """
        self._follow(commit, lambda progress: progress)

    def forget(self) -> None:
        """Have the next reader read how far the read model is."""
        with self._lock:
            self._confirmed = None

    def follow(self, step: ProjectionStep) -> None:
        """Go on to the checkpoint that this process has projected up to."""
        reached = step.checkpoint
        self._follow(
            step.commit,
            lambda progress: progress._replace(
                log_position=reached.log_position,
                position=reached.position,
                head=step.head,
                projection_version=reached.projection_version,
                root=reached.frontier.root() if reached.position else None,
                build=reached.build,
            ),
        )

    def _read(self, version: object) -> ProjectionProgress:
        progress = self._progress.get()
        with self._lock:
            self._confirmed = _Confirmed(version, progress)
            self._epoch += 1
        return progress

    def _follow(self, commit: Commit | None, advance: Callable[[ProjectionProgress], ProjectionProgress]) -> None:
        if commit is None:
            return
        with self._lock:
            before, confirmed = self._followed, self._confirmed
            if before is not None and before.number > commit.number:
                return  # another thread was faster with a later one
            self._followed = commit
            is_next = before is not None and commit.follows(before)
            if is_next and before and confirmed and confirmed.version == before.version:
                self._confirmed = _Confirmed(commit.version, advance(confirmed.progress))
