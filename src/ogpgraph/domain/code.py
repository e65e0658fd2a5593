"""Codes: each has a stream of its own, so that it means one aggregate even if several writers assign it at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from msgspec import Meta

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_type import AggregateType, EventType
from ogpgraph.domain.event import Origin
from ogpgraph.domain.field import Field, items_of

CODE = AggregateType(
    name="code",
    description="A code of a member, plan or commitment.",
    fields=(
        Field(
            "aggregate",
            Annotated[str, Meta(min_length=1, max_length=120)],
            "Meaning",
            "The id of the aggregate that the code means; null while it is free again.",
            is_exported=False,
        ),
    ),
    event_types=(
        EventType("CodeAssigned", "A code was assigned to a thing, or to none any more."),
        EventType("CodeReverted", "What an import or request had recorded about the code was withdrawn.", amends=True),
    ),
)


def code_stream(aggregate_type: str, code: str) -> str:
    """Return the id of a code's stream; codes are case-insensitive and belong to one aggregate type."""
    return f"code-{aggregate_type}-{code.upper()}"


def resolve_code(aggregate_type: str, code: str, find: Callable[[str], Aggregate | None]) -> str | None:
    """Return the id of the aggregate that a code means, None if the code is free.

    If that one was merged into another, it is the one that remains in the end. `find` returns an aggregate by its id.
    """
    found = find(code_stream(aggregate_type, code))
    stream = found.string("aggregate") if found else None
    visited: set[str] = set()  # no cycle can be recorded, but a corrupt log must not make us loop for ever
    while stream and stream not in visited and (aggregate := find(stream)):
        visited.add(stream)
        stream = aggregate.string("mergedInto") or stream
    return stream


def former_codes(commitment: Aggregate) -> tuple[str, ...]:
    """Return the codes that a commitment had before and that still mean it, sorted."""
    return tuple(code for code in items_of(commitment, "codes") if code != commitment.string("code"))


def all_codes(commitment: Aggregate) -> tuple[str, ...]:
    """Return a commitment's code and those that it had before."""
    return tuple(filter(None, (commitment.string("code"), *former_codes(commitment))))


def reserved_codes(commitment: Aggregate) -> tuple[str, ...]:
    """Return the codes that mean a commitment: its own, and the key that replaces the code where it has none."""
    return tuple(filter(None, (*all_codes(commitment), commitment.string("key"))))


def code_path(code: str) -> str:
    """Return the path at which a commitment states that a code means it."""
    return f"codes/{code}"


def is_published(commitment: Aggregate, code: str) -> bool:
    """Return whether a published page, list or file has stated that a code means a commitment."""
    return any(claim.origin is not Origin.PERSON for claim in commitment.claims.get(code_path(code), ()))
