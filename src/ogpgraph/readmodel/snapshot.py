"""Read sessions and snapshots: the only way to read the record.

A session is one consistent view of the database, with its head pinned. A snapshot, taken from a session, is the record
at one position, and as of one day or with all that was stated: whatever is read through it is valid there, related
aggregates included.

Aggregates that were loaded together are completed together: the first time one of them needs a related aggregate, a
text or a list, one statement fetches it for all of them. So the number of statements depends on the shape of a query,
never on how many things it finds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from operator import itemgetter
from typing import TypeVar

from ogpgraph.clock import format_timestamp, from_microseconds, to_microseconds
from ogpgraph.domain.aggregate import Aggregate, aggregate_type_of, own_sources
from ogpgraph.domain.as_of import (
    AggregateAsOf,
    EarlierClaims,
    Timeline,
    Unknown,
    cut,
    last_decided,
    last_instant,
    possible_states,
)
from ogpgraph.domain.code import resolve_code
from ogpgraph.domain.errors import Conflict
from ogpgraph.domain.source import last_observed_at
from ogpgraph.domain.state_id import StateId
from ogpgraph.domain.values import first_day, value_text_references
from ogpgraph.readmodel import queries
from ogpgraph.readmodel.bookmark import ROOT_DIGITS, Bookmark, OtherHistory
from ogpgraph.readmodel.earlier_claims import DatedStateCache, decode_earlier
from ogpgraph.readmodel.entry import Entry
from ogpgraph.readmodel.entry_query import ALL_ENTRIES, EntryQuery
from ogpgraph.readmodel.index import PRESENT_DAY, Index, IndexCache, IndexKey
from ogpgraph.readmodel.projection import ProjectionProgress, ProjectionRunner, ProjectionStatus
from ogpgraph.readmodel.projector import ProjectionFailure
from ogpgraph.readmodel.queries import (
    AggregateQuery,
    Page,
    PageKey,
    PageRequest,
    SqlStatement,
    build_page,
)
from ogpgraph.readmodel.states import StateCache
from ogpgraph.readmodel.tags import code_of
from ogpgraph.storage.damage import DamageRegister
from ogpgraph.storage.database import Row, Transaction, iter_chunks
from ogpgraph.storage.log_identity import LogIdentity, read_log_identity
from ogpgraph.storage.merkle import EMPTY_ROOT
from ogpgraph.storage.texts import CorruptText, TextReader

PRESENT = timedelta(minutes=1)
"""A moment of the last minute is the present, where a log is ahead of it: clocks of clients differ, and requests take
time. A head that is less ahead is not wrong: the events of a save get times one microsecond apart."""


class PositionError(ValueError):
    """A position or time at which this session cannot read."""


@dataclass(frozen=True)
class SharedState:
    """State shared by the sessions of a process. Cached aggregates and indexes never change; texts can be removed."""

    projection: ProjectionRunner
    log_identity: LogIdentity
    states: StateCache = field(default_factory=StateCache)
    dated_states: DatedStateCache = field(default_factory=DatedStateCache)
    indexes: IndexCache = field(default_factory=IndexCache)
    texts: TextReader = field(default_factory=TextReader)
    damage: DamageRegister = field(default_factory=DamageRegister)


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
        self._snapshots: dict[tuple[int, int], Snapshot] = {}
        self.loaded_entries: dict[int, Entry] = {}
        self._values: dict[tuple[str, str | None], Sequence[str]] = {}
        self._roots = {} if progress.root is None else {progress.position: bytes(progress.root).hex()}

    # Positions and times

    def at_head(self) -> Snapshot:
        """Return the snapshot at the head."""
        return self.at(self.head)

    def at(self, position: int, day: int = PRESENT_DAY) -> Snapshot:
        """Return the snapshot at a position and as of a day.

        Raises PositionError before the first entry and past the head.
        """
        if position > self.head:
            raise PositionError(f"position {position} is past the head, which is {self.head}")
        if position < 1 and position != self.head:
            raise PositionError(f"position {position} is before the first entry, which is 1")
        if (position, day) not in self._snapshots:
            self._snapshots[position, day] = Snapshot(self, position, day)
        return self._snapshots[position, day]

    def at_time(self, moment: datetime) -> Snapshot:
        """Return the snapshot at the last entry not later than a moment.

        In a log whose last entry is in the future, because a clock was ahead when it was recorded, the present is the
        head, too: what it has was recorded by now, whatever time it got.

        Raises PositionError before the first entry, for a moment in the future, and for one by which an event was
        recorded that is not projected yet: its entry will be in the answer later, and must not be missing now.
        """
        if moment > self.opened_at - PRESENT and (ahead_until := self._read_time_ahead()):
            if moment <= self.opened_at:
                return self.at_head()
            if moment > ahead_until:
                raise PositionError(f"{format_timestamp(moment)} is after the last entry, and in the future")
        elif moment > self.opened_at:
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

    def _read_time_ahead(self) -> datetime | None:
        """Return when the head was recorded, where that is well in the future."""
        sql = "select recorded_at from entry where position = :head"
        microseconds = self.transaction.fetch_value(sql, head=self.head)
        if microseconds is None or microseconds <= to_microseconds(self.opened_at + PRESENT):
            return None
        return from_microseconds(microseconds)

    def find_last_before(self, moment: datetime, max_position: int | None = None) -> Snapshot | None:
        """Return the snapshot at the last entry not later than a moment and, if given, a position; None before all."""
        # Recorded time increases with position, so the last by time is the last by position.
        position = self.transaction.fetch_value(
            "select position from entry where recorded_at <= :moment and position <= :max_position "
            "order by recorded_at desc limit 1",
            moment=to_microseconds(moment),
            max_position=self.head if max_position is None else max_position,
        )
        return None if position is None else self.at(position)

    # Histories

    def root_at(self, position: int) -> str:
        """Return the root of the log's tree at a position up to the head, in hex.

        That at the head came with the session, that of a loaded entry with the entry; for any other, one row is read.
        """
        if position == 0:
            return EMPTY_ROOT.hex()
        if position in self.loaded_entries:
            return self.loaded_entries[position].root
        if position not in self._roots:
            root = self.transaction.fetch_value("select root from entry where position = :position", position=position)
            self._roots[position] = bytes(root).hex()
        return self._roots[position]

    def compute_root(self, length: int) -> str | None:
        """Return the root over the first events of the log, projected or not; None where there are fewer."""
        return self.shared.projection.compute_root(self.transaction, length)

    def bookmark(self, position: int) -> Bookmark:
        """Return the bookmark of a position up to the head."""
        return Bookmark(position, self.root_at(position)[:ROOT_DIGITS])

    def require(self, bookmark: Bookmark) -> None:
        """Raise OtherHistory unless a bookmark is of this history.

        Raises PositionError where that cannot be known: for one past the head that does not say which history it is of,
        and while events that may include it cannot be projected.
        """
        position, root = bookmark
        if position > self.head:
            if not root or self.is_behind:
                raise PositionError(f"position {position} is past the head, which is {self.head}")
            raise OtherHistory(f"position {position} is past the head of this log, which is {self.head}")
        if not (found := self.root_at(position)).startswith(root):
            raise OtherHistory(f"position {position} has the root {found[: len(root)]} here, not {root}")

    # The log and the projection

    def read_log_identity(self) -> LogIdentity:
        """Return the log's identity, read anew: another process may have removed a text since this one started."""
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
        needed = list(dict.fromkeys(pair for pair in requested if pair[0].needs_loading(pair[1])))
        pairs = list(dict.fromkeys((s.position, stream) for s, stream in needed if s.undated.needs_loading(stream)))
        for chunk in iter_chunks(pairs):
            rows = self.fetch(queries.select_chains(chunk))
            for at, row, aggregate in self.shared.states.decode(rows, chunk):
                self.at(at).add(aggregate, row["position"])
        # Otherwise an id without an aggregate would be looked up again each time.
        for at, stream in pairs:
            self.at(at).mark_absent(stream)
        if dated := [(snapshot, stream) for snapshot, stream in needed if snapshot.day != PRESENT_DAY]:
            self._load_dated(dated)

    def _load_dated(self, requested: Sequence[tuple[Snapshot, str]]) -> None:
        """Load aggregates into snapshots that are as of a day, once they are in those without."""
        states = self.shared.dated_states
        present = [(s, stream) for s, stream in requested if s.undated.get_loaded(stream) is not None]
        missing: dict[int, list[tuple[int, str]]] = defaultdict(list)
        for s, stream in present:
            since = s.undated.since(stream)
            if (cached := states.get(stream, since, s.day)) is not None:
                s.add_dated(cached, since)
            else:
                missing[s.day].append((s.position, stream))
        for day, pairs in missing.items():
            for chunk in iter_chunks(pairs):
                earlier = decode_earlier(self.fetch(queries.select_earlier_claims(chunk, day)))
                for at, stream in chunk:
                    self.at(at, day).add_cut(stream, earlier.get((at, stream), {}))
        self._require_existing(present)
        for s, stream in requested:
            s.mark_absent(stream)

    def _require_existing(self, loaded: Sequence[tuple[Snapshot, str]]) -> None:
        """Take away the plans and commitments that did not exist on the snapshot's day, as `IndexCache` does."""
        plans = {(s, stream): s.plan_of(stream) for s, stream in loaded}
        self.load((s.undated, plan) for (s, _), plan in plans.items() if plan)
        for (s, stream), plan in plans.items():
            if plan and not s.has_begun(plan, stream):
                s.remove(stream)

    def load_entry(self, row: Row) -> Entry:
        """Return the entry in a row; all snapshots share one object, which is decoded once."""
        position = row["entry"]
        if position not in self.loaded_entries:
            self.loaded_entries[position] = Entry.from_row(row)
        return self.loaded_entries[position]

    def fetch(self, statement: SqlStatement) -> list[Row]:
        """Return the rows that a statement selects."""
        return self.transaction.fetch_all(statement.sql, **statement.parameters)

    def read_texts(self, references: Iterable[str]) -> dict[str, str]:
        """Return reference → text, without those that were removed; raises CorruptText."""
        return {reference: _require_whole(text) for reference, text in self.try_texts(references).items()}

    def try_texts(self, references: Iterable[str]) -> dict[str, str | CorruptText]:
        """Return reference → text, without those that were removed; in place of a corrupt one is its error."""
        return self.shared.texts.read_many(self.transaction, references)

    def read_values(self, dimension: str, aggregate_type: str | None = None) -> Sequence[str]:
        """Return the values that a dimension of tags of a type has had at any position, or a column of entries."""
        key = dimension, aggregate_type
        if key not in self._values:
            found = self.fetch(queries.select_values(dimension, aggregate_type))
            self._values[key] = tuple(row["value"] for row in found)
        return self._values[key]

    def index(self, aggregate_type: str, position: int, day: int) -> Index:
        """Return the index of an aggregate type at a position and as of a day."""
        return self.shared.indexes.get(self.transaction, aggregate_type, IndexKey(position, day))


