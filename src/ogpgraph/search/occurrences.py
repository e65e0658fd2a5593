"""Where a word of a query occurs in texts, in all the forms that it stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ogpgraph.search.points import MAX_FREQUENCY, Form
from ogpgraph.search.postings import FEW, PLACE_BITS, Mask, Numbers, Postings, RowSet, SizedCache, look_up
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

    def choose(self, chosen: Mask) -> MarkedRows:
        """Return some of the rows."""
        if chosen.all():  # as mostly in the present
            return self
        return self.take(np.flatnonzero(chosen))  # once for all three: which is faster than by the mask

    def take(self, places: Numbers) -> MarkedRows:
        """Return the rows at some places."""
        return MarkedRows(self.rows.take(places), self.forms.take(places), self.frequencies.take(places))

    def size_bytes(self) -> int:
        """Return how many bytes this takes."""
        return self.rows.nbytes + self.forms.nbytes + self.frequencies.nbytes


class Occurrences(NamedTuple):
    """Where a word occurs in the first rows: those of its rare forms one by one, those of others by row.

    A coded occurrence has in its lowest bits how its form relates to the word of the query. They are ascending. `forms`
    are the numbers of all forms, each relation's after the relation, which is negative; none if words follow others.
    """

    coded: Numbers
    frequent: tuple[FrequentForm, ...]
    forms: tuple[int, ...]

    def unite(self, other: Occurrences) -> Occurrences:
        """Return the occurrences of both words."""
        coded = _merge([self.coded, other.coded])
        forms = (*self.forms, *other.forms) if self.forms and other.forms else ()
        return Occurrences(coded, (*self.frequent, *other.frequent), forms)

    def is_in(self, rows: Mask) -> bool:
        """Return whether the word occurs in one of some rows."""
        if rows.take(self.coded >> FORM_BITS + PLACE_BITS).any():
            return True
        return any(rows.take(each.postings.rows).any() for each in self.frequent)

    def find_rows(self, valid: Mask, known: SizedCache[MarkedRows] | None = None) -> RowSet:
        """Return the valid rows that have the word; see `mark`."""
        return RowSet(self.mark(valid, known).rows, len(valid))

    def mark(self, valid: Mask, known: SizedCache[MarkedRows] | None = None) -> MarkedRows:
        """Return the valid rows that have the word, and how; those of frequent words are kept in `known`."""
        if not self.frequent:
            found = _count_by_row(self.coded)
        elif known is None or not self.forms:
            found = self._mark_all(len(valid))
        else:
            key = *self.forms, -self.total  # which grows with each text that has the word
            if (kept := known.find(key)) is None:
                known.add(key, kept := self._mark_all(len(valid)))
            found = kept
        return found.choose(valid.take(found.rows))

    @property
    def total(self) -> int:
        """Return how many occurrences there are."""
        return len(self.coded) + sum(each.postings.occurrence_count for each in self.frequent)

    def _mark_all(self, row_count: int) -> MarkedRows:
        """Return all of the first rows that have one of several forms."""
        forms, frequencies = np.zeros(row_count, dtype=np.uint8), np.zeros(row_count, dtype=np.uint8)
        for _, relation, postings in self._by_likeness():
            forms[postings.rows] = relation
            _add_limited(frequencies, postings.rows, _limit(postings.counts()))
        rare = _count_by_row(self.coded)
        forms[rare.rows] = np.maximum(forms.take(rare.rows), rare.forms)
        _add_limited(frequencies, rare.rows, rare.frequencies)
        rows = _distinct(_merge([rare.rows, *(each.postings.rows for each in self.frequent)]))
        return MarkedRows(rows, forms.take(rows), frequencies.take(rows))

    def _by_likeness(self) -> Sequence[FrequentForm]:
        """Return the frequent forms, those last that are most alike: they take the place of others in the same row."""
        return sorted(self.frequent, key=lambda each: each.relation)

    def within(self, rows: RowSet, vocabulary: Vocabulary) -> Numbers:
        """Return the coded occurrences in some rows, ascending."""
        found = [self._coded_within(rows)]
        for form, relation, postings in self.frequent:
            if len(numbers := postings.within(rows)):
                found.append(vocabulary.occurrences(form).take(numbers) << FORM_BITS | relation)
        return _merge(found)

    def _coded_within(self, rows: RowSet) -> Numbers:
        if not len(self.coded):
            return NO_OCCURRENCES
        return self.coded[rows.mask.take(self.coded >> FORM_BITS + PLACE_BITS)]


def rows_of(coded: Numbers, row_count: int) -> RowSet:
    """Return the rows of some coded occurrences."""
    return RowSet(_count_by_row(coded).rows, row_count)


def _count_by_row(coded: Numbers) -> MarkedRows:
    """Return the rows of some coded occurrences, with how they have the word."""
    rows = coded >> FORM_BITS + PLACE_BITS
    if not len(rows):
        return MarkedRows(NO_OCCURRENCES, np.empty(0, dtype=np.uint8), np.empty(0, dtype=np.uint8))
    first = np.flatnonzero(np.diff(rows, prepend=-1))
    alike = np.maximum.reduceat(coded & _FORM_MASK, first).astype(np.uint8)
    return MarkedRows(rows.take(first), alike, _limit(np.diff(first, append=len(rows))))


def _limit(frequencies: NDArray[np.int32] | Numbers) -> NDArray[np.uint8]:
    return np.minimum(frequencies, MAX_FREQUENCY).astype(np.uint8)


def _add_limited(frequencies: NDArray[np.uint8], rows: Numbers, added: NDArray[np.uint8]) -> None:
    """Add to the limited frequencies of some rows, each of which is once in there."""
    frequencies[rows] = np.minimum(frequencies.take(rows) + added, MAX_FREQUENCY)


def _merge(ascending: Sequence[Numbers]) -> Numbers:
    """Return the numbers of some ascending arrays as one."""
    filled = [each for each in ascending if len(each)]
    if len(filled) < 2:
        return filled[0] if filled else NO_OCCURRENCES
    return np.sort(np.concatenate(filled), kind="stable")  # which is fast with parts that are sorted


def _distinct(ascending: Numbers) -> Numbers:
    """Return each of some ascending numbers once."""
    is_first = np.ones(len(ascending), dtype=np.bool_)
    np.not_equal(ascending[1:], ascending[:-1], out=is_first[1:])
    return ascending if is_first.all() else ascending[is_first]


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
    numbered = (number for relation, numbers in forms.items() for number in (-relation, *numbers))
    return Occurrences(_merge(coded), tuple(by_row), tuple(numbered))


def follow(first: Numbers, second: Numbers, distance: int) -> Numbers:
    """Return those of some coded occurrences that others precede by a distance, with the less alike form of both.

    Both are ascending, and what is returned is, too.
    """
    places, wanted = first >> FORM_BITS, (second >> FORM_BITS) - distance
    common = intersect(places, wanted)
    before, after = first.take(np.searchsorted(places, common)), second.take(np.searchsorted(wanted, common))
    following: Numbers = (common + distance) << FORM_BITS | np.minimum(before & _FORM_MASK, after & _FORM_MASK)
    return following


def intersect(first: Numbers, second: Numbers) -> Numbers:
    """Return the numbers that two ascending arrays have in common, in each of which every number is once."""
    fewer, more = sorted((first, second), key=len)
    if len(fewer) * FEW < len(more):
        return fewer[look_up(fewer, more)[1]]
    merged = _merge([fewer, more])  # many are merged faster than looked for
    common: Numbers = merged[:-1][merged[1:] == merged[:-1]]
    return common
