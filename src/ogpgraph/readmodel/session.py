"""Read sessions: the only way to read the record.

A session is one consistent view of the record, with its head pinned. A snapshot, taken from a session, is the record at
one position, and as of one day or with all that was stated: whatever is read through it is valid there, related
aggregates included.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, TypeVar

from ogpgraph.clock import format_timestamp, from_microseconds, to_microseconds
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.errors import Conflict
from ogpgraph.readmodel import queries
from ogpgraph.readmodel.aggregate_snapshot import AggregateSnapshot, require_whole
from ogpgraph.readmodel.batch_projection import ProjectionFailure
from ogpgraph.readmodel.bookmark import ROOT_DIGITS, Bookmark, OtherHistory
from ogpgraph.readmodel.earlier_claims import decode_earlier
from ogpgraph.readmodel.entry import Entry
from ogpgraph.readmodel.index import PRESENT_DAY, Index
from ogpgraph.readmodel.index_cache import IndexKey
from ogpgraph.readmodel.model import Model, ModelState
from ogpgraph.readmodel.projection import ProjectionProgress, ProjectionRunner, ProjectionStatus
from ogpgraph.readmodel.queries import SqlStatement
from ogpgraph.readmodel.read_caches import ReadCaches
from ogpgraph.readmodel.search_index import OpenSearchIndex, RowReader
from ogpgraph.readmodel.snapshot import Snapshot
from ogpgraph.readmodel.state_loader import StateLoader
from ogpgraph.readmodel.text_search import FoldedTexts
from ogpgraph.storage.damage import DamageRegister
from ogpgraph.storage.database import Row, Transaction, iter_chunks
from ogpgraph.storage.log_identity import LogIdentity
from ogpgraph.storage.merkle import EMPTY_ROOT
from ogpgraph.storage.texts import CorruptText, TextReader

PRESENT = timedelta(minutes=1)
"""A moment of the last minute is the present, where a log is ahead of it: clocks of clients differ, and requests take
time. A head that is less ahead is not wrong: the events of a save get times one microsecond apart."""

CHECKED_STATES: Final = 20
"""After decoding so many states, the checkpoint is called: they take about four milliseconds."""
CHECKED_ENTRIES: Final = 200
"""After so many entries, the checkpoint is called: they take about as long."""
T = TypeVar("T")


class PositionError(ValueError):
    """A position or time at which this session cannot read."""


@dataclass(frozen=True)
class SharedState:
    """State shared by the sessions of a process. Cached aggregates and indexes never change; texts can be removed."""

    projection: ProjectionRunner
    log_identity: LogIdentity
    model: Model
    texts: TextReader = field(default_factory=TextReader)
    folded_texts: FoldedTexts = field(default_factory=FoldedTexts)
    damage: DamageRegister = field(default_factory=DamageRegister)

    def identify(self, progress: ProjectionProgress) -> LogIdentity:
        """Return the log's identity as of what was confirmed."""
        known, id_, redaction_version = self.log_identity, progress.log_id, progress.redaction_version
        if (known.id, known.redaction_version) == (id_, redaction_version):
            return known
        return replace(known, id=id_, redaction_version=redaction_version)


def _continue() -> None:
    """Do nothing: the checkpoint of a reader that may read on for as long as it likes."""


def _ignore(_number: int) -> None:
    """Ignore how many characters were read: the counter of a reader without a limit."""


