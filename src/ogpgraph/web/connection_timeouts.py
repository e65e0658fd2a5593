"""Limits of connections that uvicorn lacks: of headers, of requests that wait, and of the time to read a response.

Without them a client could hold connections for ever, by sending a header byte by byte (slowloris) or by not reading
a response, and all memory by a header or URL without an end, or by requests that it does not wait for. The size of a
body and the time for it are limited by `request.read_json_body`, the time between requests by uvicorn.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Final, NamedTuple, NoReturn

import msgspec

from ogpgraph.error_code import ErrorCode
from ogpgraph.web.error_codes import RequestErrorCode
from ogpgraph.web.errors import error_payload
from ogpgraph.web.ignored_upgrades import IgnoredUpgradeProtocol
from ogpgraph.web.request import MAX_URL_BYTES

WRITE_TIMEOUT_SECONDS: Final = 30.0
HEADER_TIMEOUT_SECONDS: Final = 15.0
BODY_GRACE_SECONDS: Final = 1.0
"""How long a stopping server waits for the rest of a request, and one that rejected it for the client to read that."""
MAX_HEADER_BYTES: Final = 65_536
"""The most bytes of the names and values of all headers of a request, and of what is between the parts of its body."""
MAX_HEADERS: Final = 100
MAX_WEBSOCKET_LINE_BYTES: Final = 8_190
"""The longest URL, and the longest header with its name, of a handshake: what the WebSocket library reads."""
MAX_CHUNKS: Final = 4_096
"""The most chunks of a body: tiny ones cost more time than all that they contain."""
MAX_PIPELINED: Final = 16
"""The most requests of a connection that wait for the one before them."""
MAX_DISCARDED_BYTES: Final = 262_144
"""How much a client may still send of what was rejected, before the connection is aborted."""
ENDLESS_RESPONSE: Final = "endless"
"""The key in the state of a request's scope that marks a response without an end."""


class Rejection(NamedTuple):
    """The error with which a request is rejected before the application sees it."""

    code: ErrorCode
    message: str


_URL_TOO_LONG: Final = Rejection(
    RequestErrorCode.URI_TOO_LONG, f"The URL has more than {MAX_URL_BYTES:,} bytes: use POST."
)
_HEADERS_TOO_LARGE: Final = Rejection(
    RequestErrorCode.REQUEST_HEADER_FIELDS_TOO_LARGE, f"The headers have more than {MAX_HEADER_BYTES:,} bytes."
)
_TOO_MANY_HEADERS: Final = Rejection(
    RequestErrorCode.REQUEST_HEADER_FIELDS_TOO_LARGE, f"There are more than {MAX_HEADERS} headers."
)
_HANDSHAKE_TOO_LARGE: Final = Rejection(
    RequestErrorCode.REQUEST_HEADER_FIELDS_TOO_LARGE,
    f"The URL or a header of the handshake has more than {MAX_WEBSOCKET_LINE_BYTES:,} bytes.",
)
_TOO_MANY_CHUNKS: Final = Rejection(
    RequestErrorCode.PAYLOAD_TOO_LARGE, f"The body has more than {MAX_CHUNKS:,} chunks: send larger ones."
)
_TOO_MANY_REQUESTS: Final = Rejection(
    RequestErrorCode.TOO_MANY_OPERATIONS, f"More than {MAX_PIPELINED} requests of this connection wait for another one."
)
_NOT_HTTP: Final = Rejection(RequestErrorCode.BAD_REQUEST, "The request is not HTTP.")


