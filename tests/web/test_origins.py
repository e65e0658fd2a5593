"""Which pages a browser lets ask: all by default; where some are named, those and the server's own."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from ogpgraph.settings import Settings
from ogpgraph.system import migrate
from tests.web.live.clients import open_acknowledged_socket, run_live_server

THEIRS, OTHERS = "https://dashboard.example", "https://elsewhere.example"
QUESTION = {"query": "{ meta { position } }"}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('origins')}/log.db"
    migrate(url)
    return url


@pytest.fixture(scope="module")
def address(database: str) -> Iterator[str]:
    """A server for the pages of two origins."""
    named = f"https://one.example, {THEIRS}"
    with run_live_server(Settings.from_environment({"OGPGRAPH_DATABASE": database, "OGPGRAPH_ORIGINS": named})) as it:
        yield it


def test_a_page_of_a_named_origin_asks_reads_and_follows(address: str) -> None:
    answer = httpx.post(f"{address}/graphql", json=QUESTION, headers={"Origin": THEIRS})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, THEIRS)
    with open_acknowledged_socket(address, origin=Origin(THEIRS)):
        pass


def test_the_servers_own_page_asks_and_follows(address: str) -> None:
    assert httpx.post(f"{address}/graphql", json=QUESTION, headers={"Origin": address}).status_code == 200
    with open_acknowledged_socket(address, origin=Origin(address)):
        pass


def test_programs_that_are_no_browser_send_no_origin_and_may(address: str) -> None:
    assert httpx.post(f"{address}/graphql", json=QUESTION).status_code == 200
    with open_acknowledged_socket(address):
        pass


@pytest.mark.parametrize(
    "origin", [OTHERS, "null", f"{THEIRS}.elsewhere.example", f"{THEIRS}:8443", "http://[bad", "nonsense"]
)
def test_pages_of_other_origins_neither_ask_nor_follow(
    address: str, origin: str, caplog: pytest.LogCaptureFixture
) -> None:
    for path in ("/graphql", "/feed"):
        answer = httpx.post(address + path, json=QUESTION, headers={"Origin": origin})
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (403, "ORIGIN_REFUSED")
    with pytest.raises(InvalidStatus) as refusal, open_acknowledged_socket(address, origin=Origin(origin)):
        pass
    assert refusal.value.response.status_code == 403
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_by_default_pages_of_all_origins_ask_and_follow(database: str) -> None:
    with run_live_server(Settings.from_environment({"OGPGRAPH_DATABASE": database})) as address:
        answer = httpx.post(f"{address}/graphql", json=QUESTION, headers={"Origin": OTHERS})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
        with open_acknowledged_socket(address, origin=Origin(OTHERS)):
            pass
