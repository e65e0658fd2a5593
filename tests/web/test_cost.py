"""What an answer tells of cost, and what is refused for it before anything runs."""

import json
from typing import Any

import httpx
import pytest

from ogpgraph.graphql.query_cost import QueryLimits
from ogpgraph.web.app import AppOptions
from ogpgraph.web.document_cache import DocumentLimits
from ogpgraph.web.endpoint import ExecutionLimits, WebLimits
from ogpgraph.web.errors import budget_exhausted
from ogpgraph.web.persisted_documents import document_id
from tests.web.sample_app import GRAPHQL, ContextFactory, build_sample_app, make_client, post

pytestmark = pytest.mark.anyio

ITEMS = "query ($n: Int) { items(first: $n) { number } }"
FIVE = WebLimits(document=DocumentLimits(query=QueryLimits(cost=5, persisted_cost=50)))


def cost_of(response: httpx.Response) -> tuple[int, int]:
    cost = response.json()["extensions"]["cost"]
    return cost["requested"], cost["limit"]


async def test_every_answer_tells_what_was_asked_for_and_how_much_may_be() -> None:
    async with make_client(build_sample_app(limits=FIVE)) as client:
        asked: list[tuple[dict[str, Any], tuple[int, int]]] = [
            ({"query": ITEMS, "variables": {"n": 4}}, (4, 5)),
            ({"query": "{ hello }"}, (0, 5)),
            ({"query": "{ items(first: 2) { broken } }"}, (2, 5)),
            ({"query": "{ items(first: 2) { nope } }"}, (2, 5)),
            ({"query": ITEMS, "variables": {"n": "x"}}, (100, 5)),
            ({"query": ITEMS}, (100, 5)),
            ({"query": "{ items(first: 3) { number }"}, (0, 5)),
            ({"nothing": 1}, (0, 5)),
        ]
        for body, cost in asked:
            assert cost_of(await post(client, body)) == cost, body


async def test_what_costs_too_much_is_refused_before_a_context_is_made_and_names_its_dearest_field() -> None:
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
async def test_what_is_too_large_is_refused_as_a_request_error(
    client: httpx.AsyncClient, document: str, code: str
) -> None:
    response = await post(client, {"query": document})
    assert response.status_code == 400
    assert [error["extensions"]["code"] for error in response.json()["errors"]] == [code]


async def test_a_mutation_is_weighed_too(client: httpx.AsyncClient) -> None:
    assert cost_of(await post(client, {"query": 'mutation { rename(name: "x") }'})) == (0, QueryLimits().cost)


# ------------------------------------------------------------------------------------------------------------- budgets


def test_a_spent_budget_is_429_and_says_when_to_come_back() -> None:
    refused = budget_exhausted(30)
    assert (refused.status, refused.code, refused.headers) == (429, "BUDGET_EXHAUSTED", {"Retry-After": "30"})


async def test_a_spent_budget_is_429_with_the_time_to_wait() -> None:
    limits = WebLimits(execution=ExecutionLimits(cost_per_minute=30))
    async with make_client(build_sample_app(limits=limits)) as client:
        spent = [await post(client, {"query": "{ items(first: 12) { number } }"}) for _ in range(4)]
    # Each takes 12, and 1 + 13 objects were made: nothing is given back.
    assert [response.status_code for response in spent] == [200, 200, 429, 429]
    refused = spent[2]
    assert refused.json()["errors"][0]["extensions"]["code"] == "BUDGET_EXHAUSTED"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert cost_of(refused) == (12, QueryLimits().cost)


async def test_pages_that_were_not_full_are_not_paid_for() -> None:
    limits = WebLimits(execution=ExecutionLimits(cost_per_minute=1_000))
    async with make_client(build_sample_app(limits=limits)) as client:
        for _ in range(20):
            response = await post(client, {"query": "{ items { number } }"})  # asks for 100, there are 3
            assert response.status_code == 200


async def test_what_the_client_has_already_costs_nothing() -> None:
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


# --------------------------------------------------------------------------------------------------- trusted documents

KNOWN = "query Known($n: Int) { items(first: $n) { number } }"
MUTATION = 'mutation { rename(name: "x") }'
TRUSTED = {document_id(text): text for text in (KNOWN, MUTATION)}


@pytest.fixture
def trusting() -> httpx.AsyncClient:
    return make_client(build_sample_app(limits=FIVE, options=AppOptions(persisted_documents=TRUSTED)))


async def test_a_trusted_document_runs_by_its_id_by_post_and_get_with_a_larger_limit(
    trusting: httpx.AsyncClient,
) -> None:
    body: dict[str, Any] = {"documentId": document_id(KNOWN), "variables": {"n": 40}}
    posted = await post(trusting, body)
    params = {"documentId": document_id(KNOWN), "variables": json.dumps({"n": 40})}
    got = await trusting.get("/graphql", params=params, headers={"Accept": GRAPHQL})
    assert len(posted.json()["data"]["items"]) == 40
    assert posted.content == got.content
    assert cost_of(posted) == (40, 50)


async def test_ad_hoc_documents_go_on_beside_trusted_ones(trusting: httpx.AsyncClient) -> None:
    assert cost_of(await post(trusting, {"query": KNOWN, "variables": {"n": 5}})) == (5, 5)
    assert (await post(trusting, {"query": KNOWN, "variables": {"n": 6}})).status_code == 400


async def test_a_trusted_document_has_a_limit_too(trusting: httpx.AsyncClient) -> None:
    response = await post(trusting, {"documentId": document_id(KNOWN), "variables": {"n": 51}})
    assert response.json()["errors"][0]["extensions"]["code"] == "COST_EXCEEDED"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"documentId": document_id("unknown")}, "UNKNOWN_DOCUMENT"),
        ({"documentId": "sha256:123"}, "BAD_REQUEST"),
        ({"documentId": "md5:" + "0" * 64}, "BAD_REQUEST"),
        ({"documentId": 5}, "BAD_REQUEST"),
        ({"documentId": document_id(KNOWN), "query": "{ hello }"}, "BAD_REQUEST"),
    ],
)
async def test_an_unknown_id_is_one_clear_error(trusting: httpx.AsyncClient, body: dict[str, Any], code: str) -> None:
    response = await post(trusting, body)
    assert response.status_code == 400
    assert [error["extensions"]["code"] for error in response.json()["errors"]] == [code]
    assert "documentId" in response.text or "trusted document" in response.text


async def test_a_trusted_mutation_runs_by_post_only(trusting: httpx.AsyncClient) -> None:
    assert (await post(trusting, {"documentId": document_id(MUTATION)})).json()["data"] == {"rename": "x"}
    response = await trusting.get("/graphql", params={"documentId": document_id(MUTATION)})
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
