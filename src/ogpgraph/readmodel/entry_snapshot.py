"""The entries of a snapshot: lists of them, the histories of aggregates, and the sources and texts that they name."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.readmodel import queries
from ogpgraph.readmodel.aggregate_snapshot import AggregateReader, AggregateSnapshot
from ogpgraph.readmodel.entry import Entry
from ogpgraph.readmodel.entry_query import ALL_ENTRIES, BY_POSITION, LATEST_FIRST, EntryQuery
from ogpgraph.readmodel.index import PRESENT_DAY
from ogpgraph.readmodel.queries import Page, PageKey, PageRequest, build_page
from ogpgraph.storage.database import Row, iter_chunks


class EntryReader(AggregateReader, Protocol):
    """What a snapshot of entries needs of the session that it is taken from."""

    def load_entries(self, positions: Iterable[int]) -> dict[int, Entry]:
        """Return position → entry, without what the tables lack."""

    def load_entry(self, row: Row) -> Entry:
        """Return the entry in a row."""


class EntrySnapshot(AggregateSnapshot):
    """The entries up to a position, and its aggregates. What one entry leads to is fetched for all loaded so far."""

    session: EntryReader

    def __init__(self, session: EntryReader, position: int, day: int = PRESENT_DAY) -> None:
        super().__init__(session, position, day)
        self._histories: dict[PageRequest, dict[str, Page[Entry]]] = defaultdict(dict)
        self._filtered_histories: dict[tuple[EntryQuery, PageRequest], dict[str, Page[Entry]]] = defaultdict(dict)
        self._history_counts: dict[EntryQuery, dict[str, int]] = defaultdict(dict)
        self._entries: dict[tuple[str, int], Entry] = {}
        self._by_event: dict[str, Entry | None] = {}

    # Lists

    def page_entries(self, query: EntryQuery, page_request: PageRequest) -> Page[Entry]:
        """Return a slice of a list of entries."""
        if not query.has_conditions and query.order in (BY_POSITION, LATEST_FIRST):
            positions = _slice_all(self.position, page_request, descending=query.order == LATEST_FIRST)
            return self._build_entry_page(self.session.load_entries(positions), positions, page_request)
        rows = self.session.fetch(queries.select_entries(query, self.position, page_request))
        return self._build_entry_page(*self._index_by_position(rows), page_request)

    def page_history(
        self, aggregate: Aggregate, page_request: PageRequest, query: EntryQuery = ALL_ENTRIES
    ) -> Page[Entry]:
        """Return a slice of the entries about an aggregate; fetched for all aggregates loaded with it."""
        if query != ALL_ENTRIES:
            return self._page_filtered_history(aggregate, query, page_request)
        pages = self._histories[page_request]
        if aggregate.id not in pages:
            streams = self.session.state.streams
            slices = [
                (s, each.id, _slice(streams.positions(each.id, s.position), page_request))
                for s, each in self._batch(aggregate)
            ]
            found = self.session.load_entries({each for _, _, positions in slices for each in positions})
            for s, stream, positions in slices:
                s._histories[page_request][stream] = s._build_entry_page(found, positions, page_request)
        return pages[aggregate.id]

    def _page_filtered_history(self, aggregate: Aggregate, query: EntryQuery, page_request: PageRequest) -> Page[Entry]:
        """Return a slice of the entries about an aggregate that match, in the order of the query."""
        pages = self._filtered_histories[query, page_request]
        if aggregate.id not in pages:
            batch = self._batch(aggregate)
            found: dict[tuple[int, str], list[Row]] = {(s.position, each.id): [] for s, each in batch}
            for chunk in iter_chunks(list(found)):
                for row in self.session.fetch(queries.select_filtered_histories(query, page_request, chunk)):
                    found[row["at"], row["id"]].append(row)
            for s, each in batch:
                page = s._build_entry_page(*self._index_by_position(found[s.position, each.id]), page_request)
                s._filtered_histories[query, page_request][each.id] = page
        return pages[aggregate.id]

    def count_history(self, aggregate: Aggregate, query: EntryQuery) -> int:
        """Return how many entries about an aggregate match; counted for all aggregates loaded with it."""
        if not query.has_conditions:
            return aggregate.revision
        counts = self._history_counts[query]
        if aggregate.id not in counts:
            batch = self._batch(aggregate)
            found = dict.fromkeys(((s.position, each.id) for s, each in batch), 0)
            for chunk in iter_chunks(list(found)):
                for row in self.session.fetch(queries.count_filtered_histories(query, chunk)):
                    found[row["at"], row["id"]] = row["number"]
            for s, each in batch:
                s._history_counts[query][each.id] = found[s.position, each.id]
        return counts[aggregate.id]

    def count_entries(self, query: EntryQuery) -> int:
        """Return the size of a list of entries; that of all is the position, as positions have no gaps."""
        if not query.has_conditions:
            return self.position
        return int(self.session.fetch(queries.count_entries(query, self.position))[0]["number"])

    def page_positions(self, query: EntryQuery, page_request: PageRequest) -> list[int] | None:
        """Return the positions of a slice of a list of entries in its order; None where they have to be looked for."""
        if query.has_conditions or query.order not in (BY_POSITION, LATEST_FIRST):
            return None
        positions = _slice_all(self.position, page_request, descending=query.order == LATEST_FIRST)
        found = list(positions[: page_request.limit])
        return found[::-1] if page_request.backward else found

    def is_page_settled(self, query: EntryQuery, page_request: PageRequest) -> bool:
        """Return whether a slice of a list of entries has the same ones at all later positions, as far as is known."""
        if query.has_conditions or query.order not in (BY_POSITION, LATEST_FIRST):
            return False
        descending = query.order == LATEST_FIRST
        now, next_ = (
            _slice_all(last, page_request, descending=descending) for last in (self.position, self.position + 1)
        )
        return list(now[: page_request.limit]) == list(next_[: page_request.limit])

    # Single entries

    def find_entries(self, positions: Sequence[int]) -> list[Entry | None]:
        """Return the entries of some positions up to this snapshot's, None for one that the tables lack."""
        found = self.session.load_entries(positions)
        self._keep(found.values())
        return [found.get(position) for position in positions]

    def find_entry(self, position: int) -> Entry | None:
        """Return the entry of a position, None past this snapshot's."""
        if not 1 <= position <= self.position:
            return None
        found = self.session.load_entries([position])
        return self._keep(found.values())[0] if found else None

    def find_entry_by_event(self, event_id: str) -> Entry | None:
        """Return the entry of an event, None past this position; fetched with those that loaded entries refer to."""
        if event_id not in self._by_event:
            loaded = self._iter_loaded_entries()
            referred = (e.envelope.causation for e in loaded if e.envelope.causation)
            ids = sorted({event_id, *referred})
            chunks = iter_chunks(ids)
            rows = [row for chunk in chunks for row in self.session.fetch(queries.select_entries_of_events(chunk))]
            for s in self._siblings:
                entries = s._keep(self.session.load_entry(row) for row in rows if row["entry"] <= s.position)
                s._by_event |= dict.fromkeys(ids) | {entry.event_id: entry for entry in entries}
        return self._by_event[event_id]

    def find_amended_entry(self, entry: Entry) -> Entry | None:
        """Return the newest entry that another one amends, None if it amends none; fetched for all loaded entries."""
        if entry.amended_revision is None:
            return None
        key = entry.stream, entry.amended_revision
        if key not in self._entries:
            entries = [entry, *self._iter_loaded_entries()]
            self._load_revisions({(e.stream, e.amended_revision): [self] for e in entries if e.amended_revision})
        return self._entries.get(key)

    def find_entry_of_revision(self, aggregate: Aggregate, revision: int) -> Entry | None:
        """Return the entry that made a revision of an aggregate.

        Those of the revisions that the current claims of all aggregates loaded with it come from are fetched with it,
        or, if it is none of these, those that any of their claims comes from.
        """
        if (aggregate.id, revision) not in self._entries and revision <= aggregate.revision:
            batch = self._batch(aggregate)
            is_current = revision in _current_revisions(aggregate)
            revisions_of = _current_revisions if is_current else _claimed_revisions
            needed: dict[tuple[str, int], list[EntrySnapshot]] = defaultdict(list)
            for s, each in batch:
                for number in revisions_of(each):
                    needed[each.id, number].append(s)
            self._load_revisions(needed)
        if (aggregate.id, revision) not in self._entries and revision <= aggregate.revision:
            self.load_entries_of(aggregate, [revision])
        return self._entries.get((aggregate.id, revision))

    def load_entries_of(self, aggregate: Aggregate, revisions: Iterable[int]) -> None:
        """Load the entries that made some revisions of an aggregate, so that each is found without a statement."""
        self._load_revisions({(aggregate.id, revision): [self] for revision in revisions})

    def _load_revisions(self, needed: Mapping[tuple[str, int], Iterable[EntrySnapshot]]) -> None:
        """Load the entries of revisions (id, revision), each into the snapshots that need it."""
        missing = [key for key, snapshots in needed.items() if any(key not in s._entries for s in snapshots)]
        positions = {key: self.session.state.streams.position_of(*key) for key in missing}
        found = self.session.load_entries({position for position in positions.values() if position is not None})
        for key, position in positions.items():
            if position in found:
                for s in needed[key]:  # also where the event is missing: the entry names it
                    s._entries[key] = found[position]

    def find_position_of_revision(self, stream: str, revision: int) -> int | None:
        """Return the position of the entry that made a revision of an aggregate, None where there is none."""
        position = self.session.state.streams.position_of(stream, revision)
        return position if position is not None and position <= self.position else None

    def find_correlated_events(
        self, correlation: str, max_entries: int | None = None
    ) -> dict[str, tuple[int, ...]] | None:
        """Return stream → revisions of a correlation's entries; None where it has over `max_entries`."""
        rows = self.session.fetch(queries.select_correlated_events(correlation, self.position, max_entries))
        if max_entries is not None and len(rows) > max_entries:
            return None
        found: dict[str, list[int]] = defaultdict(list)
        for row in rows:
            found[row["id"]].append(row["revision"])
        return {stream: tuple(revisions) for stream, revisions in found.items()}

    # What entries lead to

    def find_source(self, stream: str) -> Aggregate | None:
        """Return a source, fetched with all that the loaded entries refer to."""
        if self.needs_loading(stream):
            entries = ((s, entry) for s in self._siblings for entry in s._entries.values())
            referred = ((s, item.source) for s, entry in entries for item in entry.envelope.evidence)
            self.session.load([(self, stream), *referred])
        return self.find(stream)

    def _index_by_position(self, rows: Iterable[Row]) -> tuple[dict[int, Entry], list[int]]:
        entries = {row["entry"]: self.session.load_entry(row) for row in rows}
        return entries, list(entries)

    def _build_entry_page(
        self, found: Mapping[int, Entry], positions: Iterable[int], page_request: PageRequest
    ) -> Page[Entry]:
        """Return the page of the entries at some positions, in their order, without those that the tables lack."""
        entries = self._keep(found[position] for position in positions if position in found)
        return build_page([((entry.position,), entry) for entry in entries], page_request)

    def _keep(self, found: Iterable[Entry]) -> list[Entry]:
        """Keep entries among those that were loaded, which are completed together."""
        entries = list(found)
        # As the rows say, unverified: only what is served from an entry is.
        self._entries |= {(entry.row["stream"], entry.row["revision"]): entry for entry in entries}
        return entries

    def _iter_loaded_entries(self) -> Iterator[Entry]:
        return (entry for s in self._siblings for entry in s._entries.values())

    def entry_text(self, reference: str, references: Callable[[Entry], Iterable[str]]) -> str | None:
        """Return a text that an entry refers to, None where it was removed; raises CorruptText.

        The texts that `references` finds in all entries loaded so far are fetched with it.
        """
        if reference not in self._texts:
            if (known := self._recall_text(reference)) is not None:
                return known
            self.load_texts([reference, *(r for entry in self._iter_loaded_entries() for r in references(entry))])
        return self.read_loaded_text(reference)


