"""Where forms of words occur, by row: which texts have a form, and how often each has it.

The occurrences of a form only grow, and so does what is known of them by row. It is derived when it is asked for, and
kept for the forms that were asked for last.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ogpgraph.lazy import cached_property

Numbers = NDArray[np.int64]
Mask = NDArray[np.bool_]
_NO_NUMBERS: Final[Numbers] = np.empty(0, dtype=np.int64)
PLACE_BITS: Final = 20
MAX_PLACES: Final = 1 << PLACE_BITS
"""The words of a text that are searched."""


_GROWTH: Final = 5
"""By one in so many more numbers than there are, room for numbers is made anew."""
FEW: Final = 8
"""Of fewer rows than one in so many that have a form, each is looked for; otherwise all are gone through."""


class GrowingNumbers:
    """Numbers that one thread at a time adds to while others read those that there are."""

    __slots__ = ("_numbers", "count")

    def __init__(self) -> None:
        self._numbers = _NO_NUMBERS
        self.count = 0

    def extend(self, added: Numbers) -> None:
        """Add numbers. Where there is no room they are copied, so what readers hold stays as it is."""
        end = self.count + len(added)
        if end > len(self._numbers):
            longer = np.empty(end + self.count // _GROWTH, dtype=np.int64)
            longer[: self.count] = self._numbers[: self.count]
            self._numbers = longer
        self._numbers[self.count : end] = added
        self.count = end  # last, because by it readers know how many there are

    def read(self) -> Numbers:
        """Return the numbers that there are now."""
        count = self.count  # first, because the numbers are replaced by more
        return self._numbers[:count]


def look_up(wanted: Numbers, numbers: Numbers) -> tuple[Numbers, Mask]:
    """Return for each of some numbers its place among others, which are ascending, and whether it is one of them."""
    if not len(numbers):
        return np.zeros(len(wanted), dtype=np.int64), np.zeros(len(wanted), dtype=np.bool_)
    places = np.searchsorted(numbers, wanted)
    return places, numbers.take(places, mode="clip") == wanted


class RowSet:
    """Some of the first rows, by ascending numbers."""

    def __init__(self, numbers: Numbers, row_count: int) -> None:
        """Take the rows, and how many rows there are."""
        self.numbers = numbers
        self.row_count = row_count

    @cached_property
    def mask(self) -> Mask:
        """Whether each of the first rows is one of these."""
        mask = np.zeros(self.row_count, dtype=np.bool_)
        mask[self.numbers] = True
        return mask

    def find_in(self, rows: Numbers) -> Numbers:
        """Return the places at which some ascending rows are one of these."""
        if len(self.numbers) * FEW < len(rows):
            places, is_found = look_up(self.numbers, rows)
            return places[is_found]
        return np.flatnonzero(self.mask.take(rows))


class Postings(NamedTuple):
    """The rows that have a form, ascending, and in each the number of its first occurrence; at last that of all.

    An occurrence is `row << PLACE_BITS | place`.
    """

    rows: Numbers
    starts: NDArray[np.int32]

    @classmethod
    def of(cls, occurrences: Numbers) -> Postings:
        """Return the postings of some occurrences, which are ascending."""
        row_of = occurrences >> PLACE_BITS
        is_first = np.empty(len(row_of), dtype=np.bool_)
        is_first[:1] = True
        np.not_equal(row_of[1:], row_of[:-1], out=is_first[1:])
        firsts = np.flatnonzero(is_first)
        return cls(row_of.take(firsts), np.append(firsts, len(row_of)).astype(np.int32))

    @property
    def occurrence_count(self) -> int:
        """Return how many occurrences there are."""
        return int(self.starts[-1])

    def extend(self, occurrences: Numbers) -> Postings:
        """Return the postings with those of some occurrences in later rows."""
        rows, starts = Postings.of(occurrences)
        return Postings(np.concatenate([self.rows, rows]), np.concatenate([self.starts[:-1], starts + self.starts[-1]]))

    def until(self, row_count: int) -> Postings:
        """Return the postings in the first rows."""
        end = int(np.searchsorted(self.rows, row_count))
        return Postings(self.rows[:end], self.starts[: end + 1])

    def counts(self) -> NDArray[np.int32]:
        """Return how often each row has the form."""
        return np.diff(self.starts)

    def within(self, rows: RowSet) -> Numbers:
        """Return the numbers of the occurrences in some rows, ascending."""
        chosen = rows.find_in(self.rows)
        if not len(chosen):  # as mostly with a rare form in few rows
            return _NO_NUMBERS
        starts = self.starts.take(chosen)
        counts = self.starts.take(chosen + 1) - starts
        ends = np.cumsum(counts)
        return np.repeat(starts - (ends - counts), counts) + np.arange(int(ends[-1]))

    def size_bytes(self) -> int:
        """Return how many bytes this takes."""
        return self.rows.nbytes + self.starts.nbytes


class _Sized(Protocol):
    def size_bytes(self) -> int: ...


_Value = TypeVar("_Value", bound=_Sized)


class SizedCache(Generic[_Value]):
    """What was asked for last, up to a number of bytes."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, _Value] = OrderedDict()
        self.bytes = 0

    def find(self, key: Hashable) -> _Value | None:
        """Return the value of a key if it is known."""
        with self._lock:
            if (known := self._values.get(key)) is not None:
                self._values.move_to_end(key)
            return known

    def add(self, key: Hashable, value: _Value) -> None:
        """Keep the value of a key in place of those that were asked for longest ago."""
        with self._lock:
            if (former := self._values.pop(key, None)) is not None:
                self.bytes -= former.size_bytes()
            self._values[key] = value
            self.bytes += value.size_bytes()
            while self.bytes > self._max_bytes and len(self._values) > 1:
                self.bytes -= self._values.popitem(last=False)[1].size_bytes()
