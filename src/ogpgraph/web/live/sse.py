"""Server-sent events: the response that streams them, their encoding, and GraphQL subscriptions over them.

Every event with a result has its entry's bookmark as its `id:`, so a client that reconnects with `Last-Event-ID`
resumes where it was, in the same history of the log.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, aclosing
from dataclasses import replace
from typing import Final

import anyio
import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from ogpgraph.domain.errors import RefusalCode
from ogpgraph.readmodel.bookmark import Bookmark, OtherHistory, parse_bookmark
from ogpgraph.readmodel.error_codes import ReadErrorCode
from ogpgraph.system import System
from ogpgraph.web.connection_timeouts import ENDLESS_RESPONSE
from ogpgraph.web.document_cache import RequestErrors
from ogpgraph.web.errors import (
    RequestRejected,
    error_payload,
    format_error,
    json_response,
    other_history,
    rejection_response,
)
from ogpgraph.web.fair_queue import Client
from ogpgraph.web.live.batches import PositionBeyondHead
from ogpgraph.web.live.connection_limits import ConnectionLimits
from ogpgraph.web.live.credential_recheck import CredentialRecheck
from ogpgraph.web.live.hub import Hub
from ogpgraph.web.live.subscribers import StreamCancellation, StreamFailed, StreamItem
from ogpgraph.web.live.subscriptions import Subscription, require_same_log
from ogpgraph.web.middleware import caller_of, client_address
from ogpgraph.web.operation_service import client_of
from ogpgraph.web.request import (
    EVENT_STREAM,
    RequestParameters,
)

UNAUTHENTICATED_MESSAGE: Final = "The token that this stream was opened with is no longer valid."
WRITE_TIMEOUT_SECONDS: Final = 30.0
_HEADERS: Final = {
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",  # nginx would otherwise hold events back until its buffer is full
}
COMPLETE: Final = b"event: complete\ndata:\n\n"
_COMMENT: Final = b":\n\n"


class EventStreams:
    """Creates the event streams of a process, which count towards its connection limits."""

    def __init__(self, connection_limits: ConnectionLimits, credential_recheck: CredentialRecheck) -> None:
        self._connection_limits = connection_limits
        self._credential_recheck = credential_recheck

    def create(self, content: Callable[[StreamCancellation], AsyncIterator[bytes]]) -> EventStreamResponse:
        """Return a response that streams `content`, which has to end when its cancellation is set."""
        cancellation = StreamCancellation()
        return EventStreamResponse(
            content(cancellation), cancellation, self._connection_limits, self._credential_recheck
        )


class EventStreamResponse(StreamingResponse):
    """An event stream. It counts as a connection from its first byte to its last, and ends with its token's validity.

    A client that reads nothing for WRITE_TIMEOUT_SECONDS is cut off.
    """

    def __init__(
        self,
        content: AsyncIterator[bytes],
        cancellation: StreamCancellation,
        connection_limits: ConnectionLimits,
        credential_recheck: CredentialRecheck,
    ) -> None:
        super().__init__(content, headers=_HEADERS, media_type=EVENT_STREAM)
        self._cancellation = cancellation
        self._connection_limits = connection_limits
        self._credential_recheck = credential_recheck

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        caller = caller_of(request)
        # Acquired now, not when the response is created: one that is never sent would be counted for ever.
        with ExitStack() as acquired:
            try:
                acquired.callback(self._connection_limits.acquire(caller.address, caller.account).release)
            except RequestRejected as rejected:
                await rejection_response(rejected)(scope, receive, send)
                return
            authorization = request.headers.get("authorization")
            if authorization is not None:
                acquired.callback(self._watch_credential(authorization, client_address(scope)))
            await self._stream(scope, receive, send)

    def _watch_credential(self, authorization: str, address: str) -> Callable[[], None]:
        return self._credential_recheck.watch(
            authorization, address, lambda: self._cancellation.cancel(RefusalCode.UNAUTHENTICATED)
        )

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The server closes such a response when it stops; it would otherwise wait for its end.
        scope.setdefault("state", {})[ENDLESS_RESPONSE] = True

        async def send_in_time(message: Message) -> None:
            with anyio.fail_after(WRITE_TIMEOUT_SECONDS):
                await send(message)

        try:
            await super().__call__(scope, receive, send_in_time)
        except TimeoutError:
            return  # uvicorn closes the connection, because the response is incomplete


class SubscriptionStreams:
    """GraphQL subscriptions over server-sent events (graphql-sse, distinct connections mode)."""

    def __init__(self, hub: Callable[[], Hub], system: Callable[[], System], streams: EventStreams) -> None:
        self._hub = hub
        self._system = system
        self._streams = streams

    async def respond(self, request: Request, parameters: RequestParameters) -> Response:
        """Return the event stream of a subscription, or an error response."""
        hub = self._hub()
        try:
            require_same_log(self._system().model.log_identity, parameters.extensions)
            client = client_of(request)
            subscription = await hub.compile(client, parameters)
            subscription = replace(subscription, after=_resume_after(request, subscription.after))
            await hub.locate(subscription.after, client)
        except RequestRejected as rejected:
            return rejection_response(rejected)
        except OtherHistory as error:
            return rejection_response(other_history(error))
        except RequestErrors as error:
            errors = [format_error(each, code=error.code) for each in error.errors]
            return json_response(error.code.status, {"errors": errors})
        except PositionBeyondHead as error:
            return rejection_response(RequestRejected(ReadErrorCode.BAD_POSITION, str(error)))
        return self._streams.create(lambda cancellation: _stream_results(hub, subscription, client, cancellation))


async def _stream_results(
    hub: Hub, subscription: Subscription, client: Client, cancellation: StreamCancellation
) -> AsyncIterator[bytes]:
    yield _COMMENT  # sends the headers, so that the client knows at once that it is connected
    async with aclosing(hub.stream(subscription, subscription.after, client, cancellation)) as items:
        try:
            async for item in items:
                yield _COMMENT if item.payload is None else encode_event(b"next", item)
        except StreamFailed as failure:
            yield _encode_failure(error_payload(str(failure), code=failure.code, **failure.extensions))
    if cancellation.code:
        yield _encode_failure(error_payload(UNAUTHENTICATED_MESSAGE, code=cancellation.code))
    yield COMPLETE


def _encode_failure(payload: dict[str, object]) -> bytes:
    return b"event: next\ndata: " + msgspec.json.encode(payload) + b"\n\n"


def encode_single_result(payload: bytes) -> bytes:
    """Return the whole event stream of an operation that has one result."""
    return b"event: next\ndata: " + payload + b"\n\n" + COMPLETE


def encode_event(name: bytes, item: StreamItem) -> bytes:
    """Return an item as an event, or as an event `position` if it is a heartbeat."""
    identifier = b"id: %s\n" % item.bookmark.encode()
    if item.payload is None:
        return identifier + b'event: position\ndata: {"position":%d}\n\n' % item.bookmark.position
    return identifier + b"event: " + name + b"\ndata: " + item.payload + b"\n\n"


def parse_start(text: str) -> Bookmark:
    """Return the bookmark that a client begins after, which may be a position only; raises RequestRejected."""
    try:
        return parse_bookmark(text)
    except ValueError:
        message = "A stream begins after a position (a whole number, 0 or greater) or after the `id` of an event."
        raise RequestRejected(ReadErrorCode.BAD_POSITION, message) from None


def _resume_after(request: Request, after: Bookmark | None) -> Bookmark | None:
    """Return the bookmark after which to begin: `Last-Event-ID` of a reconnecting client takes precedence."""
    last_event_id = request.headers.get("last-event-id")
    return parse_start(last_event_id) if last_event_id else after
