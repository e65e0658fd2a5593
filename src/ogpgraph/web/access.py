"""The log of requests: one line for each, when it has been answered."""

from __future__ import annotations

import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ogpgraph.web.identified import request_id_of

access = structlog.stdlib.get_logger("ogpgraph.access")


class AccessLog:
    """ASGI middleware that logs each request when it has been answered; it stands behind `Identified`.

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
                access.info("request", method=scope["method"], path=scope["path"], status=status, ms=milliseconds)
