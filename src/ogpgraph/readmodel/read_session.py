"""Readings of the read model: each one consistent, with the head pinned, and the door to every position before it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from ogpgraph.clock import Clock, format_timestamp
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.errors import Conflict
from ogpgraph.readmodel.entry import Entry
from ogpgraph.readmodel.index import Index, IndexCache
from ogpgraph.readmodel.projection import ProjectionProgress, ProjectionRunner, ProjectionStatus
from ogpgraph.readmodel.projection_failure import ProjectionFailure
from ogpgraph.readmodel.snapshot import Snapshot
from ogpgraph.readmodel.tables import decode_document
from ogpgraph.storage.database import Database, Row, Transaction, iter_chunks
from ogpgraph.storage.event_log import LogIdentity, read_log_identity
from ogpgraph.storage.texts import TextReader

CACHE_SIZE = 20_000


class PositionError(ValueError):
    """A position or time that names no state of this log."""


def require_caught_up(failure: ProjectionFailure | None) -> None:
    """Raise Conflict, naming the stop, where the follower stands still: what is not shown would be overlooked."""
    if failure:
        raise Conflict(f"not all that is recorded can be seen: the follower stopped: {failure.message}")


class AggregateCache:
    """Decoded documents by (id, since): they never change, so they never go stale."""

    def __init__(self) -> None:
        self._cached: OrderedDict[tuple[str, int], Aggregate] = OrderedDict()
        self._lock = threading.Lock()

    def decode(self, row: Row) -> Aggregate:
        """Return the subject in a row of `version`."""
        key = (row["id"], row["since"])
        with self._lock:
            kept = self._cached.get(key)
        if kept is not None:
            return kept
        aggregate = decode_document(row["id"], row["revision"], row["document"])
        with self._lock:
            self._cached[key] = aggregate
            while len(self._cached) > CACHE_SIZE:
                self._cached.popitem(last=False)
        return aggregate


class ReadModel:
    """Opens readings of the read model; keeps what can be kept between them."""

    def __init__(
        self, database: Database, log_identity: LogIdentity, clock: Clock, projection: ProjectionRunner
    ) -> None:
        self._database = database
        self.projection = projection
        self.log_identity = log_identity
        self.clock = clock
        self.texts = TextReader()
        self.aggregates = AggregateCache()
        self.indexes = IndexCache()

    @contextmanager
    def session(self) -> Iterator[ReadSession]:
        """Open one consistent reading, with the head pinned for all that is read through it."""
        opened_at = self.clock()
        with self._database.read() as transaction:
            yield ReadSession(self, transaction, opened_at, self.projection.read_progress(transaction))

    @contextmanager
    def peek(self, head: int) -> Iterator[ReadSession]:
        """Open a reading with a head that was shown before: what is up to there never changes. Raises PositionError.

        It needs no transaction, which on a server is as many ways there and back again as what a follower asks.
        """
        with self._database.read_autocommit() as transaction:
            # What the follower wrote is not synced: a crash of the server may have taken the last of it.
            if (progress := self.projection.read_progress(transaction)).position < head:
                raise PositionError(f"position {head} is not shown any more: the read model is at {progress.position}")
            yield ReadSession(self, transaction, self.clock(), progress._replace(position=head))


class ReadSession:
    """One consistent reading of the read model; snapshots are taken from it."""

    def __init__(
        self, model: ReadModel, transaction: Transaction, opened_at: datetime, progress: ProjectionProgress
    ) -> None:
        self.model = model
        self.transaction = transaction
        self.opened_at = opened_at
        self.head = progress.position
        self.is_behind = progress.is_behind
        self.projection_version = progress.projection_version
        self._snapshots: dict[int, Snapshot] = {}
        self._entries: dict[int, Entry] = {}

    def projection_status(self) -> ProjectionStatus:
        """Return where the follower stands, as of this reading."""
        return self.model.projection.status(self.transaction)

    def projection_failure(self) -> ProjectionFailure | None:
        """Return what keeps this reading from showing all that is in the log, None where nothing does."""
        return self.projection_status().failure if self.is_behind else None

    def read_log_identity(self) -> LogIdentity:
        """Return the log's identity, read anew: another process may have raised an epoch since this one started."""
        return read_log_identity(self.transaction)

    def set_deadline(self, is_over: Callable[[], bool], seconds: float) -> None:
        """Have statements of the session raise StatementCancelled once `is_over` returns True, or after `seconds`."""
        self.transaction.set_deadline(is_over, seconds)

    def at_head(self) -> Snapshot:
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
            raise PositionError(f"{format_timestamp(moment)} has not come yet")
        unseen = self.projection_status().oldest_pending_at if self.is_behind else None
        if unseen and format_timestamp(moment) >= unseen:
            raise PositionError(
                f"what was recorded from {unseen} on cannot be seen yet, for {format_timestamp(moment)} neither"
            )
        snapshot = self.find_last_before(moment)
        if snapshot is None:
            raise PositionError(f"{format_timestamp(moment)} is before the first entry")
        return snapshot

    def find_last_before(self, moment: datetime, most: int | None = None) -> Snapshot | None:
        """Return the snapshot after the last entry not later than a moment, nor than the position `most`, if any."""
        # Recorded time increases with position, so the last of an ordered index is the greatest.
        position = self.transaction.fetch_value(
            "select position from entry where recorded_at <= :moment and position <= :most "
            "order by recorded_at desc limit 1",
            moment=format_timestamp(moment),
            most=self.head if most is None else most,
        )
        return None if position is None else self.at(position)

    def decode_aggregate(self, row: Row) -> Aggregate:
        """Return the subject in a row of `version`."""
        return self.model.aggregates.decode(row)

    def load_entry(self, row: Row) -> Entry:
        """Return the entry in a row, one object for all that read it."""
        position = row["position"]
        if position not in self._entries:
            self._entries[position] = Entry.from_row(row)
        return self._entries[position]

    def read_texts(self, references: Iterable[str]) -> dict[str, str]:
        """Return reference → wording, without those that were removed."""
        return self.model.texts.read_many(self.transaction, references)

    def index(self, aggregate_type: str, position: int) -> Index:
        """Return the index of a kind at a position."""
        return self.model.indexes.get(self.transaction, aggregate_type, position)

    def load(self, wanted: Iterable[tuple[Snapshot, str]]) -> None:
        """Load subjects into the snapshots that want them, each as it stood at that snapshot's position."""
        pairs = list(
            dict.fromkeys((snapshot.position, stream) for snapshot, stream in wanted if snapshot.needs_loading(stream))
        )
        for chunk in iter_chunks(pairs):
            values = ", ".join(f"(:at_{n}, :id_{n})" for n in range(len(chunk)))
            parameters = {f"at_{n}": at for n, (at, _) in enumerate(chunk)} | {
                f"id_{n}": i for n, (_, i) in enumerate(chunk)
            }
            rows = self.transaction.fetch_all(
                f"with wanted (at, id) as (values {values}) select w.at, v.id, v.since, v.revision, v.document "
                "from wanted w join version v on v.id = w.id and v.since <= w.at and w.at < v.until",
                **parameters,
            )
            for row in rows:
                self.at(row["at"]).add_rows([row])
        for at, stream in pairs:
            self.at(at).mark_absent(stream)
