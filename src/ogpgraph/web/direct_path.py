"""The direct path: queries that find all they need in memory are answered on the event loop, before the middleware.

A request takes it if one with the same headers came through the middleware before (`header_sets`), if its document is
known and compiled, and if nobody waits for a turn who would go first. It has a slice of time; where it needs more, or
anything that is not in memory, or where anything is out of the ordinary, the request is passed to the application,
which answers it from the beginning: a query changes nothing. So the direct path never decides how a request fails.

Its responses are those of the application: built by the functions of the endpoint, executed by the same compiled
operation, charged to the same budget, and sent with the headers that the middleware gave to a response before. The
first response of its kind is sent through the middleware, which is how they are learned.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping
from functools import partial
from typing import Final

import msgspec
import structlog
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ogpgraph.graphql.context import Context
from ogpgraph.graphql.deprecation import deprecation_headers
from ogpgraph.readmodel.bookmark import Bookmark
from ogpgraph.storage.waiting import WouldWait, waiting_refused
from ogpgraph.web.caching import NO_STORE, CacheKey, etag_matches
from ogpgraph.web.deadline import Deadline, OperationCancelled
from ogpgraph.web.endpoint import (
    PARSERS,
    PASSING,
    SLICE_BYTES,
    Passing,
    build_response,
    build_unchanged,
    find_cache_headers,
    is_cacheable,
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
    examine_headers,
)
from ogpgraph.web.held_bytes import Holding
from ogpgraph.web.http_rules import COMPRESSED_FROM_BYTES, compress, prefers_compressed
from ogpgraph.web.known_operations import KnownOperation
from ogpgraph.web.middleware import (
    accept_request_id,
    caller_of,
    log_access,
    parse_at_least,
    set_response_bookmark,
)
from ogpgraph.web.operation_service import OperationService, client_of
from ogpgraph.web.request import EVENT_STREAM, require_json

OpenInMemory = Callable[[Bookmark], Awaitable[Context]]
"""Returns a context that reads from memory only, as of a moment after the call, at a position or later.

Raises WouldWait if it is not there, and the exceptions of a request that is wrong.
"""

SLICE_SECONDS: Final = 0.002
"""How long an operation may take here."""
SHARE_SECONDS: Final = 0.004
"""How long the operations of one client may take until the event loop has looked for other requests."""
MAX_BODY_BYTES: Final = 16_384
BODY_SECONDS: Final = 0.05
"""How long a body is awaited here: nearly all come with their headers."""


_ANY_POSITION: Final = Bookmark(0)


class DirectAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The response to a query: its body, or None if the client has it; headers for caches; where it was read."""

    body: bytes | None
    headers: dict[str, str]
    bookmark: Bookmark


class LoopShares:
    """The time that each client has had on the event loop since that has looked for other requests."""

    def __init__(self) -> None:
        self._used: dict[str, float] = {}

    async def wait(self, network: str) -> None:
        """Let others go first, if a client has had its share."""
        while self._used.get(network, 0.0) > SHARE_SECONDS:  # noqa: ASYNC110 - until the loop went round
            await asyncio.sleep(0)

    def add(self, network: str, seconds: float) -> None:
        """Count the time that a client has used."""
        if not self._used:
            asyncio.get_running_loop().call_soon(self._used.clear)
        self._used[network] = self._used.get(network, 0.0) + seconds


