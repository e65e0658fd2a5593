"""A generator of load in Python: where wrk is missing, and where each request is to be sent exactly once.

    python -m bench.serving.generator PORT REQUESTS_FILE [--connections 8] [--seconds 2 | --once]

It prints one line of JSON, as `load.lua` does.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import cast

import httptools
import msgspec
import uvloop

from bench.serving.load import CONNECTIONS, Load

HOST = "127.0.0.1"
FIRST_ERROR = 400


class Connection(asyncio.Protocol):
    """An open connection that sends the next request whenever a response is complete."""

    def __init__(self, take_next: Callable[[], bytes | None], measured: Measured) -> None:
        self._take_next = take_next
        self._measured = measured
        self._parser = httptools.HttpResponseParser(self)
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class has another base
        self._send_next()

    def data_received(self, data: bytes) -> None:
        self._measured.bytes += len(data)
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Record a response, as httptools calls it, and send the next request."""
        self._measured.add(time.perf_counter() - self._sent_at, self._parser.get_status_code())
        self._send_next()

    def connection_lost(self, error: Exception | None) -> None:
        self._measured.errors += bool(error)
        if not self.closed.done():
            self.closed.set_result(None)

    def _send_next(self) -> None:
        assert self._transport
        if (request := self._take_next()) is None:
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)


class Measured:
    """The latencies and errors so far."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.errors = 0
        self.bytes = 0

    def add(self, seconds: float, status: int) -> None:
        """Add a response."""
        self.seconds.append(seconds)
        self.errors += status >= FIRST_ERROR

    def summarize(self, duration: float) -> Load:
        """Return what was measured within a number of seconds."""
        ordered = sorted(self.seconds) or [0.0]
        return Load(
            requests=len(self.seconds),
            seconds=duration,
            p50_ms=ordered[len(ordered) // 2] * 1000,
            p99_ms=ordered[int(len(ordered) * 0.99)] * 1000,
            max_ms=ordered[-1] * 1000,
            errors=self.errors,
            bytes=self.bytes,
        )


def format_request(line: bytes) -> bytes:
    """Return the bytes of the request that a line of a requests file describes."""
    method, target, etag, body = line.split(b"\t", 3)
    head = [b"%s %s HTTP/1.1" % (method, target), b"Host: " + HOST.encode(), b"Accept: application/json"]
    if body:
        head += [b"Content-Type: application/json", b"Content-Length: %d" % len(body)]
    if etag:
        head.append(b"If-None-Match: " + etag)
    return b"\r\n".join([*head, b"", body])


def iter_requests(lines: list[bytes], first: int, seconds: float | None) -> Iterator[bytes]:
    """Yield the requests in turn: each once, or repeatedly until the seconds have passed."""
    requests = [format_request(line) for line in lines]
    if seconds is None:
        yield from requests
        return
    end, number = time.perf_counter() + seconds, first
    while time.perf_counter() < end:
        yield requests[number % len(requests)]
        number += 1


async def generate_load(port: int, requests: Iterator[bytes], connections: int) -> Load:
    """Send requests over some connections; each begins as soon as it is open."""
    measured, loop, began = Measured(), asyncio.get_running_loop(), time.perf_counter()

    def take_next() -> bytes | None:
        return next(islice(requests, 1), None)

    opened = [
        (await loop.create_connection(lambda: Connection(take_next, measured), HOST, port))[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(connection.closed for connection in opened))
    return measured.summarize(time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("port", type=int)
    parser.add_argument("requests", type=Path)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--once", action="store_true")
    arguments = parser.parse_args()
    lines = arguments.requests.read_bytes().splitlines()
    requests = iter_requests(lines, arguments.first, None if arguments.once else arguments.seconds)
    print(msgspec.json.encode(uvloop.run(generate_load(arguments.port, requests, arguments.connections))).decode())


if __name__ == "__main__":
    main()
