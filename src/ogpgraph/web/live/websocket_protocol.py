"""uvicorn's WebSocket protocol, extended by a direct way to write to a connection.

ASGI's `send` costs a chain of coroutines and the wake-up of a task for each message, which adds up when thousands of
subscribers get the same entry. A connection whose client keeps up can be written to without any of it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from struct import Struct
from typing import Any, Final

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from ogpgraph.readmodel.bookmark import Bookmark
from ogpgraph.web.connection_timeouts import BODY_GRACE_SECONDS, Rejection, WriteTimeoutMixin, encode_rejection
from ogpgraph.web.error_codes import CloseCode, RequestErrorCode
from ogpgraph.web.live.subscribers import StreamItem

SCOPE_EXTENSION: Final = "ogpgraph.websocket"
"""The key of a scope's `extensions` under which the application finds its connection's `WebSocketProtocol`."""
MAX_FRAGMENTS: Final = 64
"""The most fragments of a message; uvicorn limits its bytes only, and a fragment may have none."""
MAX_FRAMES_AT_ONCE: Final = 500
"""The most frames that are read at once: thousands of tiny ones would keep all other connections waiting."""
_NO_HANDSHAKE: Final = Rejection(
    RequestErrorCode.BAD_REQUEST, "The handshake of a WebSocket is a GET without a body, and this request is not."
)
_SLICE_BYTES: Final = 4_096
_TEXT_FRAME: Final = 0x81
_MAX_SHORT_LENGTH, _MAX_MEDIUM_LENGTH = 125, 0xFFFF
_pack_medium_header = Struct(">BBH").pack


class ReceiveQueue:
    """The messages of a client that the application has not received yet.

    It takes a tenth of the 3 KB of an asyncio.Queue, of which it has the part that uvicorn uses.
    """

    __slots__ = ("_events", "_waiter")

    def __init__(self) -> None:
        self._events: deque[ASGIReceiveEvent] | None = None
        self._waiter: asyncio.Future[None] | None = None

    def put_nowait(self, event: ASGIReceiveEvent) -> None:
        """Append an event."""
        if self._events is None:
            self._events = deque()
        self._events.append(event)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def empty(self) -> bool:
        """Return whether there is no event."""
        return not self._events

    async def get(self) -> ASGIReceiveEvent:
        """Remove and return the oldest event once there is one; only one task may wait at a time."""
        while not self._events:
            self._events = None
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._events.popleft()


class WebSocketProtocol(WriteTimeoutMixin, WebSocketsSansIOProtocol):
    """One WebSocket connection, which the application may write to without awaiting."""

    _frames_at_once = 0
    _has_failed = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.queue = ReceiveQueue()  # type: ignore[assignment]  # it has what the base class uses of a queue

    def data_received(self, data: bytes) -> None:
        """Take what was received, a little at a time, so that a limit is noticed before all of it was parsed."""
        self._frames_at_once = 0
        for start in range(0, len(data), _SLICE_BYTES):
            if self._has_failed or self.transport.is_closing():
                return
            super().data_received(data[start : start + _SLICE_BYTES])
        if not self.handshake_initiated:
            self._reject_handshake()

    def handle_events(self) -> None:
        """Handle frames, unless they exceed a limit."""
        self._frames_at_once += len(self.conn.events)
        super().handle_events()
        if self._frames_at_once > MAX_FRAMES_AT_ONCE:
            self._fail("Too many frames at once")
        elif len(self.frames) > MAX_FRAGMENTS:
            self._fail("Too many fragments")

    def handle_ping(self) -> None:
        """Answer a ping, but not that of a client which does not read: the answers would pile up."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()  # RFC 6455, 5.5.3 permits to answer the last of several only

    def _reject_handshake(self) -> None:
        """Reject a handshake that came as a whole, as it always does, and that the library cannot read."""
        self.transport.write(encode_rejection(_NO_HANDSHAKE))
        self._has_failed = True
        self.loop.call_later(BODY_GRACE_SECONDS, self.transport.close)

    def _fail(self, reason: str) -> None:
        if self.close_sent or self.transport.is_closing():
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": CloseCode.BAD_REQUEST, "reason": reason})
        self.conn.fail(CloseCode.BAD_REQUEST, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = self._has_failed = True
        # Not at once: a connection that is closed on what the client is still sending would lose the close frame.
        self.loop.call_later(BODY_GRACE_SECONDS, self.transport.close)

    def start_keepalive(self) -> None:
        """Begin to send pings. The handshake is over, so its request and response are dropped to save memory."""
        super().start_keepalive()
        del self.request, self.response

    def handle_connect(self, event: Request) -> None:
        """Begin the handshake, and put this connection into the application's scope."""
        super().handle_connect(event)
        # Frames are written here without compression, so not on a connection that negotiated it.
        if hasattr(self, "scope") and not self.config.ws_per_message_deflate:
            self.scope["extensions"][SCOPE_EXTENSION] = self  # type: ignore[assignment]  # ASGI allows extensions of a server

    async def send(self, message: ASGISendEvent) -> None:
        """Send a message of the application."""
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            # uvicorn does not do so when the application rejects the handshake with a response of its own.
            self.handshake_complete = True

    @property
    def is_writable(self) -> bool:
        """Whether a message may be written directly: the connection is open and its write buffer is not full."""
        return (
            self.writable.is_set()
            and self.handshake_complete
            and not (self.disconnected or self.close_sent or self.transport.is_closing())
        )

    def write_text(self, *parts: bytes) -> None:
        """Write the parts as one text message; only while `is_writable`."""
        self.transport.write(b"".join((encode_frame_header(sum(map(len, parts))), *parts)))


class DirectWriter:
    """Writes results of one operation to a connection.

    It is called for thousands of connections in turn, whose objects are in no CPU cache, so it touches few of them.
    """

    __slots__ = ("_is_closing", "_prefix", "_protocol", "_writable", "_write")

    def __init__(self, protocol: WebSocketProtocol, prefix: bytes) -> None:
        self._protocol = protocol
        self._prefix = prefix
        self._writable = protocol.writable
        self._is_closing = protocol.transport.is_closing
        self._write = protocol.transport.write

    def __call__(self, item: StreamItem, after: Bookmark) -> bool:
        """Write an item whose position is past `after`; returns False if that is impossible, and writes nothing."""
        prefix, payload = self._prefix, item.payload
        if payload is None or item.bookmark <= after:
            return False
        if not self._writable.is_set() or self._protocol.close_sent or self._is_closing():
            return False
        self._write(b"".join((encode_frame_header(len(prefix) + len(payload) + 1), prefix, payload, b"}")))
        return True


def encode_frame_header(length: int) -> bytes:
    """Return the header of an unfragmented, unmasked text frame (RFC 6455, section 5.2)."""
    if length <= _MAX_SHORT_LENGTH:
        return bytes((_TEXT_FRAME, length))
    if length <= _MAX_MEDIUM_LENGTH:
        return _pack_medium_header(_TEXT_FRAME, 126, length)
    return bytes((_TEXT_FRAME, 127)) + length.to_bytes(8, "big")
