"""Snapshots: the record at one position, and as of one day or with all that was stated; its lists and its entries."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Protocol

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.lazy import cached_property
from ogpgraph.readmodel import queries
from ogpgraph.readmodel.aggregate_snapshot import AggregateReader, AggregateSnapshot
from ogpgraph.readmodel.bitsets import EMPTY_POSTING
from ogpgraph.readmodel.bookmark import Bookmark
from ogpgraph.readmodel.entry import Entry
from ogpgraph.readmodel.entry_query import ALL_ENTRIES, BY_POSITION, LATEST_FIRST, EntryQuery
from ogpgraph.readmodel.index import PRESENT_DAY, Index
from ogpgraph.readmodel.page_cache import PageKind
from ogpgraph.readmodel.queries import AggregateQuery, Page, PageKey, PageRequest, build_page
from ogpgraph.readmodel.search_index import OpenSearchIndex
from ogpgraph.readmodel.sort_keys import BY_CODE
from ogpgraph.readmodel.text_search import FoldedText, FoldedTexts, fold_text
from ogpgraph.storage.database import Row, iter_chunks
from ogpgraph.storage.log_identity import LogIdentity

MAX_LOOKUPS = 20
"""More codes are looked up in the index, which has to be read first at a past position."""


class RecordReader(AggregateReader, Protocol):
    """What a snapshot needs of the session that it is taken from."""

    log_identity: LogIdentity

    @property
    def checkpoint(self) -> Callable[[], None]:
        """Called in every loop over many items."""

    @property
    def folded_texts(self) -> FoldedTexts:
        """The texts as searches compare them."""

    def at(self, position: int, day: int = PRESENT_DAY) -> Snapshot:
        """Return the snapshot at a position and as of a day."""

    def at_head(self) -> Snapshot:
        """Return the snapshot at the head."""

    def at_time(self, moment: datetime) -> Snapshot:
        """Return the snapshot at the last entry not later than a moment."""

    def find_last_before(self, moment: datetime, max_position: int | None = None) -> Snapshot | None:
        """Return the snapshot at the last entry not later than a moment and, if given, a position."""

    def require(self, bookmark: Bookmark) -> None:
        """Raise OtherHistory unless a bookmark is of this history."""

    def read_values(self, dimension: str, aggregate_type: str | None = None) -> Sequence[str]:
        """Return the values that a dimension of tags of a type has had, or a column of entries."""

    def index(self, aggregate_type: str, position: int, day: int) -> Index:
        """Return the index of an aggregate type at a position and as of a day."""

    def open_search_index(self) -> OpenSearchIndex:
        """Return the index of the texts of all positions up to the head."""

    def load_entries(self, positions: Iterable[int]) -> dict[int, Entry]:
        """Return position → entry, without what the tables lack."""

    def load_entry(self, row: Row) -> Entry:
        """Return the entry in a row."""

    def read_texts(self, references: Iterable[str]) -> dict[str, str]:
        """Return reference → text, without those that were removed."""


class Snapshot(AggregateSnapshot):
    """The record at a position and as of a day: its aggregates, their lists and the entries."""

    session: RecordReader

    def __init__(self, session: RecordReader, position: int, day: int = PRESENT_DAY) -> None:
        super().__init__(session, position, day)
        self._indexes: dict[str, Index] = {}
        self._masks: dict[AggregateQuery, int] = {}
        self._searches: dict[tuple[str, str, frozenset[str]], tuple[str, ...]] = {}
        self._parent_pages: dict[tuple[AggregateQuery, PageRequest], dict[str, Page[Aggregate]]] = defaultdict(dict)
        self._histories: dict[PageRequest, dict[str, Page[Entry]]] = defaultdict(dict)
        self._filtered_histories: dict[tuple[EntryQuery, PageRequest], dict[str, Page[Entry]]] = defaultdict(dict)
        self._history_counts: dict[EntryQuery, dict[str, int]] = defaultdict(dict)
        self._entries: dict[tuple[str, int], Entry] = {}
        self._by_event: dict[str, Entry | None] = {}

    @property
    def undated(self) -> Snapshot:
        """Return the snapshot at the same position with all that was stated."""
        return self.session.at(self.position)

    def as_of(self, day: int) -> Snapshot:
        """Return the snapshot at the same position as of a day, pinned if this one is."""
        found = self.session.at(self.position, day)
        return found.pinned if self.is_pinned else found

    @cached_property
    def recorded_at(self) -> str | None:
        """Return when the entry at this position was recorded; None for an empty log."""
        entry = self.find_entry(self.position)
        return entry.recorded_at if entry else None

    @property
    def today(self) -> date | None:
        """Return the day with which due dates are compared: the one as of which is read, else that of the last entry.

        It is never that of the reader's clock, so that what is overdue at a position does not change; None for an empty
        log.
        """
        if self.date or self.recorded_at is None:
            return self.date
        return datetime.fromisoformat(self.recorded_at).date()

    # Lists of aggregates

    def find_ids_by_code(self, aggregate_type: str, codes: Iterable[str]) -> dict[str, str]:
        """Return code → the id of the aggregate that `find_by_code` finds for it, without those that find none."""
        distinct = list(dict.fromkeys(codes))
        is_many = len(distinct) > MAX_LOOKUPS and self.day == PRESENT_DAY
        found = self._look_up_codes(aggregate_type, distinct) if is_many else {}
        others = ((code, self.find_by_code(aggregate_type, code.strip())) for code in distinct if code not in found)
        return found | {code: aggregate.id for code, aggregate in others if aggregate}

    def _look_up_codes(self, aggregate_type: str, codes: Iterable[str]) -> dict[str, str]:
        """Return code → id for those codes that one aggregate has, as the index knows, and no other had."""
        index = self.index(aggregate_type)
        postings = index.values("code")
        found = {code: posting for code in codes if (posting := postings.get(code.strip().upper()))}
        single = {code: posting.mask() for code, posting in found.items() if posting.mask().bit_count() == 1}
        return {code: next(index.iter_ids(mask)) for code, mask in single.items()}

    def search(self, aggregate_type: str, dimension: str, text: str) -> tuple[str, ...]:
        """Return the values of a dimension of references whose texts contain all words of a text, in any order."""
        words = frozenset(fold_text(text).split())
        key = aggregate_type, dimension, words
        if key not in self._searches:
            found = self._read_folded_texts(aggregate_type, dimension)
            for word in sorted(words, key=len, reverse=True):  # long words are rare
                found = [pair for pair in found if word in pair[1]]
                self.session.checkpoint()
            self._searches[key] = tuple(reference for reference, _ in found)
        return self._searches[key]

    def _read_folded_texts(self, aggregate_type: str, dimension: str) -> Sequence[FoldedText]:
        session = self.session
        return session.folded_texts.get(
            self.index(aggregate_type), dimension, session.log_identity.redaction_version, session.read_texts
        )

    def page(self, query: AggregateQuery, page_request: PageRequest) -> Page[Aggregate]:
        """Return a slice of a list."""
        return self._build_pages(query, page_request, {"": self._evaluate(query)})[""]

    def page_for_parent(self, parent: Aggregate, query: AggregateQuery, page_request: PageRequest) -> Page[Aggregate]:
        """Return a slice of a parent's part of a list; built for all parents loaded with this one."""
        pages = self._parent_pages[query, page_request]
        if parent.id not in pages:
            mask = self._evaluate(query)
            missing = [each.id for each in self.batch(parent) if each.id not in pages]
            masks = {each: mask & self._select_owned(query, each) for each in missing}
            pages |= self._build_pages(query, page_request, masks)
        return pages[parent.id]

    def page_versions(self, query: AggregateQuery, page_request: PageRequest, parent: str | None = None) -> list[int]:
        """Return the versions of the aggregates of a slice of a list, or of a parent's part of it, in its order.

        No aggregate is loaded. The snapshot is none as of a day, which has no versions.
        """
        if parent is not None:
            return self.page_versions_of_parts(query, page_request, [parent])[0]
        [versions] = self._find_page_versions(query, page_request, [(0, self._evaluate(query))])
        return versions

    def page_versions_of_parts(
        self, query: AggregateQuery, page_request: PageRequest, parents: Iterable[str]
    ) -> list[list[int]]:
        """Return the versions of the aggregates of a slice of each parent's part of a list, as `page_versions` does."""
        mask, postings = self._evaluate(query), self.index(query.aggregate_type).values(query.parent or "")
        owned = [postings.get(parent, EMPTY_POSTING) for parent in parents]
        parts = [(offset, mask >> offset & bits) for offset, bits in owned]
        return self._find_page_versions(query, page_request, parts)

    def _find_page_versions(
        self, query: AggregateQuery, page_request: PageRequest, parts: Sequence[tuple[int, int]]
    ) -> list[list[int]]:
        """Return the versions of the aggregates of a slice of each of some bitsets, given by offset and bits."""
        index, pages = self.index(query.aggregate_type), self.session.caches.pages
        streams = index.streams
        kind = PageKind(query.aggregate_type, page_request, streams.recodings)
        known = pages.of_kind(kind) if query.order == BY_CODE else {}
        found = [known.get(part) for part in parts]
        missing = [number for number, each in enumerate(found) if each is None]
        for number in missing:
            found[number] = slots = self._sort_page(index, query, page_request, parts[number])
            if query.order == BY_CODE and not streams.are_recoded(slots):
                pages.add(kind, parts[number], slots)
        pages.count(len(parts) - len(missing), len(missing))
        return [streams.versions_at(slots or (), self.position) for slots in found]

    def _sort_page(
        self, index: Index, query: AggregateQuery, page_request: PageRequest, part: tuple[int, int]
    ) -> tuple[int, ...]:
        offset, bits = part
        bounds = page_request.after, page_request.before
        found = index.page(bits << offset, query.order, page_request.limit, bounds, backward=page_request.backward)
        slots = [index.streams.slots[stream] for _, stream in found]
        return tuple(slots[::-1] if page_request.backward else slots)

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

    def count(self, query: AggregateQuery, parent: Aggregate | None = None) -> int:
        """Return the size of a list, or of a parent's part of it."""
        return self.select(query, parent).bit_count()

    def count_part(self, query: AggregateQuery, parent: str) -> int:
        """Return the size of a parent's part of a list."""
        return (self._evaluate(query) & self._select_owned(query, parent)).bit_count()

    def select(self, query: AggregateQuery, parent: Aggregate | None = None) -> int:
        """Return the members of a list, or of a parent's part of it, as a bitset of the type's index."""
        return self._evaluate(query) & (self._select_owned(query, parent.id) if parent else -1)

    def index(self, aggregate_type: str) -> Index:
        """Return the index of an aggregate type at this position."""
        if aggregate_type not in self._indexes:
            self._indexes[aggregate_type] = self.session.index(aggregate_type, self.position, self.day)
        return self._indexes[aggregate_type]

    def _build_pages(
        self, query: AggregateQuery, page_request: PageRequest, masks: dict[str, int]
    ) -> dict[str, Page[Aggregate]]:
        index, bounds = self.index(query.aggregate_type), (page_request.after, page_request.before)
        limit, backward = page_request.limit + 1, page_request.backward
        found = {each: index.page(m, query.order, limit, bounds, backward=backward) for each, m in masks.items()}
        aggregates = self.find_many(stream for keyed in found.values() for _, stream in keyed[: page_request.limit])
        pages = {each: build_page(keyed, page_request) for each, keyed in found.items()}
        return {each: page.map_items(aggregates) for each, page in pages.items()}

    def _evaluate(self, query: AggregateQuery) -> int:
        if query not in self._masks:
            self._masks[query] = self._find_matches(query)
        return self._masks[query]

    def _find_matches(self, query: AggregateQuery) -> int:
        """Return the members of a list, from the cache if possible: they are the same until what decides changes."""
        if self.day != PRESENT_DAY or not query.is_portable:
            return self._match(query)
        matches, version = self.session.caches.matches, self.session.log_identity.redaction_version
        key = self._find_last_change(query), version, query
        if (mask := matches.get(key)) is None:
            mask = self._match(query)
            matches.add({key: mask})
        return mask

    def _find_last_change(self, query: AggregateQuery) -> int:
        """Return a position since which a list has had the same members, as far as that is known."""
        if query.dimensions is None:
            return self.position
        return max(self.index(name).version(dimension) for name, dimension in query.dimensions)

    def _match(self, query: AggregateQuery) -> int:
        return query.condition.evaluate(self.index(query.aggregate_type), self.index).fulfilled

    def _select_owned(self, query: AggregateQuery, parent: str) -> int:
        return self.index(query.aggregate_type).select(query.parent or "", (parent,))

    # Entries

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
            needed: dict[tuple[str, int], list[Snapshot]] = defaultdict(list)
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

    def _load_revisions(self, needed: Mapping[tuple[str, int], Iterable[Snapshot]]) -> None:
        """Load the entries of revisions (id, revision), each into the snapshots that need it."""
        missing = [key for key, snapshots in needed.items() if any(key not in s._entries for s in snapshots)]
        positions = {key: self.session.state.streams.position_of(*key) for key in missing}
        found = self.session.load_entries({position for position in positions.values() if position is not None})
        for key, position in positions.items():
            if position in found:
                for s in needed[key]:
                    s._keep([found[position]])

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

    def find_source(self, stream: str) -> Aggregate | None:
        """Return a source, fetched with all that the loaded entries refer to."""
        if self.needs_loading(stream):
            entries = ((s, entry) for s in self._siblings for entry in s._entries.values())
            referred = ((s, item.source) for s, entry in entries for item in entry.envelope.evidence)
            self.session.load([(self, stream), *referred])
        return self.find(stream)

    def as_of_entry(self, entry: Entry, stream_of: Callable[[Entry], str | None]) -> tuple[Snapshot, Aggregate | None]:
        """Return the snapshot at an entry's position and an aggregate there; fetched for all entries loaded so far.

        It has all that was stated, also for a reader that goes by a date: what an entry leads to depends on the entry.
        """
        return self._find_then(entry, stream_of(entry), lambda each: filter(None, [stream_of(each)]))

    def find_cited_source(self, entry: Entry, stream: str) -> tuple[Snapshot, Aggregate | None]:
        """Return the snapshot at an entry's position and a source that it cites there; fetched like `as_of_entry`."""
        return self._find_then(entry, stream, lambda each: (item.source for item in each.envelope.evidence))

    def _find_then(
        self, entry: Entry, stream: str | None, streams_of: Callable[[Entry], Iterable[str]]
    ) -> tuple[Snapshot, Aggregate | None]:
        snapshot = self.session.at(entry.position).pinned
        if stream is None:
            return snapshot, None
        if snapshot.needs_loading(stream):
            entries = list(self._iter_loaded_entries())
            siblings = [self.session.at(each.position).pinned for each in entries]
            # A list of a hundred entries has a hundred snapshots: without this, each would fetch its own texts.
            for sibling in siblings:
                sibling._siblings = siblings
            requested = ((s, each) for s, e in zip(siblings, entries, strict=True) for each in streams_of(e))
            self.session.load(requested)
        return snapshot, snapshot.find(stream)

    def find_present(self, entry: Entry) -> tuple[Snapshot, Aggregate | None]:
        """Return the snapshot at the head and the subject of an entry there; fetched for all entries loaded so far."""
        head = self.session.at_head()
        if head.needs_loading(entry.stream):
            head.find_many([entry.stream, *(each.stream for each in self._iter_loaded_entries())])
        return head, head.find(entry.stream)

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
