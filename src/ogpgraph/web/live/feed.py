"""Server-sent events: the plain feed for `EventSource` and curl, and GraphQL subscriptions over SSE.

Every entry has its position as `id:`, so that a client that comes back with `Last-Event-ID` misses
nothing. A heartbeat carries the position too: a quiet, filtered feed still moves its cursor.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import datetime
from typing import Final

import anyio
import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from ogpgraph.storage.identity import Identity
from ogpgraph.system import System
from ogpgraph.web.heads import ENDLESS
from ogpgraph.web.live.hub import Hub, Item, NoSuchPosition, TooSlow
from ogpgraph.web.live.topics import Topic
from ogpgraph.web.parameters import Parameters
from ogpgraph.web.prepared import RequestErrors
from ogpgraph.web.refused import Refused, error_payload
from ogpgraph.web.shell import json_response

EVENT_STREAM: Final = "text/event-stream"
WRITE_SECONDS: Final = 30.0
_HEADERS: Final = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
_RETRY: Final = b"retry: 2000\n\n"
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

    def __init__(self, hub: Callable[[], Hub], system: Callable[[], System]) -> None:
        self._hub = hub
        self._system = system

    async def __call__(self, request: Request) -> Response:
        hub, identity = self._hub(), self._system().model.identity
        try:
            after = await self._beginning(request, identity)
            topic = await hub.topics.topic(Parameters(query=FEED, variables=_variables(request)))
            await hub.require(after)
        except Refused as refused:
            return json_response(refused.status, error_payload(refused.message, code=refused.code))
        except RequestErrors as wrong:
            return json_response(400, error_payload(str(wrong.errors[0].message), code=wrong.code))
        except NoSuchPosition as wrong:
            return json_response(400, error_payload(str(wrong), code="BAD_POSITION"))
        return Stream(_feed(hub, topic, after, identity))

    async def _beginning(self, request: Request, identity: Identity) -> int | None:
        given = request.headers.get("last-event-id") or request.query_params.get("after")
        since, log = request.query_params.get("since"), request.query_params.get("log")
        if log not in (None, identity.id):
            raise Refused(400, "This cursor is of another log: begin anew, without one.", code="OTHER_LOG")
        if given is not None:
            if not given.isascii() or not given.isdigit():
                raise Refused(400, "A position is a whole number, 0 or greater.", code="BAD_POSITION")
            return int(given)
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


class Stream(StreamingResponse):
    """An event stream, given up when nobody reads it."""

    def __init__(self, content: AsyncIterator[bytes]) -> None:
        super().__init__(content, headers=_HEADERS, media_type=EVENT_STREAM)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})[ENDLESS] = True

        async def send_in_time(message: object) -> None:
            with anyio.fail_after(WRITE_SECONDS):
                await send(message)  # type: ignore[arg-type]  # passed through as it came

        try:
            await super().__call__(scope, receive, send_in_time)
        except TimeoutError:
            return  # whoever reads this has stopped reading


async def _feed(hub: Hub, topic: Topic, after: int | None, identity: Identity) -> AsyncIterator[bytes]:
    head = await hub.head()
    about = msgspec.json.encode(
        {"logId": identity.id, "epoch": identity.epoch, "position": head if after is None else after}
    )
    yield _RETRY + b"event: log\ndata: " + about + b"\n\n"
    async with aclosing(hub.follow(topic, after)) as items:
        try:
            async for item in items:
                yield _event(b"entry", item)
        except TooSlow as slow:
            told = error_payload(str(slow), code="TOO_SLOW") | {"position": slow.position}
            yield b"event: error\ndata: " + msgspec.json.encode(told) + b"\n\n"


async def graphql_events(hub: Hub, topic: Topic) -> AsyncIterator[bytes]:
    """Yield a subscription as GraphQL over SSE has it (distinct connections mode), each result with its position."""
    async with aclosing(hub.follow(topic, topic.after)) as items:
        try:
            async for item in items:
                yield b":\n\n" if item.payload is None else _event(b"next", item)
        except (TooSlow, NoSuchPosition) as ended:
            code = "TOO_SLOW" if isinstance(ended, TooSlow) else "BAD_POSITION"
            yield b"event: next\ndata: " + msgspec.json.encode(error_payload(str(ended), code=code)) + b"\n\n"
    yield b"event: complete\ndata:\n\n"


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
