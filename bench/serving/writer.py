"""Sends mutations at a fixed rate to a server, in a process of its own, until its standard input is closed.

    python -m bench.serving.writer PORT PATH DIALECT CODES_FILE [--rate 100] [--token TOKEN]

Each gives a commitment another title, which adds one entry. A mutation is due at its time, however long the ones before
it take: over at most 8 connections, so a server that is too slow gets fewer, which the rate in the result shows. It
prints one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import msgspec
import uvloop

from bench.serving.operations import MUTATIONS, Dialect, RequestBody

CONNECTIONS = 8
TIMEOUT_SECONDS = 30


class Writes(msgspec.Struct, kw_only=True):
    """What a writer measured; latencies are from when a mutation was due."""

    acknowledged: int = 0
    refused: int = 0
    seconds: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0

    @property
    def per_second(self) -> float:
        """Return the mutations acknowledged in a second."""
        return self.acknowledged / self.seconds if self.seconds else 0.0


class Writer:
    """The mutations sent so far."""

    def __init__(self, client: httpx.AsyncClient, path: str, dialect: Dialect, codes: list[str]) -> None:
        self._client = client
        self._path = path
        self._document = MUTATIONS[dialect]
        self._codes = codes
        self._random = random.Random()
        self._latencies: list[float] = []
        self._refused = 0

    async def write(self, due_at: float) -> None:
        """Send one mutation."""
        variables = {"code": self._random.choice(self._codes), "title": f"Title as of {time.time_ns()}"}
        try:
            response = await self._client.post(self._path, content=RequestBody(self._document, variables).encode())
            is_refused = has_errors(response.content)
        except (httpx.HTTPError, ValueError):
            is_refused = True
        self._refused += is_refused
        if not is_refused:
            self._latencies.append(time.perf_counter() - due_at)

    def summarize(self, seconds: float) -> Writes:
        """Return what was measured within a number of seconds."""
        ordered = sorted(self._latencies) or [0.0]
        return Writes(
            acknowledged=len(self._latencies),
            refused=self._refused,
            seconds=seconds,
            p50_ms=ordered[len(ordered) // 2] * 1000,
            p99_ms=ordered[int(len(ordered) * 0.99)] * 1000,
        )


def has_errors(body: bytes) -> bool:
    """Return whether a response to a mutation has errors, of GraphQL or in its payload."""
    response = json.loads(body)
    payloads = (response.get("data") or {}).values()
    return bool(response.get("errors")) or any(isinstance(each, dict) and each.get("errors") for each in payloads)


async def write_until_closed(writer: Writer, rate: float) -> Writes:
    """Send mutations at a rate until the standard input is closed."""
    closed = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    free, began, number = asyncio.Semaphore(CONNECTIONS), time.perf_counter(), 0
    sending: set[asyncio.Task[None]] = set()

    async def send(due_at: float) -> None:
        try:
            await writer.write(due_at)
        finally:
            free.release()

    print("writing", flush=True)
    while not closed.done():
        due_at = began + number / rate
        await asyncio.sleep(max(0.0, due_at - time.perf_counter()))
        await free.acquire()
        task = asyncio.create_task(send(due_at))
        sending.add(task)
        task.add_done_callback(sending.discard)
        number += 1
    ended = time.perf_counter()
    await asyncio.gather(*sending)
    return writer.summarize(ended - began)


async def run(arguments: argparse.Namespace) -> Writes:
    """Write to the server that the command line names."""
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if arguments.token:
        headers["Authorization"] = f"Bearer {arguments.token}"
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    address = f"http://127.0.0.1:{arguments.port}"
    async with httpx.AsyncClient(base_url=address, headers=headers, limits=limits, timeout=TIMEOUT_SECONDS) as client:
        writer = Writer(client, arguments.path, arguments.dialect, json.loads(arguments.codes.read_text()))
        return await write_until_closed(writer, arguments.rate)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("dialect", type=Dialect)
    parser.add_argument("codes", type=Path)
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--token", default="")
    with suppress(KeyboardInterrupt):
        print(msgspec.json.encode(uvloop.run(run(parser.parse_args()))).decode(), flush=True)


if __name__ == "__main__":
    main()
