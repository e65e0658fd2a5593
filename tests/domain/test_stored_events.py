"""Every stored form there ever was is still read: one of each event and version, in `tests/stored_events.jsonl`.

`python -m tests.domain.test_stored_events` adds the forms that are missing. A line that is there is never changed: that
is what lies in somebody's log.
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
from ogpgraph.domain.aggregate import Aggregate, evolve
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
from ogpgraph.domain.values import Interval, Observation, Rating, TextListValue, TextValue, TranslationKind
from ogpgraph.domain.vocabulary import RatingState
from ogpgraph.storage.event_log import canonical_bytes
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
def test_a_stored_event_has_the_leaf_that_it_was_recorded_with(line: Line) -> None:
    assert leaf_hash(covered(line)).hex() == line["leaf"]


@EACH
def test_a_stored_event_is_still_read_and_tells_what_it_told(line: Line) -> None:
    event = stored_in(line)
    told = evolve(
        Aggregate(line["stream"]), structs.replace(event, envelope=structs.replace(event.envelope, late=False))
    )
    assert event.facts
    assert told.revision == line["revision"]
    assert {path: told.value(path) for path in told.claims} == event.facts


@EACH
def test_a_stored_event_of_this_version_is_written_today_as_it_was(line: Line) -> None:
    if line["topic"].endswith(f".{VERSION}"):
        assert encode_payload(stored_in(line)).decode() == line["payload"]


@pytest.mark.parametrize("topic", [f"{kind.name}.{VERSION}" for _, kind in ALL_EVENT_TYPES])
def test_there_is_a_stored_form_of_every_event(topic: str) -> None:
    assert topic in {line["topic"] for line in LINES}, f"run `python -m {__name__}`"


# Adding what is missing

WORDS = ["en", "14.1", "2018-S2", "FR0043", "FRA", "SUMMARY", "COMPLETION", "DESIGN", "CIVIC_PARTICIPATION", "PENDING"]
WORDS += ["2026-01-02T03:04:05.000006Z", "FRA-01-0A1B2C3D", "CARRIED_FORWARD", "sha256:" + "0" * 64, "k"]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
OURS: dict[Any, Any] = {
    TextValue: TextValue("a" * 64, TranslationKind.HUMAN),
    TextListValue: TextListValue(("b" * 64, "c" * 64), TranslationKind.MACHINE),
    Rating: Rating(RatingState.PENDING, None, "d" * 64, "e" * 64),
    Observation: Observation("sha256:" + "0" * 64, "f" * 64, "reader 1"),
    str: "Données ouvertes",
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
    corrects="event-0",
    idempotency=Idempotency("key", "hash"),
    late=True,
)


def matching(pattern: str) -> str:
    return next(word for word in WORDS if re.fullmatch(pattern, word))


def example(form: Any) -> Any:
    """A value of a form, always the same."""
    if form in OURS:
        return OURS[form]
    if isinstance(form, EnumMeta):
        return list(form)[-1]
    arguments = get_args(form)
    if get_origin(form) is tuple:
        return (example(arguments[0]),)
    if get_origin(form) in (Literal, Union, UnionType):
        return arguments[0] if get_origin(form) is Literal else example(arguments[0])
    base, meta = arguments
    if base is int:
        return meta.ge
    return matching(meta.pattern) if meta.pattern else "subject-1"


def facts_of(noun: AggregateType, kind: EventType) -> dict[str, Any]:
    """Something at every path that the kind may tell."""
    may = [path for path in noun.fields if path.pattern.startswith(kind.path_prefixes)]
    segments = [
        [matching(PATH_SEGMENTS[s]) if s in PATH_SEGMENTS else s for s in path.pattern.split("/")] for path in may
    ]
    return {"/".join(parts): example(path.type) for parts, path in zip(segments, may, strict=True)}


def missing() -> Iterator[Line]:
    known = {line["topic"] for line in LINES}
    for number, (noun, kind) in enumerate(ALL_EVENT_TYPES, start=1):
        topic = f"{kind.name}.{VERSION}"
        if topic in known:
            continue
        event = Event(f"{noun.name}-{number}", number, kind.name, ENVELOPE, facts_of(noun, kind))
        noun.validate(kind.name, event.facts)
        recorded_at = format_timestamp(NOON + timedelta(seconds=number, microseconds=number))
        line = {"stream": event.stream, "revision": event.revision, "topic": topic, "recordedAt": recorded_at}
        line |= {"payload": encode_payload(event).decode()}
        yield line | {"leaf": leaf_hash(covered(line)).hex()}


if __name__ == "__main__":
    with FILE.open("a") as file:
        for each in missing():
            file.write(json.dumps(each, ensure_ascii=False) + "\n")
