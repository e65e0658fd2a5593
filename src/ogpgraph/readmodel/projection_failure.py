"""Why the follower stopped: the event it could not get past, in one of few classes, and what may be told of it."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

from msgspec import Struct

from ogpgraph.domain.aggregate import aggregate_type_of
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.errors import Invalid, StoredEventError
from ogpgraph.domain.event import VERSION, Event, decode_payload
from ogpgraph.storage.database import Row
from ogpgraph.storage.event_log import CorruptEvent, LoggedEvent, load_event


class ProjectionFailureCode(StrEnum):
    """In what way an event cannot be followed."""

    CORRUPT = "CORRUPT"
    UNKNOWN_EVENT = "UNKNOWN_EVENT"
    UNDECODABLE = "UNDECODABLE"
    PROJECTION_FAILED = "PROJECTION_FAILED"
    OTHER_PROJECTION = "OTHER_PROJECTION"


class ProjectionFailure(Struct, frozen=True):
    """What the follower stands still before; `message` may be told to everyone."""

    code: ProjectionFailureCode
    message: str
    log_position: int


class PoisonEvent(Exception):
    """An event that cannot be followed."""

    def __init__(self, failure: ProjectionFailure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def decode_row(row: Row) -> tuple[LoggedEvent, Event]:
    """Return the event that a row of the log holds, checked and decoded; raises PoisonEvent."""
    try:
        logged = load_event(row)
    except CorruptEvent as error:
        raise PoisonEvent(ProjectionFailure(ProjectionFailureCode.CORRUPT, str(error), row["position"])) from error
    if not _is_known(aggregate_type_of(logged.stream), logged.name, logged.version):
        raise PoisonEvent(
            _describe(ProjectionFailureCode.UNKNOWN_EVENT, logged, "this program does not know such an event")
        )
    try:
        return logged, decode_payload(
            logged.stream, logged.originator_version, logged.name, logged.version, logged.state
        )
    except StoredEventError as error:
        raise PoisonEvent(
            _describe(ProjectionFailureCode.UNDECODABLE, logged, "its payload is not of the form it should have")
        ) from error


def describe_failed_event(logged: LoggedEvent, error: Exception) -> ProjectionFailure:
    """Return the stop before an event whose projection failed; of the error only the class is told."""
    return _describe(ProjectionFailureCode.PROJECTION_FAILED, logged, f"projecting it failed ({type(error).__name__})")


def describe_rejected_rows(row: Row, error: Exception) -> ProjectionFailure:
    """Return the stop before a save whose rows the database does not take."""
    message = (
        f"the database refuses the rows of the save that begins with event {row['position']} ({type(error).__name__})"
    )
    return ProjectionFailure(ProjectionFailureCode.PROJECTION_FAILED, message, row["position"])


@lru_cache(maxsize=1_000)
def _is_known(aggregate_type: str, name: str, version: int) -> bool:
    noun = AGGREGATE_TYPES.get(aggregate_type)
    try:
        return noun is not None and version <= VERSION and bool(noun.event_type(name))
    except Invalid:
        return False


def _describe(code: ProjectionFailureCode, logged: LoggedEvent, reason: str) -> ProjectionFailure:
    what = f"{logged.name} version {logged.version}"
    where = f"event {logged.id} ({logged.stream} revision {logged.originator_version}, {what})"
    return ProjectionFailure(code, f"{where}: {reason}", logged.id)
