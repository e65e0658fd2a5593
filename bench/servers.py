"""Servers in processes of their own, and what they use: ours, and those that `bench.live` compares with."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

START_TIMEOUT_SECONDS = 60
PROGRAM = str(Path(sys.executable).with_name("ogpgraph"))
MANY_CONNECTIONS: Mapping[str, str] = {"OGPGRAPH_MAX_LIVE": "20000", "OGPGRAPH_MAX_LIVE_EACH": "20000"}


class RunningServer(NamedTuple):
    """The process id and the port of a server."""

    pid: int
    port: int


@contextmanager
def run_ogpgraph(
    url: str, *options: str, program: str = PROGRAM, environment: Mapping[str, str] = MANY_CONNECTIONS
) -> Iterator[RunningServer]:
    """Run our server, or the same program of another version, on a database."""
    command = [program, "serve", "--port", "0", "--database", url, *options]
    with _run_server(command, environment) as server:
        yield server


@contextmanager
def run_strawberry() -> Iterator[RunningServer]:
    """Run the stock Strawberry server."""
    uvicorn = str(Path(sys.executable).with_name("uvicorn"))
    command = [uvicorn, "bench.strawberry_live:app", "--port", "0", "--ws-per-message-deflate", "false"]
    with _run_server(command, {}) as server:
        yield server


@contextmanager
def run_mercurius(node: str, modules: Path) -> Iterator[RunningServer]:
    """Run the Mercurius server, with the packages in a folder `node_modules`."""
    program = Path(__file__).with_name("live_mercurius.mjs")
    with _run_server([node, str(program), str(modules)], {"NODE_ENV": "production"}) as server:
        yield server


@contextmanager
def _run_server(command: list[str], environment: Mapping[str, str]) -> Iterator[RunningServer]:
    with tempfile.NamedTemporaryFile("r", suffix=".log") as log:
        with Path(log.name).open("w") as file:
            process = subprocess.Popen(
                command,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,  # so that its workers can be killed with it
            )
        try:
            yield RunningServer(process.pid, _wait_for_port(Path(log.name), process))
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_for_port(log: Path, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        text = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text())  # without colours
        if "startup complete" in text and (found := re.search(r"http://127.0.0.1:(\d+)", text)):
            return int(found[1])
        time.sleep(0.05)
    raise RuntimeError(f"the server did not start: {log.read_text()}")


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def count_sockets(pid: int) -> int:
    """Return the number of open sockets of a process."""
    return sum("socket" in str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir())


def post(port: int, path: str) -> bytes:
    """Send an empty POST request; returns the body of the response."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method="POST")
    with urllib.request.urlopen(request, timeout=60) as response:
        body: bytes = response.read()
        return body
