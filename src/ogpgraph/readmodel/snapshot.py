"""The only door for readers: the record as it stood at one position.

Whatever is read through a snapshot held at its position, nested things included. Things that came
in together are completed together: the first time a field of one of them needs a related thing, a
wording or a list, one statement fetches it for all of them. So the number of statements depends on
the shape of a query, never on the number of things it finds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from typing import Protocol

from ogpgraph.domain.aggregate import Aggregate, aggregate_type_of, own_sources
from ogpgraph.domain.code import resolve_code
from ogpgraph.domain.source import last_observed_at
from ogpgraph.domain.values import value_text_references
from ogpgraph.readmodel.entry import Entry
from ogpgraph.readmodel.index import Index
from ogpgraph.readmodel.queries import (
    VALID_AT,
    AggregateQuery,
    EntryQuery,
    Page,
    PageKey,
    PageRequest,
    ParentKey,
    SqlStatement,
    build_page,
    count_entries,
    count_entries_by_parent,
    select_entries,
    select_entries_by_parent,
)
from ogpgraph.readmodel.tags import code_of
from ogpgraph.storage.database import Row, Transaction, iter_chunks
from ogpgraph.storage.merkle import EMPTY_ROOT


class SnapshotSource(Protocol):
    """What a snapshot needs of the reading it is taken from."""

    transaction: Transaction
    projection_version: int

    def at(self, position: int) -> Snapshot:
        """Return the snapshot at a position."""
        ...

    def load(self, wanted: Iterable[tuple[Snapshot, str]]) -> None:
        """Load subjects into the snapshots that want them."""
        ...

    def decode_aggregate(self, row: Row) -> Aggregate:
        """Return the subject in a row."""
        ...

    def load_entry(self, row: Row) -> Entry:
        """Return the entry in a row."""
        ...

    def index(self, aggregate_type: str, position: int) -> Index:
        """Return the index of a kind at a position."""
        ...

    def find_last_before(self, moment: datetime, most: int | None = None) -> Snapshot | None:
        """Return the snapshot after the last entry not later than a moment, nor than the position `most`, if any."""
        ...

    def read_texts(self, references: Iterable[str]) -> dict[str, str]:
        """Return reference → wording."""
        ...


class Snapshot:
    """The record as it stood at `position`."""

    def __init__(self, session: SnapshotSource, position: int) -> None:
        self.session = session
        self.position = position
        self._transaction = session.transaction
        self._loaded: dict[str, dict[str, Aggregate]] = defaultdict(dict)
        self._since: dict[str, int] = {}
        self._absent: set[str] = set()
        self._texts: dict[str, str | None] = {}
        self._indexes: dict[str, Index] = {}
        self._results: dict[AggregateQuery, int] = {}
        self._parent_pages: dict[tuple[AggregateQuery, PageRequest], dict[str, Page[Aggregate]]] = {}
        self._histories: dict[tuple[EntryQuery, PageRequest], dict[str, Page[Entry]]] = defaultdict(dict)
        self._counts: dict[EntryQuery, dict[str, int]] = defaultdict(dict)
        self._entries: dict[tuple[str, int], Entry] = {}
        self._by_event: dict[str, Entry | None] = {}
        self._sibling_snapshots: list[Snapshot] = [self]

    # Subjects

    def find(self, stream: str) -> Aggregate | None:
        """Return a subject by its id, or None where there was none."""
        return self.find_many([stream]).get(stream)

    def find_many(self, streams: Iterable[str]) -> dict[str, Aggregate]:
        """Return the subjects that there were of these ids."""
        wanted = list(dict.fromkeys(streams))
        self.session.load((self, stream) for stream in wanted)
        known = self._loaded
        return {
            stream: known[aggregate_type_of(stream)][stream]
            for stream in wanted
            if stream in known[aggregate_type_of(stream)]
        }

    def needs_loading(self, stream: str) -> bool:
        """Tell whether it is not known yet if there was a subject of this id."""
        return stream not in self._loaded[aggregate_type_of(stream)] and stream not in self._absent

    def mark_absent(self, stream: str) -> None:
        """Remember that there was no subject of an id, unless it was received."""
        if stream not in self._loaded[aggregate_type_of(stream)]:
            self._absent.add(stream)

    def add_rows(self, rows: Iterable[Row]) -> dict[str, Aggregate]:
        """Keep the subjects of some rows for the rest of the reading, and return them by id."""
        received = {}
        for row in rows:
            aggregate = received[row["id"]] = self.session.decode_aggregate(row)
            self._loaded[aggregate.type][aggregate.id] = aggregate
            self._since[aggregate.id] = row["since"]
        return received

    def since(self, stream: str) -> int:
        """Return the position since which a subject that was read is as it is."""
        return self._since[stream]

    def find_by_code(self, aggregate_type: str, code: str) -> Aggregate | None:
        """Return the subject that a present or former code means, or a key it was known by, in any case, or None."""
        rows = self._transaction.fetch_all(
            # Tags first: SQLite takes a cross join in the order it is written, PostgreSQL finds the order by itself.
            "select v.id, v.since, v.revision, v.document from tag t cross join version v "
            "where t.aggregate_type = :aggregate_type and t.dimension = 'code' and t.value = :code "
            f"and {VALID_AT.format('t')} and v.id = t.id and {VALID_AT.format('v')} order by v.code <> :code, v.since",
            aggregate_type=aggregate_type,
            code=code.upper(),
            at=self.position,
        )
        return next(iter(self.add_rows(rows).values()), None) or self._find_merged(aggregate_type, code)

    def _find_merged(self, aggregate_type: str, code: str) -> Aggregate | None:
        """Return the subject that a code means by way of another, which was merged into it and no list has any more."""
        stream = resolve_code(aggregate_type, code, self.find)
        found = self.find(stream) if stream else None
        return found if found and code_of(found) else None

    def find_ids_by_tag(self, aggregate_type: str, dimension: str, values: Sequence[str]) -> list[str]:
        """Return the ids of the aggregates that have one of some values of a dimension, in no order."""
        sql = (
            "select distinct t.id from tag t where t.aggregate_type = :aggregate_type "
            f"and t.dimension = :dimension and t.value in :values and {VALID_AT.format('t')}"
        )
        bounds = {"aggregate_type": aggregate_type, "dimension": dimension, "at": self.position}
        found = (self._transaction.fetch_all(sql, values=chunk, **bounds) for chunk in iter_chunks(values))
        return [row["id"] for rows in found for row in rows]

    def find_related(self, aggregate: Aggregate, path: str) -> Aggregate | None:
        """Return the subject that a path of another refers to; fetched for all that came with that one."""
        return next(iter(self.find_all_related(aggregate, lambda each: filter(None, [each.string(path)]))), None)

    def find_all_related(
        self, aggregate: Aggregate, references: Callable[[Aggregate], Iterable[str]]
    ) -> list[Aggregate]:
        """Return the subjects whose ids a function finds in a subject, fetched for all that came with it."""
        targets = list(references(aggregate))
        if any(self.needs_loading(target) for target in targets):
            self.session.load((s, t) for s, each in self._batch_with_siblings(aggregate) for t in references(each))
        found = self.find_many(targets)
        return [found[target] for target in targets if target in found]

    def batch(self, aggregate: Aggregate) -> list[Aggregate]:
        """Return the subjects of the same kind that came in with one, itself included where it is of this snapshot."""
        return list(self._loaded[aggregate.type].values()) or [aggregate]

    def _batch_with_siblings(self, aggregate: Aggregate) -> list[tuple[Snapshot, Aggregate]]:
        """Return the subjects that came in with one, those of the snapshots that came in with this one included."""
        alike = [(s, each) for s in self._sibling_snapshots for each in s._loaded[aggregate.type].values()]  # noqa: SLF001 - its own kind
        return alike or [(self, aggregate)]

    # Wordings

    def text(self, aggregate: Aggregate, path: str, reference: str) -> str | None:
        """Return the words a path of a subject refers to; None where they were removed.

        Asked for one, the wordings of the same field are fetched for all that came with it.
        """
        if reference not in self._texts:
            group = path.partition("/")[0]
            self._load_texts(r for _, each in self._batch_with_siblings(aggregate) for r in _references(each, group))
        return self._texts.get(reference)

    def entry_text(self, reference: str, group: Callable[[Entry], Iterable[str]]) -> str | None:
        """Return words that an entry refers to, fetched with those of all entries read so far; None where removed."""
        if reference not in self._texts:
            self._load_texts([reference, *(r for entry in self._iter_loaded_entries() for r in group(entry))])
        return self._texts.get(reference)

    def _load_texts(self, references: Iterable[str]) -> None:
        wanted = {reference for reference in references if reference not in self._texts}
        found = self.session.read_texts(wanted)
        for snapshot in self._sibling_snapshots:
            snapshot._texts |= {reference: found.get(reference) for reference in wanted}  # noqa: SLF001 - its own kind

    # Lists

    def page(self, query: AggregateQuery, page_request: PageRequest) -> Page[Aggregate]:
        """Return a slice of a list of subjects."""
        return self._build_pages(query, page_request, {"": self._evaluate(query)})[""]

    def page_for_parent(self, parent: Aggregate, query: AggregateQuery, page_request: PageRequest) -> Page[Aggregate]:
        """Return a slice of a parent's part of a list; asked of one, it is fetched for all that came with it."""
        pages = self._parent_pages.setdefault((query, page_request), {})
        if parent.id not in pages:
            mask = self._evaluate(query)
            owners = [each.id for each in self.batch(parent) if each.id not in pages]
            pages |= self._build_pages(
                query, page_request, {owner: mask & self._select_owned(query, owner) for owner in owners}
            )
        return pages[parent.id]

    def count(self, query: AggregateQuery, parent: Aggregate | None = None) -> int:
        """Return how many there are in a list, or in a parent's part of it."""
        return self.select(query, parent).bit_count()

    def select(self, query: AggregateQuery, parent: Aggregate | None = None) -> int:
        """Return who is in a list, or in a parent's part of it, as a bitset of the kind's index."""
        return self._evaluate(query) & (self._select_owned(query, parent.id) if parent else -1)

    def index(self, aggregate_type: str) -> Index:
        """Return the index of a kind at this position."""
        if aggregate_type not in self._indexes:
            self._indexes[aggregate_type] = self.session.index(aggregate_type, self.position)
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
        if query not in self._results:
            self._results[query] = query.condition.evaluate(self.index(query.aggregate_type), self.index)
        return self._results[query]

    def _select_owned(self, query: AggregateQuery, owner: str) -> int:
        return self.index(query.aggregate_type).select(query.parent or "", (owner,))

    def _execute(self, statement: SqlStatement) -> list[Row]:
        return self._transaction.fetch_all(statement.sql, **statement.parameters)

    # Entries

    def page_entries(self, query: EntryQuery, page_request: PageRequest) -> Page[Entry]:
        """Return a slice of the list of entries."""
        return build_page(
            self._with_keys(self._load_entries(self._execute(select_entries(query, self.position, page_request)))),
            page_request,
        )

    def page_history(self, aggregate: Aggregate, query: EntryQuery, page_request: PageRequest) -> Page[Entry]:
        """Return a slice of a subject's own entries, fetched for all that came with it."""
        pages = self._histories[query, page_request]
        if aggregate.id not in pages:
            parts = {(s.position, each.id): s for s, each in self._batch_with_siblings(aggregate)}
            found: dict[ParentKey, list[tuple[PageKey, Entry]]] = {part: [] for part in parts}
            for chunk in iter_chunks(list(parts)):
                for row in self._execute(select_entries_by_parent(query, page_request, chunk)):
                    part = row["at"], row["parent"]
                    found[part] += self._with_keys(parts[part]._load_entries([row]))  # noqa: SLF001 - its own kind
            for part, s in parts.items():
                s._histories[query, page_request][part[1]] = build_page(found[part], page_request)  # noqa: SLF001 - its own kind
        return pages[aggregate.id]

    def count_entries(self, query: EntryQuery, aggregate: Aggregate | None = None) -> int:
        """Return how many entries a list has, or a subject's part of it."""
        if aggregate is None:
            return int(self._execute(count_entries(query, self.position))[0]["number"])
        if aggregate.id not in self._counts[query]:
            parts = {(s.position, each.id): s for s, each in self._batch_with_siblings(aggregate)}
            for chunk in iter_chunks(list(parts)):
                numbers = {
                    (row["at"], row["parent"]): row["number"]
                    for row in self._execute(count_entries_by_parent(query, chunk))
                }
                for part in chunk:
                    parts[part]._counts[query][part[1]] = numbers.get(part, 0)  # noqa: SLF001 - its own kind
        return self._counts[query][aggregate.id]

    def _with_keys(self, entries: Iterable[Entry]) -> list[tuple[PageKey, Entry]]:
        return [((entry.position,), entry) for entry in entries]

    def find_entry(self, position: int) -> Entry | None:
        """Return the entry of a position, None past this snapshot's."""
        if not 1 <= position <= self.position:
            return None
        rows = self._transaction.fetch_all("select e.* from entry e where e.position = :position", position=position)
        return next(iter(self._load_entries(rows)), None)

    def find_entry_by_event(self, event_id: str) -> Entry | None:
        """Return the entry of an event, None past this position; fetched with those that entries read so far name."""
        if event_id not in self._by_event:
            named = (i for e in self._iter_loaded_entries() for i in (e.envelope.causation, e.envelope.corrects) if i)
            ids = sorted({event_id, *named})
            sql = "select e.* from entry e where e.event_id in :ids"
            rows = [row for chunk in iter_chunks(ids) for row in self._transaction.fetch_all(sql, ids=chunk)]
            for s in self._sibling_snapshots:
                entries = s._load_entries(row for row in rows if row["position"] <= s.position)  # noqa: SLF001 - its own kind
                s._by_event |= dict.fromkeys(ids) | {entry.event_id: entry for entry in entries}  # noqa: SLF001
        return self._by_event[event_id]

    def as_of_entry(self, entry: Entry, stream_of: Callable[[Entry], str | None]) -> tuple[Snapshot, Aggregate | None]:
        """Return the snapshot at an entry's position and a subject it names; fetched for all entries read so far."""
        stream, then = stream_of(entry), self.session.at(entry.position)
        if stream is None:
            return then, None
        if then.needs_loading(stream):
            entries = list(self._iter_loaded_entries())
            siblings = [self.session.at(each.position) for each in entries]
            for snapshot in siblings:
                snapshot._sibling_snapshots = siblings  # noqa: SLF001 - its own kind
            self.session.load((s, t) for s, e in zip(siblings, entries, strict=True) if (t := stream_of(e)))
        return then, then.find(stream)

    def find_source(self, stream: str) -> Aggregate | None:
        """Return a source, fetched with all that the entries read so far name."""
        if self.needs_loading(stream):
            entries = ((s, entry) for s in self._sibling_snapshots for entry in s._entries.values())  # noqa: SLF001 - its own kind
            named = ((s, item.source) for s, entry in entries for item in entry.envelope.evidence)
            self.session.load([(self, stream), *named])
        return self.find(stream)

    def find_entry_of_revision(self, aggregate: Aggregate, revision: int) -> Entry | None:
        """Return the entry that made a revision of a subject; fetched for all subjects that came with it."""
        if (aggregate.id, revision) not in self._entries:
            alike = self._batch_with_siblings(aggregate)
            streams, last = sorted({each.id for _, each in alike}), max(s.position for s, _ in alike)
            sql = "select e.* from entry e where e.stream in :streams and e.position <= :at order by e.position"
            rows: dict[str, list[Row]] = defaultdict(list)
            for chunk in iter_chunks(streams):
                for row in self._transaction.fetch_all(sql, streams=chunk, at=last):
                    rows[row["stream"]].append(row)
            for s, each in alike:
                s._load_entries(row for row in rows[each.id] if row["position"] <= s.position)  # noqa: SLF001 - its own kind
        return self._entries.get((aggregate.id, revision))

    def find_correlated_streams(self, correlation: str, max_entries: int | None = None) -> list[str] | None:
        """Return the streams that the entries of a correlation belong to, in the order of their first entry.

        None where there are more than `max_entries` entries.
        """
        limit = {} if max_entries is None else {"limit": max_entries + 1}
        sql = (
            "select stream from entry where correlation = :correlation and position <= :at order by position"
            f"{' limit :limit' if limit else ''}"
        )
        rows = self._transaction.fetch_all(sql, correlation=correlation, at=self.position, **limit)
        if max_entries is not None and len(rows) > max_entries:
            return None
        return list(dict.fromkeys(row["stream"] for row in rows))

    def _load_entries(self, rows: Iterable[Row]) -> list[Entry]:
        entries = [self.session.load_entry(row) for row in rows]
        self._entries |= {(entry.stream, entry.revision): entry for entry in entries}
        return entries

    def _iter_loaded_entries(self) -> Iterator[Entry]:
        """Yield the entries read so far, here and in the snapshots that came in with this one."""
        return (entry for s in self._sibling_snapshots for entry in s._entries.values())  # noqa: SLF001 - its own kind

    # The whole

    def last_observed_at(self, aggregate: Aggregate) -> datetime | None:
        """Return when a page or file that speaks of a subject was last seen, by lists of siblings not counted."""
        sources = self.find_all_related(aggregate, own_sources)
        return max(filter(None, (last_observed_at(source) for source in sources)), default=None)

    @cached_property
    def recorded_at(self) -> str | None:
        """Return when the entry at this position was recorded; None for an empty log."""
        entry = self.find_entry(self.position)
        return entry.recorded_at if entry else None

    @cached_property
    def root_hash(self) -> str:
        """Return the root of the log's tree at this position, in hex."""
        entry = self.find_entry(self.position)
        return entry.root if entry else EMPTY_ROOT.hex()

    @property
    def projection_version(self) -> int:
        """Return the version of the projection that made the rows."""
        return self.session.projection_version


def _references(aggregate: Aggregate, group: str) -> tuple[str, ...]:
    """Return the references to wordings in all fields of one name."""
    if "references" not in aggregate.cache:
        found: dict[str, list[str]] = defaultdict(list)
        for path, claims in aggregate.claims.items():
            found[path.partition("/")[0]] += (r for claim in claims for r in value_text_references(claim.value))
        aggregate.cache["references"] = {name: tuple(references) for name, references in found.items()}
    references: tuple[str, ...] = aggregate.cache["references"].get(group, ())
    return references
