"""Deprecated parts of the schema say what to use instead, and the deprecated parts that an operation uses are found."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from graphql import OperationDefinitionNode, get_operation_ast, parse, validate

from ogpgraph.graphql.deprecation import (
    MIN_PERIOD,
    Deprecation,
    deprecate,
    deprecation_headers,
    find_in_document,
    find_in_variables,
    iter_deprecations,
    parse_reason,
)
from ogpgraph.graphql.executor import core_schema
from ogpgraph.graphql.schema import print_sdl
from ogpgraph.web.persisted_documents import load_persisted_documents
from tests.graphql.client import SCHEMA
from tests.graphql.deprecating_schema import DEPRECATING_SCHEMA, LATER_REASON, REASON, REMOVAL, SINCE

CORE = core_schema(DEPRECATING_SCHEMA)
PARTS = {
    "Query.then": REASON,
    "Query.then(old:)": LATER_REASON,
    "Thing.title": REASON,
    "Choice.old": LATER_REASON,
    "Tense.THEN": REASON,
}


def operation_of(query: str, name: str | None = None) -> OperationDefinitionNode:
    document = parse(query)
    assert validate(CORE, document) == []
    operation = get_operation_ast(document, name)
    assert operation is not None
    return operation


def used_in(query: str, name: str | None = None) -> list[str]:
    return [each.coordinate for each in find_in_document(CORE, parse(query), operation_of(query, name))]


def test_a_reason_says_since_when_and_until_when_a_part_works() -> None:
    assert REASON == "Use `now` instead. Deprecated since 2026-12-01; works until 2027-12-01 at least."
    assert parse_reason(REASON) == ("Use `now` instead.", SINCE, REMOVAL)


@pytest.mark.parametrize("text", ["", "Old.", "Use x. Deprecated since 2026-12-01.", REASON + " Really."])
def test_another_text_is_no_reason(text: str) -> None:
    with pytest.raises(ValueError, match="not the reason"):
        parse_reason(text)


@pytest.mark.parametrize(("advice", "period"), [("Use `x`.", MIN_PERIOD - timedelta(days=1)), ("Use x", MIN_PERIOD)])
def test_a_short_period_or_an_advice_that_is_no_sentence_is_refused(advice: str, period: timedelta) -> None:
    with pytest.raises(ValueError, match="works for 180 days"):
        deprecate(advice, since=SINCE, removal=SINCE + period)


def test_all_deprecated_parts_of_a_schema_are_found_and_published() -> None:
    assert {each.coordinate: each.reason for each in iter_deprecations(CORE)} == PARTS
    assert print_sdl(DEPRECATING_SCHEMA).count(f'@deprecated(reason: "{REASON}")') == 3
    assert print_sdl(DEPRECATING_SCHEMA).count(f'@deprecated(reason: "{LATER_REASON}")') == 2


def test_every_deprecated_part_of_the_published_schema_has_such_a_reason() -> None:
    for each in iter_deprecations(core_schema(SCHEMA)):
        parse_reason(each.reason)


def test_no_persisted_document_uses_a_deprecated_part() -> None:
    core = core_schema(SCHEMA)
    for document in map(parse, load_persisted_documents().values()):
        operation = get_operation_ast(document)
        assert operation is not None
        assert find_in_document(core, document, operation) == ()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{ now { name } }", []),
        ("{ now(choice: {tense: NOW}) { __typename name } }", []),
        ("{ then { name title } }", ["Query.then", "Thing.title"]),
        ("{ then(old: 1) { name } }", ["Query.then", "Query.then(old:)"]),
        ("{ then { ...f } } fragment f on Thing { title ... on Thing { title } }", ["Query.then", "Thing.title"]),
        ("{ now { ...f } } fragment f on Thing { ...g } fragment g on Thing { title }", ["Thing.title"]),
        ("{ now(choice: {tense: THEN, old: 2}) { name } }", ["Tense.THEN", "Choice.old"]),
        ("{ now(choice: {inner: [{tense: THEN}, {old: 1}]}) { name } }", ["Tense.THEN", "Choice.old"]),
        ("query ($c: Choice = {tense: THEN}) { now(choice: $c) { name } }", ["Tense.THEN"]),
        ("{ now { name @skip(if: false) } }", []),
    ],
)
def test_deprecated_parts_are_found_in_documents(query: str, expected: list[str]) -> None:
    if "fragment f" in query and "...f" not in query.split("}", maxsplit=1)[0]:
        assert used_in_unvalidated(query) == expected
    else:
        assert used_in(query) == expected


def used_in_unvalidated(query: str) -> list[str]:
    document = parse(query)
    operation = get_operation_ast(document)
    assert operation is not None
    return [each.coordinate for each in find_in_document(CORE, document, operation)]


def test_only_the_chosen_operation_counts() -> None:
    query = "query A { now { name } } query B { now { title } }"
    assert (used_in(query, "A"), used_in(query, "B")) == ([], ["Thing.title"])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, []),
        ({}, []),
        ({"tense": "NOW"}, []),
        ({"tense": "THEN"}, ["Tense.THEN"]),
        ({"old": None}, ["Choice.old"]),
        ({"inner": {"old": 1}}, ["Choice.old"]),
        ({"inner": [{"inner": [{"tense": "THEN"}]}, {"tense": "THEN"}]}, ["Tense.THEN"]),
    ],
)
def test_deprecated_parts_are_found_in_variables(value: Any, expected: list[str]) -> None:
    operation = operation_of("query ($c: Choice) { now(choice: $c) { name } }")
    assert [each.coordinate for each in find_in_variables(CORE, operation, {"c": value})] == expected


def test_the_headers_have_the_earliest_days() -> None:
    parts = (Deprecation("Choice.old", LATER_REASON), Deprecation("Query.then", REASON))
    assert deprecation_headers(parts) == {"Deprecation": "@1796083200", "Sunset": "Thu, 01 Jul 2027 00:00:00 GMT"}
    assert date(2026, 12, 1) == SINCE
    assert deprecation_headers(()) == {}
