"""Stored events: the envelope that all of them share, the facts, and their encoding, which old logs fix for ever.

An event is a name, an envelope (who recorded it, when, why, on what evidence) and facts: path → value, where null means
that the source no longer states the value. It may also amend older events of its own stream, which it names by their
revisions. The stored payload is the JSON of `Payload`; the log stores the stream, the revision, the name, the version
and the time of recording beside it. A field that this program does not know is refused rather than dropped, since the
event was written by a newer program.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Struct

from ogpgraph.domain.errors import Invalid, StoredEventError
from ogpgraph.domain.values import AwareDateTime, Interval, PartialDate, TextReference, Value, value_text_references

Facts = dict[str, Value | None]
Revision = Annotated[int, msgspec.Meta(ge=1, description="The number of an event within its stream, from 1.")]
Amendments = dict[int, Facts]
"""Revision of an older event of the stream → path → the value that the event should have stated there.

Null drops what the event stated at the path.
"""
Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
"""Converts the decoded JSON of a payload of one version to the next version."""


class Cause(StrEnum):
    """Why a value differs from the one recorded before."""

    REPORTED = "REPORTED"
    SOURCE_CHANGED = "SOURCE_CHANGED"
    TRANSLATION = "TRANSLATION"
    CORRECTION = "CORRECTION"
    METHODOLOGY = "METHODOLOGY"
    EXTRACTION = "EXTRACTION"
    REDACTION = "REDACTION"


class Origin(StrEnum):
    """Where a fact was stated: by a person, in a part of a page, or in a file. The order breaks ties between claims."""

    PERSON = "PERSON"
    HEADER = "HEADER"
    DATABASE = "DATABASE"
    PLAN = "PLAN"
    DESCRIPTION = "DESCRIPTION"
    NARRATIVE = "NARRATIVE"
    SIBLING_LIST = "SIBLING_LIST"
    REFERENCE = "REFERENCE"


class Evidence(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """A source as it was observed, and the place of each fact in its canonical text (characters, end excluded).

    For a file of rows the canonical text is that of one row; `row` counts the rows from 1, `columns` names each fact's.
    """

    source: str
    content_hash: str
    text: TextReference | None = None
    spans: dict[str, tuple[int, int]] = {}
    row: int | None = None
    columns: dict[str, str] = {}


class Idempotency(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The idempotency key of a command, and the hash of its request."""

    key: str
    request_hash: str = msgspec.field(name="requestHash")


class Envelope(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """Who recorded an event, when it was stated or observed, why, and on what evidence (CloudEvents names if any).

    `time` is when the statement was made or the source observed; the log adds the time of recording.
    """

    id: str
    time: AwareDateTime
    actor: str
    role: str
    cause: Cause
    origin: Origin
    correlation: str
    language: str | None = None
    source: str | None = None
    reason: TextReference | None = None
    effective_on: PartialDate | None = None
    changed_between: Interval | None = None
    evidence: tuple[Evidence, ...] = ()
    causation: str | None = None
    idempotency: Idempotency | None = None


class Payload(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The stored part of an event: its envelope, its facts, and its amendments of older events of its stream.

    `withdraws` are the revisions of events that are no longer to have any effect, whatever they carry.
    """

    envelope: Envelope
    facts: Facts = {}
    withdraws: tuple[Revision, ...] = ()
    amends: dict[Revision, Facts] = {}


class Event(Struct, frozen=True):
    """One event of one stream; `revision` counts from 1 within the stream."""

    stream: str
    revision: int
    name: str
    envelope: Envelope
    facts: Facts = {}
    withdraws: tuple[int, ...] = ()
    amends: Amendments = {}

    @property
    def is_amendment(self) -> bool:
        """Return whether the event amends older ones."""
        return bool(self.withdraws or self.amends)


class NewEvent(Struct, frozen=True):
    """An event that a decision asks for: its name, its facts, and the cause where the decision determines it."""

    name: str
    facts: Facts
    cause: Cause | None = None


def event_text_references(event: Event) -> Iterator[str]:
    """Yield the references of all texts that an event refers to."""
    for facts in (event.facts, *event.amends.values()):
        for value in facts.values():
            yield from value_text_references(value)
    if event.envelope.reason:
        yield event.envelope.reason
    yield from (item.text for item in event.envelope.evidence if item.text)


VERSION = 1
UPCASTERS: Mapping[tuple[str, int], Upcaster] = {}
"""Event name and version → the upcaster to the next version."""

# The encoding is part of the format: a leaf hash covers these bytes, with the fields in the order of their declaration.
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Payload)
# The JSON encoder escapes U+0000 to U+001F with a backslash and writes U+007F to U+009F as they are.
_MAYBE_CONTROL = re.compile(rb"\\|\x7f|\xc2[\x80-\x9f]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def validate_envelope(envelope: Envelope) -> Envelope:
    """Return an envelope; raises Invalid if its values do not have their types: structs do not check that."""
    try:
        return msgspec.convert(msgspec.to_builtins(envelope), Envelope)
    except (UnicodeEncodeError, msgspec.MsgspecError) as error:
        raise Invalid(f"the event cannot be stored: {error}") from error


def encode_payload(event: Event) -> bytes:
    """Return the payload to store for an event, in the newest version.

    Raises Invalid for an event that could not be decoded again, and for one with a control character in a string: texts
    are stored by reference, so no string of an event needs a line break.
    """
    try:
        payload = _encoder.encode(Payload(event.envelope, event.facts, event.withdraws, event.amends))
        # Structs are not validated when they are created, only when they are decoded.
        decoded = _decoder.decode(payload)
    except (UnicodeEncodeError, msgspec.MsgspecError) as error:
        raise Invalid(f"{event.name} cannot be stored: {error}") from error
    if _MAYBE_CONTROL.search(payload):
        _reject_control_characters(event.name, decoded)
    return payload


def _reject_control_characters(name: str, payload: Payload) -> None:
    for string in _strings(msgspec.to_builtins(payload)):
        if _CONTROL.search(string):
            raise Invalid(f"{name} cannot be stored: {string!r} contains a control character")


def _strings(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for key, item in value.items():
                yield str(key)
                yield from _strings(item)
        case list() | tuple():
            for item in value:
                yield from _strings(item)


def decode_payload(
    stream: str,
    revision: int,
    name: str,
    version: int,
    payload: bytes,
    *,
    upcasters: Mapping[tuple[str, int], Upcaster] = UPCASTERS,
) -> Event:
    """Return the event of a stored payload, upcast to the newest version.

    Raises StoredEventError for a version without an upcaster, and for a payload of another shape.
    """
    try:
        decoded = _decoder.decode(payload) if version == VERSION else _upcast(name, version, payload, upcasters)
    except msgspec.MsgspecError as error:
        raise StoredEventError(f"{stream} revision {revision}, {name} version {version}: {error}") from error
    return Event(stream, revision, name, decoded.envelope, decoded.facts, decoded.withdraws, decoded.amends)


def _upcast(name: str, version: int, payload: bytes, upcasters: Mapping[tuple[str, int], Upcaster]) -> Payload:
    raw = msgspec.json.decode(payload, type=dict[str, Any])
    while version != VERSION:
        if (name, version) not in upcasters:
            raise StoredEventError(f"{name}: there is no upcaster from stored version {version} to version {VERSION}")
        raw, version = upcasters[name, version](raw), version + 1
    return msgspec.convert(raw, Payload)
