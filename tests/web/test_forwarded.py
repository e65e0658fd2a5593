"""Whose word on a client's address is believed."""

from __future__ import annotations

from ipaddress import ip_network

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from ogpgraph.settings import Settings, SettingsError
from ogpgraph.web.app import AppOptions
from ogpgraph.web.endpoint import ExecutionLimits, WebLimits
from ogpgraph.web.middleware import ForwardedForMiddleware, IPNetwork
from tests.web.sample_app import build_sample_app, post

pytestmark = pytest.mark.anyio

PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))


async def seen(peer: str, *headers: str, proxies: bool = True) -> str:
    """The address that what stands behind sees."""
    addresses: list[str] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        addresses.append(scope["client"][0])

    async def receive() -> Message:
        raise AssertionError("nothing is read")

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
        ("testclient", ["203.0.113.9"], "testclient"),
    ],
)
async def test_a_known_proxy_vouches_for_one_address_each(peer: str, headers: list[str], address: str) -> None:
    assert await seen(peer, *headers) == address


async def test_without_known_proxies_nothing_is_believed() -> None:
    assert await seen("10.0.0.1", "203.0.113.9", proxies=False) == "10.0.0.1"


@pytest.mark.parametrize(("proxies", "status"), [((), 429), ((ip_network("127.0.0.1"),), 200)])
async def test_budgets_go_by_the_address_that_is_believed(proxies: tuple[IPNetwork, ...], status: int) -> None:
    limits = WebLimits(execution=ExecutionLimits(cost_per_minute=15))
    app = build_sample_app(limits=limits, options=AppOptions(proxies=proxies))
    statuses = []
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
        for number in (1, 2):
            client.headers["X-Forwarded-For"] = f"203.0.113.{number}"
            statuses.append((await post(client, {"query": "{ items(first: 12) { number } }"})).status_code)
    assert statuses == [200, status]


def test_proxies_are_set_as_addresses_and_networks() -> None:
    settings = Settings.from_environment({"OGPGRAPH_TRUSTED_PROXIES": "10.0.0.0/8, ::1"})
    assert settings.describe()["OGPGRAPH_TRUSTED_PROXIES"] == "10.0.0.0/8,::1/128"
    with pytest.raises(SettingsError, match="must be addresses or networks"):
        Settings.from_environment({"OGPGRAPH_TRUSTED_PROXIES": "proxy.example"})
