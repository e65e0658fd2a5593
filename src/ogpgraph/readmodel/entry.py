"""Entries: the rows of the log's events as clients see them, and the field-level changes they made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
from msgspec import Struct

from ogpgraph.domain.aggregate import Claim, select_current
from ogpgraph.domain.event import Envelope, Payload
from ogpgraph.domain.fold import Delta
from ogpgraph.domain.values import Observation, Rating, TextListValue, TextValue, Value
from ogpgraph.storage.database import Row

_COMPOUND_TYPES = (Rating, Observation)
"""Values that consist of several fields."""


class TextReference(Struct, frozen=True, omit_defaults=True):
    """A reference to a text, or several to the texts of a list, in place of the texts themselves."""

    text: str | None = None
    texts: tuple[str, ...] | None = None


class FieldChange(Struct, frozen=True, array_like=True):
    """A changed field: its path, and its value before and after (None where there is none)."""

    path: str
    before: Any
    after: Any


_changes_decoder = msgspec.json.Decoder(list[FieldChange])
_payload_decoder = msgspec.json.Decoder(Payload)


@dataclass(frozen=True)
class Entry:
    """An entry: one event with its position, and with the root of the tree over all events up to it."""

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
        """Return the event's envelope: who recorded it, when, why and on what evidence."""
        return self._payload.envelope

    @property
    def amended_revision(self) -> int | None:
        """Return the newest revision of the stream that the event amends, None if it amends none."""
        return max((*self._payload.withdraws, *self._payload.amends), default=None)

    @cached_property
    def _payload(self) -> Payload:
        return _payload_decoder.decode(self.row["envelope"])

    @cached_property
    def changes(self) -> list[FieldChange]:
        """Return the field-level changes, texts by reference."""
        return _changes_decoder.decode(self.row["changes"])


# References to texts


def change_text_refs(entry: Entry) -> Iterator[str]:
    """Yield the references to texts in an entry's changes."""
    for change in entry.changes:
        for side in (change.before, change.after):
            if isinstance(side, dict):
                yield from side.get("texts") or filter(None, [side.get("text")])


def evidence_text_refs(entry: Entry) -> Iterator[str]:
    """Yield the references to the canonical texts that an entry's evidence quotes."""
    return (item.text for item in entry.envelope.evidence if item.text)


def reason_text_refs(entry: Entry) -> Iterator[str]:
    """Yield the reference to an entry's reason."""
    return filter(None, [entry.envelope.reason])


# Changes


def diff_delta(delta: Delta) -> list[FieldChange]:
    """Return the changes of an event.

    Where the event changes no current value at a path, it changes claims there: such a path begins with `claims/`.
    """
    changes: list[FieldChange] = []
    for path, (before, after) in delta.claims.items():
        old, new = _current_value(path, before), _current_value(path, after)
        if old != new:
            changes += diff_values(path, old, new)
        else:
            changes += _diff_claims(path, before, after)
    return changes


def _diff_claims(path: str, before: tuple[Claim, ...], after: tuple[Claim, ...]) -> Iterator[FieldChange]:
    old, new = ({claim.key: claim.value for claim in claims} for claims in (before, after))
    for key in sorted(old.keys() | new.keys()):
        yield from diff_values(f"claims/{path}", old.get(key), new.get(key))


def _current_value(path: str, claims: tuple[Claim, ...]) -> Value | None:
    current = select_current(path, claims)
    return current.value if current else None


def diff_values(path: str, old: Value | None, new: Value | None) -> Iterator[FieldChange]:
    """Yield the fields in which two values at a path differ."""
    if not isinstance(old, _COMPOUND_TYPES) and not isinstance(new, _COMPOUND_TYPES):
        if (before := _to_field_value(old)) != (after := _to_field_value(new)):
            yield FieldChange(path, before, after)
        return
    old_fields, new_fields = dict(iter_fields(path, old)), dict(iter_fields(path, new))
    for field in sorted(old_fields.keys() | new_fields.keys()):
        if old_fields.get(field) != new_fields.get(field):
            yield FieldChange(field, old_fields.get(field), new_fields.get(field))


def iter_fields(path: str, value: Value | None) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a value with their paths: most values are one field, a rating has several."""
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
            yield path, _to_field_value(value)


def _to_field_value(value: Value | None) -> Any:
    """Return a value as changes show it: texts by reference, without how a translation was made."""
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
