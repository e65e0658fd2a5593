"""Limits of connections that uvicorn lacks: of the time and the size of headers, and of the time to read a response.

Without them a client could hold connections for ever, by sending a header byte by byte (slowloris) or by not reading
a response, and all memory by a header or URL without an end. The time for a body is limited by
`request.read_json_body`, the time between requests by uvicorn.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Final

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ogpgraph.error_code import ErrorCode
from ogpgraph.web.error_codes import RequestErrorCode
from ogpgraph.web.errors import error_payload
from ogpgraph.web.request import MAX_URL_BYTES

WRITE_TIMEOUT_SECONDS: Final = 30.0
HEADER_TIMEOUT_SECONDS: Final = 15.0
BODY_GRACE_SECONDS: Final = 1.0
"""How long a stopping server waits for the rest of a request, and one that rejected it for the client to read that."""
MAX_HEADER_BYTES: Final = 65_536
"""The most bytes of the names and values of all headers of a request."""
ENDLESS_RESPONSE: Final = "endless"
"""The key in the state of a request's scope that marks a response without an end."""


_URL_TOO_LONG: Final = (RequestErrorCode.URI_TOO_LONG, f"The URL has more than {MAX_URL_BYTES:,} bytes: use POST.")
_HEADERS_TOO_LARGE: Final = (
    RequestErrorCode.REQUEST_HEADER_FIELDS_TOO_LARGE,
    f"The headers have more than {MAX_HEADER_BYTES:,} bytes.",
)


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


class HeaderTimeoutProtocol(WriteTimeoutMixin, HttpToolsProtocol):
    """uvicorn's HTTP protocol, which closes a connection that does not send a whole header in `header_timeout_seconds`.

    The time starts with the connection, and again with the first byte after a response. A URL above MAX_URL_BYTES is
    rejected with 414, headers above MAX_HEADER_BYTES with 431, before all of it has arrived.
    """

    header_timeout_seconds = HEADER_TIMEOUT_SECONDS
    _header_timer: asyncio.TimerHandle | None = None
    _header_bytes = 0
    _unreported_bytes = 0  # received since the parser last reported a part of a request
    _rejection: tuple[ErrorCode, str] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn's
        super().connection_made(transport)
        self._start_header_timer()

    def data_received(self, data: bytes) -> None:
        if self._rejection is not None:
            return  # the rest of what was rejected
        known, self._unreported_bytes = self._unreported_bytes, self._unreported_bytes + len(data)
        super().data_received(data)
        # A header is reported when it is complete: one without an end shows only by what has arrived since.
        if self._unreported_bytes > known > MAX_HEADER_BYTES and not self.transport.is_closing():
            self._rejection = _HEADERS_TOO_LARGE
            self.send_400_response("")
        if self._awaits_header():
            self._start_header_timer()
        else:
            self._cancel_header_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_header_timer()
        super().connection_lost(exc)

    # What the parser reports. An exception makes it stop, and `send_400_response` is called.

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._header_bytes = self._unreported_bytes = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._unreported_bytes = 0
        if len(self.url) > MAX_URL_BYTES:
            self._rejection = _URL_TOO_LONG
            raise ValueError

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._unreported_bytes = 0
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MAX_HEADER_BYTES:
            self._rejection = _HEADERS_TOO_LARGE
            raise ValueError

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._unreported_bytes = 0

    def send_400_response(self, msg: str) -> None:
        """Reject a request that cannot be parsed, or has exceeded a limit."""
        if self._rejection is None:
            super().send_400_response(msg)
            return
        self.transport.write(_encode_rejection(*self._rejection))
        # What the client is still sending is dropped: a connection that is closed on it would lose the response.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(BODY_GRACE_SECONDS, self.transport.close)

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
        return cycle is None or cycle.response_complete is True

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


def _encode_rejection(code: ErrorCode, message: str) -> bytes:
    status = HTTPStatus(code.status)
    body = msgspec.json.encode(error_payload(message, code=code))
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json; charset=utf-8\r\n"
    return f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body
