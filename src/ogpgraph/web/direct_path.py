"""The direct path: queries that find all they need in memory are answered on the event loop, before the middleware.

A request takes it if one with the same headers came through the middleware before (`header_sets`), if its document is
known and compiled, and if nobody waits for a turn who would go first. It has a slice of time; where it needs more, or
anything that is not in memory, or where anything is out of the ordinary, the request is passed to the application,
which answers it from the beginning: a query changes nothing. So the direct path never decides how a request fails.
Requests of those who sign in are answered by the endpoint (`signed_answers`), mutations included.

Its responses are those of the application: found by `direct_answers`, and sent with the headers that the middleware
gave to a response before. The first response of its kind is sent through the middleware, which is how they are learned.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Final, NamedTuple

import msgspec
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ogpgraph.auth.authentication import Caller
from ogpgraph.readmodel.bookmark import Bookmark
from ogpgraph.readmodel.read_model import MemoryView
from ogpgraph.web.direct_answers import ANY_POSITION, NOT_STORED, DirectAnswer, DirectAnswers, DirectQuery
from ogpgraph.web.endpoint import (
    PARSERS,
    PASSING,
    SLICE_BYTES,
    Passing,
    build_response,
    build_unchanged,
    negotiate,
    send_sliced,
)
from ogpgraph.web.errors import RequestRejected
from ogpgraph.web.header_sets import (
    AT_LEAST,
    ETAG,
    IF_NONE_MATCH,
    LENGTH,
    POSITION,
    REQUEST_ID,
    ROOT,
    HeaderSet,
    HeaderSets,
    ResponseTemplate,
)
from ogpgraph.web.held_bytes import Holding
from ogpgraph.web.http_rules import COMPRESSED_FROM_BYTES, compress, prefers_compressed
from ogpgraph.web.memory_reader import MemoryReader
from ogpgraph.web.middleware import (
    accept_request_id,
    caller_of,
    log_access,
    parse_at_least,
    set_response_bookmark,
)
from ogpgraph.web.operation_service import OperationService, client_of
from ogpgraph.web.request import EVENT_STREAM, require_json
from ogpgraph.web.signed_answers import SignedAnswers
from ogpgraph.web.whole_response import Arrival, WholeResponses, find_whole_responses

MAX_BODY_BYTES: Final = 16_384
BODY_SECONDS: Final = 0.05
"""How long a body is awaited here: nearly all come with their headers."""


class DirectRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request that takes the direct path, with its headers as `header_sets` has them."""

    scope: Scope
    header_set: HeaderSet
    own: Mapping[bytes, bytes]
    request_id: str
    began: float


