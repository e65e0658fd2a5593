"""States: what a row of `version` holds is decoded as it was encoded, and chains stay short."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.delta import Delta, apply_delta
from ogpgraph.domain.event import Event, Origin
from ogpgraph.domain.fold import derive_delta, evolve
from ogpgraph.domain.live_statements import no_events
from ogpgraph.readmodel.states import (
    Chain,
    compress,
    decode_chain,
    decode_delta,
    decode_state,
    decompress,
    encode_delta,
    encode_state,
    extend_chain,
)
from tests.domain.events import build_aggregate, event, text_value
from tests.domain.values import events

stating = events.map(lambda applied: structs.replace(applied, withdraws=(), amends={}))


@given(stating)
def test_state_is_decoded_as_it_was_encoded(applied: Event) -> None:
    aggregate = evolve(Aggregate(applied.stream, applied.revision - 1), applied)
    encoded = encode_state(aggregate)
    decoded = decode_state(aggregate.id, decompress(compress(encoded)))
    assert decoded == Aggregate(aggregate.id, aggregate.revision, aggregate.claims)
    assert encode_state(decoded) == encoded


@given(stating)
def test_delta_is_decoded_as_it_was_encoded_and_leads_to_the_state_of_its_event(applied: Event) -> None:
    before = Aggregate(applied.stream, applied.revision - 1)
    delta = derive_delta(before, applied, no_events)
    decoded = decode_delta(decompress(compress(encode_delta(delta))))
    assert decoded == Delta(delta.revision, delta.claims)
    assert apply_delta(before, decoded).claims == evolve(before, applied).claims


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.sampled_from("uvw")), min_size=1), st.data()
)
def test_chain_is_decoded_to_the_state_that_several_sources_made(
    statements: list[tuple[str, str, str]], data: st.DataObject
) -> None:
    """From any key frame on, or from the beginning."""
    aggregate, rows = Aggregate("commitment-1"), list[dict[str, object]]()
    framed = data.draw(st.integers(0, len(statements)))
    for revision, (name, value, source) in enumerate(statements, start=1):
        stated = event(revision, {f"title/{name}": text_value(value)}, origin=Origin.HEADER, source=source)
        delta = derive_delta(aggregate, stated, no_events)
        aggregate = apply_delta(aggregate, delta)
        frame = compress(encode_state(aggregate)) if revision == framed else None
        rows.append({"delta": compress(encode_delta(delta)), "frame": frame})
    decoded = decode_chain(aggregate.id, rows[max(0, framed - 1) :])
    assert decoded == Aggregate(aggregate.id, aggregate.revision, aggregate.claims)


def test_encoded_state_does_not_depend_on_the_order_of_the_facts() -> None:
    one = build_aggregate(({"status": "ACTIVE", "startsOn": "2018"}, {"origin": Origin.PERSON}))
    other = build_aggregate(({"startsOn": "2018", "status": "ACTIVE"}, {"origin": Origin.PERSON}))
    assert encode_state(one) == encode_state(other)


def grow(revisions: int, facts: int) -> tuple[list[bytes | None], list[int]]:
    """The frames of an aggregate whose events each state one of a number of facts, and the length of each chain."""
    aggregate, chain = build_aggregate(({f"title/{n:04}": text_value("a") for n in range(facts)}, {})), Chain()
    frames, lengths = [], []
    for revision in range(2, revisions + 2):
        stated = event(revision, {f"title/{revision % facts:04}": text_value("ab"[revision % 2])})
        delta = derive_delta(aggregate, stated, lambda _: {})
        aggregate = apply_delta(aggregate, delta)
        chain, content = extend_chain(chain, revision, delta, aggregate)
        frames.append(content.frame)
        lengths.append(chain.length)
    return frames, lengths


def test_frames_are_rarer_the_longer_the_state_is() -> None:
    frames_of_small, _ = grow(400, facts=5)
    frames_of_large, _ = grow(400, facts=50)
    assert sum(map(bool, frames_of_small)) > 4 * sum(map(bool, frames_of_large)) > 0


def test_chain_does_not_grow_with_the_history() -> None:
    _, lengths = grow(1_000, facts=5)
    assert max(lengths[900:]) < 1.1 * max(lengths[100:200])  # revisions have more digits
