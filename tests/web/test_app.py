import gzip
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from ogpgraph.web.app import AppOptions, Lifespan
from ogpgraph.web.middleware import InternalErrorMiddleware, RequestIdMiddleware
from ogpgraph.web.probes import Readiness
from tests.web.sample_app import GRAPHQL, REQUEST_ID, build_sample_app, make_client, post

pytestmark = pytest.mark.anyio


def app_of(
    ready: Callable[[], Readiness] = lambda: Readiness(ready=True), lifespan: Lifespan | None = None
) -> Starlette:
    return build_sample_app(options=AppOptions(ready_deadline_seconds=0.2), check_readiness=ready, lifespan=lifespan)


# ------------------------------------------------------------------------------------------------------------- probes


async def test_health_says_that_the_process_lives(client: httpx.AsyncClient) -> None:
    response = await client.get("/health")
    assert (response.status_code, response.json()) == (200, {"status": "alive"})
    assert response.headers["cache-control"] == "no-store"


async def test_ready_says_what_the_system_says() -> None:
    async with make_client(app_of(lambda: Readiness(ready=True, details={"position": 7}))) as client:
        response = await client.get("/ready")
    assert (response.status_code, response.json()) == (200, {"ready": True, "details": {"position": 7}})


async def test_not_ready_is_503_with_the_details() -> None:
    async with make_client(app_of(lambda: Readiness(ready=False, details={"behind": 9}))) as client:
        response = await client.get("/ready")
    assert (response.status_code, response.json()) == (503, {"ready": False, "details": {"behind": 9}})


async def test_readiness_is_asked_in_another_thread() -> None:
    threads: list[int] = []

    def ready() -> Readiness:
        threads.append(threading.get_ident())
        return Readiness(ready=True)

    async with make_client(app_of(ready)) as client:
        await client.get("/ready")
    assert threads != [threading.get_ident()]


async def test_a_check_that_raises_is_not_ready_and_tells_only_the_log_why() -> None:
    def ready() -> Readiness:
        raise OSError("secret path")

    async with make_client(app_of(ready)) as client:
        with capture_logs() as logs:
            response = await client.get("/ready")
    assert response.status_code == 503
    assert "secret" not in response.text
    assert [line["request_id"] for line in logs] == [REQUEST_ID]


async def test_checks_that_hang_are_not_ready_and_do_not_stop_the_rest() -> None:
    release = threading.Event()

    def ready() -> Readiness:
        release.wait(5)
        return Readiness(ready=True)

    async with make_client(app_of(ready)) as client:
        began = time.monotonic()
        answers = [await client.get("/ready") for _ in range(3)]  # one more than there are threads for it
        assert (await client.get("/health")).status_code == 200
        assert (await post(client, {"query": "{ hello }"})).status_code == 200
        took = time.monotonic() - began
        release.set()
    assert [answer.status_code for answer in answers] == [503] * 3
    assert took < 3


# ------------------------------------------------------------------------------------------------------------ lifespan


async def lives(app: Starlette) -> None:
    async with app.router.lifespan_context(app):
        pass


async def test_the_lifespan_is_entered_when_the_server_starts_and_left_when_it_stops() -> None:
    called: list[str] = []

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        called.append("start")
        yield
        called.append("stop")

    await lives(app_of(lifespan=lifespan))
    assert called == ["start", "stop"]


async def test_a_server_needs_no_lifespan() -> None:
    await lives(app_of())


async def test_a_server_whose_startup_fails_does_not_start() -> None:
    def fail(_app: Starlette) -> AbstractAsyncContextManager[None]:
        raise OSError("no database")

    with pytest.raises(OSError, match="no database"):
        await lives(app_of(lifespan=fail))


# ------------------------------------------------------------------------------------------------- errors, request ids


async def test_an_unknown_path_is_a_json_404(client: httpx.AsyncClient) -> None:
    for path in ("/nope", "/graphql/", "/health/x"):
        response = await client.get(path)
        assert response.status_code == 404
        assert response.json() == {"errors": [{"message": "Not Found", "extensions": {"code": "NOT_FOUND"}}]}


@pytest.mark.parametrize("path", ["/", "/health", "/ready"])
async def test_a_method_that_a_path_lacks_is_a_json_405(client: httpx.AsyncClient, path: str) -> None:
    response = await client.post(path)
    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert response.json()["errors"][0]["extensions"] == {"code": "METHOD_NOT_ALLOWED"}


@pytest.mark.parametrize("path", ["/", "/graphql", "/health", "/ready", "/nope"])
async def test_every_response_has_a_request_id(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).headers["x-request-id"] == REQUEST_ID


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("abcd-1234", True),
        ("A" * 64, True),
        ("A" * 65, False),
        ("short-1", False),
        ("with space", False),
        ("new\u00e9line", False),
        ("a" * 20 + "\t", False),
        ("", False),
    ],
)
async def test_a_sane_request_id_of_the_client_is_kept(client: httpx.AsyncClient, given: str, *, kept: bool) -> None:
    response = await client.get("/health", headers=[(b"X-Request-Id", given.encode())])
    assert response.headers["x-request-id"] == (given if kept else REQUEST_ID)


