"""Timeouts that uvicorn lacks: for request headers that do not arrive and for clients that do not read."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

WRITE_TIMEOUT_SECONDS: Final = 30.0


class WriteTimeoutMixin(asyncio.Protocol):
    """Mixed into a protocol: breaks off a connection that stays full for `unread_seconds`.

    Closing it in good order would wait for the client to read what is still to be sent.
    """

    write_timeout_seconds = WRITE_TIMEOUT_SECONDS
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    _write_timer: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """Note that the client does not read fast enough."""
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(self.write_timeout_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Note that the client has read."""
        self._cancel_write_timer()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that it has gone."""
        self._cancel_write_timer()
        super().connection_lost(exc)

    def _cancel_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None


HEADER_TIMEOUT_SECONDS: Final = 15.0
ENDLESS_RESPONSE: Final = "endless"
"""What a response that never ends by itself notes in the state of its request."""


class HeaderTimeoutProtocol(WriteTimeoutMixin, HttpToolsProtocol):
    """HTTP as uvicorn speaks it, for clients that send the whole head of a request within `HEAD_SECONDS`.

    The time runs from the connection on, and again from the first byte after an answer; between answers uvicorn's own
    keep-alive time runs. The body's time is the application's business.
    """

    header_timeout_seconds = HEADER_TIMEOUT_SECONDS
    _header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
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
        """Begin to stop; a stream without end is closed, or the stop would wait for it in vain."""
        super().shutdown()
        # There is no scope before the first request, whatever uvicorn's annotation says.
        if ENDLESS_RESPONSE in (getattr(self, "scope", None) or {}).get("state", {}):
            self.transport.close()

    def _awaits_header(self) -> bool:
        cycle: Any = self.cycle  # which is None until the first head has come, whatever its type says
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
        # Another protocol may have taken over the connection, a WebSocket's.
        if self._awaits_header() and self.transport.get_protocol() is self:
            self.transport.close()
