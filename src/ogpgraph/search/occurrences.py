"""Where a word of a query occurs in texts, in all the forms that it stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ogpgraph.search.points import MAX_FREQUENCY, Form
from ogpgraph.search.postings import PLACE_BITS, Mask, Numbers, Postings
from ogpgraph.search.vocabulary import Vocabulary

FORM_BITS: Final = 3
_FORM_MASK: Final = (1 << FORM_BITS) - 1
FREQUENT: Final = 500
"""Where forms with more occurrences than this occur is read by row."""
_CHECKED_FORMS: Final = 500
NO_OCCURRENCES: Final[Numbers] = np.empty(0, dtype=np.int64)


class FrequentForm(NamedTuple):
    """A form that occurs often, by number: how it relates to the word of the query, and where it occurs."""

    form: int
    relation: Form
    postings: Postings


class MarkedRows(NamedTuple):
    """Rows that have a word, ascending, how the word there that is most alike relates to it, and how many there are.

    More than MAX_FREQUENCY are counted as so many.
    """

    rows: Numbers
    forms: NDArray[np.uint8]
    frequencies: NDArray[np.uint8]

    def select(self, chosen: Mask) -> MarkedRows:
        """Return some of the rows."""
        return MarkedRows(self.rows[chosen], self.forms[chosen], self.frequencies[chosen])


class Occurrences(NamedTuple):
    """Where a word occurs in the first rows: those of its rare forms one by one, those of others by row.

    A coded occurrence has in its lowest bits how its form relates to the word of the query. They are ascending.
    """

    coded: Numbers
    frequent: tuple[FrequentForm, ...]

    def unite(self, other: Occurrences) -> Occurrences:
        """Return the occurrences of both words."""
        return Occurrences(_merge([self.coded, other.coded]), (*self.frequent, *other.frequent))

    def is_in(self, rows: Mask) -> bool:
        """Return whether the word occurs in one of some rows."""
        if rows.take(self.coded >> FORM_BITS + PLACE_BITS).any():
            return True
        return any(rows.take(each.postings.rows).any() for each in self.frequent)

    def mark(self, valid: Mask) -> MarkedRows:
        """Return the valid rows that have the word."""
        if len(self.frequent) == 1 and not len(self.coded):
            return self._mark_single(valid)
        forms, frequencies = np.zeros(len(valid), dtype=np.uint8), np.zeros(len(valid), dtype=np.uint8)
        if len(self.coded):
            rows, first, counts = np.unique(
                self.coded >> FORM_BITS + PLACE_BITS, return_index=True, return_counts=True, sorted=True
            )
            forms[rows] = np.maximum.reduceat(self.coded & _FORM_MASK, first)
            frequencies[rows] = np.minimum(counts, MAX_FREQUENCY)
        for _, relation, postings in self.frequent:
            rows = postings.rows.astype(np.int64)  # by which numpy selects faster
            forms[rows] = np.maximum(forms.take(rows), relation)
            frequencies[rows] = np.minimum(frequencies.take(rows) + postings.frequencies(), MAX_FREQUENCY)
        rows = np.flatnonzero((forms != 0) & valid)
        return MarkedRows(rows, forms.take(rows), frequencies.take(rows))

    def _mark_single(self, valid: Mask) -> MarkedRows:
        _, relation, postings = self.frequent[0]
        frequencies = np.minimum(postings.frequencies(), MAX_FREQUENCY).astype(np.uint8)
        forms = np.full(len(frequencies), relation, dtype=np.uint8)
        return MarkedRows(postings.rows.astype(np.int64), forms, frequencies).select(valid.take(postings.rows))

    def within(self, rows: Mask, vocabulary: Vocabulary) -> Numbers:
        """Return the coded occurrences in some rows, ascending."""
        found = [self.coded[rows.take(self.coded >> FORM_BITS + PLACE_BITS)]]
        for form, relation, postings in self.frequent:
            found.append(vocabulary.occurrences(form).take(postings.within(rows)) << FORM_BITS | relation)
        return _merge(found)


def _merge(ascending: Sequence[Numbers]) -> Numbers:
    """Return the numbers of some ascending arrays as one."""
    filled = [each for each in ascending if len(each)]
    if len(filled) < 2:
        return filled[0] if filled else NO_OCCURRENCES
    return np.sort(np.concatenate(filled), kind="stable")  # which is fast with parts that are sorted


def collect(
    forms: Mapping[Form, Sequence[int]],
    vocabulary: Vocabulary,
    row_count: int,
    checkpoint: Callable[[], None],
    *,
    frequent: int = FREQUENT,
) -> Occurrences:
    """Return where some forms, by how they relate to a word, occur in the first rows."""
    coded, by_row, number = list[Numbers](), list[FrequentForm](), 0
    for relation, numbers in forms.items():
        for form in numbers:
            if vocabulary.count(form) > frequent:
                by_row.append(FrequentForm(form, relation, vocabulary.postings(form).until(row_count)))
            else:
                occurrences = vocabulary.occurrences(form)
                known = occurrences[: np.searchsorted(occurrences, row_count << PLACE_BITS)]
                coded.append(known << FORM_BITS | relation)
            if (number := number + 1) % _CHECKED_FORMS == 0:
                checkpoint()
    return Occurrences(_merge(coded), tuple(by_row))


def follow(first: Numbers, second: Numbers, distance: int) -> Numbers:
    """Return those of some coded occurrences that others precede by a distance, with the less alike form of both.

    Both are ascending, and what is returned is, too.
    """
    if not len(first) or not len(second):
        return NO_OCCURRENCES
    places, wanted = first >> FORM_BITS, (second >> FORM_BITS) - distance
    before = np.minimum(np.searchsorted(places, wanted), len(places) - 1)
    is_found = places[before] == wanted
    forms = np.minimum(first[before[is_found]] & _FORM_MASK, second[is_found] & _FORM_MASK)
    following: Numbers = (second[is_found] & ~_FORM_MASK) | forms
    return following


def intersect(first: Numbers, second: Numbers) -> Numbers:
    """Return the numbers that two ascending arrays have in common."""
    fewer, more = sorted((first, second), key=len)
    if not len(fewer):
        return NO_OCCURRENCES
    places = np.minimum(np.searchsorted(more, fewer), len(more) - 1)
    common: Numbers = fewer[more[places] == fewer]
    return common
