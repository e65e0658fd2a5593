"""Compatibility of stored events: `tests/stored_events.jsonl` has one example of each event in each version.

`python -m tests.domain.test_stored_events` appends missing examples. A line is never changed: somebody's log contains
such events.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import EnumMeta
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from msgspec import structs

from ogpgraph.clock import format_timestamp
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_type import AggregateType, EventType
from ogpgraph.domain.aggregate_types import decode_event
from ogpgraph.domain.event import (
    VERSION,
    Cause,
    Envelope,
    Event,
    Evidence,
    Idempotency,
    Origin,
    encode_payload,
)
from ogpgraph.domain.field import PATH_SEGMENTS
from ogpgraph.domain.fold import evolve
from ogpgraph.domain.values import Interval, Observation, Rating, TextListValue, TextValue, TranslationKind
from ogpgraph.domain.vocabulary import POLICY_AREAS, PolicyArea, RatingState
from ogpgraph.storage.logged_event import canonical_bytes
from ogpgraph.storage.merkle import leaf_hash
from tests.domain.values import ALL_EVENT_TYPES

FILE = Path(__file__).parents[1] / "stored_events.jsonl"
Line = dict[str, Any]


def lines() -> list[Line]:
    return [json.loads(line) for line in FILE.read_text().splitlines()] if FILE.exists() else []


def covered(line: Line) -> bytes:
    name, version = line["topic"].split(".")
    payload = line["payload"].encode()
    return canonical_bytes(line["stream"], line["revision"], name, int(version), line["recordedAt"], payload)


def stored_in(line: Line) -> Event:
    name, version = line["topic"].split(".")
    return decode_event(line["stream"], line["revision"], name, int(version), line["payload"].encode())


LINES = lines()
EACH = pytest.mark.parametrize("line", LINES, ids=[line["topic"] for line in LINES])


@EACH
def test_a_stored_event_has_the_leaf_hash_that_it_was_recorded_with(line: Line) -> None:
    assert leaf_hash(covered(line)).hex() == line["leaf"]


@EACH
def test_every_stored_event_is_decoded_to_the_same_facts(line: Line) -> None:
    event = stored_in(line)
    assert event.facts or event.is_amendment
    if event.facts:
        decoded = evolve(Aggregate(line["stream"]), event)
        assert decoded.revision == line["revision"]
        assert {path: decoded.value(path) for path in decoded.claims} == event.facts


@EACH
def test_a_stored_event_of_this_version_is_encoded_to_the_same_bytes(line: Line) -> None:
    if line["topic"].endswith(f".{VERSION}"):
        assert encode_payload(stored_in(line)).decode() == line["payload"]


@pytest.mark.parametrize("topic", [f"{event_type.name}.{VERSION}" for _, event_type in ALL_EVENT_TYPES])
def test_there_is_a_stored_example_of_every_event(topic: str) -> None:
    assert topic in {line["topic"] for line in LINES}, f"run `python -m {__name__}`"


# Appending missing examples

WORDS = ["en", "14.1", "2018-S2", "FR0043", "FRA", "SUMMARY", "COMPLETION", "DESIGN", "CIVIC_PARTICIPATION", "PENDING"]
WORDS += [
    "2026-01-02T03:04:05.000006Z",
    "FRA-01-0A1B2C3D",
    "CARRIED_FORWARD",
    "REGULAR_FORUM",
    "sha256:" + "0" * 64,
    "k",
    "commitment-1",
]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
OURS: dict[Any, Any] = {
    TextValue: TextValue("a" * 64, TranslationKind.HUMAN),
    TextListValue: TextListValue(("b" * 64, "c" * 64), TranslationKind.MACHINE),
    Rating: Rating(RatingState.PENDING, None, "d" * 64, "e" * 64),
    Observation: Observation("sha256:" + "0" * 64, "f" * 64, "reader 1"),
    str: "Données ouvertes",
    bool: True,
    PolicyArea: "Open Data",
    int: 7,
}
ENVELOPE = Envelope(
    id="event",
    time=NOON,
    actor="account-1",
    role="publisher",
    cause=Cause.REPORTED,
    origin=Origin.HEADER,
    correlation="request",
    language="fr",
    source="source-1",
    reason="0" * 64,
    effective_on="2018-S2",
    changed_between=Interval(before=NOON, after=NOON - timedelta(days=1)),
    evidence=(Evidence("source-1", "sha256:" + "0" * 64, "1" * 64, {"title/en": (3, 14)}), Evidence("source-2", "x")),
    causation="event-0",
    idempotency=Idempotency("key", "hash"),
)


def matching(pattern: str) -> str:
    return next(word for word in WORDS if re.fullmatch(pattern, word))


def example(value_type: Any) -> Any:
    """Return a value of a type, always the same."""
    if value_type in OURS:
        return OURS[value_type]
    if isinstance(value_type, EnumMeta):
        return list(value_type)[-1]
    if value_type is PolicyArea:
        return POLICY_AREAS[0]
    arguments = get_args(value_type)
    if get_origin(value_type) is tuple:
        return (example(arguments[0]),)
    if get_origin(value_type) in (Literal, Union, UnionType):
        return arguments[0] if get_origin(value_type) is Literal else example(arguments[0])
    base, meta = arguments
    if base is int:
        return meta.ge
    return matching(meta.pattern) if meta.pattern else "subject-1"


def facts_of(aggregate_type: AggregateType, event_type: EventType) -> dict[str, Any]:
    """Return a value for every path that the event can state."""
    possible = [path for path in aggregate_type.fields if path.pattern.startswith(event_type.path_prefixes)]
    segments = [
        [matching(PATH_SEGMENTS[s]) if s in PATH_SEGMENTS else s for s in path.pattern.split("/")] for path in possible
    ]
    return {"/".join(parts): example(path.type) for parts, path in zip(segments, possible, strict=True)}


def missing() -> Iterator[Line]:
    known = {line["topic"] for line in LINES}
    for number, (aggregate_type, event_type) in enumerate(ALL_EVENT_TYPES, start=1):
        topic = f"{event_type.name}.{VERSION}"
        if topic in known:
            continue
        facts = facts_of(aggregate_type, event_type)
        aggregate_type.validate(event_type.name, facts)
        event = Event(f"{aggregate_type.name}-{number}", number, event_type.name, ENVELOPE)
        if event_type.amends:
            event = structs.replace(event, withdraws=(1, 3), amends={2: facts, 4: dict.fromkeys(facts)})
        else:
            event = structs.replace(event, facts=facts)
        recorded_at = format_timestamp(NOON + timedelta(seconds=number, microseconds=number))
        line = {"stream": event.stream, "revision": event.revision, "topic": topic, "recordedAt": recorded_at}
        line |= {"payload": encode_payload(event).decode()}
        yield line | {"leaf": leaf_hash(covered(line)).hex()}


if __name__ == "__main__":
    with FILE.open("a") as file:
        for each in missing():
            file.write(json.dumps(each, ensure_ascii=False) + "\n")
