"""An entry of the log as the follower wrote it, and the wordings that it speaks of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
from msgspec import Struct

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.event import Envelope, Event
from ogpgraph.domain.values import Observation, Rating, TextListValue, TextValue, Value
from ogpgraph.storage.database import Row

_COMPOUND_VALUES = (Rating, Observation)
"""The values that have several fields."""


class TextReference(Struct, frozen=True, omit_defaults=True):
    """A reference to one wording (`text`) or several (`texts`), to be put into words when it is read."""

    text: str | None = None
    texts: tuple[str, ...] | None = None


class FieldChange(Struct, frozen=True, array_like=True):
    """One changed field: its path, and the value before and after (None where nothing was said)."""

    path: str
    before: Any
    after: Any


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
    def from_row(cls, row: Row) -> Entry:
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


def change_text_refs(entry: Entry) -> Iterator[str]:
    """Yield the references of the wordings among an entry's changes."""
    for change in entry.changes:
        for side in (change.before, change.after):
            if isinstance(side, dict):
                yield from side.get("texts") or filter(None, [side.get("text")])


def evidence_text_refs(entry: Entry) -> Iterator[str]:
    """Yield the references of the canonical texts that an entry's evidence quotes."""
    return (item.text for item in entry.envelope.evidence if item.text)


def reason_text_refs(entry: Entry) -> Iterator[str]:
    """Yield the reference of an entry's reason."""
    return filter(None, [entry.envelope.reason])


def diff_aggregates(before: Aggregate, after: Aggregate, event: Event) -> list[FieldChange]:
    """Return the field-level changes an event made.

    Where the current value stayed what it was, the change is in what that source claims: `claims/<path>`.
    """
    changes: list[FieldChange] = []
    for path in event.facts:
        old, new = before.value(path), after.value(path)
        if old != new:
            changes += diff_values(path, old, new)
        else:
            voice = event.envelope.origin, event.envelope.source
            said, says = before.value_from(path, *voice), after.value_from(path, *voice)
            changes += diff_values(f"claims/{path}", said, says)
    return changes


def diff_values(path: str, old: Value | None, new: Value | None) -> Iterator[FieldChange]:
    """Yield the fields in which two values at a path differ."""
    if not isinstance(old, _COMPOUND_VALUES) and not isinstance(new, _COMPOUND_VALUES):
        if (said := _to_change_value(old)) != (says := _to_change_value(new)):
            yield FieldChange(path, said, says)
        return
    before, after = dict(iter_fields(path, old)), dict(iter_fields(path, new))
    for field in sorted(before.keys() | after.keys()):
        if before.get(field) != after.get(field):
            yield FieldChange(field, before.get(field), after.get(field))


def iter_fields(path: str, value: Value | None) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a value with their paths: a rating has several, most values are one."""
    match value:
        case None:
            return
        case Rating():
            yield f"{path}/state", value.state
            yield from ((f"{path}/{name}", part) for name, part in _rating_fields(value) if part is not None)
        case Observation():
            yield f"{path}/contentHash", value.content_hash
            yield f"{path}/reader", value.reader
        case _:
            yield path, _to_change_value(value)


def _to_change_value(value: Value | None) -> Any:
    """Return a value of one field as a change tells it."""
    match value:
        case TextValue(text=text):
            return TextReference(text=text)
        case TextListValue(texts=texts):
            return TextReference(texts=texts)
        case _:
            return value


def _rating_fields(rating: Rating) -> tuple[tuple[str, Any], ...]:
    return (
        ("value", rating.value),
        ("statedAs", TextReference(text=rating.stated_as) if rating.stated_as else None),
        ("irmReport", TextReference(text=rating.irm_report) if rating.irm_report else None),
    )
