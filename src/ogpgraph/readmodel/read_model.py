"""The read model of a process: opens read sessions, each of which shows everything that was recorded before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from typing import Final, NamedTuple

from ogpgraph.clock import Clock
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.values import value_text_references
from ogpgraph.readmodel.freshness import HeadReader
from ogpgraph.readmodel.model import Model, ModelState, Offer
from ogpgraph.readmodel.projection import ProjectionProgress, ProjectionRunner, read_progress
from ogpgraph.readmodel.session import PositionError, ReadSession, SharedState
from ogpgraph.search.query import function_words
from ogpgraph.storage.database import Database, StorageUnavailable, Transaction, VersionChannel
from ogpgraph.storage.lazy_transaction import LazyTransaction, RefusedTransaction
from ogpgraph.storage.log_identity import LogIdentity
from ogpgraph.storage.texts import TextReader
from ogpgraph.storage.waiting import WouldWait

WARM_ENTRIES: Final = 500
"""So many entries, the newest, are read into memory at the start."""


class MemoryView(NamedTuple):
    """How far the read model is, and the state of the model there; None where that is not in memory."""

    progress: ProjectionProgress
    state: ModelState | None


class ReadModel:
    """Opens read sessions.

    What a session reads up to its head never changes. So its transaction begins with the first statement, however
    long after the head was confirmed that is, and a session that finds all in memory has none.
    """

    def __init__(
        self,
        database: Database,
        log_identity: LogIdentity,
        clock: Clock,
        projection: ProjectionRunner,
        model: Model,
        heads: HeadReader,
        texts: TextReader,
        begin_offer: Callable[[], Offer],
    ) -> None:
        """Open sessions on the tables of a projection; who else needs states is offered those that are loaded."""
        self._database = database
        self._projection = projection
        self._shared = SharedState(projection, log_identity, model, texts)
        self._model = model
        self._begin_offer = begin_offer
        self._heads = heads
        self._no_transaction = RefusedTransaction(database.name)
        self.damage = self._shared.damage
        self.log_identity = log_identity
        self.clock = clock

    def warm(self, *, seconds: float, part_seconds: float = 0.0, pause: Callable[[float], bool]) -> None:
        """Read into memory what the first readers need, as `Model.warm` does; raises StorageError.

        They wait for all states if these take no longer than so many seconds of the thread's processor time, otherwise
        for those of `part_seconds`: most of what they read has to be decoded for them then.
        """
        began = time.thread_time()

        def is_over(share: float) -> bool:
            used = time.thread_time() - began
            return used > part_seconds and used > share * seconds

        with self.session() as session:
            session.load_entries(range(max(1, session.head - WARM_ENTRIES + 1), session.head + 1))
        self._model.warm(is_over=is_over, pause=pause, read_more=self._read_texts, begin_offer=self._begin_offer)
        self._warm_search(pause)

    def _warm_search(self, pause: Callable[[float], bool]) -> None:
        """Load the index of texts in parts, with pauses in between, and the words that searches leave out."""
        function_words(None)
        is_missing = True
        while is_missing:
            began = time.monotonic()
            with self.session() as session:
                is_missing = session.load_search_part()
            if pause(time.monotonic() - began):
                return

    @property
    def is_warm(self) -> bool:
        """Whether the first reader finds in memory what later ones do."""
        return self._model.is_warm

    def _read_texts(self, transaction: Transaction, states: Sequence[Aggregate]) -> None:
        claims = (claim for state in states for claim in state.current_claims.values())
        references = [r for claim in claims for r in value_text_references(claim.value)]
        version = read_progress(transaction).redaction_version
        self._shared.texts.read_many(transaction, references, version)

    def describe(self) -> dict[str, object]:
        """Return how much memory the model and all caches are estimated to take, and of what use the caches were."""
        texts = self._shared.texts.cache.use()
        return self._model.describe() | {"texts": texts._asdict(), "bytes": self._model.size_bytes() + texts.bytes}

    @property
    def state(self) -> ModelState | None:
        """The latest state of the model in memory; None before it is loaded."""
        return self._model.state

    @contextmanager
    def session(self) -> Iterator[ReadSession]:
        """Open a session with its head pinned at the newest position, after catching up where events are pending.

        Where events cannot be projected, it shows those that are, and `is_behind` says so. Raises StorageError.
        """
        opened_at = self.clock()
        progress = self._confirm_whole()
        # Before the model is loaded, those who need no more than the head do not wait for it.
        state = self._model.get(progress) if self._model.state else None
        with closing(self._begin(self._database.read, state.position if state else progress.position)) as transaction:
            yield ReadSession(self._shared, transaction, opened_at, progress, state)

    @contextmanager
    def peek(self, head: int) -> Iterator[ReadSession]:
        """Open a session with its head pinned at a position that was projected before; raises PositionError.

        It needs no transaction at all: on a server that saves as many round trips as the session itself takes.
        """
        if (progress := self._heads.last).position < head and (progress := self.confirm()).position < head:
            # The projector's commits are not synced: a crash of the server may have taken the last of them.
            raise PositionError(f"position {head} is not available any more: the read model is at {progress.position}")
        if progress.position > head:
            progress = progress._replace(position=head, root=None)
        with closing(self._begin(self._database.read_autocommit, head)) as transaction:
            yield ReadSession(self._shared, transaction, self.clock(), progress, self._model.find(head))

    def recall(self) -> MemoryView | None:
        """Return a view as of now, if that is known without reading from the database; raises StorageError."""
        return self._find_view(self._heads.recall())

    def recall_at(self, version: object) -> MemoryView | None:
        """Return a view as of a version of the database, if that is known without reading anything else from it."""
        return self._find_view(self._heads.recall_at(version))

    def _find_view(self, progress: ProjectionProgress | None) -> MemoryView | None:
        if progress is None or progress.is_behind:
            return None
        self._shared.texts.follow_redaction(progress.redaction_version)
        state = self._model.find(progress.position)
        return MemoryView(progress, state) if state is not None and state.is_at(progress) else None

    def open_version_channel(self) -> VersionChannel | None:
        """Return a channel to ask the database for its version by; None if nobody has to be asked."""
        return self._database.open_version_channel()

    def confirm(self) -> ProjectionProgress:
        """Return how far the read model is, as of a moment after the call; raises StorageError."""
        progress = self._heads.confirm()
        self._shared.texts.follow_redaction(progress.redaction_version)
        return progress

    def refresh(self) -> MemoryView:
        """Return a view as of a moment after the call, and have in memory what every reader needs of it.

        That is the model, if it was loaded before, and the newest entry. Raises StorageError.
        """
        progress = self._confirm_whole()
        if self._model.state is None or progress.is_behind:
            return MemoryView(progress, None)
        state = self._model.get(progress)
        with closing(self._begin(self._database.read, state.position)) as transaction:
            session = ReadSession(self._shared, transaction, self.clock(), progress, state)
            session.load_entries([session.head] if session.head else [])
        return MemoryView(progress, state)

    def session_in_memory(self, view: MemoryView) -> ReadSession:
        """Return a session at what was just confirmed, which reads from memory only. There is nothing to close.

        Raises:
            WouldWait: if the model is not there; a reader raises it where it needs what is not in memory.
        """
        if view.state is None:
            raise WouldWait
        return ReadSession(self._shared, self._no_transaction, self.clock(), view.progress, view.state)

    def _confirm_whole(self) -> ProjectionProgress:
        progress = self.confirm()
        if progress.is_behind:
            # Another process appended events and has not projected them yet, or died before it could.
            self._projection.catch_up_for_reader()
            progress = self.confirm()
        return progress

    def _begin(self, open_: Callable[[], AbstractContextManager[Transaction]], head: int) -> LazyTransaction:
        return LazyTransaction(self._database.name, open_, partial(self._require_reached, head))

    def _require_reached(self, head: int, transaction: Transaction) -> None:
        if (position := read_progress(transaction).position) < head:
            raise StorageUnavailable(f"position {head} is not available any more: the read model is at {position}")
