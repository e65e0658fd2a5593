"""Which pages a browser lets use the server: by default all, otherwise those of named origins and the server's own."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from ogpgraph.settings import Settings
from ogpgraph.system import migrate
from tests.web.live.clients import open_acknowledged_socket, run_live_server

pytestmark = pytest.mark.slow

NAMED_ORIGIN, OTHER_ORIGIN = "https://dashboard.example", "https://elsewhere.example"
QUERY = {"query": "{ meta { position } }"}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('origins')}/log.db"
    migrate(url)
    return url


@pytest.fixture(scope="module")
def address(database: str) -> Iterator[str]:
    """A server for the pages of two origins."""
    named = f"https://one.example, {NAMED_ORIGIN}"
    with run_live_server(
        Settings.from_environment({"OGPGRAPH_DATABASE": database, "OGPGRAPH_ORIGINS": named})
    ) as address:
        yield address


def test_pages_of_a_named_origin_may_query_and_subscribe(address: str) -> None:
    response = httpx.post(f"{address}/graphql", json=QUERY, headers={"Origin": NAMED_ORIGIN})
    assert (response.status_code, response.headers["access-control-allow-origin"]) == (200, NAMED_ORIGIN)
    with open_acknowledged_socket(address, origin=Origin(NAMED_ORIGIN)):
        pass


def test_the_servers_own_pages_may_query_and_subscribe(address: str) -> None:
    assert httpx.post(f"{address}/graphql", json=QUERY, headers={"Origin": address}).status_code == 200
    with open_acknowledged_socket(address, origin=Origin(address)):
        pass


def test_programs_that_send_no_origin_may_query_and_subscribe(address: str) -> None:
    assert httpx.post(f"{address}/graphql", json=QUERY).status_code == 200
    with open_acknowledged_socket(address):
        pass


@pytest.mark.parametrize(
    "origin",
    [OTHER_ORIGIN, "null", f"{NAMED_ORIGIN}.elsewhere.example", f"{NAMED_ORIGIN}:8443", "http://[bad", "nonsense"],
)
def test_pages_of_other_origins_may_neither_query_nor_subscribe(
    address: str, origin: str, caplog: pytest.LogCaptureFixture
) -> None:
    for path in ("/graphql", "/feed"):
        response = httpx.post(address + path, json=QUERY, headers={"Origin": origin})
        assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (403, "ORIGIN_REFUSED")
    with pytest.raises(InvalidStatus) as refusal, open_acknowledged_socket(address, origin=Origin(origin)):
        pass
    assert refusal.value.response.status_code == 403
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_by_default_pages_of_all_origins_may_query_and_subscribe(database: str) -> None:
    with run_live_server(Settings.from_environment({"OGPGRAPH_DATABASE": database})) as address:
        response = httpx.post(f"{address}/graphql", json=QUERY, headers={"Origin": OTHER_ORIGIN})
        assert (response.status_code, response.headers["access-control-allow-origin"]) == (200, "*")
        with open_acknowledged_socket(address, origin=Origin(OTHER_ORIGIN)):
            pass
