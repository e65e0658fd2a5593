"""Responses that are written at once, as an extension of ASGI that our HTTP protocol offers to the application.

A response that is there as a whole needs no messages: its headers, whose lines were formatted before, are written with
its body. The connection is left as uvicorn leaves it after the last message of a response.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple, Protocol, cast

from starlette.types import Scope
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

EXTENSION: Final = "ogpgraph.whole_response"
"""The key of the extension in the scope of a request."""
_CONNECTION: Final = "connection"


class WholeResponses(Protocol):
    """The connection of a request."""

    def write_whole(self, scope: Scope, status: int, headers: bytes, body: bytes) -> bool:
        """Write the response to a request: its headers are lines, and the server adds its own.

        Returns False, with nothing written, where the response has to be sent by messages.
        """

    @property
    def is_write_paused(self) -> bool:
        """Whether the client has so much to read that nothing more is to be written."""

    async def drain(self) -> None:
        """Wait until most of what was written was sent."""


class Arrival(NamedTuple):
    """A request with its body, its connection, and what passes it on to the application."""

    scope: Scope
    body: bytes
    connection: WholeResponses
    pass_on: Callable[[], None]


def find_whole_responses(scope: Scope) -> WholeResponses | None:
    """Return the connection of a request, if the server offers the extension."""
    extension = scope.get("extensions", {}).get(EXTENSION)
    return extension[_CONNECTION] if extension else None


class WholeResponseProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, which offers the extension.

    Where the application has `arrivals`, it gets no task for a request that has arrived as a whole, before these have
    looked at it.
    """

    _server_headers: list[tuple[bytes, bytes]] | None = None
    _server_lines = b""
    _is_receiving = False
    _unstarted: tuple[RequestResponseCycle, ASGI3Application] | None = None

    @property
    def is_write_paused(self) -> bool:
        """Whether the client has so much to read that nothing more is to be written."""
        return self.flow.write_paused

    def data_received(self, data: bytes) -> None:
        self._is_receiving = True
        try:
            super().data_received(data)
        finally:
            self._is_receiving = False
            self._start_unstarted()  # the rest of its body may come late, or never

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: {_CONNECTION: self}}

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self._unstarted is None or (arrivals := getattr(self.app, "arrivals", None)) is None:
            return
        (cycle, app), self._unstarted = self._unstarted, None
        start = partial(super()._start_asgi_task, cycle, app)
        arrivals.add(Arrival(cast(Scope, cycle.scope), bytes(cycle.body), self, start))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if self._is_receiving:
            self._start_unstarted()
            self._unstarted = cycle, app
        else:
            super()._start_asgi_task(cycle, app)

    def _start_unstarted(self) -> None:
        if self._unstarted is not None:
            (cycle, app), self._unstarted = self._unstarted, None
            super()._start_asgi_task(cycle, app)

    def write_whole(self, scope: Scope, status: int, headers: bytes, body: bytes) -> bool:
        """Write a response as `WholeResponses` says."""
        cycle = self.cycle
        if cycle.scope is not scope or cycle.response_started or cycle.disconnected or not cycle.keep_alive:
            return False  # another request of the connection came after it, or the connection ends with it
        if self.flow.write_paused or self.transport.is_closing():
            return False
        self.transport.write(b"".join((STATUS_LINE[status], self._format_server_headers(), headers, b"\r\n", body)))
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        cycle.on_response()
        return True

    async def drain(self) -> None:
        """Wait until most of what was written was sent."""
        await self.flow.drain()

    def _format_server_headers(self) -> bytes:
        """Return the headers of the server: one list until the second of its date is over."""
        headers = self.server_state.default_headers
        if headers is not self._server_headers:
            self._server_headers = headers
            self._server_lines = b"".join(b"%s: %s\r\n" % each for each in headers)
        return self._server_lines
