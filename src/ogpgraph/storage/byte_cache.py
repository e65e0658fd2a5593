"""Caches of things that never change, each bounded by the memory that it is estimated to take."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
BYTES_PER_ITEM = 250
"""About what a key, its place in a dict and the links of its neighbours take."""
LARGEST_SHARE = 16
"""One item takes at most this part of a cache, unless it says otherwise, so that none displaces most others."""

_ORDERED_SHARE = 0.75
"""Uses are noted once this part of the memory is taken: nothing is dropped for as long as it is not, and a note takes
longer than finding an item."""


class CacheUse(NamedTuple):
    """How many items a cache has, how many bytes they are estimated to take, and how often an item was found or not."""

    items: int
    bytes: int
    hits: int
    misses: int


class ByteCache(Generic[K, V]):
    """Items by key, those used most recently; `size_of` estimates the bytes of one.

    Threads may use it at once; they may lose a few of the counts of uses.
    """

    def __init__(self, max_bytes: int, size_of: Callable[[V], int], largest_share: int = LARGEST_SHARE) -> None:
        self._max_bytes = max_bytes
        self._largest_bytes = max_bytes // largest_share
        self._ordered_bytes = int(max_bytes * _ORDERED_SHARE)
        self._size_of = size_of
        self._lock = threading.Lock()
        self._items: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._bytes = self._hits = self._misses = 0

    def get(self, key: K) -> V | None:
        """Return the item of a key, None if it is not cached."""
        if (found := self._items.get(key)) is None:
            self._misses += 1
            return None
        self._hits += 1
        if self._bytes > self._ordered_bytes:
            self._note_use(key)
        return found[0]

    def peek(self, key: K) -> V | None:
        """Return the item of a key, None if it is not cached; that does not count as a use."""
        found = self._items.get(key)
        return found[0] if found else None

    def get_many(self, keys: Iterable[K]) -> dict[K, V]:
        """Return key → item for those of some keys that are cached."""
        found: dict[K, V] = {}
        with self._lock:
            for key in keys:
                if (item := self._items.get(key)) is None:
                    self._misses += 1
                else:
                    found[key] = item[0]
                    if self._bytes > self._ordered_bytes:
                        self._items.move_to_end(key)
            self._hits += len(found)
        return found

    def add(self, items: Mapping[K, V]) -> None:
        """Add items, unless they are large, and drop those that were not used for longest."""
        sized = [(key, value, self._size_of(value) + BYTES_PER_ITEM) for key, value in items.items()]
        with self._lock:
            for key, value, size in sized:
                if size > self._largest_bytes:
                    continue
                if (former := self._items.pop(key, None)) is not None:
                    self._bytes -= former[1]
                self._items[key] = value, size
                self._bytes += size
            while self._bytes > self._max_bytes:
                _, (_, size) = self._items.popitem(last=False)
                self._bytes -= size

    @property
    def is_full(self) -> bool:
        """Whether about all the memory is taken that may be."""
        return self._bytes > self._max_bytes - self._largest_bytes

    def _note_use(self, key: K) -> None:
        with self._lock:
            if key in self._items:  # unless another thread has dropped it
                self._items.move_to_end(key)

    def clear(self) -> None:
        """Drop all items."""
        with self._lock:
            self._items.clear()
            self._bytes = 0

    def use(self) -> CacheUse:
        """Return how much the cache has and how often it was of use."""
        return CacheUse(len(self._items), self._bytes, self._hits, self._misses)
