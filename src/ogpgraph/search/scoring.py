"""The objects that match a query, and their scores, which are computed only of those that may be the best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ogpgraph.lazy import cached_property
from ogpgraph.search.occurrences import FORM_BITS, NO_OCCURRENCES, MarkedRows, Occurrences, intersect
from ogpgraph.search.points import CODE_POINTS, PAIR, text_points
from ogpgraph.search.postings import PLACE_BITS, Mask, Numbers, RowSet, look_up
from ogpgraph.search.query import Query
from ogpgraph.search.text_index import NO_PART, ObjectPoints
from ogpgraph.search.view import View

Scores = NDArray[np.int32]
"""The scores of objects; those of all may have that of what is none after them: NO_PART is the last."""


class ClauseRows(NamedTuple):
    """The rows in which the words of a clause are, and the occurrences of the last of them."""

    occurrences: Occurrences
    marked: MarkedRows

    def choose(self, objects: Numbers, view: View) -> ClauseRows:
        """Return those of the rows that are of some objects, or of others of the same aggregates."""
        return self._replace(marked=self.marked.choose(view.has_rows(objects, self.marked.rows)))

    def within(self, rows: Numbers, view: View) -> Numbers:
        """Return the occurrences in those of some rows that are among these, ascending."""
        chosen = RowSet(_common_rows(self.marked.rows, rows, len(view.valid)), len(view.valid))
        return self.occurrences.within(chosen, view.texts.vocabulary) >> FORM_BITS


class ClauseMatches:
    """Where a clause is fulfilled, by its words or by a code."""

    def __init__(self, occurrences: Occurrences, coded: Numbers, view: View) -> None:
        """Take the occurrences of the last word, the aggregates with a code that the clause may be, and what it reads.

        The view is that of the fields that the clause is restricted to.
        """
        self._occurrences = occurrences
        self.coded = coded
        self._view = view

    @cached_property
    def rows(self) -> ClauseRows:
        """The rows in which the words are."""
        return ClauseRows(self._occurrences, self._occurrences.mark(self._view.valid, self._view.texts.marked_rows))

    @cached_property
    def points(self) -> Scores:
        """The points of all objects for the words: more than none where these are. Those of frequent words are kept."""
        if not (self._occurrences.frequent and self._occurrences.forms):
            return self._count_points()
        kept, key = self._view.texts.object_points, (*self._view.state, *self._occurrences.forms)
        if (known := kept.find(key)) is not None:
            return known.expand(self._view.object_count)
        points = self._count_points()
        kept.add(key, ObjectPoints.of(points))
        return points

    def _count_points(self) -> Scores:
        self._view.checkpoint()
        scores = np.zeros(self._view.object_count + 1, dtype=np.int32)
        _add_points(scores, self.rows.marked, self._view)
        return scores[:-1]

    def find_objects(self) -> Mask:
        """Return which objects fulfil the clause."""
        found = self.points > 0
        found[self.coded] = True
        return found


class Matches:
    """The objects that match a query, by ascending numbers.

    `near` are the forms of words that were searched for although the query has others.
    """

    def __init__(
        self, query: Query, view: View, numbers: Numbers, clauses: Sequence[ClauseMatches], near: tuple[str, ...]
    ) -> None:
        self._query = query
        self._view = view
        self.numbers = numbers
        self._clauses = clauses
        self.near = near

    @cached_property
    def _rows(self) -> Sequence[ClauseRows]:
        return [each.rows for each in self._clauses]

    def score_best(self, numbers: Numbers, limit: int, below: int | None) -> tuple[Numbers, Numbers]:
        """Return those of some objects that may be the best so many, and their scores.

        If only objects that come after one with a score are wanted, `below` is that score. Words that follow one
        another are looked for only in objects that may be among the best by them, because that takes the most time:
        first by what pairs add at most, then by what they add if they are wherever both words are in a text.
        """
        pairs = list(self._query.pairs())
        scores = self._score_words(numbers)
        most = len(pairs) * PAIR * int(self._view.weights.max())
        may_be_best = _may_be_best(scores, most, limit, below)
        numbers, scores = numbers[may_be_best], scores[may_be_best]
        if pairs:
            rows = [each.choose(numbers, self._view) for each in self._rows]
            most_of = self._score_pairs(rows, pairs, must_follow=False).take(numbers)
            may_be_best = _may_be_best(scores, most_of, limit, below)
            numbers, scores = numbers[may_be_best], scores[may_be_best]
            rows = [each.choose(numbers, self._view) for each in rows]
            scores += self._score_pairs(rows, pairs, must_follow=True).take(numbers)
        return numbers, scores.astype(np.int64)

    def _score_words(self, numbers: Numbers) -> Scores:
        """Return the points of some objects, by ascending numbers, for words and codes."""
        scores = np.zeros(len(numbers), dtype=np.int32)
        for clause in self._clauses:
            scores += clause.points.take(numbers)
        coded = np.unique(np.concatenate([NO_OCCURRENCES, *(each.coded for each in self._clauses)]))
        places, is_found = look_up(coded, numbers)
        scores[places[is_found]] += CODE_POINTS  # once, however often it is in there
        return scores

    def _score_pairs(
        self, clauses: Sequence[ClauseRows], pairs: Sequence[tuple[int, int, int]], *, must_follow: bool
    ) -> Scores:
        """Return the points of objects for words that follow one another, or for those that are in one text."""
        scores = np.zeros(self._view.object_count + 1, dtype=np.int32)
        for first, second, distance in pairs:
            self._view.checkpoint()
            before, after = clauses[first], clauses[second]
            rows = _common_rows(before.marked.rows, after.marked.rows, len(self._view.valid))
            if must_follow:
                found = intersect(before.within(rows, self._view) + distance, after.within(rows, self._view))
                rows = found >> PLACE_BITS
            _add_pairs(scores, rows, self._view)
        return scores

    def points(self, rows: Numbers) -> Numbers:
        """Return the points of some rows, without those of pairs."""
        points = np.zeros(len(rows), dtype=np.int64)
        for clause in self._rows:
            places, is_marked = look_up(rows, clause.marked.rows)
            points[is_marked] += _points_of(clause.marked.take(places[is_marked]), self._view)
        return points

    def occurrences_within(self, rows: Numbers) -> list[tuple[int, Numbers]]:
        """Return for each clause how many words it has, and the occurrences of the last of them in some rows."""
        pairs = zip(self._query.required, self._rows, strict=True)
        return [(len(clause.words), found.within(rows, self._view)) for clause, found in pairs]


def _may_be_best(scores: Scores, most: int | Scores, limit: int, below: int | None) -> Mask:
    """Return which objects may be the best so many once each score has grown by something up to `most`."""
    certain = scores if below is None else scores[scores + most < below]
    if len(certain) < limit:
        return np.ones(len(scores), dtype=np.bool_)
    least = np.partition(certain, len(certain) - limit)[len(certain) - limit]
    chosen: Mask = scores + most >= least
    return chosen


def _common_rows(first: Numbers, second: Numbers, row_count: int) -> Numbers:
    """Return the rows that two ascending arrays have in common."""
    fewer, more = sorted((first, second), key=len)
    return more.take(RowSet(fewer, row_count).find_in(more))


def _points_of(marked: MarkedRows, view: View) -> NDArray[np.int32]:
    weights = view.weights.take(view.small_column("field").take(marked.rows))
    return text_points(weights, marked.forms, marked.frequencies, view.small_column("brevity").take(marked.rows))


def _add_points(scores: Scores, marked: MarkedRows, view: View) -> None:
    """Add to the scores of objects the points of a clause in some rows: of each field those of the best row."""
    rows = marked.rows
    cells, part_cells = view.column("cell").take(rows), view.column("part_cell").take(rows)
    _add_to_objects(scores, cells, part_cells, rows, _points_of(marked, view), view)


def _add_to_objects(
    scores: Scores,
    cells: NDArray[np.int32],
    part_cells: NDArray[np.int32],
    rows: Numbers,
    points: NDArray[np.int32],
    view: View,
) -> None:
    """Add to the scores of aggregates and parts for each of their cells the greatest of the points of its rows."""
    _add_best(scores[: view.owner_count], view.column("owner"), cells, rows, points)
    is_of_part = np.flatnonzero(part_cells != NO_PART)
    cells, rows, points = part_cells.take(is_of_part), rows.take(is_of_part), points.take(is_of_part)
    _add_best(scores[view.owner_count :], view.column("part"), cells, rows, points)


def _add_best(
    scores: Scores,
    object_of_row: NDArray[np.int32],
    cells: NDArray[np.int32],
    rows: Numbers,
    points: NDArray[np.int32],
) -> None:
    """Add to the scores of objects for each of their cells the greatest of the points of its rows."""
    if (cells[1:] < cells[:-1]).any():  # rows that were added later
        order = np.argsort(cells, kind="stable")
        cells, rows, points = cells.take(order), rows.take(order), points.take(order)
    is_first = np.ones(len(cells), dtype=np.bool_)
    np.not_equal(cells[1:], cells[:-1], out=is_first[1:])
    if not is_first.all():
        first, others = np.flatnonzero(is_first), np.flatnonzero(~is_first)
        best = points.take(first)
        np.maximum.at(best, others - np.arange(1, len(others) + 1), points.take(others))  # mostly few, unlike all
        rows, points = rows.take(first), best
    np.add.at(scores, object_of_row.take(rows), points)


def _add_pairs(scores: Scores, rows: Numbers, view: View) -> None:
    """Add to the scores of objects the points for a word that follows another in some rows: those of the best row."""
    points = view.weights.take(view.small_column("field").take(rows)) * np.int32(PAIR)
    _add_to_objects(scores, view.column("owner").take(rows), view.column("part").take(rows), rows, points, view)
