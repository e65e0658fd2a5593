"""Stored events: encoded, decoded, upcast from old versions, and refused if they cannot be encoded or decoded."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from msgspec import structs

from ogpgraph.domain.aggregate_types import decode_event
from ogpgraph.domain.errors import Invalid, StoredEventError
from ogpgraph.domain.event import (
    VERSION,
    Event,
    Evidence,
    Idempotency,
    decode_payload,
    encode_payload,
    event_text_references,
)
from ogpgraph.domain.values import Interval, Observation, Rating, TextListValue
from ogpgraph.domain.vocabulary import RatingState
from tests.domain.events import day, envelope, event, text_value
from tests.domain.values import events


def read_back(original: Event) -> Event:
    return decode_event(original.stream, original.revision, original.name, VERSION, encode_payload(original))


@given(events)
def test_an_event_is_decoded_as_it_was_encoded(original: Event) -> None:
    decoded = read_back(original)
    assert decoded == original
    assert encode_payload(decoded) == encode_payload(original)


def test_the_stored_payload() -> None:
    original = event(1, {"title/en": text_value("a"), "status": None}, effective_on="2018-S2")
    assert encode_payload(original).decode() == (
        '{"envelope":{"id":"e","time":"2026-01-01T00:00:00Z","actor":"a","role":"r","cause":"REPORTED",'
        '"origin":"PERSON","correlation":"c","effectiveOn":"2018-S2"},'
        f'"facts":{{"title/en":{{"type":"text","text":"{"a" * 64}","translationKind":"ORIGINAL"}},"status":null}}}}'
    )


def test_an_event_yields_the_references_of_all_its_texts() -> None:
    original = Event(
        "commitment-1",
        1,
        "CommitmentRevised",
        envelope(reason="a" * 64, evidence=(Evidence("source-1", "sha256:0", "b" * 64), Evidence("source-2", "x"))),
        {
            "title/en": text_value("c"),
            "leadInstitutions/en": TextListValue(("d" * 64, "e" * 64)),
            "ratings/COMPLETION/DESIGN": Rating(RatingState.PENDING, None, "f" * 64, "1" * 64),
            "status": "ACTIVE",
            "startsOn": None,
        },
    )
    assert {reference[0] for reference in event_text_references(original)} == set("abcdef1")
    seen = Observation("sha256:0", "a" * 64, "reader")
    assert list(event_text_references(event(1, {"observations/x": seen}))) == ["a" * 64]


# Payloads of other programs


def stored(**changed: Any) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(
        encode_payload(event(1, {"status": "ACTIVE"}, evidence=(Evidence("s", "sha256:0"),)))
    )
    return payload | changed


def damage(change: Callable[[dict[str, Any]], object]) -> bytes:
    payload = stored()
    change(payload)
    return json.dumps(payload).encode()


@pytest.mark.parametrize(
    "payload",
    [
        damage(lambda p: p.update(signature="s")),
        damage(lambda p: p["envelope"].update(mood="glad")),
        damage(lambda p: p["envelope"]["evidence"][0].update(page=3)),
        damage(lambda p: p["envelope"].update(changedBetween={"before": "2026-01-01T00:00:00Z", "certainty": 1})),
        damage(lambda p: p["envelope"].update(idempotency={"key": "k", "requestHash": "h", "until": "now"})),
        damage(lambda p: p["facts"].update({"title/en": {"type": "text", "text": "a", "by": "x"}})),
        damage(lambda p: p["facts"].update({"x": {"type": "texts", "texts": [], "by": "x"}})),
        damage(lambda p: p["facts"].update({"x": {"type": "rating", "state": "PENDING", "confidence": 1}})),
        damage(lambda p: p["facts"].update({"x": {"type": "budget", "amount": 1}})),
        damage(lambda p: p["facts"].update({"x": 1.5})),
        damage(lambda p: p["envelope"].pop("actor")),
        damage(lambda p: p["envelope"].update(cause="BOREDOM")),
        damage(lambda p: p["envelope"].update(time="2026-01-01T00:00:00")),
        damage(lambda p: p.update({"facts": None})),
        damage(lambda p: p.update({"withdraws": [0]})),
        damage(lambda p: p.update({"amends": {"first": {}}})),
        b"",
        b"{",
        b"\xff",
        b"[]",
    ],
)
def test_a_payload_of_another_shape_is_refused(payload: bytes) -> None:
    with pytest.raises(StoredEventError, match="commitment-1 revision 7, CommitmentRevised version 1"):
        decode_event("commitment-1", 7, "CommitmentRevised", VERSION, payload)


@pytest.mark.parametrize(
    ("stream", "name"), [("commitment-1", "CommitmentPraised"), ("plan-1", "CommitmentRevised"), ("treaty-1", "X")]
)
def test_an_unknown_event_is_refused_by_name(stream: str, name: str) -> None:
    with pytest.raises(StoredEventError, match=f"{stream} revision 1: {name}"):
        decode_event(stream, 1, name, VERSION, json.dumps(stored()).encode())


# Old versions

SAMPLE = b'{"envelope":{"id":"e","time":"2026-01-01T00:00:00Z","by":"a"},"facts":{"state":"ACTIVE"}}'


def from_v0(raw: dict[str, Any]) -> dict[str, Any]:
    """Upcast a made-up oldest version: `by` in place of `actor`, `state` in place of `status`."""
    envelope_ = {**raw["envelope"], "actor": raw["envelope"]["by"], "role": "r", "cause": "REPORTED"}
    del envelope_["by"]
    return {
        "envelope": {**envelope_, "origin": "PERSON", "correlation": "c"},
        "facts": {"status": raw["facts"]["state"]},
    }


def test_an_old_event_is_upcast_when_it_is_decoded() -> None:
    upcasters = {("CommitmentRevised", 0): from_v0}
    found = decode_payload("commitment-1", 1, "CommitmentRevised", 0, SAMPLE, upcasters=upcasters)
    assert found == event(1, {"status": "ACTIVE"})


def test_the_result_of_an_upcaster_is_validated() -> None:
    with pytest.raises(StoredEventError, match="CommitmentRevised version 0"):
        decode_payload("c-1", 1, "CommitmentRevised", 0, SAMPLE, upcasters={("CommitmentRevised", 0): lambda raw: raw})


@pytest.mark.parametrize("version", [0, -1, VERSION + 1, 99])
def test_a_version_without_an_upcaster_is_refused_by_name(version: int) -> None:
    with pytest.raises(StoredEventError, match=f"CommitmentRevised: .* version {version} "):
        decode_payload("commitment-1", 1, "CommitmentRevised", version, SAMPLE)


# Events that cannot be stored


@pytest.mark.parametrize(
    "original",
    [
        event(1, {"status": "ACTIVE"}, effective_on="next year"),
        event(1, {"status": "ACTIVE"}, effective_on="2018\n"),
        event(1, {"status": "ACTIVE"}, reason="words themselves"),
        event(1, {"status": "ACTIVE"}, actor="half \ud800"),
        event(1, {"status": "ACTIVE"}, actor="nul \x00"),
        event(1, {"status": "ACTIVE"}, correlation="two\nlines"),
        event(1, {"status": "ACTIVE"}, time=datetime(2026, 1, 1)),  # noqa: DTZ001 - refused because it has no zone
        event(1, {"status": "ACTIVE"}, changed_between=Interval(before=datetime(2026, 1, 1))),  # noqa: DTZ001
        event(1, {"status": "ACTIVE"}, idempotency=Idempotency("k\x00", "h")),
        event(1, {"region": "two\u0085lines"}),
        event(1, {"status": 1.5}),  # type: ignore[dict-item]
    ],
)
def test_an_event_that_could_not_be_decoded_is_not_encoded(original: Event) -> None:
    with pytest.raises(Invalid, match="CommitmentRevised cannot be stored"):
        encode_payload(original)


def test_times_of_any_zone_denote_the_same_instant_when_decoded() -> None:
    in_paris = structs.replace(envelope(), time=datetime.fromisoformat("2026-01-01T01:00:00+01:00"))
    original = Event("commitment-1", 1, "CommitmentRevised", in_paris, {})
    assert read_back(original).envelope.time == day(0)
