"""What values can be asked for: one of some, none of some, a range, any at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import strawberry

from ogpgraph.domain.values import period_bounds
from ogpgraph.graphql.scalars import PartialDate
from ogpgraph.readmodel.filters import AllOf, Condition, HasAnyValue, HasValue, Not, ValueBetween, ValueMatches

EnumT = TypeVar("EnumT")
NO_MATCH = ("",)
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
        change: Callable[[object], str] = _upper_text if upper else str
        return _value_conditions(dimension, _as_list(self.eq), self.in_, self.not_in, self.is_null, change)

    def values(self) -> tuple[str, ...]:
        """Return the accepted texts of a condition that knows only equality."""
        among = self.in_ if self.in_ is not None else _as_list(self.eq)
        accepted = [each for each in among or () if self.eq is None or each == self.eq]
        return tuple(each for each in accepted if each not in (self.not_in or ())) or NO_MATCH


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
        between = (ValueBetween(dimension, self.gte, self.lte),) if bounded else ()
        return AllOf(
            (*between, _value_conditions(dimension, _as_list(self.eq), self.in_, self.not_in, self.is_null, str))
        )


@strawberry.input(description="When a day is: a year, half-year or month counts as all of its days.")
class DateFilter:
    """Conditions on a day."""

    from_: PartialDate | None = strawberry.field(default=None, name="from", description="This day or later.")
    until: PartialDate | None = strawberry.field(default=None, description="This day or earlier.")
    is_null: bool | None = strawberry.field(default=None, description="Whether no day is given.")

    def condition(self, dimension: str) -> Condition:
        """Return the condition on a dimension."""
        known = _value_conditions(dimension, None, None, None, self.is_null, str)
        if self.from_ is None and self.until is None:
            return known
        from_, until = self.from_, self.until
        return AllOf((ValueMatches(dimension, lambda day: overlaps(day, from_, until), f"{from_}..{until}"), known))


@strawberry.input(name="Filter", description="Which word of a vocabulary; every condition given must hold.")
class EnumFilter(Generic[EnumT]):
    """Conditions on a word."""

    in_: list[EnumT] | None = strawberry.field(default=None, name="in", description="One of these.")
    not_in: list[EnumT] | None = strawberry.field(
        default=None, description="None of these; nothing said counts as none."
    )
    is_null: bool | None = strawberry.field(default=None, description="Whether nothing is said.")

    def condition(self, dimension: str) -> Condition:
        """Return the condition on a dimension."""
        return _value_conditions(dimension, None, self.in_, self.not_in, self.is_null, enum_text)


def boolean_condition(dimension: str, value: bool | None) -> Condition:
    """Return the condition that a yes-or-no dimension is as asked; nothing asked is no condition."""
    return AllOf() if value is None else HasValue(dimension, (str(value).lower(),))


def enum_text(value: object) -> str:
    """Return the word of an enum's member, or a text as it is."""
    return str(getattr(value, "value", value))


def overlaps(day: str, from_: str | None, until: str | None) -> bool:
    """Tell whether a partial date overlaps a range of partial dates, ends included."""
    first, last = period_bounds(day)
    return (from_ is None or last >= period_bounds(from_)[0]) and (until is None or first <= period_bounds(until)[1])


def _as_list(value: EnumT | None) -> list[EnumT] | None:
    return None if value is None else [value]


def _value_conditions(
    dimension: str,
    eq: Iterable[object] | None,
    among: Iterable[object] | None,
    not_in: Iterable[object] | None,
    is_null: bool | None,
    change: Callable[[object], str],
) -> Condition:
    conditions: list[Condition] = [
        HasValue(dimension, tuple(change(v) for v in values)) for values in (eq, among) if values is not None
    ]
    if not_in is not None:
        conditions.append(Not(HasValue(dimension, tuple(change(v) for v in not_in))))
    if is_null is not None:
        conditions.append(Not(HasAnyValue(dimension)) if is_null else HasAnyValue(dimension))
    return AllOf(tuple(conditions))


def _upper_text(value: object) -> str:
    return str(value).upper()