class Snapshot:
    """The record at `position`, and as of `day`: PRESENT_DAY for all that was stated.

    It is pinned for a reader that named the position; otherwise it stands for the present. Related aggregates are read
    through the same snapshot, so everything that is reached from there is pinned, too.
    """

    is_pinned = False

    def __init__(self, session: ReadSession, position: int, day: int = PRESENT_DAY) -> None:
        self.session = session
        self.position = position
        self.day = day
        self.projection_version = session.projection_version
        self._loaded: dict[str, dict[str, Aggregate]] = defaultdict(dict)
        self._since: dict[str, int] = {}
        self._dated: dict[str, AggregateAsOf] = {}
        self._absent: set[str] = set()
        self._texts: dict[str, str | CorruptText | None] = {}
        self._indexes: dict[str, Index] = {}
        self._masks: dict[AggregateQuery, int] = {}
        self._parent_pages: dict[tuple[AggregateQuery, PageRequest], dict[str, Page[Aggregate]]] = defaultdict(dict)
        self._histories: dict[PageRequest, dict[str, Page[Entry]]] = defaultdict(dict)
        self._filtered_histories: dict[tuple[EntryQuery, PageRequest], dict[str, Page[Entry]]] = defaultdict(dict)
        self._history_counts: dict[EntryQuery, dict[str, int]] = defaultdict(dict)
        self._entries: dict[tuple[str, int], Entry] = {}
        self._by_event: dict[str, Entry | None] = {}
        # The snapshots loaded together with this one, itself included: their aggregates are completed together, too.
        self._siblings: list[Snapshot] = [self]

    @property
    def date(self) -> date | None:
        """Return the day as of which the snapshot is read, None for all that was stated."""
        return None if self.day == PRESENT_DAY else date.fromordinal(self.day)

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
    def root_hash(self) -> str:
        """Return the root of the log's tree at this position, in hex."""
        return self.session.root_at(self.position)

    @property
    def bookmark(self) -> Bookmark:
        """Return the bookmark of this position."""
        return self.session.bookmark(self.position)

    @cached_property
    def pinned(self) -> Snapshot:
        """Return this snapshot for a reader that named the position. What one of the two has loaded, both have."""
        if self.is_pinned:
            return self
        pinned = copy(self)
        pinned.is_pinned, pinned._siblings = True, [pinned]
        return pinned

    def state_id(self, stream: str, path: str = "") -> StateId:
        """Return the identity of the state of an aggregate, or of a part of it, that is read here."""
        return StateId(stream, path, self.position if self.is_pinned else None, self.date)

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
        if self.day != PRESENT_DAY:
            found_now = self.undated.find_by_code(aggregate_type, code)
            return self.find(found_now.id) if found_now else None
        rows = self.session.fetch(queries.select_chains_by_code(aggregate_type, code.upper(), self.position))
        requested = {(self.position, row["id"]) for row in rows}
        found = list(self.session.shared.states.decode(rows, requested))
        for _, row, aggregate in found:
            self.add(aggregate, row["position"])
        # The one that has the code now precedes those that had it before.
        found.sort(key=lambda each: (each[1]["code"] != code.upper(), each[1]["position"]))
        return found[0][2] if found else self._find_merged(aggregate_type, code)

    def _find_merged(self, aggregate_type: str, code: str) -> Aggregate | None:
        """Return the aggregate that the one of this code was merged into; the merged one has no tags any more."""
        stream = resolve_code(aggregate_type, code, self.find)
        found = self.find(stream) if stream else None
        return found if found and code_of(found) else None

    def find_changed_ids(self, aggregate_type: str, day: int) -> frozenset[str]:
        """Return the ids of the aggregates that changed after a day and not later than on the snapshot's day."""
        statement = queries.select_changed_ids(aggregate_type, (day, self.day), self.position)
        return frozenset(row["id"] for row in self.session.fetch(statement))

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

    def add(self, aggregate: Aggregate, since: int) -> None:
        """Add an aggregate to those loaded, which is as it is since a position."""
        self._loaded[aggregate.type][aggregate.id] = aggregate
        self._since[aggregate.id] = since

    def get_loaded(self, stream: str) -> Aggregate | None:
        """Return an aggregate if it is loaded."""
        return self._loaded[aggregate_type_of(stream)].get(stream)

    # As of a day

    def add_cut(self, stream: str, earlier: EarlierClaims) -> None:
        """Add an aggregate as of the snapshot's day, from what the undated snapshot has and its earlier claims."""
        aggregate, since = self.undated.get_loaded(stream), self.undated.since(stream)
        assert aggregate is not None
        state = cut(Timeline(aggregate, earlier), last_instant(self.day))
        self.session.shared.dated_states.add(stream, since, self.day, state)
        self.add_dated(state, since)

    def add_dated(self, as_of: AggregateAsOf, since: int) -> None:
        """Add an aggregate as of the snapshot's day."""
        self._dated[as_of.aggregate.id] = as_of
        self.add(as_of.aggregate, since)

    def remove(self, stream: str) -> None:
        """Take an aggregate away from those loaded: it did not exist on the snapshot's day."""
        del self._loaded[aggregate_type_of(stream)][stream]

    def unknown(self, aggregate: Aggregate) -> Mapping[str, Unknown]:
        """Return path → what is unknown of a loaded aggregate on the snapshot's day."""
        return self._dated[aggregate.id].unknown if aggregate.id in self._dated else {}

    def last_decided(self, aggregate: Aggregate) -> Aggregate:
        """Return a loaded aggregate in which what is unknown on the snapshot's day is as it was known last."""
        return last_decided(aggregate) if self.unknown(aggregate) else aggregate

    def possible_states(self, aggregate: Aggregate) -> list[Aggregate]:
        """Return the states that a loaded aggregate may have had on the snapshot's day; itself alone if it is known."""
        as_of = self._dated.get(aggregate.id)
        return possible_states(as_of) if as_of and as_of.unknown else [aggregate]

    def plan_of(self, stream: str) -> str | None:
        """Return the plan whose begin decides whether a loaded plan or commitment existed; None for other types.

        A commitment of which no plan is known decides that itself.
        """
        match aggregate_type_of(stream):
            case "plan":
                return stream
            case "commitment":
                return self._loaded["commitment"][stream].string("actionPlan") or stream
        return None

    def has_begun(self, plan: str, stream: str) -> bool:
        """Return whether a plan had begun; where it is not known when, whether an aggregate of it was observed."""
        found = self.undated.find(plan)
        begin = found.string("startsOn") if found and found.type == "plan" else None
        return self._dated[stream].is_observed if begin is None else first_day(begin) <= self.day

    # Texts

    def text(self, aggregate: Aggregate, path: str, reference: str) -> str | None:
        """Return the text that a path of an aggregate refers to, None where it was removed; raises CorruptText.

        The texts of the same field are fetched for all aggregates loaded with this one.
        """
        if reference not in self._texts:
            group = path.partition("/")[0]
            batch = self._batch(aggregate)
            # A value that may have been so is in no claim of the state.
            self._load_texts([reference, *(r for _, each in batch for r in _text_references(each, group))])
        return _require_whole(self._texts.get(reference))

    def entry_text(self, reference: str, references: Callable[[Entry], Iterable[str]]) -> str | None:
        """Return a text that an entry refers to, None where it was removed; raises CorruptText.

        The texts that `references` finds in all entries loaded so far are fetched with it.
        """
        if reference not in self._texts:
            self._load_texts([reference, *(r for entry in self._iter_loaded_entries() for r in references(entry))])
        return _require_whole(self._texts.get(reference))

    def _load_texts(self, references: Iterable[str]) -> None:
        missing = {reference for reference in references if reference not in self._texts}
        found = self.session.try_texts(missing)
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
            matches = query.condition.evaluate(self.index(query.aggregate_type), self.index)
            self._masks[query] = matches.fulfilled
        return self._masks[query]

    def _select_owned(self, query: AggregateQuery, parent: str) -> int:
        return self.index(query.aggregate_type).select(query.parent or "", (parent,))

    # Entries

    def page_entries(self, query: EntryQuery, page_request: PageRequest) -> Page[Entry]:
        """Return a slice of a list of entries."""
        rows = self.session.fetch(queries.select_entries(query, self.position, page_request))
        return build_page(_with_keys(self._load_entries(rows)), page_request)

    def page_history(
        self, aggregate: Aggregate, page_request: PageRequest, query: EntryQuery = ALL_ENTRIES
    ) -> Page[Entry]:
        """Return a slice of the entries about an aggregate; fetched for all aggregates loaded with it."""
        if query != ALL_ENTRIES:
            return self._page_filtered_history(aggregate, query, page_request)
        pages = self._histories[page_request]
        if aggregate.id not in pages:
            batch = {(s.position, each.id): (s, each.revision) for s, each in self._batch(aggregate)}
            found: dict[tuple[int, str], list[Row]] = {key: [] for key in batch}
            histories = [(*key, revision) for key, (_, revision) in batch.items()]
            for chunk in iter_chunks(histories):
                for row in self.session.fetch(queries.select_histories(page_request, chunk)):
                    found[row["at"], row["id"]].append(row)
            for key, (s, _) in batch.items():
                rows = sorted(found[key], key=itemgetter("entry"), reverse=page_request.backward)
                s._histories[page_request][key[1]] = build_page(_with_keys(s._load_entries(rows)), page_request)
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
                page = build_page(_with_keys(s._load_entries(found[s.position, each.id])), page_request)
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

    def find_entry(self, position: int) -> Entry | None:
        """Return the entry of a position, None past this snapshot's."""
        if not 1 <= position <= self.position:
            return None
        if position in self.session.loaded_entries:
            return self.session.loaded_entries[position]
        return next(iter(self._load_entries(self.session.fetch(queries.select_entry(position)))), None)

    def find_entry_by_event(self, event_id: str) -> Entry | None:
        """Return the entry of an event, None past this position; fetched with those that loaded entries refer to."""
        if event_id not in self._by_event:
            loaded = self._iter_loaded_entries()
            referred = (e.envelope.causation for e in loaded if e.envelope.causation)
            ids = sorted({event_id, *referred})
            chunks = iter_chunks(ids)
            rows = [row for chunk in chunks for row in self.session.fetch(queries.select_entries_of_events(chunk))]
            for s in self._siblings:
                entries = s._load_entries(row for row in rows if row["entry"] <= s.position)
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
        for chunk in iter_chunks(missing):
            for row in self.session.fetch(queries.select_entries_of_revisions(chunk)):
                for s in needed[row["id"], row["wanted"]]:
                    s._load_entries([row])

    def find_position_of_revision(self, stream: str, revision: int) -> int | None:
        """Return the position of the entry that made a revision of an aggregate, None where there is none."""
        sql = (
            "select e.position from stream s join entry e on e.stream = s.key "
            "where s.id = :stream and e.revision = :revision and e.position <= :at"
        )
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

    def _load_entries(self, rows: Iterable[Row]) -> list[Entry]:
        entries = [self.session.load_entry(row) for row in rows]
        # As the rows say, unverified: only what is served from an entry is.
        self._entries |= {(entry.row["stream"], entry.row["revision"]): entry for entry in entries}
        return entries

    def _iter_loaded_entries(self) -> Iterator[Entry]:
        return (entry for s in self._siblings for entry in s._entries.values())


TextOrNone = TypeVar("TextOrNone", str, str | None)


def _require_whole(text: TextOrNone | CorruptText) -> TextOrNone:
    if isinstance(text, CorruptText):
        raise CorruptText(text.reference)  # another one each time: an error that is raised has the traceback of once
    return text


def _with_keys(entries: Iterable[Entry]) -> list[tuple[PageKey, Entry]]:
    return [((entry.position,), entry) for entry in entries]


def _current_revisions(aggregate: Aggregate) -> frozenset[int]:
    return frozenset(claim.revision for claim in aggregate.current_claims.values())


def _claimed_revisions(aggregate: Aggregate) -> frozenset[int]:
    return frozenset(claim.revision for claims in aggregate.claims.values() for claim in claims)


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
