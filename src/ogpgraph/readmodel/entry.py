"""Entries: the rows of the log's events as clients see them, and the field-level changes they made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress
from typing import Any, Final

from msgspec import Struct

from ogpgraph.clock import format_timestamp, from_microseconds
from ogpgraph.domain.aggregate import Claim, select_current
from ogpgraph.domain.aggregate_type import PATH_CACHE_SIZE
from ogpgraph.domain.aggregate_types import decode_event
from ogpgraph.domain.delta import Delta
from ogpgraph.domain.event import Envelope, Event
from ogpgraph.domain.statement import statement_interval
from ogpgraph.domain.values import Interval, Observation, Rating, TextListValue, TextValue, Value
from ogpgraph.lazy import cached_property
from ogpgraph.readmodel.bookmark import ROOT_DIGITS, Bookmark
from ogpgraph.readmodel.states import decode_stored_delta, decompress
from ogpgraph.storage.database import Row
from ogpgraph.storage.logged_event import CorruptEvent, LoggedEvent, load_event

FIELDS_OF_VALUES: Final[dict[object, tuple[str, ...]]] = {
    Rating: ("state", "value", "statedAs", "irmReport"),
    Observation: ("contentHash", "reader"),
}
"""The types of values that consist of several fields, and the last segments of the paths of these."""
_COMPOUND_TYPES = (Rating, Observation)


class TextReference(Struct, frozen=True, omit_defaults=True):
    """A reference to a text, or several to the texts of a list, in place of the texts themselves."""

    text: str | None = None
    texts: tuple[str, ...] | None = None


class FieldChange(Struct, frozen=True, array_like=True):
    """A changed field: its path, and its value before and after (None where there is none)."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Entry:
    """An entry: one event with its position, and with the root of the tree over all events up to it.

    Everything else comes from the stored event. It is verified when it is first needed, so that what was changed in the
    log is never served: then CorruptEvent names the position.
    """

    position: int
    root: str
    row: Row

    @classmethod
    def from_row(cls, row: Row) -> Entry:
        """Return the entry in a row."""
        return cls(row["entry"], bytes(row["root"]).hex(), row)

    @property
    def bookmark(self) -> Bookmark:
        """Return the bookmark of the entry's position."""
        return Bookmark(self.position, self.root[:ROOT_DIGITS])

    @cached_property
    def logged(self) -> LoggedEvent:
        """Return the stored event; raises CorruptEvent."""
        if self.row["position"] is None:
            message = f"the event of position {self.position} is missing from the log"
            raise CorruptEvent(message, log_position=self.row["log_position"])
        try:
            logged = load_event(self.row)
        except CorruptEvent as error:
            raise CorruptEvent(f"position {self.position}: {error}", log_position=error.log_position) from error
        # No two entries have one time. An event of another one may be whole, but is not what the position stands for.
        recorded_at = format_timestamp(from_microseconds(self.row["entered_at"]))
        if logged.recorded_at != recorded_at:
            message = f"position {self.position}: event {logged.id} is not the one that was recorded there"
            raise CorruptEvent(message, log_position=logged.id, recorded_at=recorded_at)
        return logged

    @property
    def is_whole(self) -> bool:
        """Return whether the event is stored as it was recorded."""
        try:
            return bool(self.logged)
        except CorruptEvent:
            return False

    @property
    def stream(self) -> str:
        """Return the id of the aggregate that the event is about."""
        return self.logged.stream

    @property
    def revision(self) -> int:
        """Return the revision of the aggregate that the event made."""
        return self.logged.revision

    @property
    def name(self) -> str:
        """Return the event's name."""
        return self.logged.name

    @property
    def recorded_at(self) -> str:
        """Return when the event was recorded."""
        return self.logged.recorded_at

    @property
    def leaf(self) -> str:
        """Return the event's leaf hash, in hex."""
        return self.logged.leaf.hex()

    @property
    def event_id(self) -> str:
        """Return the event's id."""
        return self.envelope.id

    @cached_property
    def event(self) -> Event:
        """Return the event that is stored."""
        logged = self.logged
        return decode_event(logged.stream, logged.revision, logged.name, logged.version, logged.payload)

    @property
    def envelope(self) -> Envelope:
        """Return the event's envelope: who recorded it, when, why and on what evidence."""
        return self.event.envelope

    @property
    def effective(self) -> Interval:
        """Return when what the event states became so."""
        return statement_interval(self.event)

    @property
    def amended_revision(self) -> int | None:
        """Return the newest revision of the stream that the event amends, None if it amends none."""
        return max((*self.event.withdraws, *self.event.amends), default=None)

    @cached_property
    def changes(self) -> tuple[FieldChange, ...]:
        """Return the field-level changes, texts by reference."""
        return tuple(diff_encoded(decompress(bytes(self.row["delta"]))))


# References to texts


def change_text_refs(entry: Entry) -> Iterator[str]:
    """Yield the references to texts in an entry's changes."""
    return changed_text_references(entry.changes)


