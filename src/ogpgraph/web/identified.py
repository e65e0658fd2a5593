"""Every request has an id, the client's own or a new one; every response and every line of the log about it say it."""

import re
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-Id"

# Long enough to be found again, short and plain enough to be logged and sent back as it came.
_SANE = re.compile(r"[A-Za-z0-9-]{8,64}")


class Identified:
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
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        await self._app(scope, receive, send_identified)

    def _given(self, scope: Scope) -> str | None:
        given = Headers(scope=scope).get(HEADER)
        return given if given is not None and _SANE.fullmatch(given) else None


def request_id_of(scope: Scope) -> str:
    """The id of a request that passed `Identified`."""
    request_id: str = scope["state"]["request_id"]
    return request_id
