"""Responses that are written at once, as an extension of ASGI that our HTTP protocol offers to the application.

A response that is there as a whole needs no messages: its headers, whose lines were formatted before, are written with
its body. The connection is left as uvicorn leaves it after the last message of a response.

A request that is repeated needs no parser: what its bytes say is known. The parser gets them only if the request cannot
be answered at once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple, Protocol, cast

from starlette.types import Scope
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from ogpgraph.web.repeated_requests import LONGEST, ReceivedBytes, RepeatedRequest

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

    def find_received(self, scope: Scope) -> ReceivedBytes | None:
        """Return the bytes that a request was parsed from; None if it was not, or if others came with it."""


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
    looked at it. A request that these have answered is not parsed when the same bytes come again on a connection that
    waits for one.
    """

    _server_headers: list[tuple[bytes, bytes]] | None = None
    _server_lines = b""
    _is_receiving = False
    _unstarted: tuple[RequestResponseCycle, ASGI3Application] | None = None
    _repeated: RepeatedRequest | None = None
    _received: bytes | None = None  # the bytes of the repeated request, or else of one that came alone
    _has_begun = False  # whether a request has begun in these
    _is_in_request = False

    @property
    def is_write_paused(self) -> bool:
        """Whether the client has so much to read that nothing more is to be written."""
        return self.flow.write_paused

    @property
    def is_repeated(self) -> bool:
        """Whether a request is here that was not parsed, and is not answered."""
        return self._repeated is not None

    def data_received(self, data: bytes) -> None:
        self._parse_repeated()
        self._has_begun = False
        self._received = data if len(data) <= LONGEST and self._awaits_request() else None
        if self._received is not None and self._find_repeated():
            return
        self._is_receiving = True
        try:
            super().data_received(data)
        finally:
            self._is_receiving = False
            self._start_unstarted()  # the rest of its body may come late, or never

    def on_message_begin(self) -> None:
        if self._has_begun:
            self._received = None
        self._has_begun = self._is_in_request = True
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: {_CONNECTION: self}}

    def on_message_complete(self) -> None:
        self._is_in_request = False
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
        if self.flow.write_paused or self.transport.is_closing() or not self._may_write(scope):
            return False
        self.transport.write(b"".join((STATUS_LINE[status], self._format_server_headers(), headers, b"\r\n", body)))
        if self._repeated is not None:
            self._repeated = None
            self.on_response_complete()
            return True
        cycle = self.cycle
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        cycle.on_response()
        return True

    def _may_write(self, scope: Scope) -> bool:
        if self._repeated is not None:
            return self._repeated.scope is scope
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request, contrary to uvicorn
        if cycle is None or cycle.scope is not scope:
            return False  # another request of the connection came after it
        return not cycle.response_started and not cycle.disconnected and cycle.keep_alive

    async def drain(self) -> None:
        """Wait until most of what was written was sent."""
        await self.flow.drain()

    # Requests that are repeated

    def find_received(self, scope: Scope) -> ReceivedBytes | None:
        """Return the bytes that a request was parsed from; None if it was not, or if others came with it."""
        if self._received is None or not self._has_begun or self.cycle.scope is not scope:
            return None
        return self._name(self._received)

    def shutdown(self) -> None:
        self._parse_repeated()  # so that it is answered before the connection ends
        super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        self._repeated = None
        super().connection_lost(exc)

    def _awaits_request(self) -> bool:
        """Return whether the next byte is the first of a request, which none is before that is not answered."""
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request, contrary to uvicorn
        return not self._is_in_request and not self.pipeline and (cycle is None or cycle.response_complete)

    def _find_repeated(self) -> bool:
        """Have the request whose bytes are here answered without parsing it, if they came before."""
        arrivals = getattr(self.app, "arrivals", None)
        if arrivals is None or (found := arrivals.repeated.get(self._name(self._received or b""))) is None:
            return False
        self._unset_keepalive_if_required()
        self._repeated = found
        arrivals.add(Arrival(found.scope, found.body, self, self._parse_repeated))
        return True

    def _parse_repeated(self) -> None:
        """Have the request parsed, and passed on to the application, if it is still not answered."""
        if self._repeated is None or self._received is None:
            return
        data, self._received, self._repeated = self._received, None, None
        super().data_received(data)

    def _name(self, data: bytes) -> ReceivedBytes:
        client = self.client[0] if self.client else None
        return ReceivedBytes(data, client, self.server, self.scheme)

    def _format_server_headers(self) -> bytes:
        """Return the headers of the server: one list until the second of its date is over."""
        headers = self.server_state.default_headers
        if headers is not self._server_headers:
            self._server_headers = headers
            self._server_lines = b"".join(b"%s: %s\r\n" % each for each in headers)
        return self._server_lines
