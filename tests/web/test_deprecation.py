"""A response names the deprecated parts of the schema that its operation used."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2 as httpx
import pytest
from starlette.testclient import TestClient

from tests.graphql.deprecating_schema import DEPRECATING_SCHEMA, LATER_REASON, REASON
from tests.web.sample_app import build_sample_app


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(build_sample_app(schema=DEPRECATING_SCHEMA)) as client:
        yield client


def deprecations(response: httpx.Response) -> object:
    return response.json()["extensions"].get("deprecations")


def test_a_response_names_the_deprecated_parts_that_it_used(client: TestClient) -> None:
    query = "query ($c: Choice) { then { name } now(choice: $c) { name } }"
    for _ in range(2):  # parsed, and from the cache of documents
        response = client.post("/graphql", json={"query": query, "variables": {"c": {"old": 1}}})
        assert deprecations(response) == [
            {"coordinate": "Query.then", "reason": REASON},
            {"coordinate": "Choice.old", "reason": LATER_REASON},
        ]
        assert "data" in response.json()
        assert "deprecation" not in response.headers  # /graphql itself is not deprecated


def test_the_url_of_a_deprecated_query_is_deprecated_itself(client: TestClient) -> None:
    response = client.get("/graphql", params={"query": "{ now { title } }"})
    assert deprecations(response) == [{"coordinate": "Thing.title", "reason": REASON}]
    assert response.headers["deprecation"] == "@1796083200"
    assert response.headers["sunset"] == "Wed, 01 Dec 2027 00:00:00 GMT"


def test_a_response_without_deprecated_parts_says_nothing(client: TestClient) -> None:
    response = client.get("/graphql", params={"query": "{ now { name } }"})
    assert deprecations(response) is None
    assert "deprecation" not in response.headers
