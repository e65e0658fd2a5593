"""Why the follower stopped: the event it could not get past, in one of few classes, and what may be told of it."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

from msgspec import Struct

from ogpgraph.domain.errors import Invalid, StoredEventError
from ogpgraph.domain.event import VERSION, Event, decode
from ogpgraph.domain.nouns import NOUNS
from ogpgraph.domain.subject import kind_of
from ogpgraph.storage.database import Row
from ogpgraph.storage.log import CorruptEvent, LoggedEvent, opened


class StopCode(StrEnum):
    """In what way an event cannot be followed."""

    CORRUPT = "CORRUPT"
    UNKNOWN_EVENT = "UNKNOWN_EVENT"
    UNDECODABLE = "UNDECODABLE"
    PROJECTION_FAILED = "PROJECTION_FAILED"
    OTHER_PROJECTION = "OTHER_PROJECTION"


class Stop(Struct, frozen=True):
    """What the follower stands still before; `message` may be told to everyone."""

    code: StopCode
    message: str
    log_position: int


class Poisonous(Exception):
    """An event that cannot be followed."""

    def __init__(self, stop: Stop) -> None:
        super().__init__(stop.message)
        self.stop = stop


def followed(row: Row) -> tuple[LoggedEvent, Event]:
    """Return the event that a row of the log holds, checked and decoded; raises Poisonous."""
    try:
        logged = opened(row)
    except CorruptEvent as error:
        raise Poisonous(Stop(StopCode.CORRUPT, str(error), row["position"])) from error
    if not _is_known(kind_of(logged.stream), logged.name, logged.version):
        raise Poisonous(_stop(StopCode.UNKNOWN_EVENT, logged, "this program does not know such an event"))
    try:
        return logged, decode(logged.stream, logged.originator_version, logged.name, logged.version, logged.state)
    except StoredEventError as error:
        raise Poisonous(_stop(StopCode.UNDECODABLE, logged, "its payload is not of the form it should have")) from error


def failed(logged: LoggedEvent, error: Exception) -> Stop:
    """Return the stop before an event whose projection failed; of the error only the class is told."""
    return _stop(StopCode.PROJECTION_FAILED, logged, f"projecting it failed ({type(error).__name__})")


def refused(row: Row, error: Exception) -> Stop:
    """Return the stop before a save whose rows the database does not take."""
    message = (
        f"the database refuses the rows of the save that begins with event {row['position']} ({type(error).__name__})"
    )
    return Stop(StopCode.PROJECTION_FAILED, message, row["position"])


@lru_cache(maxsize=1_000)
def _is_known(kind: str, name: str, version: int) -> bool:
    noun = NOUNS.get(kind)
    try:
        return noun is not None and version <= VERSION and bool(noun.event(name))
    except Invalid:
        return False


def _stop(code: StopCode, logged: LoggedEvent, why: str) -> Stop:
    what = f"{logged.name} version {logged.version}"
    where = f"event {logged.id} ({logged.stream} revision {logged.originator_version}, {what})"
    return Stop(code, f"{where}: {why}", logged.id)
