"""The application as a whole: its lifespan, unknown paths and methods, CORS, and compression."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette

from tests.web.sample_app import GRAPHQL, build_sample_app, post

pytestmark = pytest.mark.anyio


async def enter_lifespan(app: Starlette) -> None:
    async with app.router.lifespan_context(app):
        pass


async def test_the_lifespan_is_entered_when_the_server_starts_and_left_when_it_stops() -> None:
    called: list[str] = []

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        called.append("start")
        yield
        called.append("stop")

    await enter_lifespan(build_sample_app(lifespan=lifespan))
    assert called == ["start", "stop"]


async def test_a_server_needs_no_lifespan() -> None:
    await enter_lifespan(build_sample_app())


async def test_a_server_whose_startup_fails_does_not_start() -> None:
    def fail(_app: Starlette) -> AbstractAsyncContextManager[None]:
        raise OSError("no database")

    with pytest.raises(OSError, match="no database"):
        await enter_lifespan(build_sample_app(lifespan=fail))


async def test_an_unknown_path_gives_404_as_json(client: httpx.AsyncClient) -> None:
    for path in ("/nope", "/health/x"):
        response = await client.get(path)
        assert response.status_code == 404
        message = "There is nothing at this address."
        assert response.json() == {"errors": [{"message": message, "extensions": {"code": "NOT_FOUND"}}]}


@pytest.mark.parametrize("path", ["/graphql/", "/health/", "/ready//"])
async def test_a_path_with_a_slash_too_many_gives_404_with_the_right_path(client: httpx.AsyncClient, path: str) -> None:
    for method in ("GET", "POST"):
        response = await client.request(method, path)
        assert response.status_code == 404
        assert f"the address is {path.rstrip('/')}, without a slash" in response.json()["errors"][0]["message"]


@pytest.mark.parametrize("path", ["/", "/health", "/ready"])
async def test_an_endpoint_without_parameters_rejects_one_by_its_name(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(f"{path}?verbose=1")
    message = "`verbose` is not a parameter of this address, which has none."
    assert (response.status_code, response.json()["errors"][0]["message"]) == (400, message)


@pytest.mark.parametrize("path", ["/", "/health", "/ready"])
async def test_a_method_that_a_path_does_not_support_gives_405_as_json(client: httpx.AsyncClient, path: str) -> None:
    response = await client.post(path)
    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert response.json()["errors"][0]["extensions"] == {"code": "METHOD_NOT_ALLOWED"}


async def test_pages_of_all_origins_may_read_responses(client: httpx.AsyncClient) -> None:
    response = await client.get("/graphql", params={"query": "{ hello }"}, headers={"Origin": "https://a.example"})
    assert response.headers["access-control-allow-origin"] == "*"
    exposed = "X-Request-Id, X-Position, X-Root, ETag, Retry-After, Deprecation, Sunset"
    assert response.headers["access-control-expose-headers"] == exposed
    assert "access-control-allow-credentials" not in response.headers


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_pages_of_all_origins_may_send_queries(client: httpx.AsyncClient, method: str) -> None:
    preflight = {
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "content-type, authorization",
    }
    response = await client.options("/graphql", headers={"Origin": "https://a.example", **preflight})
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == "*"
    assert method in response.headers["access-control-allow-methods"]
    assert "authorization" in response.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in response.headers


async def test_pages_may_not_send_other_methods(client: httpx.AsyncClient) -> None:
    headers = {"Origin": "https://a.example", "Access-Control-Request-Method": "DELETE"}
    assert (await client.options("/graphql", headers=headers)).status_code == 400


async def test_a_large_error_response_is_compressed_too(client: httpx.AsyncClient) -> None:
    response = await post(client, {"query": "{ " + " ".join(f"nope{n}" for n in range(30)) + " }"}, accept=GRAPHQL)
    assert (response.status_code, response.headers["content-encoding"]) == (400, "gzip")
    assert gzip.compress(response.content)
