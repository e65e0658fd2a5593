"""Where forms of words occur, by row: which texts have a form, and how often each has it.

The occurrences of a form only grow, and so does what is known of them by row. It is derived when it is asked for, and
kept for the forms that were asked for last.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Mask = NDArray[np.bool_]
PLACE_BITS: Final = 20
MAX_PLACES: Final = 1 << PLACE_BITS
"""The words of a text that are searched."""


class Postings(NamedTuple):
    """The rows that have a form, ascending, and in each the number of its first occurrence; at last that of all.

    An occurrence is `row << PLACE_BITS | place`.
    """

    rows: NDArray[np.int32]
    starts: NDArray[np.int32]

    @classmethod
    def of(cls, occurrences: Numbers) -> Postings:
        """Return the postings of some occurrences, which are ascending."""
        row_of = (occurrences >> PLACE_BITS).astype(np.int32)
        is_first = np.empty(len(row_of), dtype=np.bool_)
        is_first[:1] = True
        np.not_equal(row_of[1:], row_of[:-1], out=is_first[1:])
        firsts = np.flatnonzero(is_first)
        return cls(row_of[firsts], np.append(firsts, len(row_of)).astype(np.int32))

    @property
    def occurrence_count(self) -> int:
        """Return how many occurrences there are."""
        return int(self.starts[-1])

    def until(self, row_count: int) -> Postings:
        """Return the postings in the first rows."""
        end = int(np.searchsorted(self.rows, row_count))
        return Postings(self.rows[:end], self.starts[: end + 1])

    def frequencies(self) -> NDArray[np.int32]:
        """Return how often each row has the form."""
        return np.diff(self.starts)

    def within(self, rows: Mask) -> Numbers:
        """Return the numbers of the occurrences in some rows, ascending."""
        chosen = np.flatnonzero(rows.take(self.rows))
        starts = self.starts.take(chosen)
        counts = self.starts.take(chosen + 1) - starts
        ends = np.cumsum(counts)
        return np.repeat(starts - (ends - counts), counts) + np.arange(int(ends[-1]) if len(ends) else 0)

    def size_bytes(self) -> int:
        """Return how many bytes this takes."""
        return self.rows.nbytes + self.starts.nbytes


class PostingsCache:
    """The postings of the forms that were asked for last, up to a number of bytes."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._postings: OrderedDict[int, Postings] = OrderedDict()
        self.bytes = 0

    def find(self, form: int, count: int) -> Postings | None:
        """Return the postings of a form if they have at least some number of occurrences."""
        with self._lock:
            known = self._postings.get(form)
            if known is None or known.occurrence_count < count:
                return None
            self._postings.move_to_end(form)
            return known

    def add(self, form: int, postings: Postings) -> None:
        """Keep the postings of a form in place of those that were asked for longest ago."""
        with self._lock:
            if (former := self._postings.pop(form, None)) is not None:
                self.bytes -= former.size_bytes()
            self._postings[form] = postings
            self.bytes += postings.size_bytes()
            while self.bytes > self._max_bytes and len(self._postings) > 1:
                self.bytes -= self._postings.popitem(last=False)[1].size_bytes()
