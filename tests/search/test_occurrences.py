"""Where forms occur is the same whether that is known of each occurrence or by row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.search.occurrences import FORM_BITS, collect, follow, intersect
from ogpgraph.search.points import MAX_FREQUENCY, Form
from ogpgraph.search.postings import PLACE_BITS
from ogpgraph.search.vocabulary import Vocabulary

_TEXTS = st.lists(st.lists(st.sampled_from("abcd"), max_size=12), max_size=12)
_RELATIONS = {"a": Form.STEM, "b": Form.EXACT, "c": Form.STEM}


def do_nothing() -> None:
    """The checkpoint of a reader that may read on."""


@pytest.mark.parametrize("frequent", [0, 3, 1_000])
@given(texts=_TEXTS, later=_TEXTS, valid=st.lists(st.booleans(), min_size=12, max_size=12))
def test_rows_have_the_forms_that_their_texts_have(
    frequent: int, texts: list[list[str]], later: list[list[str]], valid: list[bool]
) -> None:
    vocabulary, count = Vocabulary(), len(texts)
    vocabulary.add_texts(0, [("en", words) for words in texts])
    forms: dict[Form, list[int]] = {relation: [] for relation in _RELATIONS.values()}
    for word, relation in _RELATIONS.items():
        forms[relation] += vocabulary.of_language("en").exact(word)
    for each in forms.values():
        for form in each:
            vocabulary.postings(form)  # is led on by what follows
    vocabulary.add_texts(count, [("en", words) for words in later])
    rows = np.array(valid[:count], dtype=np.bool_)
    found = collect(forms, vocabulary, count, do_nothing, frequent=frequent)
    having, marked = found.find_rows(rows), found.mark(rows)
    meant = [[_RELATIONS[word] for word in words if word in _RELATIONS] for words in texts]
    numbers = [number for number, each in enumerate(meant) if each and rows[number]]
    assert having.numbers.tolist() == numbers
    assert marked.rows.tolist() == numbers
    assert marked.forms.tolist() == [max(meant[number]) for number in numbers]
    assert marked.frequencies.tolist() == [min(len(meant[number]), MAX_FREQUENCY) for number in numbers]
    assert found.is_in(rows) == bool(numbers)
    expected = [
        (number << PLACE_BITS | place) << FORM_BITS | _RELATIONS[word]
        for number, words in enumerate(texts)
        for place, word in enumerate(words)
        if rows[number] and word in _RELATIONS
    ]
    assert found.within(having, vocabulary).tolist() == expected


_PLACES = st.sets(st.integers(0, 40)).map(sorted)


@given(first=_PLACES, second=_PLACES, distance=st.integers(1, 3))
def test_words_follow_one_another_at_a_distance(first: list[int], second: list[int], distance: int) -> None:
    before = np.array([each << FORM_BITS | Form.STEM for each in first], dtype=np.int64)
    after = np.array([each << FORM_BITS | Form.EXACT for each in second], dtype=np.int64)
    expected = [each << FORM_BITS | Form.STEM for each in second if each - distance in first]
    assert follow(before, after, distance).tolist() == expected


@given(first=_PLACES, second=_PLACES)
def test_the_numbers_that_two_arrays_have_in_common_are_found(first: list[int], second: list[int]) -> None:
    common = intersect(np.array(first, dtype=np.int64), np.array(second, dtype=np.int64))
    assert common.tolist() == [each for each in first if each in second]
