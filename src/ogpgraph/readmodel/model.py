"""Readings of the read model: each one consistent, with the head pinned, and the door to every position before it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from ogpgraph.clock import Clock, timestamp
from ogpgraph.domain.errors import Conflict
from ogpgraph.domain.subject import Subject
from ogpgraph.readmodel.entry import Entry
from ogpgraph.readmodel.follower import Follower, Seen, Standpoint
from ogpgraph.readmodel.index import Index
from ogpgraph.readmodel.indexes import Indexes
from ogpgraph.readmodel.projection import decode_document
from ogpgraph.readmodel.snapshot import Snapshot
from ogpgraph.readmodel.stop import Stop
from ogpgraph.storage.database import Database, Row, Transaction, chunks
from ogpgraph.storage.identity import Identity
from ogpgraph.storage.texts import Texts

CACHED_DOCUMENTS = 20_000


class PositionError(ValueError):
    """A position or time that names no state of this log."""


def require_all_shown(stop: Stop | None) -> None:
    """Raise Conflict, naming the stop, where the follower stands still: what is not shown would be overlooked."""
    if stop:
        raise Conflict(f"not all that is recorded can be seen: the follower stopped: {stop.message}")


class Documents:
    """Decoded documents by (id, since): they never change, so they never go stale."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], Subject] = OrderedDict()
        self._lock = threading.Lock()

    def decoded(self, row: Row) -> Subject:
        """Return the subject in a row of `version`."""
        key = (row["id"], row["since"])
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None:
            return kept
        subject = decode_document(row["id"], row["revision"], row["document"])
        with self._lock:
            self._kept[key] = subject
            while len(self._kept) > CACHED_DOCUMENTS:
                self._kept.popitem(last=False)
        return subject


class ReadModel:
    """Opens readings of the read model; keeps what can be kept between them."""

    def __init__(self, database: Database, identity: Identity, clock: Clock, follower: Follower) -> None:
        self._database = database
        self.follower = follower
        self.identity = identity
        self.clock = clock
        self.texts = Texts()
        self.documents = Documents()
        self.indexes = Indexes()

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """Open one consistent reading, with the head pinned for all that is read through it."""
        opened_at = self.clock()
        with self._database.read() as transaction:
            yield Reading(self, transaction, opened_at, self.follower.seen(transaction))

    @contextmanager
    def glance(self, head: int) -> Iterator[Reading]:
        """Open a reading with a head that was shown before: what is up to there never changes. Raises PositionError.

        It needs no transaction, which on a server is as many ways there and back again as what a follower asks.
        """
        with self._database.glance() as transaction:
            # What the follower wrote is not synced: a crash of the server may have taken the last of it.
            if (seen := self.follower.seen(transaction)).position < head:
                raise PositionError(f"position {head} is not shown any more: the read model is at {seen.position}")
            yield Reading(self, transaction, self.clock(), seen._replace(position=head))


class Reading:
    """One consistent reading of the read model; snapshots are taken from it."""

    def __init__(self, model: ReadModel, transaction: Transaction, opened_at: datetime, seen: Seen) -> None:
        self.model = model
        self.transaction = transaction
        self.opened_at = opened_at
        self.head = seen.position
        self.is_behind = seen.is_behind
        self.projection = seen.projection
        self._snapshots: dict[int, Snapshot] = {}
        self._entries: dict[int, Entry] = {}

    def standpoint(self) -> Standpoint:
        """Return where the follower stands, as of this reading."""
        return self.model.follower.standpoint(self.transaction)

    def stop(self) -> Stop | None:
        """Return what keeps this reading from showing all that is in the log, None where nothing does."""
        return self.standpoint().stop if self.is_behind else None

    def now(self) -> Snapshot:
        """Return the snapshot at the head."""
        return self.at(self.head)

    def at(self, position: int) -> Snapshot:
        """Return the snapshot at a position; raises PositionError before the first entry and past the head."""
        if position > self.head:
            raise PositionError(f"position {position} is past the head, which is {self.head}")
        if position < 1 and position != self.head:
            raise PositionError(f"position {position} is before the first entry, which is 1")
        if position not in self._snapshots:
            self._snapshots[position] = Snapshot(self, position)
        return self._snapshots[position]

    def at_time(self, moment: datetime) -> Snapshot:
        """Return the snapshot after the last entry not later than a moment.

        Raises PositionError before the first entry, for a moment that has not come yet, and for one by which something
        was recorded that the read model does not show.
        """
        if moment > self.opened_at:
            raise PositionError(f"{timestamp(moment)} has not come yet")
        unseen = self.standpoint().waiting_since if self.is_behind else None
        if unseen and timestamp(moment) >= unseen:
            raise PositionError(
                f"what was recorded from {unseen} on cannot be seen yet, for {timestamp(moment)} neither"
            )
        snapshot = self.last_before(moment)
        if snapshot is None:
            raise PositionError(f"{timestamp(moment)} is before the first entry")
        return snapshot

    def last_before(self, moment: datetime, most: int | None = None) -> Snapshot | None:
        """Return the snapshot after the last entry not later than a moment, nor than the position `most`, if any."""
        # Recorded time increases with position, so the last of an ordered index is the greatest.
        position = self.transaction.value(
            "select position from entry where recorded_at <= :moment and position <= :most "
            "order by recorded_at desc limit 1",
            moment=timestamp(moment),
            most=self.head if most is None else most,
        )
        return None if position is None else self.at(position)

    def decoded(self, row: Row) -> Subject:
        """Return the subject in a row of `version`."""
        return self.model.documents.decoded(row)

    def entered(self, row: Row) -> Entry:
        """Return the entry in a row, one object for all that read it."""
        position = row["position"]
        if position not in self._entries:
            self._entries[position] = Entry.of(row)
        return self._entries[position]

    def wordings(self, references: Iterable[str]) -> dict[str, str]:
        """Return reference → wording, without those that were removed."""
        return self.model.texts.many(self.transaction, references)

    def index(self, kind: str, position: int) -> Index:
        """Return the index of a kind at a position."""
        return self.model.indexes.at(self.transaction, kind, position)

    def fetch(self, wanted: Iterable[tuple[Snapshot, str]]) -> None:
        """Load subjects into the snapshots that want them, each as it stood at that snapshot's position."""
        pairs = list(
            dict.fromkeys((snapshot.position, stream) for snapshot, stream in wanted if snapshot.lacks(stream))
        )
        for chunk in chunks(pairs):
            values = ", ".join(f"(:at_{n}, :id_{n})" for n in range(len(chunk)))
            parameters = {f"at_{n}": at for n, (at, _) in enumerate(chunk)} | {
                f"id_{n}": i for n, (_, i) in enumerate(chunk)
            }
            rows = self.transaction.rows(
                f"with wanted (at, id) as (values {values}) select w.at, v.id, v.since, v.revision, v.document "
                "from wanted w join version v on v.id = w.id and v.since <= w.at and w.at < v.until",
                **parameters,
            )
            for row in rows:
                self.at(row["at"]).receive([row])
        for at, stream in pairs:
            self.at(at).note_absence(stream)