class ReadSession:
    """One consistent view of the read model; snapshots are taken from it.

    `checkpoint` is called in every loop over many items, at least every few milliseconds of work. It may wait, and it
    may raise to stop the reader. `count_characters` is called for each text that is read, as often as it is read.
    """

    def __init__(
        self,
        shared: SharedState,
        transaction: Transaction,
        opened_at: datetime,
        progress: ProjectionProgress,
        state: ModelState | None = None,
    ) -> None:
        """Begin at what was confirmed, or at the position of a state of the model that is at it or past it."""
        self.transaction = transaction
        self.opened_at = opened_at
        self._progress = progress
        self._state = state
        self.head = state.position if state else progress.position
        self.log_position = max(progress.log_position, state.log_position if state else 0)
        """Everything in the log up to there is shown."""
        self.is_behind = progress.is_behind and not (state and state.log_position >= progress.head)
        self.projection_version = progress.projection_version
        self.log_identity = shared.identify(progress)
        self.record_version = progress.record_version
        self.shared = shared
        self.recall_text: Callable[[str], str | None] = shared.texts.cache.get
        """Returns a text if it is in memory."""
        self.missing_texts = 0
        self.reads_clock = False
        """Whether something was read that may be another one later, although nothing is recorded."""
        self.checkpoint: Callable[[], None] = _continue
        self.count_characters: Callable[[int], None] = _ignore
        self._snapshots: dict[tuple[int, int], Snapshot] = {}
        self._values: dict[tuple[str, str | None], Sequence[str]] = {}
        self._roots = {} if progress.root is None else {progress.position: bytes(progress.root).hex()}
        if state:
            self._roots[state.position] = state.root.hex()

    @property
    def state(self) -> ModelState:
        """The state of the model at the head, or past it; the model is loaded now, unless it was before."""
        if self._state is None:
            self._state = self.shared.model.get(self._progress)
        return self._state

    @property
    def whole_state(self) -> ModelState | None:
        """The state of the model if it is at the head, which shows all that is recorded; None otherwise."""
        state = self._state
        return None if state is None or self.is_behind or state.position != self.head else state

    @property
    def caches(self) -> ReadCaches:
        """What the process keeps of what it has read of this history."""
        return self.state.caches

    @property
    def folded_texts(self) -> FoldedTexts:
        """The texts as searches compare them."""
        return self.shared.folded_texts

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
            self.reads_clock = True
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

        That at the head came with the session, any other one comes with the entry.
        """
        if position == 0:
            return EMPTY_ROOT.hex()
        if position not in self._roots:
            self._roots[position] = self.load_entries([position])[position].root
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
        """Return the log's identity as of this session: a text may have been removed since the process started."""
        return self.log_identity

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

    def load(self, requested: Iterable[tuple[AggregateSnapshot, str]]) -> None:
        """Load aggregates into snapshots, each as it was at the snapshot's position, unless they are loaded."""
        needed = list(dict.fromkeys(pair for pair in requested if pair[0].needs_loading(pair[1])))
        streams = self.state.streams
        pairs = {(s.position, stream) for s, stream in needed if s.undated.needs_loading(stream)}
        versions = {(at, stream): (stream, streams.version_at(stream, at)) for at, stream in pairs}
        states = self.load_states({version for version in versions.values() if version[1]})
        for (at, stream), version in versions.items():
            if (state := states.get(version)) is not None:
                self.at(at).add(state, version[1])
            else:  # otherwise an id without an aggregate would be looked up again each time
                self.at(at).mark_absent(stream)
        if dated := [(snapshot, stream) for snapshot, stream in needed if snapshot.day != PRESENT_DAY]:
            self._load_dated(dated)

    def load_states(self, versions: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Aggregate]:
        """Return the states of streams since the positions of some of their entries, from the cache or decoded."""
        loader = StateLoader(self.caches.states, self.state.streams, self.fetch)
        return dict(self._check(loader.load(versions), CHECKED_STATES))

    def _load_dated(self, requested: Sequence[tuple[AggregateSnapshot, str]]) -> None:
        """Load aggregates into snapshots that are as of a day, once they are in those without."""
        states = self.caches.dated_states
        present = [(s, stream) for s, stream in requested if s.undated.get_loaded(stream) is not None]
        missing: dict[int, list[tuple[int, str]]] = defaultdict(list)
        for s, stream in present:
            since = s.undated.since(stream)
            if (cached := states.get((stream, since, s.day))) is not None:
                s.add_dated(cached, since)
            else:
                missing[s.day].append((s.position, stream))
        for day, pairs in missing.items():
            for chunk in iter_chunks(pairs):
                earlier = decode_earlier(self.fetch(queries.select_earlier_claims(chunk, day)))
                for at, stream in self._check(chunk, CHECKED_STATES):
                    self.at(at, day).add_cut(stream, earlier.get((at, stream), {}))
        self._require_existing(present)
        for s, stream in requested:
            s.mark_absent(stream)

    def _require_existing(self, loaded: Sequence[tuple[AggregateSnapshot, str]]) -> None:
        """Take away the plans and commitments that did not exist on the snapshot's day."""
        plans = {(s, stream): s.plan_of(stream) for s, stream in loaded}
        self.load((s.undated, plan) for (s, _), plan in plans.items() if plan)
        for (s, stream), plan in plans.items():
            if plan and not s.has_begun(plan, stream):
                s.remove(stream)

    def load_entries(self, positions: Iterable[int]) -> dict[int, Entry]:
        """Return position → entry, from the cache or read; without what the tables lack."""
        requested, cache = list(positions), self.caches.entries
        found = cache.get_many(requested)
        for chunk in iter_chunks([position for position in requested if position not in found]):
            read = map(Entry.from_row, self.fetch(queries.select_entries_at(chunk)))
            found |= self._keep_whole(self._check(read, CHECKED_ENTRIES))
        return found

    def load_entry(self, row: Row) -> Entry:
        """Return the entry in a row. All readers share one object, which is verified and decoded once."""
        if (entry := self.caches.entries.get(row["entry"])) is not None:
            return entry
        entry = Entry.from_row(row)
        self._keep_whole([entry])
        return entry

    def _keep_whole(self, entries: Iterable[Entry]) -> dict[int, Entry]:
        """Return entries by position, and keep them for other readers, except damaged ones, which may be repaired."""
        found, whole = dict[int, Entry](), dict[int, Entry]()
        for entry in entries:
            found[entry.position] = entry
            if entry.is_whole:
                whole[entry.position] = entry
        self.caches.entries.add(whole)
        return found

    def _check(self, items: Iterable[T], number: int) -> Iterator[T]:
        """Yield items, and call the checkpoint after so many."""
        for count, item in enumerate(items, start=1):
            yield item
            if count % number == 0:
                self.checkpoint()

    def fetch(self, statement: SqlStatement) -> list[Row]:
        """Return the rows that a statement selects."""
        return self.transaction.fetch_all(statement.sql, **statement.parameters)

    def read_texts(self, references: Iterable[str]) -> dict[str, str]:
        """Return reference → text, without those that were removed; raises CorruptText."""
        return {reference: require_whole(text) for reference, text in self.try_texts(references).items()}

    def try_texts(self, references: Iterable[str]) -> dict[str, str | CorruptText]:
        """Return reference → text, without those that were removed; in place of a corrupt one is its error."""
        return self.shared.texts.read_many(self.transaction, references, self.log_identity.redaction_version)

    def read_values(self, dimension: str, aggregate_type: str | None = None) -> Sequence[str]:
        """Return the values that a dimension of tags of a type has had at any position, or a column of entries."""
        key = dimension, aggregate_type
        if key not in self._values:
            found = self.fetch(queries.select_values(dimension, aggregate_type))
            self._values[key] = tuple(row["value"] for row in found)
        return self._values[key]

    def load_search_part(self) -> bool:
        """Load a part of the index of texts; returns whether more than another part is left."""
        return self.caches.search.load_part(self._row_reader())

    def open_search_index(self) -> OpenSearchIndex:
        """Return the index of the texts of all positions up to the head."""
        rows = self.caches.search.read(self._row_reader(), self.checkpoint)
        return OpenSearchIndex(rows, self.state.streams)

    def _row_reader(self) -> RowReader:
        position, version = self.head, self.log_identity.redaction_version
        return RowReader(
            self.transaction, self.state.streams, self.shared.texts, position=position, redaction_version=version
        )

    def index(self, aggregate_type: str, position: int, day: int) -> Index:
        """Return the index of an aggregate type at a position and as of a day."""
        key, state = IndexKey(position, day), self.state
        return state.caches.past_indexes.get(state.indexes, self.transaction, aggregate_type, key, self.checkpoint)


def require_caught_up(failure: ProjectionFailure | None) -> None:
    """Raise Conflict where the projection stopped: a decision must not overlook events that are not visible."""
    if failure:
        raise Conflict(f"not everything recorded is visible: the projection stopped: {failure.message}")
