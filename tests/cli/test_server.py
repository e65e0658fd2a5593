"""`ogpgraph serve` and `ogpgraph demo`."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from ogpgraph.cli.server import format_json
from ogpgraph.system import migrate, open_system
from tests.cli.conftest import RunCommand
from tests.cli.processes import start_command
from tests.support.waiting import wait_until
from tests.support.writers import register_commitment


def find_free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])


def post_query(port: int) -> httpx.Response | None:
    try:
        return httpx.post(f"http://127.0.0.1:{port}/graphql", json={"query": "{ meta { position } }"}, timeout=30)
    except httpx.TransportError:
        return None


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_serve_answers_and_stops_with_0(tmp_path: Path, stop: signal.Signals) -> None:
    port = find_free_port()
    with start_command("serve", "--port", port, folder=tmp_path) as process:
        response = wait_until(lambda: post_query(port))
        assert response.json()["data"] == {"meta": {"position": 0}}
        assert httpx.get(f"http://127.0.0.1:{port}/ready", timeout=30).status_code == 200
        console = httpx.get(f"http://127.0.0.1:{port}/", headers={"Accept": "text/html"}, timeout=30)
        assert console.headers["content-type"].startswith("text/html")
        process.send_signal(stop)
        process.communicate(timeout=60)
        assert process.returncode == 0


@contextmanager
def listen() -> Iterator[int]:
    """Occupy a port; yields it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_port_in_use_is_one_line(run: RunCommand, tmp_path: Path, command: str) -> None:
    with listen() as port:
        result = run(command, "--port", port)
    assert (result.code, result.out) == (1, "")
    (line,) = result.err.splitlines()
    assert f"port {port} of 127.0.0.1 is taken: choose another with --port" in line
    assert command == "serve" or not list(tmp_path.iterdir())


def test_demo_refuses_a_database_with_another_log_and_leaves_it_as_it_is(run: RunCommand, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/log.db"
    migrate(url)
    with open_system(url) as system:
        register_commitment(system, "FR0001")
    before = (tmp_path / "log.db").read_bytes()
    result = run("demo", "--port", "0", "--database", url)
    assert (result.code, result.out) == (1, "")
    assert "contains another log: choose another with --database" in result.err
    assert (tmp_path / "log.db").read_bytes() == before


def test_demo_obeys_the_database_of_the_environment(
    run: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/log.db"
    migrate(url)
    with open_system(url) as system:
        register_commitment(system, "FR0001")
    monkeypatch.setenv("OGPGRAPH_DATABASE", url)
    result = run("demo", "--port", "0")
    assert (result.code, "log.db contains another log" in result.err) == (1, True)
    assert not (tmp_path / "ogpgraph-demo.db").exists()


def test_an_unknown_host_is_one_line(run: RunCommand) -> None:
    result = run("serve", "--host", "no.such.host.invalid", "--port", "0")
    assert result.code == 1
    assert "no.such.host.invalid" in result.err
    assert "Traceback" not in result.err


@pytest.mark.slow
def test_demo_prints_its_queries_with_results_serves_them_and_stops_with_0(tmp_path: Path) -> None:
    with start_command("demo", "--port", "0", folder=tmp_path) as process:
        printed = read_introduction(process)
        (address,) = re.findall(r"^Try your own queries at (http://127\.0\.0\.1:\d+)/", printed, re.MULTILINE)
        query = "{ commitments(where: {starred: true}) { totalCount } }"
        response = httpx.post(f"{address}/graphql", json={"query": query}, timeout=60)
        assert response.json()["data"] == {"commitments": {"totalCount": 5}}
        page = httpx.get(f"{address}/console", timeout=60)
        assert "query NowAndThen" in page.text
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert re.findall(r"^(\d)\. ", printed, re.MULTILINE) == ["1", "2", "3", "4"]
    assert '"LIMITED"' in printed
    assert (tmp_path / "ogpgraph-demo.db").exists()


def read_introduction(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    printed = ""
    while "\nTry your own queries at" not in printed and (line := process.stdout.readline()):
        printed += line
    return printed


def test_json_has_as_few_lines_as_fit() -> None:
    value = {"a": [1, 2], "b": {"c": "d" * 20}, "e": [], "f": None}
    assert format_json(value, 80) == json.dumps(value)
    assert (
        format_json(value, 30)
        == f"""{{
  "a": [1, 2],
  "b": {{
    "c": "{"d" * 20}"
  }},
  "e": [],
  "f": null
}}"""
    )
