"""Conditions on aggregates: the filters of lists, evaluated on an index to a bitset."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

from ogpgraph.readmodel.index import Index, to_bitset

IndexOf = Callable[[str], Index]
"""Returns the index of another aggregate type at the same position."""


class Condition(ABC):
    """A condition that an aggregate fulfils or not. Hashable, so that a list is evaluated once for a snapshot."""

    @abstractmethod
    def evaluate(self, index: Index, index_of: IndexOf) -> int:
        """Return the bitset of the aggregates in `index` that fulfil the condition."""


@dataclass(frozen=True)
class AllOf(Condition):
    """All of some conditions; without any, every aggregate fulfils it."""

    conditions: tuple[Condition, ...] = ()

    def evaluate(self, index: Index, index_of: IndexOf) -> int:
        mask = index.universe
        for condition in self.conditions:
            mask &= condition.evaluate(index, index_of)
        return mask


@dataclass(frozen=True)
class AnyOf(Condition):
    """At least one of some conditions; without any, no aggregate fulfils it."""

    conditions: tuple[Condition, ...]

    def evaluate(self, index: Index, index_of: IndexOf) -> int:
        mask = 0
        for condition in self.conditions:
            mask |= condition.evaluate(index, index_of)
        return mask


@dataclass(frozen=True)
class Not(Condition):
    """The negation of a condition."""

    condition: Condition

    def evaluate(self, index: Index, index_of: IndexOf) -> int:
        return index.universe & ~self.condition.evaluate(index, index_of)


@dataclass(frozen=True)
class HasValue(Condition):
    """The aggregate has one of some values of a dimension."""

    dimension: str
    values: tuple[str, ...]

    def evaluate(self, index: Index, index_of: IndexOf) -> int:
        return index.select(self.dimension, self.values)


@dataclass(frozen=True)
class HasAnyValue(Condition):
    """The aggregate has a value of a dimension, whichever."""

    dimension: str

    def evaluate(self, index: Index, index_of: IndexOf) -> int:
        return index.select(self.dimension, index.postings.get(self.dimension, ()))


@dataclass(frozen=True)
class ValueMatches(Condition):
    """The aggregate has a value of a dimension for which a predicate is true.

    Functions cannot be compared: `name` distinguishes the condition from others on the same dimension.
    """

    dimension: str
    predicate: Callable[[str], bool] = field(default=bool, compare=False)
    name: str = ""

    def evaluate(self, index: Index, index_of: IndexOf) -> int:
        return index.select(self.dimension, filter(self.predicate, index.postings.get(self.dimension, ())))


@dataclass(frozen=True)
class ValueBetween(Condition):
    """The aggregate has a value of a dimension in a range, ends included; numbers are compared as numbers."""

    dimension: str
    minimum: str | int | None = None
    maximum: str | int | None = None

    def evaluate(self, index: Index, index_of: IndexOf) -> int:
        return index.select(self.dimension, filter(self._contains, index.postings.get(self.dimension, ())))

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

    def evaluate(self, index: Index, index_of: IndexOf) -> int:
        return to_bitset([slot for slot, since in index.since.items() if since > self.position])


@dataclass(frozen=True)
class IdIn(Condition):
    """The aggregate is one of some."""

    ids: frozenset[str]

    def evaluate(self, index: Index, index_of: IndexOf) -> int:
        return to_bitset([index.slots[each] for each in self.ids if each in index.slots])


@dataclass(frozen=True)
class RelatedTo(Condition):
    """The aggregate that a dimension refers to fulfils a condition: the commitments whose member is in a region."""

    dimension: str
    aggregate_type: str
    condition: Condition

    def evaluate(self, index: Index, index_of: IndexOf) -> int:
        other = index_of(self.aggregate_type)
        return index.select(self.dimension, other.iter_ids(self.condition.evaluate(other, index_of)))


@dataclass(frozen=True)
class HasRelated(Condition):
    """An aggregate that refers to this one fulfils a condition: the members that have a starred commitment."""

    aggregate_type: str
    dimension: str
    condition: Condition

    def evaluate(self, index: Index, index_of: IndexOf) -> int:
        other = index_of(self.aggregate_type)
        matches = self.condition.evaluate(other, index_of)
        postings = other.postings.get(self.dimension, {})
        referred = (value for value, posting in postings.items() if posting.count(matches))
        return to_bitset([index.slots[value] for value in referred if value in index.slots])
