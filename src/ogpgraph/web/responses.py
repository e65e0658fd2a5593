"""Responses in the negotiated media type, whose large bodies are sent in slices."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ogpgraph.web.caching import NO_STORE, VARY
from ogpgraph.web.errors import JSON
from ogpgraph.web.live.sse import encode_single_result
from ogpgraph.web.request import EVENT_STREAM

SLICE_BYTES: Final = 65_536


def build_unchanged(headers: Mapping[str, str]) -> Response:
    """Return the response (304) to a client that has what it asks for."""
    return Response(status_code=304, headers={"Vary": VARY, **headers})


def build_response(status: int, body: bytes, media_type: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response with a body in the negotiated media type. What was not executed is no event, but JSON."""
    is_event = media_type == EVENT_STREAM and status == HTTPStatus.OK
    sent_type = JSON if media_type == EVENT_STREAM and not is_event else media_type
    all_headers = {
        "Content-Type": f"{sent_type}; charset=utf-8",
        "Cache-Control": NO_STORE,
        "Vary": VARY,
        **(headers or {}),
    }
    return SlicedResponse(encode_single_result(body) if is_event else body, status, all_headers)


class SlicedResponse(Response):
    """A response whose body is sent a slice at a time: others get their turn while a large one is compressed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if len(self.body) <= SLICE_BYTES:
            await super().__call__(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send_sliced(bytes(self.body), send)


async def send_sliced(body: bytes, send: Send) -> None:
    """Send the body of a response a slice at a time."""
    if len(body) <= SLICE_BYTES:
        await send({"type": "http.response.body", "body": body})
        return
    for start in range(0, len(body), SLICE_BYTES):
        end = start + SLICE_BYTES
        await send({"type": "http.response.body", "body": body[start:end], "more_body": end < len(body)})
        await asyncio.sleep(0)
