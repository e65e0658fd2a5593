"""What a response reports of cost, and what is rejected for it before anything is executed."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ogpgraph.graphql.query_limits import QueryLimits
from ogpgraph.web.document_cache import DocumentLimits
from ogpgraph.web.errors import budget_exhausted
from ogpgraph.web.held_bytes import HoldLimits
from ogpgraph.web.operation_service import ExecutionLimits, WebLimits
from tests.web.sample_app import ContextFactory, build_sample_app, cost_of, make_client, post

pytestmark = pytest.mark.anyio

ITEMS = "query ($n: Int) { items(first: $n) { number } }"
FIVE = WebLimits(document=DocumentLimits(query=QueryLimits(cost=5, persisted_cost=50)))


async def test_every_response_reports_the_cost_and_its_limit() -> None:
    async with make_client(build_sample_app(limits=FIVE)) as client:
        expected: list[tuple[dict[str, Any], tuple[int, int]]] = [
            ({"query": ITEMS, "variables": {"n": 4}}, (4, 5)),
            ({"query": "{ hello }"}, (0, 5)),
            ({"query": "{ items(first: 2) { broken } }"}, (2, 5)),
            ({"query": "{ items(first: 2) { nope } }"}, (2, 5)),
            ({"query": ITEMS, "variables": {"n": "x"}}, (100, 5)),
            ({"query": ITEMS}, (100, 5)),
            ({"query": "{ items(first: 3) { number }"}, (0, 5)),
            ({"nothing": 1}, (0, 5)),
        ]
        for body, cost in expected:
            assert cost_of(await post(client, body)) == cost, body


async def test_an_operation_above_the_limit_is_rejected_by_its_most_expensive_field_without_a_context() -> None:
    contexts = ContextFactory()
    async with make_client(build_sample_app(contexts, FIVE)) as client:
        for number, status in ((5, 200), (6, 400), (5, 200)):
            response = await post(client, {"query": ITEMS, "variables": {"n": number}})
            assert response.status_code == status
            assert cost_of(response) == (number, 5)
        response = await post(client, {"query": ITEMS, "variables": {"n": 6}})
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "COST_EXCEEDED"
    assert "`items`" in error["message"]
    assert len(contexts.created) == 2


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{" + " a: hello" * 101 + "}", "TOO_MANY_ALIASES"),
        ("{" + " a" * 2_001 + "}", "TOO_MANY_TOKENS"),
        ("{" + "".join(f" a{n}" for n in range(1_001)) + "}", "TOO_MANY_FIELDS"),
        ("{" + " items" * 60 + "{ number } }", "TOO_MANY_FIELDS"),
        ("{ items" + " { nope" * 30 + " }" * 31, "TOO_DEEP"),
    ],
)
async def test_a_document_that_is_too_large_is_a_request_error(
    client: httpx.AsyncClient, document: str, code: str
) -> None:
    response = await post(client, {"query": document})
    assert response.status_code == 400
    assert [error["extensions"]["code"] for error in response.json()["errors"]] == [code]


async def test_a_mutation_has_a_cost_too(client: httpx.AsyncClient) -> None:
    assert cost_of(await post(client, {"query": 'mutation { rename(name: "x") }'})) == (0, QueryLimits().cost)


def test_the_rejection_for_a_spent_budget_has_the_time_to_wait() -> None:
    rejected = budget_exhausted(30)
    assert (rejected.status, rejected.code, rejected.headers) == (429, "BUDGET_EXHAUSTED", {"Retry-After": "30"})


async def test_an_operation_above_the_budget_gives_429_with_the_time_to_wait() -> None:
    limits = WebLimits(execution=ExecutionLimits(cost_per_minute=30))
    async with make_client(build_sample_app(limits=limits)) as client:
        responses = [await post(client, {"query": "{ items(first: 12) { number } }"}) for _ in range(4)]
    # Each costs 12, and 1 + 13 objects were made, so nothing is refunded.
    assert [response.status_code for response in responses] == [200, 200, 429, 429]
    rejected = responses[2]
    assert rejected.json()["errors"][0]["extensions"]["code"] == "BUDGET_EXHAUSTED"
    assert 1 <= int(rejected.headers["retry-after"]) <= 60
    assert cost_of(rejected) == (12, QueryLimits().cost)


async def test_pages_that_are_not_full_are_refunded() -> None:
    limits = WebLimits(execution=ExecutionLimits(cost_per_minute=1_000))
    async with make_client(build_sample_app(limits=limits)) as client:
        for _ in range(20):
            response = await post(client, {"query": "{ items { number } }"})  # asks for 100, there are 3
            assert response.status_code == 200


async def test_a_response_that_the_client_has_already_costs_nothing() -> None:
    limits = WebLimits(execution=ExecutionLimits(cost_per_minute=15))
    params = {"query": "{ items(first: 12) { number } }"}
    async with make_client(build_sample_app(limits=limits)) as client:
        first = await client.get("/graphql", params=params)
        had = [
            await client.get("/graphql", params=params, headers={"If-None-Match": first.headers["etag"]})
            for _ in range(9)
        ]
        again = await client.get("/graphql", params=params)
    assert [response.status_code for response in had] == [304] * 9
    assert again.status_code == 429


ECHO = "query ($name: String!) { hello(name: $name) }"


async def test_a_response_with_more_bytes_than_the_limit_is_refused_with_what_to_do() -> None:
    limits = WebLimits(execution=ExecutionLimits(response_bytes=2_000))
    async with make_client(build_sample_app(limits=limits)) as client:
        small = await post(client, {"query": ECHO, "variables": {"name": "x" * 1_000}})
        large = await post(client, {"query": ECHO, "variables": {"name": "x" * 2_000}})
        mutation = "mutation ($name: String!) { rename(name: $name) }"
        recorded = await post(client, {"query": mutation, "variables": {"name": "x" * 2_000}})
    assert (small.status_code, recorded.status_code) == (200, 200)
    (error,) = large.json()["errors"]
    assert (large.status_code, error["extensions"]["code"]) == (400, "RESPONSE_TOO_LARGE")
    assert "2,000 bytes. Ask for smaller pages" in error["message"]


async def test_a_large_response_arrives_whole_compressed_or_not() -> None:
    body = {"query": ECHO, "variables": {"name": "".join(map(str, range(40_000)))}}
    async with make_client(build_sample_app()) as client:
        plain = await client.post("/graphql", json=body, headers={"Accept-Encoding": "identity"})
        compressed = await client.post("/graphql", json=body, headers={"Accept-Encoding": "gzip"})
    assert len(plain.content) > 150_000
    assert plain.headers["content-length"] == str(len(plain.content))
    assert compressed.headers["content-encoding"] == "gzip"
    assert plain.json() == compressed.json()


async def test_what_a_client_may_have_under_way_is_limited() -> None:
    limits = WebLimits(execution=ExecutionLimits(held=HoldLimits(total=10_000, each=1_000, share=100)))
    async with make_client(build_sample_app(limits=limits)) as client:
        names = ("x" * length for length in (100, 800, 1_000, 100))
        responses = [await post(client, {"query": ECHO, "variables": {"name": name}}) for name in names]
    assert [each.status_code for each in responses] == [200, 503, 503, 200]
    assert responses[1].json()["errors"][0]["extensions"]["code"] == "QUEUE_FULL"
