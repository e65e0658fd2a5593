"""Measures how long Python's garbage collector stops a serving process, and how much memory it has at the end.

    python -m bench.gc_pauses [--seconds 10] [--database sqlite:///…]

A server in a process of its own gets queries for lists with nested objects over eight connections, and a write every
100 ms. `gc.callbacks` measure the processor time of each collection there, which
a busy machine does not change. Beside it runs the same server with the collector's defaults.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import signal
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop
from rich.console import Console
from rich.table import Table

from bench.attack.__main__ import copy_database
from bench.attack.connections import SERVER_ADDRESS, Connection, encode_get, encode_post
from bench.data import database
from bench.servers import PROGRAM, resident_bytes
from ogpgraph.server import serve
from ogpgraph.settings import Settings

PORT, CONNECTIONS, WRITE_SECONDS = 18_444, 8, 0.1
_QUERY = """query Q($cycle: Int!) { commitments(first: 100, where: {cycle: {eq: $cycle}}) { nodes { code title
  actionPlan { title member { name } } milestones { number title status }
  ratings { indicator stage value statedAs } } } }"""
_WRITE = """mutation W($title: String!) { reviseCommitment(input: {commitment: "%s", title: $title,
  reason: "A measurement."}) { errors { message } } }"""


def serve_measured(url: str, output: Path, *, use_defaults: bool) -> None:
    """Serve a database until a signal, and write the pauses in milliseconds by generation to a file."""
    pauses: dict[str, list[float]] = defaultdict(list)
    began = 0.0

    def note(phase: str, info: dict[str, int]) -> None:
        nonlocal began
        if phase == "start":
            began = time.thread_time()
        else:
            pauses[str(info["generation"])].append((time.thread_time() - began) * 1000)

    def begin_to_note() -> None:
        if use_defaults:
            gc.unfreeze()
            gc.set_threshold(700, 10, 10)
        gc.callbacks.append(note)

    settings = Settings(
        database=url, port=PORT, writes_per_minute=1_000_000, cost_per_minute=10**12, log_level="warning"
    )
    serve(settings, on_listening=begin_to_note)
    output.write_text(json.dumps(pauses))


async def load(token: str, seconds: float) -> int:
    """Send queries and writes; return how many were answered."""
    answered = 0
    until = time.monotonic() + seconds

    async def query() -> None:
        nonlocal answered
        connection = await Connection.open(PORT, SERVER_ADDRESS)
        number = 0
        while time.monotonic() < until:
            number += 1
            answer = await connection.request(encode_post(_QUERY, {"cycle": 2011 + number % 7 * 2}))
            assert answer.status == 200, answer.body
            answered += 1
        connection.close()

    async def write() -> None:
        connection = await Connection.open(PORT, SERVER_ADDRESS)
        found = await connection.request(encode_post("{ commitments(first: 1) { nodes { code } } }"))
        code = json.loads(found.body)["data"]["commitments"]["nodes"][0]["code"]
        number = 0
        while time.monotonic() < until:
            number += 1
            await connection.request(encode_post(_WRITE % code, {"title": f"Measured {number} times"}, token))
            await asyncio.sleep(WRITE_SECONDS)
        connection.close()

    await asyncio.gather(write(), *(query() for _ in range(CONNECTIONS)))
    return answered


def measure(url: str, token: str, seconds: float, mode: str) -> tuple[dict[str, list[float]], int, float]:
    """Return the pauses by generation, the number of queries, and the megabytes at the end."""
    with TemporaryDirectory() as folder:
        output = Path(folder, "pauses.json")
        process = subprocess.Popen((sys.executable, "-m", "bench.gc_pauses", "serve", url, str(output), mode))
        try:
            uvloop.run(_wait_until_ready())
            answered = uvloop.run(load(token, seconds))
            megabytes = resident_bytes(process.pid) / 1e6
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
        return json.loads(output.read_text()), answered, megabytes


async def _wait_until_ready() -> None:
    for _ in range(600):
        await asyncio.sleep(0.1)
        with suppress(OSError):
            connection = await Connection.open(PORT, SERVER_ADDRESS)
            if (await connection.request(encode_get("/ready"))).status == 200:
                return
    raise TimeoutError


def main() -> None:
    if sys.argv[1:2] == ["serve"]:
        serve_measured(sys.argv[2], Path(sys.argv[3]), use_defaults=sys.argv[4] == "defaults")
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--database", default=None)
    arguments = parser.parse_args()
    table = Table("collector", "generation", "pauses", "total ms", "longest ms", "queries/s", "memory MB")
    with copy_database(arguments.database or database(), PROGRAM) as (url, token):
        for mode in ("defaults", "ours"):
            pauses, answered, megabytes = measure(url, token, arguments.seconds, mode)
            for generation, each in sorted(pauses.items()):
                figures = (str(len(each)), f"{sum(each):.0f}", f"{max(each):.1f}")
                table.add_row(mode, generation, *figures, f"{answered / arguments.seconds:.0f}", f"{megabytes:.0f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
