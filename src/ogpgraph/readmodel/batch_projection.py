"""The projection of a batch in memory: what its events add to the rows, from the last rows of their aggregates."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from msgspec import Struct

from ogpgraph.clock import to_microseconds
from ogpgraph.domain.aggregate_types import decode_stored_event
from ogpgraph.domain.errors import StoredEventError, UnknownEvent
from ogpgraph.domain.event import Event
from ogpgraph.domain.field import Tag
from ogpgraph.domain.statement import statement_interval
from ogpgraph.domain.timeline import Timeline, advance_timeline
from ogpgraph.readmodel.batch_rows import RowBatch
from ogpgraph.readmodel.dimension_tags import TagDifference
from ogpgraph.readmodel.earlier_claims import earlier_claims
from ogpgraph.readmodel.entry import changed_paths
from ogpgraph.readmodel.entry_query import entry_term
from ogpgraph.readmodel.error_codes import ProjectionFailureCode
from ogpgraph.readmodel.model_change import ChangeRecorder
from ogpgraph.readmodel.open_rows import OpenRows
from ogpgraph.readmodel.queries import hash_event_id, path_set_term
from ogpgraph.readmodel.searched_texts import diff_searched_texts
from ogpgraph.readmodel.states import extend_chain
from ogpgraph.readmodel.tags import CODE_PATHS, code_of
from ogpgraph.storage.database import Row
from ogpgraph.storage.logged_event import CorruptEvent, LoggedEvent, load_event

log = structlog.stdlib.get_logger(__name__)
DecodedSave = list[tuple[LoggedEvent, Event]]
ReadStream = Callable[[str, Collection[int]], Mapping[int, Event]]
"""Returns revision → event for some revisions of a stream."""


class ProjectionFailure(Struct, frozen=True):
    """The event that the projection stopped before, and why. `message` is safe to expose: it quotes no payload."""

    code: ProjectionFailureCode
    message: str
    log_position: int


class PoisonEvent(Exception):
    """A stored event that cannot be read."""

    def __init__(self, failure: ProjectionFailure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class BatchProjection:
    """The projection of one batch in memory, with the open rows of its streams, which are moved on."""

    def __init__(
        self, open_rows: Mapping[str, OpenRows], read_events: ReadStream, changes: ChangeRecorder | None = None
    ) -> None:
        """Project into memory; `changes` records what changes, for whom that concerns."""
        self._read_events = read_events
        self.rows = RowBatch()
        self._changes = changes
        self.done = 0
        self._open_rows = open_rows

    def project(self, saves: Iterable[DecodedSave], position: int) -> ProjectionFailure | None:
        """Project saves that follow a position.

        After a failure `done` is the number of saves before it, and the batch is of no use.
        """
        for save in saves:
            for logged, event in save:
                position += 1
                try:
                    self.project_event(logged, event, position)
                except Exception as error:
                    log.exception("projecting an event failed", log_position=logged.id, stream=logged.stream)
                    return _describe_failed_event(logged, error)
            self.done += 1
        return None

    def project_event(self, logged: LoggedEvent, event: Event, position: int) -> None:
        """Project the next event of a stream, whose entry has a position."""
        open_rows = self._open_rows[logged.stream]
        before = open_rows.timeline
        if event.revision != before.aggregate.revision + 1:  # an event of the stream was deleted from the log
            raise ValueError(f"revision {event.revision} follows revision {before.aggregate.revision}")
        delta, timeline, touched = advance_timeline(before, event, partial(self._read_events, logged.stream))
        after, former_code = timeline.aggregate, open_rows.code
        if not open_rows.key or not CODE_PATHS.isdisjoint(touched):
            open_rows.code = code_of(after)
        is_first = not open_rows.key
        if is_first:
            open_rows.key = position
            self.rows.add_stream(position, after)
        if is_first or open_rows.code != former_code:
            self.rows.codes.append((open_rows.key, position, open_rows.code))
        open_rows.chain, content = extend_chain(open_rows.chain, position, delta, after)
        self.rows.versions.append((position, open_rows.code, *content))
        paths = changed_paths(delta)
        path_set = path_set_term(tuple(paths)) if paths else None
        if path_set and path_set not in self.rows.path_sets:
            self.rows.path_sets[path_set] = [entry_term("path", path) for path in paths]
        self.rows.entries.append(_entry_row(logged, event, position, open_rows.key, path_set))
        differences = _update_dated_rows(self.rows, open_rows, former_code, timeline, touched, position)
        if self._changes:
            self._changes.add(position, open_rows.code, after, differences)
        open_rows.timeline = timeline


def _update_dated_rows(
    rows: RowBatch, open_rows: OpenRows, former_code: str, after: Timeline, paths: frozenset[str], position: int
) -> tuple[TagDifference, TagDifference]:
    """Replace the rows of tags, earlier claims and texts that differ between two states that differ at some paths.

    Returns in which tags they differ, and in which of those of the days on which a state changes.
    """
    key, before, was_listed, is_listed = open_rows.key, open_rows.timeline, bool(former_code), bool(open_rows.code)
    old = open_rows.readings
    new = open_rows.readings = old.move(after, paths)
    by_rules = open_rows.tags.move(old, new, paths, was_listed=was_listed, is_listed=is_listed)
    by_days = open_rows.days.move(before, after, paths)
    for difference in (by_rules, by_days):
        rows.tags.replace(key, difference.ended, difference.begun, position)
    if before.earlier or after.earlier:
        old_claims, new_claims = earlier_claims(before, paths), earlier_claims(after, paths)
        rows.earlier_claims.replace(key, old_claims - new_claims, new_claims - old_claims, position)
    texts = diff_searched_texts(old, new, paths, was_listed=was_listed, is_listed=is_listed)
    rows.searched_texts.replace(key, texts.ended, texts.begun, position)
    return by_rules, by_days


def _entry_row(logged: LoggedEvent, event: Event, position: int, stream: int, path_set: Tag | None) -> tuple[Any, ...]:
    """Return the row of an entry as `RowBatch` collects it."""
    envelope, effective = event.envelope, statement_interval(event)
    return (
        position,
        logged.id,
        hash_event_id(envelope.id),
        stream,
        event.revision,
        to_microseconds(datetime.fromisoformat(logged.recorded_at)),
        to_microseconds(effective.after) if effective.after else None,
        to_microseconds(effective.before),
        entry_term("name", event.name),
        entry_term("cause", envelope.cause),
        entry_term("actor", envelope.actor),
        entry_term("role", envelope.role),
        entry_term("source", envelope.source) if envelope.source else None,
        entry_term("correlation", envelope.correlation),
        path_set,
    )


def decode_saves(saves: Iterable[list[Row]]) -> tuple[list[DecodedSave], ProjectionFailure | None]:
    """Return the saves before the first one with an event that cannot be read, and that event's failure."""
    decoded: list[DecodedSave] = []
    for save in saves:
        try:
            decoded.append([decode_row(row) for row in save])
        except PoisonEvent as poison:
            return decoded, poison.failure
    return decoded, None


