"""What values can be asked for: one of some, none of some, a range, any at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import strawberry

from ogpgraph.domain.event import Cause
from ogpgraph.domain.values import period
from ogpgraph.graphql.scalars import EntryKind, PartialDate
from ogpgraph.readmodel.conditions import All, Between, Condition, Has, Known, Matching, Not
from ogpgraph.readmodel.lists import EntryListing
from ogpgraph.readmodel.snapshot import Snapshot

W = TypeVar("W")
NOTHING = ("",)
"""The values of a condition that nothing fulfils."""


@strawberry.input(description="What a text is; every condition given must hold.")
class TextFilter:
    """Conditions on a text."""

    eq: str | None = strawberry.field(default=None, description="Equal to this.")
    in_: list[str] | None = strawberry.field(default=None, name="in", description="One of these.")
    not_in: list[str] | None = strawberry.field(default=None, description="None of these; nothing said counts as none.")
    is_null: bool | None = strawberry.field(default=None, description="Whether nothing is said.")

    def condition(self, dimension: str, *, upper: bool = False) -> Condition:
        """Return the condition on a dimension."""
        change: Callable[[object], str] = _upper if upper else str
        return _conditions(dimension, _one(self.eq), self.in_, self.not_in, self.is_null, change)

    def values(self) -> tuple[str, ...]:
        """Return the accepted texts of a condition that knows only equality."""
        among = self.in_ if self.in_ is not None else _one(self.eq)
        accepted = [each for each in among or () if self.eq is None or each == self.eq]
        return tuple(each for each in accepted if each not in (self.not_in or ())) or NOTHING


@strawberry.input(description="What a whole number is; every condition given must hold.")
class NumberFilter:
    """Conditions on a number."""

    eq: int | None = strawberry.field(default=None, description="Equal to this.")
    in_: list[int] | None = strawberry.field(default=None, name="in", description="One of these.")
    not_in: list[int] | None = strawberry.field(default=None, description="None of these; nothing said counts as none.")
    gte: int | None = strawberry.field(default=None, description="This or more.")
    lte: int | None = strawberry.field(default=None, description="This or less.")
    is_null: bool | None = strawberry.field(default=None, description="Whether nothing is said.")

    def condition(self, dimension: str) -> Condition:
        """Return the condition on a dimension."""
        bounded = self.gte is not None or self.lte is not None
        between = (Between(dimension, self.gte, self.lte),) if bounded else ()
        return All((*between, _conditions(dimension, _one(self.eq), self.in_, self.not_in, self.is_null, str)))


@strawberry.input(description="When a day is: a year, half-year or month counts as all of its days.")
class DateFilter:
    """Conditions on a day."""

    from_: PartialDate | None = strawberry.field(default=None, name="from", description="This day or later.")
    until: PartialDate | None = strawberry.field(default=None, description="This day or earlier.")
    is_null: bool | None = strawberry.field(default=None, description="Whether no day is given.")

    def condition(self, dimension: str) -> Condition:
        """Return the condition on a dimension."""
        known = _conditions(dimension, None, None, None, self.is_null, str)
        if self.from_ is None and self.until is None:
            return known
        from_, until = self.from_, self.until
        return All((Matching(dimension, lambda day: within(day, from_, until), f"{from_}..{until}"), known))


@strawberry.input(description="Which word of a vocabulary; every condition given must hold.")
class WordFilter(Generic[W]):
    """Conditions on a word."""

    in_: list[W] | None = strawberry.field(default=None, name="in", description="One of these.")
    not_in: list[W] | None = strawberry.field(default=None, description="None of these; nothing said counts as none.")
    is_null: bool | None = strawberry.field(default=None, description="Whether nothing is said.")

    def condition(self, dimension: str) -> Condition:
        """Return the condition on a dimension."""
        return _conditions(dimension, None, self.in_, self.not_in, self.is_null, word)


@strawberry.input(description="Which entries; every condition given must hold.")
class EntryFilter:
    """Conditions on entries."""

    kind: list[EntryKind] | None = strawberry.field(default=None, description="One of these kinds.")
    cause: list[Cause] | None = strawberry.field(default=None, description="One of these causes.")
    actor: TextFilter | None = strawberry.field(default=None, description="Who recorded it.")
    subject: list[strawberry.ID] | None = strawberry.field(default=None, description="About one of these, by id.")
    source: list[strawberry.ID] | None = strawberry.field(default=None, description="Read from one of these, by id.")
    correlation_id: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Of one of these imports or requests."
    )

    member: list[str] | None = strawberry.field(
        default=None, description="About commitments and plans of one of these members, by code or prefix."
    )
    action_plan: list[strawberry.ID] | None = strawberry.field(
        default=None, description="About commitments of one of these plans, by id."
    )
    commitment: list[str] | None = strawberry.field(
        default=None, description="About one of these commitments, by code."
    )
    policy_area: list[str] | None = strawberry.field(
        default=None, description="About commitments that had one of these policy areas then."
    )

    def listing(self, snapshot: Snapshot) -> EntryListing:
        """Return the list of the entries that fulfil it."""
        asked = (
            ("name", self.kind),
            ("cause", self.cause),
            ("actor", self.actor.values() if self.actor else None),
            ("stream", self.subject),
            ("stream", _by_code(snapshot, "commitment", self.commitment)),
            ("source", self.source),
            ("correlation", self.correlation_id),
        )
        tagged = (
            ("member", _by_code(snapshot, "member", self.member)),
            ("actionPlan", self.action_plan),
            ("policyArea", self.policy_area),
        )
        return EntryListing(columns=_given(asked), tags=_given(tagged))


Given = Iterable[tuple[str, Iterable[object] | None]]


def _given(asked: Given) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((name, tuple(map(word, values)) or NOTHING) for name, values in asked if values is not None)


def _by_code(snapshot: Snapshot, kind: str, codes: list[str] | None) -> list[str] | None:
    if codes is None:
        return None
    found = (snapshot.by_code(kind, code) for code in codes)
    return [subject.id for subject in found if subject]


def flag(dimension: str, value: bool | None) -> Condition:
    """Return the condition that a yes-or-no dimension is as asked; nothing asked is no condition."""
    return All() if value is None else Has(dimension, (str(value).lower(),))


def word(value: object) -> str:
    """Return the word of an enum's member, or a text as it is."""
    return str(getattr(value, "value", value))


def within(day: str, from_: str | None, until: str | None) -> bool:
    """Tell whether a partial date overlaps a range of partial dates, ends included."""
    first, last = period(day)
    return (from_ is None or last >= period(from_)[0]) and (until is None or first <= period(until)[1])


def _one(value: W | None) -> list[W] | None:
    return None if value is None else [value]


def _conditions(
    dimension: str,
    eq: Iterable[object] | None,
    among: Iterable[object] | None,
    not_in: Iterable[object] | None,
    is_null: bool | None,
    change: Callable[[object], str],
) -> Condition:
    conditions: list[Condition] = [
        Has(dimension, tuple(change(v) for v in values)) for values in (eq, among) if values is not None
    ]
    if not_in is not None:
        conditions.append(Not(Has(dimension, tuple(change(v) for v in not_in))))
    if is_null is not None:
        conditions.append(Not(Known(dimension)) if is_null else Known(dimension))
    return All(tuple(conditions))


def _upper(value: object) -> str:
    return str(value).upper()
