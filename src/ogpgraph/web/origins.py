"""From which sites' pages a browser may ask and follow: the Origin header, which only browsers send (RFC 6454)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ogpgraph.web.authenticated import refuse
from ogpgraph.web.refused import error_payload
from ogpgraph.web.shell import json_response

ANY: Final = "*"
_REFUSED = "pages of your origin may not ask this server"


class Origins:
    """ASGI middleware that refuses (403) what pages of other origins than those allowed, and the server's own, ask.

    Browsers ask nobody before they open a WebSocket, so it is not enough to tell them by CORS who may.
    """

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or self._may(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        await refuse(json_response(403, error_payload(_REFUSED, code="ORIGIN_REFUSED")), scope, receive, send)

    def _may(self, headers: Headers) -> bool:
        own = headers.get("host", "").lower()
        return all(
            origin in self._allowed or (own and origin in (f"http://{own}", f"https://{own}"))
            for origin in headers.getlist("origin")
        )
