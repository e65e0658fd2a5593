"""No query is an error: each has a result in the form that every result has, and the same one each time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ogpgraph.system import System
from tests.search.client import FIRST, search
from tests.search.hostile_queries import HOSTILE_QUERIES

MAX_SNIPPET = 400


def require_form(result: Any) -> None:
    """Require of a result what holds for every one."""
    nodes = result["nodes"]
    assert len(nodes) == min(FIRST, result["totalCount"])
    scores = [node["score"] for node in nodes]
    assert scores == sorted(scores, reverse=True)
    assert all(isinstance(score, int) and score >= 0 for score in scores)
    for node in nodes:
        if node["snippet"]:
            require_marks_of_words(node["snippet"])
    for facet in result["facets"]:
        assert all(0 < value["count"] <= result["totalCount"] for value in facet["values"])


def require_marks_of_words(snippet: Any) -> None:
    """Require that highlights are parts of a text that do not overlap, in order, and no markup."""
    text, end = snippet["text"], 0
    assert len(text) <= MAX_SNIPPET
    for highlight in snippet["highlights"]:
        assert end <= highlight["start"] < highlight["end"] <= len(text)
        end = highlight["end"]
        marked = text[highlight["start"] : end]
        assert marked == marked.strip()


@pytest.mark.parametrize("query", HOSTILE_QUERIES, ids=range(len(HOSTILE_QUERIES)))
def test_a_hostile_query_has_a_result_like_any_other(corpus_system: System, query: str) -> None:
    result = search(corpus_system, query)
    require_form(result)
    assert search(corpus_system, query) == result


_PIECES = st.sampled_from(
    [
        '"',
        "-",
        "*",
        ":",
        "title:",
        "institution:",
        "code:",
        " ",
        "\u0301",
        "\u00ad",
        "'",
        "’",
        "█",
        "KE0101",
        "thé",
        "the",
    ]
)
_WORDS = st.sampled_from(
    ["budget", "Budget", "agua", "bénéficiaires", "ელექტრონული", "المعلومات", "data", "of", "l'eau"]
)


@settings(max_examples=25)
@given(st.lists(st.one_of(_PIECES, _WORDS, st.text(max_size=5)), max_size=12).map("".join))
def test_any_text_has_a_result_like_any_other(corpus_system: System, query: str) -> None:
    require_form(search(corpus_system, query))
