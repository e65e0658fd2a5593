"""Makes the read model again from the log, beside the one that is read, and puts it in its place in one moment.

Readers, writers and followers go on meanwhile. What an interrupted rebuild leaves is dropped by the
next; of two at the same time the later goes on and the earlier ends with an error.
"""

from __future__ import annotations

import secrets

from ogpgraph.readmodel.follower import Progress
from ogpgraph.readmodel.projection import PROJECTION
from ogpgraph.readmodel.projector import BATCH, NoFollower, Place, Projector, Step
from ogpgraph.readmodel.tables import LIVE, NEXT, begin, drop, script, switch, tables
from ogpgraph.storage.database import Database, DatabaseError, NoTables, Transaction
from ogpgraph.storage.log import EventLog

BUILDS = 2**31


class RebuildStopped(DatabaseError):
    """The read model could not be made again; the one that was there stays."""


class Rebuild:
    """One rebuild."""

    def __init__(self, database: Database, log: EventLog) -> None:
        self._database = database
        self._log = log
        self._build = 1 + secrets.randbelow(BUILDS - 1)
        self._live = Projector(database, log, LIVE)
        self._next = Projector(database, log, NEXT)

    def run(self, progress: Progress | None = None) -> int:
        """Make the read model again; returns the position reached.

        Raises RebuildStopped where an event stops it that the read model of before got past, and where another rebuild
        began in the meantime.
        """
        self._begin()
        while True:
            step = self._step()
            if progress:
                progress(step.place.log_position, step.head)
            if step.is_last and (position := self._switch()) is not None:
                return position

    def _begin(self) -> None:
        with self._database.write() as transaction:
            drop(transaction, NEXT)
            self._database.define(transaction, script(NEXT, self._build))
            begin(transaction, NEXT, PROJECTION, self._build)

    def _step(self) -> Step:
        try:
            step = self._next.step()
        except (NoTables, NoFollower) as error:
            raise RebuildStopped("another rebuild began in the meantime") from error
        self._require_ours(step.place)
        return step

    def _switch(self) -> int | None:
        """Put the new tables in the place of the old, which stand still meanwhile; None if the log is too far ahead."""
        with self._database.write() as transaction:
            transaction.seize(tables())
            before = self._live.take(transaction)
            try:
                place = self._next.take(transaction)
            except (NoTables, NoFollower) as error:
                raise RebuildStopped("another rebuild began in the meantime") from error
            self._require_ours(place)
            step = self._rest(transaction, place)
            if not step.is_last:
                return None
            if step.place.log_position < before.log_position:
                raise RebuildStopped(step.stop.message if step.stop else "the log is shorter than the read model")
            switch(transaction)
        return step.place.position

    def _rest(self, transaction: Transaction, place: Place) -> Step:
        saves = self._log.saves_after(transaction, place.log_position, BATCH)
        return self._next.advance(transaction, place, saves)

    def _require_ours(self, place: Place) -> None:
        if place.build != self._build:
            raise RebuildStopped("another rebuild began in the meantime")