class LoopSlice(Deadline):
    """The time that an operation may take on the event loop; what other threads and processes take does not count.

    Half of it is measured by the clock on the wall, the rest by that of the thread, which takes longer to read.
    """

    _ends_at: float | None = None

    def __init__(self) -> None:
        super().__init__(SLICE_SECONDS / 2)

    def _is_exceeded_at(self, now: float) -> bool:
        if not super()._is_exceeded_at(now):
            return False
        if self._ends_at is None:
            self._ends_at = time.thread_time() + SLICE_SECONDS / 2
        return time.thread_time() > self._ends_at


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
        open_in_memory: OpenInMemory,
        new_request_id: Callable[[], str],
        *,
        access_log: bool,
    ) -> None:
        self._app = app
        self._path = path
        self._operations = operations
        self._open_in_memory = open_in_memory
        self._new_request_id = new_request_id
        self._logs_accesses = access_log
        self._header_sets = HeaderSets()
        self._shares = LoopShares()
        self.answered = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_possible = scope["path"] == self._path and scope["method"] in PARSERS and not scope.get("root_path")
        examined = examine_headers(scope) if is_possible else None
        if examined is None:
            await self._app(scope, receive, send)
            return
        header_set = self._header_sets.get(examined.key)
        if header_set is None:
            _pass(scope, Passing(on_arrival=partial(self._learn, examined.key)))
            await self._app(scope, receive, send)
            return
        request_id = accept_request_id(examined.own.get(REQUEST_ID, b"").decode("latin-1")) or self._new_request_id()
        asked = DirectRequest(
            scope=scope,
            header_set=header_set,
            own=examined.own,
            request_id=request_id,
            began=time.perf_counter(),
        )
        holding = Holding(self._operations.held, header_set.client.network)
        try:
            message = await self._receive(asked, receive, holding)
            answer = await self._answer(asked, _encoded_parameters(asked.scope, message))
            if answer is not None and _hold(holding, len(answer.body or b"")):
                self.answered += 1
                await self._send(asked, answer, receive, send)
                return
        finally:
            holding.release()
        await self._app(scope, receive if message is None else _replay(message, receive), send)

    def _learn(self, key: Hashable, request: Request) -> None:
        """Remember the header set of a request that came through the middleware, if the direct path is for such."""
        media_type = EVENT_STREAM
        try:
            media_type = negotiate(request.headers.get("accept"))
            if request.method == "POST":
                require_json(request)
        except RequestRejected:
            return
        # Who signs in is identified anew for each request.
        if media_type == EVENT_STREAM or caller_of(request).account or "authorization" in request.headers:
            return
        is_compressed = prefers_compressed(Headers(scope=request.scope))
        self._header_sets.put(
            key, HeaderSet(client=client_of(request), media_type=media_type, is_compressed=is_compressed)
        )

    # Reading

    async def _receive(self, asked: DirectRequest, receive: Receive, holding: Holding) -> Message | None:
        """Return the message with the body of a POST; None if it is not small, or does not come with its headers."""
        length = asked.own.get(LENGTH, b"")
        if asked.scope["method"] != "POST" or not length.isdigit() or int(length[:9]) > MAX_BODY_BYTES:
            return None
        if not _hold(holding, int(length)):
            return None
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await receive()
        except TimeoutError:
            return None

    # Answering

    async def _answer(self, asked: DirectRequest, encoded: bytes | None) -> DirectAnswer | None:
        """Return the response to a request; None if the application has to answer it."""
        if encoded is None:
            return None
        client, method = asked.header_set.client, asked.scope["method"]
        await self._shares.wait(client.network)
        began = time.perf_counter()
        try:
            known = self._operations.recall((method, encoded), PARSERS[method])
            if known is None:
                return None
            prepared = time.perf_counter()
            context = await self._open_in_memory(_at_least(asked))
            began += time.perf_counter() - prepared  # others had the event loop
            return self._execute(asked, known, context)
        except (Exception, WouldWait, OperationCancelled):
            return None
        finally:
            seconds = time.perf_counter() - began
            self._shares.add(client.network, seconds)
            self._operations.scheduler.charge_at_once(client, seconds)

    def _execute(self, asked: DirectRequest, known: KnownOperation, context: Context) -> DirectAnswer | None:
        session = context.session
        headers, bookmark = self._cache_headers(asked, known, context), session.bookmark(session.head)
        etag, if_none_match = headers.get("ETag"), asked.own.get(IF_NONE_MATCH)
        if etag and if_none_match and etag_matches(if_none_match.decode("latin-1"), etag):
            return DirectAnswer(body=None, headers=headers, bookmark=bookmark)
        client, patience = asked.header_set.client, known.operation.document.patience
        if not (self._operations.scheduler.may_go_at_once(client) and patience.may_try()):
            return None
        body: bytes | None = None
        bound = structlog.contextvars.bind_contextvars(request_id=asked.request_id)
        try:
            with waiting_refused():
                body = self._operations.execute_at_once(client, known, context, LoopSlice())
        finally:
            structlog.contextvars.reset_contextvars(**bound)
            patience.note(succeeded=body is not None)
        if body is None:
            return None
        self._operations.compare_later()
        if asked.scope["method"] == "GET":
            headers |= deprecation_headers(known.deprecations)
        return DirectAnswer(body=body, headers=headers, bookmark=bookmark)

    def _cache_headers(self, asked: DirectRequest, known: KnownOperation, context: Context) -> dict[str, str]:
        media_type, parameters = asked.header_set.media_type, known.parameters
        if not is_cacheable(asked.scope["method"], media_type, {}):
            return {"Cache-Control": NO_STORE}
        key = CacheKey(parameters.query, parameters.operation_name, parameters.variables, media_type, known.cost_limit)
        return find_cache_headers(self._operations, key, known.operation.document, context)

    # Sending

    async def _send(self, asked: DirectRequest, answer: DirectAnswer, receive: Receive, send: Send) -> None:
        header_set, body = asked.header_set, answer.body or b""
        status = 304 if answer.body is None else 200
        is_large, is_sliced = len(body) >= COMPRESSED_FROM_BYTES, len(body) > SLICE_BYTES
        kind = status, is_large, is_sliced, *(each for each in answer.headers.items() if each[0] != "ETag")
        template = header_set.templates.get(kind)
        if template is None or (is_sliced and header_set.is_compressed):
            await self._send_through_middleware(asked, answer, kind, receive, send)
            return
        if is_large and header_set.is_compressed:
            body = compress(body)
        values = {
            LENGTH: b"%d" % len(body),
            ETAG: answer.headers.get("ETag", "").encode(),
            REQUEST_ID: asked.request_id.encode(),
            POSITION: b"%d" % answer.bookmark.position,
            ROOT: answer.bookmark.root.encode(),
        }
        try:
            await send({"type": "http.response.start", "status": status, "headers": template.fill(values)})
            await send_sliced(body, send)
        finally:
            if self._logs_accesses:
                log_access(asked.scope, asked.request_id, status, time.perf_counter() - asked.began)

    async def _send_through_middleware(
        self, asked: DirectRequest, answer: DirectAnswer, kind: Hashable, receive: Receive, send: Send
    ) -> None:
        """Send the response as an endpoint does, and remember what the middleware adds to it."""
        media_type, headers = asked.header_set.media_type, answer.headers
        if answer.body is None:
            response = build_unchanged(headers)
        else:
            response = build_response(200, answer.body, media_type, headers)

        async def send_and_learn(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == response.status_code:
                asked.header_set.add_template(kind, list(message["headers"]))
            await send(message)

        _pass(asked.scope, Passing(response=response))
        set_response_bookmark(Request(asked.scope), answer.bookmark)
        await self._app(asked.scope, receive, send_and_learn)


def _pass(scope: Scope, passing: Passing) -> None:
    scope.setdefault("state", {})[PASSING] = passing


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
    return _ANY_POSITION if AT_LEAST.isdisjoint(asked.own) else parse_at_least(Request(asked.scope))
