"""A code is found however it is written, and by its beginning."""

from __future__ import annotations

import pytest

from ogpgraph.search.points import CODE_POINTS
from ogpgraph.system import System
from tests.search.client import found_codes, search


@pytest.mark.parametrize(
    "query",
    [
        "KE0121",
        "ke0121",
        "KE 0121",
        "ke-0121",
        '"KE0121"',
        '"ke 0121"',
        "code:ke 0121",
        "code:KE-0121",
        "ＫＥ０１２１",
        "ke٠١٢١",
    ],
)
def test_a_code_is_found_however_it_is_written(corpus_system: System, query: str) -> None:
    result = search(corpus_system, query)
    assert [node["item"]["code"] for node in result["nodes"]] == ["KE0121"]
    assert result["nodes"][0]["score"] == CODE_POINTS


def test_a_code_whose_letters_are_a_word_is_found_first(corpus_system: System) -> None:
    assert found_codes(corpus_system, "CAN 2018")[0] == "CAN-2018"


def test_codes_are_found_by_their_beginning(corpus_system: System) -> None:
    result = search(corpus_system, "code:ke01*")
    found = {node["item"]["code"] for node in result["nodes"]}
    assert len(found) == result["totalCount"] > 1
    assert all(code.startswith("KE01") for code in found)
    assert search(corpus_system, "code:zz*")["totalCount"] == 0


def test_the_beginning_of_a_code_is_one_with_a_digit_unless_the_query_says_that_it_is_a_code(
    corpus_system: System,
) -> None:
    assert set(found_codes(corpus_system, "ke01*")) == set(found_codes(corpus_system, "code:ke01*"))
    assert all(node["score"] < CODE_POINTS for node in search(corpus_system, "co*")["nodes"])
    assert all(node["score"] >= CODE_POINTS for node in search(corpus_system, "code:co*")["nodes"])
