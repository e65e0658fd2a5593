"""Who acts and on what basis, and the receipt they get: all of it given by the caller, never taken from around us."""

from __future__ import annotations

from datetime import datetime
from typing import Generic, TypeVar

from msgspec import Struct, structs

from ogpgraph.domain.event import Cause, Evidence, Idempotency, Origin
from ogpgraph.domain.values import Interval

T = TypeVar("T")


class Act(Struct, frozen=True, kw_only=True):
    """Who acts, as what, when it was said or seen, and why: given by the caller, never taken from around us."""

    actor: str
    role: str
    time: datetime
    reason: str | None = None
    correlation: str | None = None
    causation: str | None = None
    idempotency: Idempotency | None = None


class Basis(Struct, frozen=True, kw_only=True):
    """On what a statement rests: where it was made, in which source and language, and what that says of time."""

    origin: Origin = Origin.PERSON
    cause: Cause = Cause.REPORTED
    language: str | None = None
    source: str | None = None
    evidence: tuple[Evidence, ...] = ()
    effective_on: str | None = None
    changed_between: Interval | None = None
    corrects: str | None = None
    late: bool = False


class Receipt(Struct, Generic[T], frozen=True):
    """What a session recorded: the answer of its commands, the ids of its events, and whether it was a repeat."""

    answer: T | None
    events: tuple[str, ...] = ()
    positions: tuple[int, ...] = ()
    repeated: bool = False


BY_PERSON = Basis()


def with_cause(basis: Basis, cause: Cause) -> Basis:
    """Return the same basis with another cause."""
    return structs.replace(basis, cause=cause)
