"""Snapshots: the record at one position, and as of one day or with all that was stated; its lists and its entries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Protocol

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.lazy import cached_property
from ogpgraph.readmodel.aggregate_snapshot import complete_together
from ogpgraph.readmodel.bitsets import EMPTY_POSTING
from ogpgraph.readmodel.bookmark import Bookmark
from ogpgraph.readmodel.entry import Entry
from ogpgraph.readmodel.entry_snapshot import EntryReader, EntrySnapshot
from ogpgraph.readmodel.index import PRESENT_DAY, Index
from ogpgraph.readmodel.page_cache import PageKind
from ogpgraph.readmodel.queries import AggregateQuery, Page, PageRequest, build_page
from ogpgraph.readmodel.search_index import OpenSearchIndex
from ogpgraph.readmodel.sort_keys import BY_CODE
from ogpgraph.readmodel.text_search import FoldedText, FoldedTexts, fold_text
from ogpgraph.storage.log_identity import LogIdentity

MAX_LOOKUPS = 20
"""More codes are looked up in the index, which has to be read first at a past position."""


class RecordReader(EntryReader, Protocol):
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

    def read_texts(self, references: Iterable[str]) -> dict[str, str]:
        """Return reference → text, without those that were removed."""


class Snapshot(EntrySnapshot):
    """The record at a position and as of a day: its aggregates, their lists and the entries."""

    session: RecordReader

    def __init__(self, session: RecordReader, position: int, day: int = PRESENT_DAY) -> None:
        super().__init__(session, position, day)
        self._indexes: dict[str, Index] = {}
        self._masks: dict[AggregateQuery, int] = {}
        self._searches: dict[tuple[str, str, frozenset[str]], tuple[str, ...]] = {}
        self._parent_pages: dict[tuple[AggregateQuery, PageRequest], dict[str, Page[Aggregate]]] = defaultdict(dict)

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

    # What entries lead to

    def at_entry(self, entry: Entry) -> Snapshot:
        """Return the snapshot at an entry's position, with all that was stated, for a reader that named it."""
        return self.session.at(entry.position).pinned

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
        snapshot = self.at_entry(entry)
        if stream is None:
            return snapshot, None
        if snapshot.needs_loading(stream):
            entries = list(self._iter_loaded_entries())
            siblings = [self.at_entry(each) for each in entries]
            # A list of a hundred entries has a hundred snapshots: without this, each would fetch its own texts.
            complete_together(siblings)
            requested = ((s, each) for s, e in zip(siblings, entries, strict=True) for each in streams_of(e))
            self.session.load(requested)
        return snapshot, snapshot.find(stream)

    def find_present(self, entry: Entry) -> tuple[Snapshot, Aggregate | None]:
        """Return the snapshot at the head and the subject of an entry there; fetched for all entries loaded so far."""
        head = self.session.at_head()
        if head.needs_loading(entry.stream):
            head.find_many([entry.stream, *(each.stream for each in self._iter_loaded_entries())])
        return head, head.find(entry.stream)

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
        kind = PageKind(query.aggregate_type, page_request, streams.count_recodings(self.position))
        known = pages.of_kind(kind) if query.order == BY_CODE else {}
        found = [known.get(part) for part in parts]
        missing = [number for number, each in enumerate(found) if each is None]
        for number in missing:
            found[number] = slots = self._sort_page(index, query, page_request, parts[number])
            if query.order == BY_CODE:
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
