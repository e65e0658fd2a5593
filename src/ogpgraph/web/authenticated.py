"""Whoever sends a token is identified before anything else is done; a token that opens nothing is a 401 everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import anyio
import anyio.to_thread
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from ogpgraph.auth.identify import Caller, NotIdentified
from ogpgraph.auth.oidc import KeysUnavailable
from ogpgraph.web.refused import error_payload
from ogpgraph.web.shell import json_response

Identify = Callable[[str, str, str], Caller]
"""Finds who asks, by the Authorization header, the address and the request's id; called in a worker thread."""

_THREADS: Final = 4
_REFUSED = "The token opens nothing: it is wrong, expired, revoked, or meant for somebody else."
_UNAVAILABLE = "Nobody can sign in at the moment: the issuer's keys cannot be had."


class Authenticated:
    """ASGI middleware that notes who asks; who sends no Authorization header is a reader, and waits for nothing."""

    def __init__(self, app: ASGIApp, identify: Identify) -> None:
        self._app = app
        self._identify = identify
        self._limiter = anyio.CapacityLimiter(_THREADS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            caller = await self._caller(scope)
        except NotIdentified:
            refusal = json_response(
                401, error_payload(_REFUSED, code="UNAUTHENTICATED"), {"WWW-Authenticate": "Bearer"}
            )
        except KeysUnavailable:
            refusal = json_response(503, error_payload(_UNAVAILABLE, code="SIGN_IN_UNAVAILABLE"), {"Retry-After": "5"})
        else:
            scope.setdefault("state", {})["caller"] = caller
            await self._app(scope, receive, send)
            return
        await refuse(refusal, scope, receive, send)

    async def _caller(self, scope: Scope) -> Caller:
        address, headers = address_of(scope), Headers(scope=scope).getlist("authorization")
        if not headers:
            return Caller(address=address)
        # Several headers are joined, as servers do: that is no token.
        given, request_id = ", ".join(headers), scope.get("state", {}).get("request_id", "")
        return await anyio.to_thread.run_sync(self._identify, given, address, request_id, limiter=self._limiter)


async def refuse(refusal: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request, or the handshake of a WebSocket, with a refusal."""
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).send_denial_response(refusal)
        return
    await refusal(scope, receive, send)


def address_of(scope: Scope) -> str:
    """Return the address that a request comes from."""
    client = scope.get("client")
    return client[0] if client else ""


def caller_of(request: HTTPConnection) -> Caller:
    """Return who asks; a reader whom nobody knows where nobody was identified."""
    found: Caller | None = request.scope.get("state", {}).get("caller")
    return found or Caller(address=address_of(request.scope))
