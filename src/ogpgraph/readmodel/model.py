"""The read model in memory: its state at one position, which what entries change leads to the next one.

A reader takes the state that there is and keeps it, so it never waits for an update, and an update never waits for
readers. What this process has projected comes from the projector; what others have is read from the tables, for the
streams that changed. The state is loaded anew where it cannot be led on: after a rebuild, and where another log, or a
shorter one, is in place of the former.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import structlog

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.lazy import cached_property
from ogpgraph.readmodel import queries
from ogpgraph.readmodel.bookmark import ROOT_DIGITS, Bookmark
from ogpgraph.readmodel.dimension_tags import unknown_dimension
from ogpgraph.readmodel.index_cache import PresentIndexes
from ogpgraph.readmodel.index_rows import read_change, read_dimensions
from ogpgraph.readmodel.model_change import ModelChange
from ogpgraph.readmodel.projection import ProjectionProgress, read_progress
from ogpgraph.readmodel.projector import ProjectionStep
from ogpgraph.readmodel.read_caches import ReadCaches
from ogpgraph.readmodel.sort_keys import BY_CODE
from ogpgraph.readmodel.states import restore_folds
from ogpgraph.readmodel.streams import StreamTable
from ogpgraph.storage.database import Database, DatabaseError, Transaction, iter_chunks
from ogpgraph.storage.merkle import EMPTY_ROOT

WARM_CHUNK: Final = 50
"""How many states are decoded at a time when the model is loaded: a request waits for as many at most."""
RECENT_STATES: Final = 16
"""So many states before the latest are kept: a reader may be at the position of one, which shares most with it."""
ReadMore = Callable[[Transaction, Sequence[Aggregate]], None]
Offer = Callable[[Sequence[Aggregate]], None]

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True)
class ModelState:
    """The model at a position: the log position of its last event, the root there, and the build of the tables."""

    position: int
    log_position: int
    root: bytes
    build: int
    indexes: PresentIndexes
    caches: ReadCaches = field(default_factory=ReadCaches)

    @cached_property
    def bookmark(self) -> Bookmark:
        """The position, and its root as bookmarks have it."""
        return Bookmark(self.position, self.root.hex()[:ROOT_DIGITS])

    @property
    def streams(self) -> StreamTable:
        """The streams of all positions up to this one, and perhaps of later ones."""
        return self.indexes.streams

    def is_at(self, progress: ProjectionProgress) -> bool:
        """Return whether the state is what the tables have."""
        return (self.position, self.build, self.root) == (progress.position, progress.build, _root_of(progress))


class Model:
    """The latest state, replaced by one assignment, and a few before it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._state: ModelState | None = None
        self._recent: OrderedDict[int, ModelState] = OrderedDict()
        self.is_warm = False

    @property
    def state(self) -> ModelState | None:
        """The latest state; None before the model is loaded."""
        return self._state

    def get(self, progress: ProjectionProgress) -> ModelState:
        """Return a state at the position that was confirmed, or at a later one; raises StorageError."""
        state = self._state
        if state is None or not state.is_at(progress):
            with self._lock:
                state = self._state
                if state is None or not state.is_at(progress):
                    state = self._lead()
        return state

    def find(self, position: int) -> ModelState | None:
        """Return the state at a position if it is one of the latest, else the latest if it is past that, else None."""
        latest = self._state
        if latest is None or latest.position < position:
            return None
        return self._recent.get(position, latest)

    def follow(self, step: ProjectionStep) -> None:
        """Follow what the projector of this process has committed, without reading it from the tables.

        It raises nothing: a command whose events are stored has succeeded.
        """
        if step.change is None or step.before is None:
            return
        with self._lock:
            try:
                self._follow(step, step.change)
            except DatabaseError as error:  # the next reader tries again
                log.warning("the model in memory could not follow", reason=str(error))
            except Exception:  # what was written is written
                log.exception("the model in memory could not follow and is loaded anew")
                self._state = None

    def _follow(self, step: ProjectionStep, change: ModelChange) -> None:
        state = self._state
        if state is not None and state.position < change.before:  # another process projected what is in between
            state = self._lead(change.before)
        if state is None:
            return
        before = step.before
        if before is not None and (state.position, state.build, state.root) == (
            change.before,
            before.build,
            before.frontier.root(),
        ):
            self._advance(state, change, step.checkpoint.log_position)
        elif state.position >= change.after and state.build == step.checkpoint.build:
            _keep_states(state.caches, change)

    def _lead(self, until: int | None = None) -> ModelState:
        """Return the latest state, led to what the tables have, or to a position before; loaded where it must be."""
        with self._database.read() as transaction:
            progress = read_progress(transaction)
            state = self._state
            if state is None or not _has_same_history(transaction, state, progress):
                return self._replace(_load(transaction, progress))
            position = progress.position if until is None else min(until, progress.position)
            if position <= state.position:
                return state
            change = read_change(transaction, state.position, position)
            # Behind the log by what is missing up to there, which nobody asks before the state is led on.
            log_position = progress.log_position if position == progress.position else state.log_position
        return self._advance(state, change, log_position)

    def _advance(self, state: ModelState, change: ModelChange, log_position: int) -> ModelState:
        try:
            indexes = state.indexes.advance(change)
        except BaseException:
            self._state = None  # the streams may have half of the change
            raise
        _keep_states(state.caches, change)
        return self._replace(
            replace(state, position=change.after, root=change.root, log_position=log_position, indexes=indexes)
        )

    def _replace(self, state: ModelState) -> ModelState:
        if self._state is None or self._state.caches is not state.caches:
            self._recent.clear()
        self._recent[state.position] = state
        while len(self._recent) > RECENT_STATES:
            self._recent.popitem(last=False)
        self._state = state
        return state

    # Loading before the first reader

    def warm(
        self,
        *,
        is_over: Callable[[float], bool],
        pause: Callable[[float], bool],
        read_more: ReadMore,
        begin_offer: Callable[[], Offer] = lambda: _ignore,
    ) -> None:
        """Load the model, its orders by code, the states of the aggregates that changed last, and the tags of the past.

        `is_warm` is True once all states are there that fit, or once `is_over` returns that the first readers need wait
        no longer: it is told which share of the states is there. Those that are missing then follow with pauses:
        `pause` is told how long the work between two took, and returns whether to stop. `read_more` reads what else
        readers need of some states. What `begin_offer` returns is called with states of that moment or later,
        with all that the fold needs.
        """
        with self._lock:
            state = self._lead()
        for name in state.streams.type_names:
            state.indexes.of_type(name).sort_index(BY_CODE)
        streams, count = _latest_streams(state), 0
        for chunk in iter_chunks(streams, WARM_CHUNK):
            began = time.monotonic()
            self._decode(state, chunk, read_more, begin_offer())
            count += len(chunk)
            self.is_warm = self.is_warm or is_over(count / len(streams))
            if state.caches.states.is_full or (self.is_warm and pause(time.monotonic() - began)):
                break
        self.is_warm = True
        self._read_histories(state, pause)

    def _read_histories(self, state: ModelState, pause: Callable[[float], bool]) -> None:
        """Read the histories of all dimensions, so that the first reader at a past position need not."""
        with self._database.read() as transaction:
            dimensions = read_dimensions(transaction)
        for dimension in dimensions:
            began = time.monotonic()
            if not dimension.startswith(unknown_dimension("")):  # which only readers as of a date need
                with self._database.read() as transaction:
                    state.caches.past_indexes.histories.find(transaction, state.indexes, dimension)
            if pause(time.monotonic() - began):
                return

    def _decode(self, state: ModelState, streams: Sequence[str], read_more: ReadMore, offer: Offer) -> None:
        """Decode the states of streams, as they are now, which may be after those of the model."""
        with self._database.read() as transaction:
            progress = read_progress(transaction)
            versions = [(progress.position, stream) for stream in streams]
            statement = queries.select_chains(versions)
            rows = transaction.fetch_all(statement.sql, **statement.parameters)
            decoded = [aggregate for _, _, aggregate in state.caches.states.decode(rows, versions)]
            read_more(transaction, decoded)
        if not progress.is_behind:
            offer(restore_folds(decoded, rows))

    def size_bytes(self) -> int:
        """Return about how many bytes the model and its caches take."""
        if (state := self._state) is None:
            return 0
        return state.indexes.size_bytes() + sum(use.bytes for use in state.caches.describe().values())

    def describe(self) -> dict[str, object]:
        """Return how much memory the model and its caches are estimated to take, and of what use the caches were."""
        state = self._state
        if state is None:
            return {"loaded": False}
        caches = {name: use._asdict() for name, use in state.caches.describe().items()}
        return {
            "loaded": self.is_warm,
            "position": state.position,
            "indexBytes": state.indexes.size_bytes(),
            "caches": caches,
        }