class WriteTimeoutMixin(asyncio.Protocol):
    """Aborts a connection whose write buffer stays full for `write_timeout_seconds`.

    It is aborted because closing it gracefully would wait for the client to read the rest.
    """

    write_timeout_seconds = WRITE_TIMEOUT_SECONDS
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    _write_timer: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(self.write_timeout_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        self._cancel_write_timer()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_write_timer()
        super().connection_lost(exc)

    def _cancel_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None


class HeaderTimeoutProtocol(WriteTimeoutMixin, IgnoredUpgradeProtocol):
    """uvicorn's HTTP protocol, which closes a connection that does not send a whole header in `header_timeout_seconds`.

    The time starts with the connection, and again with the first byte after a response. A request that exceeds a limit
    above is rejected before all of it has arrived, once those before it are answered. Then the connection ends.
    Trailers are ignored: the application may have the request already.
    """

    header_timeout_seconds = HEADER_TIMEOUT_SECONDS
    _header_timer: asyncio.TimerHandle | None = None
    _header_bytes = 0
    _chunks = 0
    _unreported_bytes = 0  # received since the parser last reported a part of a request
    _reads_header = False
    _exceeded: Rejection | None = None  # why the parser was stopped
    _rejection: Rejection | None = None
    _discarded_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn's
        super().connection_made(transport)
        self._start_header_timer()

    def data_received(self, data: bytes) -> None:
        if self._rejection is not None:
            self._discard(data)
            return
        known, self._unreported_bytes = self._unreported_bytes, self._unreported_bytes + len(data)
        super().data_received(data)
        if self.is_repeated:
            self._unreported_bytes = 0
        # A header is reported when it is complete: one without an end shows only by what has arrived since.
        if self._unreported_bytes > known > MAX_HEADER_BYTES and not self.transport.is_closing():
            self._reject(_HEADERS_TOO_LARGE)
        if self._awaits_header():
            self._start_header_timer()
        else:
            self._cancel_header_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_header_timer()
        super().connection_lost(exc)

    # What the parser reports. An exception makes it stop, and `send_400_response` is called.

    def on_message_begin(self) -> None:
        self._reads_header = True
        if len(self.pipeline) >= MAX_PIPELINED:
            self._stop_parsing(_TOO_MANY_REQUESTS)
        super().on_message_begin()
        self._header_bytes = self._chunks = self._unreported_bytes = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._unreported_bytes = 0
        if len(self.url) > MAX_URL_BYTES:
            self._stop_parsing(_URL_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._unreported_bytes = 0
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MAX_HEADER_BYTES:
            self._stop_parsing(_HEADERS_TOO_LARGE)
        if not self._reads_header:
            return  # a trailer
        super().on_header(name, value)
        if len(self.headers) > MAX_HEADERS:
            self._stop_parsing(_TOO_MANY_HEADERS)

    def on_headers_complete(self) -> None:
        self._reads_header = False
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        """Count a chunk of a body; what is between chunks counts like headers."""
        self._chunks += 1
        if self._chunks > MAX_CHUNKS:
            self._stop_parsing(_TOO_MANY_CHUNKS)

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._unreported_bytes = 0

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._rejection is not None and self._awaits_header() and not self.transport.is_closing():
            self._send_rejection(self._rejection)

    def handle_websocket_upgrade(self) -> None:
        """Pass the connection to the WebSocket protocol, which rejects nothing itself but fails on long lines."""
        lengths = (len(name) + len(value) for name, value in self.headers)
        if max(len(self.url), *lengths) > MAX_WEBSOCKET_LINE_BYTES:
            self._reject(_HANDSHAKE_TOO_LARGE)
        else:
            super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the parser's own message has no code
        """Reject a request that cannot be parsed, or that exceeds a limit."""
        self._reject(self._exceeded or _NOT_HTTP)

    def _stop_parsing(self, exceeded: Rejection) -> NoReturn:
        self._exceeded = exceeded
        raise ValueError(exceeded.message)

    def _reject(self, rejection: Rejection) -> None:
        """Take nothing more from this connection, and reject its last request once those before it are answered."""
        self._rejection = rejection
        self.flow.resume_reading()  # so that what the client still sends can be discarded
        cycle: Any = self.cycle
        if self._awaits_header():
            self._send_rejection(rejection)
        elif not self._reads_header:  # the application has the beginning of the rejected request
            if cycle.response_started or self.pipeline:
                self.transport.abort()
                return
            cycle.disconnected = True
            cycle.message_event.set()
            self._send_rejection(rejection)

    def _send_rejection(self, rejection: Rejection) -> None:
        self.transport.write(encode_rejection(rejection))
        # What the client is still sending is dropped: a connection that is closed on it would lose the response.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(BODY_GRACE_SECONDS, self.transport.close)

    def _discard(self, data: bytes) -> None:
        self._discarded_bytes += len(data)
        if self._discarded_bytes > MAX_DISCARDED_BYTES:
            self.transport.abort()

    def shutdown(self) -> None:
        """Start to shut down; an endless response is closed, because uvicorn would wait for its end.

        A client that has not sent its whole request is given a moment.
        """
        super().shutdown()
        self.loop.call_later(BODY_GRACE_SECONDS, self._close_unsent_request)
        # The attribute is missing or None before the first request, contrary to uvicorn's annotation.
        if ENDLESS_RESPONSE in (getattr(self, "scope", None) or {}).get("state", {}):
            self.transport.close()

    def _close_unsent_request(self) -> None:
        cycle: Any = self.cycle
        if cycle is not None and cycle.more_body and not cycle.response_complete:
            self.transport.close()

    def _awaits_header(self) -> bool:
        cycle: Any = self.cycle  # None before the first header, contrary to uvicorn's annotation
        return not self.is_repeated and (cycle is None or cycle.response_complete is True)

    def _start_header_timer(self) -> None:
        if self._header_timer is None:
            self._header_timer = self.loop.call_later(self.header_timeout_seconds, self._close_idle_connection)

    def _cancel_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _close_idle_connection(self) -> None:
        self._header_timer = None
        # After an upgrade the connection belongs to the WebSocket's protocol.
        if self._awaits_header() and self.transport.get_protocol() is self:
            self.transport.close()


def encode_rejection(rejection: Rejection) -> bytes:
    """Return the whole response that rejects a request, after which the connection ends."""
    status = HTTPStatus(rejection.code.status)
    body = msgspec.json.encode(error_payload(rejection.message, code=rejection.code))
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json; charset=utf-8\r\n"
    return f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body
