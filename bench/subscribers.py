"""Thousands of WebSocket subscribers in one process, as cheap as possible, so that the server is what is measured."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field
from typing import cast

_POSITION = re.compile(rb'"position": ?(\d+)')
_HANDSHAKE = (
    "GET /graphql HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)
_MASK = b"\0\0\0\0"
"""A client must mask its frames (RFC 6455, section 5.3); zeros mask without changing anything."""
_TEXT, _PING, _PONG = 1, 9, 10
_FINAL, _MASKED = 0x80, 0x80
CONCURRENT_CONNECTS = 100


def encode_masked_frame(text: bytes) -> bytes:
    """Return a text frame of a client."""
    length = len(text)
    size = bytes((_MASKED | length,)) if length < 126 else bytes((_MASKED | 126,)) + length.to_bytes(2, "big")
    return bytes((_FINAL | _TEXT,)) + size + _MASK + text


@dataclass
class Arrivals:
    """The time of the last arrival of each entry, and the number of its arrivals."""

    last: dict[int, float] = field(default_factory=dict)
    count: dict[int, int] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def record(self, position: int) -> None:
        """Record that a subscriber has received an entry."""
        self.last[position] = time.perf_counter()
        self.count[position] = self.count.get(position, 0) + 1
        self.changed.set()

    async def wait_for_all(self, position: int, subscribers: int, seconds: float = 60) -> float:
        """Wait until so many subscribers have an entry; returns the time of the last arrival."""
        async with asyncio.timeout(seconds):
            while self.count.get(position, 0) < subscribers:
                self.changed.clear()
                await self.changed.wait()
        return self.last[position]


class Subscriber(asyncio.Protocol):
    """One subscriber. It searches frames for positions instead of decoding them."""

    def __init__(self, arrivals: Arrivals, query: bytes, ready: asyncio.Future[None], after: int | None = None) -> None:
        self._arrivals = arrivals
        self._query = query
        self._ready = ready
        self._after = after
        self._buffer = b""
        self._is_upgraded = False
        self._transport: asyncio.Transport | None = None
        self.positions: list[int] = []
        self.closed = False

    def close(self) -> None:
        """Close the connection."""
        assert self._transport is not None
        self._transport.close()

    def abort(self) -> None:
        """Close the connection without sending what is buffered."""
        assert self._transport is not None
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(_HANDSHAKE.encode())

    def connection_lost(self, _exc: Exception | None) -> None:
        self.closed = True
        if not self._ready.done():
            self._ready.set_exception(ConnectionError("closed before it was ready"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._is_upgraded:
            if b"\r\n\r\n" not in self._buffer:
                return
            self._buffer = self._buffer.split(b"\r\n\r\n", 1)[1]
            self._is_upgraded = True
            self._send(b'{"type":"connection_init"}')
        while frame := self._next_frame():
            self._handle_frame(*frame)

    def _next_frame(self) -> tuple[int, bytes] | None:
        """Remove the next complete frame from the buffer; returns its opcode and payload."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        length, start = buffer[1] & 0x7F, 2
        if length == 126:
            length, start = int.from_bytes(buffer[2:4], "big"), 4
        elif length == 127:
            length, start = int.from_bytes(buffer[2:10], "big"), 10
        if len(buffer) < start + length:
            return None
        self._buffer = buffer[start + length :]
        return buffer[0] & 0x0F, buffer[start : start + length]

    def _handle_frame(self, opcode: int, text: bytes) -> None:
        if opcode == _PING:
            assert self._transport is not None
            self._transport.write(bytes((_FINAL | _PONG, _MASKED | len(text))) + _MASK + text)
        elif opcode == _TEXT and text.find(b'"next"', 0, 100) >= 0:
            found = _POSITION.search(text)
            assert found, text
            self.positions.append(int(found[1]))
            self._arrivals.record(int(found[1]))
        elif opcode == _TEXT and b"connection_ack" in text:
            self._subscribe()
        elif opcode == _TEXT and b'"pong"' in text:
            if not self._ready.done():
                self._ready.set_result(None)
        elif opcode == _TEXT and b'"error"' in text:
            raise AssertionError(text)

    def _subscribe(self) -> None:
        variables = b"" if self._after is None else b',"variables":{"after":%d}' % self._after
        self._send(b'{"id":"1","type":"subscribe","payload":{"query":"' + self._query + b'"' + variables + b"}}")
        self._send(b'{"type":"ping"}')  # its answer shows that the subscription was received

    def _send(self, text: bytes) -> None:
        assert self._transport is not None
        self._transport.write(encode_masked_frame(text))


async def connect_many(
    port: int, number: int, query: str, arrivals: Arrivals, after: int | None = None
) -> list[Subscriber]:
    """Connect subscribers, and wait until the server has received all their subscriptions."""
    escaped = query.replace('"', '\\"').replace("\n", " ").encode()
    limit = asyncio.Semaphore(CONCURRENT_CONNECTS)
    connecting = (_connect(limit, port, escaped, arrivals, after) for _ in range(number))
    return list(await asyncio.gather(*connecting))


async def _connect(
    limit: asyncio.Semaphore, port: int, query: bytes, arrivals: Arrivals, after: int | None
) -> Subscriber:
    async with limit:
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        subscriber = Subscriber(arrivals, query, ready, after)
        await loop.create_connection(lambda: subscriber, "127.0.0.1", port)
        async with asyncio.timeout(60):
            await ready
        return subscriber


class ResumedStream:
    """A subscription that is resumed after each disconnect; counts the entries that are missing or repeated."""

    def __init__(self, query: str) -> None:
        self._query = query
        self.start = self.last = 2
        self.received = self.gaps = self.repeated = self.connects = 0
        self._subscriber: Subscriber | None = None
        self._checked = 0

    @property
    def is_connected(self) -> bool:
        return self._subscriber is not None and not self._subscriber.closed

    def check_new(self) -> None:
        """Check the entries that have arrived since the last call."""
        if self._subscriber is None:
            return
        for position in self._subscriber.positions[self._checked :]:
            if position <= self.last:
                self.repeated += 1
            elif position != self.last + 1:
                self.gaps += 1
            self.last = max(self.last, position)
            self.received += 1
        self._checked = len(self._subscriber.positions)

    def disconnect(self) -> None:
        self.check_new()
        if self._subscriber is not None:
            self._subscriber.abort()
        self._subscriber, self._checked = None, 0

    async def resume(self, port: int) -> None:
        """Connect and resume after the last entry; if the server is not reachable, remain disconnected."""
        self.disconnect()
        try:
            (self._subscriber,) = await connect_many(port, 1, self._query, Arrivals(), self.last)
            self.connects += 1
        except (OSError, TimeoutError):
            self._subscriber = None
