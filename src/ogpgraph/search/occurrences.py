"""Where a word of a query occurs in texts, in all the forms that it stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ogpgraph.search.points import MAX_FREQUENCY, Form
from ogpgraph.search.postings import FEW, PLACE_BITS, Mask, Numbers, Postings, RowSet, look_up
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
    frequencies: NDArray[np.int32]


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

    def find_rows(self, valid: Mask) -> RowSet:
        """Return the valid rows that have the word."""
        if len(self.frequent) == 1 and not len(self.coded):
            rows = self.frequent[0].postings.rows
            return RowSet(rows[valid.take(rows)], len(valid))
        found = np.zeros(len(valid), dtype=np.bool_)
        found[self.coded >> FORM_BITS + PLACE_BITS] = True
        for _, _, postings in self.frequent:
            found[postings.rows] = True
        found &= valid
        return RowSet(np.flatnonzero(found), len(valid))

    def mark(self, rows: RowSet) -> MarkedRows:
        """Return some rows, all of which have the word, with how they have it."""
        average = sum(len(each.postings.rows) for each in self.frequent) / max(1, len(self.frequent))
        is_many = self.frequent and len(rows.numbers) * FEW > average
        forms, frequencies = self._mark_many(rows) if is_many else self._mark_few(rows.numbers)
        return MarkedRows(rows.numbers, forms, np.minimum(frequencies, MAX_FREQUENCY))

    def _mark_few(self, rows: Numbers) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        """Return how rows have the word, which are looked for."""
        forms, frequencies = np.zeros(len(rows), dtype=np.uint8), np.zeros(len(rows), dtype=np.int32)
        for _, relation, postings in self._by_likeness():
            having, counts = postings.count_in(rows)
            forms[having] = relation
            frequencies[having] += counts
        if len(self.coded):
            coded_rows, alike, counts = _count_by_row(self.coded)
            places, having = look_up(rows, coded_rows)
            forms[having] = np.maximum(forms[having], alike.take(places[having]))
            frequencies[having] += counts.take(places[having])
        return forms, frequencies

    def _mark_many(self, rows: RowSet) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        """Return how rows have the word, out of all."""
        forms, frequencies = np.zeros(rows.row_count, dtype=np.uint8), np.zeros(rows.row_count, dtype=np.int32)
        for _, relation, postings in self._by_likeness():
            forms[postings.rows] = relation
            np.add.at(frequencies, postings.rows, postings.counts())
        if len(self.coded):
            having, alike, counts = _count_by_row(self.coded)
            forms[having] = np.maximum(forms[having], alike)
            frequencies[having] += counts
        return forms.take(rows.numbers), frequencies.take(rows.numbers)

    def _by_likeness(self) -> Sequence[FrequentForm]:
        """Return the frequent forms, those last that are most alike: they take the place of others in the same row."""
        return sorted(self.frequent, key=lambda each: each.relation)

    def within(self, rows: RowSet, vocabulary: Vocabulary) -> Numbers:
        """Return the coded occurrences in some rows, ascending."""
        found = [self._coded_within(rows)]
        for form, relation, postings in self.frequent:
            found.append(vocabulary.occurrences(form).take(postings.within(rows)) << FORM_BITS | relation)
        return _merge(found)

    def _coded_within(self, rows: RowSet) -> Numbers:
        if not len(self.coded):
            return NO_OCCURRENCES
        return self.coded[rows.mask.take(self.coded >> FORM_BITS + PLACE_BITS)]


def _count_by_row(coded: Numbers) -> tuple[Numbers, NDArray[np.uint8], NDArray[np.int32]]:
    """Return the rows of some coded occurrences, the form in each that is most alike, and how many there are."""
    rows = coded >> FORM_BITS + PLACE_BITS
    first = np.flatnonzero(np.diff(rows, prepend=-1))
    alike = np.maximum.reduceat(coded & _FORM_MASK, first).astype(np.uint8)
    return rows.take(first), alike, np.diff(first, append=len(rows)).astype(np.int32)


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
    places, wanted = first >> FORM_BITS, (second >> FORM_BITS) - distance
    if len(first) < len(second):
        after, is_found = look_up(places, wanted)
        before, after = np.flatnonzero(is_found), after[is_found]
    else:
        before, is_found = look_up(wanted, places)
        before, after = before[is_found], np.flatnonzero(is_found)
    forms = np.minimum(first.take(before) & _FORM_MASK, second.take(after) & _FORM_MASK)
    following: Numbers = (second.take(after) & ~_FORM_MASK) | forms
    return following


def intersect(first: Numbers, second: Numbers) -> Numbers:
    """Return the numbers that two ascending arrays have in common."""
    fewer, more = sorted((first, second), key=len)
    return fewer[look_up(fewer, more)[1]]
