"""The cost of an operation: what is charged before it is executed, and after."""

from __future__ import annotations

from math import ceil
from typing import Final, NamedTuple

MAX_REPORTED_COST: Final = 2**53 - 1
"""The greatest cost that is reported exactly; JSON clients cannot represent a greater integer."""


class OperationCost(NamedTuple):
    """The cost of an operation with its variables, at most; of a subscription, that of its beginning and of one entry.

    `once` is the part that it has whatever it finds: computed fields and arguments that no list repeats. The rest is
    for up to so many `objects`. `beginning` is the part of a subscription that entries do not repeat: its filter.
    """

    total: int
    once: int = 0
    objects: int = 0
    beginning: int = 0

    @property
    def of_entry(self) -> OperationCost:
        """Return the cost of each entry that a subscription delivers."""
        return self._replace(total=self.total - self.beginning, once=max(0, self.once - self.beginning), beginning=0)

    def used(self, objects: int) -> int:
        """Return what an operation cost that made so many objects: its part of the rest is in proportion to them."""
        rest = self.total - self.once
        share = rest * objects / self.objects if self.objects else objects
        return min(self.total, self.once + max(objects, ceil(share)))


NO_COST: Final = OperationCost(0)
