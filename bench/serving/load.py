"""The load: requests in a closed loop over open connections, by wrk, or by a generator of ours where wrk is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec

CONNECTIONS = 8
_SCRIPT = Path(__file__).with_name("load.lua")
_MARGIN_SECONDS = 60


class Request(NamedTuple):
    """What is sent; a GET has no body, and the entity tag is that of `If-None-Match`."""

    method: str
    target: str
    body: bytes = b""
    etag: str = ""

    def encode(self) -> bytes:
        """Return the line that the generators read."""
        return b"\t".join([self.method.encode(), self.target.encode(), self.etag.encode(), self.body])


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What a generator measured; `errors` are responses with a status of 400 or more, and broken connections."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    errors: int
    bytes: int

    @property
    def per_second(self) -> float:
        """Return the requests answered in a second."""
        return self.requests / self.seconds if self.seconds else 0.0


@cache
def find_wrk() -> str | None:
    """Return the path of wrk, None where it is not installed."""
    return shutil.which("wrk")


def describe_generator() -> str:
    """Return the name of the generator that is used, with its version or with what it means for the figures."""
    if wrk := find_wrk():
        shown = subprocess.run([wrk, "--version"], capture_output=True, text=True, check=False)
        return (shown.stdout or shown.stderr).split("Copyright")[0].strip()
    return (
        "our own generator in Python, because wrk is not installed (Debian: apt-get install wrk). It takes part of the "
        "processor that the servers need and limits the fastest of them: compare figures only with others of this kind"
    )


@contextmanager
def write_requests(requests: Sequence[Request]) -> Iterator[Path]:
    """Write requests to a file that the generators read; it is removed at the end of the context."""
    with tempfile.NamedTemporaryFile(suffix=".requests") as file:
        file.write(b"".join(each.encode() + b"\n" for each in requests))
        file.flush()
        yield Path(file.name)


def apply_load(port: int, requests: Path, seconds: float, first: int = 0) -> Load:
    """Send the requests of a file in turn, beginning with the number `first`, for some seconds."""
    if not (wrk := find_wrk()):
        return _run_generator(port, requests, seconds, "--seconds", str(seconds), "--first", str(first))
    command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--timeout", "30s"]
    command += ["--latency", "-s", str(_SCRIPT), f"http://127.0.0.1:{port}"]
    environment = {**os.environ, "REQUESTS": str(requests), "FIRST": str(first)}
    return _parse(_run(command, seconds, environment))


def send_once(port: int, requests: Path) -> Load:
    """Send each request of a file once: always by our own generator, as wrk cannot count."""
    return _run_generator(port, requests, _MARGIN_SECONDS, "--once")


def _run_generator(port: int, requests: Path, seconds: float, *options: str) -> Load:
    command = [sys.executable, "-m", "bench.serving.generator", str(port), str(requests)]
    return _parse(_run([*command, "--connections", str(CONNECTIONS), *options], seconds, dict(os.environ)))


def _run(command: list[str], seconds: float, environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, timeout=seconds + _MARGIN_SECONDS
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr or done.stdout}")
    return done.stdout


def _parse(output: str) -> Load:
    return msgspec.json.decode(output.strip().splitlines()[-1], type=Load)
