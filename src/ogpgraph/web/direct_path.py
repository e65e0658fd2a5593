"""The direct path: queries that find all they need in memory are answered on the event loop, before the middleware.

A request takes it if one with the same headers came through the middleware before (`header_sets`), if its document is
known and compiled, and if nobody waits for a turn who would go first. It has a slice of time; where it needs more, or
anything that is not in memory, or where anything is out of the ordinary, the request is passed to the application,
which answers it from the beginning: a query changes nothing. So the direct path never decides how a request fails.
Requests of those who sign in are answered by the endpoint (`signed_answers`), mutations included.

Its responses are those of the application: found by `direct_answers`, and sent by `direct_sending`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from typing import Final, NamedTuple

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ogpgraph.auth.authentication import Caller
from ogpgraph.readmodel.bookmark import ANY_POSITION, Bookmark
from ogpgraph.readmodel.read_model import MemoryView
from ogpgraph.web.arrivals import CONFIRMED
from ogpgraph.web.direct_answers import DirectAnswer, DirectAnswers, DirectQuery
from ogpgraph.web.direct_sending import DirectRequest, DirectSender, hold, pass_with
from ogpgraph.web.endpoint import PARSERS, Passing, negotiate
from ogpgraph.web.errors import RequestRejected
from ogpgraph.web.header_sets import AT_LEAST, IF_NONE_MATCH, LENGTH, REQUEST_ID, HeaderSet, HeaderSets
from ogpgraph.web.http_rules import prefers_compressed
from ogpgraph.web.memory_reader import MemoryReader
from ogpgraph.web.middleware import accept_request_id, caller_of, parse_at_least
from ogpgraph.web.operation_service import OperationService, client_of
from ogpgraph.web.request import EVENT_STREAM, require_json
from ogpgraph.web.signed_answers import SignedAnswers
from ogpgraph.web.whole_response import Arrival, WholeResponses

MAX_BODY_BYTES: Final = 16_384
BODY_SECONDS: Final = 0.05
"""How long a body is awaited here: nearly all come with their headers."""


class ExaminedArrival(NamedTuple):
    """A request that can be answered as soon as the head is confirmed."""

    asked: DirectRequest
    query: DirectQuery
    connection: WholeResponses


class DirectPath:
    """An ASGI application that answers what it can, and passes all other requests to `app`, unchanged."""

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
        self._header_sets = HeaderSets()
        self._sender = DirectSender(app, operations.held, logs_accesses=access_log)

    @property
    def answered(self) -> int:
        """The number of requests that it has answered."""
        return self._sender.answered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        examined = self._header_sets.examine(scope) if self._is_possible(scope) else None
        if examined is None:
            await self._app(scope, receive, send)
            return
        if examined.header_set is None:
            pass_with(scope, Passing(on_arrival=partial(self._learn, examined.key)))
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
        if answer is None or not await self._sender.send(asked, answer, receive, send):
            await self._app(scope, receive if message is None else _replay(message, receive), send)

    # At once

    def examine(self, arrival: Arrival) -> ExaminedArrival | None:
        """Return a request of which all is known but the head; None if it cannot be answered at once."""
        scope, body = arrival.scope, arrival.body
        if not self._is_possible(scope) or len(body) > MAX_BODY_BYTES:
            return None
        examined = self._header_sets.examine(scope)
        if examined is None or (header_set := examined.header_set) is None or header_set.caller is not None:
            return None
        encoded = _choose_parameters(scope, body)
        if encoded is None or not AT_LEAST.isdisjoint(examined.own):
            return None
        asked = self._ask(scope, header_set, examined.own)
        query = _build_query(asked, encoded, ANY_POSITION)
        return ExaminedArrival(asked, query, arrival.connection) if self._answers.is_known(query) else None

    def answer_at_once(self, examined: ExaminedArrival, view: MemoryView) -> bool:
        """Answer a request whose response was given before and has a template; returns whether it did."""
        answer = self._answers.find_at_once(examined.query, view)
        return answer is not None and self._sender.write_at_once(examined.asked, answer, examined.connection)

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
            if not hold(holding, int(length)):
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
        confirmed = asked.scope.get("state", {}).get(CONFIRMED)
        return await self._answers.find(_build_query(asked, encoded, at_least), confirmed)

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
        await self._sender.send_response(asked, response, receive, send)
        return True


def _decode(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


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
    if scope["method"] == "GET":
        return _choose_parameters(scope, b"")
    if message is None or message["type"] != "http.request" or message.get("more_body"):
        return None
    return _choose_parameters(scope, bytes(message.get("body", b"")))


def _choose_parameters(scope: Scope, body: bytes) -> bytes | None:
    query_string: bytes = scope.get("query_string", b"")
    if scope["method"] == "GET":
        return query_string if len(query_string) <= MAX_BODY_BYTES else None
    return None if query_string else body


def _replay(message: Message, receive: Receive) -> Receive:
    """Return what receives a message once more, and then what follows it."""
    pending = [message]

    async def receive_again() -> Message:
        return pending.pop() if pending else await receive()

    return receive_again


def _at_least(asked: DirectRequest) -> Bookmark:
    """Return the position that a request requires; raises RequestRejected if it is malformed."""
    return ANY_POSITION if AT_LEAST.isdisjoint(asked.own) else parse_at_least(Request(asked.scope))
