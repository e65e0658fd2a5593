"""Conditions on subjects: what a filter asks, answered on an index as a bitset."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

from ogpgraph.readmodel.index import Index, to_bitset

IndexOf = Callable[[str], Index]


class Condition(ABC):
    """Something that subjects fulfil or not; hashable, so that lists with the same condition are one list."""

    @abstractmethod
    def evaluate(self, index: Index, index_of: IndexOf) -> int:
        """Return who fulfils it; `index_of` gives the index of another kind at the same position."""


@dataclass(frozen=True)
class AllOf(Condition):
    """Every one of some conditions holds; none at all holds for everyone."""

    conditions: tuple[Condition, ...] = ()

    def evaluate(self, index: Index, index_of: IndexOf) -> int:
        """Return who fulfils all of them."""
        mask = index.universe
        for condition in self.conditions:
            mask &= condition.evaluate(index, index_of)
        return mask


@dataclass(frozen=True)
class AnyOf(Condition):
    """At least one of some conditions holds; of none at all, no one does."""

    conditions: tuple[Condition, ...]

    def evaluate(self, index: Index, index_of: IndexOf) -> int:
        """Return who fulfils one of them."""
        mask = 0
        for condition in self.conditions:
            mask |= condition.evaluate(index, index_of)
        return mask


@dataclass(frozen=True)
class Not(Condition):
    """A condition does not hold."""

    condition: Condition

    def evaluate(self, index: Index, index_of: IndexOf) -> int:
        """Return who does not fulfil it."""
        return index.universe & ~self.condition.evaluate(index, index_of)


@dataclass(frozen=True)
class HasValue(Condition):
    """A dimension has one of some values."""

    dimension: str
    values: tuple[str, ...]

    def evaluate(self, index: Index, index_of: IndexOf) -> int:
        """Return who has one of the values."""
        return index.select(self.dimension, self.values)


@dataclass(frozen=True)
class HasAnyValue(Condition):
    """A dimension has any value at all."""

    dimension: str

    def evaluate(self, index: Index, index_of: IndexOf) -> int:
        """Return who has a value."""
        return index.select(self.dimension, index.postings.get(self.dimension, ()))


@dataclass(frozen=True)
class ValueMatches(Condition):
    """A dimension has a value of which something holds; `name` tells one such condition from another."""

    dimension: str
    predicate: Callable[[str], bool] = field(default=bool, compare=False)
    name: str = ""

    def evaluate(self, index: Index, index_of: IndexOf) -> int:
        """Return who has such a value."""
        return index.select(self.dimension, filter(self.predicate, index.postings.get(self.dimension, ())))


@dataclass(frozen=True)
class ValueBetween(Condition):
    """A dimension's value lies in a range, ends included; as numbers, or as texts by their bytes."""

    dimension: str
    minimum: str | int | None = None
    maximum: str | int | None = None

    def evaluate(self, index: Index, index_of: IndexOf) -> int:
        """Return who has a value in the range."""
        return index.select(self.dimension, filter(self._contains, index.postings.get(self.dimension, ())))

    def _contains(self, value: str) -> bool:
        numbers = isinstance(self.minimum, int) or isinstance(self.maximum, int)
        if numbers and not value.isdigit():
            return False
        compared: str | int = int(value) if numbers else value
        return (self.minimum is None or self.minimum <= compared) and (  # type: ignore[operator]  # both numbers or both texts
            self.maximum is None or compared <= self.maximum  # type: ignore[operator]  # likewise
        )


@dataclass(frozen=True)
class ChangedSince(Condition):
    """Something of the subject changed after a position."""

    position: int

    def evaluate(self, index: Index, index_of: IndexOf) -> int:
        """Return who changed after the position."""
        return to_bitset([slot for slot, since in index.since.items() if since > self.position])


@dataclass(frozen=True)
class IdIn(Condition):
    """The subject is one of some."""

    ids: frozenset[str]

    def evaluate(self, index: Index, index_of: IndexOf) -> int:
        """Return who is one of them."""
        return to_bitset([index.slots[each] for each in self.ids if each in index.slots])


@dataclass(frozen=True)
class RelatedTo(Condition):
    """The subject that a dimension refers to fulfils a condition: commitments whose member …"""

    dimension: str
    aggregate_type: str
    condition: Condition

    def evaluate(self, index: Index, index_of: IndexOf) -> int:
        """Return whose referred subject fulfils it."""
        other = index_of(self.aggregate_type)
        return index.select(self.dimension, other.iter_ids(self.condition.evaluate(other, index_of)))


@dataclass(frozen=True)
class HasRelated(Condition):
    """Some subject that refers to this one fulfils a condition: members that have commitments which …"""

    aggregate_type: str
    dimension: str
    condition: Condition

    def evaluate(self, index: Index, index_of: IndexOf) -> int:
        """Return to whom such a subject refers."""
        other = index_of(self.aggregate_type)
        fulfilling = self.condition.evaluate(other, index_of)
        held = (value for value, posting in other.postings.get(self.dimension, {}).items() if posting.count(fulfilling))
        return to_bitset([index.slots[value] for value in held if value in index.slots])
