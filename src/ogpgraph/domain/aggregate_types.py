"""The registry of aggregate types: the decoder of all their stored events, and the JSON Schema of these."""

from __future__ import annotations

from collections.abc import Iterable
from inspect import cleandoc
from typing import Any, Protocol

import msgspec

from ogpgraph.domain.account import ACCOUNT
from ogpgraph.domain.action_plan import PLAN
from ogpgraph.domain.aggregate import aggregate_type_of
from ogpgraph.domain.aggregate_type import AggregateType, EventType, Period
from ogpgraph.domain.code import CODE
from ogpgraph.domain.commitment import AMENDMENT_EVENTS, STATEMENT_EVENTS
from ogpgraph.domain.commitment_fields import COMMITMENT_DIMENSIONS, COMMITMENT_FIELDS
from ogpgraph.domain.errors import UnknownEvent
from ogpgraph.domain.event import VERSION, Envelope, Event, decode_payload
from ogpgraph.domain.field import Field
from ogpgraph.domain.irm_database import DATABASE_FIELDS
from ogpgraph.domain.lineage import LINEAGE_EVENTS, LINEAGE_FIELDS
from ogpgraph.domain.member import MEMBER
from ogpgraph.domain.milestone import MILESTONE_DIMENSIONS, MILESTONE_EVENTS, MILESTONE_FIELDS
from ogpgraph.domain.narrative import NARRATIVE_EVENTS, NARRATIVE_FIELDS
from ogpgraph.domain.renumbering import RENUMBERING_EVENTS, RENUMBERING_FIELDS
from ogpgraph.domain.review import REVIEW_DIMENSIONS, REVIEW_EVENTS, REVIEW_FIELDS
from ogpgraph.domain.source import SOURCE

COMMITMENT = AggregateType(
    name="commitment",
    description="A commitment of a member's action plan, with its milestones, ratings and narratives.",
    fields=(
        *COMMITMENT_FIELDS,
        *MILESTONE_FIELDS,
        *RENUMBERING_FIELDS,
        *REVIEW_FIELDS,
        *NARRATIVE_FIELDS,
        *DATABASE_FIELDS,
        *LINEAGE_FIELDS,
    ),
    event_types=(
        *STATEMENT_EVENTS,
        *LINEAGE_EVENTS,
        *AMENDMENT_EVENTS,
        *MILESTONE_EVENTS,
        *RENUMBERING_EVENTS,
        *REVIEW_EVENTS,
        *NARRATIVE_EVENTS,
    ),
    dimensions=(*COMMITMENT_DIMENSIONS, *MILESTONE_DIMENSIONS, *REVIEW_DIMENSIONS),
    periods=(Period("startsOn", "endsOn"),),  # of the commitment, and of each of its milestones
)
AGGREGATE_TYPES: dict[str, AggregateType] = {
    aggregate_type.name: aggregate_type for aggregate_type in (MEMBER, PLAN, COMMITMENT, SOURCE, CODE, ACCOUNT)
}
Schema = dict[str, Any]
_REFERENCE = "#/$defs/{name}"
_EVENTS = frozenset(
    (aggregate_type.name, event_type.name)
    for aggregate_type in AGGREGATE_TYPES.values()
    for event_type in aggregate_type.event_types
)


class EncodedEvent(Protocol):
    """An event whose payload is encoded, in the form of a `version`: what the log returns."""

    @property
    def stream(self) -> str: ...
    @property
    def revision(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def payload(self) -> bytes: ...


def decode_event(stream: str, revision: int, name: str, version: int, payload: bytes) -> Event:
    """Return the event of a stored payload.

    Raises UnknownEvent for a name or version that this program does not know, StoredEventError for a payload that does
    not match them.
    """
    if version > VERSION or (aggregate_type_of(stream), name) not in _EVENTS:
        raise UnknownEvent(f"{stream} revision {revision}: {name} version {version} is unknown to this program")
    return decode_payload(stream, revision, name, version, payload)


def decode_stored_event(stored: EncodedEvent) -> Event:
    """Return the event that is stored; raises what `decode_event` raises."""
    return decode_event(stored.stream, stored.revision, stored.name, stored.version, stored.payload)


def events_schema() -> Schema:
    """Return the JSON Schema (2020-12) of every stored payload, keyed by event name and version under `events`."""
    fields = [field for aggregate_type in AGGREGATE_TYPES.values() for field in aggregate_type.fields]
    types = [Envelope, *(field.type for field in fields)]
    schemas, definitions = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    value_schemas = dict(zip(fields, schemas[1:], strict=True))
    all_facts = {
        _facts_name(aggregate_type): _facts_schema(aggregate_type.fields, value_schemas)
        for aggregate_type in AGGREGATE_TYPES.values()
    }
    events = {
        f"{event_type.name}.{VERSION}": _event_schema(aggregate_type, event_type, schemas[0], value_schemas)
        for aggregate_type in AGGREGATE_TYPES.values()
        for event_type in aggregate_type.event_types
    }
    published = definitions | all_facts
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Stored events of ogpgraph",
        "events": dict(sorted(events.items())),
        "$defs": {name: _clean_description(published[name]) for name in sorted(published)},
    }


def _clean_description(definition: Schema) -> Schema:
    """Return a definition whose description, a docstring, has lost its indentation."""
    description = definition.get("description")
    return {**definition, "description": cleandoc(description)} if description else definition


def _event_schema(
    aggregate_type: AggregateType, event_type: EventType, envelope: Schema, value_schemas: dict[Field, Schema]
) -> Schema:
    fields = [field for field in aggregate_type.fields if field.pattern.startswith(event_type.path_prefixes)]
    all_facts = {"$ref": _REFERENCE.format(name=_facts_name(aggregate_type))}
    is_any = event_type.path_prefixes == ("",)
    facts = all_facts if is_any else _facts_schema(fields, value_schemas)
    return {
        "description": event_type.description,
        "type": "object",
        "required": ["envelope"] if event_type.amends else ["envelope", "facts"],
        "additionalProperties": False,
        "properties": {"envelope": envelope} | (_amendments_schema(facts) if event_type.amends else {"facts": facts}),
    }


def _amendments_schema(facts: Schema) -> Schema:
    return {
        "withdraws": {
            "description": "The revisions of events of the stream that have no effect any more.",
            "type": "array",
            "items": {"type": "integer", "minimum": 1},
        },
        "amends": {
            "description": "Revision of an event of the stream → path → the value that it should have stated; "
            "null drops what it stated.",
            "type": "object",
            "patternProperties": {"^[1-9][0-9]*$": {"title": "{revision}", **facts}},
            "additionalProperties": False,
        },
    }


def _facts_name(aggregate_type: AggregateType) -> str:
    return f"{aggregate_type.name.capitalize()}Facts"


def _facts_schema(fields: Iterable[Field], value_schemas: dict[Field, Schema]) -> Schema:
    properties = {
        field.regex: {
            "title": field.pattern,
            "description": field.description,
            "anyOf": [value_schemas[field], {"type": "null"}],
        }
        for field in fields
    }
    return {"type": "object", "additionalProperties": False, "patternProperties": properties}
