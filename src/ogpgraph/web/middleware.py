"""ASGI middleware around every endpoint: request ids, access log, positions, client addresses, origins, headers."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Sequence
from http import HTTPStatus
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from ogpgraph.web.content_negotiation import json_response
from ogpgraph.web.errors import RequestRejected, error_payload, log_aborted_response, report_internal_error

REQUEST_ID_HEADER = "X-Request-Id"

# Long enough to be found again, short and plain enough to be logged and sent back as it came.
_ACCEPTED_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


class RequestIdMiddleware:
    """ASGI middleware that gives each HTTP request its id, from the client if that is sane, else from `new_id`."""

    def __init__(self, app: ASGIApp, new_id: Callable[[], str]) -> None:
        self._app = app
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = self._given(scope) or self._new_id()
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_identified(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            await send(message)

        await self._app(scope, receive, send_identified)

    def _given(self, scope: Scope) -> str | None:
        given = Headers(scope=scope).get(REQUEST_ID_HEADER)
        return given if given is not None and _ACCEPTED_REQUEST_ID.fullmatch(given) else None


def request_id_of(scope: Scope) -> str:
    """The id of a request that passed `RequestIdMiddleware`."""
    request_id: str = scope["state"]["request_id"]
    return request_id


access_logger = structlog.stdlib.get_logger("ogpgraph.access")


class AccessLogMiddleware:
    """ASGI middleware that logs each request when it has been answered; it stands behind `RequestIdMiddleware`.

    What is asked is not logged: neither query strings nor bodies.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id_of(scope)):
            try:
                await self._app(scope, receive, send_noting)
            finally:
                milliseconds = round((time.perf_counter() - began) * 1000, 1)
                access_logger.info(
                    "request", method=scope["method"], path=scope["path"], status=status, ms=milliseconds
                )


AT_LEAST_POSITION_HEADER = "X-At-Least-Position"
POSITION_HEADER = "X-Position"
POSITION_WAIT_SECONDS = 3.0
_POSITION_PATTERN = re.compile(r"[0-9]{1,18}")


def parse_at_least_position(request: Request) -> int:
    """Return the position that a request asks for at least, 0 where it asks for none; raises RequestRejected."""
    asked = request.headers.get(AT_LEAST_POSITION_HEADER)
    if asked is None:
        return 0
    if not _POSITION_PATTERN.fullmatch(asked):
        raise RequestRejected(
            400, f"{AT_LEAST_POSITION_HEADER} must be a position, a whole number.", code="BAD_POSITION"
        )
    return int(asked)


def position_not_reached(message: str) -> RequestRejected:
    """Return the refusal of a request whose position did not come in time."""
    return RequestRejected(503, message, code="POSITION_NOT_REACHED", headers={"Retry-After": "1"})


def set_response_position(request: Request, position: int) -> None:
    """Have the response say at which position it was read; said again, the later counts."""
    request.scope.setdefault("state", {})["position"] = position


class PositionMiddleware:
    """ASGI middleware that gives a response the position that was told for its request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_positioned(message: Message) -> None:
            position = scope.get("state", {}).get("position")
            if message["type"] == "http.response.start" and position is not None:
                MutableHeaders(scope=message)[POSITION_HEADER] = str(position)
            await send(message)

        await self._app(scope, receive, send_positioned)


IPNetwork = IPv4Network | IPv6Network
_FORWARDED_FOR_HEADER = "x-forwarded-for"


class ForwardedForMiddleware:
    """ASGI middleware that puts the client's address in the place of its proxy's.

    `X-Forwarded-For` is read from its end: each known proxy vouches for the address before its own. The first address
    that is no known proxy's is the client's, whatever is said before it.
    """

    def __init__(self, app: ASGIApp, proxies: Sequence[IPNetwork]) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if self._proxies and client and scope["type"] in ("http", "websocket"):
            address = self._client_address(client[0], Headers(scope=scope).getlist(_FORWARDED_FOR_HEADER))
            scope = {**scope, "client": (address, client[1])}
        await self._app(scope, receive, send)

    def _client_address(self, peer: str, headers: Sequence[str]) -> str:
        told = [each.strip() for header in headers for each in header.split(",")]
        address = peer
        while told and self._is_proxy(address):
            said = _parse_address(told.pop())
            if said is None:
                return address  # the proxy says something that is no address: it is all that is known
            address = str(said)
        return address

    def _is_proxy(self, text: str) -> bool:
        address = _parse_address(text)
        return address is not None and any(address in network for network in self._proxies)


def _parse_address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


_SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",  # the data is for everyone's pages
}


class SecurityHeadersMiddleware:
    """ASGI middleware that gives each HTTP response the strict headers that it does not set itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_strict(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_strict)


class InternalErrorMiddleware:
    """ASGI middleware that answers 500 where an endpoint raised, and logs it.

    Raises:
        Exception: the endpoint's own, if the response had begun: the server then breaks the connection off, so that
            nobody takes it for whole.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def send_noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        except ClientDisconnect:
            return
        except Exception as failure:
            if begun:
                log_aborted_response(failure, request_id_of(scope))
                raise
            response = json_response(500, report_internal_error(failure, request_id_of(scope)))
            await response(scope, receive, send)


def handle_http_exception(_request: Request, error: Exception) -> Response:
    """The answer to what Starlette itself refuses: an unknown path, a method that a path does not have."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    return json_response(status, error_payload(error.detail, code=status.name), error.headers)


async def send_rejection(refusal: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request, or the handshake of a WebSocket, with a refusal."""
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).send_denial_response(refusal)
        return
    await refusal(scope, receive, send)


ANY_ORIGIN: Final = "*"
_ORIGIN_REJECTED = "pages of your origin may not ask this server"


class OriginMiddleware:
    """ASGI middleware that refuses (403) what pages of other origins than those allowed, and the server's own, ask.

    Browsers ask nobody before they open a WebSocket, so it is not enough to tell them by CORS who may.
    """

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or self._is_allowed(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        await send_rejection(
            json_response(403, error_payload(_ORIGIN_REJECTED, code="ORIGIN_REFUSED")), scope, receive, send
        )

    def _is_allowed(self, headers: Headers) -> bool:
        own = headers.get("host", "").lower()
        return all(
            origin in self._allowed or (own and origin in (f"http://{own}", f"https://{own}"))
            for origin in headers.getlist("origin")
        )
