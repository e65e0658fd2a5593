"""Conditions on aggregates: the filters of lists, evaluated on an index to bitsets.

As of a date it may be unknown what value a field had. So a condition has three outcomes (the logic of Kleene, as in
SQL): it is fulfilled, it is not, or that is unknown; and lists have what is fulfilled.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from ogpgraph.readmodel.index import LISTING, Dimensions, Index

IndexOf = Callable[[str], Index]
"""Returns the index of another aggregate type at the same position and as of the same day."""


class Matches(NamedTuple):
    """The aggregates that fulfil a condition, and those of which that is unknown, as bitsets without a common bit."""

    fulfilled: int
    unknown: int = 0

    @property
    def possible(self) -> int:
        """Return the bitset of the aggregates that fulfil the condition or may do so."""
        return self.fulfilled | self.unknown


class Condition(ABC):
    """A condition that an aggregate fulfils or not. Hashable, so that a list is evaluated once for a snapshot."""

    @property
    def is_portable(self) -> bool:
        """Return whether it may be kept for other sessions: it refers to nothing of the one that it was made in."""
        return True

    def dimensions(self, aggregate_type: str) -> Dimensions | None:
        """Return the dimensions on which it depends which aggregates of a type fulfil it; None where that is unknown.

        The condition itself may have been made from values of these dimensions. LISTING is not among them.
        """
        return None

    @abstractmethod
    def evaluate(self, index: Index, index_of: IndexOf) -> Matches:
        """Return the aggregates in `index` that fulfil the condition."""


@dataclass(frozen=True)
class _Combination(Condition):
    """A condition that depends on others about the same aggregate."""

    conditions: tuple[Condition, ...]

    @property
    def is_portable(self) -> bool:
        """Return whether all of them are."""
        return all(each.is_portable for each in self.conditions)

    def dimensions(self, aggregate_type: str) -> Dimensions | None:
        return _unite(each.dimensions(aggregate_type) for each in self.conditions)


@dataclass(frozen=True)
class _OnOne(Condition):
    """A condition that depends on another about the same aggregate."""

    condition: Condition

    @property
    def is_portable(self) -> bool:
        """Return whether its condition is."""
        return self.condition.is_portable

    def dimensions(self, aggregate_type: str) -> Dimensions | None:
        return self.condition.dimensions(aggregate_type)


@dataclass(frozen=True)
class _OnDimension(Condition):
    """A condition that depends on the values of one dimension."""

    dimension: str

    def dimensions(self, aggregate_type: str) -> Dimensions | None:
        return frozenset([(aggregate_type, self.dimension)])


@dataclass(frozen=True)
class AllOf(_Combination):
    """All of some conditions; without any, every aggregate fulfils it."""

    conditions: tuple[Condition, ...] = ()

    def evaluate(self, index: Index, index_of: IndexOf) -> Matches:
        fulfilled = possible = index.universe
        for condition in self.conditions:
            index.checkpoint()
            matches = condition.evaluate(index, index_of)
            fulfilled &= matches.fulfilled
            possible &= matches.possible
        return Matches(fulfilled, possible & ~fulfilled)


@dataclass(frozen=True)
class AnyOf(_Combination):
    """At least one of some conditions; without any, no aggregate fulfils it."""

    def evaluate(self, index: Index, index_of: IndexOf) -> Matches:
        fulfilled = possible = 0
        for condition in self.conditions:
            index.checkpoint()
            matches = condition.evaluate(index, index_of)
            fulfilled |= matches.fulfilled
            possible |= matches.possible
        return Matches(fulfilled, possible & ~fulfilled)


@dataclass(frozen=True)
class Not(_OnOne):
    """The negation of a condition."""

    def evaluate(self, index: Index, index_of: IndexOf) -> Matches:
        matches = self.condition.evaluate(index, index_of)
        return Matches(index.universe & ~matches.possible, index.universe & matches.unknown)


@dataclass(frozen=True)
class Possible(_OnOne):
    """A condition is fulfilled, or may be."""

    def evaluate(self, index: Index, index_of: IndexOf) -> Matches:
        return Matches(self.condition.evaluate(index, index_of).possible)


@dataclass(frozen=True)
class IsUnknown(_OnDimension):
    """It is unknown what values of a dimension the aggregate has."""

    def evaluate(self, index: Index, index_of: IndexOf) -> Matches:
        return Matches(index.universe & index.unknown(self.dimension))


@dataclass(frozen=True)
class HasValue(_OnDimension):
    """The aggregate has one of some values of a dimension."""

    values: tuple[str, ...]

    def evaluate(self, index: Index, index_of: IndexOf) -> Matches:
        return _match(index, self.dimension, index.select(self.dimension, self.values))


@dataclass(frozen=True)
class HasAnyValue(_OnDimension):
    """The aggregate has a value of a dimension, whichever."""

    def evaluate(self, index: Index, index_of: IndexOf) -> Matches:
        return _match(index, self.dimension, index.select_all(self.dimension))


@dataclass(frozen=True)
class ValueMatches(_OnDimension):
    """The aggregate has a value of a dimension for which a predicate is true.

    Functions cannot be compared: `name` distinguishes the condition from others on the same dimension. Without a
    predicate it is empty, and with one it is not: what conditions match is kept for all that are equal.
    """

    predicate: Callable[[str], bool] = field(default=bool, compare=False)
    name: str = ""

    def __post_init__(self) -> None:
        if (self.predicate is bool) is bool(self.name):
            raise ValueError("a predicate needs a name")

    def evaluate(self, index: Index, index_of: IndexOf) -> Matches:
        matching = filter(self.predicate, index.values(self.dimension))
        return _match(index, self.dimension, index.select(self.dimension, matching))


@dataclass(frozen=True)
class ValueBetween(_OnDimension):
    """The aggregate has a value of a dimension in a range, ends included; numbers are compared as numbers."""

    minimum: str | int | None = None
    maximum: str | int | None = None

    def evaluate(self, index: Index, index_of: IndexOf) -> Matches:
        matching = filter(self._contains, index.values(self.dimension))
        return _match(index, self.dimension, index.select(self.dimension, matching))

    def _contains(self, value: str) -> bool:
        is_numeric = isinstance(self.minimum, int) or isinstance(self.maximum, int)
        if is_numeric and not value.isdigit():
            return False
        compared: str | int = int(value) if is_numeric else value
        return (self.minimum is None or self.minimum <= compared) and (  # type: ignore[operator]  # both numbers or both texts
            self.maximum is None or compared <= self.maximum  # type: ignore[operator]  # likewise
        )


@dataclass(frozen=True)
class ChangedSince(Condition):
    """The aggregate changed after a position."""

    position: int

    def evaluate(self, index: Index, index_of: IndexOf) -> Matches:
        return Matches(index.changed_since(self.position))


@dataclass(frozen=True)
class IdIn(Condition):
    """The aggregate is one of some."""

    ids: frozenset[str]

    def evaluate(self, index: Index, index_of: IndexOf) -> Matches:
        return Matches(index.mask_of(self.ids))


@dataclass(frozen=True)
class RelatedTo(Condition):
    """The aggregate that a dimension refers to fulfils a condition: the commitments whose member is in a region."""

    dimension: str
    aggregate_type: str
    condition: Condition

    @property
    def is_portable(self) -> bool:
        """Return whether its condition is."""
        return self.condition.is_portable

    def dimensions(self, aggregate_type: str) -> Dimensions | None:
        related = self.condition.dimensions(self.aggregate_type)
        return _unite([related, frozenset([(aggregate_type, self.dimension), (self.aggregate_type, LISTING)])])

    def evaluate(self, index: Index, index_of: IndexOf) -> Matches:
        other = index_of(self.aggregate_type)
        matches = self.condition.evaluate(other, index_of)
        fulfilled = index.select(self.dimension, other.iter_ids(matches.fulfilled))
        possible = index.select(self.dimension, other.iter_ids(matches.possible)) | index.unknown(self.dimension)
        return Matches(fulfilled, possible & ~fulfilled)


@dataclass(frozen=True)
class HasRelated(Condition):
    """An aggregate that refers to this one fulfils a condition: the members that have a starred commitment."""

    aggregate_type: str
    dimension: str
    condition: Condition

    @property
    def is_portable(self) -> bool:
        """Return whether its condition is."""
        return self.condition.is_portable

    def dimensions(self, aggregate_type: str) -> Dimensions | None:
        related = self.condition.dimensions(self.aggregate_type)
        own = [(self.aggregate_type, self.dimension), (self.aggregate_type, LISTING)]
        return _unite([related, frozenset(own)])

    def evaluate(self, index: Index, index_of: IndexOf) -> Matches:
        other = index_of(self.aggregate_type)
        matches = self.condition.evaluate(other, index_of)
        fulfilled = self._referred(index, other, matches.fulfilled)
        return Matches(fulfilled, self._referred(index, other, matches.unknown) & ~fulfilled)

    def _referred(self, index: Index, other: Index, mask: int) -> int:
        return index.mask_of(other.iter_referred(self.dimension, mask))


@dataclass(frozen=True)
class OnTheDay(Condition):
    """A condition that was made for the day of an entry: at another position it may be another one."""

    condition: Condition

    @property
    def is_portable(self) -> bool:
        """Return whether the condition is, to readers at the same position."""
        return self.condition.is_portable

    def evaluate(self, index: Index, index_of: IndexOf) -> Matches:
        return self.condition.evaluate(index, index_of)


def _match(index: Index, dimension: str, fulfilled: int) -> Matches:
    """Return the outcome for the aggregates that have a value of a dimension, and for those that may have others."""
    return Matches(fulfilled, index.unknown(dimension) & ~fulfilled)


def _unite(found: Iterable[Dimensions | None]) -> Dimensions | None:
    """Return all of some dimensions, None if some are unknown."""
    known = list(found)
    return None if None in known else frozenset().union(*filter(None, known))
