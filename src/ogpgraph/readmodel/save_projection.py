"""The projection of what this process saves: in the transaction of the saves, where that is possible.

One commit then records the events and shows them. Where the rows are not as of the head before the saves, where another
thread leads them on, or where the saves are too long for one transaction, they are projected once they are stored, as
those of other processes are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from ogpgraph.readmodel.freshness import HeadReader
from ogpgraph.readmodel.projection import ProjectionRunner
from ogpgraph.readmodel.projector import ProjectionStep
from ogpgraph.storage.append import StoredSaves
from ogpgraph.storage.database import DatabaseError, Transaction

log = structlog.stdlib.get_logger(__name__)


class SaveProjection:
    """The projection of the saves of one transaction."""

    def __init__(self, projection: ProjectionRunner, heads: HeadReader) -> None:
        self._projection = projection
        self._heads = heads
        self._is_held = False
        self._step: ProjectionStep | None = None
        self._pending: StoredSaves | None = None

    @classmethod
    @contextmanager
    def begin(cls, projection: ProjectionRunner, heads: HeadReader) -> Iterator[SaveProjection]:
        """Begin before saves are stored; at the end of the context, what is not projected yet is.

        A failure to do so is only logged: the events are stored, so their commands have succeeded.
        """
        begun = cls(projection, heads)
        try:
            yield begun
        finally:
            if begun._is_held:
                projection.release()
        begun._catch_up()

    def project(self, transaction: Transaction, stored: StoredSaves) -> None:
        """Project saves in the transaction that stores them, if that is possible.

        Raises what keeps the rows from being written: then the whole transaction has to be rolled back.
        """
        # Whoever holds the projection may wait for this transaction to end.
        self._is_held = self._projection.try_hold()
        if self._is_held:
            self._step = self._projection.project(transaction, stored)

    def follow(self, stored: StoredSaves) -> None:
        """Let readers see what was projected with the saves, which are committed now."""
        if self._step is not None:
            self._projection.record(self._step._replace(commit=stored.commit))
        else:
            self._heads.follow_append(stored.commit)
            self._pending = stored

    def _catch_up(self) -> None:
        if self._pending is None:
            return
        position = self._pending.head.position
        try:
            self._projection.catch_up(to=position)
        except DatabaseError:  # the next reader or the poller will project them
            log.warning("projecting a save failed", exc_info=True)
        except Exception:
            log.exception("projecting a save failed")
        finally:
            if not self._projection.has_reached(position):
                self._heads.forget()
