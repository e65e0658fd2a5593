"""The hosts that the server answers to: those in its settings, or on this machine those that cannot be rebound."""

from __future__ import annotations

from collections.abc import Iterator
from socket import create_connection
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.types import ASGIApp
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from ogpgraph.settings import Settings, SettingsError
from ogpgraph.system import migrate
from ogpgraph.web.app import AppOptions
from tests.web.live.clients import PROTOCOL, open_acknowledged_socket, run_live_server
from tests.web.sample_app import build_sample_app

pytestmark = pytest.mark.anyio

LISTED = {"OGPGRAPH_HOSTS": "ogp.example, *.ogp.example:8443, 10.0.0.1, ::1"}


def build_app(environ: dict[str, str]) -> ASGIApp:
    return build_sample_app(options=AppOptions(hosts=Settings.from_environment(environ).checked_hosts))


async def get(
    environ: dict[str, str], host: str | None, path: str = "/graphql?query=%7Bhello%7D", server: str = "127.0.0.1"
) -> httpx.Response:
    """The response to a request for a host, or without one, over a connection to an address of the server."""
    transport = httpx.ASGITransport(app=build_app(environ))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{server}:8000") as client:
        request = client.build_request("GET", path, headers={"Host": host or "x"})
        if host is None:
            del request.headers["host"]
        return await client.send(request)


@pytest.mark.parametrize("host", ["ogp.example", "OGP.example.:99", "a.ogp.example:8443", "10.0.0.1:8000", "[0::1]"])
async def test_a_listed_host_is_answered(host: str) -> None:
    assert (await get(LISTED, host)).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "a.ogp.example", "ogp.example.evil.example", "127.0.0.1", "localhost"]
)
@pytest.mark.parametrize("path", ["/", "/graphql?query=%7Bhello%7D", "/nope"])
async def test_another_host_gets_421_with_advice(host: str, path: str) -> None:
    response = await get(LISTED, host, path)
    (error,) = response.json()["errors"]
    assert (response.status_code, error["extensions"]) == (421, {"code": "HOST_REFUSED"})
    assert host in error["message"]
    assert "OGPGRAPH_HOSTS" in error["message"]
    assert response.headers["x-request-id"]


@pytest.mark.parametrize("host", ["a b", "a@ogp.example", "ogp.example:99999", "[::1", "\x1b[31m"])
async def test_a_malformed_host_gets_400(host: str) -> None:
    for environ in (LISTED, {}):
        assert (await get(environ, host)).status_code == 400


async def test_a_request_without_a_host_gets_400() -> None:
    assert (await get(LISTED, None)).status_code == 400


@pytest.mark.parametrize("path", ["/health", "/ready"])
async def test_probes_may_name_the_server_by_its_address(path: str) -> None:
    for host in ("10.1.2.3:8000", "[fe80::1]", "localhost:8000", "ogp.example"):
        assert (await get(LISTED, host, path)).status_code == 200
    assert (await get(LISTED, "evil.example", path)).status_code == 421


async def test_by_default_a_server_of_this_machine_answers_to_what_cannot_be_rebound() -> None:
    for host in ("127.0.0.1:8000", "localhost", "ogp.localhost:1", "[::1]", "192.168.1.1"):
        assert (await get({}, host)).status_code == 200
    response = await get({}, "evil.example:8000")
    assert (response.status_code, "OGPGRAPH_HOSTS" in response.text) == (421, True)
    assert "OGPGRAPH_TRUSTED_PROXIES" in response.text


@pytest.mark.parametrize(
    ("environ", "server"),
    [
        pytest.param({"OGPGRAPH_HOST": "0.0.0.0"}, "172.17.0.2", id="in a container"),
        pytest.param({}, "172.17.0.2", id="under a server with an address of its own"),
        pytest.param({"OGPGRAPH_TRUSTED_PROXIES": "127.0.0.1"}, "127.0.0.1", id="behind a trusted proxy"),
        pytest.param({"OGPGRAPH_HOSTS": "*"}, "127.0.0.1", id="with all allowed"),
    ],
)
async def test_a_deployment_answers_to_every_host_until_it_names_some(environ: dict[str, str], server: str) -> None:
    assert (await get(environ, "ogp.example", server=server)).status_code == 200


@pytest.mark.parametrize("value", ["a b", "http://ogp.example", "ogp.example/x", "a:b:c", "*.*", "a*", "a:99999"])
def test_a_setting_that_names_no_hosts_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="OGPGRAPH_HOSTS must be host names"):
        Settings.from_environment({"OGPGRAPH_HOSTS": value})


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    url = f"sqlite:///{tmp_path_factory.mktemp('hosts')}/log.db"
    migrate(url)
    with run_live_server(Settings.from_environment({"OGPGRAPH_DATABASE": url})) as address:
        yield address


@pytest.mark.slow
def test_a_page_that_rebinds_its_name_reaches_neither_endpoint_nor_websocket(address: str) -> None:
    rebound = {"Host": "evil.example", "Origin": "http://evil.example"}
    for path in ("/", "/graphql", "/feed", "/health", "/ready"):
        assert httpx.get(address + path, headers=rebound).status_code == 421
    own = urlsplit(address)
    with (
        create_connection((own.hostname or "", own.port or 0)) as connection,
        pytest.raises(InvalidStatus) as refusal,
        connect(f"ws://evil.example:{own.port}/graphql", sock=connection, subprotocols=[PROTOCOL]),
    ):
        pass
    assert refusal.value.response.status_code == 421
    with open_acknowledged_socket(address):
        pass
