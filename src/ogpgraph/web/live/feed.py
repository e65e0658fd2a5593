"""Server-sent events: the plain feed for `EventSource` and curl, and GraphQL subscriptions over SSE.

Every entry has its position as `id:`, so that a client that comes back with `Last-Event-ID` misses
nothing. A heartbeat carries the position too: a quiet, filtered feed still moves its cursor.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, aclosing
from datetime import datetime
from typing import Final

import anyio
import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from ogpgraph.storage.event_log import LogIdentity
from ogpgraph.system import System
from ogpgraph.web.authentication import caller_of, client_address
from ogpgraph.web.connection_timeouts import ENDLESS_RESPONSE
from ogpgraph.web.document_cache import RequestErrors
from ogpgraph.web.errors import RequestRejected, error_payload, json_response
from ogpgraph.web.live.connection_limits import ConnectionLimits
from ogpgraph.web.live.credential_recheck import CredentialRecheck
from ogpgraph.web.live.hub import Hub, PositionBeyondHead
from ogpgraph.web.live.subscribers import StreamCancellation, StreamItem, SubscriberTooSlow
from ogpgraph.web.live.subscriptions import Subscription, log_payload, require_same_log
from ogpgraph.web.request import EVENT_STREAM, RequestParameters

WRITE_SECONDS: Final = 30.0
_HEADERS: Final = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
_POSITION_DIGITS: Final = 15
_RETRY: Final = b"retry: 2000\n\n"
_ENDED: Final = "The token that this stream was opened with opens nothing any more."
FEED_QUERY = """subscription Feed($after: Position, $where: EntryFilter) {
  entries(after: $after, where: $where) {
    position id kind recordedAt statedAt effectiveOn actor role cause statedIn reason revision correlationId isLate
    changedBetween { after before }
    subject { __typename id }
    source { id type code language url }
    changes { path before after }
  }
}"""
FEED_FILTERS: Final = ("kind", "cause", "member", "actionPlan", "commitment", "policyArea", "subject")


class FeedEndpoint:
    """The endpoint `/feed`."""

    def __init__(self, hub: Callable[[], Hub], system: Callable[[], System], streams: EventStreamFactory) -> None:
        self._hub = hub
        self._system = system
        self._streams = streams

    async def __call__(self, request: Request) -> Response:
        hub, identity = self._hub(), self._system().model.log_identity
        try:
            after = await self._beginning(request, identity)
            topic = await hub.compiler.compile(RequestParameters(query=FEED_QUERY, variables=_variables(request)))
            await hub.require_position(after)
        except RequestRejected as refused:
            return json_response(refused.status, error_payload(refused.message, code=refused.code), refused.headers)
        except RequestErrors as wrong:
            return json_response(400, error_payload(str(wrong.errors[0].message), code=wrong.code))
        except PositionBeyondHead as wrong:
            return json_response(400, error_payload(str(wrong), code="BAD_POSITION"))
        return self._streams.create(lambda ending: _feed(hub, topic, after, identity, ending))

    async def _beginning(self, request: Request, identity: LogIdentity) -> int | None:
        given = request.headers.get("last-event-id") or request.query_params.get("after")  # a browser's own comes first
        asked = request.query_params
        since = asked.get("since")
        require_same_log(identity, {"logId": asked.get("log"), "epoch": asked.get("epoch")})
        if given is not None:
            return _position(given)
        return await anyio.to_thread.run_sync(self._position_at, since) if since else None

    def _position_at(self, since: str) -> int:
        try:
            moment = datetime.fromisoformat(since)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise RequestRejected(
                400, "`since` is a time with its offset, such as 2026-11-22T12:00:00Z.", code="BAD_TIME"
            )
        with self._system().read_session() as reading:
            snapshot = reading.find_last_before(moment)
            return snapshot.position if snapshot else 0


class EventStreamFactory:
    """Makes streams of those who have a place, for as long as their token is good."""

    def __init__(self, connection_limits: ConnectionLimits, credential_recheck: CredentialRecheck) -> None:
        self._connection_limits = connection_limits
        self._credential_recheck = credential_recheck

    def create(self, content: Callable[[StreamCancellation], AsyncIterator[bytes]]) -> EventStreamResponse:
        """Return the response that streams what `content` yields until it is ended."""
        ending = StreamCancellation()
        return EventStreamResponse(content(ending), ending, self._connection_limits, self._credential_recheck)


class EventStreamResponse(StreamingResponse):
    """An event stream, given up when nobody reads it. It has its place from its first byte to its last."""

    def __init__(
        self,
        content: AsyncIterator[bytes],
        ending: StreamCancellation,
        connection_limits: ConnectionLimits,
        credential_recheck: CredentialRecheck,
    ) -> None:
        super().__init__(content, headers=_HEADERS, media_type=EVENT_STREAM)
        self._ending = ending
        self._connection_limits = connection_limits
        self._credential_recheck = credential_recheck

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        caller = caller_of(request)
        with ExitStack() as held:
            try:
                held.callback(self._connection_limits.acquire(caller.address, caller.account).release)
            except RequestRejected as refused:
                refusal = json_response(
                    refused.status, error_payload(refused.message, code=refused.code), refused.headers
                )
                await refusal(scope, receive, send)
                return
            token, address = request.headers.get("authorization"), client_address(scope)
            if token is not None:
                held.callback(
                    self._credential_recheck.watch(token, address, lambda: self._ending.cancel("UNAUTHENTICATED"))
                )
            await self._stream(scope, receive, send)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})[ENDLESS_RESPONSE] = True

        async def send_in_time(message: Message) -> None:
            with anyio.fail_after(WRITE_SECONDS):
                await send(message)

        try:
            await super().__call__(scope, receive, send_in_time)
        except TimeoutError:
            return  # whoever reads this has stopped reading


async def _feed(
    hub: Hub, topic: Subscription, after: int | None, identity: LogIdentity, ending: StreamCancellation
) -> AsyncIterator[bytes]:
    begins = await hub.head() if after is None else after
    yield _RETRY + b"event: log\ndata: " + msgspec.json.encode(log_payload(identity, begins)) + b"\n\n"
    async with aclosing(hub.stream(topic, begins, ending)) as items:
        try:
            async for item in items:
                yield _event(b"entry", item)
        except SubscriberTooSlow as slow:
            told = error_payload(str(slow), code="TOO_SLOW") | {"position": slow.position}
            yield b"event: error\ndata: " + msgspec.json.encode(told) + b"\n\n"
    if ending.code:
        yield b"event: error\ndata: " + msgspec.json.encode(error_payload(_ENDED, code=ending.code)) + b"\n\n"


async def stream_graphql_events(hub: Hub, topic: Subscription, ending: StreamCancellation) -> AsyncIterator[bytes]:
    """Yield a subscription as GraphQL over SSE has it (distinct connections mode), each result with its position."""
    yield b":\n\n"  # so that the client knows at once that it is connected
    async with aclosing(hub.stream(topic, topic.after, ending)) as items:
        try:
            async for item in items:
                yield b":\n\n" if item.payload is None else _event(b"next", item)
        except (SubscriberTooSlow, PositionBeyondHead) as ended:
            code = "TOO_SLOW" if isinstance(ended, SubscriberTooSlow) else "BAD_POSITION"
            yield _failed(error_payload(str(ended), code=code))
    if ending.code:
        yield _failed(error_payload(_ENDED, code=ending.code))
    yield b"event: complete\ndata:\n\n"


def _failed(told: dict[str, object]) -> bytes:
    return b"event: next\ndata: " + msgspec.json.encode(told) + b"\n\n"


def resume_position(request: Request, after: int | None) -> int | None:
    """Return where a client goes on that comes back by itself: it says the last id it had; raises RequestRejected."""
    given = request.headers.get("last-event-id")
    return _position(given) if given else after


def _position(given: str) -> int:
    if not given.isascii() or not given.isdigit() or len(given) > _POSITION_DIGITS:
        raise RequestRejected(400, "A position is a whole number, 0 or greater.", code="BAD_POSITION")
    return int(given)


def _event(name: bytes, item: StreamItem) -> bytes:
    position = b"id: %d\n" % item.position
    if item.payload is None:
        return position + b'event: position\ndata: {"position":%d}\n\n' % item.position
    return position + b"event: " + name + b"\ndata: " + item.payload + b"\n\n"


def _variables(request: Request) -> dict[str, object]:
    where: dict[str, object] = {}
    for name in FEED_FILTERS:
        if values := [value for each in request.query_params.getlist(name) for value in each.split(",") if value]:
            where[name] = values
    return {"where": where} if where else {}
