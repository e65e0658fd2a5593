"""ASGI middleware around every endpoint, in the order in which `app` applies it, from the outermost to the innermost.

It determines the client's address, the request's id and its caller, logs accesses and failures, and adds headers.
Data of one request is in the `state` of its scope: `request_id`, `bookmark` and `caller`.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import count
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from ogpgraph.auth.authentication import AuthenticationFailed, Caller
from ogpgraph.auth.issuer_errors import KeysUnavailable
from ogpgraph.domain.errors import RefusalCode
from ogpgraph.host import Network
from ogpgraph.readmodel.bookmark import Bookmark, parse_root
from ogpgraph.readmodel.error_codes import ReadErrorCode
from ogpgraph.storage.database import StorageFailure
from ogpgraph.web.error_codes import RequestErrorCode
from ogpgraph.web.errors import (
    RequestRejected,
    ShowRejection,
    error_payload,
    failure_response,
    json_response,
    log_aborted_response,
    rejection_response,
    storage_unavailable,
)
from ogpgraph.web.identification import CallerIdentification, IdentifyCaller

REQUEST_ID_HEADER: Final = "X-Request-Id"
POSITION_HEADER: Final = "X-Position"
ROOT_HEADER: Final = "X-Root"
AT_LEAST_POSITION_HEADER: Final = "X-At-Least-Position"
AT_LEAST_ROOT_HEADER: Final = "X-At-Least-Root"
_FORWARDED_FOR_HEADER: Final = "X-Forwarded-For"

# Long enough to be unique, short and plain enough to be logged and sent back unchanged.
_ACCEPTED_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9-]{8,64}")
_POSITION: Final = re.compile(r"[0-9]{1,18}")
_WITH_PORT: Final = re.compile(r"\[(?P<v6>[^\]]*)\](?::[0-9]+)?|(?P<v4>[^:]*):[0-9]+")
_SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",  # pages of all origins may use the data
}

_IDENTIFY_THREADS: Final = 4
_ACCESS_LOG: Final = "ogpgraph.access"

_access_log = logging.getLogger(_ACCESS_LOG)
access_logger = structlog.stdlib.get_logger(_ACCESS_LOG)


class ForwardedForMiddleware:
    """ASGI middleware that replaces the address of a trusted proxy by that of its client.

    `X-Forwarded-For` is read from its end, because each proxy appends the address that it was connected from. The first
    address that is not a trusted proxy's is the client's; anybody may have written what precedes it.
    """

    def __init__(self, app: ASGIApp, proxies: Sequence[Network]) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if self._proxies and client and scope["type"] in ("http", "websocket"):
            address = self._client_address(client[0], Headers(scope=scope).getlist(_FORWARDED_FOR_HEADER))
            scope = {**scope, "client": (address, client[1])}
        await self._app(scope, receive, send)

    def _client_address(self, peer: str, headers: Sequence[str]) -> str:
        forwarded = [each.strip() for header in headers for each in header.split(",")]
        address = peer
        while forwarded and self._is_proxy(address):
            previous = _parse_address(forwarded.pop())
            if previous is None:
                return address  # the proxy's own address is the last that is known
            address = str(previous)
        return address

    def _is_proxy(self, text: str) -> bool:
        address = _parse_address(text)
        return address is not None and any(address in network for network in self._proxies)


def _parse_address(text: str) -> IPv4Address | IPv6Address | None:
    found = _WITH_PORT.fullmatch(text)  # as some proxies append it
    try:
        address = ip_address((found["v6"] or found["v4"] or "") if found else text)
    except ValueError:
        return None
    # A dual-stack socket reports IPv4 peers as ::ffff:a.b.c.d, which no IPv4 network contains.
    return getattr(address, "ipv4_mapped", None) or address


class WebSocketRouter:
    """ASGI middleware that passes WebSockets to the endpoint of their path, and rejects (404) those of other paths."""

    def __init__(self, app: ASGIApp, endpoints: Mapping[str, ASGIApp]) -> None:
        self._app = app
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
        elif endpoint := self._endpoints.get(scope["path"]):
            await endpoint(scope, receive, send)
        else:
            await send_rejection(not_found(scope["path"], self._endpoints), scope, receive, send)


class RequestIdMiddleware:
    """ASGI middleware that gives each HTTP request an id: the client's own if it is well-formed, else a new one."""

    def __init__(self, app: ASGIApp, new_id: Callable[[], str]) -> None:
        self._app = app
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        if (request_id := state.get("request_id")) is None:  # the direct path gives one, too
            request_id = accept_request_id(Headers(scope=scope).get(REQUEST_ID_HEADER)) or self._new_id()
            state["request_id"] = request_id

        async def send_with_request_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            await send(message)

        await self._app(scope, receive, send_with_request_id)


