"""Sends the responses of the direct path: with the headers that the middleware gave to one of the same kind before.

The first response of a kind is sent through the middleware, which is how its headers are learned.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Hashable, Mapping
from http import HTTPStatus
from typing import NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ogpgraph.readmodel.bookmark import Bookmark
from ogpgraph.web.direct_answers import NOT_STORED, DirectAnswer
from ogpgraph.web.endpoint import PASSING, Passing
from ogpgraph.web.errors import RequestRejected
from ogpgraph.web.header_sets import ETAG, LENGTH, POSITION, REQUEST_ID, ROOT, HeaderSet, ResponseTemplate
from ogpgraph.web.held_bytes import HeldBytes, Holding
from ogpgraph.web.http_rules import COMPRESSED_FROM_BYTES, compress
from ogpgraph.web.middleware import log_access, set_response_bookmark
from ogpgraph.web.responses import SLICE_BYTES, build_response, build_unchanged, send_sliced
from ogpgraph.web.whole_response import WholeResponses, find_whole_responses


class DirectRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request that takes the direct path, with its headers as `header_sets` has them."""

    scope: Scope
    header_set: HeaderSet
    own: Mapping[bytes, bytes]
    request_id: str
    began: float


class DirectSender:
    """Sends responses past the middleware, or through it to `app`. `answered` is the number of requests it answered."""

    def __init__(self, app: ASGIApp, held: HeldBytes, *, logs_accesses: bool) -> None:
        self._app = app
        self._held = held
        self._logs_accesses = logs_accesses
        self._draining: set[asyncio.Task[None]] = set()
        self.answered = 0

    async def send_response(self, asked: DirectRequest, response: Response, receive: Receive, send: Send) -> None:
        """Send a response of the endpoint; only those that most have in common are sent past the middleware."""
        self.answered += 1
        header_set, body = asked.header_set, bytes(response.body)
        bookmark: Bookmark | None = asked.scope["state"].get("bookmark")
        if response.status_code != HTTPStatus.OK or bookmark is None or len(body) >= COMPRESSED_FROM_BYTES:
            pass_with(asked.scope, Passing(response=response))
            await self._app(asked.scope, receive, send)
            return
        kind = tuple(header for header in response.raw_headers if header[0] != LENGTH)
        template = header_set.templates.get(kind)
        if template is None:
            await self._pass_and_learn(asked, response, kind, receive, send)
            return
        answer = DirectAnswer(body=body, headers=NOT_STORED, bookmark=bookmark)
        await self._send_as(template, asked, answer, body, send)

    def write_at_once(self, asked: DirectRequest, answer: DirectAnswer, connection: WholeResponses) -> bool:
        """Write a response, if its template is known and the connection takes it now; returns whether it did."""
        header_set, body, kind = asked.header_set, answer.body or b"", _kind_of(answer)
        template = header_set.templates.get(kind)
        if template is None or (header_set.is_compressed and kind.is_large):
            return False
        holding = Holding(self._held, header_set.client.network)
        if not hold(holding, len(body)):
            return False
        status = _status_of(answer)
        is_written = connection.write_whole(asked.scope, status, template.format(_values_of(asked, answer, body)), body)
        if is_written:
            self.answered += 1
            self._log(asked, status)
        if is_written and connection.is_write_paused:
            task = asyncio.create_task(_release_when_drained(connection, holding))
            self._draining.add(task)
            task.add_done_callback(self._draining.discard)
        else:
            holding.release()
        return is_written

    async def send(self, asked: DirectRequest, answer: DirectAnswer, receive: Receive, send: Send) -> bool:
        """Send a response; returns False, with nothing sent, if so much is held for the client that it may not be."""
        header_set, body, kind = asked.header_set, answer.body or b"", _kind_of(answer)
        template = header_set.templates.get(kind)
        holding = Holding(self._held, header_set.client.network)
        if not hold(holding, len(body)):
            return False
        self.answered += 1
        try:
            if template is None or (kind.is_sliced and header_set.is_compressed):
                await self._send_through_middleware(asked, answer, kind, receive, send)
                return True
            if kind.is_large and header_set.is_compressed:
                body = compress(body)
            await self._send_as(template, asked, answer, body, send)
        finally:
            holding.release()
        return True

    async def _send_as(
        self, template: ResponseTemplate, asked: DirectRequest, answer: DirectAnswer, body: bytes, send: Send
    ) -> None:
        status, values = _status_of(answer), _values_of(asked, answer, body)
        whole = find_whole_responses(asked.scope)
        try:
            if whole is not None and whole.write_whole(asked.scope, status, template.format(values), body):
                await whole.drain()
                return
            await send({"type": "http.response.start", "status": status, "headers": template.fill(values)})
            await send_sliced(body, send)
        finally:
            self._log(asked, status)

    def _log(self, asked: DirectRequest, status: int) -> None:
        if self._logs_accesses:
            log_access(asked.scope, asked.request_id, status, time.perf_counter() - asked.began)

    async def _send_through_middleware(
        self, asked: DirectRequest, answer: DirectAnswer, kind: Hashable, receive: Receive, send: Send
    ) -> None:
        """Send the response as an endpoint does, and remember what the middleware adds to it."""
        media_type, headers = asked.header_set.media_type, answer.headers.as_dict()
        if answer.body is None:
            response = build_unchanged(headers)
        else:
            response = build_response(200, answer.body, media_type, headers)

        set_response_bookmark(Request(asked.scope), answer.bookmark)
        await self._pass_and_learn(asked, response, kind, receive, send)

    async def _pass_and_learn(
        self, asked: DirectRequest, response: Response, kind: Hashable, receive: Receive, send: Send
    ) -> None:
        async def send_and_learn(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == response.status_code:
                asked.header_set.add_template(kind, list(message["headers"]))
            await send(message)

        pass_with(asked.scope, Passing(response=response))
        await self._app(asked.scope, receive, send_and_learn)


def pass_with(scope: Scope, passing: Passing) -> None:
    """Have the endpoint find what is passed to it with a request."""
    scope.setdefault("state", {})[PASSING] = passing


class _Kind(NamedTuple):
    """What the headers of a response depend on besides the request, and besides what each one has of its own."""

    status: int
    is_large: bool
    is_sliced: bool
    headers: tuple[tuple[str, str], ...]


def _kind_of(answer: DirectAnswer) -> _Kind:
    size = len(answer.body or b"")
    return _Kind(_status_of(answer), size >= COMPRESSED_FROM_BYTES, size > SLICE_BYTES, answer.headers.others)


def _status_of(answer: DirectAnswer) -> int:
    return 304 if answer.body is None else 200


def _values_of(asked: DirectRequest, answer: DirectAnswer, body: bytes) -> Mapping[bytes, bytes]:
    """Return the values of the headers that differ from response to response."""
    return {
        LENGTH: b"%d" % len(body),
        ETAG: answer.headers.etag.encode(),
        REQUEST_ID: asked.request_id.encode(),
        POSITION: b"%d" % answer.bookmark.position,
        ROOT: answer.bookmark.root.encode(),
    }


async def _release_when_drained(connection: WholeResponses, holding: Holding) -> None:
    try:
        await connection.drain()
    finally:
        holding.release()


def hold(holding: Holding, count: int) -> bool:
    """Hold bytes; returns False if there are too many, with which the application deals."""
    try:
        holding.add(count)
    except RequestRejected:
        return False
    return True
