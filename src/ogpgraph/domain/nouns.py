"""All nouns of the record, and the documentation of their events as one JSON Schema."""

from __future__ import annotations

from typing import Any

import msgspec

from ogpgraph.domain.action_plan import PLAN
from ogpgraph.domain.code import CODE
from ogpgraph.domain.commitment import COMMITMENT
from ogpgraph.domain.event import VERSION, Envelope
from ogpgraph.domain.member import MEMBER
from ogpgraph.domain.noun import Kind, Noun
from ogpgraph.domain.source import SOURCE

NOUNS: dict[str, Noun] = {noun.kind: noun for noun in (MEMBER, PLAN, COMMITMENT, SOURCE, CODE)}
_HERE = "#/$defs/{name}"


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
        "$defs": dict(sorted(definitions.items())),
    }


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
                    path.regex: {"description": path.meaning, "anyOf": [forms[path.regex], {"type": "null"}]}
                    for path in said
                },
            },
        },
    }
