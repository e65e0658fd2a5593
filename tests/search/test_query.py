"""Every text is a query, and what has a meaning in it is understood."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.search.query import MAX_WORDS, Clause, Query, parse_query


def parse(text: str, language: str | None = None) -> Query:
    return parse_query(text, lambda name: name in {"title", "institution"}, language)


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("Budget", Clause(("budget",), codes=("BUDGET",))),
        ("thé", Clause(("thé",), codes=("THÉ",))),
        ('"Open Budget"', Clause(("open", "budget"), is_exact=True)),
        ("“open budget”", Clause(("open", "budget"), is_exact=True)),
        ('"open budget', Clause(("open", "budget"), is_exact=True)),
        ("-tax", Clause(("tax",), codes=("TAX",), is_excluded=True)),
        ("--tax", Clause(("tax",), codes=("TAX",), is_excluded=True)),
        ("budg*", Clause(("budg",), codes=("BUDG",), is_prefix=True)),
        ("b*", Clause(("b",), codes=("B",))),
        ("title:budget", Clause(("budget",), codes=("BUDGET",), field="title")),
        ('institution: "of health"', Clause(("of", "health"), field="institution", is_exact=True)),
        ("-Title:tax", Clause(("tax",), codes=("TAX",), field="title", is_excluded=True)),
        ("code:fr0043", Clause(("fr0043",), codes=("FR0043",), field="code")),
        ("l'eau", Clause(("eau",), codes=("EAU",))),
        ("qu’elle", Clause(("elle",), codes=("ELLE",))),
        ("government's", Clause(("government",), codes=("GOVERNMENT",))),
        ("co-creation", Clause(("co", "creation"), "cocreation", codes=("CO-CREATION",))),
        ("FRA-2018", Clause(("fra", "2018"), "fra2018", codes=("FRA-2018", "FRA2018"))),
        ("KE-0121", Clause(("ke", "0121"), "ke0121", codes=("KE-0121", "KE0121"))),
        ('"KE0121"', Clause(("ke0121",), codes=("KE0121",), is_exact=True)),
        ('"ke 0121"', Clause(("ke", "0121"), codes=("KE0121", "KE-0121"), is_exact=True)),
        ("note:budget", Clause(("note", "budget"), "notebudget", codes=("NOTE:BUDGET",))),
        ("開放政府", Clause(("開放", "放政", "政府"), codes=("開放政府",))),
        ("政", Clause(("政",), codes=("政",), is_prefix=True)),
        (
            "－ｔｉｔｌｅ：＂ｏｐｅｎ＂",
            Clause(("open",), field="title", codes=("OPEN",), is_exact=True, is_excluded=True),
        ),
        ("か\u3099くせい", Clause(("がく", "くせ", "せい"), codes=("がくせい",))),
    ],
)
def test_a_text_is_this_clause(text: str, clause: Clause) -> None:
    assert parse(text).clauses == (clause,)


def test_a_word_and_a_number_may_be_a_code() -> None:
    written = [("de",), ("0043",)]
    for text in ("de 0043", "code:DE 0043", "budget de 0043"):
        first, second = parse(text).clauses[-2:]
        assert [first.words, second.words] == written
        assert set(first.codes) & set(second.codes) == {"DE0043", "DE-0043"}
    for text in ("de budget", "2018 0043", "de -0043", "de title:0043", "de* 0043", "de 0043*"):
        first, second = parse(text).clauses
        assert not set(first.codes) & set(second.codes)


@pytest.mark.parametrize("text", ["", " ", "-", "*", '"""', "-*", ":", "█", "\x00", "\ud800", "'"])
def test_a_text_without_a_word_searches_for_nothing(text: str) -> None:
    assert parse(text).required == ()


def test_words_that_only_join_others_may_be_missing_unless_there_are_no_others() -> None:
    assert [each.words for each in parse("the right to water").required] == [("right",), ("water",)]
    assert [each.words for each in parse("to the").required] == [("to",), ("the",)]
    assert [each.words for each in parse("son agua", "es").required] == [("agua",)]
    assert [each.words for each in parse("dans agua", "es").required] == [("dans",), ("agua",)]
    assert [each.words for each in parse("thé vert", "fr").required] == [("thé",), ("vert",)]


def test_words_that_follow_one_another_are_pairs_with_their_distance() -> None:
    assert list(parse("transparence de la vie publique").pairs()) == [(0, 1, 3), (1, 2, 1)]
    assert list(parse('open -tax budget "a b" data').pairs()) == [(0, 1, 1)]


@given(
    st.text() | st.lists(st.sampled_from(['"', "-", "*", ":", "title:", " ", "a", "é", "co-op", "the"])).map("".join)
)
def test_any_text_is_a_query_with_a_bounded_number_of_words(text: str) -> None:
    query = parse(text)
    assert sum(len(each.words) for each in query.clauses) <= MAX_WORDS
    assert all(word for each in query.clauses for word in each.words)
    assert len(set(query.clauses)) == len(query.clauses)
    numbers = range(len(query.required))
    assert all(first in numbers and second in numbers and distance > 0 for first, second, distance in query.pairs())
