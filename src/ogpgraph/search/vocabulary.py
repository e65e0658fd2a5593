"""The vocabulary of all texts: the forms of words by language, and the places where each occurs.

It only grows, and one thread at a time adds to it. Readers need no lock: what is searched in one state of the record,
they take from it by the rows that are valid there, and what is added meanwhile is not.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import OSA

from ogpgraph.search.postings import MAX_PLACES, PLACE_BITS, GrowingNumbers, Numbers, Postings, SizedCache
from ogpgraph.search.stems import find_stemmer
from ogpgraph.search.words import fold_accents, is_unspaced, normalize_word

_FORM_BYTES: Final = 500
"""About what a form takes in memory besides its occurrences."""
_OCCURRENCE_BYTES: Final = 8
MAX_POSTINGS_BYTES: Final = 64 * 2**20
MIN_NEAR_LENGTH: Final = 4
"""Shorter words are not taken for misspelt: too many others are near."""
TWO_EDITS_LENGTH: Final = 8
"""Words of this length may have two letters wrong, shorter ones one."""
_MAX_REMEMBERED: Final = 2_000


class Vocabulary:
    """The forms of all languages, by number, and where each occurs.

    An occurrence is `row << PLACE_BITS | place`; those of a form are in ascending order.
    """

    def __init__(self) -> None:
        self.forms: list[str] = []
        self._occurrences: list[GrowingNumbers] = []
        self._postings = SizedCache[Postings](MAX_POSTINGS_BYTES)
        self.languages: dict[str, LanguageForms] = {}
        self.occurrence_count = 0

    def of_language(self, language: str) -> LanguageForms:
        """Return the forms of a language."""
        if language not in self.languages:
            self.languages = {**self.languages, language: LanguageForms(self, language)}  # readers iterate over it
        return self.languages[language]

    def select(self, language: str | None) -> Sequence[LanguageForms]:
        """Return the forms of a language, or of all languages for None."""
        if language is None:
            return list(self.languages.values())
        return [self.languages[language]] if language in self.languages else []

    def add_form(self, form: str) -> int:
        """Add a form; returns its number."""
        self.forms.append(form)
        self._occurrences.append(GrowingNumbers())
        return len(self.forms) - 1

    def add_texts(self, first_row: int, texts: Iterable[tuple[str, Sequence[str]]]) -> None:
        """Add texts, each as its language and its words, in the rows from a number on, which has none so far.

        Texts are added many at a time: each form gets all its occurrences at once.
        """
        numbers, lengths = array("i"), array("q")
        for language, words in texts:
            numbers.extend(map(self.of_language(language).numbers.__getitem__, words[:MAX_PLACES]))
            lengths.append(min(len(words), MAX_PLACES))
        if not numbers:
            return
        forms, counts = np.array(numbers), np.array(lengths)
        rows = np.repeat(np.arange(first_row, first_row + len(counts)), counts)
        places = np.arange(len(forms)) - np.repeat(np.cumsum(counts) - counts, counts)
        order = np.argsort(forms, kind="stable")
        forms, occurrences = forms[order], (rows << PLACE_BITS | places)[order]
        bounds = [0, *(np.flatnonzero(forms[1:] != forms[:-1]) + 1), len(forms)]
        for start, end in pairwise(bounds):
            self._occurrences[forms[start]].extend(occurrences[start:end])
        self.occurrence_count += len(forms)

    def occurrences(self, form: int) -> Numbers:
        """Return where a form occurs."""
        return self._occurrences[form].read()

    def count(self, form: int) -> int:
        """Return how often a form occurs."""
        return self._occurrences[form].count

    def postings(self, form: int) -> Postings:
        """Return where a form occurs, by row."""
        known, occurrences = self._postings.find(form), self.occurrences(form)
        if known is None:
            found = Postings.of(occurrences)
        elif known.occurrence_count < len(occurrences):
            found = known.extend(occurrences[known.occurrence_count :])
        else:
            return known
        self._postings.add(form, found)
        return found

    def size_bytes(self) -> int:
        """Return about how many bytes the vocabulary takes."""
        return _FORM_BYTES * len(self.forms) + _OCCURRENCE_BYTES * self.occurrence_count + self._postings.bytes


class _FormNumbers(dict[str, int]):
    """The number of the form of a word as it is written; a word that is asked for is added."""

    def __init__(self, forms: LanguageForms) -> None:
        super().__init__()
        self._forms = forms

    def __missing__(self, word: str) -> int:
        number = self[word] = self._forms.add(normalize_word(word))
        return number


class LanguageForms:
    """The forms of words in the texts of one language."""

    def __init__(self, vocabulary: Vocabulary, language: str) -> None:
        self._vocabulary = vocabulary
        self.numbers = _FormNumbers(self)
        self._by_form: dict[str, int] = {}
        self._by_folded: defaultdict[str, list[int]] = defaultdict(list)
        self._by_stem: defaultdict[str, list[int]] = defaultdict(list)
        self._stemmer = find_stemmer(language)
        self._folded: list[str] = []
        self._ids: list[int] = []
        self._sorted: list[tuple[str, int]] = []
        self._near: dict[str, tuple[int, list[tuple[int, int]]]] = {}

    def add(self, form: str) -> int:
        """Return the number of a form, which is added unless it is known."""
        if (number := self._by_form.get(form)) is not None:
            return number
        number = self._vocabulary.add_form(form)
        folded = fold_accents(form)
        self._ids.append(number)  # before the form, by which readers know how many there are
        self._folded.append(folded)
        if folded != form:
            self._by_folded[folded].append(number)
        if self._stemmer:
            self._by_stem[self._stemmer.stem(form)].append(number)
        self._by_form[form] = number
        return number

    def form(self, number: int) -> str:
        """Return the form with a number."""
        return self._vocabulary.forms[number]

    def exact(self, form: str) -> list[int]:
        """Return the form itself, if some text has it."""
        number = self._by_form.get(form)
        return [] if number is None else [number]

    def accented(self, form: str) -> list[int]:
        """Return the forms that are a form without accents once theirs are left out."""
        return list(self._by_folded.get(form, ()))

    def inflected(self, forms: Iterable[str]) -> list[int]:
        """Return the forms that have a stem in common with some forms."""
        if self._stemmer is None:
            return []
        stems = dict.fromkeys(map(self._stemmer.stem, forms))
        return [number for stem in stems for number in self._by_stem.get(stem, ())]

    def beginning(self, prefix: str) -> Iterator[int]:
        """Yield the forms that begin with a prefix; with or without accents, if it has none."""
        folded = fold_accents(prefix)
        self._sort()
        for number in range(bisect_left(self._sorted, (folded, -1)), len(self._sorted)):
            form, found = self._sorted[number]
            if not form.startswith(folded):
                return
            if folded == prefix or self._vocabulary.forms[found].startswith(prefix):
                yield found

    def near(self, form: str) -> list[tuple[int, int]]:
        """Return the forms that differ from one by few letters, whatever their accents, each after the number of edits.

        A word with a digit, and one of a script without spaces, is never taken for misspelt.
        """
        folded = fold_accents(form)
        if len(folded) < MIN_NEAR_LENGTH or any(map(str.isdigit, form)) or is_unspaced(form):
            return []
        known, found = self._near.get(form, (0, []))
        if known < (count := len(self._folded)):
            limit = 2 if len(folded) >= TWO_EDITS_LENGTH else 1
            added = self._folded[known:count]
            matches = process.extract(folded, added, scorer=OSA.distance, score_cutoff=limit, limit=None)
            found = [*found, *((int(edits), self._ids[known + place]) for _, edits, place in matches)]
            if len(self._near) >= _MAX_REMEMBERED:
                self._near.clear()
            self._near[form] = count, found
        return found

    def _sort(self) -> None:
        if (done := len(self._sorted)) < (count := len(self._folded)):
            self._sorted = sorted([*self._sorted, *zip(self._folded[done:count], self._ids[done:count], strict=True)])
