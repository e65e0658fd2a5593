"""The read model of a process: opens read sessions on shared caches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ogpgraph.clock import Clock
from ogpgraph.domain.errors import Conflict
from ogpgraph.readmodel.projection import ProjectionRunner
from ogpgraph.readmodel.projector import ProjectionFailure
from ogpgraph.readmodel.snapshot import PositionError, ReadSession, SharedState
from ogpgraph.storage.database import Database
from ogpgraph.storage.event_log import LogIdentity


class ReadModel:
    """Opens read sessions."""

    def __init__(
        self, database: Database, log_identity: LogIdentity, clock: Clock, projection: ProjectionRunner
    ) -> None:
        self._database = database
        self._projection = projection
        self._shared = SharedState(projection, log_identity)
        self.log_identity = log_identity
        self.clock = clock

    @contextmanager
    def session(self) -> Iterator[ReadSession]:
        """Open a session with its head pinned at the newest projected position."""
        opened_at = self.clock()
        with self._database.read() as transaction:
            yield ReadSession(self._shared, transaction, opened_at, self._projection.read_progress(transaction))

    @contextmanager
    def peek(self, head: int) -> Iterator[ReadSession]:
        """Open a session with its head pinned at a position that was projected before; raises PositionError.

        What a session reads up to its head never changes, so this one needs no transaction: on a server that saves as
        many round trips as the session itself takes.
        """
        with self._database.read_autocommit() as transaction:
            # The projector's commits are not synced: a crash of the server may have taken the last of them.
            if (progress := self._projection.read_progress(transaction)).position < head:
                raise PositionError(
                    f"position {head} is not available any more: the read model is at {progress.position}"
                )
            yield ReadSession(self._shared, transaction, self.clock(), progress._replace(position=head))


def require_caught_up(failure: ProjectionFailure | None) -> None:
    """Raise Conflict where the projection stopped: a decision must not overlook events that are not visible."""
    if failure:
        raise Conflict(f"not everything recorded is visible: the projection stopped: {failure.message}")
