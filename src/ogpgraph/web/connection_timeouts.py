"""Timeouts that uvicorn lacks: for request headers that do not arrive, and for clients that do not read.

Without them a client could hold connections for ever, by sending a header byte by byte (slowloris) or by not reading
a response. The time for a body is limited by `request.read_json_body`, the time between requests by uvicorn.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

WRITE_TIMEOUT_SECONDS: Final = 30.0
HEADER_TIMEOUT_SECONDS: Final = 15.0
BODY_GRACE_SECONDS: Final = 1.0
"""How long a stopping server waits for the rest of a request."""
ENDLESS_RESPONSE: Final = "endless"
"""The key in the state of a request's scope that marks a response without an end."""


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

    The time starts with the connection, and again with the first byte after a response.
    """

    header_timeout_seconds = HEADER_TIMEOUT_SECONDS
    _header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn's
        super().connection_made(transport)
        self._start_header_timer()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._awaits_header():
            self._start_header_timer()
        else:
            self._cancel_header_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_header_timer()
        super().connection_lost(exc)

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
