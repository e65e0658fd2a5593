"""What every stored event carries, and how it is written and read for ever.

An event is a name, an envelope (who, when, why, on what evidence) and facts: path → value, where
null means that the source no longer says it. The stored payload is the JSON of `Payload`; the
stream, the revision, the name, the version and the time of recording stand beside it in the log.
A field that this program does not know is refused, never dropped: the event is a newer one's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from ogpgraph.domain.errors import Invalid, StoredEventError
from ogpgraph.domain.values import AwareDateTime, Interval, PartialDate, TextReference, Value, value_text_references

Facts = dict[str, Value | None]
Upcaster = Callable[[dict[str, Any]], dict[str, Any]]


class Cause(StrEnum):
    """Why a value differs from what was recorded before."""

    REPORTED = "REPORTED"
    SOURCE_CHANGED = "SOURCE_CHANGED"
    TRANSLATION = "TRANSLATION"
    CORRECTION = "CORRECTION"
    METHODOLOGY = "METHODOLOGY"
    EXTRACTION = "EXTRACTION"
    REDACTION = "REDACTION"


class Origin(StrEnum):
    """Where in the world a fact was stated."""

    PERSON = "PERSON"
    HEADER = "HEADER"
    DATABASE = "DATABASE"
    PLAN = "PLAN"
    DESCRIPTION = "DESCRIPTION"
    NARRATIVE = "NARRATIVE"
    SIBLING_LIST = "SIBLING_LIST"
    REFERENCE = "REFERENCE"


class Evidence(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """A source as it was observed, and where in its canonical text each fact stands (characters, end excluded).

    Of a file of rows the canonical text is the row's; `row` counts the file's rows from 1, `columns` names each fact's.
    """

    source: str
    content_hash: str
    text: TextReference | None = None
    spans: dict[str, tuple[int, int]] = {}
    row: int | None = None
    columns: dict[str, str] = {}


class Idempotency(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The key a command came with, and the hash of what it asked."""

    key: str
    request_hash: str = msgspec.field(name="requestHash")


class Envelope(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """Who recorded what, when it was seen or said, why, and on what evidence (CloudEvents names where they exist).

    `time` is when the statement was made or the source observed; the time of recording is the log's.
    `late` marks an observation older than one already recorded: it enters history and leaves the present alone.
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
    corrects: str | None = None
    idempotency: Idempotency | None = None
    late: bool = False


class Payload(Struct, frozen=True, forbid_unknown_fields=True):
    """The stored bytes of an event: its envelope and its facts."""

    envelope: Envelope
    facts: Facts


class Event(Struct, frozen=True):
    """One event of one stream; `revision` counts from 1 within the stream."""

    stream: str
    revision: int
    name: str
    envelope: Envelope
    facts: Facts


def event_text_references(event: Event) -> Iterator[str]:
    """Yield the reference of every wording that an event speaks of."""
    for value in event.facts.values():
        yield from value_text_references(value)
    if event.envelope.reason:
        yield event.envelope.reason
    yield from (item.text for item in event.envelope.evidence if item.text)


VERSION = 1
UPCASTERS: Mapping[tuple[str, int], Upcaster] = {}

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Payload)
_MAYBE_CONTROL = re.compile(rb"\\|\x7f|\xc2[\x80-\x9f]")  # JSON writes the others with a backslash
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def encode_payload(event: Event) -> bytes:
    """Return the payload to store for an event, at the newest version."""
    return _encoder.encode(Payload(event.envelope, event.facts))


def validate_event(event: Event) -> Event:
    """Return the event; raises Invalid unless what would be stored of it can be read back.

    Prose is held by reference, so nothing in it holds a line break or another control character.
    """
    try:
        payload = encode_payload(event)
        decode_payload(event.stream, event.revision, event.name, VERSION, payload)
    except (UnicodeEncodeError, StoredEventError) as error:
        raise Invalid(f"{event.name} cannot be stored: {error}") from error
    if not _MAYBE_CONTROL.search(payload):
        return event
    for word in _strings(msgspec.json.decode(payload)):
        if _CONTROL.search(word):
            raise Invalid(f"{event.name} cannot be stored: {word!r} holds a control character")
    return event


def _strings(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for key, each in value.items():
                yield key
                yield from _strings(each)
        case list():
            for each in value:
                yield from _strings(each)


def decode_payload(
    stream: str,
    revision: int,
    name: str,
    version: int,
    payload: bytes,
    *,
    upcasters: Mapping[tuple[str, int], Upcaster] = UPCASTERS,
) -> Event:
    """Return the event a payload holds, brought up to the newest version on the way.

    Raises StoredEventError for a version without an upcaster, and for a payload of another shape.
    """
    try:
        read = _upcast(name, version, payload, upcasters) if version != VERSION else _decoder.decode(payload)
    except msgspec.MsgspecError as error:
        raise StoredEventError(f"{stream} revision {revision}, {name} version {version}: {error}") from error
    return Event(stream, revision, name, read.envelope, read.facts)


def _upcast(name: str, version: int, payload: bytes, upcasters: Mapping[tuple[str, int], Upcaster]) -> Payload:
    raw = msgspec.json.decode(payload, type=dict[str, Any])
    while version != VERSION:
        if (name, version) not in upcasters:
            raise StoredEventError(f"{name}: no way from stored version {version} to version {VERSION}")
        raw, version = upcasters[name, version](raw), version + 1
    return msgspec.convert(raw, Payload)
