"""Request ids, internal errors, security headers, and the addresses that trusted proxies name."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import StreamingResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from ogpgraph.host import Network
from ogpgraph.settings import Settings, SettingsError
from ogpgraph.web.app import AppOptions
from ogpgraph.web.middleware import ForwardedForMiddleware, InternalErrorMiddleware, RequestIdMiddleware
from ogpgraph.web.operation_service import ExecutionLimits, WebLimits
from tests.web.sample_app import REQUEST_ID, build_sample_app, make_client, post

pytestmark = pytest.mark.anyio


# Request ids and internal errors


@pytest.mark.parametrize("path", ["/", "/graphql", "/health", "/ready", "/nope"])
async def test_every_response_has_a_request_id(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).headers["x-request-id"] == REQUEST_ID


@pytest.mark.parametrize(
    ("request_id", "used"),
    [
        ("abcd-1234", True),
        ("A" * 64, True),
        ("A" * 65, False),
        ("short-1", False),
        ("with space", False),
        ("new\u00e9line", False),
        ("a" * 20 + "\tb", False),
        ("", False),
    ],
)
async def test_a_well_formed_request_id_of_the_client_is_used(
    client: httpx.AsyncClient, request_id: str, *, used: bool
) -> None:
    response = await client.get("/health", headers=[(b"X-Request-Id", request_id.encode())])
    assert response.headers["x-request-id"] == (request_id if used else REQUEST_ID)


async def test_a_masked_error_contains_the_clients_request_id(client: httpx.AsyncClient) -> None:
    with capture_logs() as logs:
        body = '{"query": "{ broken }"}'
        headers = {"Content-Type": "application/json", "X-Request-Id": "mine-0001"}
        response = await client.post("/graphql", content=body, headers=headers)
    assert response.json()["errors"][0]["extensions"]["requestId"] == "mine-0001"
    assert [line["request_id"] for line in logs] == ["mine-0001"]


def build_app_around(endpoint: Callable[..., Any]) -> Starlette:
    middleware = [Middleware(RequestIdMiddleware, lambda: REQUEST_ID), Middleware(InternalErrorMiddleware)]
    return Starlette(routes=[Route("/", endpoint)], middleware=middleware)


async def test_an_endpoint_that_raises_gives_500_as_json_with_the_request_id() -> None:
    async def endpoint(_request: object) -> None:
        raise ValueError("secret")

    async with make_client(build_app_around(endpoint)) as client:
        with capture_logs() as logs:
            response = await client.get("/")
    assert (response.status_code, response.headers["x-request-id"]) == (500, REQUEST_ID)
    assert response.json()["errors"][0]["extensions"] == {"code": "INTERNAL", "requestId": REQUEST_ID}
    assert len(logs) == 1


async def test_a_response_that_fails_after_its_start_is_logged_and_aborted() -> None:
    async def endpoint(_request: object) -> StreamingResponse:
        async def chunks() -> Any:
            yield b"half"
            raise ValueError("secret")

        return StreamingResponse(chunks())

    async with make_client(build_app_around(endpoint)) as client:
        with capture_logs() as logs, pytest.raises(ValueError, match="secret"):
            await client.get("/")
    assert [(line["event"], line["request_id"]) for line in logs] == [("response aborted", REQUEST_ID)]


async def test_other_scopes_than_http_pass_the_middleware_unchanged() -> None:
    calls: list[Any] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        calls.append((scope, receive, send))

    scope = {"type": "websocket"}
    await RequestIdMiddleware(InternalErrorMiddleware(inner), lambda: REQUEST_ID)(scope, None, None)  # type: ignore[arg-type]
    assert calls == [(scope, None, None)]


# Security headers


@pytest.mark.parametrize("path", ["/", "/graphql", "/health", "/ready", "/nope"])
async def test_every_response_has_the_security_headers(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert "server" not in headers


# Addresses of clients behind proxies


PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))


async def address_behind_proxies(peer: str, *headers: str, proxies: bool = True) -> str:
    """The client's address in the scope behind the middleware."""
    addresses: list[str] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        addresses.append(scope["client"][0])

    async def receive() -> Message:
        raise AssertionError("the body is not read")

    async def send(_message: Message) -> None: ...

    scope = {
        "type": "http",
        "client": (peer, 1),
        "headers": [(b"x-forwarded-for", header.encode("latin-1")) for header in headers],
    }
    await ForwardedForMiddleware(app, PROXIES if proxies else ())(scope, receive, send)
    return addresses[0]


@pytest.mark.parametrize(
    ("peer", "headers", "address"),
    [
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1", "203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9, nonsense, 10.0.0.2"], "10.0.0.2"),
        ("198.51.100.7", ["203.0.113.9"], "198.51.100.7"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("2001:db8::1", ["2001:470::1"], "2001:470::1"),
        ("10.0.0.1", ["203.0.113.9:49152"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9:49152, 10.0.0.2:443"], "203.0.113.9"),
        ("10.0.0.1", ["[2001:470::1]"], "2001:470::1"),
        ("10.0.0.1", ["[2001:470::1]:49152"], "2001:470::1"),
        ("10.0.0.1", ["203.0.113.9:nonsense"], "10.0.0.1"),
        ("testclient", ["203.0.113.9"], "testclient"),
    ],
)
async def test_each_trusted_proxy_names_one_address(peer: str, headers: list[str], address: str) -> None:
    assert await address_behind_proxies(peer, *headers) == address


async def test_without_trusted_proxies_the_header_is_ignored() -> None:
    assert await address_behind_proxies("10.0.0.1", "203.0.113.9", proxies=False) == "10.0.0.1"


@pytest.mark.parametrize(("proxies", "status"), [((), 429), ((ip_network("127.0.0.1"),), 200)])
async def test_budgets_belong_to_the_address_that_a_trusted_proxy_names(
    proxies: tuple[Network, ...], status: int
) -> None:
    limits = WebLimits(execution=ExecutionLimits(cost_per_minute=15))
    app = build_sample_app(limits=limits, options=AppOptions(proxies=proxies))
    statuses = []
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
        for number in (1, 2):
            client.headers["X-Forwarded-For"] = f"203.0.113.{number}"
            statuses.append((await post(client, {"query": "{ items(first: 12) { number } }"})).status_code)
    assert statuses == [200, status]


def test_trusted_proxies_are_set_as_addresses_and_networks() -> None:
    settings = Settings.from_environment({"OGPGRAPH_TRUSTED_PROXIES": "10.0.0.0/8, ::1"})
    assert settings.describe()["OGPGRAPH_TRUSTED_PROXIES"] == "10.0.0.0/8,::1/128"
    with pytest.raises(SettingsError, match="must be IP addresses or networks"):
        Settings.from_environment({"OGPGRAPH_TRUSTED_PROXIES": "proxy.example"})
