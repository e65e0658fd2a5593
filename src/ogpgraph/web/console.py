"""The query console, an HTML page that loads nothing from the network, and an index for programs."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ogpgraph.web.errors import json_response
from ogpgraph.web.request import HTML, prefer_over_json

Respond = Callable[[Request], Awaitable[Response]]

_INDEX: Final = {
    "endpoints": [
        {
            "path": "graphql",
            "methods": ["GET", "POST"],
            "what": "GraphQL over HTTP; the schema describes itself by introspection",
        },
        {"path": "console", "methods": ["GET"], "what": "a page to try queries"},
        {"path": "health", "methods": ["GET"], "what": "the process is alive"},
        {"path": "ready", "methods": ["GET"], "what": "the process can serve requests"},
    ]
}


class Example(msgspec.Struct, frozen=True):
    """A query that the console offers."""

    title: str
    query: str
    variables: dict[str, object] = {}


class Console:
    """The endpoint `/console`."""

    def __init__(self, examples: Sequence[Example]) -> None:
        template = (files("ogpgraph.web") / "console.html").read_text("utf-8")
        self._page = template.replace("__EXAMPLES__", _encode_for_html(examples)).encode()
        # Of the template: the examples are data, which browsers do not execute, so the policy need not allow them.
        self._headers = {
            "Content-Type": f"{HTML}; charset=utf-8",
            "Content-Security-Policy": _content_security_policy(template),
        }

    async def __call__(self, _request: Request) -> Response:
        return Response(self._page, headers=self._headers)


def serve_index(respond: Respond) -> Respond:
    """Return the endpoint `/`: a page for a browser, an index of the endpoints for every other client."""

    async def respond_or_index(request: Request) -> Response:
        if prefer_over_json(HTML, request.headers.get("accept")) == HTML:
            return await respond(request)
        return await respond_with_index(request)

    return respond_or_index


async def respond_with_index(_request: Request) -> Response:
    """Return the index of the endpoints."""
    return json_response(200, _INDEX, {"Vary": "Accept"})


def _encode_for_html(examples: Sequence[Example]) -> str:
    """Return the examples as JSON for a script element: nothing in it can end the element or begin a comment."""
    text = msgspec.json.encode(examples).decode()
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _content_security_policy(template: str) -> str:
    """Return a policy that allows the page's own style and script, by their hashes, and requests to this server."""
    rules = {
        "default-src": "'none'",
        "style-src": _source_hash(template, "style"),
        "script-src": _source_hash(template, "script"),
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _source_hash(template: str, element: str) -> str:
    """Return the source expression for the only inline `element` (without attributes) of the page."""
    (content,) = re.findall(f"<{element}>(.*?)</{element}>", template, re.DOTALL)
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
