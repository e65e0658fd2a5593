"""All nouns of the record, the one way to read their events, and the documentation of these as one JSON Schema."""

from __future__ import annotations

from collections.abc import Iterable
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
from ogpgraph.domain.noun import Kind, Noun, Path
from ogpgraph.domain.source import SOURCE
from ogpgraph.domain.subject import kind_of

NOUNS: dict[str, Noun] = {noun.kind: noun for noun in (MEMBER, PLAN, COMMITMENT, SOURCE, CODE, ACCOUNT)}
Schema = dict[str, Any]
_HERE = "#/$defs/{name}"
_EVENTS = frozenset((noun.kind, kind.name) for noun in NOUNS.values() for kind in noun.events)


def read(stream: str, revision: int, name: str, version: int, payload: bytes) -> Event:
    """Return the event that a stored payload holds.

    Raises StoredEventError for what this program cannot read: an event that no noun has is a newer program's.
    """
    if (kind_of(stream), name) not in _EVENTS:
        raise StoredEventError(f"{stream} revision {revision}: {name} is no event that this program knows")
    return decode(stream, revision, name, version, payload)


def events_schema() -> Schema:
    """Return the JSON Schema (2020-12) of every stored payload, keyed by event name and version under `events`."""
    paths = [path for noun in NOUNS.values() for path in noun.paths]
    schemas, definitions = msgspec.json.schema_components([Envelope, *(p.form for p in paths)], ref_template=_HERE)
    forms = dict(zip(paths, schemas[1:], strict=True))
    everything = {_facts_of(noun): _facts_schema(noun.paths, forms) for noun in NOUNS.values()}
    events = {
        f"{kind.name}.{VERSION}": _event_schema(noun, kind, schemas[0], forms)
        for noun in NOUNS.values()
        for kind in noun.events
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Stored events of ogpgraph",
        "events": dict(sorted(events.items())),
        "$defs": {name: _tidied(definition) for name, definition in sorted((definitions | everything).items())},
    }


def _tidied(definition: Schema) -> Schema:
    about = definition.get("description")
    return {**definition, "description": cleandoc(about)} if about else definition


def _event_schema(noun: Noun, kind: Kind, envelope: Schema, forms: dict[Path, Schema]) -> Schema:
    said = [path for path in noun.paths if path.pattern.startswith(kind.says)]
    all_of_it = {"$ref": _HERE.format(name=_facts_of(noun))}
    return {
        "description": kind.meaning,
        "type": "object",
        "required": ["envelope", "facts"],
        "additionalProperties": False,
        "properties": {
            "envelope": envelope,
            "facts": all_of_it if len(said) == len(noun.paths) else _facts_schema(said, forms),
        },
    }


def _facts_of(noun: Noun) -> str:
    return f"{noun.kind.capitalize()}Facts"


def _facts_schema(paths: Iterable[Path], forms: dict[Path, Schema]) -> Schema:
    said = {
        path.regex: {
            "title": path.pattern,
            "description": path.meaning,
            "anyOf": [forms[path], {"type": "null"}],
        }
        for path in paths
    }
    return {"type": "object", "additionalProperties": False, "patternProperties": said}
