"""All nouns of the record, the one way to read their events, and the documentation of these as one JSON Schema."""

from __future__ import annotations

from inspect import cleandoc
from typing import Any

import msgspec

from ogpgraph.domain.account import ACCOUNT
from ogpgraph.domain.action_plan import PLAN
from ogpgraph.domain.code import CODE
from ogpgraph.domain.commitment import COMMITMENT
from ogpgraph.domain.errors import StoredEventError
from ogpgraph.domain.event import VERSION, Envelope, Event, decode
from ogpgraph.domain.member import MEMBER
from ogpgraph.domain.noun import Kind, Noun
from ogpgraph.domain.source import SOURCE
from ogpgraph.domain.subject import kind_of

NOUNS: dict[str, Noun] = {noun.kind: noun for noun in (MEMBER, PLAN, COMMITMENT, SOURCE, CODE, ACCOUNT)}
_HERE = "#/$defs/{name}"
_EVENTS = frozenset((noun.kind, kind.name) for noun in NOUNS.values() for kind in noun.events)


def read(stream: str, revision: int, name: str, version: int, payload: bytes) -> Event:
    """Return the event that a stored payload holds.

    Raises StoredEventError for what this program cannot read: an event that no noun has is a newer program's.
    """
    if (kind_of(stream), name) not in _EVENTS:
        raise StoredEventError(f"{stream} revision {revision}: {name} is no event that this program knows")
    return decode(stream, revision, name, version, payload)


def events_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of every stored payload, keyed by event name and version under `events`."""
    forms = [path.form for noun in NOUNS.values() for path in noun.paths]
    schemas, definitions = msgspec.json.schema_components([Envelope, *forms], ref_template=_HERE)
    form_of = dict(zip([path for noun in NOUNS.values() for path in noun.paths], schemas[1:], strict=True))
    events = {
        f"{kind.name}.{VERSION}": _event_schema(noun, kind, schemas[0], {p.regex: form_of[p] for p in noun.paths})
        for noun in NOUNS.values()
        for kind in noun.events
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Stored events of ogpgraph",
        "events": dict(sorted(events.items())),
        "$defs": {name: _tidied(definition) for name, definition in sorted(definitions.items())},
    }


def _tidied(definition: dict[str, Any]) -> dict[str, Any]:
    about = definition.get("description")
    return {**definition, "description": cleandoc(about)} if about else definition


def _event_schema(noun: Noun, kind: Kind, envelope: dict[str, Any], forms: dict[str, Any]) -> dict[str, Any]:
    said = [path for path in noun.paths if path.pattern.startswith(kind.says)]
    return {
        "description": kind.meaning,
        "type": "object",
        "required": ["envelope", "facts"],
        "additionalProperties": False,
        "properties": {
            "envelope": envelope,
            "facts": {
                "type": "object",
                "additionalProperties": False,
                "patternProperties": {
                    path.regex: {
                        "title": path.pattern,
                        "description": path.meaning,
                        "anyOf": [forms[path.regex], {"type": "null"}],
                    }
                    for path in said
                },
            },
        },
    }
