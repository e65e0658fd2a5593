"""docs/live.md shows code that runs and limits that hold; test_service_browser.py runs the code for browsers."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ogpgraph.demo.loader import load_demo
from ogpgraph.server.process import MAX_WEBSOCKET_MESSAGE_BYTES
from ogpgraph.settings import Settings
from ogpgraph.system import migrate
from ogpgraph.web.live import credential_recheck, hub, sse, subscribers, websocket, websocket_operation
from tests.support.tools import find_node, find_tool
from tests.web.live.clients import (
    open_acknowledged_socket,
    position_of,
    read_events,
    receive_message,
    run_live_server,
    subscribe,
)

pytestmark = pytest.mark.slow
PAGE = (Path(__file__).parents[3] / "docs" / "live.md").read_text("utf-8")
CLIENTS = Path(__file__).parents[2] / "clients"
JAVASCRIPT_BEFORE = "globalThis.show = (entry) => console.log(entry.position);\n"
DEFAULT_ADDRESS = "127.0.0.1:8000"


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the demonstration, in which all entries are about France."""
    url = f"sqlite:///{tmp_path_factory.mktemp('docs') / 'demo.db'}"
    migrate(url)
    load_demo(url)
    with run_live_server(Settings(database=url)) as address:
        yield address


def test_the_subscription_gets_the_corrections(address: str) -> None:
    (query,) = examples("graphql")
    with open_acknowledged_socket(address) as socket:
        subscribe(socket, "1", query, after=0)
        entries = [receive_message(socket)["payload"]["data"]["entries"] for _ in range(3)]
    assert [entry["cause"] for entry in entries] == ["CORRECTION"] * 3
    assert all(entry["reason"] and entry["changes"] for entry in entries)


def test_the_feed_has_the_events_and_members_shown(address: str) -> None:
    (command,) = examples("sh")
    (url,) = re.findall(r"'(\S+)'", command)
    with httpx.stream("GET", url.replace(f"http://{DEFAULT_ADDRESS}", address), timeout=60) as response:
        log, entry = read_events(response, 2)
    assert log.keys() == {"id", "event", "data"}
    assert log["event"] == "log"
    assert json.loads(log["data"]).keys() == {"logId", "position", "root", "cursor"}
    assert entry.keys() == {"id", "event", "data"}
    assert entry["event"] == "entry"
    assert json.loads(entry["data"])["data"]["entries"]["position"] == position_of(entry)


@pytest.mark.tools
def test_the_python_client_receives_every_entry(address: str) -> None:
    (code,) = examples("python")
    code = code.replace(f"ws://{DEFAULT_ADDRESS}", as_ws(address))
    lines = read_lines([find_tool("python"), "-u", "-c", code], 20)
    assert [int(re.findall(r"'position': (\d+)", line)[0]) for line in lines] == list(range(1, 21))


@pytest.mark.tools
@pytest.mark.parametrize("package", ["graphql-ws", "graphql-sse"])
def test_a_javascript_client_receives_every_entry(address: str, tmp_path: Path, package: str) -> None:
    (code,) = [example for example in examples("js") if "graphql-ws" in example]
    if package == "graphql-sse":
        (url,) = re.findall(r'url: "(http\S+)"', PAGE)
        code = re.sub(r'url: "ws\S+"', f'url: "{url}"', code).replace("graphql-ws", package)
        code = re.sub(r" +on: .*\n", "", code)
    code = code.replace(f"ws://{DEFAULT_ADDRESS}", as_ws(address)).replace(f"http://{DEFAULT_ADDRESS}", address)
    program = tmp_path / "client.mjs"
    program.write_text(JAVASCRIPT_BEFORE + code)
    node = find_node(CLIENTS)
    (tmp_path / "node_modules").symlink_to(CLIENTS / "node_modules")
    assert read_lines([node, str(program)], 20) == [str(position) for position in range(1, 21)]


def as_ws(address: str) -> str:
    return address.replace("http", "ws")


def read_lines(command: list[str], number: int) -> list[str]:
    """Return the first lines that an endless command prints."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            return [process.stdout.readline().rstrip("\n") for _ in range(number)]
        finally:
            process.kill()


def test_the_limits_are_those_of_the_code() -> None:
    text = re.sub(r"\s+", " ", PAGE)
    assert f"sent every {hub.HEARTBEAT_SECONDS:.0f} seconds" in text
    assert f"reads nothing for {sse.WRITE_TIMEOUT_SECONDS:.0f} seconds" in text
    assert websocket_operation.WRITE_TIMEOUT_SECONDS == sse.WRITE_TIMEOUT_SECONDS
    assert f"{subscribers.MAX_PENDING:,} entries are pending" in text
    assert f"{websocket.MAX_OPERATIONS} operations on a WebSocket" in text
    assert f"again every {credential_recheck.RECHECK_SECONDS:.0f} seconds" in text
    assert f"up to {MAX_WEBSOCKET_MESSAGE_BYTES // 1024} KiB" in text