def decode_row(row: Row) -> tuple[LoggedEvent, Event]:
    """Return the event in a row of the log, verified and decoded as for a command; raises PoisonEvent."""
    try:
        logged = load_event(row)
    except CorruptEvent as error:
        raise PoisonEvent(ProjectionFailure(ProjectionFailureCode.CORRUPT, str(error), row["position"])) from error
    try:
        return logged, decode_stored_event(logged)
    except UnknownEvent as error:
        failure = _describe(ProjectionFailureCode.UNKNOWN_EVENT, logged, "this program does not know such an event")
        raise PoisonEvent(failure) from error
    except StoredEventError as error:
        failure = _describe(
            ProjectionFailureCode.UNDECODABLE, logged, "its payload does not match its name and version"
        )
        raise PoisonEvent(failure) from error


def _describe(code: ProjectionFailureCode, logged: LoggedEvent, reason: str) -> ProjectionFailure:
    name = f"{logged.name} version {logged.version}"
    message = f"event {logged.id} ({logged.stream} revision {logged.revision}, {name}): {reason}"
    return ProjectionFailure(code, message, logged.id)


def _describe_failed_event(logged: LoggedEvent, error: Exception) -> ProjectionFailure:
    # Only the error's class: its message may quote the payload.
    return _describe(ProjectionFailureCode.PROJECTION_FAILED, logged, f"projecting it failed ({type(error).__name__})")
