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

from ogpgraph.storage.identity import Identity
from ogpgraph.system import System
from ogpgraph.web.authenticated import address_of, caller_of
from ogpgraph.web.heads import ENDLESS
from ogpgraph.web.live.cursors import about, require_this_log
from ogpgraph.web.live.hub import Hub, NoSuchPosition
from ogpgraph.web.live.places import Places
from ogpgraph.web.live.readers import Ending, Item, TooSlow
from ogpgraph.web.live.tokens import Tokens
from ogpgraph.web.live.topics import Topic
from ogpgraph.web.parameters import Parameters
from ogpgraph.web.prepared import RequestErrors
from ogpgraph.web.refused import Refused, error_payload
from ogpgraph.web.shell import json_response

EVENT_STREAM: Final = "text/event-stream"
WRITE_SECONDS: Final = 30.0
_HEADERS: Final = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
_POSITION_DIGITS: Final = 15
_RETRY: Final = b"retry: 2000\n\n"
_ENDED: Final = "The token that this stream was opened with opens nothing any more."
FEED = """subscription Feed($after: Position, $where: EntryFilter) {
  entries(after: $after, where: $where) {
    position id kind recordedAt statedAt effectiveOn actor role cause statedIn reason revision correlationId isLate
    changedBetween { after before }
    subject { __typename id }
    source { id type code language url }
    changes { path before after }
  }
}"""
FILTERS: Final = ("kind", "cause", "member", "actionPlan", "commitment", "policyArea", "subject")


class Feed:
    """The endpoint `/feed`."""

    def __init__(self, hub: Callable[[], Hub], system: Callable[[], System], streams: Streams) -> None:
        self._hub = hub
        self._system = system
        self._streams = streams

    async def __call__(self, request: Request) -> Response:
        hub, identity = self._hub(), self._system().model.identity
        try:
            after = await self._beginning(request, identity)
            topic = await hub.topics.topic(Parameters(query=FEED, variables=_variables(request)))
            await hub.require(after)
        except Refused as refused:
            return json_response(refused.status, error_payload(refused.message, code=refused.code), refused.headers)
        except RequestErrors as wrong:
            return json_response(400, error_payload(str(wrong.errors[0].message), code=wrong.code))
        except NoSuchPosition as wrong:
            return json_response(400, error_payload(str(wrong), code="BAD_POSITION"))
        return self._streams.of(lambda ending: _feed(hub, topic, after, identity, ending))

    async def _beginning(self, request: Request, identity: Identity) -> int | None:
        given = request.headers.get("last-event-id") or request.query_params.get("after")  # a browser's own comes first
        asked = request.query_params
        since = asked.get("since")
        require_this_log(identity, {"logId": asked.get("log"), "epoch": asked.get("epoch")})
        if given is not None:
            return _position(given)
        return await anyio.to_thread.run_sync(self._position_at, since) if since else None

    def _position_at(self, since: str) -> int:
        try:
            moment = datetime.fromisoformat(since)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise Refused(400, "`since` is a time with its offset, such as 2026-11-22T12:00:00Z.", code="BAD_TIME")
        with self._system().reading() as reading:
            snapshot = reading.last_before(moment)
            return snapshot.position if snapshot else 0


class Streams:
    """Makes streams of those who have a place, for as long as their token is good."""

    def __init__(self, places: Places, tokens: Tokens) -> None:
        self._places = places
        self._tokens = tokens

    def of(self, content: Callable[[Ending], AsyncIterator[bytes]]) -> Stream:
        """Return the response that streams what `content` yields until it is ended."""
        ending = Ending()
        return Stream(content(ending), ending, self._places, self._tokens)


class Stream(StreamingResponse):
    """An event stream, given up when nobody reads it. It has its place from its first byte to its last."""

    def __init__(self, content: AsyncIterator[bytes], ending: Ending, places: Places, tokens: Tokens) -> None:
        super().__init__(content, headers=_HEADERS, media_type=EVENT_STREAM)
        self._ending = ending
        self._places = places
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        caller = caller_of(request)
        with ExitStack() as held:
            try:
                held.callback(self._places.take(caller.address, caller.account).release)
            except Refused as refused:
                refusal = json_response(
                    refused.status, error_payload(refused.message, code=refused.code), refused.headers
                )
                await refusal(scope, receive, send)
                return
            token, address = request.headers.get("authorization"), address_of(scope)
            if token is not None:
                held.callback(self._tokens.watch(token, address, lambda: self._ending.end("UNAUTHENTICATED")))
            await self._stream(scope, receive, send)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})[ENDLESS] = True

        async def send_in_time(message: Message) -> None:
            with anyio.fail_after(WRITE_SECONDS):
                await send(message)

        try:
            await super().__call__(scope, receive, send_in_time)
        except TimeoutError:
            return  # whoever reads this has stopped reading


async def _feed(hub: Hub, topic: Topic, after: int | None, identity: Identity, ending: Ending) -> AsyncIterator[bytes]:
    begins = await hub.head() if after is None else after
    yield _RETRY + b"event: log\ndata: " + msgspec.json.encode(about(identity, begins)) + b"\n\n"
    async with aclosing(hub.follow(topic, begins, ending)) as items:
        try:
            async for item in items:
                yield _event(b"entry", item)
        except TooSlow as slow:
            told = error_payload(str(slow), code="TOO_SLOW") | {"position": slow.position}
            yield b"event: error\ndata: " + msgspec.json.encode(told) + b"\n\n"
    if ending.code:
        yield b"event: error\ndata: " + msgspec.json.encode(error_payload(_ENDED, code=ending.code)) + b"\n\n"


async def graphql_events(hub: Hub, topic: Topic, ending: Ending) -> AsyncIterator[bytes]:
    """Yield a subscription as GraphQL over SSE has it (distinct connections mode), each result with its position."""
    yield b":\n\n"  # so that the client knows at once that it is connected
    async with aclosing(hub.follow(topic, topic.after, ending)) as items:
        try:
            async for item in items:
                yield b":\n\n" if item.payload is None else _event(b"next", item)
        except (TooSlow, NoSuchPosition) as ended:
            code = "TOO_SLOW" if isinstance(ended, TooSlow) else "BAD_POSITION"
            yield _failed(error_payload(str(ended), code=code))
    if ending.code:
        yield _failed(error_payload(_ENDED, code=ending.code))
    yield b"event: complete\ndata:\n\n"


def _failed(told: dict[str, object]) -> bytes:
    return b"event: next\ndata: " + msgspec.json.encode(told) + b"\n\n"


def last_event_id(request: Request, after: int | None) -> int | None:
    """Return where a client goes on that comes back by itself: it says the last id it had; raises Refused."""
    given = request.headers.get("last-event-id")
    return _position(given) if given else after


def _position(given: str) -> int:
    if not given.isascii() or not given.isdigit() or len(given) > _POSITION_DIGITS:
        raise Refused(400, "A position is a whole number, 0 or greater.", code="BAD_POSITION")
    return int(given)


def _event(name: bytes, item: Item) -> bytes:
    position = b"id: %d\n" % item.position
    if item.payload is None:
        return position + b'event: position\ndata: {"position":%d}\n\n' % item.position
    return position + b"event: " + name + b"\ndata: " + item.payload + b"\n\n"


def _variables(request: Request) -> dict[str, object]:
    where: dict[str, object] = {}
    for name in FILTERS:
        if values := [value for each in request.query_params.getlist(name) for value in each.split(",") if value]:
            where[name] = values
    return {"where": where} if where else {}
