"""The live side of a serving process: its hub, open while it serves, and the routes that lead to it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace

import msgspec
import strawberry
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from ogpgraph.storage.event_log import LogIdentity
from ogpgraph.system import System
from ogpgraph.web.authentication import IdentifyCaller
from ogpgraph.web.document_cache import DocumentCache, DocumentLimits, RequestErrors
from ogpgraph.web.errors import RequestRejected, error_payload, format_error, json_response, rejection_response
from ogpgraph.web.live.connection_limits import ConnectionLimits
from ogpgraph.web.live.credential_recheck import CredentialRecheck
from ogpgraph.web.live.feed import (
    EventStreamFactory,
    FeedEndpoint,
    resume_position,
    stream_graphql_events,
)
from ogpgraph.web.live.hub import Hub, PositionBeyondHead
from ogpgraph.web.live.subscriptions import ContextFactory, SubscriptionCompiler, require_same_log
from ogpgraph.web.live.websocket import WebSocketEndpoint
from ogpgraph.web.request import BodyLimits, parse_json_body, parse_query_string, read_json_body


class LiveLimits(msgspec.Struct, frozen=True):
    """What a subscription may ask for with each entry, and how many may be connected, in all and each."""

    document: DocumentLimits = DocumentLimits()
    body: BodyLimits = BodyLimits()
    max_connections: int = 10_000
    max_connections_per_client: int = 200


class LiveService:
    """Everything that follows the log for others.

    `sockets` serves WebSockets; it stands outside of what surrounds the routes, which a socket has no use for and would
    keep, a few kilobytes of it, for as long as it is open.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        system: Callable[[], System],
        context: ContextFactory,
        limits: LiveLimits,
        identify: IdentifyCaller,
    ) -> None:
        documents = DocumentCache(schema._schema, limits.document)  # noqa: SLF001 - strawberry has no public way to graphql-core's schema
        self._compiler = SubscriptionCompiler(schema, documents, context)
        self._system = system
        self._body = limits.body
        self._connection_limits = ConnectionLimits(limits.max_connections, limits.max_connections_per_client)
        self._credential_recheck = CredentialRecheck(identify)
        self._streams = EventStreamFactory(self._connection_limits, self._credential_recheck)
        self.serve_feed = FeedEndpoint(lambda: self.hub, self._system, self._streams)
        self.websocket_endpoint = WebSocketEndpoint(
            lambda: self.hub, self._identity, self._connection_limits, self._credential_recheck
        )
        self._open = AsyncExitStack()
        self._hub: Hub | None = None

    @property
    def hub(self) -> Hub:
        """Return the hub; there is none before the start and after the stop."""
        if self._hub is None:
            raise RuntimeError("nothing is followed yet, or any more")
        return self._hub

    async def start(self) -> None:
        """Begin to follow."""
        hub = Hub(self._system, self._compiler)
        await self._open.enter_async_context(hub.run())
        await self._open.enter_async_context(self._credential_recheck.run())
        self._hub = hub

    async def stop(self) -> None:
        """End every stream and stop following."""
        self._hub = None
        await self._open.aclose()

    def _identity(self) -> LogIdentity:
        return self._system().model.log_identity

    async def serve_graphql_events(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a subscription over server-sent events: an ASGI endpoint."""
        request = Request(scope, receive)
        try:
            sent = (
                parse_json_body(await read_json_body(request, self._body))
                if request.method == "POST"
                else parse_query_string(scope["query_string"])
            )
            require_same_log(self._identity(), sent.extensions)
            topic = await self.hub.compiler.compile(sent)
            topic = replace(topic, after=resume_position(request, topic.after))
            await self.hub.require_position(topic.after)
        except RequestRejected as refused:
            response = rejection_response(refused)
        except RequestErrors as wrong:
            response = json_response(400, {"errors": [format_error(error, code=wrong.code) for error in wrong.errors]})
        except PositionBeyondHead as wrong:
            response = json_response(400, error_payload(str(wrong), code="BAD_POSITION"))
        else:
            response = self._streams.create(lambda ending: stream_graphql_events(self.hub, topic, ending))
        await response(scope, receive, send)
