from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.site.differences import MAX_WORDS, Difference, Part, abbreviate, find_differences

TEXTS = st.text(alphabet="ab ,é\n", max_size=40)


@given(TEXTS, TEXTS)
def test_the_parts_are_those_of_both_texts(before: str, after: str) -> None:
    parts = find_differences(before, after)
    assert "".join(text for part, text in parts if part is not Part.ADDED) == before
    assert "".join(text for part, text in parts if part is not Part.REMOVED) == after


@given(TEXTS)
def test_nothing_differs_from_itself(text: str) -> None:
    assert all(part is Part.KEPT for part, _ in find_differences(text, text))


def test_words_differ_as_a_whole() -> None:
    assert find_differences("The plan names the agency.", "The plan names the office.") == [
        Difference(Part.KEPT, "The plan names the "),
        Difference(Part.REMOVED, "agency"),
        Difference(Part.ADDED, "office"),
        Difference(Part.KEPT, "."),
    ]


def test_texts_without_much_in_common_and_huge_ones_are_shown_one_after_the_other() -> None:
    assert [each.part for each in find_differences("Limited", "Substantial")] == [Part.REMOVED, Part.ADDED]
    huge = "word " * MAX_WORDS
    assert [each.part for each in find_differences(huge, huge + "more")] == [Part.REMOVED, Part.ADDED]


def test_long_texts_are_abbreviated_around_what_differs() -> None:
    text = "word " * 400
    kept, added = abbreviate(find_differences(text, f"{text}more"))
    assert (len(kept.text) < 200, added.text) == (True, "more")