def changed_text_references(changes: Iterable[FieldChange]) -> Iterator[str]:
    """Yield the references to texts in changes."""
    for change in changes:
        for side in (change.before, change.after):
            if isinstance(side, TextReference):
                yield from side.texts or filter(None, [side.text])


def evidence_text_refs(entry: Entry) -> Iterator[str]:
    """Yield the references to the canonical texts that an entry's evidence quotes."""
    return (item.text for item in entry.envelope.evidence if item.text)


def reason_text_refs(entry: Entry) -> Iterator[str]:
    """Yield the reference to an entry's reason."""
    return filter(None, [entry.envelope.reason])


# Changes


def diff_encoded(data: bytes) -> list[FieldChange]:
    """Return the changes of an encoded delta, as `diff_delta` does; nearly always without making claims of it."""
    stored = decode_stored_delta(data)
    values = stored.list_changed_values()
    if values is None:
        return diff_delta(stored.to_delta())
    return [change for path, old, new in values for change in diff_values(path, old, new)]


def diff_delta(delta: Delta) -> list[FieldChange]:
    """Return the changes of an event.

    Where the event changes no current value, it changes claims of its sources, or what one of them had stated before:
    such a path begins with `claims/`.
    """
    changes: list[FieldChange] = []
    superseded = dict(delta.superseded)
    for path, (before, after) in delta.claims.items():
        old, new = _current_value(path, before), _current_value(path, after)
        if old != new:
            changes += diff_values(path, old, new)
            superseded.pop(path, None)
            continue
        stated, states = ({claim.key: claim.value for claim in claims} for claims in (before, after))
        for key in sorted(stated.keys() | states.keys()):
            changes += diff_values(f"claims/{path}", stated.get(key), states.get(key))
    for path, (old, new) in superseded.items():
        changes += diff_values(f"claims/{path}", old, new)
    return changes


def changed_paths(delta: Delta) -> list[str]:
    """Return the paths of the changes of an event, sorted: those that `diff_delta` finds."""
    paths: set[str] = set()
    others = {}
    for path, (before, after) in delta.claims.items():
        if not before and (value := _current_value(path, after)) is not None:  # nearly always
            if isinstance(value, Rating):
                has_fields = value.value is not None, bool(value.stated_as), bool(value.irm_report)
                paths.update(_rating_paths(path, *has_fields))
            elif isinstance(value, Observation):
                paths.update(field for field, _ in iter_fields(path, value))
            else:
                paths.add(path)
        else:
            others[path] = before, after
    if others or delta.superseded:
        rest = Delta(delta.revision, others, superseded=delta.superseded)
        paths.update(change.path for change in diff_delta(rest))
    return sorted(paths)


@lru_cache(maxsize=PATH_CACHE_SIZE)  # most commitments have the same ratings
def _rating_paths(path: str, *has_fields: bool) -> tuple[str, ...]:
    """Return the paths of the fields that `iter_fields` finds in a rating that has some of those besides the state."""
    state, *others = FIELDS_OF_VALUES[Rating]
    return f"{path}/{state}", *(f"{path}/{name}" for name in compress(others, has_fields))


def _current_value(path: str, claims: tuple[Claim, ...]) -> Value | None:
    claim = select_current(path, claims)
    return claim.value if claim else None


def diff_values(path: str, old: Value | None, new: Value | None) -> list[FieldChange]:
    """Return the fields in which two values at a path differ."""
    if not isinstance(old, _COMPOUND_TYPES) and not isinstance(new, _COMPOUND_TYPES):
        before, after = _to_field_value(old), _to_field_value(new)
        return [FieldChange(path, before, after)] if before != after else []
    old_fields, new_fields = dict(iter_fields(path, old)), dict(iter_fields(path, new))
    return [
        FieldChange(field, old_fields.get(field), new_fields.get(field))
        for field in sorted(old_fields.keys() | new_fields.keys())
        if old_fields.get(field) != new_fields.get(field)
    ]


def iter_fields(path: str, value: Value | None) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a value with their paths: most values are one field, a rating has several."""
    match value:
        case None:
            return
        case Rating():
            yield f"{path}/state", value.state
            if value.value is not None:
                yield f"{path}/value", value.value
            if value.stated_as:
                yield f"{path}/statedAs", TextReference(text=value.stated_as)
            if value.irm_report:
                yield f"{path}/irmReport", TextReference(text=value.irm_report)
        case Observation():
            yield f"{path}/contentHash", value.content_hash
            yield f"{path}/reader", value.reader
        case _:
            yield path, _to_field_value(value)


def _to_field_value(value: Value | None) -> Any:
    """Return a value as changes show it: texts by reference, without how a translation was made."""
    if isinstance(value, TextValue):
        return TextReference(text=value.text)
    if isinstance(value, TextListValue):
        return TextReference(texts=value.texts)
    return value
