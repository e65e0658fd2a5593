"""Evaluates a query on the rows that are valid in one state of the record: which objects match."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from ogpgraph.search.occurrences import NO_OCCURRENCES, Occurrences, collect, follow, rows_of
from ogpgraph.search.points import Form
from ogpgraph.search.postings import Mask, Numbers
from ogpgraph.search.query import CODE_FIELD, Clause, Query
from ogpgraph.search.scoring import ClauseMatches, Matches
from ogpgraph.search.view import View
from ogpgraph.search.vocabulary import LanguageForms

_MAX_NEAR: Final = 10
"""The forms of words that are searched for at most in place of one that no text has."""
_LENIENT_WORDS: Final = 3
"""Of so many words of a query one may be missing where no object has all."""


def match(query: Query, view: View, *, all_by_default: bool = False) -> Matches:
    """Return the objects that match a query; of one without a clause to fulfil none, or all by default."""
    near: dict[str, None] = {}
    found = [_match_clause(clause, view, near) for clause in query.required]
    matching = _select_matching(found, view) if found else np.full(view.object_count, all_by_default)
    for excluded in query.excluded:
        matching &= ~_match_clause(excluded, view, None).find_objects()
    return Matches(query, view, np.flatnonzero(matching), found, tuple(near))


def _select_matching(found: Sequence[ClauseMatches], view: View) -> Mask:
    """Return the objects that fulfil all clauses; where none does, those that fulfil most, if few are missing."""
    first, *others = found
    matching = first.find_objects()
    for each in others:
        matching &= each.find_objects()
    return matching if matching.any() else _select_by_most(found, view)


def _select_by_most(found: Sequence[ClauseMatches], view: View) -> Mask:
    counts = np.zeros(view.object_count, dtype=np.uint8)
    for each in found:
        counts += each.find_objects()
    most = int(counts.max(initial=0))
    if most < len(found) - len(found) // _LENIENT_WORDS:
        return np.zeros(view.object_count, dtype=np.bool_)
    matching: Mask = counts == most
    return matching


# Clauses


def _match_clause(clause: Clause, view: View, near: dict[str, None] | None) -> ClauseMatches:
    """Return where a clause is fulfilled; words that are taken for those meant are added to `near`, unless None."""
    view.checkpoint()
    view = view.restrict(clause.field) if clause.field else view
    return ClauseMatches(_find_words(clause, view, near), _find_coded(clause, view), view)


def _find_coded(clause: Clause, view: View) -> Numbers:
    if clause.field not in ("", CODE_FIELD):
        return NO_OCCURRENCES
    is_word = clause.is_prefix and not clause.field  # `co*` are words, rather than all codes of a country
    codes = [code for code in clause.codes if not is_word or any(map(str.isdigit, code))]
    found = [view.find_code(code, clause.is_prefix) for code in codes]
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
    rows = words[0].find_rows(view.valid, view.texts.marked_rows)
    for word in words[1:]:
        rows = word.find_rows(rows.mask, view.texts.marked_rows)
    found = words[0].within(rows, view.texts.vocabulary)
    for number, word in enumerate(words[1:], start=1):
        view.checkpoint()
        found = follow(found, word.within(rows, view.texts.vocabulary), 1)
        if number < len(words) - 1:  # only there can more follow
            rows = rows_of(found, len(view.valid))
    return Occurrences(found, (), ())


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
