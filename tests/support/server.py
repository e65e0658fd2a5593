"""Servers of tests: `ogpgraph serve` in processes of its own, as operators start it, or an application in a thread."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import uvicorn

START_TIMEOUT_SECONDS = 90
OGPGRAPH = str(Path(sys.executable).with_name("ogpgraph"))


class Server:
    """A server on a free port, or on the one in the options; its log goes to a file."""

    def __init__(self, url: str, log: Path, *options: str, environment: Mapping[str, str] | None = None) -> None:
        command = [OGPGRAPH, "serve", "--port", "0", "--database", url, *options]
        self._log = log
        with log.open("w") as file:
            self.process = subprocess.Popen(
                command,
                stderr=file,
                stdout=file,
                start_new_session=True,
                env={**(environment or os.environ), "OGPGRAPH_LOG_FORMAT": "json"},
            )

    @property
    def log(self) -> list[dict[str, Any]]:
        """The records of the log."""
        return [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]

    @property
    def address(self) -> str:
        """The address of the server; waits until it is listening."""
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            if found := re.search(r'"address": "([^"]+)"', self._log.read_text()):
                return found[1]
            time.sleep(0.05)
        raise AssertionError(f"the server did not start: {self._log.read_text()}")

    def wait_until_ready(self, workers: int = 1) -> str:
        """Wait until all workers have started and the server reports that it is ready; returns its address."""
        address = self.address
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            started = self._log.read_text().count("Application startup complete")
            with suppress(httpx.TransportError):
                if started >= workers and httpx.get(f"{address}/ready", timeout=10).status_code == 200:
                    return address
            time.sleep(0.05)
        raise AssertionError(f"the server is not ready: {self._log.read_text()}")

    def workers(self) -> set[int]:
        """Return the process ids of all workers that have started, including those that ended."""
        return {int(found) for found in re.findall(r"Started server process \[(\d+)\]", self._log.read_text())}

    def kill(self) -> None:
        """Kill the server and its workers."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> tuple[int, float]:
        """Stop the server with SIGTERM; returns its exit code and the seconds it took."""
        began = time.monotonic()
        self.process.terminate()
        code = self.process.wait(timeout=60)
        return code, time.monotonic() - began


@contextmanager
def run_server(url: str, log: Path, *options: str, environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Start a server, by default in the environment of the test, and kill it at the end."""
    server = Server(url, log, *options, environment=environment)
    try:
        yield server
    finally:
        server.kill()


def post_query(address: str, query: str, **headers: str) -> httpx.Response:
    """Return the response to a GraphQL query, over a new connection, so that any of the workers may answer."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(f"{address}/graphql", json={"query": query}, headers=names, timeout=60)


@contextmanager
def serve_in_thread(config: uvicorn.Config, port: int = 0) -> Iterator[tuple[str, int]]:
    """Serve an application on the loopback interface, by default on a free port; yields its host and port."""
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", port))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        yield listener.getsockname()
    finally:
        server.should_exit = True
        thread.join(60)
    assert not thread.is_alive()