class DirectPath:
    """An ASGI application that answers what it can, and passes all other requests to `app`, unchanged.

    `answered` is the number of requests that it has answered.
    """

    def __init__(
        self,
        app: ASGIApp,
        path: str,
        operations: OperationService,
        memory: MemoryReader,
        signed: SignedAnswers,
        new_request_id: Callable[[], str],
        *,
        access_log: bool,
    ) -> None:
        self._app = app
        self._path = path
        self._held = operations.held
        self._answers = DirectAnswers(operations, memory)
        self._signed = signed
        self._new_request_id = new_request_id
        self._logs_accesses = access_log
        self._header_sets = HeaderSets()
        self._draining: set[asyncio.Task[None]] = set()
        self.answered = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        examined = self._header_sets.examine(scope) if self._is_possible(scope) else None
        if examined is None:
            await self._app(scope, receive, send)
            return
        if examined.header_set is None:
            _pass(scope, Passing(on_arrival=partial(self._learn, examined.key)))
            await self._app(scope, receive, send)
            return
        asked = self._ask(scope, examined.header_set, examined.own)
        message = await self._receive(asked, receive)
        encoded = _encoded_parameters(scope, message)
        if examined.header_set.caller is not None and encoded is not None:
            if await self._answer_signed(asked, examined.header_set.caller, encoded, receive, send):
                return
            encoded = None
        answer = None if encoded is None else await self._find_answer(asked, encoded)
        if answer is None or not await self._send(asked, answer, receive, send):
            await self._app(scope, receive if message is None else _replay(message, receive), send)

    def answer_at_once(self, arrival: Arrival, view: MemoryView) -> bool:
        """Answer a request whose response was given before and has a template; returns whether it did."""
        scope, body = arrival.scope, arrival.body
        if not self._is_possible(scope) or len(body) > MAX_BODY_BYTES:
            return False
        examined = self._header_sets.examine(scope)
        if examined is None or (header_set := examined.header_set) is None or header_set.caller is not None:
            return False
        encoded = _encoded_parameters(scope, {"type": "http.request", "body": body})
        if encoded is None or not AT_LEAST.isdisjoint(examined.own):
            return False
        asked = self._ask(scope, header_set, examined.own)
        answer = self._answers.find_at_once(_build_query(asked, encoded, ANY_POSITION), view)
        return answer is not None and self._write_at_once(asked, answer, arrival.connection)

    def _is_possible(self, scope: Scope) -> bool:
        return scope["path"] == self._path and scope["method"] in PARSERS and not scope.get("root_path")

    def _ask(self, scope: Scope, header_set: HeaderSet, own: Mapping[bytes, bytes]) -> DirectRequest:
        named = accept_request_id(_decode(own.get(REQUEST_ID)))
        return DirectRequest(
            scope=scope,
            header_set=header_set,
            own=own,
            request_id=named or self._new_request_id(),
            began=time.perf_counter(),
        )

    def _learn(self, key: Hashable, request: Request) -> None:
        """Remember the header set of a request that came through the middleware, if the direct path is for such."""
        media_type = EVENT_STREAM
        try:
            media_type = negotiate(request.headers.get("accept"))
            if request.method == "POST":
                require_json(request)
        except RequestRejected:
            return
        if media_type == EVENT_STREAM:
            return
        authorization = ", ".join(request.headers.getlist("authorization"))
        self._header_sets.put(
            key,
            HeaderSet(
                client=client_of(request),
                caller=caller_of(request) if authorization else None,
                authorization=authorization,
                media_type=media_type,
                is_compressed=prefers_compressed(Headers(scope=request.scope)),
            ),
        )

    # Reading

    async def _receive(self, asked: DirectRequest, receive: Receive) -> Message | None:
        """Return the message with the body of a POST; None if it is not small, or does not come with its headers."""
        length = asked.own.get(LENGTH, b"")
        if asked.scope["method"] != "POST" or not length.isdigit() or int(length[:9]) > MAX_BODY_BYTES:
            return None
        if (message := _receive_at_once(receive)) is not None:
            return message
        with self._held.hold(asked.header_set.client.network) as holding:
            if not _hold(holding, int(length)):
                return None
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    return await receive()
            except TimeoutError:
                return None

    async def _find_answer(self, asked: DirectRequest, encoded: bytes) -> DirectAnswer | None:
        try:
            at_least = _at_least(asked)
        except RequestRejected:
            return None
        return await self._answers.find(_build_query(asked, encoded, at_least))

    async def _answer_signed(
        self, asked: DirectRequest, caller: Caller, encoded: bytes, receive: Receive, send: Send
    ) -> bool:
        """Answer a request of somebody who signs in; returns whether it was."""
        if asked.scope["method"] != "POST":
            return False
        scope, header_set = asked.scope, asked.header_set
        scope.setdefault("state", {})["request_id"] = asked.request_id
        request = Request(scope, receive)
        response = await self._signed.respond(request, caller, header_set.authorization, header_set.media_type, encoded)
        if response is None:
            return False
        self.answered += 1
        await self._send_response(asked, response, receive, send)
        return True

    # Sending

    async def _send_response(self, asked: DirectRequest, response: Response, receive: Receive, send: Send) -> None:
        """Send a response of the endpoint; only those that most have in common are sent past the middleware."""
        header_set, body = asked.header_set, bytes(response.body)
        bookmark: Bookmark | None = asked.scope["state"].get("bookmark")
        if response.status_code != HTTPStatus.OK or bookmark is None or len(body) >= COMPRESSED_FROM_BYTES:
            _pass(asked.scope, Passing(response=response))
            await self._app(asked.scope, receive, send)
            return
        kind = tuple(header for header in response.raw_headers if header[0] != LENGTH)
        template = header_set.templates.get(kind)
        if template is None:
            await self._pass_and_learn(asked, response, kind, receive, send)
            return
        answer = DirectAnswer(body=body, headers=NOT_STORED, bookmark=bookmark)
        await self._send_as(template, asked, answer, body, send)

    def _write_at_once(self, asked: DirectRequest, answer: DirectAnswer, connection: WholeResponses) -> bool:
        """Write a response, if its template is known and the connection takes it now; returns whether it did."""
        header_set, body, kind = asked.header_set, answer.body or b"", _kind_of(answer)
        template = header_set.templates.get(kind)
        if template is None or (header_set.is_compressed and kind.is_large):
            return False
        holding = Holding(self._held, header_set.client.network)
        if not _hold(holding, len(body)):
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

    async def _send(self, asked: DirectRequest, answer: DirectAnswer, receive: Receive, send: Send) -> bool:
        """Send a response; returns False, with nothing sent, if so much is held for the client that it may not be."""
        header_set, body, kind = asked.header_set, answer.body or b"", _kind_of(answer)
        template = header_set.templates.get(kind)
        holding = Holding(self._held, header_set.client.network)
        if not _hold(holding, len(body)):
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

        _pass(asked.scope, Passing(response=response))
        await self._app(asked.scope, receive, send_and_learn)


