"""What a process keeps of what it has read: states, entries and indexes of positions, which never change.

Each cache is bounded by the memory that it is estimated to take, and says how often it was of use.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ogpgraph.readmodel.earlier_claims import DatedStateCache
from ogpgraph.readmodel.entry import Entry
from ogpgraph.readmodel.fragment_cache import FragmentCache
from ogpgraph.readmodel.index_cache import PastIndexes
from ogpgraph.readmodel.search_index import SearchIndex
from ogpgraph.readmodel.states import StateCache
from ogpgraph.storage.byte_cache import ByteCache, CacheUse

MAX_ENTRY_BYTES: Final = 96 * 2**20
_BYTES_PER_ENTRY: Final = 3_000
"""About what an entry takes in memory with its event decoded, besides its payload and its delta."""
_DECODED_RATIO: Final = 4
"""A payload or a delta takes about so many times its bytes once it is decoded."""


def _size_of_entry(entry: Entry) -> int:
    row = entry.row
    return _BYTES_PER_ENTRY + _DECODED_RATIO * sum(len(row[column] or b"") for column in ("payload", "delta"))


@dataclass(frozen=True)
class ReadCaches:
    """The caches of one history of a log, as one set of tables has it; another one begins with empty caches."""

    states: StateCache = field(default_factory=StateCache)
    dated_states: DatedStateCache = field(default_factory=DatedStateCache)
    entries: ByteCache[int, Entry] = field(default_factory=lambda: ByteCache(MAX_ENTRY_BYTES, _size_of_entry))
    past_indexes: PastIndexes = field(default_factory=PastIndexes)
    fragments: FragmentCache = field(default_factory=FragmentCache)
    search: SearchIndex = field(default_factory=SearchIndex)

    def describe(self) -> dict[str, CacheUse]:
        """Return the use of each cache that counts it."""
        return {
            "states": self.states.use(),
            "datedStates": self.dated_states.use(),
            "entries": self.entries.use(),
            "pastIndexes": self.past_indexes.use(),
            "fragments": self.fragments.use(),
            "tagHistories": self.past_indexes.histories.use(),
            "search": self.search.use(),
        }
