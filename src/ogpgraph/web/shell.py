"""What stands around every endpoint: headers that keep browsers strict, and errors as JSON, whatever goes wrong."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ogpgraph.web.identified import request_id_of
from ogpgraph.web.masking import internal_failure, unfinished
from ogpgraph.web.media import JSON
from ogpgraph.web.refused import error_payload

_STRICT = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",  # the data is for everyone's pages
}


class StrictHeaders:
    """ASGI middleware that gives each HTTP response the strict headers that it does not set itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_strict(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _STRICT.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_strict)


class LastResort:
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
                unfinished(failure, request_id_of(scope))
                raise
            response = json_response(500, internal_failure(failure, request_id_of(scope)))
            await response(scope, receive, send)


def http_error(_request: Request, error: Exception) -> Response:
    """The answer to what Starlette itself refuses: an unknown path, a method that a path does not have."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    return json_response(status, error_payload(error.detail, code=status.name), error.headers)


def json_response(status: int, payload: object, headers: Mapping[str, str] | None = None) -> Response:
    """`payload` as a JSON response that says its charset."""
    return Response(msgspec.json.encode(payload), status, {"Content-Type": f"{JSON}; charset=utf-8", **(headers or {})})