class RequestIds:
    """Returns ids of requests, all of one process with the same random beginning: none needs randomness of its own.

    The system is asked for that, and lets other threads compute meanwhile.
    """

    def __init__(self) -> None:
        self._beginning = secrets.token_hex(8)
        self._numbers = count(1)

    def __call__(self) -> str:
        return f"{self._beginning}{next(self._numbers):016x}"


def accept_request_id(request_id: str | None) -> str | None:
    """Return the id that a client gave its request, None if it is missing or malformed."""
    return request_id if request_id is not None and _ACCEPTED_REQUEST_ID.fullmatch(request_id) else None


def request_id_of(scope: Scope) -> str:
    """Return the id that `RequestIdMiddleware` gave a request."""
    request_id: str = scope["state"]["request_id"]
    return request_id


class AccessLogMiddleware:
    """ASGI middleware that logs each request once it is answered, without its query string and body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def send_and_note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])  # a member of HTTPStatus is shown by its name
            await send(message)

        request_id = request_id_of(scope)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_and_note_status)
            finally:
                log_access(scope, request_id, status, time.perf_counter() - began)


def log_access(scope: Scope, request_id: str, status: int, seconds: float) -> None:
    """Log that a request was answered."""
    if not _access_log.isEnabledFor(logging.INFO):
        return  # without building a line, which takes longer than the rest of some requests
    milliseconds = round(seconds * 1000, 1)
    access_logger.info(
        "request", request_id=request_id, method=scope["method"], path=scope["path"], status=status, ms=milliseconds
    )


class PositionMiddleware:
    """ASGI middleware that adds to a response the position and root that were set for its request, if they were."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_position(message: Message) -> None:
            bookmark: Bookmark | None = scope.get("state", {}).get("bookmark")
            if message["type"] == "http.response.start" and bookmark is not None:
                headers = MutableHeaders(scope=message)
                headers[POSITION_HEADER], headers[ROOT_HEADER] = str(bookmark.position), bookmark.root
            await send(message)

        await self._app(scope, receive, send_with_position)


def set_response_bookmark(request: HTTPConnection, bookmark: Bookmark) -> None:
    """Set the position that the response was read at; a mutation sets it again to the position after its write."""
    request.scope.setdefault("state", {})["bookmark"] = bookmark


def parse_at_least(request: HTTPConnection) -> Bookmark:
    """Return the position that a request requires, 0 if it requires none, with the root if it names one.

    Raises:
        RequestRejected: 400 with BAD_POSITION or INVALID.
    """
    position, root = request.headers.get(AT_LEAST_POSITION_HEADER), request.headers.get(AT_LEAST_ROOT_HEADER)
    if position is not None and not _POSITION.fullmatch(position):
        raise RequestRejected(
            ReadErrorCode.BAD_POSITION, f"{AT_LEAST_POSITION_HEADER} must be a position, a whole number."
        )
    if root is None:
        return Bookmark(int(position or 0))
    if position is None:
        raise RequestRejected(
            RefusalCode.INVALID, f"{AT_LEAST_ROOT_HEADER} is the root at a position: send {AT_LEAST_POSITION_HEADER}."
        )
    try:
        return Bookmark(int(position), parse_root(root))
    except ValueError as error:
        raise RequestRejected(RefusalCode.INVALID, f"{AT_LEAST_ROOT_HEADER}: {error}.") from error


