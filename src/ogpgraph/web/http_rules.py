"""ASGI middleware for what HTTP requires of every endpoint: HEAD, encodings, and blanks around values of headers."""

from __future__ import annotations

import zlib
from contextlib import suppress
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipResponder, IdentityResponder
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ogpgraph.web.request import accepts_gzip

_BLANKS: Final = b" \t"
COMPRESSED_FROM_BYTES: Final = 1_000
_COMPRESSION_LEVEL: Final = 5


class HeaderBlanksMiddleware:
    """ASGI middleware that drops the blanks around the values of headers, which are no part of them (RFC 9110, 5.5)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if any(value != value.strip(_BLANKS) for _, value in scope.get("headers", ())):
            headers = [(name, value.strip(_BLANKS)) for name, value in scope["headers"]]
            scope = {**scope, "headers": headers}
        await self._app(scope, receive, send)


class HeadMiddleware:
    """ASGI middleware that responds to HEAD as to GET, without the body (RFC 9110, 9.3.2).

    An endpoint that streams finds its client gone after the headers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            if message["type"] != "http.response.body":
                await send(message)
                return
            await send({"type": "http.response.body", "body": b""})
            if message.get("more_body"):
                raise ClientDisconnect

        with suppress(ClientDisconnect):
            await self._app({**scope, "method": "GET"}, receive, send_without_body)


class CompressionMiddleware:
    """ASGI middleware that compresses large responses, but no event streams, for clients that prefer it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        responder: IdentityResponder
        if prefers_compressed(Headers(scope=scope)):
            responder = GZipResponder(self._app, COMPRESSED_FROM_BYTES, _COMPRESSION_LEVEL)
        else:
            responder = IdentityResponder(self._app, COMPRESSED_FROM_BYTES)
        await responder(scope, receive, send)


def prefers_compressed(headers: Headers) -> bool:
    """Return whether the client of a request prefers a large response compressed."""
    return accepts_gzip(", ".join(headers.getlist("accept-encoding")))  # one list (RFC 9110, 5.2)


def compress(body: bytes) -> bytes:
    """Return a body as `CompressionMiddleware` sends it where it is sent as a whole."""
    compressor = zlib.compressobj(_COMPRESSION_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return compressor.compress(body) + compressor.flush()
