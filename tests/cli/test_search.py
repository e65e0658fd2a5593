from __future__ import annotations

import json

import pytest

from ogpgraph.cli.search import build_document, format_hit
from ogpgraph.system import open_system
from tests.cli.conftest import RunCommand
from tests.graphql.client import QueryResult, read_position


def test_hits_are_printed_with_their_passages(run: RunCommand, corpus_database: str) -> None:
    result = run("search", "--database", corpus_database, "waiting", "lists", "hospital")
    assert result.code == 0
    first, passage = result.out.splitlines()[:2]
    assert first.split()[1:] == ["IE0108", "Hospital", "waiting", "lists", "that", "patients", "can", "read"]
    assert passage.strip() == "title (en): Hospital waiting lists that patients can read"
    assert result.err == "1 found\n"


def test_what_else_was_searched_for_is_printed(run: RunCommand, corpus_database: str) -> None:
    result = run("search", "--database", corpus_database, "--first", "1", "whistelblower")
    assert result.err == "3 found, of which the first 1 are shown\nsearched also for whistleblower\n"


def test_a_search_of_the_past_or_of_a_language_finds_less(run: RunCommand, corpus_database: str) -> None:
    def count(*options: object) -> str:
        return run("search", "--database", corpus_database, *options, "registre").err

    assert count("--at", 1) == "0 found\n"
    assert count("--as-of", "2019-01") != count() != count("--language", "fr")


def test_json_is_what_the_api_returns(run: RunCommand, corpus_database: str) -> None:
    with open_system(corpus_database) as system:
        position = read_position(system)
        document = build_document(is_past=True, is_dated=True)
        variables = {"query": "agua -calidad", "first": 3, "at": position, "date": "2025"}
        expected = QueryResult(system, document, variables).data
    options = ["--at", position, "--as-of", "2025", "--first", 3, "--json"]
    result = run("search", "--database", corpus_database, *options, "--", "agua", "-calidad")
    assert json.loads(result.out) == expected["at"]["asOf"]["search"]
    assert (result.code, result.err) == (0, "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--at", 10**6], "BAD_POSITION: position 1000000 is past the head"),
        (["--as-of", "yesterday"], "BAD_USER_INPUT"),
        (["--as-of", "2018-02-30"], "BAD_TIME"),
    ],
)
def test_a_refused_search_is_one_line_and_exit_code_1(
    run: RunCommand, corpus_database: str, options: list[object], message: str
) -> None:
    result = run("search", "--database", corpus_database, *options, "budget")
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert result.err.startswith(message)


def test_a_terminal_highlights_the_words_that_were_found() -> None:
    snippet = {"text": "Open\nbudgets", "highlights": [{"start": 5, "end": 12}]}
    item = {"__typename": "Milestone", "number": "1.2", "title": None, "commitment": {"code": "FR0001"}}
    text = format_hit({"score": 7, "item": item, "field": "title", "language": "en", "snippet": snippet})
    assert text.plain == "    7 FR0001 1.2\n      title (en): Open budgets"
    assert [text.plain[span.start : span.end] for span in text.spans if "reverse" in str(span.style)] == ["budgets"]


def test_a_code_has_no_language() -> None:
    item = {"__typename": "Commitment", "code": "FR0001", "title": "Budgets"}
    snippet = {"text": "FR0001", "highlights": [{"start": 0, "end": 6}]}
    text = format_hit({"score": 1000, "item": item, "field": "code", "language": None, "snippet": snippet})
    assert text.plain == " 1000 FR0001 Budgets\n      code: FR0001"
