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
from ogpgraph.search.postings import PLACE_BITS, Mask, Numbers
from ogpgraph.search.query import CODE_FIELD, Clause, Query
from ogpgraph.search.text_index import NO_PART, TextIndex
from ogpgraph.search.vocabulary import LanguageForms

_MAX_NEAR: Final = 10
"""So many forms of words that are taken for the one meant are searched for."""
_LENIENT_WORDS: Final = 3
"""Of so many words of a query one may be missing where no object has all."""
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
        found = np.zeros(self.object_count, dtype=np.bool_)
        found[self.column("owner").take(rows)] = True
        parts = self.column("part").take(rows)
        found[self.owner_count + parts[parts != NO_PART]] = True
        return found


class ClauseMatches(NamedTuple):
    """Where a clause is fulfilled: the occurrences of its last word, the rows that have it, and the coded aggregates.

    The latter are the aggregates with a code that the clause may be.
    """

    occurrences: Occurrences
    marked: MarkedRows
    coded: Numbers

    def find_objects(self, view: View) -> Mask:
        """Return which objects fulfil the clause."""
        found = view.objects_of(self.marked.rows)
        found[self.coded] = True
        return found

    def within(self, rows: Mask, view: View) -> Numbers:
        """Return the occurrences in those of some rows that fulfil the clause, ascending."""
        fulfilling = np.zeros(len(rows), dtype=np.bool_)
        fulfilling[self.marked.rows[rows.take(self.marked.rows)]] = True
        return self.occurrences.within(fulfilling, view.texts.vocabulary) >> FORM_BITS


class Wanted:
    """The objects that scores are computed of."""

    def __init__(self, numbers: Numbers, view: View) -> None:
        self._owners = np.zeros(view.owner_count, dtype=np.bool_)
        self._parts = np.zeros(view.part_count + 1, dtype=np.bool_)  # the last one is for NO_PART
        first_part = int(np.searchsorted(numbers, view.owner_count))
        self._owners[numbers[:first_part]] = True
        self._parts[numbers[first_part:] - view.owner_count] = True
        self._view = view

    def has_rows(self, rows: Numbers) -> Mask:
        """Return which of some rows are of one of the objects."""
        owners, parts = self._view.column("owner"), self._view.column("part")
        return self._owners.take(owners.take(rows)) | self._parts[parts.take(rows)]


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
        view, pairs = self._view, list(self._query.pairs())
        scores = self._score_words(numbers)
        if pairs:
            most = len(pairs) * PAIR * int(view.weights.max())
            chosen = _may_be_best(scores, most, limit, below)
            numbers = numbers[chosen]
            scores = scores[chosen] + self._score_pairs(numbers, pairs)
        return numbers, scores

    def _score_words(self, numbers: Numbers) -> Numbers:
        view, wanted = self._view, Wanted(numbers, self._view)
        scores = np.zeros(view.object_count, dtype=np.int32)
        for _, marked, _ in self._clauses:
            view.checkpoint()
            _add_points(scores, marked.select(wanted.has_rows(marked.rows)), view)
        coded = np.concatenate([NO_OCCURRENCES, *(each.coded for each in self._clauses)])
        scores[coded] += CODE_POINTS  # once, however often it is in there
        return scores.take(numbers).astype(np.int64)

    def _score_pairs(self, numbers: Numbers, pairs: Iterable[tuple[int, int, int]]) -> Numbers:
        view, wanted = self._view, Wanted(numbers, self._view)
        scores = np.zeros(view.object_count, dtype=np.int32)
        for first, second, distance in pairs:
            view.checkpoint()
            both = np.zeros(len(view.valid), dtype=np.bool_)
            both[self._clauses[first].marked.rows] = True
            rows = self._clauses[second].marked.rows
            rows = rows[both.take(rows)]
            rows = rows[wanted.has_rows(rows)]
            _add_pairs(scores, self._clauses[first], self._clauses[second], distance, rows, view)
        return scores.take(numbers).astype(np.int64)

    def points(self, rows: Numbers) -> Numbers:
        """Return the points of some rows, without those of pairs."""
        points = np.zeros(len(rows), dtype=np.int64)
        for _, marked, _ in self._clauses:
            if len(marked.rows):
                places = np.minimum(np.searchsorted(marked.rows, rows), len(marked.rows) - 1)
                is_marked = marked.rows.take(places) == rows
                found = MarkedRows(rows, marked.forms.take(places), marked.frequencies.take(places))
                points += _points_of(found, self._view) * is_marked
        return points

    def occurrences_within(self, rows: Mask) -> list[tuple[int, Numbers]]:
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


def _may_be_best(scores: Numbers, most: int, limit: int, below: int | None) -> Mask:
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
    return ClauseMatches(occurrences, occurrences.mark(view.valid), _find_coded(clause, view))


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
    rows = view.valid
    for word in words:
        marked, rows = word.mark(rows), np.zeros(len(rows), dtype=np.bool_)
        rows[marked.rows] = True
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
    return text_points(weights, marked.forms, marked.frequencies, view.column("length").take(marked.rows))


def _add_points(scores: NDArray[np.int32], marked: MarkedRows, view: View) -> None:
    """Add to the scores of objects the points of a clause in some rows: of each field those of the best row."""
    points, texts = _points_of(marked, view), view.texts
    cells = view.column("cell").take(marked.rows)
    _add_best(scores[: view.owner_count], cells, points, texts.cells.column("owner", texts.cells.count))
    part_cells = view.column("part_cell").take(marked.rows)
    is_of_part = part_cells != NO_PART
    parts = texts.part_cells.column("part", texts.part_cells.count)
    _add_best(scores[view.owner_count :], part_cells[is_of_part], points[is_of_part], parts)


def _add_best(
    scores: NDArray[np.int32],
    cells: NDArray[np.int32],
    points: NDArray[np.int32],
    object_of_cell: NDArray[np.int32],
) -> None:
    """Add to the score of each object for each of its cells the greatest of some points."""
    best = np.zeros(len(object_of_cell), dtype=np.int32)
    np.maximum.at(best, cells, points)
    numbers, last = np.arange(len(cells), dtype=np.int32), np.empty(len(object_of_cell), dtype=np.int32)
    last[cells] = numbers
    distinct = cells[last.take(cells) == numbers]
    np.add.at(scores, object_of_cell.take(distinct), best.take(distinct))


def _add_pairs(
    scores: NDArray[np.int32],
    first: ClauseMatches,
    second: ClauseMatches,
    distance: int,
    rows: Numbers,
    view: View,
) -> None:
    """Add to the scores of objects the points for a word that follows another in some rows: those of the best row."""
    both = np.zeros(len(view.valid), dtype=np.bool_)
    both[rows] = True
    found = intersect(first.within(both, view) + distance, second.within(both, view)) >> PLACE_BITS
    best, points = np.zeros_like(scores), view.weights.take(view.column("field").take(found)) * np.int32(PAIR)
    np.maximum.at(best, view.column("owner").take(found), points)
    parts = view.column("part").take(found)
    is_of_part = parts != NO_PART
    np.maximum.at(best, view.owner_count + parts[is_of_part], points[is_of_part])
    scores += best
