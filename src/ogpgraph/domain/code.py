"""Codes: a reservation of one code, so that it means one thing however many write at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from msgspec import Meta

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_type import AggregateType, EventType, Path

CODE = AggregateType(
    name="code",
    description="A code, and the subject that it means.",
    paths=(Path("means", Annotated[str, Meta(min_length=1, max_length=120)], "The id of the subject the code means."),),
    event_types=(EventType("CodeAssigned", "A code was reserved for a subject, or came to mean another."),),
)


def code_stream(kind: str, code: str) -> str:
    """Return the id of the stream that reserves a code of a kind of subject; codes are the same in any case."""
    return f"code-{kind}-{code.upper()}"


def resolve_code(kind: str, code: str, subject: Callable[[str], Aggregate | None]) -> str | None:
    """Return the id of the subject that a code of a kind means, None where the code is free.

    Where that was merged into another, however often, it is the one that remains. `subject` finds subjects by id.
    """
    found = subject(code_stream(kind, code))
    stream = found.string("means") if found else None
    passed: set[str] = set()
    while stream and stream not in passed and (known := subject(stream)):
        passed.add(stream)
        stream = known.string("mergedInto") or stream
    return stream
