"""Evaluates a query on the rows that are valid in one state of the record: which objects match, with their scores.

An object is an aggregate with all of its texts, or a part of one with those of the part alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ogpgraph.search.points import CODE_POINTS, PAIR, Form, Numbers, text_points
from ogpgraph.search.query import CODE_FIELD, Clause, Query
from ogpgraph.search.text_index import NO_PART, Mask, TextIndex
from ogpgraph.search.vocabulary import PLACE_BITS, LanguageForms

_FORM_BITS: Final = 3
_FORM_MASK: Final = (1 << _FORM_BITS) - 1
_MAX_NEAR: Final = 10
"""So many forms of words that are taken for the one meant are searched for."""
_CHECKED_FORMS: Final = 500
_DENSE_RATIO: Final = 8
"""Of more occurrences than one in so many rows, all rows are gone through, which is faster than sorting then."""
_LENIENT_WORDS: Final = 3
"""Of so many words of a query one may be missing where no object has all."""
Checkpoint = Callable[[], None]
FindCode = Callable[[str, bool], Numbers]
"""Returns the numbers of the aggregates that have a code, or one that begins so."""
_NONE: Final[Numbers] = np.empty(0, dtype=np.int64)


class View(NamedTuple):
    """The rows that a query is evaluated on, and what the rules of fields say about them.

    `valid` says of each row whether it is searched. `weights` is the weight of each field, `fields` name → the fields
    that it stands for in queries. `language` restricts the search to the texts of one language.
    """

    texts: TextIndex
    valid: Mask
    owner_count: int
    weights: Numbers
    fields_named: Callable[[str], Sequence[int]]
    find_code: FindCode
    language: str | None
    checkpoint: Checkpoint

    def column(self, name: str) -> NDArray[np.int32]:
        """Return a column of the rows."""
        return self.texts.columns.column(name, len(self.valid))

    def restrict(self, field: str) -> View:
        """Return the view of the rows of the fields that a name stands for in a query; codes have none."""
        is_meant = np.zeros(len(self.weights), dtype=np.bool_)
        is_meant[list(self.fields_named(field))] = True
        return self._replace(valid=self.valid & is_meant[self.column("field")])


class ClauseMatches(NamedTuple):
    """Where a clause is fulfilled.

    `occurrences` are those of its last word, in no order. Each of `rows`, which are ascending, has one of them, and its
    `points`. Each of `objects` has the sum of `object_points`.
    """

    occurrences: Numbers
    rows: Numbers
    points: Numbers
    objects: Numbers
    object_points: Numbers

    def within(self, rows: Mask) -> Numbers:
        """Return the occurrences in some rows, ascending."""
        return np.sort(self.occurrences[rows[self.occurrences >> PLACE_BITS]])


class Matches(NamedTuple):
    """The objects that match a query, with their scores.

    The number of an aggregate is its owner number, that of a part `owner_count` more than its own. `near` are the forms
    of words that were searched for although the query has others.
    """

    scores: Numbers
    matching: Mask
    clauses: tuple[ClauseMatches, ...]
    near: tuple[str, ...]


def match(query: Query, view: View, *, all_by_default: bool = False) -> Matches:
    """Return the objects that match a query; of one without a clause to fulfil none, or all by default."""
    size = view.owner_count + len(view.texts.parts)
    scores, counts = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int16)
    near: dict[str, None] = {}
    found = [_match_clause(clause, view, near) for clause in query.required]
    for clause in found:
        scores[clause.objects] += clause.object_points
        counts[clause.objects] += 1
    matching = _select_matching(counts, len(found)) if found else np.full(size, all_by_default)
    for excluded in query.excluded:
        matching[_match_clause(excluded, view, None).objects] = False
    for first, second, distance in query.pairs():
        view.checkpoint()
        objects, points = _match_pair(found[first], found[second], distance, view)
        scores[objects] += points
    return Matches(scores, matching, tuple(found), tuple(near))


def _select_matching(counts: NDArray[np.int16], number: int) -> Mask:
    """Return the objects that fulfil all clauses; where none does, those that fulfil most, if few are missing."""
    most = int(counts.max(initial=0))
    if most < number - number // _LENIENT_WORDS:
        return np.zeros(len(counts), dtype=np.bool_)
    matching: Mask = counts == most
    return matching


# Clauses


def _match_clause(clause: Clause, view: View, near: dict[str, None] | None) -> ClauseMatches:
    """Return where a clause is fulfilled; words that are taken for those meant are added to `near`, unless None."""
    view.checkpoint()
    view = view.restrict(clause.field) if clause.field else view
    coded = _find_words(clause, view, near)
    rows, points = _points_of_rows(coded, view)
    objects, object_points = _sum_by_object(rows, points, view)
    if clause.code and clause.field in ("", CODE_FIELD):
        objects, object_points = _add_codes(objects, object_points, view.find_code(clause.code, clause.is_prefix))
    return ClauseMatches(coded >> _FORM_BITS, rows, points, objects, object_points)


def _add_codes(objects: Numbers, points: Numbers, owners: Numbers) -> tuple[Numbers, Numbers]:
    if not len(owners):
        return objects, points
    together = np.concatenate([objects, owners])
    values = np.concatenate([points, np.full(len(owners), CODE_POINTS, dtype=np.int64)])
    unique, numbers = np.unique(together, return_inverse=True)
    return unique, np.bincount(numbers, weights=values).astype(np.int64)


def _find_words(clause: Clause, view: View, near: dict[str, None] | None) -> Numbers:
    """Return the occurrences of the last word of a clause, each with the form of its words that is least alike.

    As those of a word, they are in no order, with the form in the lowest bits.
    """
    last = len(clause.words) - 1
    found = _find_word(clause.words[0], clause, view, near, is_prefix=clause.is_prefix and last == 0)
    for number, word in enumerate(clause.words[1:], start=1):
        following = _find_word(word, clause, view, near, is_prefix=clause.is_prefix and number == last)
        found = _follow(found, following, 1)
    if clause.joined:
        joined = _find_word(clause.joined, clause, view, None, is_prefix=clause.is_prefix)
        found = np.concatenate([found, joined])
    return found


def _follow(first: Numbers, second: Numbers, distance: int) -> Numbers:
    """Return those of some occurrences that others precede by a distance, with the less alike form of both."""
    if not len(first) or not len(second):
        return _NONE
    first = np.sort(first)
    places, wanted = first >> _FORM_BITS, (second >> _FORM_BITS) - distance
    before = np.minimum(np.searchsorted(places, wanted), len(places) - 1)
    is_found = places[before] == wanted
    forms = np.minimum(first[before[is_found]] & _FORM_MASK, second[is_found] & _FORM_MASK)
    following: Numbers = (second[is_found] & ~_FORM_MASK) | forms
    return following


def _find_word(word: str, clause: Clause, view: View, near: dict[str, None] | None, *, is_prefix: bool) -> Numbers:
    """Return the valid occurrences of a word, each with the form that it has there in the lowest bits."""
    languages = view.texts.vocabulary.select(view.language)
    if is_prefix:
        return _collect({Form.BEGINNING: [n for each in languages for n in each.beginning(word)]}, view)
    forms = _expand(word, languages, view, with_inflected=not clause.is_exact)
    found = _collect(forms, view)
    if len(found) or clause.is_exact or near is None:
        return found
    return _find_near(word, languages, view, near)


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


def _find_near(word: str, languages: Sequence[LanguageForms], view: View, near: dict[str, None]) -> Numbers:
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
    return bool(len(_valid_occurrences(form, view)))


def _valid_occurrences(form: int, view: View) -> Numbers:
    occurrences = view.texts.vocabulary.occurrences(form)
    known = occurrences[: np.searchsorted(occurrences, len(view.valid) << PLACE_BITS)]
    valid: Numbers = known[view.valid[known >> PLACE_BITS]]
    return valid


def _collect(forms: Mapping[Form, Sequence[int]], view: View) -> Numbers:
    """Return the valid occurrences of some forms, with how each relates to the word in the lowest bits."""
    found = []
    number = 0
    for relation, numbers in forms.items():
        for form in numbers:
            if len(occurrences := _valid_occurrences(form, view)):
                found.append(occurrences << _FORM_BITS | relation)
            if (number := number + 1) % _CHECKED_FORMS == 0:
                view.checkpoint()
    if not found:
        return _NONE
    return found[0] if len(found) == 1 else np.concatenate(found)


# Points


def _points_of_rows(coded: Numbers, view: View) -> tuple[Numbers, Numbers]:
    """Return the rows of some occurrences, ascending, with the points of each."""
    if not len(coded):
        return _NONE, _NONE
    is_dense = len(coded) * _DENSE_RATIO > len(view.valid)
    rows, forms, frequencies = _count_dense(coded, len(view.valid)) if is_dense else _count_sparse(coded)
    weights = view.weights[view.column("field")[rows]]
    return rows, text_points(weights, forms, frequencies, view.column("length")[rows].astype(np.int64))


def _count_sparse(coded: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Return the rows of some occurrences, the best form in each, and how many are in it."""
    coded = np.sort(coded)
    row_of = coded >> _FORM_BITS + PLACE_BITS
    starts = np.concatenate([[0], np.flatnonzero(row_of[1:] != row_of[:-1]) + 1])
    return row_of[starts], np.maximum.reduceat(coded & _FORM_MASK, starts), np.diff(starts, append=len(coded))


