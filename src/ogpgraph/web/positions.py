"""Positions over HTTP: a client names the least one it needs, and every answer says the one it was read at.

Whoever wrote through one process and reads through another sends `X-At-Least-Position` with the
position that the write's answer told: it is waited for, and never answered with less.
"""

from __future__ import annotations

import re

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ogpgraph.web.refused import Refused

ASKED = "X-At-Least-Position"
TOLD = "X-Position"
WAIT_SECONDS = 3.0
_POSITION = re.compile(r"[0-9]{1,18}")


def least_position(request: Request) -> int:
    """Return the position that a request asks for at least, 0 where it asks for none; raises Refused."""
    asked = request.headers.get(ASKED)
    if asked is None:
        return 0
    if not _POSITION.fullmatch(asked):
        raise Refused(400, f"{ASKED} must be a position, a whole number.", code="BAD_POSITION")
    return int(asked)


def not_reached(message: str) -> Refused:
    """Return the refusal of a request whose position did not come in time."""
    return Refused(503, message, code="POSITION_NOT_REACHED", headers={"Retry-After": "1"})


def tell_position(request: Request, position: int) -> None:
    """Have the response say at which position it was read; said again, the later counts."""
    request.scope.setdefault("state", {})["position"] = position


class Positioned:
    """ASGI middleware that gives a response the position that was told for its request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_positioned(message: Message) -> None:
            position = scope.get("state", {}).get("position")
            if message["type"] == "http.response.start" and position is not None:
                MutableHeaders(scope=message)[TOLD] = str(position)
            await send(message)

        await self._app(scope, receive, send_positioned)
