"""Identification of callers by the Authorization header, before a request reaches any endpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import anyio
import anyio.to_thread
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from ogpgraph.auth.authentication import AuthenticationFailed, Caller
from ogpgraph.auth.oidc import KeysUnavailable
from ogpgraph.web.errors import RequestRejected
from ogpgraph.web.middleware import send_rejection

IdentifyCaller = Callable[[str, str, str], Caller]
"""Returns the caller for the Authorization header, the address and the id of a request; called in a worker thread.

Raises AuthenticationFailed and KeysUnavailable.
"""

_IDENTIFY_THREADS: Final = 4


class AuthenticationMiddleware:
    """ASGI middleware that identifies the caller of each request and WebSocket, or rejects it.

    A request without an Authorization header is an anonymous reader's, and does not wait for a thread.
    """

    def __init__(self, app: ASGIApp, identify: IdentifyCaller) -> None:
        self._app = app
        self._identify = identify
        self._limiter = anyio.CapacityLimiter(_IDENTIFY_THREADS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            caller = await self._identify_caller(scope)
        except AuthenticationFailed:
            rejected = RequestRejected(
                401,
                "The token is not valid: it is wrong, expired, revoked, or meant for another service.",
                code="UNAUTHENTICATED",
                headers={"WWW-Authenticate": "Bearer"},
            )
            await send_rejection(rejected, scope, receive, send)
        except KeysUnavailable:
            rejected = RequestRejected(
                503,
                "Nobody can sign in at the moment: the issuer's keys are unavailable.",
                code="SIGN_IN_UNAVAILABLE",
                headers={"Retry-After": "5"},
            )
            await send_rejection(rejected, scope, receive, send)
        else:
            scope.setdefault("state", {})["caller"] = caller
            await self._app(scope, receive, send)

    async def _identify_caller(self, scope: Scope) -> Caller:
        address, headers = client_address(scope), Headers(scope=scope).getlist("authorization")
        if not headers:
            return Caller(address=address)
        # Several headers are joined, as servers do; the result is not a valid token.
        authorization, request_id = ", ".join(headers), scope.get("state", {}).get("request_id", "")
        return await anyio.to_thread.run_sync(self._identify, authorization, address, request_id, limiter=self._limiter)


def client_address(scope: Scope) -> str:
    """Return the address that a request comes from, empty if the server does not know it."""
    client = scope.get("client")
    return client[0] if client else ""


def caller_of(request: HTTPConnection) -> Caller:
    """Return the caller of a request, an anonymous reader where nobody was identified."""
    caller: Caller | None = request.scope.get("state", {}).get("caller")
    return caller or Caller(address=client_address(request.scope))
