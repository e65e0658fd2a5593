"""Documents that clients name by their id."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from ogpgraph.graphql.query_limits import QueryLimits
from ogpgraph.web.app import AppOptions
from ogpgraph.web.document_cache import CHARACTERS_PER_FIELD, DocumentLimits
from ogpgraph.web.operation_service import WebLimits
from ogpgraph.web.persisted_documents import document_id, encode_documents, load_persisted_documents, read_documents
from tests.web.sample_app import GRAPHQL, build_sample_app, cost_of, make_client, post

pytestmark = pytest.mark.anyio

ITEMS = "query Items($n: Int) { items(first: $n) { number } }"
MUTATION = 'mutation { rename(name: "x") }'
DOCUMENTS = {document_id(text): text for text in (ITEMS, MUTATION)}
FIVE = WebLimits(document=DocumentLimits(query=QueryLimits(cost=5, persisted_cost=50)))


@pytest.fixture
def persisted_client() -> httpx.AsyncClient:
    return make_client(build_sample_app(limits=FIVE, options=AppOptions(persisted_documents=DOCUMENTS)))


async def test_a_persisted_document_runs_by_its_id_by_post_and_get_with_a_larger_limit(
    persisted_client: httpx.AsyncClient,
) -> None:
    body: dict[str, Any] = {"documentId": document_id(ITEMS), "variables": {"n": 40}}
    posted = await post(persisted_client, body)
    params = {"documentId": document_id(ITEMS), "variables": json.dumps({"n": 40})}
    got = await persisted_client.get("/graphql", params=params, headers={"Accept": GRAPHQL})
    assert len(posted.json()["data"]["items"]) == 40
    assert posted.content == got.content
    assert cost_of(posted) == (40, 50)


async def test_other_documents_run_beside_persisted_ones(persisted_client: httpx.AsyncClient) -> None:
    assert cost_of(await post(persisted_client, {"query": ITEMS, "variables": {"n": 5}})) == (5, 5)
    assert (await post(persisted_client, {"query": ITEMS, "variables": {"n": 6}})).status_code == 400


async def test_a_persisted_document_has_a_limit_too(persisted_client: httpx.AsyncClient) -> None:
    response = await post(persisted_client, {"documentId": document_id(ITEMS), "variables": {"n": 51}})
    assert response.json()["errors"][0]["extensions"]["code"] == "COST_EXCEEDED"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"documentId": document_id("unknown")}, "UNKNOWN_DOCUMENT"),
        ({"documentId": "sha256:123"}, "BAD_REQUEST"),
        ({"documentId": "md5:" + "0" * 64}, "BAD_REQUEST"),
        ({"documentId": 5}, "BAD_REQUEST"),
        ({"documentId": document_id(ITEMS), "query": "{ hello }"}, "BAD_REQUEST"),
    ],
)
async def test_an_unknown_id_is_a_single_clear_error(
    persisted_client: httpx.AsyncClient, body: dict[str, Any], code: str
) -> None:
    response = await post(persisted_client, body)
    assert response.status_code == 400
    assert [error["extensions"]["code"] for error in response.json()["errors"]] == [code]
    assert "documentId" in response.text or "persisted document" in response.text


async def test_a_persisted_mutation_runs_by_post_only(persisted_client: httpx.AsyncClient) -> None:
    assert (await post(persisted_client, {"documentId": document_id(MUTATION)})).json()["data"] == {"rename": "x"}
    response = await persisted_client.get("/graphql", params={"documentId": document_id(MUTATION)})
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


ROOT = Path(__file__).parents[2]


def test_the_persisted_documents_are_those_in_the_folder() -> None:
    documents = read_documents(ROOT / "schema" / "documents")
    assert (ROOT / "schema" / "documents.json").read_bytes() == encode_documents(documents), (
        "run `ogpgraph schema --write`"
    )
    assert load_persisted_documents() == documents
    assert len(documents) >= 3


# Automatic persisted queries, with the requests that the links of Apollo Client and urql send

HELLO = 'query Hello($name: String! = "a") {\n  hello(name: $name)\n  __typename\n}'


def persisted(query: str = HELLO, **changes: object) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": sha256(query.encode()).hexdigest(), **changes}}


async def send(client: httpx.AsyncClient, method: str, body: dict[str, Any], accept: str = GRAPHQL) -> httpx.Response:
    """The response to a request by POST, or by GET with `variables` and `extensions` as JSON."""
    if method == "POST":
        return await client.post("/graphql", json=body, headers={"Accept": accept})
    parameters = {name: value if isinstance(value, str) else json.dumps(value) for name, value in body.items()}
    return await client.get("/graphql", params=parameters, headers={"Accept": accept})


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("accept", [GRAPHQL, "application/json"])
async def test_a_document_is_found_by_its_hash_once_it_was_executed(
    client: httpx.AsyncClient, method: str, accept: str
) -> None:
    named = {"operationName": "Hello", "variables": {"name": "b"}, "extensions": persisted()}
    missing = await send(client, method, named, accept)
    assert missing.status_code == (400 if accept == GRAPHQL else 200)
    assert missing.headers["cache-control"] == "no-store"
    (error,) = missing.json()["errors"]
    assert error == {"message": "PersistedQueryNotFound", "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"}}
    sent = await send(client, method, {"query": HELLO, **named}, accept)
    found = await send(client, method, named, accept)
    assert sent.json()["data"] == found.json()["data"] == {"hello": "héllo b", "__typename": "Query"}
    assert found.headers.get("etag") == sent.headers.get("etag")
    assert (await send(client, "POST", {**named, "query": ""}, accept)).json()["data"] == sent.json()["data"]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "extension",
    [{"version": 2}, {"version": True}, {"version": "1"}, {"sha256Hash": "x"}, {"sha256Hash": None}, None, [], 1],
)
async def test_what_is_not_supported_is_declined_so_that_clients_send_the_document(
    client: httpx.AsyncClient, method: str, extension: object
) -> None:
    extensions = persisted(**extension) if isinstance(extension, dict) else {"persistedQuery": extension}
    declined = await send(client, method, {"extensions": extensions})
    (error,) = declined.json()["errors"]
    assert error == {"message": "PersistedQueryNotSupported", "extensions": {"code": "PERSISTED_QUERY_NOT_SUPPORTED"}}
    assert declined.status_code == 400
    assert (await send(client, method, {"query": HELLO, "extensions": extensions})).status_code == 200


async def test_a_document_with_the_hash_of_another_is_refused(client: httpx.AsyncClient) -> None:
    response = await send(client, "POST", {"query": "{ hello }", "extensions": persisted()})
    (error,) = response.json()["errors"]
    assert (response.status_code, "sha256Hash" in error["message"]) == (400, True)


async def test_a_document_that_is_invalid_is_not_kept_under_its_hash(client: httpx.AsyncClient) -> None:
    query = "{ nope }"
    for _ in range(2):
        await send(client, "POST", {"query": query, "extensions": persisted(query)})
    response = await send(client, "POST", {"extensions": persisted(query)})
    assert response.json()["errors"][0]["message"] == "PersistedQueryNotFound"


@pytest.mark.compiled
async def test_documents_are_kept_within_the_budget_of_the_cache() -> None:
    compiled = len("query Number0 { hello }") + CHARACTERS_PER_FIELD
    limits = WebLimits(document=DocumentLimits(cached_characters=8 * compiled))
    async with make_client(build_sample_app(limits=limits)) as client:
        for number in range(10):
            query = f"query Number{number} {{ hello }}"
            assert (await send(client, "POST", {"query": query, "extensions": persisted(query)})).status_code == 200
        # What was compiled for a document is counted when it is used again.
        twice = [
            (await send(client, "POST", {"extensions": persisted(f"query Number{number} {{ hello }}")})).status_code
            for number in [*range(10)] * 2
        ]
    assert sorted(twice[10:]) == [200] * 8 + [400] * 2


async def test_a_reviewed_document_is_found_by_its_hash_with_its_higher_limit() -> None:
    options = AppOptions(persisted_documents={document_id(HELLO): HELLO})
    async with make_client(build_sample_app(options=options)) as client:
        response = await send(client, "GET", {"extensions": persisted()})
    assert response.json()["extensions"]["cost"]["limit"] == WebLimits().document.query.persisted_cost