def _load(transaction: Transaction, progress: ProjectionProgress) -> ModelState:
    indexes = PresentIndexes.load(transaction, progress.position)
    return ModelState(progress.position, progress.log_position, _root_of(progress), progress.build, indexes)


def _has_same_history(transaction: Transaction, state: ModelState, progress: ProjectionProgress) -> bool:
    """Return whether the tables are those that a state was read from, with the same entries and perhaps later ones."""
    if state.build != progress.build or state.position > progress.position:
        return False
    if state.position == 0:
        return True
    root = transaction.fetch_value("select root from entry where position = :position", position=state.position)
    return root is not None and bytes(root) == state.root


def _keep_states(caches: ReadCaches, change: ModelChange) -> None:
    """Keep the states that are known already: their readers need not decode them."""
    since = {version.stream: version.position for version in change.versions}
    caches.states.add({(stream, since[stream]): state for stream, state in change.states.items()})


def _latest_streams(state: ModelState) -> list[str]:
    """Return the ids of all streams, those that changed last before the others."""
    found = []
    for name in state.streams.type_names:
        streams = state.streams.of_type(name)
        slots = range(streams.count(state.position))
        found += [(streams.version_at(slot, state.position), streams.ids[slot]) for slot in slots]
    return [stream for _, stream in sorted(found, reverse=True)]


def _ignore(_states: Sequence[Aggregate]) -> None:
    """Do nothing: nobody else needs states."""


def _root_of(progress: ProjectionProgress) -> bytes:
    return EMPTY_ROOT if progress.root is None else bytes(progress.root)