async def test_a_masked_error_names_the_clients_request_id(client: httpx.AsyncClient) -> None:
    with capture_logs() as logs:
        body = '{"query": "{ broken }"}'
        headers = {"Content-Type": "application/json", "X-Request-Id": "mine-0001"}
        response = await client.post("/graphql", content=body, headers=headers)
    assert response.json()["errors"][0]["extensions"]["requestId"] == "mine-0001"
    assert [line["request_id"] for line in logs] == ["mine-0001"]


def around(endpoint: Callable[..., Any]) -> Starlette:
    middleware = [Middleware(RequestIdMiddleware, lambda: REQUEST_ID), Middleware(InternalErrorMiddleware)]
    return Starlette(routes=[Route("/", endpoint)], middleware=middleware)


async def test_an_endpoint_that_raises_is_a_json_500_with_a_request_id() -> None:
    async def endpoint(_request: object) -> None:
        raise ValueError("secret")

    async with make_client(around(endpoint)) as client:
        with capture_logs() as logs:
            response = await client.get("/")
    assert (response.status_code, response.headers["x-request-id"]) == (500, REQUEST_ID)
    assert response.json()["errors"][0]["extensions"] == {"code": "INTERNAL", "requestId": REQUEST_ID}
    assert len(logs) == 1


async def test_a_response_that_breaks_off_is_logged_and_not_taken_for_whole() -> None:
    async def endpoint(_request: object) -> StreamingResponse:
        async def chunks() -> Any:
            yield b"half"
            raise ValueError("secret")

        return StreamingResponse(chunks())

    async with make_client(around(endpoint)) as client:
        with capture_logs() as logs, pytest.raises(ValueError, match="secret"):
            await client.get("/")
    assert [(line["event"], line["request_id"]) for line in logs] == [("response aborted", REQUEST_ID)]


async def test_what_is_no_http_passes_the_middleware() -> None:
    seen: list[Any] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope, receive, send))

    scope = {"type": "websocket"}
    await RequestIdMiddleware(InternalErrorMiddleware(inner), lambda: REQUEST_ID)(scope, None, None)  # type: ignore[arg-type]
    assert seen == [(scope, None, None)]


# ------------------------------------------------------------------------------------------------------------- headers


@pytest.mark.parametrize("path", ["/", "/graphql", "/health", "/ready", "/nope"])
async def test_every_response_has_strict_headers(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert "server" not in headers


async def test_every_page_may_read_an_answer(client: httpx.AsyncClient) -> None:
    response = await client.get("/graphql", params={"query": "{ hello }"}, headers={"Origin": "https://a.example"})
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["access-control-expose-headers"] == "X-Request-Id, X-Position, ETag, Retry-After"
    assert "access-control-allow-credentials" not in response.headers


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_every_page_may_ask(client: httpx.AsyncClient, method: str) -> None:
    asks = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "content-type, authorization"}
    response = await client.options("/graphql", headers={"Origin": "https://a.example", **asks})
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == "*"
    assert method in response.headers["access-control-allow-methods"]
    assert "authorization" in response.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in response.headers


async def test_no_page_may_delete(client: httpx.AsyncClient) -> None:
    headers = {"Origin": "https://a.example", "Access-Control-Request-Method": "DELETE"}
    assert (await client.options("/graphql", headers=headers)).status_code == 400


async def test_a_large_answer_is_compressed_and_a_small_one_not(client: httpx.AsyncClient) -> None:
    large = await post(client, {"query": "{ items(first: 200) { number } }"})
    assert large.headers["content-encoding"] == "gzip"
    assert {"Accept", "Accept-Encoding"} <= set(large.headers["vary"].split(", "))
    assert len(large.json()["data"]["items"]) == 200
    assert int(large.headers["content-length"]) < len(large.content)
    assert "content-encoding" not in (await post(client, {"query": "{ hello }"})).headers


async def test_nothing_is_compressed_for_who_cannot_read_it(client: httpx.AsyncClient) -> None:
    client.headers["Accept-Encoding"] = "identity"
    large = await post(client, {"query": "{ items(first: 200) { number } }"})
    assert "content-encoding" not in large.headers


async def test_an_error_in_a_large_answer_is_compressed_too(client: httpx.AsyncClient) -> None:
    response = await post(client, {"query": "{ " + " ".join(f"nope{n}" for n in range(30)) + " }"}, accept=GRAPHQL)
    assert (response.status_code, response.headers["content-encoding"]) == (400, "gzip")
    assert gzip.compress(response.content)


async def test_head_is_answered_where_get_is(client: httpx.AsyncClient) -> None:
    for path in ("/", "/health", "/ready"):
        assert (await client.head(path)).status_code == 200
