"""The stored form of payloads: small, bounded, and readable for ever."""

from __future__ import annotations

import json
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.storage.payload import MAX_PAYLOAD_BYTES, DamagedPayload, compress_payload, decompress_payload

STORED_EVENTS = Path(__file__).parents[1] / "stored_events.jsonl"
PAYLOAD = b'{"envelope":{"id":"e1","cause":"REPORTED"},"facts":{"status":"ACTIVE"}}'


def test_dictionary_of_the_format_never_changes() -> None:
    dictionary = files("ogpgraph.storage").joinpath("payload_dictionary.txt").read_bytes()
    assert sha256(dictionary).hexdigest() == "2b609be34ca9c3c2d8f4b62bdd3306c6a1d8746d8e71b4bb824ca545a8459f8b"


def test_payload_that_was_stored_once_is_read_for_ever() -> None:
    assert decompress_payload(bytes.fromhex("c312faa986486107df2a88ac09315809d9285b5b0b00")) == PAYLOAD


@given(st.binary(max_size=5_000))
def test_every_payload_is_read_as_it_was_stored(payload: bytes) -> None:
    assert decompress_payload(compress_payload(payload)) == payload


def test_payloads_of_events_become_at_most_two_fifths_as_long() -> None:
    payloads = [json.loads(line)["payload"].encode() for line in STORED_EVENTS.read_text().splitlines()]
    assert sum(len(compress_payload(payload)) for payload in payloads) < sum(map(len, payloads)) * 0.4


@pytest.mark.parametrize("position", range(len(compress_payload(PAYLOAD))))
def test_damaged_byte_is_noticed_or_changes_the_payload_or_is_padding(position: int) -> None:
    """What changes the payload is noticed by its leaf hash."""
    for bit in range(8):
        stored = bytearray(compress_payload(PAYLOAD))
        stored[position] ^= 1 << bit
        try:
            read = decompress_payload(bytes(stored))
        except DamagedPayload:
            continue
        assert read != PAYLOAD or position == len(stored) - 1


def test_stored_form_that_is_too_short_or_too_long_is_damaged() -> None:
    stored = compress_payload(PAYLOAD)
    for damaged in (b"", stored[:-2], stored + b"x"):
        with pytest.raises(DamagedPayload):
            decompress_payload(damaged)


def test_longest_payload_is_stored_and_a_longer_one_refused() -> None:
    longest = bytes(MAX_PAYLOAD_BYTES)
    assert decompress_payload(compress_payload(longest)) == longest
    with pytest.raises(ValueError, match="longer than"):
        compress_payload(longest + b" ")
