"""Which names the server answers to, and to pages of which origins.

A web page may give its own name the address of this machine (DNS rebinding). A browser then takes this server for the
page's own, and lets the page read from it and write to it; only the `Host` header tells.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ogpgraph.host import Host, is_loopback, parse_host
from ogpgraph.web.error_codes import RequestErrorCode
from ogpgraph.web.errors import RequestRejected, bad_request
from ogpgraph.web.middleware import send_rejection

ANY_ORIGIN: Final = "*"
PROBE_PATHS: Final = ("/health", "/ready")
_LOCAL_ADVICE: Final = (
    "it listens on this machine only, so it answers to `localhost` and IP addresses. Operators: list the name in "
    "OGPGRAPH_HOSTS, or the proxy that passes it in OGPGRAPH_TRUSTED_PROXIES."
)
_LISTED_ADVICE: Final = (
    "it answers to the names in OGPGRAPH_HOSTS. Operators: list this one, too, or let the proxy pass the `Host` of its "
    "clients."
)


class HostMiddleware:
    """ASGI middleware that rejects requests for other hosts than those allowed: with 421, or 400 if it is malformed.

    Without `allowed` hosts, those are rejected that reach the server over the loopback interface by a name other than
    `localhost`: so no page can reach a server that runs for the user of the same machine. `/health` and `/ready` may
    also be requested by IP address and as `localhost`, as probes do: no page can give these another meaning.
    """

    def __init__(self, app: ASGIApp, allowed: Sequence[Host]) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            try:
                self._check(scope)
            except RequestRejected as rejected:
                await send_rejection(rejected, scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope).getlist("host")
        if len(headers) != 1:
            # No browser sends none, and HTTP/1.0, with which some load balancers probe, need not have it.
            if headers or scope.get("http_version", "1.1") == "1.1":
                raise bad_request(f"The request has {len(headers)} `Host` headers, and must have one.")
            return
        try:
            host = parse_host(headers[0])
        except ValueError:
            raise bad_request("The `Host` header is neither a name nor an address, with a port or without.") from None
        if host.cannot_be_rebound and (not self._allowed or scope["path"] in PROBE_PATHS):
            return
        if not self._is_allowed(host, scope):
            advice = _LISTED_ADVICE if self._allowed else _LOCAL_ADVICE
            raise RequestRejected(RequestErrorCode.HOST_REFUSED, f"This server is not `{headers[0]}`: {advice}")

    def _is_allowed(self, host: Host, scope: Scope) -> bool:
        if self._allowed:
            return any(each.includes(host) for each in self._allowed)
        return not _arrived_locally(scope)


def _arrived_locally(scope: Scope) -> bool:
    """Return whether the client connected to an address of the loopback interface; False if that is not known."""
    server = scope.get("server")
    return server is not None and is_loopback(server[0])


class OriginMiddleware:
    """ASGI middleware that rejects (403) requests from pages of other origins than those allowed and the server's own.

    CORS does not suffice: browsers do not ask before they open a WebSocket.
    """

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or self._is_allowed(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        rejected = RequestRejected(RequestErrorCode.ORIGIN_REFUSED, "Pages of your origin may not use this server.")
        await send_rejection(rejected, scope, receive, send)

    def _is_allowed(self, headers: Headers) -> bool:
        own = headers.get("host", "").lower()
        return all(
            origin in self._allowed or (own and origin in (f"http://{own}", f"https://{own}"))
            for origin in headers.getlist("origin")
        )
