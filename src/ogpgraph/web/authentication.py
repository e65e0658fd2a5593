"""Identification of callers by the Authorization header, before anything else is done."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

import anyio
import anyio.to_thread
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from ogpgraph.auth.authentication import AuthenticationFailed, Authenticator, Caller, RefusalLog
from ogpgraph.auth.oidc import Issuer, KeysUnavailable, open_key_source
from ogpgraph.graphql.context import WriteAccess
from ogpgraph.rate_limit import RateLimiter
from ogpgraph.settings import Settings
from ogpgraph.system import System
from ogpgraph.web.content_negotiation import json_response
from ogpgraph.web.errors import error_payload
from ogpgraph.web.middleware import request_id_of, send_rejection

IdentifyCaller = Callable[[str, str, str], Caller]
"""Finds who asks, by the Authorization header, the address and the request's id; called in a worker thread."""

_IDENTIFY_THREADS: Final = 4
_NOT_IDENTIFIED_MESSAGE = "The token opens nothing: it is wrong, expired, revoked, or meant for somebody else."
_KEYS_UNAVAILABLE_MESSAGE = "Nobody can sign in at the moment: the issuer's keys cannot be had."


class AuthenticationMiddleware:
    """ASGI middleware that notes who asks; who sends no Authorization header is a reader, and waits for nothing."""

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
            refusal = json_response(
                401, error_payload(_NOT_IDENTIFIED_MESSAGE, code="UNAUTHENTICATED"), {"WWW-Authenticate": "Bearer"}
            )
        except KeysUnavailable:
            refusal = json_response(
                503, error_payload(_KEYS_UNAVAILABLE_MESSAGE, code="SIGN_IN_UNAVAILABLE"), {"Retry-After": "5"}
            )
        else:
            scope.setdefault("state", {})["caller"] = caller
            await self._app(scope, receive, send)
            return
        await send_rejection(refusal, scope, receive, send)

    async def _identify_caller(self, scope: Scope) -> Caller:
        address, headers = client_address(scope), Headers(scope=scope).getlist("authorization")
        if not headers:
            return Caller(address=address)
        # Several headers are joined, as servers do: that is no token.
        given, request_id = ", ".join(headers), scope.get("state", {}).get("request_id", "")
        return await anyio.to_thread.run_sync(self._identify, given, address, request_id, limiter=self._limiter)


def client_address(scope: Scope) -> str:
    """Return the address that a request comes from."""
    client = scope.get("client")
    return client[0] if client else ""


def caller_of(request: HTTPConnection) -> Caller:
    """Return who asks; a reader whom nobody knows where nobody was identified."""
    found: Caller | None = request.scope.get("state", {}).get("caller")
    return found or Caller(address=client_address(request.scope))


class AccessControl:
    """The door of one process."""

    def __init__(self, settings: Settings) -> None:
        self.refusals = RefusalLog()
        self._budget = RateLimiter(settings.writes_per_minute, time.monotonic)
        self._issuer = _build_issuer(settings) if settings.oidc_issuer else None

    def identify(self, system: System, authorization: str, address: str, request_id: str) -> Caller:
        """Return who asks; raises NotIdentified and KeysUnavailable."""
        identifier = Authenticator(system.accounts, system.clock, self.refusals, self._issuer)
        return identifier.identify(authorization, address=address, request_id=request_id)

    def write_access(self, system: System, request: Request, readings: ExitStack) -> WriteAccess:
        """Return the way to write of one request, which has its reading open in `readings`."""
        return WriteAccess(
            system, caller_of(request), request_id_of(request.scope), self._budget, self.refusals, readings
        )


def _build_issuer(settings: Settings) -> Issuer:
    return Issuer(
        settings.oidc_issuer,
        audience=settings.oidc_audience,
        keys=open_key_source(settings.oidc_jwks),
        algorithms=settings.oidc_algorithms,
        skew_seconds=settings.oidc_skew_seconds,
    )
