"""The plain feed `/feed`: every entry as a server-sent event, for EventSource, curl and `ogpgraph follow`.

It is a subscription with a fixed selection, filtered by query parameters. Its heartbeats have an `id:` as well, so a
client of a feed with few matching entries does not begin far back when it reconnects.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Final

import anyio
import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ogpgraph.clock import parse_rfc3339
from ogpgraph.readmodel.bookmark import Bookmark, OtherHistory
from ogpgraph.storage.log_identity import LogIdentity
from ogpgraph.system import System
from ogpgraph.web.document_cache import RequestErrors
from ogpgraph.web.errors import RequestRejected, error_payload, json_response, other_history, rejection_response
from ogpgraph.web.live.hub import Hub, PositionBeyondHead
from ogpgraph.web.live.sse import UNAUTHENTICATED_MESSAGE, EventStreams, encode_event, parse_start
from ogpgraph.web.live.subscribers import StreamCancellation, StreamFailed
from ogpgraph.web.live.subscriptions import Subscription, log_payload, require_same_log
from ogpgraph.web.request import RequestParameters

FEED_QUERY: Final = """subscription Feed($after: Position, $where: EntryFilter) {
  entries(after: $after, where: $where) {
    position id kind recordedAt statedAt effectiveOn actor role cause statedIn reason revision correlationId isLate
    changedBetween { after before }
    subject { __typename id }
    source { id type code language url }
    changes { path before after }
  }
}"""
FILTER_PARAMETERS: Final = ("kind", "cause", "member", "actionPlan", "commitment", "policyArea", "subject")
_RECONNECTION_TIME: Final = b"retry: 2000\n\n"  # milliseconds; browsers differ in their defaults


class FeedEndpoint:
    """The endpoint `/feed`."""

    def __init__(self, hub: Callable[[], Hub], system: Callable[[], System], streams: EventStreams) -> None:
        self._hub = hub
        self._system = system
        self._streams = streams

    async def respond(self, request: Request) -> Response:
        """Return the event stream that a request asks for, or an error response."""
        hub, identity = self._hub(), self._system().model.log_identity
        try:
            after = await self._start_after(request, identity)
            variables = _filter_variables(request)
            subscription = await hub.compiler.compile(RequestParameters(query=FEED_QUERY, variables=variables))
            start = await hub.locate(after)
        except RequestRejected as rejected:
            return rejection_response(rejected)
        except OtherHistory as error:
            return rejection_response(other_history(error))
        except RequestErrors as error:
            # Only its message: a location in the document would mean nothing to a client that sent none.
            return json_response(400, error_payload(str(error.errors[0].message), code=error.code))
        except PositionBeyondHead as error:
            return json_response(400, error_payload(str(error), code="BAD_POSITION"))
        return self._streams.create(lambda cancellation: _stream_feed(hub, subscription, start, identity, cancellation))

    async def _start_after(self, request: Request, identity: LogIdentity) -> Bookmark | None:
        """Return the bookmark after which the feed begins, None for the head."""
        parameters = request.query_params
        require_same_log(identity, {"logId": parameters.get("log")})
        # A reconnecting EventSource repeats its URL, so the header is the newer of the two.
        after = request.headers.get("last-event-id") or parameters.get("after")
        if after is not None:
            return parse_start(after)
        since = parameters.get("since")
        return await anyio.to_thread.run_sync(self._position_at, since) if since else None

    def _position_at(self, since: str) -> Bookmark:
        try:
            moment = parse_rfc3339(since)
        except ValueError:
            message = "`since` is a time with its offset, such as 2026-11-22T12:00:00Z."
            raise RequestRejected(400, message, code="BAD_TIME") from None
        with self._system().read_session() as session:
            snapshot = session.find_last_before(moment)
            return snapshot.bookmark if snapshot else session.bookmark(0)


async def _stream_feed(
    hub: Hub, subscription: Subscription, start: Bookmark, identity: LogIdentity, cancellation: StreamCancellation
) -> AsyncIterator[bytes]:
    # With its id, so that a client that gets nothing more resumes here, too.
    log = b"id: " + start.encode() + b"\nevent: log\ndata: " + msgspec.json.encode(log_payload(identity, start))
    yield _RECONNECTION_TIME + log + b"\n\n"
    async with aclosing(hub.stream(subscription, start, cancellation)) as items:
        try:
            async for item in items:
                yield encode_event(b"entry", item)
        except StreamFailed as failure:
            yield _encode_error(error_payload(str(failure), **failure.extensions) | {"position": failure.last.position})
    if cancellation.code:
        yield _encode_error(error_payload(UNAUTHENTICATED_MESSAGE, code=cancellation.code))


def _encode_error(payload: dict[str, object]) -> bytes:
    return b"event: error\ndata: " + msgspec.json.encode(payload) + b"\n\n"


def _filter_variables(request: Request) -> dict[str, object]:
    """Return the variables of the feed's filters; values are separated by commas or given as repeated parameters."""
    where: dict[str, object] = {}
    for name in FILTER_PARAMETERS:
        if values := [value for each in request.query_params.getlist(name) for value in each.split(",") if value]:
            where[name] = values
    return {"where": where} if where else {}
