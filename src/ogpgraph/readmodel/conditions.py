"""Conditions on subjects: what a filter asks, answered on an index as a bitset."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

from ogpgraph.readmodel.index import Index, bits_of

IndexOf = Callable[[str], Index]


class Condition(ABC):
    """Something that subjects fulfil or not; hashable, so that lists with the same condition are one list."""

    @abstractmethod
    def mask(self, index: Index, index_of: IndexOf) -> int:
        """Return who fulfils it; `index_of` gives the index of another kind at the same position."""


@dataclass(frozen=True)
class All(Condition):
    """Every one of some conditions holds; none at all holds for everyone."""

    conditions: tuple[Condition, ...] = ()

    def mask(self, index: Index, index_of: IndexOf) -> int:
        """Return who fulfils all of them."""
        mask = index.everyone
        for condition in self.conditions:
            mask &= condition.mask(index, index_of)
        return mask


@dataclass(frozen=True)
class AnyOf(Condition):
    """At least one of some conditions holds; of none at all, no one does."""

    conditions: tuple[Condition, ...]

    def mask(self, index: Index, index_of: IndexOf) -> int:
        """Return who fulfils one of them."""
        mask = 0
        for condition in self.conditions:
            mask |= condition.mask(index, index_of)
        return mask


@dataclass(frozen=True)
class Not(Condition):
    """A condition does not hold."""

    condition: Condition

    def mask(self, index: Index, index_of: IndexOf) -> int:
        """Return who does not fulfil it."""
        return index.everyone & ~self.condition.mask(index, index_of)


@dataclass(frozen=True)
class Has(Condition):
    """A dimension has one of some values."""

    dimension: str
    values: tuple[str, ...]

    def mask(self, index: Index, index_of: IndexOf) -> int:
        """Return who has one of the values."""
        return index.having(self.dimension, self.values)


@dataclass(frozen=True)
class Known(Condition):
    """A dimension has any value at all."""

    dimension: str

    def mask(self, index: Index, index_of: IndexOf) -> int:
        """Return who has a value."""
        return index.having(self.dimension, index.postings.get(self.dimension, ()))


@dataclass(frozen=True)
class Matching(Condition):
    """A dimension has a value of which something holds; `name` tells one such condition from another."""

    dimension: str
    holds: Callable[[str], bool] = field(default=bool, compare=False)
    name: str = ""

    def mask(self, index: Index, index_of: IndexOf) -> int:
        """Return who has such a value."""
        return index.having(self.dimension, filter(self.holds, index.postings.get(self.dimension, ())))


@dataclass(frozen=True)
class Between(Condition):
    """A dimension's value lies in a range, ends included; as numbers, or as texts by their bytes."""

    dimension: str
    least: str | int | None = None
    most: str | int | None = None

    def mask(self, index: Index, index_of: IndexOf) -> int:
        """Return who has a value in the range."""
        return index.having(self.dimension, filter(self._holds, index.postings.get(self.dimension, ())))

    def _holds(self, value: str) -> bool:
        numbers = isinstance(self.least, int) or isinstance(self.most, int)
        if numbers and not value.isdigit():
            return False
        compared: str | int = int(value) if numbers else value
        return (self.least is None or self.least <= compared) and (  # type: ignore[operator]  # both numbers or both texts
            self.most is None or compared <= self.most  # type: ignore[operator]  # likewise
        )


@dataclass(frozen=True)
class ChangedSince(Condition):
    """Something of the subject changed after a position."""

    position: int

    def mask(self, index: Index, index_of: IndexOf) -> int:
        """Return who changed after the position."""
        return bits_of([slot for slot, since in index.since.items() if since > self.position])


@dataclass(frozen=True)
class Among(Condition):
    """The subject is one of some."""

    ids: frozenset[str]

    def mask(self, index: Index, index_of: IndexOf) -> int:
        """Return who is one of them."""
        return bits_of([index.slots[each] for each in self.ids if each in index.slots])


@dataclass(frozen=True)
class Whose(Condition):
    """The subject that a dimension refers to fulfils a condition: commitments whose member …"""

    dimension: str
    kind: str
    condition: Condition

    def mask(self, index: Index, index_of: IndexOf) -> int:
        """Return whose referred subject fulfils it."""
        other = index_of(self.kind)
        return index.having(self.dimension, other.members_of(self.condition.mask(other, index_of)))


@dataclass(frozen=True)
class Holding(Condition):
    """Some subject that refers to this one fulfils a condition: members that have commitments which …"""

    kind: str
    dimension: str
    condition: Condition

    def mask(self, index: Index, index_of: IndexOf) -> int:
        """Return to whom such a subject refers."""
        other = index_of(self.kind)
        fulfilling = self.condition.mask(other, index_of)
        held = (value for value, posting in other.postings.get(self.dimension, {}).items() if posting.count(fulfilling))
        return bits_of([index.slots[value] for value in held if value in index.slots])
