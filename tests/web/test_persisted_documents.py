"""Documents that clients name by their id."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from ogpgraph.graphql.query_cost import QueryLimits
from ogpgraph.web.app import AppOptions
from ogpgraph.web.document_cache import DocumentLimits
from ogpgraph.web.endpoint import WebLimits
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
