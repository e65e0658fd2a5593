"""Connections whose client reads nothing any more are broken off: their buffers would be kept for ever."""

from __future__ import annotations

import asyncio
from typing import Final

UNREAD_SECONDS: Final = 30.0


class Unread(asyncio.Protocol):
    """Mixed into a protocol: breaks off a connection that stays full for `unread_seconds`.

    Closing it in good order would wait for the client to read what is still to be sent.
    """

    unread_seconds = UNREAD_SECONDS
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    _break_off: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """Note that the client does not read fast enough."""
        super().pause_writing()
        if self._break_off is None:
            self._break_off = self.loop.call_later(self.unread_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Note that the client has read."""
        self._read()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that it has gone."""
        self._read()
        super().connection_lost(exc)

    def _read(self) -> None:
        if self._break_off is not None:
            self._break_off.cancel()
            self._break_off = None