class SecurityHeadersMiddleware:
    """ASGI middleware that adds strict security headers to each response, except those that it sets itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_security_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_security_headers)


class InternalErrorMiddleware:
    """ASGI middleware that logs an exception of an endpoint and responds 500, or 503 to a failure of the storage.

    Raises:
        Exception: the endpoint's own, if the response has started: the server then closes the connection, so that no
            client takes the response for complete.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_and_note_start(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_note_start)
        except ClientDisconnect:
            return
        except Exception as failure:
            if started:
                log_aborted_response(failure, request_id_of(scope))
                raise
            await failure_response(failure, request_id_of(scope))(scope, receive, send)


class AuthenticationMiddleware:
    """ASGI middleware that identifies the caller of each request and WebSocket, or rejects it.

    A request without an Authorization header is an anonymous reader's, and does not wait for a thread.
    """

    def __init__(self, app: ASGIApp, identify: IdentifyCaller) -> None:
        self._app = app
        self._identification = CallerIdentification(identify, threads=_IDENTIFY_THREADS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if "caller" in scope.get("state", {}):  # the direct path has identified it
            await self._app(scope, receive, send)
            return
        try:
            caller = await self._identify_caller(scope)
        except (AuthenticationFailed, KeysUnavailable, StorageFailure) as failure:
            await send_rejection(caller_rejection(failure), scope, receive, send)
        else:
            scope.setdefault("state", {})["caller"] = caller
            await self._app(scope, receive, send)

    async def _identify_caller(self, scope: Scope) -> Caller:
        address, headers = client_address(scope), Headers(scope=scope).getlist("authorization")
        if not headers:
            return Caller(address=address)
        # Several headers are joined, as servers do; the result is not a valid token.
        authorization, request_id = ", ".join(headers), scope.get("state", {}).get("request_id", "")
        return await self._identification.identify(authorization, address, request_id)


def caller_rejection(failure: AuthenticationFailed | KeysUnavailable | StorageFailure) -> RequestRejected:
    """Return the rejection of a request whose caller cannot be identified."""
    if isinstance(failure, StorageFailure):
        return storage_unavailable(failure)
    if isinstance(failure, KeysUnavailable):
        return RequestRejected(
            RequestErrorCode.SIGN_IN_UNAVAILABLE,
            "Nobody can sign in at the moment: the issuer's keys are unavailable.",
            headers={"Retry-After": "5"},
        )
    return RequestRejected(
        RefusalCode.UNAUTHENTICATED,
        "The token is not valid: it is wrong, expired, revoked, or meant for another service.",
        headers={"WWW-Authenticate": "Bearer"},
    )


def client_address(scope: Scope) -> str:
    """Return the address that a request comes from, empty if the server does not know it."""
    client = scope.get("client")
    return client[0] if client else ""


def caller_of(request: HTTPConnection) -> Caller:
    """Return the caller of a request, an anonymous reader where nobody was identified."""
    caller: Caller | None = request.scope.get("state", {}).get("caller")
    return caller or Caller(address=client_address(request.scope))


def not_found(path: str, known: Collection[str]) -> RequestRejected:
    """Return the rejection (404) of a path, with the one that is meant by it if it only has a slash too many."""
    meant = path.rstrip("/")
    advice = f": the address is {meant}, without a slash at its end" if meant != path and meant in known else ""
    return RequestRejected(RefusalCode.NOT_FOUND, f"There is nothing at this address{advice}.")


def handle_http_exception(request: Request, error: Exception, *, show: ShowRejection) -> Response:
    """Return the response to what Starlette rejects itself: an unknown path, or a method that a path does not have."""
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return show(request, not_found(request.scope["path"], {each.path for each in request.app.routes}))
    code = RequestErrorCode.METHOD_NOT_ALLOWED
    return json_response(code.status, error_payload(error.detail, code=code), error.headers)


async def send_rejection(rejected: RequestRejected, scope: Scope, receive: Receive, send: Send) -> None:
    """Reject a request, or the handshake of a WebSocket."""
    response = rejection_response(rejected)
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).send_denial_response(response)
        return
    await response(scope, receive, send)
