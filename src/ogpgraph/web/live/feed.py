"""The plain feed `/feed`: every entry as a server-sent event, for EventSource, curl and `ogpgraph follow`.

It is a subscription with a fixed selection, filtered by query parameters. Its heartbeats have an `id:` as well, so a
client of a feed with few matching entries does not begin far back when it reconnects.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from datetime import datetime
from functools import partial
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ogpgraph.clock import parse_rfc3339
from ogpgraph.graphql.errors import FieldErrorCode
from ogpgraph.readmodel.bookmark import Bookmark, OtherHistory
from ogpgraph.readmodel.error_codes import ReadErrorCode
from ogpgraph.storage.log_identity import LogIdentity
from ogpgraph.system import System
from ogpgraph.web.document_cache import RequestErrors
from ogpgraph.web.errors import (
    RequestRejected,
    bad_request,
    error_payload,
    json_response,
    other_history,
    rejection_response,
)
from ogpgraph.web.live.batches import PositionBeyondHead
from ogpgraph.web.live.hub import Hub
from ogpgraph.web.live.sse import UNAUTHENTICATED_MESSAGE, EventStreams, encode_event, parse_start
from ogpgraph.web.live.subscribers import StreamCancellation, StreamFailed, StreamItem
from ogpgraph.web.live.subscriptions import log_payload, require_same_log
from ogpgraph.web.operation_service import client_of
from ogpgraph.web.parameters import Parameter, Parameters
from ogpgraph.web.request import RequestParameters

FEED_QUERY: Final = """subscription Feed($after: Position, $where: EntryFilter) {
  entries(after: $after, where: $where) {
    position id kind recordedAt statedAt effectiveOn actor role cause statedIn reason revision correlationId isLate
    changedBetween { after before }
    subject { __typename id stableId }
    source { id stableId type code language url }
    changes { path before after }
  }
}"""
_FILTERS: Final = ("kind", "cause", "member", "actionPlan", "commitment", "policyArea", "subject", "role", "path")
_RECONNECTION_TIME: Final = b"retry: 2000\n\n"  # milliseconds; browsers differ in their defaults


def _parse_time(text: str) -> datetime:
    try:
        return parse_rfc3339(text)
    except ValueError:
        # "+" in a query string is a blank.
        message = "`since` is a time with its offset, such as 2026-11-22T12:00:00Z; `+` is written as `%2B`."
        raise RequestRejected(FieldErrorCode.BAD_TIME, message) from None


def _parse_list(name: str) -> Parameter:
    return Parameter(name, lambda text: _split(name, text))


def _split(name: str, text: str) -> list[str]:
    values = [value.strip() for value in text.split(",")]
    if not all(values):
        raise bad_request(f"`{name}` has an empty value between commas.")
    return values


PARAMETERS: Final = Parameters(
    Parameter("after", parse_start), Parameter("since", _parse_time), Parameter("log"), *map(_parse_list, _FILTERS)
)


class FeedEndpoint:
    """The endpoint `/feed`."""

    def __init__(self, hub: Callable[[], Hub], system: Callable[[], System], streams: EventStreams) -> None:
        self._hub = hub
        self._system = system
        self._streams = streams

    async def respond(self, request: Request) -> Response:
        """Return the event stream that a request asks for, or an error response."""
        hub, identity, client = self._hub(), self._system().model.log_identity, client_of(request)
        try:
            parameters = PARAMETERS.parse(request.scope.get("query_string", b""))
            after = await self._start_after(request, parameters, identity)
            where = {name: parameters[name] for name in _FILTERS if name in parameters}
            variables = {"where": where} if where else {}
            subscription = await hub.compile(client, RequestParameters(query=FEED_QUERY, variables=variables))
            start = await hub.locate(after, client)
        except RequestRejected as rejected:
            return rejection_response(rejected)
        except OtherHistory as error:
            return rejection_response(other_history(error))
        except RequestErrors as error:
            # Its message only, in the words of the URL: a client that sent no document knows no location and variable.
            message = error.errors[0].message.replace("The variable `$where.", "The parameter `", 1)
            return json_response(error.code.status, error_payload(message, code=error.code))
        except PositionBeyondHead as error:
            return rejection_response(RequestRejected(ReadErrorCode.BAD_POSITION, str(error)))
        items = partial(hub.stream, subscription, start, client)
        return self._streams.create(lambda cancellation: _stream_feed(items, start, identity, cancellation))

    async def _start_after(
        self, request: Request, parameters: Mapping[str, Any], identity: LogIdentity
    ) -> Bookmark | None:
        """Return the bookmark after which the feed begins, None for the head."""
        require_same_log(identity, {"logId": parameters.get("log")})
        after: Bookmark | None = parameters.get("after")
        since: datetime | None = parameters.get("since")
        if after is not None and since is not None:
            raise bad_request("`after` and `since` both say where the feed begins: give one of them.")
        # A reconnecting EventSource repeats its URL, so the header is the newer of the two.
        if last_event_id := request.headers.get("last-event-id"):
            return parse_start(last_event_id)
        if since is None:
            return after
        return await self._hub().run_in_turn(client_of(request), self._position_at, since)

    def _position_at(self, since: datetime) -> Bookmark:
        system = self._system()
        if since > system.clock():
            raise RequestRejected(FieldErrorCode.BAD_TIME, "`since` is in the future; without it the feed begins now.")
        with system.read_session() as session:
            snapshot = session.find_last_before(since)
            return snapshot.bookmark if snapshot else session.bookmark(0)


async def _stream_feed(
    stream: Callable[[StreamCancellation], AsyncGenerator[StreamItem, None]],
    start: Bookmark,
    identity: LogIdentity,
    cancellation: StreamCancellation,
) -> AsyncIterator[bytes]:
    # With its id, so that a client that gets nothing more resumes here, too.
    log = b"id: " + start.encode() + b"\nevent: log\ndata: " + msgspec.json.encode(log_payload(identity, start))
    yield _RECONNECTION_TIME + log + b"\n\n"
    async with aclosing(stream(cancellation)) as items:
        try:
            async for item in items:
                yield encode_event(b"entry", item)
        except StreamFailed as failure:
            yield _encode_error(
                error_payload(str(failure), code=failure.code, **failure.extensions)
                | {"position": failure.last.position}
            )
    if cancellation.code:
        yield _encode_error(error_payload(UNAUTHENTICATED_MESSAGE, code=cancellation.code))


def _encode_error(payload: dict[str, object]) -> bytes:
    return b"event: error\ndata: " + msgspec.json.encode(payload) + b"\n\n"
