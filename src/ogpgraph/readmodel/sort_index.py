"""All aggregates of a type in an order, at one position; that of another position is made from it by what changed.

An order is an array of slots. The sort key of a slot, which is a tuple of texts, is built when it is first needed: for
the aggregates of a page, and for the few that are compared when a place is looked for.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from heapq import nlargest, nsmallest
from itertools import islice
from typing import Any, Final, Generic, TypeVar

from ogpgraph.readmodel.bitsets import iter_slots
from ogpgraph.readmodel.sort_keys import Order, SortKey

KeyBounds = tuple[tuple[object, ...] | None, tuple[object, ...] | None]
"""The sort keys after and before which a page lies."""
CHUNK_SIZE: Final = 256
"""How many items a chunk of a shared list has: a change copies the chunks it is in, and the list of all."""
SCAN_RATIO: Final = 16
"""If fewer than one in so many match, sorting the matches is faster than scanning all until a page is full."""
MAX_ORDERS: Final = 24
"""How many orders of a type are kept; a client names any combination of fields."""
_SORTED_AT_ONCE: Final = 4_000
"""So many slots are sorted in a few milliseconds, which nothing interrupts."""
_SLOT: Final = "i"
_SLOT_BYTES: Final = 4
_KEY_BYTES: Final = 100
"""About what the texts and the key of a slot take, of which many have none yet."""
T = TypeVar("T")


class SharedList(Generic[T]):
    """A list in chunks that are shared with others: what is replaced is in a copy."""

    def __init__(self, chunks: list[list[T]]) -> None:
        self.chunks = chunks

    @classmethod
    def of(cls, items: Sequence[T]) -> SharedList[T]:
        """Return the list of some items."""
        return cls([list(items[n : n + CHUNK_SIZE]) for n in range(0, len(items), CHUNK_SIZE)])

    def __getitem__(self, number: int) -> T:
        return self.chunks[number // CHUNK_SIZE][number % CHUNK_SIZE]

    def replace(self, changed: Mapping[int, T], filler: T) -> SharedList[T]:
        """Return the list with other items at some places; a longer one has the filler at those before them."""
        chunks, copied = list(self.chunks), set[int]()
        for number in sorted(changed):
            chunk, place = divmod(number, CHUNK_SIZE)
            while chunk >= len(chunks):
                copied.add(len(chunks))
                chunks.append([filler] * CHUNK_SIZE)
            if chunk not in copied:
                copied.add(chunk)
                chunks[chunk] = [*chunks[chunk], *[filler] * (CHUNK_SIZE - len(chunks[chunk]))]
            chunks[chunk][place] = changed[number]
        return SharedList(chunks)


class TextColumn:
    """The texts by which a step of an order sorts all slots."""

    def __init__(self, texts: SharedList[str]) -> None:
        self._texts = texts

    def __call__(self, slot: int) -> str:
        """Return the text of a slot."""
        return self._texts[slot]

    def replace(self, changed: Mapping[int, str]) -> TextColumn:
        """Return the column with other texts of some slots."""
        return TextColumn(self._texts.replace(changed, ""))


Column = Callable[[int], str]
"""Gives the text of a slot: a `TextColumn`, or one that reads what every stream has."""


class SortKeys:
    """The sort keys of an order at a position: its name, the texts of its columns, code and id, by which ties go."""

    def __init__(
        self,
        name: str,
        columns: Sequence[Column],
        tail: Callable[[int], tuple[str, str]],
        built: SharedList[SortKey | None],
    ) -> None:
        self.columns = columns
        self.built = built
        """Those that were needed so far. Keys that are the same at another position are shared with it."""
        self._name = name
        self._tail = tail

    def __call__(self, slot: int) -> SortKey:
        """Return the sort key of a slot."""
        chunk, place = self.built.chunks[slot // CHUNK_SIZE], slot % CHUNK_SIZE
        if (key := chunk[place]) is None:
            key = chunk[place] = (self._name, *(column(slot) for column in self.columns), *self._tail(slot))
        return key


class SortIndex:
    """The aggregates that exist at a position, in an order; immutable.

    `slots` may have some besides, which are not below `length`: those of a later position. `own_bytes` is about what it
    takes besides what it shares with the one that it was made from.
    """

    def __init__(self, position: int, length: int, slots: array[int], keys: SortKeys, own_bytes: int) -> None:
        self.position = position
        self.length = length
        self.slots = slots
        self.keys = keys
        self.own_bytes = own_bytes

    @classmethod
    def build(cls, position: int, slots: Sequence[int], keys: SortKeys) -> SortIndex:
        """Return the order in which some slots are given, which are all those below their number."""
        return cls(position, len(slots), array(_SLOT, slots), keys, (_SLOT_BYTES + _KEY_BYTES) * len(slots))

    @property
    def is_whole(self) -> bool:
        """Whether it has the aggregates of its position and no others."""
        return self.length == len(self.slots)

    @property
    def whole_bytes(self) -> int:
        """Return about how many bytes the order takes, if it shares nothing with another."""
        return (_SLOT_BYTES + _KEY_BYTES) * len(self.slots)

    def iter_slots(self) -> Iterator[int]:
        """Yield all slots in order."""
        return (slot for slot in self.slots if slot < self.length)

    def iter_keys(self) -> Iterator[SortKey]:
        """Yield all sort keys in order."""
        return map(self.keys, self.iter_slots())

    def at(self, position: int, length: int, keys: SortKeys) -> SortIndex:
        """Return the order at a position where the keys of its slots are the same; others have begun later."""
        return SortIndex(position, length, self.slots, keys, 0)

    def move(self, position: int, length: int, keys: SortKeys, changed: Collection[int]) -> SortIndex:
        """Return the order at another position, where some slots have other keys, or do not exist, or did not here.

        This one is whole.
        """
        slots, was = array(_SLOT, self.slots), [slot for slot in changed if slot < self.length]
        for place in sorted((bisect_left(self.slots, self.keys(slot), key=self.keys) for slot in was), reverse=True):
            del slots[place]
        added = [slot for slot in changed if slot < length]
        for slot in added:
            slots.insert(bisect_left(slots, keys(slot), key=keys), slot)
        own_bytes = _SLOT_BYTES * len(slots) + _KEY_BYTES * CHUNK_SIZE * len(added)
        return SortIndex(position, length, slots, keys, min(own_bytes, self.whole_bytes))

    def page(self, mask: int, limit: int, bounds: KeyBounds, *, backward: bool) -> list[SortKey]:
        """Return the keys of up to `limit` aggregates in a bitset between two keys, in reverse if `backward`."""
        if mask.bit_count() * SCAN_RATIO < self.length:
            return self._sort_matches(mask, limit, bounds, backward=backward)
        return list(map(self.keys, islice(self._scan(mask, bounds, backward=backward), limit)))

    def _sort_matches(self, mask: int, limit: int, bounds: KeyBounds, *, backward: bool) -> list[SortKey]:
        keys = list(map(self.keys, iter_slots(mask)))
        after, before = bounds
        if after is not None:
            keys = [key for key in keys if key > after]
        if before is not None:
            keys = [key for key in keys if key < before]
        if limit * 4 < len(keys):
            return nlargest(limit, keys) if backward else nsmallest(limit, keys)
        keys.sort(reverse=backward)
        return keys[:limit]

    def _scan(self, mask: int, bounds: KeyBounds, *, backward: bool) -> Iterator[int]:
        after, before = bounds
        # A byte string is indexed in constant time; shifting the integer would cost its whole length each time.
        bits = mask.to_bytes(max(len(self.slots), mask.bit_length()) // 8 + 1, "little")
        slots = self.slots
        start = 0 if after is None else bisect_right(slots, after, key=self.keys)
        stop = len(slots) if before is None else bisect_left(slots, before, key=self.keys)
        places = range(stop - 1, start - 1, -1) if backward else range(start, stop)
        return (slot for place in places if bits[(slot := slots[place]) >> 3] >> (slot & 7) & 1)


def sort_in_parts(items: Sequence[int], key: Callable[[int], Any], checkpoint: Callable[[], None]) -> list[int]:
    """Return items sorted by a key, equal ones in their order; calls the checkpoint in between."""
    ordered: list[int] = []
    for start in range(0, len(items), _SORTED_AT_ONCE):
        ordered += sorted(items[start : start + _SORTED_AT_ONCE], key=key)
        checkpoint()
    ordered.sort(key=key)  # merges the parts, which are in order
    return ordered


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
