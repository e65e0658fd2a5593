"""Read sessions and snapshots: the only way to read the record.

A session is one consistent view of the database, with its head pinned. A snapshot, taken from a session, is the record
at one position: whatever is read through it is valid there, related aggregates included.

Aggregates that were loaded together are completed together: the first time one of them needs a related aggregate, a
text or a list, one statement fetches it for all of them. So the number of statements depends on the shape of a query,
never on how many things it finds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from ogpgraph.clock import format_timestamp
from ogpgraph.domain.aggregate import Aggregate, aggregate_type_of, own_sources
from ogpgraph.domain.code import resolve_code
from ogpgraph.domain.errors import Conflict
from ogpgraph.domain.source import last_observed_at
from ogpgraph.domain.values import value_text_references
from ogpgraph.readmodel import queries
from ogpgraph.readmodel.entry import Entry
from ogpgraph.readmodel.index import Index, IndexCache
from ogpgraph.readmodel.projection import ProjectionProgress, ProjectionRunner, ProjectionStatus
from ogpgraph.readmodel.projector import ProjectionFailure
from ogpgraph.readmodel.queries import AggregateQuery, EntryQuery, Page, PageKey, PageRequest, SqlStatement, build_page
from ogpgraph.readmodel.tables import AggregateCache
from ogpgraph.readmodel.tags import code_of
from ogpgraph.storage.database import Row, Transaction, iter_chunks
from ogpgraph.storage.log_identity import LogIdentity, read_log_identity
from ogpgraph.storage.merkle import EMPTY_ROOT
from ogpgraph.storage.texts import TextReader


class PositionError(ValueError):
    """A position or time at which this session cannot read."""


@dataclass(frozen=True)
class SharedState:
    """State shared by the sessions of a process. Cached aggregates and indexes never change; texts can be removed."""

    projection: ProjectionRunner
    log_identity: LogIdentity
    aggregates: AggregateCache = field(default_factory=AggregateCache)
    indexes: IndexCache = field(default_factory=IndexCache)
    texts: TextReader = field(default_factory=TextReader)


class ReadSession:
    """One consistent view of the read model; snapshots are taken from it."""

    def __init__(
        self, shared: SharedState, transaction: Transaction, opened_at: datetime, progress: ProjectionProgress
    ) -> None:
        self.transaction = transaction
        self.opened_at = opened_at
        self.head = progress.position
        self.is_behind = progress.is_behind
        self.projection_version = progress.projection_version
        self.log_identity = shared.log_identity
        self.shared = shared
        self._snapshots: dict[int, Snapshot] = {}
        self._entries: dict[int, Entry] = {}

    # Positions and times

    def at_head(self) -> Snapshot:
        """Return the snapshot at the head."""
        return self.at(self.head)

    def at(self, position: int) -> Snapshot:
        """Return the snapshot at a position; raises PositionError before the first entry and past the head."""
        if position > self.head:
            raise PositionError(f"position {position} is past the head, which is {self.head}")
        if position < 1 and position != self.head:
            raise PositionError(f"position {position} is before the first entry, which is 1")
        if position not in self._snapshots:
            self._snapshots[position] = Snapshot(self, position)
        return self._snapshots[position]

    def at_time(self, moment: datetime) -> Snapshot:
        """Return the snapshot at the last entry not later than a moment.

        Raises PositionError before the first entry, for a moment in the future, and for one by which an event was
        recorded that is not projected yet: its entry will be in the answer later, and must not be missing now.
        """
        if moment > self.opened_at:
            raise PositionError(f"{format_timestamp(moment)} is in the future")
        pending = self.projection_status().oldest_pending_at if self.is_behind else None
        if pending and format_timestamp(moment) >= pending:
            raise PositionError(
                f"events recorded since {pending} are not visible yet, so {format_timestamp(moment)} cannot be read"
            )
        snapshot = self.find_last_before(moment)
        if snapshot is None:
            raise PositionError(f"{format_timestamp(moment)} is before the first entry")
        return snapshot

    def find_last_before(self, moment: datetime, max_position: int | None = None) -> Snapshot | None:
        """Return the snapshot at the last entry not later than a moment and, if given, a position; None before all."""
        # Recorded time increases with position, so the last by time is the last by position.
        position = self.transaction.fetch_value(
            "select position from entry where recorded_at <= :moment and position <= :max_position "
            "order by recorded_at desc limit 1",
            moment=format_timestamp(moment),
            max_position=self.head if max_position is None else max_position,
        )
        return None if position is None else self.at(position)

    # The log and the projection

    def read_log_identity(self) -> LogIdentity:
        """Return the log's identity, read anew: another process may have raised an epoch since this one started."""
        return read_log_identity(self.transaction)

    def projection_status(self) -> ProjectionStatus:
        """Return the status of the projection, as of this session."""
        return self.shared.projection.status(self.transaction)

    def projection_failure(self) -> ProjectionFailure | None:
        """Return the failure that keeps events from this session, None where it lacks none."""
        return self.projection_status().failure if self.is_behind else None

    def set_deadline(self, is_over: Callable[[], bool], seconds: float) -> None:
        """Have statements of the session raise StatementCancelled once `is_over` returns True, or after `seconds`."""
        self.transaction.set_deadline(is_over, seconds)

    # Loading, for the snapshots

    def load(self, requested: Iterable[tuple[Snapshot, str]]) -> None:
        """Load aggregates into snapshots, each as it was at the snapshot's position, unless they are loaded."""
        needed = ((snapshot.position, stream) for snapshot, stream in requested if snapshot.needs_loading(stream))
        pairs = list(dict.fromkeys(needed))
        for chunk in iter_chunks(pairs):
            for row in self.fetch(queries.select_versions(chunk)):
                self.at(row["at"]).add_rows([row])
        # Otherwise an id without an aggregate would be looked up again each time.
        for at, stream in pairs:
            self.at(at).mark_absent(stream)

    def load_entry(self, row: Row) -> Entry:
        """Return the entry in a row; all snapshots share one object, which is decoded once."""
        position = row["position"]
        if position not in self._entries:
            self._entries[position] = Entry.from_row(row)
        return self._entries[position]

    def fetch(self, statement: SqlStatement) -> list[Row]:
        """Return the rows that a statement selects."""
        return self.transaction.fetch_all(statement.sql, **statement.parameters)

    def read_texts(self, references: Iterable[str]) -> dict[str, str]:
        """Return reference → text, without those that were removed."""
        return self.shared.texts.read_many(self.transaction, references)

    def index(self, aggregate_type: str, position: int) -> Index:
        """Return the index of an aggregate type at a position."""
        return self.shared.indexes.get(self.transaction, aggregate_type, position)


