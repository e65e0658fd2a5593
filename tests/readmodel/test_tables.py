"""Documents: the claims of an aggregate in a row."""

from __future__ import annotations

from hypothesis import given

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.event import Event, Origin
from ogpgraph.domain.fold import evolve
from ogpgraph.readmodel.tables import decode_document, encode_document
from tests.domain.events import build_aggregate, day
from tests.domain.values import events


@given(events)
def test_document_is_decoded_as_it_was_encoded(applied: Event) -> None:
    aggregate = evolve(Aggregate(applied.stream, applied.revision - 1), applied)
    document = encode_document(aggregate)
    decoded = decode_document(document)
    assert decoded == aggregate
    assert encode_document(decoded) == document


def test_document_does_not_depend_on_the_order_of_the_facts() -> None:
    one = build_aggregate(({"status": "ACTIVE", "startsOn": "2018"}, {"origin": Origin.PERSON}))
    other = build_aggregate(({"startsOn": "2018", "status": "ACTIVE"}, {"origin": Origin.PERSON}))
    assert encode_document(one) == encode_document(other)
    assert day(0).isoformat() in encode_document(one).replace("Z", "+00:00")
