"""Processes that listen on a port, and what they use of the machine."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

START_TIMEOUT_SECONDS = 300
OGPGRAPH = str(Path(sys.executable).with_name("ogpgraph"))
_TICKS = os.sysconf("SC_CLK_TCK")


class Process(NamedTuple):
    """A process that answers on a port, and the seconds that its start took until it was ready."""

    pid: int
    port: int
    start_seconds: float


class Usage(NamedTuple):
    """The processor time, in seconds, and the resident memory, in bytes, of a process and its children."""

    cpu_seconds: float
    resident_bytes: int


def clean_environment() -> dict[str, str]:
    """Return the environment without settings of ogpgraph, so that every server runs with its defaults."""
    return {name: value for name, value in os.environ.items() if not name.startswith("OGPGRAPH_")}


def find_free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def run_process(
    command: Sequence[str], port: int, log: Path, environment: Mapping[str, str], ready_path: str | None = None
) -> Iterator[Process]:
    """Run a command, and kill it and its children at the end.

    It is ready once it listens, or once it answers 200 to a GET of `ready_path`. Raises RuntimeError with the end of
    its log if it ends before, or is not ready in time.
    """
    began = time.perf_counter()
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**clean_environment(), **environment},
            start_new_session=True,  # so that its children can be killed with it
        )
    try:
        while not _is_ready(port, ready_path):
            if process.poll() is not None or time.perf_counter() - began > START_TIMEOUT_SECONDS:
                raise RuntimeError(f"{command[0]} did not start: {log.read_text()[-2000:]}")
            time.sleep(0.02)
        yield Process(process.pid, port, time.perf_counter() - began)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _is_ready(port: int, path: str | None) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        if path is None:
            return True
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        return bool(re.match(rb"HTTP/1.1 200 ", connection.recv(64)))
    return False


def read_usage(pid: int) -> Usage:
    """Return what a process and all its descendants use; what ended children used is not counted."""
    children: dict[int, list[int]] = {}
    stats: dict[int, Usage] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            number = int(folder.name)
            children.setdefault(int(fields[1]), []).append(number)
            resident = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
            stats[number] = Usage((int(fields[11]) + int(fields[12])) / _TICKS, resident)
    pending, cpu, resident = [pid], 0.0, 0
    while pending:
        number = pending.pop()
        if usage := stats.pop(number, None):
            cpu, resident = cpu + usage.cpu_seconds, resident + usage.resident_bytes
            pending += children.get(number, [])
    return Usage(cpu, resident)