def _count_dense(coded: Numbers, row_count: int) -> tuple[Numbers, Numbers, Numbers]:
    """Return the same in time linear in the number of all rows."""
    row_of, relations = coded >> _FORM_BITS + PLACE_BITS, coded & _FORM_MASK
    best = np.zeros(row_count, dtype=np.int64)
    for relation in np.flatnonzero(np.bincount(relations)):  # the best one last
        best[row_of[relations == relation]] = relation
    rows = np.flatnonzero(best)
    return rows, best[rows], np.bincount(row_of, minlength=row_count)[rows]


def _sum_by_object(rows: Numbers, points: Numbers, view: View) -> tuple[Numbers, Numbers]:
    """Return the objects that rows belong to, and the sum of the best points in each field of each."""
    objects, fields, points = _spread(rows, points, view)
    if not len(objects):
        return _NONE, _NONE
    best = _best_of(objects * len(view.weights) + fields, points)
    of = best[0] // len(view.weights)
    starts = np.concatenate([[0], np.flatnonzero(of[1:] != of[:-1]) + 1])
    return of[starts], np.add.reduceat(best[1], starts)


def _spread(rows: Numbers, points: Numbers, view: View) -> tuple[Numbers, Numbers, Numbers]:
    """Return object, field and points of each row: once for its aggregate, and once for the part that it is about."""
    owners, parts = view.column("owner")[rows], view.column("part")[rows]
    fields = view.column("field")[rows].astype(np.int64)
    is_of_part = parts != NO_PART
    of_parts = parts[is_of_part].astype(np.int64) + view.owner_count
    return (
        np.concatenate([owners.astype(np.int64), of_parts]),
        np.concatenate([fields, fields[is_of_part]]),
        np.concatenate([points, points[is_of_part]]),
    )