class Snapshot:
    """The record at `position`."""

    def __init__(self, session: ReadSession, position: int) -> None:
        self.session = session
        self.position = position
        self.projection_version = session.projection_version
        self._loaded: dict[str, dict[str, Aggregate]] = defaultdict(dict)
        self._since: dict[str, int] = {}
        self._absent: set[str] = set()
        self._texts: dict[str, str | None] = {}
        self._indexes: dict[str, Index] = {}
        self._masks: dict[AggregateQuery, int] = {}
        self._parent_pages: dict[tuple[AggregateQuery, PageRequest], dict[str, Page[Aggregate]]] = defaultdict(dict)
        self._histories: dict[tuple[EntryQuery, PageRequest], dict[str, Page[Entry]]] = defaultdict(dict)
        self._counts: dict[EntryQuery, dict[str, int]] = defaultdict(dict)
        self._entries: dict[tuple[str, int], Entry] = {}
        self._by_event: dict[str, Entry | None] = {}
        # The snapshots loaded together with this one, itself included: their aggregates are completed together, too.
        self._siblings: list[Snapshot] = [self]

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

    # Aggregates

    def find(self, stream: str) -> Aggregate | None:
        """Return the aggregate of an id, or None."""
        return self.find_many([stream]).get(stream)

    def find_many(self, streams: Iterable[str]) -> dict[str, Aggregate]:
        """Return the aggregates that exist of some ids, by id, in the order of the ids."""
        requested = list(dict.fromkeys(streams))
        self.session.load((self, stream) for stream in requested)
        found = ((stream, self._loaded[aggregate_type_of(stream)].get(stream)) for stream in requested)
        return {stream: aggregate for stream, aggregate in found if aggregate is not None}

    def find_by_code(self, aggregate_type: str, code: str) -> Aggregate | None:
        """Return the aggregate of a code in any case, also of a former code or of the key it had before, or None."""
        rows = self.session.fetch(queries.select_by_code(aggregate_type, code.upper(), self.position))
        return next(iter(self.add_rows(rows).values()), None) or self._find_merged(aggregate_type, code)

    def _find_merged(self, aggregate_type: str, code: str) -> Aggregate | None:
        """Return the aggregate that the one of this code was merged into; the merged one has no tags any more."""
        stream = resolve_code(aggregate_type, code, self.find)
        found = self.find(stream) if stream else None
        return found if found and code_of(found) else None

    def find_ids_by_tag(self, aggregate_type: str, dimension: str, values: Sequence[str]) -> list[str]:
        """Return the ids of the aggregates that have one of some values of a dimension, in no order."""
        found: dict[str, None] = {}
        for chunk in iter_chunks(values):
            rows = self.session.fetch(queries.select_ids_by_tag(aggregate_type, dimension, chunk, self.position))
            found |= dict.fromkeys(row["id"] for row in rows)
        return list(found)

    def find_related(self, aggregate: Aggregate, path: str) -> Aggregate | None:
        """Return the aggregate that a path of another refers to; fetched for all loaded with that one."""
        return next(iter(self.find_all_related(aggregate, lambda each: filter(None, [each.string(path)]))), None)

    def find_all_related(
        self, aggregate: Aggregate, references: Callable[[Aggregate], Iterable[str]]
    ) -> list[Aggregate]:
        """Return the aggregates whose ids a function finds in another; fetched for all loaded with that one."""
        targets = list(references(aggregate))
        if any(self.needs_loading(target) for target in targets):
            self.session.load((s, target) for s, each in self._batch(aggregate) for target in references(each))
        found = self.find_many(targets)
        return [found[target] for target in targets if target in found]

    def last_observed_at(self, aggregate: Aggregate) -> datetime | None:
        """Return when a page or file about an aggregate was last observed; other pages that list it do not count."""
        sources = self.find_all_related(aggregate, own_sources)
        return max(filter(None, (last_observed_at(source) for source in sources)), default=None)

    def since(self, stream: str) -> int:
        """Return the position since which a loaded aggregate is as it is."""
        return self._since[stream]

    def batch(self, aggregate: Aggregate) -> list[Aggregate]:
        """Return the aggregates of the same type loaded so far: all of them are completed together."""
        return list(self._loaded[aggregate.type].values()) or [aggregate]

    def _batch(self, aggregate: Aggregate) -> list[tuple[Snapshot, Aggregate]]:
        """Return the batch of an aggregate over all sibling snapshots, each aggregate with its snapshot."""
        batch = [(s, each) for s in self._siblings for each in s._loaded[aggregate.type].values()]
        return batch or [(self, aggregate)]

    def needs_loading(self, stream: str) -> bool:
        """Return whether it is unknown yet if there is an aggregate of an id."""
        return stream not in self._loaded[aggregate_type_of(stream)] and stream not in self._absent

    def mark_absent(self, stream: str) -> None:
        """Remember that there is no aggregate of an id, unless it was loaded."""
        if stream not in self._loaded[aggregate_type_of(stream)]:
            self._absent.add(stream)

    def add_rows(self, rows: Iterable[Row]) -> dict[str, Aggregate]:
        """Add the aggregates in some rows to those loaded, and return them by id."""
        added = {}
        for row in rows:
            aggregate = added[row["id"]] = self.session.shared.aggregates.decode(row)
            self._loaded[aggregate.type][aggregate.id] = aggregate
            self._since[aggregate.id] = row["since"]
        return added

    # Texts

    def text(self, aggregate: Aggregate, path: str, reference: str) -> str | None:
        """Return the text that a path of an aggregate refers to, None where it was removed.

        The texts of the same field are fetched for all aggregates loaded with this one.
        """
        if reference not in self._texts:
            group = path.partition("/")[0]
            self._load_texts(r for _, each in self._batch(aggregate) for r in _text_references(each, group))
        return self._texts.get(reference)

    def entry_text(self, reference: str, references: Callable[[Entry], Iterable[str]]) -> str | None:
        """Return a text that an entry refers to, None where it was removed.

        The texts that `references` finds in all entries loaded so far are fetched with it.
        """
        if reference not in self._texts:
            self._load_texts([reference, *(r for entry in self._iter_loaded_entries() for r in references(entry))])
        return self._texts.get(reference)

    def _load_texts(self, references: Iterable[str]) -> None:
        missing = {reference for reference in references if reference not in self._texts}
        found = self.session.read_texts(missing)
        for sibling in self._siblings:
            sibling._texts |= {reference: found.get(reference) for reference in missing}

    # Lists of aggregates

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

    def count(self, query: AggregateQuery, parent: Aggregate | None = None) -> int:
        """Return the size of a list, or of a parent's part of it."""
        return self.select(query, parent).bit_count()

    def select(self, query: AggregateQuery, parent: Aggregate | None = None) -> int:
        """Return the members of a list, or of a parent's part of it, as a bitset of the type's index."""
        return self._evaluate(query) & (self._select_owned(query, parent.id) if parent else -1)

    def index(self, aggregate_type: str) -> Index:
        """Return the index of an aggregate type at this position."""
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
        if query not in self._masks:
            self._masks[query] = query.condition.evaluate(self.index(query.aggregate_type), self.index)
        return self._masks[query]

    def _select_owned(self, query: AggregateQuery, parent: str) -> int:
        return self.index(query.aggregate_type).select(query.parent or "", (parent,))

    # Entries

    def page_entries(self, query: EntryQuery, page_request: PageRequest) -> Page[Entry]:
        """Return a slice of a list of entries."""
        rows = self.session.fetch(queries.select_entries(query, self.position, page_request))
        return build_page(_with_keys(self._load_entries(rows)), page_request)

    def page_history(self, aggregate: Aggregate, query: EntryQuery, page_request: PageRequest) -> Page[Entry]:
        """Return a slice of an aggregate's part of a list of entries; fetched for all loaded with it."""
        pages = self._histories[query, page_request]
        if aggregate.id not in pages:
            snapshots = {(s.position, each.id): s for s, each in self._batch(aggregate)}
            found: dict[queries.ParentKey, list[tuple[PageKey, Entry]]] = {parent: [] for parent in snapshots}
            for chunk in iter_chunks(list(snapshots)):
                for row in self.session.fetch(queries.select_entries_by_parent(query, page_request, chunk)):
                    parent = row["at"], row["parent"]
                    found[parent] += _with_keys(snapshots[parent]._load_entries([row]))
            for parent, s in snapshots.items():
                s._histories[query, page_request][parent[1]] = build_page(found[parent], page_request)
        return pages[aggregate.id]

    def count_entries(self, query: EntryQuery, aggregate: Aggregate | None = None) -> int:
        """Return the size of a list of entries, or of an aggregate's part of it."""
        if aggregate is None:
            return int(self.session.fetch(queries.count_entries(query, self.position))[0]["number"])
        if aggregate.id not in self._counts[query]:
            snapshots = {(s.position, each.id): s for s, each in self._batch(aggregate)}
            for chunk in iter_chunks(list(snapshots)):
                rows = self.session.fetch(queries.count_entries_by_parent(query, chunk))
                numbers = {(row["at"], row["parent"]): row["number"] for row in rows}
                for parent in chunk:
                    snapshots[parent]._counts[query][parent[1]] = numbers.get(parent, 0)
        return self._counts[query][aggregate.id]

    def find_entry(self, position: int) -> Entry | None:
        """Return the entry of a position, None past this snapshot's."""
        if not 1 <= position <= self.position:
            return None
        sql = "select e.* from entry e where e.position = :position"
        return next(iter(self._load_entries(self.session.transaction.fetch_all(sql, position=position))), None)

    def find_entry_by_event(self, event_id: str) -> Entry | None:
        """Return the entry of an event, None past this position; fetched with those that loaded entries refer to."""
        if event_id not in self._by_event:
            loaded = self._iter_loaded_entries()
            referred = (e.envelope.causation for e in loaded if e.envelope.causation)
            ids = sorted({event_id, *referred})
            sql = "select e.* from entry e where e.event_id in :ids"
            rows = [row for chunk in iter_chunks(ids) for row in self.session.transaction.fetch_all(sql, ids=chunk)]
            for s in self._siblings:
                entries = s._load_entries(row for row in rows if row["position"] <= s.position)
                s._by_event |= dict.fromkeys(ids) | {entry.event_id: entry for entry in entries}
        return self._by_event[event_id]

    def find_amended_entry(self, entry: Entry) -> Entry | None:
        """Return the newest entry that another one amends, None if it amends none; fetched for all loaded entries."""
        if entry.amended_revision is None:
            return None
        key = entry.stream, entry.amended_revision
        if key not in self._entries:
            entries = list(self._iter_loaded_entries())
            keys = {(e.stream, e.amended_revision) for e in [entry, *entries] if e.amended_revision is not None}
            for chunk in iter_chunks(sorted(keys)):
                rows = self.session.fetch(queries.select_entries_of_revisions(chunk))
                self._load_entries(row for row in rows if row["position"] <= self.position)
        return self._entries.get(key)

    def find_entry_of_revision(self, aggregate: Aggregate, revision: int) -> Entry | None:
        """Return the entry that made a revision of an aggregate; fetched for all loaded with it."""
        if (aggregate.id, revision) not in self._entries:
            batch = self._batch(aggregate)
            streams, last = sorted({each.id for _, each in batch}), max(s.position for s, _ in batch)
            sql = "select e.* from entry e where e.stream in :streams and e.position <= :at order by e.position"
            rows: dict[str, list[Row]] = defaultdict(list)
            for chunk in iter_chunks(streams):
                for row in self.session.transaction.fetch_all(sql, streams=chunk, at=last):
                    rows[row["stream"]].append(row)
            for s, each in batch:
                s._load_entries(row for row in rows[each.id] if row["position"] <= s.position)
        return self._entries.get((aggregate.id, revision))

    def find_position_of_revision(self, stream: str, revision: int) -> int | None:
        """Return the position of the entry that made a revision of an aggregate, None where there is none."""
        sql = "select position from entry where stream = :stream and revision = :revision and position <= :at"
        position: int | None = self.session.transaction.fetch_value(
            sql, stream=stream, revision=revision, at=self.position
        )
        return position

    def find_correlated_events(
        self, correlation: str, max_entries: int | None = None
    ) -> dict[str, tuple[int, ...]] | None:
        """Return stream → revisions of a correlation's entries; None where it has over `max_entries`."""
        rows = self.session.fetch(queries.select_correlated_events(correlation, self.position, max_entries))
        if max_entries is not None and len(rows) > max_entries:
            return None
        found: dict[str, tuple[int, ...]] = {}
        for row in rows:
            found[row["stream"]] = (*found.get(row["stream"], ()), row["revision"])
        return found

    def find_source(self, stream: str) -> Aggregate | None:
        """Return a source, fetched with all that the loaded entries refer to."""
        if self.needs_loading(stream):
            entries = ((s, entry) for s in self._siblings for entry in s._entries.values())
            referred = ((s, item.source) for s, entry in entries for item in entry.envelope.evidence)
            self.session.load([(self, stream), *referred])
        return self.find(stream)

    def as_of_entry(self, entry: Entry, stream_of: Callable[[Entry], str | None]) -> tuple[Snapshot, Aggregate | None]:
        """Return the snapshot at an entry's position and an aggregate there; fetched for all entries loaded so far."""
        stream, snapshot = stream_of(entry), self.session.at(entry.position)
        if stream is None:
            return snapshot, None
        if snapshot.needs_loading(stream):
            entries = list(self._iter_loaded_entries())
            siblings = [self.session.at(each.position) for each in entries]
            # A list of a hundred entries has a hundred snapshots: without this, each would fetch its own texts.
            for sibling in siblings:
                sibling._siblings = siblings
            requested = ((s, stream_of(e)) for s, e in zip(siblings, entries, strict=True))
            self.session.load((s, requested_stream) for s, requested_stream in requested if requested_stream)
        return snapshot, snapshot.find(stream)

    def _load_entries(self, rows: Iterable[Row]) -> list[Entry]:
        entries = [self.session.load_entry(row) for row in rows]
        self._entries |= {(entry.stream, entry.revision): entry for entry in entries}
        return entries

    def _iter_loaded_entries(self) -> Iterator[Entry]:
        return (entry for s in self._siblings for entry in s._entries.values())


def _with_keys(entries: Iterable[Entry]) -> list[tuple[PageKey, Entry]]:
    return [((entry.position,), entry) for entry in entries]


def _text_references(aggregate: Aggregate, group: str) -> tuple[str, ...]:
    """Return the references to texts at all paths that begin with the same segment."""
    if "references" not in aggregate.cache:
        found: dict[str, list[str]] = defaultdict(list)
        for path, claims in aggregate.claims.items():
            found[path.partition("/")[0]] += (r for claim in claims for r in value_text_references(claim.value))
        aggregate.cache["references"] = {name: tuple(references) for name, references in found.items()}
    references: tuple[str, ...] = aggregate.cache["references"].get(group, ())
    return references


def require_caught_up(failure: ProjectionFailure | None) -> None:
    """Raise Conflict where the projection stopped: a decision must not overlook events that are not visible."""
    if failure:
        raise Conflict(f"not everything recorded is visible: the projection stopped: {failure.message}")