def _slice_all(last: int, page_request: PageRequest, *, descending: bool) -> Sequence[int]:
    """Return the positions of a slice of all entries up to the last, as `_slice` does."""
    if not descending:
        return _slice(range(1, last + 1), page_request)
    after, before = (_mirror(key) for key in (page_request.after, page_request.before))
    return [-position for position in _slice(range(-last, 0), replace(page_request, after=after, before=before))]


def _mirror(key: PageKey | None) -> PageKey | None:
    return key and (-int(key[0]),)


def _slice(positions: Sequence[int], page_request: PageRequest) -> Sequence[int]:
    """Return up to `limit + 1` positions of a slice of a list of entries, in the order in which the slice is read."""
    first = 0 if page_request.after is None else bisect_right(positions, int(page_request.after[0]))
    last = len(positions) if page_request.before is None else bisect_left(positions, int(page_request.before[0]))
    if page_request.backward:
        return positions[max(first, last - page_request.limit - 1) : max(first, last)][::-1]
    return positions[first : min(last, first + page_request.limit + 1)]


def _current_revisions(aggregate: Aggregate) -> frozenset[int]:
    return frozenset(claim.revision for claim in aggregate.current_claims.values())


def _claimed_revisions(aggregate: Aggregate) -> frozenset[int]:
    return frozenset(claim.revision for claims in aggregate.claims.values() for claim in claims)
