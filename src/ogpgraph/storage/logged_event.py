"""An event as the log stores it: its row, and the leaf hash against which every reading verifies it.

The bytes that a leaf hash covers never change: a line with the format, then stream, revision, name, version and time of
recording, each on a line of its own, then the payload. It is stored compressed, which the hash does not depend on
(docs/decisions/0005).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from eventsourcing.persistence import Notification

from ogpgraph.storage.damage import DamagedRecord
from ogpgraph.storage.database import Row, Transaction
from ogpgraph.storage.error_codes import StorageErrorCode
from ogpgraph.storage.log_identity import LOG_FORMAT
from ogpgraph.storage.merkle import leaf_hash
from ogpgraph.storage.payload import decompress_payload

LEAF_FORMAT: Final = f"ogpgraph event {LOG_FORMAT}"
SELECT_EVENTS: Final = "select position, stream, revision, topic, payload, recorded_at, leaf, save from event "


class CorruptEvent(DamagedRecord):
    """A stored event does not match its leaf hash, or is not at its place; it is never returned.

    It is named by its log position, or else by its stream and revision.
    """

    code = StorageErrorCode.CORRUPT_EVENT

    def __init__(
        self,
        message: str,
        *,
        log_position: int | None = None,
        recorded_at: str = "",
        stream: str = "",
        revision: int = 0,
    ) -> None:
        super().__init__(message)
        self.log_position = log_position
        self._recorded_at = recorded_at
        self._stream = stream
        self._revision = revision

    def is_repaired(self, transaction: Transaction) -> bool:
        """Return whether the event is stored, has its time if that is known, and matches its leaf hash."""
        if self.log_position is None:
            where = {"stream": self._stream, "revision": self._revision}
            row = transaction.fetch_one(f"{SELECT_EVENTS}where stream = :stream and revision = :revision", **where)
        else:
            row = transaction.fetch_one(f"{SELECT_EVENTS}where position = :position", position=self.log_position)
        try:
            return row is not None and load_event(row).recorded_at.startswith(self._recorded_at)
        except CorruptEvent:
            return False


@dataclass(frozen=True)
class LoggedEvent(Notification):
    """A stored event. Its `id` is its log position, which increases but may have gaps."""

    recorded_at: str
    leaf: bytes
    save: int

    @property
    def name(self) -> str:
        """Return the event's name."""
        return self.topic.rpartition(".")[0]

    @property
    def version(self) -> int:
        """Return the version of the payload's form."""
        return int(self.topic.rpartition(".")[2])

    @property
    def stream(self) -> str:
        """Return the stream's id."""
        return str(self.originator_id)

    @property
    def revision(self) -> int:
        """Return the event's number within its stream, from 1."""
        return int(self.originator_version)

    @property
    def payload(self) -> bytes:
        """Return the payload; in the log it is compressed."""
        return self.state


def canonical_bytes(stream: str, revision: int, name: str, version: int, recorded_at: str, payload: bytes) -> bytes:
    """Return the bytes that an event's leaf hash covers."""
    return f"{LEAF_FORMAT}\n{stream}\n{revision}\n{name}\n{version}\n{recorded_at}\n".encode() + payload


def hash_leaf(stream: str, revision: int, topic: str, recorded_at: str, payload: bytes) -> bytes:
    """Return the leaf hash of an event; raises ValueError for a topic without a version."""
    name, _, version = topic.rpartition(".")
    return leaf_hash(canonical_bytes(stream, revision, name, int(version), recorded_at, payload))


def load_event(row: Row) -> LoggedEvent:
    """Return the event in a row of the log, verified against its leaf hash; raises CorruptEvent."""
    stream, revision, topic, recorded_at = row["stream"], row["revision"], row["topic"], row["recorded_at"]
    try:
        payload, leaf = decompress_payload(bytes(row["payload"])), bytes(row["leaf"])
        computed = hash_leaf(stream, revision, topic, recorded_at, payload)
    except (ValueError, TypeError):  # the damaged value is of a form that was never stored
        raise _mismatch(row) from None
    if leaf != computed:
        raise _mismatch(row)
    return LoggedEvent(stream, revision, topic, payload, row["position"], recorded_at, leaf, row["save"])


def _mismatch(row: Row) -> CorruptEvent:
    message = f"event {row['position']} ({row['stream']!r} revision {row['revision']}) does not match its leaf hash"
    return CorruptEvent(message, log_position=row["position"])


def load_events(rows: Sequence[Row]) -> list[LoggedEvent]:
    """Return the events in rows of the log, verified; raises CorruptEvent."""
    return [load_event(row) for row in rows]


def require_consecutive(stream: str, events: Sequence[LoggedEvent], *, first: int) -> None:
    """Raise CorruptEvent where an event is missing between the revision `first` and the last of these."""
    for revision, event in enumerate(events, start=first):
        if event.revision != revision:
            raise lost_event(stream, revision)


def lost_event(stream: str, revision: int) -> CorruptEvent:
    """Return the error of an event that is missing from its stream."""
    message = f"{stream} has lost an event: revision {revision} is missing"
    return CorruptEvent(message, stream=stream, revision=revision)
