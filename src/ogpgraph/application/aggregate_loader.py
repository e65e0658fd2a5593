"""The loader of aggregates: from memory or the cache in the database, and the events that follow there.

Every loading reads from the log the event at the cached revision, which must have the cached leaf, and all later ones.
So an aggregate is never older than the log, whoever writes to it, and never of another log than the one in use.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import msgspec
import structlog

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_types import decode_event
from ogpgraph.domain.event import Event
from ogpgraph.domain.fold import evolve
from ogpgraph.storage.aggregate_cache import AggregateCache
from ogpgraph.storage.event_log import EventLog, LoggedEvent

MAX_PATHS_IN_MEMORY = 50_000
"""The paths of all aggregates in memory, and the statements that they refer to; about 500 bytes each, or less."""
MIN_EVENTS = 50
"""Fewer events than these after a cached aggregate are read faster than another row is worth."""

log = structlog.stdlib.get_logger(__name__)
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Aggregate)


class LoadedAggregate(NamedTuple):
    """An aggregate, the leaf of its last event, and how much has been appended since its row in the database."""

    aggregate: Aggregate
    leaf: bytes = b""
    document_length: int = 0
    events_since: int = 0
    bytes_since: int = 0

    @property
    def is_row_due(self) -> bool:
        """Return whether a new row is worth its cost: what was appended is longer than the row's document."""
        return self.events_since >= MIN_EVENTS and self.bytes_since > self.document_length


class AggregateMemory:
    """The aggregates that were used last; they never change, so all threads share them."""

    def __init__(self, max_paths: int) -> None:
        self._max_paths = max_paths
        self._paths = 0
        self._aggregates: OrderedDict[str, LoadedAggregate] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, stream: str) -> LoadedAggregate | None:
        """Return the aggregate of a stream as it was last loaded, None where it is not in memory."""
        with self._lock:
            if (found := self._aggregates.get(stream)) is not None:
                self._aggregates.move_to_end(stream)
            return found

    def put(self, loaded: LoadedAggregate) -> None:
        """Keep an aggregate, and forget those that were used longest ago as far as there is no room for all."""
        with self._lock:
            self._remove(loaded.aggregate.id)
            self._aggregates[loaded.aggregate.id] = loaded
            self._paths += _measure(loaded.aggregate)
            while self._paths > self._max_paths and self._aggregates:
                self._remove(next(iter(self._aggregates)))

    def remove(self, stream: str) -> None:
        """Forget the aggregate of a stream."""
        with self._lock:
            self._remove(stream)

    def _remove(self, stream: str) -> None:
        if (removed := self._aggregates.pop(stream, None)) is not None:
            self._paths -= _measure(removed.aggregate)


class AggregateLoader:
    """Loads aggregates, and writes a row for those whose streams have grown by more than the row's length."""

    def __init__(self, log: EventLog, cache: AggregateCache, *, max_paths: int = MAX_PATHS_IN_MEMORY) -> None:
        self._log = log
        self._cache = cache
        self._memory = AggregateMemory(max_paths)

    def load(self, stream: str) -> Aggregate:
        """Return the aggregate of a stream, at revision 0 if the stream is empty.

        Raises CorruptEvent and StoredEventError for an event that is read; those before a cached revision are not.
        """
        loaded = self._load_from_memory(stream) or self._load_from_database(stream)
        if loaded.aggregate.revision:
            self._memory.put(loaded)
        return loaded.aggregate

    def read_events(self, stream: str, revisions: Collection[int]) -> Mapping[int, Event]:
        """Return events of a stream by their revision; raises CorruptEvent, also where one is missing."""
        return {event.revision: decode_logged_event(event) for event in self._log.read_revisions(stream, revisions)}

    def write_due_rows(self, streams: Iterable[str]) -> None:
        """Write the rows of these streams that are due, from memory. A failure is only logged."""
        for stream in streams:
            loaded = self._memory.get(stream)
            if loaded is not None and loaded.is_row_due:
                self._write_row(loaded)

    def _load_from_memory(self, stream: str) -> LoadedAggregate | None:
        if (known := self._memory.get(stream)) is None:
            return None
        events = self._log.read_stream(stream, since=known.aggregate.revision)
        if events and events[0].leaf == known.leaf:
            return self._advance(known, events[1:])
        self._memory.remove(stream)  # of a log that was replaced by another, for example by a backup
        return None

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
            aggregate = evolve(aggregate, decode_logged_event(event), partial(self.read_events, aggregate.id))
        return LoadedAggregate(
            aggregate,
            events[-1].leaf,
            loaded.document_length,
            loaded.events_since + len(events),
            loaded.bytes_since + sum(len(event.payload) for event in events),
        )

    def _write_row(self, loaded: LoadedAggregate) -> None:
        aggregate, document = loaded.aggregate, _encoder.encode(loaded.aggregate)
        try:
            self._cache.write(aggregate.id, aggregate.revision, loaded.leaf, document)
        except Exception:  # whatever it is: the events are stored, and the row is not needed
            log.warning("writing a cached aggregate failed", stream=aggregate.id, exc_info=True)
        # After a failure, too: the next attempt is made when as much was appended again.
        self._memory.put(LoadedAggregate(aggregate, loaded.leaf, len(document)))


def decode_logged_event(logged: LoggedEvent) -> Event:
    """Return the event of a row of the log; raises StoredEventError."""
    return decode_event(logged.stream, logged.revision, logged.name, logged.version, logged.payload)


def _decode(document: bytes) -> Aggregate | None:
    try:
        return _decoder.decode(document)
    except msgspec.MsgspecError:
        return None


def _measure(aggregate: Aggregate) -> int:
    """Return the number of paths of an aggregate, and of the statements that it refers to."""
    statements = sum(len(refs) for sequences in aggregate.sequences.values() for refs in sequences.values())
    return 1 + len(aggregate.claims) + statements
