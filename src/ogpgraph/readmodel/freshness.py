"""Freshness: how far the read model is, as of a moment after a request arrived, with as little reading as possible.

Every reader confirms the head before it reads, so that each process serves what any other one has acknowledged. No
table is read for that unless something was committed by another process: what this one has stored and projected it
knows. Readers that arrive while a read is under way share the next one: one that began before they arrived might lack
what they must see.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from ogpgraph.readmodel.projection import ProjectionProgress
from ogpgraph.readmodel.projector import ProjectionStep
from ogpgraph.storage.database import Commit, Database
from ogpgraph.storage.shared_read import SharedRead


class HeadReader:
    """Tells the threads of a process how far the read model is.

    It follows the commits of its process, as long as it is told of every one and nobody else's comes in between.
    """

    def __init__(self, database: Database, read_progress: Callable[[], ProjectionProgress]) -> None:
        self._database = database
        self._progress = SharedRead(read_progress)
        self._lock = threading.Lock()
        self._confirmed: ProjectionProgress | None = None
        self._known = database.track_commits()
        """All commits that `_confirmed` includes, and no other one of which anybody was told."""
        self._epoch = 0
        self.reads = 0
        """About how often readers have confirmed the head: threads that do at the same moment may count as one."""

    @property
    def last(self) -> ProjectionProgress:
        """What was confirmed last; there may be more by now."""
        return self._confirmed or ProjectionProgress()

    def recall(self) -> ProjectionProgress | None:
        """Return what was confirmed last, if nothing was committed since; None where that has to be read.

        Raises StorageError.
        """
        return None if self._database.waits_for_version else self.recall_at(self._database.read_version())

    def recall_at(self, version: object) -> ProjectionProgress | None:
        """Return what was confirmed last, if nothing was committed up to a version; None where that has to be read."""
        self.reads += 1
        with self._lock:
            return self._confirmed if self._known.covers(version) else None

    def confirm(self) -> ProjectionProgress:
        """Return how far the read model is at a moment after the call; raises StorageError."""
        # Asked before the progress is read: what is committed in between is then read once more, instead of never.
        version = self._database.read_version()
        return self.recall_at(version) or self._read(version)

    def refresh(self) -> ProjectionProgress:
        """Return what `confirm` does, and read it although nothing seems to have been committed.

        A program that writes without taking our locks may have come between a commit of this process and its version.
        """
        return self._read(self._database.read_version())

    def find_epoch(self) -> int:
        """Return what stays the same until anything else is committed than what this process follows.

        What was read after the call is the same for as long as it is. Raises StorageError.
        """
        version = self._database.read_version()
        if self.recall_at(version) is None:
            self._read(version)
        return self._epoch

    def follow_append(self, commit: Commit | None) -> None:
        """Go on past a commit of events that this process is about to project.

        Nobody was told yet that they are recorded, so readers need not wait for them. If they are not projected, call
        `forget`.
        """
        self._follow(commit, _stay)

    def forget(self) -> None:
        """Have the next reader read how far the read model is."""
        with self._lock:
            self._confirmed = None

    def follow(self, step: ProjectionStep) -> None:
        """Go on to the checkpoint that this process has projected up to."""
        self._follow(step.commit, partial(_advance, step))

    def _read(self, version: object) -> ProjectionProgress:
        progress = self._progress.get()
        with self._lock:
            self._confirmed = progress
            self._known.begin(version)
            self._epoch += 1
        return progress

    def _follow(self, commit: Commit | None, advance: Callable[[ProjectionProgress], ProjectionProgress]) -> None:
        if commit is None:
            return
        with self._lock:
            if self._known.add(commit) and self._confirmed is not None:
                self._confirmed = advance(self._confirmed)


def _stay(progress: ProjectionProgress) -> ProjectionProgress:
    return progress


def _advance(step: ProjectionStep, progress: ProjectionProgress) -> ProjectionProgress:
    """Return how far the read model is after a step, unless it is further or built anew already."""
    reached = step.checkpoint
    if progress.build != reached.build or progress.log_position > reached.log_position:
        return progress
    return progress._replace(
        log_position=reached.log_position,
        position=reached.position,
        head=step.head,
        projection_version=reached.projection_version,
        root=reached.frontier.root() if reached.position else None,
    )
