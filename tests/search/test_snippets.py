"""A snippet is a part of a text, with as many of the words as fit, exactly where they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.search.snippets import LEAD, SNIPPET_LENGTH, cut_snippet
from ogpgraph.search.words import find_words

LONG = " ".join(f"word{number}" for number in range(300))


def test_a_short_text_is_a_snippet_as_a_whole() -> None:
    snippet = cut_snippet("An open <b>budget</b>", [1, 3])
    assert snippet.text == "An open <b>budget</b>"
    assert [snippet.text[each.start : each.end] for each in snippet.highlights] == ["open", "budget"]


def test_of_a_long_text_the_part_with_most_words_is_shown_with_what_precedes_them() -> None:
    snippet = cut_snippet(LONG, [10, 200, 203])
    assert [snippet.text[each.start : each.end] for each in snippet.highlights] == ["word200", "word203"]
    assert LONG[snippet.start :].startswith(snippet.text)
    assert snippet.text.startswith("word19")
    assert len(snippet.text) <= SNIPPET_LENGTH


def test_without_places_the_beginning_is_shown() -> None:
    snippet = cut_snippet(LONG, [])
    assert LONG.startswith(snippet.text)
    assert snippet.highlights == ()


@given(st.text(alphabet="aé開 \n.'", max_size=600), st.sets(st.integers(0, 300), max_size=8))
def test_highlights_are_words_of_the_text_in_order_without_overlap(text: str, places: set[int]) -> None:
    snippet = cut_snippet(text, places)
    assert text[snippet.start : snippet.start + len(snippet.text)] == snippet.text
    words = list(find_words(text))
    starts = {words[place].start - snippet.start for place in places if place < len(words)}
    end = 0
    for highlight in snippet.highlights:
        assert end <= highlight.start < highlight.end <= len(snippet.text)
        assert highlight.start in starts
        end = highlight.end
    assert bool(snippet.highlights) == bool(starts)


@given(st.text(alphabet="aé開œ .'", max_size=900), st.integers(0, 200))
def test_a_snippet_begins_with_a_word_before_the_first_highlight_and_ends_with_the_last_that_fits(
    text: str, place: int
) -> None:
    words = list(find_words(text))
    snippet = cut_snippet(text, [place])
    end = snippet.start + len(snippet.text)
    if place < len(words) and words[place].start > LEAD:
        assert snippet.start == min(each.start for each in words if each.start >= words[place].start - LEAD)
    else:
        assert snippet.start == 0
    if end < len(text):
        limit = max(snippet.start + SNIPPET_LENGTH, words[place].end if place < len(words) else 0)
        assert end == max((each.end for each in words if snippet.start < each.end <= limit), default=limit)
