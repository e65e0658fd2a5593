"""Evaluates a query on the rows that are valid in one state of the record: which objects match, with their scores.

An object is an aggregate with all of its texts, or a part of one with those of the part alone. Which objects match is
found first, by row; scores are computed of those that are wanted alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ogpgraph.search.occurrences import (
    FORM_BITS,
    NO_OCCURRENCES,
    MarkedRows,
    Occurrences,
    collect,
    follow,
    intersect,
)
from ogpgraph.search.points import CODE_POINTS, PAIR, Form, text_points
from ogpgraph.search.postings import PLACE_BITS, Mask, Numbers, RowSet
from ogpgraph.search.query import CODE_FIELD, Clause, Query
from ogpgraph.search.text_index import NO_PART, TextIndex
from ogpgraph.search.vocabulary import LanguageForms

_MAX_NEAR: Final = 10
"""So many forms of words that are taken for the one meant are searched for."""
_LENIENT_WORDS: Final = 3
"""Of so many words of a query one may be missing where no object has all."""
Scores = NDArray[np.int32]
"""The scores of all objects, and of what is none: NO_PART is the last."""
Checkpoint = Callable[[], None]
FindCode = Callable[[str, bool], Numbers]
"""Returns the numbers of the aggregates that have a code, or one that begins so."""


class View(NamedTuple):
    """The rows that a query is evaluated on, and what the rules of fields say about them.

    `valid` says of each row whether it is searched. `weights` is the weight of each field, `fields` name → the fields
    that it stands for in queries. `language` restricts the search to the texts of one language.
    """

    texts: TextIndex
    valid: Mask
    owner_count: int
    part_count: int
    weights: NDArray[np.int32]
    fields_named: Callable[[str], Sequence[int]]
    find_code: FindCode
    language: str | None
    checkpoint: Checkpoint

    @property
    def object_count(self) -> int:
        """Return how many aggregates and parts there are."""
        return self.owner_count + self.part_count

    def column(self, name: str) -> NDArray[np.int32]:
        """Return a column of the rows."""
        return self.texts.columns.column(name, len(self.valid))

    def restrict(self, field: str) -> View:
        """Return the view of the rows of the fields that a name stands for in a query; codes have none."""
        is_meant = np.zeros(len(self.weights), dtype=np.bool_)
        is_meant[list(self.fields_named(field))] = True
        return self._replace(valid=self.valid & is_meant[self.column("field")])

    def objects_of(self, rows: Numbers) -> Mask:
        """Return which objects have one of some rows."""
        found = np.zeros(self.object_count + 1, dtype=np.bool_)
        found[: self.owner_count][self.column("owner").take(rows)] = True
        found[self.owner_count :][self.column("part").take(rows)] = True  # NO_PART is the last one
        return found[:-1]

    def owners_of(self, objects: Numbers) -> Numbers:
        """Return the numbers of some objects if they are aggregates, and of parts those of their aggregates."""
        owners, is_part = objects.copy(), objects >= self.owner_count
        column = self.texts.part_columns.column("owner", self.part_count)
        owners[is_part] = column.take(objects[is_part] - self.owner_count)
        return owners

    def has_rows(self, objects: Numbers, rows: Numbers) -> Mask:
        """Return which of some rows are of one of some objects, or of another one of the same aggregates."""
        owners = np.zeros(self.owner_count, dtype=np.bool_)
        owners[self.owners_of(objects)] = True
        return owners.take(self.column("owner").take(rows))


class ClauseMatches(NamedTuple):
    """Where a clause is fulfilled: the occurrences of its last word, the rows that have it, and the coded aggregates.

    The latter are the aggregates with a code that the clause may be.
    """

    occurrences: Occurrences
    rows: RowSet
    coded: Numbers

    def find_objects(self, view: View) -> Mask:
        """Return which objects fulfil the clause."""
        found = view.objects_of(self.rows.numbers)
        found[self.coded] = True
        return found

    def within(self, rows: RowSet, view: View) -> Numbers:
        """Return the occurrences in those of some rows that fulfil the clause, ascending."""
        return self.occurrences.within(self.rows.intersect(rows), view.texts.vocabulary) >> FORM_BITS


class Matches:
    """The objects that match a query, by ascending numbers.

    The number of an aggregate is its owner number, that of a part `owner_count` more than its own. `near` are the forms
    of words that were searched for although the query has others.
    """

    def __init__(
        self, query: Query, view: View, numbers: Numbers, clauses: Sequence[ClauseMatches], near: tuple[str, ...]
    ) -> None:
        self._query = query
        self._view = view
        self.numbers = numbers
        self._clauses = clauses
        self.near = near

    def score_best(self, numbers: Numbers, limit: int, below: int | None) -> tuple[Numbers, Numbers]:
        """Return those of some objects that may be the best so many, and their scores.

        If only objects that come after one with a score are wanted, `below` is that score. Words that follow one
        another are looked for only in objects that may be among the best by them: that takes the most time.
        """
        pairs = list(self._query.pairs())
        scores = np.zeros(self._view.object_count + 1, dtype=np.int32)
        self._score_words(scores, numbers)
        found = scores.take(numbers)
        numbers = numbers[_may_be_best(found, len(pairs) * PAIR * int(self._view.weights.max()), limit, below)]
        self._score_pairs(scores, numbers, pairs)
        return numbers, scores.take(numbers).astype(np.int64)

    def _score_words(self, scores: Scores, numbers: Numbers) -> None:
        """Add to the scores of objects the points for words, at least to those of some objects."""
        for clause in self._clauses:
            self._view.checkpoint()
            _add_points(scores, clause.occurrences.mark(self._rows_of(clause, numbers)), self._view)
        coded = np.concatenate([NO_OCCURRENCES, *(each.coded for each in self._clauses)])
        scores[coded] += CODE_POINTS  # once, however often it is in there

    def _score_pairs(self, scores: Scores, numbers: Numbers, pairs: Iterable[tuple[int, int, int]]) -> None:
        """Add to the scores of objects the points for words that follow one another, at least to those of some."""
        for first, second, distance in pairs:
            self._view.checkpoint()
            before, after = self._clauses[first], self._clauses[second]
            rows = before.rows.intersect(self._rows_of(after, numbers))
            found = intersect(before.within(rows, self._view) + distance, after.within(rows, self._view))
            _add_pairs(scores, found >> PLACE_BITS, self._view)

    def _rows_of(self, clause: ClauseMatches, numbers: Numbers) -> RowSet:
        """Return the rows that fulfil a clause, of some objects at least."""
        if len(numbers) == len(self.numbers):
            return clause.rows
        return clause.rows.choose(self._view.has_rows(numbers, clause.rows.numbers))

    def points(self, rows: Numbers) -> Numbers:
        """Return the points of some rows, without those of pairs."""
        distinct, places = np.unique(rows, return_inverse=True)
        chosen, points = RowSet(distinct, len(self._view.valid)), np.zeros(len(distinct), dtype=np.int64)
        for clause in self._clauses:
            marked = clause.occurrences.mark(clause.rows.intersect(chosen))
            points[np.searchsorted(distinct, marked.rows)] += _points_of(marked, self._view)
        return points.take(places)

    def occurrences_within(self, rows: RowSet) -> list[tuple[int, Numbers]]:
        """Return for each clause how many words it has, and the occurrences of the last of them in some rows."""
        pairs = zip(self._query.required, self._clauses, strict=True)
        return [(len(clause.words), found.within(rows, self._view)) for clause, found in pairs]


def match(query: Query, view: View, *, all_by_default: bool = False) -> Matches:
    """Return the objects that match a query; of one without a clause to fulfil none, or all by default."""
    near: dict[str, None] = {}
    found = [_match_clause(clause, view, near) for clause in query.required]
    if found:
        matching = _select_matching([each.find_objects(view) for each in found])
    else:
        matching = np.full(view.object_count, all_by_default)
    for excluded in query.excluded:
        matching &= ~_match_clause(excluded, view, None).find_objects(view)
    return Matches(query, view, np.flatnonzero(matching), found, tuple(near))


def _select_matching(found: Sequence[Mask]) -> Mask:
    """Return the objects that fulfil all clauses; where none does, those that fulfil most, if few are missing."""
    if len(found) == 1:
        return found[0]
    counts = np.zeros(len(found[0]), dtype=np.uint8)
    for each in found:
        counts += each
    most = int(counts.max(initial=0))
    if most < len(found) - len(found) // _LENIENT_WORDS:
        return np.zeros(len(counts), dtype=np.bool_)
    matching: Mask = counts == most
    return matching


def _may_be_best(scores: Scores, most: int, limit: int, below: int | None) -> Mask:
    """Return which objects may be the best so many once each score has grown by something up to `most`."""
    certain = scores if below is None else scores[scores + most < below]
    if len(certain) < limit:
        return np.ones(len(scores), dtype=np.bool_)
    least = np.partition(certain, len(certain) - limit)[len(certain) - limit]
    chosen: Mask = scores + most >= least
    return chosen


# Clauses


def _match_clause(clause: Clause, view: View, near: dict[str, None] | None) -> ClauseMatches:
    """Return where a clause is fulfilled; words that are taken for those meant are added to `near`, unless None."""
    view.checkpoint()
    view = view.restrict(clause.field) if clause.field else view
    occurrences = _find_words(clause, view, near)
    return ClauseMatches(occurrences, occurrences.find_rows(view.valid), _find_coded(clause, view))


def _find_coded(clause: Clause, view: View) -> Numbers:
    if clause.field not in ("", CODE_FIELD):
        return NO_OCCURRENCES
    found = [view.find_code(code, clause.is_prefix) for code in clause.codes]
    return np.unique(np.concatenate(found)) if found else NO_OCCURRENCES


def _find_words(clause: Clause, view: View, near: dict[str, None] | None) -> Occurrences:
    """Return the occurrences of the last word of a clause, each with the form of its words that is least alike."""
    last = len(clause.words) - 1
    words = [
        _find_word(word, clause, view, near, is_prefix=clause.is_prefix and number == last)
        for number, word in enumerate(clause.words)
    ]
    found = _join_words(words, view) if last else words[0]
    if clause.joined:
        found = found.unite(_find_word(clause.joined, clause, view, None, is_prefix=clause.is_prefix))
    return found


def _join_words(words: Sequence[Occurrences], view: View) -> Occurrences:
    """Return where some words follow one another."""
    rows = words[0].find_rows(view.valid)
    for word in words[1:]:
        rows = word.find_rows(rows.mask)
    found = words[0].within(rows, view.texts.vocabulary)
    for word in words[1:]:
        view.checkpoint()
        found = follow(found, word.within(rows, view.texts.vocabulary), 1)
    return Occurrences(found, ())


def _find_word(word: str, clause: Clause, view: View, near: dict[str, None] | None, *, is_prefix: bool) -> Occurrences:
    """Return the occurrences of a word in the first rows, with how the form in each relates to it."""
    languages = view.texts.vocabulary.select(view.language)
    if is_prefix:
        beginning = [number for each in languages for number in each.beginning(word)]
        return _collect({Form.BEGINNING: beginning}, view)
    found = _collect(_expand(word, languages, view, with_inflected=not clause.is_exact), view)
    if clause.is_exact or near is None or found.is_in(view.valid):
        return found
    return _find_near(word, languages, view, near)


def _collect(forms: dict[Form, list[int]], view: View) -> Occurrences:
    return collect(forms, view.texts.vocabulary, len(view.valid), view.checkpoint)


def _expand(
    word: str, languages: Iterable[LanguageForms], view: View, *, with_inflected: bool
) -> dict[Form, list[int]]:
    """Return the forms that a word stands for, by how they relate to it.

    Inflections are also those of the word with accents, as texts that are searched have it: not those of texts that
    were recorded later.
    """
    found: dict[Form, list[int]] = {form: [] for form in (Form.STEM, Form.ACCENTS, Form.EXACT)}
    for each in languages:
        exact, accented = each.exact(word), each.accented(word)
        found[Form.EXACT] += exact
        found[Form.ACCENTS] += accented
        if with_inflected:
            known = {*exact, *accented}
            spelled = [word, *(each.form(number) for number in accented if _is_valid(number, view))]
            found[Form.STEM] += [number for number in each.inflected(spelled) if number not in known]
    return found


def _find_near(word: str, languages: Sequence[LanguageForms], view: View, near: dict[str, None]) -> Occurrences:
    """Return the occurrences of the words that differ least from one that no text has, and of their inflections."""
    candidates = sorted((edits, each.form(n), n) for each in languages for edits, n in each.near(word))
    chosen: dict[str, None] = {}
    fewest: int | None = None
    for edits, form, number in candidates:
        if len(chosen) >= _MAX_NEAR or (fewest is not None and edits > fewest):
            break
        if form in chosen or _is_valid(number, view):
            chosen[form], fewest = None, edits
    near |= dict.fromkeys(chosen)
    numbers = [n for form in chosen for each in languages for n in (*each.exact(form), *each.inflected([form]))]
    return _collect({Form.NEAR: list(dict.fromkeys(numbers))}, view)


def _is_valid(form: int, view: View) -> bool:
    return _collect({Form.EXACT: [form]}, view).is_in(view.valid)


# Points


def _points_of(marked: MarkedRows, view: View) -> NDArray[np.int32]:
    weights = view.weights.take(view.column("field").take(marked.rows))
    return text_points(weights, marked.forms, marked.frequencies, view.column("brevity").take(marked.rows))


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
        first = np.flatnonzero(is_first)
        rows, points = rows.take(first), np.maximum.reduceat(points, first)
    np.add.at(scores, object_of_row.take(rows), points)


def _add_pairs(scores: Scores, rows: Numbers, view: View) -> None:
    """Add to the scores of objects the points for a word that follows another in some rows: those of the best row."""
    points = view.weights.take(view.column("field").take(rows)) * np.int32(PAIR)
    _add_to_objects(scores, view.column("owner").take(rows), view.column("part").take(rows), rows, points, view)
