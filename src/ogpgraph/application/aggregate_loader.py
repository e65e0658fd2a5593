"""The loader of aggregates: from memory or the cache in the database, and the events that follow there.

At the start the memory is filled with the states that the read model loads. What is in memory is as of the head up to
which the log was followed: whatever others append to a stream makes it forgotten, and so does a log in which that head
has another leaf. Loading from the database reads the event at the cached revision, which must have the cached leaf, and
all later ones. So an aggregate is never older than the log, whoever writes to it, and never of another log than the one
in use.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import msgspec
import structlog
from eventsourcing.persistence import StoredEvent

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_types import decode_stored_event
from ogpgraph.domain.event import Event
from ogpgraph.domain.fold import evolve
from ogpgraph.storage.aggregate_cache import AggregateCache
from ogpgraph.storage.append import LogHead, LogNews, StoredSaves
from ogpgraph.storage.database import Transaction
from ogpgraph.storage.event_log import EventLog
from ogpgraph.storage.logged_event import LoggedEvent

MAX_PATHS_IN_MEMORY = 250_000
"""The paths of all aggregates in memory, and the statements that they refer to: about 350 bytes each.

A record of OGP's size fits: a commitment has about 40.
"""
MIN_EVENTS = 50
"""Fewer events than these after a cached aggregate are read faster than another row is worth."""

Fill = Callable[[Iterable[Aggregate]], None]
"""Called with whole aggregates that were read without any event of the log missing."""

log = structlog.stdlib.get_logger(__name__)
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Aggregate)


class LoadedAggregate(NamedTuple):
    """An aggregate, the leaf of its last event, and how much has been appended since its row in the database.

    It has no leaf before that event was read, which is when something first rests on it.

    `former` is the aggregate before the last save of this process, if that changed it.
    """

    aggregate: Aggregate
    leaf: bytes = b""
    document_length: int = 0
    events_since: int = 0
    bytes_since: int = 0
    former: Aggregate | None = None

    @property
    def is_row_due(self) -> bool:
        """Return whether a new row is worth its cost: what was appended is longer than the row's document."""
        return self.events_since >= MIN_EVENTS and self.bytes_since > self.document_length


class AggregateMemory:
    """The aggregates that were used last; they never change, so all threads share them.

    Each is as of `head`, the end of the log as far as this process has followed it, or of a later one.
    """

    def __init__(self, max_paths: int) -> None:
        self._max_paths = max_paths
        self._paths = 0
        self._aggregates: OrderedDict[str, LoadedAggregate] = OrderedDict()
        self._lock = threading.Lock()
        self.head: LogHead | None = None
        self.losses = 0
        """How often something was forgotten. What was read before that may be older than what was forgotten."""

    def get(self, stream: str) -> LoadedAggregate | None:
        """Return the aggregate of a stream, None where it is not in memory."""
        with self._lock:
            if (found := self._aggregates.get(stream)) is not None:
                self._aggregates.move_to_end(stream)
            return found

    def clear(self) -> None:
        """Forget everything, the head included."""
        with self._lock:
            self._aggregates.clear()
            self._paths = 0
            self.losses += 1
            self.head = None

    def put(self, loaded: LoadedAggregate, as_of: LogHead | None) -> None:
        """Keep an aggregate that was read when the log had been followed up to a head, if it still is the last one."""
        with self._lock:
            if as_of is not None and as_of == self.head:
                self._put(loaded)

    def fill(self, losses: int, aggregates: Iterable[Aggregate]) -> None:
        """Keep aggregates that are not in memory, as far as there is room.

        They were read as of `head` or later, when so much had been forgotten. If more was since, they are not kept:
        what is not in memory was then not changed by this process, and is not known to be changed by others.
        """
        with self._lock:
            if losses != self.losses or self.head is None:
                return
            for aggregate in aggregates:
                is_new = aggregate.id not in self._aggregates
                if is_new and self._paths + _measure(aggregate) <= self._max_paths:
                    self._put(LoadedAggregate(aggregate))

    def follow(self, news: LogNews) -> None:
        """Go on to a later head, and forget what others have changed until there."""
        with self._lock:
            self.losses += bool(news.streams) or not news.is_complete
            for stream in news.streams if news.is_complete else list(self._aggregates):
                self._remove(stream)
            if self.head is None or not news.is_complete or news.head.position > self.head.position:
                self.head = news.head

    def advance(self, aggregates: Iterable[LoadedAggregate], head: LogHead) -> None:
        """Go on to the head after a save of this process, with the aggregates that it changed."""
        with self._lock:
            if self.head is not None and self.head.position > head.position:
                return  # another thread has followed the log further, and forgotten what this one has saved
            self.head = head
            for loaded in aggregates:
                self._put(loaded)

    def _put(self, loaded: LoadedAggregate) -> None:
        """Keep an aggregate, and forget those that were used longest ago as far as there is no room for all."""
        self._remove(loaded.aggregate.id)
        self._aggregates[loaded.aggregate.id] = loaded
        self._paths += _measure(loaded.aggregate)
        while self._paths > self._max_paths and self._aggregates:
            self._remove(next(iter(self._aggregates)))
            self.losses += 1

    def _remove(self, stream: str) -> None:
        if (removed := self._aggregates.pop(stream, None)) is not None:
            self._paths -= _measure(removed.aggregate)


