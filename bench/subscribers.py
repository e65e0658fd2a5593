"""Thousands of WebSocket subscribers in one process, as cheap as can be, so that the server is what is measured."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field
from typing import cast

_POSITION = re.compile(rb'"position": ?(\d+)')
_HANDSHAKE = (
    "GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)


def encode_masked_frame(text: bytes) -> bytes:
    """Return a client's text frame; its mask is all zeros, which changes nothing."""
    length = len(text)
    size = bytes((0x80 | length,)) if length < 126 else bytes((0x80 | 126,)) + length.to_bytes(2, "big")
    return b"\x81" + size + b"\0\0\0\0" + text


@dataclass
class Arrivals:
    """When each entry came to how many, and what was wrong."""

    last: dict[int, float] = field(default_factory=dict)
    count: dict[int, int] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    times: list[tuple[int, float]] | None = None

    def record(self, position: int) -> None:
        """Note that somebody has an entry."""
        self.last[position] = now = time.perf_counter()
        self.count[position] = self.count.get(position, 0) + 1
        if self.times is not None:
            self.times.append((position, now))
        self.changed.set()

    async def wait_for_all(self, position: int, number: int, seconds: float = 60) -> float:
        """Wait until so many have an entry; returns when the last of them got it."""
        async with asyncio.timeout(seconds):
            while self.count.get(position, 0) < number:
                self.changed.clear()
                await self.changed.wait()
        return self.last[position]


class Subscriber(asyncio.Protocol):
    """One subscriber, which reads frames and looks for positions in them."""

    def __init__(self, arrivals: Arrivals, query: bytes, ready: asyncio.Future[None], after: int | None = None) -> None:
        self._arrivals = arrivals
        self._query = query
        self._ready = ready
        self._after = after
        self._buffer = b""
        self._open = False
        self.positions: list[int] = []
        self.closed = False
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        opened = cast(asyncio.Transport, transport)
        self.transport = opened
        opened.write(_HANDSHAKE.encode())

    def connection_lost(self, _exc: Exception | None) -> None:
        self.closed = True
        if not self._ready.done():
            self._ready.set_exception(ConnectionError("closed before it was ready"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._open:
            if b"\r\n\r\n" not in self._buffer:
                return
            self._buffer = self._buffer.split(b"\r\n\r\n", 1)[1]
            self._open = True
            self._write(b'{"type":"connection_init"}')
        while frame := self._next_frame():
            self._handle_frame(*frame)

    def _next_frame(self) -> tuple[int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        length, begins = buffer[1] & 0x7F, 2
        if length == 126:
            length, begins = int.from_bytes(buffer[2:4], "big"), 4
        elif length == 127:
            length, begins = int.from_bytes(buffer[2:10], "big"), 10
        if len(buffer) < begins + length:
            return None
        self._buffer = buffer[begins + length :]
        return buffer[0] & 0x0F, buffer[begins : begins + length]

    def _handle_frame(self, opcode: int, text: bytes) -> None:
        if opcode == 9:
            assert self.transport is not None
            self.transport.write(b"\x8a" + bytes((0x80 | len(text),)) + b"\0\0\0\0" + text)
        elif opcode == 1 and text.find(b'"next"', 0, 100) >= 0:
            found = _POSITION.search(text)
            assert found, text
            self.positions.append(int(found[1]))
            self._arrivals.record(int(found[1]))
        elif opcode == 1 and b"connection_ack" in text:
            variables = b"" if self._after is None else b',"variables":{"after":%d}' % self._after
            self._write(b'{"id":"1","type":"subscribe","payload":{"query":"' + self._query + b'"' + variables + b"}}")
            self._write(b'{"type":"ping"}')
        elif opcode == 1 and b'"pong"' in text:
            if not self._ready.done():
                self._ready.set_result(None)
        elif opcode == 1 and b'"error"' in text:
            raise AssertionError(text)

    def _write(self, text: bytes) -> None:
        assert self.transport is not None
        self.transport.write(encode_masked_frame(text))


async def connect_many(
    port: int, number: int, query: str, arrivals: Arrivals, after: int | None = None
) -> list[Subscriber]:
    """Return so many subscribers, all of them let in; a moment later all of them follow."""
    loop, found = asyncio.get_running_loop(), []
    asked = query.replace('"', '\\"').replace("\n", " ").encode()
    limit = asyncio.Semaphore(100)

    async def one() -> Subscriber:
        async with limit:
            ready = loop.create_future()
            _, subscriber = await loop.create_connection(
                lambda: Subscriber(arrivals, asked, ready, after), "127.0.0.1", port
            )
            async with asyncio.timeout(60):
                await ready
            return subscriber

    found = await asyncio.gather(*(one() for _ in range(number)))
    return list(found)
