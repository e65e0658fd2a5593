"""Connections that do not say in time what they want are closed: the server's own parts wait for ever."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ogpgraph.web.unread import Unread

HEAD_SECONDS: Final = 15.0
ENDLESS: Final = "endless"
"""What a response that never ends by itself notes in the state of its request."""


class PromptProtocol(Unread, HttpToolsProtocol):
    """HTTP as uvicorn speaks it, for clients that send the whole head of a request within `HEAD_SECONDS`.

    The time runs from the connection on, and again from the first byte after an answer; between answers uvicorn's own
    keep-alive time runs. The body's time is the application's business.
    """

    head_seconds = HEAD_SECONDS
    _cut_off: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._start()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._awaits_head():
            self._start()
        else:
            self._stop()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Begin to stop; a stream without end is closed, or the stop would wait for it in vain."""
        super().shutdown()
        # There is no scope before the first request, whatever uvicorn's annotation says.
        if ENDLESS in (getattr(self, "scope", None) or {}).get("state", {}):
            self.transport.close()

    def _awaits_head(self) -> bool:
        cycle: Any = self.cycle  # which is None until the first head has come, whatever its type says
        return cycle is None or cycle.response_complete is True

    def _start(self) -> None:
        if self._cut_off is None:
            self._cut_off = self.loop.call_later(self.head_seconds, self._close)

    def _stop(self) -> None:
        if self._cut_off is not None:
            self._cut_off.cancel()
            self._cut_off = None

    def _close(self) -> None:
        self._cut_off = None
        # Another protocol may have taken over the connection, a WebSocket's.
        if self._awaits_head() and self.transport.get_protocol() is self:
            self.transport.close()
