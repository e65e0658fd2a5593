"""The search as clients see it: pages, kinds, counts, filters and dates."""

from __future__ import annotations

from typing import Any

import pytest

from ogpgraph.system import System
from tests.graphql.client import execute_query, expect_error


def search(system: System, arguments: str, fields: str = "totalCount") -> Any:
    return execute_query(system, f"{{ search({arguments}) {{ {fields} }} }}")["search"]


def test_an_empty_record_has_nothing_to_find(system: System) -> None:
    result = search(system, 'query: "budget"', "totalCount nodes { score } suggestions")
    assert result == {"totalCount": 0, "nodes": [], "suggestions": []}


def test_pages_add_up_to_the_whole_list(corpus_system: System) -> None:
    fields = "totalCount pageInfo { endCursor hasNextPage } nodes { score path item { ... on Node { id } } }"
    whole = search(corpus_system, 'query: "open data", first: 100', fields)
    found: list[Any] = []
    page: Any = {"pageInfo": {"endCursor": None, "hasNextPage": True}}
    while page["pageInfo"]["hasNextPage"]:
        cursor = page["pageInfo"]["endCursor"]
        after = f', after: "{cursor}"' if cursor else ""
        page = search(corpus_system, f'query: "open data", first: 5{after}', fields)
        found += page["nodes"]
    assert found == whole["nodes"]
    assert len(found) == whole["totalCount"] > 10


def test_the_kinds_add_up_to_all_that_is_found(corpus_system: System) -> None:
    kinds = ("MEMBER", "ACTION_PLAN", "COMMITMENT", "MILESTONE", "NARRATIVE")
    counts = [search(corpus_system, f'query: "kenya", where: {{kinds: [{kind}]}}')["totalCount"] for kind in kinds]
    assert counts[:3] == [1, 2, 2]
    assert sum(counts) == search(corpus_system, 'query: "kenya"')["totalCount"]
    assert search(corpus_system, 'query: "kenya", where: {kinds: []}')["totalCount"] == 0


@pytest.mark.parametrize("code", ["FR", "fr-FR", "fr_CA", " fr "])
def test_the_code_of_a_language_is_read_in_any_case_and_with_a_region(corpus_system: System, code: str) -> None:
    lower = search(corpus_system, 'query: "transparence", language: "fr"', "nodes { language score }")
    assert lower["nodes"]
    assert {node["language"] for node in lower["nodes"]} == {"fr"}
    titled, plain = (
        search(
            corpus_system,
            f'query: "transparence", language: "{each}"',
            f'nodes {{ score item {{ ... on Commitment {{ title(language: "{each}") }} }} }}',
        )
        for each in (code, "fr")
    )
    assert titled == plain


@pytest.mark.parametrize("text", ["budget", "open data", '"waiting lists"', "agua -calidad", "KE0121", "whistelblower"])
def test_commitments_are_filtered_by_what_the_search_finds(corpus_system: System, text: str) -> None:
    query = """query ($text: String!) {
      commitments(where: {text: $text}) { totalCount nodes { code } }
      search(query: $text, where: {kinds: [COMMITMENT]}, first: 100) {
        totalCount nodes { item { ... on Commitment { code } } }
        facets(dimensions: [MEMBER]) { values { count } } } }"""
    result = execute_query(corpus_system, query, text=text)
    found, listed = result["search"], result["commitments"]
    assert sorted(node["item"]["code"] for node in found["nodes"]) == [node["code"] for node in listed["nodes"]]
    counted = sum(value["count"] for value in found["facets"][0]["values"])
    assert found["totalCount"] == listed["totalCount"] == counted > 0


def test_as_of_a_date_only_what_had_begun_is_found(corpus_system: System) -> None:
    query = '{ asOf(date: "2018-12-31") { search(query: "beneficial", first: 9) { nodes { score item {'
    found = execute_query(corpus_system, query + " ... on Commitment { code } } } } } }")["asOf"]["search"]["nodes"]
    assert [node["item"]["code"] for node in found] == ["KE0101", "IE0101"]
    before = execute_query(corpus_system, '{ asOf(date: "2010") { search(query: "beneficial") { totalCount } } }')
    assert before["asOf"]["search"]["totalCount"] == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ('query: "a", first: -1', "BAD_PAGE"),
        ('query: "a", first: 1000', "BAD_PAGE"),
        ('query: "a", after: "abc"', "BAD_CURSOR"),
    ],
)
def test_a_page_that_is_none_is_refused(corpus_system: System, arguments: str, code: str) -> None:
    assert expect_error(corpus_system, f"{{ search({arguments}) {{ totalCount }} }}")[1] == code