def _pass(scope: Scope, passing: Passing) -> None:
    scope.setdefault("state", {})[PASSING] = passing


def _decode(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


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


def _build_query(asked: DirectRequest, encoded: bytes, at_least: Bookmark) -> DirectQuery:
    return DirectQuery(
        client=asked.header_set.client,
        method=asked.scope["method"],
        encoded=encoded,
        media_type=asked.header_set.media_type,
        if_none_match=_decode(asked.own.get(IF_NONE_MATCH)),
        at_least=at_least,
        request_id=asked.request_id,
    )


async def _release_when_drained(connection: WholeResponses, holding: Holding) -> None:
    try:
        await connection.drain()
    finally:
        holding.release()


def _receive_at_once(receive: Receive) -> Message | None:
    """Return the next message if it is there already; otherwise nothing is received."""
    receiving = receive().__await__()
    try:
        next(receiving)
    except StopIteration as received:
        message: Message = received.value
        return message
    receiving.close()
    return None


def _encoded_parameters(scope: Scope, message: Message | None) -> bytes | None:
    """Return the parameters of a request as they were sent; None if they are not all there, or in unusual places."""
    query_string: bytes = scope.get("query_string", b"")
    if scope["method"] == "GET":
        return query_string if len(query_string) <= MAX_BODY_BYTES else None
    if message is None or message["type"] != "http.request" or message.get("more_body") or query_string:
        return None
    return bytes(message.get("body", b""))


def _replay(message: Message, receive: Receive) -> Receive:
    """Return what receives a message once more, and then what follows it."""
    pending = [message]

    async def receive_again() -> Message:
        return pending.pop() if pending else await receive()

    return receive_again


def _hold(holding: Holding, count: int) -> bool:
    """Hold bytes; returns False if there are too many, with which the application deals."""
    try:
        holding.add(count)
    except RequestRejected:
        return False
    return True


def _at_least(asked: DirectRequest) -> Bookmark:
    """Return the position that a request requires; raises RequestRejected if it is malformed."""
    return ANY_POSITION if AT_LEAST.isdisjoint(asked.own) else parse_at_least(Request(asked.scope))
