"""The indexes of a process: those of the present, which each change leads to the next, and those of the past.

An index of a past position, or as of a day, has no tags at first. Those of a dimension follow from its history when a
reader first needs them, or are read as of a day, in that reader's transaction; no reader waits for another. Where two
need the same at the same time, both read it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.readmodel import existence
from ogpgraph.readmodel.index import PRESENT_DAY, Checkpoint, Index, Values, count_bytes, run_on
from ogpgraph.readmodel.index_rows import read_dimensions, read_history, read_postings, read_values
from ogpgraph.readmodel.model_change import ModelChange
from ogpgraph.readmodel.stream_rows import read_streams
from ogpgraph.readmodel.streams import StreamTable
from ogpgraph.readmodel.tag_history import TagHistory
from ogpgraph.storage.byte_cache import ByteCache, CacheUse
from ogpgraph.storage.database import Transaction

MAX_PAST_BYTES: Final = 64 * 2**20
"""About how much memory the indexes of the past take; those used least recently are dropped."""
MAX_PAST_INDEXES: Final = 400
MAX_HISTORY_BYTES: Final = 64 * 2**20
"""About how much memory the histories of dimensions take, from which values of the past follow."""
_LARGEST_HISTORY_SHARE: Final = 3
_INDEX_BYTES: Final = 2_000
"""About what an index takes without tags and orders."""


class IndexKey(NamedTuple):
    """Which index of a type: the position and the day."""

    position: int
    day: int = PRESENT_DAY


class PresentIndexes:
    """The indexes of all types at one position, with all that was stated; immutable."""

    def __init__(self, streams: StreamTable, position: int, indexes: Mapping[str, Index]) -> None:
        self.streams = streams
        self.position = position
        self._indexes = indexes

    @classmethod
    def load(cls, transaction: Transaction, position: int) -> PresentIndexes:
        """Return the indexes at a position, read from the tables.

        In one transaction: another might see the tables of the next rebuild, or wait for it, which waits for this one.
        """
        streams = read_streams(transaction, position)
        found = read_postings(transaction, position, streams)
        indexes = {name: Index(streams.of_type(name), name, position, found.get(name, {})) for name in AGGREGATE_TYPES}
        return cls(streams, position, indexes)

    def advance(self, change: ModelChange) -> PresentIndexes:
        """Return the indexes up to which a change leads. One thread at a time advances the latest."""
        self.streams.advance(change.versions)
        changed = {version.aggregate_type for version in change.versions}
        indexes = {
            name: index.advance(change) if name in changed else index.move_to(change.after)
            for name, index in self._indexes.items()
        }
        return PresentIndexes(self.streams, change.after, indexes)

    def of_type(self, aggregate_type: str) -> Index:
        """Return the index of a type."""
        return self._indexes[aggregate_type]

    def size_bytes(self) -> int:
        """Return about how many bytes the indexes and the streams take."""
        return self.streams.size_bytes() + sum(index.size_bytes() for index in self._indexes.values())


class Histories(ByteCache[str, TagHistory]):
    """The histories of the dimensions that were used most recently."""

    def __init__(self) -> None:
        super().__init__(MAX_HISTORY_BYTES, TagHistory.size_bytes, _LARGEST_HISTORY_SHARE)

    def find(
        self,
        transaction: Transaction,
        present: PresentIndexes,
        dimension: str,
        position: int = 0,
        checkpoint: Checkpoint = run_on,
    ) -> TagHistory:
        """Return the tags of a dimension up to a position or a later one, read up to the present unless known."""
        history = self.get(dimension)
        if history is None or history.position < position:
            history = read_history(transaction, present.streams, dimension, present.position, checkpoint)
            self.add({dimension: history})
        return history


class PastIndexes:
    """The indexes of past positions, and as of days, that were used most recently."""

    def __init__(self, max_bytes: int = MAX_PAST_BYTES) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._cached: OrderedDict[tuple[str, IndexKey], _PastIndex] = OrderedDict()
        self._hits = self._misses = 0
        self.histories = Histories()

    def get(
        self,
        present: PresentIndexes,
        transaction: Transaction,
        aggregate_type: str,
        key: IndexKey,
        checkpoint: Checkpoint = run_on,
    ) -> Index:
        """Return the index of a type at a position up to the present one, for a reader with a transaction."""
        if key == (present.position, PRESENT_DAY):
            return present.of_type(aggregate_type).for_reader(checkpoint)
        past = self._find(present, aggregate_type, key)
        index = past.index.for_reader(checkpoint, _PastPostings(past, present, transaction, checkpoint))
        if key.day == PRESENT_DAY or aggregate_type not in existence.TYPES:
            return index
        if past.existing is None:
            plans = self.get(present, transaction, "plan", IndexKey(key.position), checkpoint)
            past.existing = existence.select_existing(index, plans)
        return index.restrict(past.existing)

    def _find(self, present: PresentIndexes, aggregate_type: str, key: IndexKey) -> _PastIndex:
        with self._lock:
            past = self._cached.get((aggregate_type, key))
            if past is None:
                self._misses += 1
                self._make_room()
                past = _PastIndex(present.of_type(aggregate_type), key, self.histories)
                self._cached[aggregate_type, key] = past
            else:
                self._hits += 1
            self._cached.move_to_end((aggregate_type, key))
            return past

    def _make_room(self) -> None:
        size = self._count_bytes()
        while self._cached and (size > self._max_bytes or len(self._cached) >= MAX_PAST_INDEXES):
            size -= self._cached.popitem(last=False)[1].size_bytes()

    def use(self) -> CacheUse:
        """Return how much memory the indexes take, and how often one was found."""
        with self._lock:
            return CacheUse(len(self._cached), self._count_bytes(), self._hits, self._misses)

    def _count_bytes(self) -> int:
        return sum(past.size_bytes() for past in self._cached.values())


class _PastIndex:
    """An index of the past, and the values of the dimensions that readers have needed so far."""

    def __init__(self, present: Index, key: IndexKey, histories: Histories) -> None:
        self._histories = histories
        self.index = Index(
            present.streams, present.aggregate_type, key.position, {}, day=key.day, orders=present.orders
        )
        self.existing: int | None = None
        self._values: dict[str, Values] = {}
        self._bytes = _INDEX_BYTES

    def values(
        self, present: PresentIndexes, transaction: Transaction, checkpoint: Checkpoint, dimension: str
    ) -> Values:
        """Return the values of a dimension, read unless they are known."""
        if dimension in self._values:
            return self._values[dimension]
        now, position = present.of_type(self.index.aggregate_type), self.index.position
        if self.index.day != PRESENT_DAY:
            values: Values = read_values(transaction, present.streams, self.index, dimension, checkpoint)
        elif now.unchanged_since(position, dimension):
            return self._values.setdefault(dimension, now.values(dimension))
        else:
            history = self._histories.find(transaction, present, dimension, position, checkpoint)
            values = history.at(self.index.aggregate_type, position, checkpoint)
        self._bytes += count_bytes(values)
        return self._values.setdefault(dimension, values)

    def size_bytes(self) -> int:
        """Return about how many bytes the index takes, besides what it shares with that of the present."""
        return self._bytes + self.index.own_order_bytes()


class _PastPostings(Mapping[str, Values]):
    """The dimensions of an index of the past, for a reader that loads those that it needs."""

    def __init__(
        self, past: _PastIndex, present: PresentIndexes, transaction: Transaction, checkpoint: Checkpoint
    ) -> None:
        self._past = past
        self._present = present
        self._transaction = transaction
        self._checkpoint = checkpoint

    def __getitem__(self, dimension: str) -> Values:
        return self._past.values(self._present, self._transaction, self._checkpoint, dimension)

    def __iter__(self) -> Iterator[str]:
        return (name for name in read_dimensions(self._transaction) if self[name])

    def __len__(self) -> int:
        return sum(1 for _ in self)