def _best_of(keys: Numbers, points: Numbers) -> tuple[Numbers, Numbers]:
    """Return the distinct keys, ascending, and the greatest points of each."""
    order = np.argsort(keys, kind="stable")
    keys, points = keys[order], points[order]
    starts = np.concatenate([[0], np.flatnonzero(keys[1:] != keys[:-1]) + 1])
    return keys[starts], np.maximum.reduceat(points, starts)


def _match_pair(first: ClauseMatches, second: ClauseMatches, distance: int, view: View) -> tuple[Numbers, Numbers]:
    """Return the objects in which one word follows another, and the points that they get for it."""
    both = np.zeros(len(view.valid), dtype=np.bool_)
    both[_intersect(first.rows, second.rows)] = True
    found = _intersect(first.within(both) + distance, second.within(both))
    rows = np.unique(found >> PLACE_BITS)
    weights = view.weights[view.column("field")[rows]] * PAIR
    objects, _, points = _spread(rows, weights, view)
    if not len(objects):
        return _NONE, _NONE
    return _best_of(objects, points)


def _intersect(first: Numbers, second: Numbers) -> Numbers:
    """Return the numbers that two ascending arrays have in common."""
    fewer, more = sorted((first, second), key=len)
    if not len(fewer):
        return _NONE
    places = np.minimum(np.searchsorted(more, fewer), len(more) - 1)
    common: Numbers = fewer[more[places] == fewer]
    return common
