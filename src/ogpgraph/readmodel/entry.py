"""An entry of the log as the follower wrote it, and the wordings that it speaks of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import msgspec

from ogpgraph.domain.event import Envelope
from ogpgraph.readmodel.projection import FieldChange
from ogpgraph.storage.database import Row

_changes_decoder = msgspec.json.Decoder(list[FieldChange])
_envelope_decoder = msgspec.json.Decoder(Envelope)


@dataclass(frozen=True)
class Entry:
    """One entry of the log: a row for each event, as the follower wrote it."""

    position: int
    event_id: str
    stream: str
    revision: int
    name: str
    recorded_at: str
    root: str
    leaf: str
    row: Row

    @classmethod
    def of(cls, row: Row) -> Entry:
        """Return the entry in a row."""
        columns = ("position", "event_id", "stream", "revision", "name", "recorded_at", "root", "leaf")
        return cls(**{column: row[column] for column in columns}, row=row)

    @cached_property
    def envelope(self) -> Envelope:
        """Return who, when, why and on what evidence."""
        return _envelope_decoder.decode(self.row["envelope"])

    @cached_property
    def changes(self) -> list[FieldChange]:
        """Return the field-level changes, wordings still by reference."""
        return _changes_decoder.decode(self.row["changes"])


def words_of_changes(entry: Entry) -> Iterator[str]:
    """Yield the references of the wordings among an entry's changes."""
    for change in entry.changes:
        for side in (change.before, change.after):
            if isinstance(side, dict):
                yield from side.get("texts") or filter(None, [side.get("text")])


def words_of_evidence(entry: Entry) -> Iterator[str]:
    """Yield the references of the canonical texts that an entry's evidence quotes."""
    return (item.text for item in entry.envelope.evidence if item.text)


def words_of_reason(entry: Entry) -> Iterator[str]:
    """Yield the reference of an entry's reason."""
    return filter(None, [entry.envelope.reason])