class AggregateLoader:
    """Loads aggregates, and writes a row for those whose streams have grown by more than the row's length."""

    def __init__(self, log: EventLog, cache: AggregateCache, *, max_paths: int = MAX_PATHS_IN_MEMORY) -> None:
        self._log = log
        self._cache = cache
        self._memory = AggregateMemory(max_paths)

    def followed_head(self) -> LogHead:
        """Return the head up to which the log was followed."""
        if (head := self._memory.head) is None:
            news = self._log.read_news(None)
            self.follow(news)
            head = news.head
        return head

    def load(self, stream: str) -> Aggregate:
        """Return the aggregate of a stream as it is now, at revision 0 if the stream is empty.

        Raises CorruptEvent and StoredEventError for an event that is read; those before a cached revision are not.
        """
        self.follow(self._log.read_news(self._memory.head))
        aggregate = self.load_known(stream)
        self.verify([stream])
        return aggregate

    def load_known(self, stream: str) -> Aggregate:
        """Return the aggregate of a stream as of `followed_head` or later; raises as `load`.

        One from the read model is to be verified before anything rests on it.
        """
        known, as_of = self._memory.get(stream), self._memory.head
        if known is not None:
            return known.aggregate
        loaded = self._load_from_database(stream)
        if loaded.aggregate.revision:
            self._memory.put(loaded, as_of)
        return loaded.aggregate

    def verify(self, streams: Iterable[str], transaction: Transaction | None = None) -> None:
        """Raise CorruptEvent unless the last events of aggregates from the read model are whole, each read once."""
        as_of, known = self._memory.head, (self._memory.get(stream) for stream in streams)
        filled = {each.aggregate.id: each for each in known if each and not each.leaf}
        revisions = {stream: each.aggregate.revision for stream, each in filled.items()}
        for stream, event in self._log.read_each(revisions, transaction).items():
            self._memory.put(filled[stream]._replace(leaf=event.leaf), as_of)

    def find(self, stream: str, revision: int) -> Aggregate | None:
        """Return the aggregate of a stream at a revision, if that is in memory: now, or before its last save here."""
        known = self._memory.get(stream)
        found = (known.aggregate, known.former) if known else ()
        return next((each for each in found if each and each.revision == revision), None)

    def read_events(self, stream: str, revisions: Collection[int]) -> Mapping[int, Event]:
        """Return events of a stream by their revision; raises CorruptEvent, also where one is missing."""
        return {event.revision: decode_stored_event(event) for event in self._log.read_revisions(stream, revisions)}

    def begin_fill(self) -> Fill:
        """Return the function that keeps aggregates in memory which are read from now on."""
        self.followed_head()
        return partial(self._memory.fill, self._memory.losses)

    def follow(self, news: LogNews) -> None:
        """Take note of what others have appended."""
        self._memory.follow(news)

    def forget(self) -> None:
        """Forget everything: it is read anew."""
        self._memory.clear()

    def advance(self, changed: Iterable[tuple[Aggregate, Sequence[StoredEvent]]], stored: StoredSaves) -> None:
        """Keep the aggregates that a save of this process changed, each with the events, and write the rows due."""
        leaves = stored.last_leaves()
        advanced = [self._extend(aggregate, events, leaves[aggregate.id]) for aggregate, events in changed]
        self._memory.advance(advanced, stored.head)
        for loaded in advanced:
            if loaded.is_row_due:
                self._write_row(loaded, stored.head)

    def _extend(self, aggregate: Aggregate, events: Sequence[StoredEvent], leaf: bytes) -> LoadedAggregate:
        known = self._memory.get(aggregate.id)
        before = known or LoadedAggregate(aggregate)
        return LoadedAggregate(
            aggregate,
            leaf,
            before.document_length,
            before.events_since + len(events),
            before.bytes_since + sum(len(event.state) for event in events),
            known.aggregate if known else None,
        )

    def _load_from_database(self, stream: str) -> LoadedAggregate:
        document, events = self._cache.read(stream)
        if document is None:
            return self._advance(LoadedAggregate(Aggregate(stream)), events)
        aggregate = _decode(document)
        if aggregate is None or (aggregate.id, aggregate.revision) != (stream, events[0].revision):
            log.warning("a cached aggregate is damaged", stream=stream)
            return self._advance(LoadedAggregate(Aggregate(stream)), self._log.read_stream(stream))
        return self._advance(LoadedAggregate(aggregate, events[0].leaf, len(document)), events[1:])

    def _advance(self, loaded: LoadedAggregate, events: Sequence[LoggedEvent]) -> LoadedAggregate:
        if not events:
            return loaded
        aggregate = loaded.aggregate
        for event in events:
            aggregate = evolve(aggregate, decode_stored_event(event), partial(self.read_events, aggregate.id))
        return LoadedAggregate(
            aggregate,
            events[-1].leaf,
            loaded.document_length,
            loaded.events_since + len(events),
            loaded.bytes_since + sum(len(event.payload) for event in events),
        )

    def _write_row(self, loaded: LoadedAggregate, as_of: LogHead) -> None:
        """Write the row of an aggregate. A failure is only logged."""
        aggregate, document = loaded.aggregate, _encoder.encode(loaded.aggregate)
        try:
            self._cache.write(aggregate.id, aggregate.revision, loaded.leaf, document)
        except Exception:  # whatever it is: the events are stored, and the row is not needed
            log.warning("writing a cached aggregate failed", stream=aggregate.id, exc_info=True)
        # After a failure, too: the next attempt is made when as much was appended again.
        self._memory.put(LoadedAggregate(aggregate, loaded.leaf, len(document)), as_of)


def _decode(document: bytes) -> Aggregate | None:
    try:
        return _decoder.decode(document)
    except msgspec.MsgspecError:
        return None


def _measure(aggregate: Aggregate) -> int:
    """Return the number of paths of an aggregate, and of the statements that it refers to."""
    statements = sum(len(refs) for sequences in aggregate.sequences.values() for refs in sequences.values())
    return 1 + len(aggregate.claims) + statements
