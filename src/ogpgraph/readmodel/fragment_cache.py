"""The fragment cache: parts of responses that depend on a version of the record alone, which never change.

A version is named by the position of its entry: that of an aggregate, and the entry itself. Counts of lists are kept by
what they depend on instead. The fragments of the same
selection are in one table, so that a reader of a hundred versions makes a hundred look-ups in a dict and takes no lock.

What was not used for longest is dropped. To know that exactly, each use would have to be noted. Instead there are two
generations: fragments are added to the young one, and those of the old one are added to it when they are used. When the
young one has half of the bytes, it becomes the old one, and the old one is dropped.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Final

from ogpgraph.storage.byte_cache import CacheUse

MAX_FRAGMENT_BYTES: Final = 192 * 2**20
LARGEST_SHARE: Final = 64
"""A fragment takes at most this part of the cache, so that none displaces most others."""
_BYTES_PER_FRAGMENT: Final = 300
"""About what a tuple of a few pieces takes besides their bytes, with its key and its place in a dict."""
_BYTES_PER_TABLE: Final = 1_000
Fragment = tuple[Any, ...]
"""How many objects it has, how many characters of texts were read for it, and its pieces, in an order that the table's
owner knows: bytes, tuples of bytes, or ids."""


class FragmentTable:
    """The fragments of one selection, by the positions of the versions, or by what else they depend on."""

    __slots__ = ("_cache", "old", "young")

    def __init__(self, cache: FragmentCache) -> None:
        self._cache = cache
        self.young: dict[Hashable, Fragment] = {}
        self.old: dict[Hashable, Fragment] = {}

    def find(self, versions: Iterable[Hashable]) -> list[Fragment | None]:
        """Return the fragments of versions in their order, None for those that are not cached."""
        wanted = list(versions)
        found = list(map(self.young.get, wanted))
        if self.old and None in found:
            again = {n: self.old.get(wanted[n]) for n, each in enumerate(found) if each is None}
            used = {wanted[n]: each for n, each in again.items() if each is not None}
            if used:
                self.add(used)
                for n, each in again.items():
                    found[n] = each
        return found

    def add(self, fragments: Mapping[Any, Fragment]) -> None:
        """Add fragments, unless they are large."""
        self._cache.add(self, fragments)


class FragmentCache:
    """The tables of all selections, in two generations. Threads may use it at once."""

    def __init__(self, max_bytes: int = MAX_FRAGMENT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._tables: dict[Hashable, FragmentTable] = {}
        self._young_bytes = self._old_bytes = 0
        self.hits = self.misses = 0

    def table(self, key: Hashable) -> FragmentTable:
        """Return the table of a key, which says what its fragments have and all that they depend on but the version."""
        table = self._tables.get(key)
        if table is None:
            with self._lock:
                self._young_bytes += _BYTES_PER_TABLE
                table = self._tables.setdefault(key, FragmentTable(self))
        return table

    def add(self, table: FragmentTable, fragments: Mapping[Any, Fragment]) -> None:
        """Add fragments to a table, unless they are large, and drop old ones."""
        sized = {version: (fragment, _count_bytes(fragment)) for version, fragment in fragments.items()}
        with self._lock:
            for version, (fragment, size) in sized.items():
                if size > self._max_bytes // LARGEST_SHARE or version in table.young:
                    continue
                table.young[version] = fragment
                self._young_bytes += size
            if self._young_bytes > self._max_bytes // 2:
                self._begin_generation()

    def count(self, hits: int, misses: int) -> None:
        """Count how often fragments were found or not; concurrent readers may lose a few."""
        self.hits += hits
        self.misses += misses

    def clear(self) -> None:
        """Drop all fragments."""
        with self._lock:
            self._begin_generation()
            self._begin_generation()

    def use(self) -> CacheUse:
        """Return how much the cache has and how often it was of use."""
        with self._lock:
            items = sum(len(table.young) + len(table.old) for table in self._tables.values())
            return CacheUse(items, self._young_bytes + self._old_bytes, self.hits, self.misses)

    def _begin_generation(self) -> None:
        for table in self._tables.values():
            table.old, table.young = table.young, {}
        self._tables = {key: table for key, table in self._tables.items() if table.old}
        self._old_bytes, self._young_bytes = self._young_bytes, 0


def _count_bytes(fragment: Fragment) -> int:
    return _BYTES_PER_FRAGMENT + sum(map(_size_of_piece, fragment[2:]))


def _size_of_piece(piece: bytes | tuple[bytes, ...] | str | None) -> int:
    if isinstance(piece, tuple):
        return sum(len(each) + 40 for each in piece)
    return len(piece) if piece is not None else 0
