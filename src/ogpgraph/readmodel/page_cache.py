"""The page cache: the places of the aggregates of a list, in order, by which aggregates it has.

A page of a list that is sorted by code depends on which aggregates the list has and on their codes alone. A list of the
commitments of a plan, or of a filter, has the same ones at most positions. So its page is found by the bits of its
aggregates, also by readers at other positions, and after writes that concern others.
"""

from __future__ import annotations

import threading
from typing import Final, NamedTuple

from ogpgraph.readmodel.queries import PageRequest
from ogpgraph.storage.byte_cache import CacheUse

MAX_PAGE_BYTES: Final = 24 * 2**20
_BYTES_PER_PAGE: Final = 300
_BYTES_PER_SLOT: Final = 8
Slots = tuple[int, ...]


class PageKind(NamedTuple):
    """The pages with the same bounds of the lists of a type, where its aggregates have changed codes so often."""

    aggregate_type: str
    page_request: PageRequest
    recodings: int


class PageCache:
    """Slots in the order of their codes, by the bits of all slots of a list, and where these bits begin."""

    def __init__(self, max_bytes: int = MAX_PAGE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._pages: dict[PageKind, dict[tuple[int, int], Slots]] = {}
        self._bytes = self._hits = self._misses = 0

    def of_kind(self, kind: PageKind) -> dict[tuple[int, int], Slots]:
        """Return the pages of a kind, by offset and bits, for reading."""
        return self._pages.get(kind, {})

    def add(self, kind: PageKind, bits: tuple[int, int], slots: Slots) -> None:
        """Add a page; all are dropped where they take too much, which seldom happens."""
        size = _BYTES_PER_PAGE + bits[1].bit_length() // 8 + _BYTES_PER_SLOT * len(slots)
        with self._lock:
            if self._bytes + size > self._max_bytes:
                self._pages, self._bytes = {}, 0
            self._pages.setdefault(kind, {})[bits] = slots
            self._bytes += size

    def count(self, hits: int, misses: int) -> None:
        """Count how often pages were found or not; concurrent readers may lose a few."""
        self._hits += hits
        self._misses += misses

    def use(self) -> CacheUse:
        """Return how much the cache has and how often it was of use."""
        with self._lock:
            return CacheUse(sum(map(len, self._pages.values())), self._bytes, self._hits, self._misses)
