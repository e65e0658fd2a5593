"""All aggregates of a type in an order, at one position; that of another position is made from it by what changed."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import nlargest, nsmallest
from itertools import chain, islice
from typing import Final, NamedTuple

from ogpgraph.readmodel.bitsets import iter_slots
from ogpgraph.readmodel.sort_keys import Order, SortKey

KeyBounds = tuple[tuple[object, ...] | None, tuple[object, ...] | None]
"""The sort keys after and before which a page lies."""
CHUNK_SIZE: Final = 256
"""How many aggregates a chunk has: a change copies the chunks it is in, and the list of all."""
SCAN_RATIO: Final = 16
"""If fewer than one in so many match, sorting the matches is faster than scanning all until a page is full."""
MERGE_RATIO: Final = 16
"""If more than one in so many has another key, merging all at once is faster than moving each."""
MAX_ORDERS: Final = 24
"""How many orders of a type are kept; a client names any combination of fields."""
_SORTED_AT_ONCE: Final = 4_000
"""So many keys are sorted in a few milliseconds, which nothing interrupts."""
_KEY_BYTES: Final = 276
"""About what a sort key takes, which is a tuple of texts."""
_PLACE_BYTES: Final = 24
"""What a slot takes in the lists: twice its key, and once the slot."""


class _Chunk(NamedTuple):
    """Some aggregates that follow each other in the order: their sort keys and slots."""

    keys: list[SortKey]
    slots: list[int]


class _Chunks:
    """All aggregates in their order, in chunks that are shared with others: a chunk is replaced, never changed."""

    def __init__(self, chunks: list[_Chunk], lasts: list[SortKey]) -> None:
        self.chunks = chunks
        self.lasts = lasts

    @classmethod
    def of(cls, keys: list[SortKey], slots: list[int]) -> _Chunks:
        """Return the chunks of keys and slots in order."""
        places = range(0, len(keys), CHUNK_SIZE)
        chunks = [_Chunk(keys[n : n + CHUNK_SIZE], slots[n : n + CHUNK_SIZE]) for n in places]
        return cls(chunks, [chunk.keys[-1] for chunk in chunks])

    def copy(self) -> _Chunks:
        """Return a copy that can be changed."""
        return _Chunks(list(self.chunks), list(self.lasts))

    def remove(self, key: SortKey) -> None:
        """Remove the aggregate that has a key."""
        place = bisect_left(self.lasts, key)
        keys, slots = self.chunks[place]
        n = bisect_left(keys, key)
        self._replace(place, [_Chunk(keys[:n] + keys[n + 1 :], slots[:n] + slots[n + 1 :])])

    def insert(self, key: SortKey, slot: int) -> None:
        """Insert an aggregate that has a key."""
        if not self.chunks:
            self._replace(0, [_Chunk([key], [slot])])
            return
        place = min(bisect_left(self.lasts, key), len(self.lasts) - 1)
        keys, slots = self.chunks[place]
        n = bisect_left(keys, key)
        keys, slots = [*keys[:n], key, *keys[n:]], [*slots[:n], slot, *slots[n:]]
        if len(keys) < 2 * CHUNK_SIZE:
            self._replace(place, [_Chunk(keys, slots)])
        else:
            half = _Chunk(keys[:CHUNK_SIZE], slots[:CHUNK_SIZE])
            self._replace(place, [half, _Chunk(keys[CHUNK_SIZE:], slots[CHUNK_SIZE:])])

    def _replace(self, place: int, chunks: list[_Chunk]) -> None:
        filled = [chunk for chunk in chunks if chunk.keys]
        self.chunks[place : place + 1] = filled
        self.lasts[place : place + 1] = [chunk.keys[-1] for chunk in filled]


class SortIndex:
    """The aggregates that exist at a position, in an order; immutable.

    `own_bytes` is about what it takes besides what it shares with the one that it was made from.
    """

    def __init__(
        self, position: int, length: int, order: _Chunks, keys: list[list[SortKey | None]], own_bytes: int
    ) -> None:
        self.position = position
        self.length = length
        self.own_bytes = own_bytes
        self._order = order
        self._keys = keys
        """The sort key of each slot, in lists of CHUNK_SIZE; None for slots without an aggregate."""

    @classmethod
    def build(cls, position: int, keys: Sequence[SortKey], checkpoint: Callable[[], None] = lambda: None) -> SortIndex:
        """Return the order of the sort keys of all slots; calls the checkpoint in between."""
        slots: list[int] = []
        for start in range(0, len(keys), _SORTED_AT_ONCE):
            slots += sorted(range(start, min(start + _SORTED_AT_ONCE, len(keys))), key=keys.__getitem__)
            checkpoint()
        slots.sort(key=keys.__getitem__)  # merges the parts, which are in order
        by_slot: list[list[SortKey | None]] = [list(keys[n : n + CHUNK_SIZE]) for n in range(0, len(keys), CHUNK_SIZE)]
        own_bytes = (_KEY_BYTES + _PLACE_BYTES) * len(keys)
        return cls(position, len(keys), _Chunks.of([keys[slot] for slot in slots], slots), by_slot, own_bytes)

    @property
    def whole_bytes(self) -> int:
        """Return about how many bytes the order takes, if it shares nothing with another."""
        return (_KEY_BYTES + _PLACE_BYTES) * self.length

    def key(self, slot: int) -> SortKey:
        """Return the sort key of a slot."""
        key = self._keys[slot // CHUNK_SIZE][slot % CHUNK_SIZE]
        assert key is not None
        return key

    def iter_slots(self) -> Iterator[int]:
        """Yield all slots in order."""
        return chain.from_iterable(chunk.slots for chunk in self._order.chunks)

    def iter_keys(self) -> Iterator[SortKey]:
        """Yield all sort keys in order."""
        return chain.from_iterable(chunk.keys for chunk in self._order.chunks)

    def move(self, position: int, changed: Mapping[int, SortKey | None]) -> SortIndex:
        """Return the order at another position, where some slots have other keys, or are not there (None)."""
        if len(changed) * MERGE_RATIO > self.length:
            return self._merge(position, changed)
        order, length = self._order.copy(), self.length
        for slot, key in changed.items():
            old = self._find_key(slot)
            if old is not None:
                order.remove(old)
            if key is not None:
                order.insert(key, slot)
            length += (key is not None) - (old is not None)
        own_bytes = _KEY_BYTES * len(changed) + _PLACE_BYTES * min(length, 2 * CHUNK_SIZE * len(changed))
        return SortIndex(position, length, order, self._replace_keys(changed), own_bytes)

    def _merge(self, position: int, changed: Mapping[int, SortKey | None]) -> SortIndex:
        """Do what `move` does, in time linear in the number of all."""
        moved = sorted((key, slot) for slot, key in changed.items() if key is not None)
        both = zip(self.iter_keys(), self.iter_slots(), strict=True)
        rows = [row for row in both if row[1] not in changed]
        if moved:
            rows = sorted([*rows, *moved])  # both parts are in order, and Python's sort merges parts that are
        order = _Chunks.of([key for key, _ in rows], [slot for _, slot in rows])
        own_bytes = _KEY_BYTES * len(changed) + _PLACE_BYTES * len(rows)
        return SortIndex(position, len(rows), order, self._replace_keys(changed), own_bytes)

    def _find_key(self, slot: int) -> SortKey | None:
        chunk, place = divmod(slot, CHUNK_SIZE)
        if chunk >= len(self._keys) or place >= len(self._keys[chunk]):
            return None
        return self._keys[chunk][place]

    def _replace_keys(self, changed: Mapping[int, SortKey | None]) -> list[list[SortKey | None]]:
        keys, copied = list(self._keys), set()
        for slot in sorted(changed):
            chunk, place = divmod(slot, CHUNK_SIZE)
            while chunk >= len(keys):
                copied.add(len(keys))
                keys.append([])
            if chunk not in copied:
                copied.add(chunk)
                keys[chunk] = list(keys[chunk])
            keys[chunk] += [None] * (place + 1 - len(keys[chunk]))
            keys[chunk][place] = changed[slot]
        return keys

    def page(self, mask: int, limit: int, bounds: KeyBounds, *, backward: bool) -> list[SortKey]:
        """Return the keys of up to `limit` aggregates in a bitset between two keys, in reverse if `backward`."""
        if mask.bit_count() * SCAN_RATIO < self.length:
            return self._sort_matches(mask, limit, bounds, backward=backward)
        found = self._iter_backward(mask, bounds) if backward else self._iter_forward(mask, bounds)
        return list(islice(found, limit))

    def _sort_matches(self, mask: int, limit: int, bounds: KeyBounds, *, backward: bool) -> list[SortKey]:
        keys = [self.key(slot) for slot in iter_slots(mask)]
        after, before = bounds
        if after is not None:
            keys = [key for key in keys if key > after]
        if before is not None:
            keys = [key for key in keys if key < before]
        if limit * 4 < len(keys):
            return nlargest(limit, keys) if backward else nsmallest(limit, keys)
        keys.sort(reverse=backward)
        return keys[:limit]

    def _iter_forward(self, mask: int, bounds: KeyBounds) -> Iterator[SortKey]:
        after, before = bounds
        bits = self._to_bytes(mask)
        first = 0 if after is None else bisect_right(self._order.lasts, after)
        for keys, slots in islice(self._order.chunks, first, None):
            start = 0 if after is None else bisect_right(keys, after)
            stop = len(keys) if before is None else bisect_left(keys, before)
            for n in range(start, stop):
                slot = slots[n]
                if bits[slot >> 3] >> (slot & 7) & 1:
                    yield keys[n]
            if stop < len(keys):
                return

    def _iter_backward(self, mask: int, bounds: KeyBounds) -> Iterator[SortKey]:
        after, before = bounds
        bits = self._to_bytes(mask)
        last = (
            len(self._order.chunks)
            if before is None
            else min(bisect_left(self._order.lasts, before) + 1, len(self._order.chunks))
        )
        for place in range(last - 1, -1, -1):
            keys, slots = self._order.chunks[place]
            start = 0 if after is None else bisect_right(keys, after)
            stop = len(keys) if before is None else bisect_left(keys, before)
            for n in range(stop - 1, start - 1, -1):
                slot = slots[n]
                if bits[slot >> 3] >> (slot & 7) & 1:
                    yield keys[n]
            if start > 0:
                return

    def _to_bytes(self, mask: int) -> bytes:
        # A byte string is indexed in constant time; shifting the integer would cost its whole length each time.
        return mask.to_bytes(len(self._keys) * CHUNK_SIZE // 8 + 1, "little")


class SortOrders:
    """The orders of a type that were used most recently, each at the latest position at which it was needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest: dict[Order, SortIndex] = {}

    def get(self, order: Order) -> SortIndex | None:
        """Return an order at some position, None where it is not kept."""
        return self._latest.get(order)

    def put(self, order: Order, found: SortIndex) -> None:
        """Keep an order, unless a later one is kept."""
        with self._lock:
            kept = self._latest.pop(order, None)
            self._latest[order] = kept if kept and kept.position > found.position else found
            if len(self._latest) > MAX_ORDERS:
                del self._latest[next(iter(self._latest))]

    def size_bytes(self) -> int:
        """Return about how many bytes the orders take."""
        return sum(each.whole_bytes for each in list(self._latest.values()))
