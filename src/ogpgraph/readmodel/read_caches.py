"""What a process keeps of what it has read: states, entries and indexes of positions, which never change.

Each cache is bounded by the memory that it is estimated to take, and says how often it was of use.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ogpgraph.readmodel.earlier_claims import DatedStateCache
from ogpgraph.readmodel.entry import Entry
from ogpgraph.readmodel.fragment_cache import FragmentCache
from ogpgraph.readmodel.index_cache import PastIndexes
from ogpgraph.readmodel.kept_responses import KeptResponses
from ogpgraph.readmodel.page_cache import PageCache
from ogpgraph.readmodel.queries import AggregateQuery
from ogpgraph.readmodel.search_index import SearchIndex
from ogpgraph.readmodel.sort_keys import Order
from ogpgraph.readmodel.states import StateCache
from ogpgraph.storage.byte_cache import ByteCache, CacheUse

MAX_ENTRY_BYTES: Final = 96 * 2**20
MAX_MATCH_BYTES: Final = 16 * 2**20
MAX_QUERY_BYTES: Final = 8 * 2**20
_BYTES_PER_QUERY: Final = 6_000
"""About what the conditions of a query take."""
_BYTES_PER_ENTRY: Final = 3_000
"""About what an entry takes in memory with its event decoded, besides its payload and its delta."""
_DECODED_RATIO: Final = 4
"""A payload or a delta takes about so many times its bytes once it is decoded."""


def _size_of_entry(entry: Entry) -> int:
    row = entry.row
    return _BYTES_PER_ENTRY + _DECODED_RATIO * (len(row["payload"] or b"") + len(row["delta"] or b""))


class QueryKey(NamedTuple):
    """Which query: of which list, in which order, by which filter (its id), and where the filter is evaluated."""

    aggregate_type: str
    parent: str | None
    order: Order
    filter_id: int
    position: int
    day: int
    redaction_version: int


def _size_of_query(_query: object) -> int:
    return _BYTES_PER_QUERY


def _size_of_bitset(mask: int) -> int:
    return _BYTES_PER_QUERY + mask.bit_length() // 8


@dataclass(frozen=True)
class ReadCaches:
    """The caches of one history of a log, as one set of tables has it; another one begins with empty caches."""

    states: StateCache = field(default_factory=StateCache)
    dated_states: DatedStateCache = field(default_factory=DatedStateCache)
    entries: ByteCache[int, Entry] = field(default_factory=lambda: ByteCache(MAX_ENTRY_BYTES, _size_of_entry))
    past_indexes: PastIndexes = field(default_factory=PastIndexes)
    fragments: FragmentCache = field(default_factory=FragmentCache)
    responses: KeptResponses = field(default_factory=KeptResponses)
    search: SearchIndex = field(default_factory=SearchIndex)
    pages: PageCache = field(default_factory=PageCache)
    matches: ByteCache[tuple[int, int, AggregateQuery], int] = field(
        default_factory=lambda: ByteCache(MAX_MATCH_BYTES, _size_of_bitset)
    )
    """The aggregates in a list, since which position, by which redactions, for which query."""
    queries: ByteCache[QueryKey, tuple[object, AggregateQuery]] = field(
        default_factory=lambda: ByteCache(MAX_QUERY_BYTES, _size_of_query)
    )
    """The queries that filters stand for at a position, each with its filter."""

    def describe(self) -> dict[str, CacheUse]:
        """Return the use of each cache that counts it."""
        return {
            "states": self.states.use(),
            "datedStates": self.dated_states.use(),
            "entries": self.entries.use(),
            "pastIndexes": self.past_indexes.use(),
            "fragments": self.fragments.use(),
            "responses": self.responses.use(),
            "pages": self.pages.use(),
            "queries": self.queries.use(),
            "matches": self.matches.use(),
            "tagHistories": self.past_indexes.histories.use(),
            "search": self.search.use(),
        }
