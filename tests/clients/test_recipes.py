"""The recipes of the guide for clients that keep objects by id, run by the real clients against a real server."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import Server
from tests.support.tools import NEEDS_TOOLS, find_node

pytestmark = NEEDS_TOOLS

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
ADDRESS_IN_GUIDE = "localhost:8000"
NUMBER_OF_TESTS = 4  # those of contract.mjs


@pytest.fixture
def live_port() -> int:
    """A free port, on which the tests forward subscriptions to the server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def recipes(server: Server, live_port: int, tmp_path: Path) -> Path:
    """A folder with the files of the guide, for the server of the test, and with the tests of them."""
    guide = (ROOT / "docs" / "clients.md").read_text("utf-8")
    for name, content in re.findall(r"`([\w.]+)`:\n\n```\w+\n(.*?)```", guide, re.DOTALL):
        live = content.replace(f"ws://{ADDRESS_IN_GUIDE}", f"ws://127.0.0.1:{live_port}")
        (tmp_path / name).write_text(live.replace(f"http://{ADDRESS_IN_GUIDE}", server.address))
    for script in HERE.glob("*.mjs"):
        shutil.copy(script, tmp_path)
    (tmp_path / "schema.graphql").write_bytes((ROOT / "schema" / "ogpgraph.graphql").read_bytes())
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "node_modules").symlink_to(HERE / "node_modules")
    return tmp_path


@pytest.mark.parametrize("client", ["apollo", "urql", "relay"])
def test_a_cache_keeps_past_present_and_both_sides_of_a_comparison_apart_and_follows_the_log(
    client: str, server: Server, token: str, recipes: Path, live_port: int
) -> None:
    node = find_node(HERE)
    if client == "relay":
        run(recipes, node, "node_modules/relay-compiler/cli.js", "relay.config.json")
    options = ["--test", "--test-force-exit", "--test-reporter=tap"]  # some clients never close their socket
    environment = {"ADDRESS": server.address, "TOKEN": token, "LIVE_PORT": str(live_port)}
    output = run(recipes, node, *options, f"{client}_test.mjs", **environment)
    assert f"# pass {NUMBER_OF_TESTS}\n# fail 0\n" in output, output
    sys.stdout.write(output[output.index("# tests") :])


def run(folder: Path, *command: str, **environment: str) -> str:
    """Run a program in a folder; returns what it prints."""
    completed = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    return completed.stdout
