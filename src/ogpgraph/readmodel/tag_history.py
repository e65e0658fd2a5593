"""The history of a dimension: all tags of it that there ever were, from which the values at any past position follow.

Reading them takes a few milliseconds, or tens with ten times the data. Who then reads at another position needs no
table: of each tag it is known from which position on, and until which, it is valid.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final

from ogpgraph.readmodel.bitsets import Posting

CHECKED_TAGS: Final = 10_000
"""After so many tags, the checkpoint is called: they take about a millisecond."""
_POSITION: Final = "i"
_VALUE_BYTES: Final = 120
"""About what a value takes, with its places in the lists."""


class TypeHistory:
    """The tags that the aggregates of one type ever had, by value."""

    def __init__(self) -> None:
        self._values: list[str] = []
        self._ends = array(_POSITION)
        """Where the tags of each value end in the arrays that follow."""
        self._slots = array(_POSITION)
        self._since = array(_POSITION)
        self._until = array(_POSITION)

    def add(self, value: str, tags: Iterable[tuple[int, int, int]]) -> None:
        """Add all tags of a value: of each the slot, since which position it is valid, and until which."""
        self._values.append(value)
        for slot, since, until in tags:
            self._slots.append(slot)
            self._since.append(since)
            self._until.append(until)
        self._ends.append(len(self._slots))

    def at(self, position: int, checkpoint: Callable[[], None]) -> dict[str, Posting]:
        """Return the values at a position, with the slots that have them."""
        slots, since, until = self._slots, self._since, self._until
        found: dict[str, Posting] = {}
        start = checked = 0
        for value, end in zip(self._values, self._ends, strict=True):
            if end == start + 1:  # as of the values that only one stream ever had, which are most
                if since[start] <= position < until[start]:
                    found[value] = Posting(slots[start], 1)
            else:
                periods = zip(slots[start:end], since[start:end], until[start:end], strict=True)
                if valid := [slot for slot, first, last in periods if first <= position < last]:
                    found[value] = Posting.of(valid)
            start = end
            if start > checked + CHECKED_TAGS:
                checked = start
                checkpoint()
        return found

    def size_bytes(self) -> int:
        """Return about how many bytes the tags take."""
        return sum(map(len, self._values)) + _VALUE_BYTES * len(self._values) + 3 * 4 * len(self._slots)


class TagHistory:
    """The tags of one dimension, as of PRESENT_DAY, that there were at any position up to `position`."""

    def __init__(self, position: int) -> None:
        self.position = position
        self._types: defaultdict[str, TypeHistory] = defaultdict(TypeHistory)

    def add(self, value: str, slots: Iterable[tuple[str, int]], since: Iterable[int], until: Iterable[int]) -> None:
        """Add all tags of a value: the type and slot of each, since which position it is valid, and until which."""
        by_type: defaultdict[str, list[tuple[int, int, int]]] = defaultdict(list)
        for (aggregate_type, slot), first, last in zip(slots, since, until, strict=True):
            by_type[aggregate_type].append((slot, first, last))
        for aggregate_type, tags in by_type.items():
            self._types[aggregate_type].add(value, tags)

    def at(self, aggregate_type: str, position: int, checkpoint: Callable[[], None]) -> dict[str, Posting]:
        """Return the values that aggregates of a type have at a position up to that of the history."""
        history = self._types.get(aggregate_type)
        return history.at(position, checkpoint) if history else {}

    def size_bytes(self) -> int:
        """Return about how many bytes the tags take."""
        return sum(history.size_bytes() for history in self._types.values())
