"""What HTTP requires of every endpoint: HEAD, the negotiation of encodings, and blanks around values of headers."""

from __future__ import annotations

import httpx
import pytest

from ogpgraph.web.request import accepts_gzip
from tests.web.sample_app import GRAPHQL, build_sample_app, make_client, post

pytestmark = pytest.mark.anyio

LARGE = "{ items(first: 200) { number } }"


@pytest.mark.parametrize("path", ["/", "/health", "/ready", "/graphql?query=%7Bhello%7D", f"/graphql?query={LARGE}"])
async def test_head_gives_the_status_and_headers_of_get_and_no_body(client: httpx.AsyncClient, path: str) -> None:
    got, head = await client.get(path), await client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == got.headers


@pytest.mark.parametrize("path", ["/nope", "/graphql", "/health?x=1", "/graphql?query=mutation%7B__typename%7D"])
async def test_head_gives_the_errors_of_get(client: httpx.AsyncClient, path: str) -> None:
    got, head = await client.get(path), await client.head(path)
    assert head.status_code == got.status_code >= 400
    assert head.content == b""


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("GZip", True),
        ("x-gzip", True),
        ("*", True),
        ("br, gzip;q=0.2", True),
        ("gzip;q=1.000, identity;q=0.5", True),
        ("gzip; q=0.5 , *;q=0", True),
        ("identity;q=0, *", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip ; q=0.0", False),
        ("GZIP;Q=0.000", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("identity", False),
        ("gzip;q=0.4, identity;q=0.5", False),
        ("gzip;q=2", False),
        ("gzip;q=nan", False),
        ("gzip;q=-1", False),
        ("notgzip", False),
        ("gzipped", False),
    ],
)
async def test_a_large_response_is_compressed_for_a_client_that_prefers_it(header: str, *, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted
    async with make_client(build_sample_app()) as client:
        client.headers["Accept-Encoding"] = header
        response = await post(client, {"query": LARGE})
    assert response.headers.get("content-encoding") == ("gzip" if accepted else None)
    assert {"Accept", "Accept-Encoding"} <= set(response.headers["vary"].split(", "))
    assert len(response.json()["data"]["items"]) == 200


async def test_several_headers_of_a_name_are_one_list(client: httpx.AsyncClient) -> None:
    headers = [("Accept-Encoding", "gzip;q=0"), ("Accept-Encoding", "br")]
    response = await client.get("/graphql", params={"query": LARGE}, headers=headers)
    assert "content-encoding" not in response.headers


async def test_a_small_response_is_not_compressed(client: httpx.AsyncClient) -> None:
    assert "content-encoding" not in (await post(client, {"query": "{ hello }"})).headers


async def test_blanks_around_the_value_of_a_header_are_no_part_of_it(client: httpx.AsyncClient) -> None:
    headers = [
        (b"X-Request-Id", b" \tmine-0001 \t"),
        (b"Accept", f" {GRAPHQL} ".encode()),
        (b"Content-Type", b"application/json "),
        (b"Content-Encoding", b" identity "),
    ]
    response = await client.post("/graphql", content=b'{"query": "{ hello }"}', headers=headers)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith(GRAPHQL)
    assert response.headers["x-request-id"] == "mine-0001"
