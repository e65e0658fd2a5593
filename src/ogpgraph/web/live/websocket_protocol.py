"""WebSockets as uvicorn speaks them, with a short way out for what thousands are sent at once.

ASGI's `send` costs each message a chain of coroutines and a task that is woken for it. Whoever keeps up is written to
directly instead; nobody else is.
"""

from __future__ import annotations

import asyncio
from collections import deque
from struct import Struct
from typing import Any, Final

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from ogpgraph.web.connection_timeouts import WriteTimeoutMixin
from ogpgraph.web.live.subscribers import StreamItem

SCOPE_EXTENSION: Final = "ogpgraph.wire"
"""Under which name a socket's scope has its `Wire`, among the extensions."""
_TEXT: Final = 0x81
_SHORT, _MEDIUM = 125, 0xFFFF
_pack_medium = Struct(">BBH").pack


class ReceiveQueue:
    """What a client sent and the application has not received yet: an asyncio.Queue in a tenth of its 3 KB."""

    __slots__ = ("_kept", "_waiting")

    def __init__(self) -> None:
        self._kept: deque[ASGIReceiveEvent] | None = None
        self._waiting: asyncio.Future[None] | None = None

    def put_nowait(self, event: ASGIReceiveEvent) -> None:
        """Put an event in."""
        if self._kept is None:
            self._kept = deque()
        self._kept.append(event)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def empty(self) -> bool:
        """Tell whether nothing is in it."""
        return not self._kept

    async def get(self) -> ASGIReceiveEvent:
        """Take the oldest event out, as soon as there is one; only one task may wait."""
        while not self._kept:
            self._kept = None
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        return self._kept.popleft()


class WebSocketProtocol(WriteTimeoutMixin, WebSocketsSansIOProtocol):
    """One WebSocket, which the application may write to without waiting."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.queue = ReceiveQueue()  # type: ignore[assignment]  # it has what the protocol uses of a queue

    def start_keepalive(self) -> None:
        """Begin to send pings; the handshake is over, and what it was made of is not needed any more."""
        super().start_keepalive()
        del self.request, self.response

    def handle_connect(self, event: Request) -> None:
        """Begin the handshake; the application finds this wire in its scope."""
        super().handle_connect(event)
        if hasattr(self, "scope") and not self.config.ws_per_message_deflate:
            self.scope["extensions"][SCOPE_EXTENSION] = self  # type: ignore[assignment]  # ASGI lets servers add what they like

    async def send(self, message: ASGISendEvent) -> None:
        """Send what the application says; that a refusal ends the handshake, too, the server itself does not note."""
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True

    @property
    def is_writable(self) -> bool:
        """Tell whether the client has read so far that more may be written."""
        return (
            self.writable.is_set()
            and self.handshake_complete
            and not (self.disconnected or self.close_sent or self.transport.is_closing())
        )

    def write_text(self, *parts: bytes) -> None:
        """Write a text message, given in parts; only while it is writable."""
        self.transport.write(b"".join((encode_frame_header(sum(map(len, parts))), *parts)))


class DirectWriter:
    """The shortest way to a client that keeps up: few objects are touched, which thousands in turn find in no cache."""

    __slots__ = ("_is_closing", "_prefix", "_wire", "_writable", "_write")

    def __init__(self, wire: WebSocketProtocol, prefix: bytes) -> None:
        self._wire = wire
        self._prefix = prefix
        self._writable = wire.writable
        self._is_closing = wire.transport.is_closing
        self._write = wire.transport.write

    def __call__(self, item: StreamItem, after: int) -> bool:
        """Write an item past a position, if the client keeps up; tell whether it was written."""
        prefix, payload = self._prefix, item.payload
        if payload is None or item.position <= after:
            return False
        if not self._writable.is_set() or self._wire.close_sent or self._is_closing():
            return False
        self._write(b"".join((encode_frame_header(len(prefix) + len(payload) + 1), prefix, payload, b"}")))
        return True


def encode_frame_header(length: int) -> bytes:
    """Return what stands before the payload of a whole, unmasked text frame (RFC 6455, 5.2)."""
    if length <= _SHORT:
        return bytes((_TEXT, length))
    if length <= _MEDIUM:
        return _pack_medium(_TEXT, 126, length)
    return bytes((_TEXT, 127)) + length.to_bytes(8, "big")
