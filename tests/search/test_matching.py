"""A query is evaluated on the rows of a text index: what matches, and which objects are the best."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.search import matching
from ogpgraph.search.matching import match
from ogpgraph.search.occurrences import NO_OCCURRENCES, collect
from ogpgraph.search.postings import Numbers
from ogpgraph.search.query import parse_query
from ogpgraph.search.scoring import Matches
from ogpgraph.search.text_index import NO_PART, TextIndex, TextRow
from ogpgraph.search.view import View

_WORDS = ("water", "open", "budget", "road")
_TEXTS = st.lists(st.lists(st.sampled_from(_WORDS), max_size=8), min_size=1, max_size=14)
_WEIGHTS = np.array([10, 4, 2], dtype=np.int32)
_TEXTS_OF_OWNER = 2


def do_nothing() -> None:
    """The checkpoint of a reader that may read on."""


def find_no_code(_code: str, _is_prefix: bool) -> Numbers:
    """Return no aggregate."""
    return NO_OCCURRENCES


def index_texts(texts: Sequence[Sequence[str]]) -> View:
    """Return the view of an index in which every second text is of a part of its aggregate."""
    index = TextIndex()
    for number, words in enumerate(texts):
        owner, place = divmod(number, _TEXTS_OF_OWNER)
        part = f"milestones/{place}" if place else ""
        row = TextRow(owner, part, f"{part or 'title'}/en", number % len(_WEIGHTS), "en", b"", 1, 9, 0, 9)
        index.add([(row, " ".join(words))])
    valid = np.ones(index.count, dtype=np.bool_)
    owner_count = len(texts) // _TEXTS_OF_OWNER + 1
    return View(
        index,
        ("now",),
        valid,
        owner_count,
        index.part_columns.count,
        _WEIGHTS,
        lambda _: (),
        find_no_code,
        None,
        do_nothing,
    )


def match_text(query: str, view: View) -> Matches:
    """Return what matches a query."""
    return match(parse_query(query, lambda _: False), view)


@pytest.mark.parametrize("frequent", [0, 500])
@given(texts=_TEXTS, phrase=st.lists(st.sampled_from(_WORDS), min_size=1, max_size=4))
def test_a_phrase_is_found_where_its_words_follow_one_another(
    frequent: int, texts: list[list[str]], phrase: list[str]
) -> None:
    view = index_texts(texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "collect", partial(collect, frequent=frequent))
        found = match_text(f'"{" ".join(phrase)}"', view).numbers
    having = [
        number
        for number, words in enumerate(texts)
        if any(words[start : start + len(phrase)] == phrase for start in range(len(words)))
    ]
    owners, parts = view.column("owner")[having], view.column("part")[having]
    assert found.tolist() == sorted({*owners.tolist(), *(parts[parts != NO_PART] + view.owner_count).tolist()})


@given(
    texts=_TEXTS,
    query=st.lists(st.sampled_from(_WORDS), min_size=1, max_size=4).map(" ".join),
    limit=st.integers(1, 4),
    after=st.integers(0, 6) | st.none(),
)
def test_the_best_are_the_best_of_all(texts: list[list[str]], query: str, limit: int, after: int | None) -> None:
    matches = match_text(query, index_texts(texts))
    numbers, scores = matches.score_best(matches.numbers, len(matches.numbers) + 1, None)
    assert numbers.tolist() == matches.numbers.tolist()
    ranked = sorted(scores.tolist(), reverse=True)
    below = ranked[after] if after is not None and after < len(ranked) else None
    wanted = [score for score in ranked if below is None or score < below][:limit]
    score_of = dict(zip(numbers.tolist(), scores.tolist(), strict=True))
    best, found = matches.score_best(matches.numbers, limit, below)
    assert all(score_of[number] == score for number, score in zip(best.tolist(), found.tolist(), strict=True))
    assert sorted((score for score in found.tolist() if below is None or score < below), reverse=True)[:limit] == wanted
    if below is not None:  # objects with the same score as the last one may follow it
        ties = [number for number, score in score_of.items() if score == below]
        assert set(ties) <= set(best.tolist())


def test_a_letter_with_many_accents_is_not_taken_for_misspelt() -> None:
    view = index_texts([["da"], ["do"]])
    assert match_text("d\u0301\u0301\u0301\u0301", view).near == ()


@given(
    texts=_TEXTS,
    query=st.lists(st.sampled_from(_WORDS), min_size=1, max_size=3).map(" ".join),
    valid=st.lists(st.booleans(), min_size=14, max_size=14),
)
def test_points_that_are_kept_are_those_of_the_state_that_is_searched(
    texts: list[list[str]], query: str, valid: list[bool]
) -> None:
    view = index_texts(texts)
    past = view._replace(state=("past",), valid=view.valid & np.array(valid[: len(texts)], dtype=np.bool_))
    for each in (view, past):
        expected = match_text(query, each)
        for _ in range(2):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(matching, "collect", partial(collect, frequent=0))
                found = match_text(query, each)
            assert found.numbers.tolist() == expected.numbers.tolist()
            scores = (every.score_best(every.numbers, len(every.numbers) + 1, None)[1] for every in (found, expected))
            assert len({tuple(all_scores.tolist()) for all_scores in scores}) == 1
    assert view.texts.object_points.bytes or not any(word in text for word in query.split() for text in texts)
