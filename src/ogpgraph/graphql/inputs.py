"""Filters: what lists can be narrowed to. Every condition given must hold."""

from __future__ import annotations

from collections.abc import Iterable

import strawberry

from ogpgraph.domain.event import Cause
from ogpgraph.domain.vocabulary import CommitmentStatus, MemberStatus, PlanStatus
from ogpgraph.graphql.scalars import EntryKind
from ogpgraph.readmodel.lists import Where
from ogpgraph.readmodel.snapshot import Snapshot

Conditions = tuple[tuple[str, tuple[str, ...]], ...]
NOTHING = ("",)
"""The values of a condition that nothing fulfils."""


@strawberry.input(description="A text is one of some texts.")
class TextFilter:
    """Equality, or membership of a list."""

    eq: str | None = strawberry.field(default=None, description="Equal to this.")
    in_: list[str] | None = strawberry.field(default=None, name="in", description="One of these.")

    def values(self) -> tuple[str, ...]:
        """Return the accepted values; several conditions must all hold."""
        return _accepted(self.eq, self.in_)


@strawberry.input(description="A whole number is one of some numbers.")
class NumberFilter:
    """Equality, or membership of a list."""

    eq: int | None = strawberry.field(default=None, description="Equal to this.")
    in_: list[int] | None = strawberry.field(default=None, name="in", description="One of these.")

    def values(self) -> tuple[str, ...]:
        """Return the accepted values."""
        return _accepted(self.eq, self.in_)


@strawberry.input(description="Which members.")
class MemberFilter:
    """Conditions on members."""

    code: TextFilter | None = strawberry.field(
        default=None, description="OGP's code, or the prefix of its commitments."
    )
    region: TextFilter | None = strawberry.field(default=None, description="OGP's region.")
    type: TextFilter | None = strawberry.field(default=None, description="NATIONAL or LOCAL.")
    status: list[MemberStatus] | None = strawberry.field(default=None, description="One of these.")

    def to_where(self, snapshot: Snapshot) -> Where:
        """Return the conditions in terms of tags."""
        return Where(
            tags=_given(
                ("code", _upper(self.code)),
                ("region", self.region),
                ("type", self.type),
                ("status", _words(self.status)),
            )
        )


@strawberry.input(description="Which action plans.")
class ActionPlanFilter:
    """Conditions on action plans."""

    cycle: NumberFilter | None = strawberry.field(default=None, description="The year of submission.")
    member: TextFilter | None = strawberry.field(default=None, description="The member's code or prefix.")
    status: list[PlanStatus] | None = strawberry.field(default=None, description="One of these.")

    def to_where(self, snapshot: Snapshot) -> Where:
        """Return the conditions in terms of tags."""
        member = _members(snapshot, self.member)
        return Where(tags=_given(("cycle", self.cycle), ("member", member), ("status", _words(self.status))))


@strawberry.input(description="Which commitments.")
class CommitmentFilter:
    """Conditions on commitments."""

    code: TextFilter | None = strawberry.field(default=None, description="Present and former codes, in any case.")
    member: TextFilter | None = strawberry.field(default=None, description="The member's code or prefix.")
    cycle: NumberFilter | None = strawberry.field(default=None, description="The year its plan was submitted.")
    status: list[CommitmentStatus] | None = strawberry.field(default=None, description="One of these.")
    policy_area: TextFilter | None = strawberry.field(
        default=None, description="A policy area in the vocabulary's words."
    )
    language: TextFilter | None = strawberry.field(
        default=None, description="A language its title or description is known in."
    )
    starred: bool | None = strawberry.field(default=None, description="Whether it has the IRM's star.")
    listed_only: bool | None = strawberry.field(
        default=None, description="Whether it is known from lists of siblings only."
    )

    def to_where(self, snapshot: Snapshot) -> Where:
        """Return the conditions in terms of tags."""
        return Where(
            tags=_given(
                ("code", _upper(self.code)),
                ("member", _members(snapshot, self.member)),
                ("cycle", self.cycle),
                ("status", _words(self.status)),
                ("policyArea", self.policy_area),
                ("language", self.language),
                ("starred", _flag(self.starred)),
                ("listedOnly", _flag(self.listed_only)),
            )
        )


@strawberry.input(description="Which entries.")
class EntryFilter:
    """Conditions on entries."""

    kind: list[EntryKind] | None = strawberry.field(default=None, description="One of these kinds.")
    cause: list[Cause] | None = strawberry.field(default=None, description="One of these causes.")
    actor: TextFilter | None = strawberry.field(default=None, description="Who recorded it.")
    subject: list[strawberry.ID] | None = strawberry.field(
        default=None, description="About one of these things, by id."
    )
    source: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Read from one of these sources, by id."
    )
    correlation_id: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Of one of these imports or requests."
    )

    def to_where(self, snapshot: Snapshot) -> Where:
        """Return the conditions in terms of columns."""
        return Where(
            columns=_given(
                ("name", _words(self.kind)),
                ("cause", _words(self.cause)),
                ("actor", self.actor),
                ("stream", _ids(self.subject)),
                ("source", _ids(self.source)),
                ("correlation", _ids(self.correlation_id)),
            )
        )


Filter = MemberFilter | ActionPlanFilter | CommitmentFilter | EntryFilter


def _accepted(eq: object | None, among: list[str] | list[int] | None) -> tuple[str, ...]:
    accepted = [str(value) for value in among] if among is not None else None
    if eq is None:
        return tuple(accepted or NOTHING)
    return (str(eq),) if accepted is None or str(eq) in accepted else NOTHING


def _given(*conditions: tuple[str, TextFilter | NumberFilter | tuple[str, ...] | None]) -> Conditions:
    values = ((name, c.values() if isinstance(c, (TextFilter, NumberFilter)) else c) for name, c in conditions)
    return tuple((name, value or NOTHING) for name, value in values if value is not None)


def _words(words: Iterable[object] | None) -> tuple[str, ...] | None:
    return None if words is None else tuple(str(getattr(word, "value", word)) for word in words)


def _ids(ids: list[strawberry.ID] | None) -> tuple[str, ...] | None:
    return None if ids is None else tuple(ids)


def _flag(flag: bool | None) -> tuple[str, ...] | None:
    return None if flag is None else (str(flag).lower(),)


def _upper(condition: TextFilter | None) -> tuple[str, ...] | None:
    return None if condition is None else tuple(code.upper() for code in condition.values())


def _members(snapshot: Snapshot, condition: TextFilter | None) -> tuple[str, ...] | None:
    codes = _upper(condition)
    if codes is None:
        return None
    return tuple(member.id for code in codes if (member := snapshot.by_code("member", code)) is not None)
