"""The live part of the web application: composes hub, endpoints and limits, and runs them while the server serves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack

import msgspec
import strawberry

from ogpgraph.storage.log_identity import LogIdentity
from ogpgraph.system import System
from ogpgraph.web.document_cache import DocumentLimits
from ogpgraph.web.live.connection_limits import ConnectionLimits
from ogpgraph.web.live.credential_recheck import CredentialRecheck
from ogpgraph.web.live.feed import FeedEndpoint
from ogpgraph.web.live.hub import Hub
from ogpgraph.web.live.sse import EventStreams, GraphQLEventStreamEndpoint
from ogpgraph.web.live.subscriptions import ContextFactory, SubscriptionCompiler
from ogpgraph.web.live.websocket import WebSocketEndpoint
from ogpgraph.web.middleware import IdentifyCaller
from ogpgraph.web.operation import OperationRunner
from ogpgraph.web.request import BodyLimits


class LiveLimits(msgspec.Struct, frozen=True):
    """Limits of subscriptions: what one may select for each entry, how long that may take, how many may be open."""

    document: DocumentLimits = DocumentLimits()
    body: BodyLimits = BodyLimits()
    deadline_seconds: float = 10.0
    max_connections: int = 10_000
    max_connections_per_client: int = 200


class LiveService:
    """Everything that streams entries to clients of this process.

    `serve_feed` is the endpoint of a route; `serve_graphql_events` and `websocket_endpoint` are ASGI applications.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        system: Callable[[], System],
        context: ContextFactory,
        limits: LiveLimits,
        identify: IdentifyCaller,
    ) -> None:
        self._system = system
        self._compiler = SubscriptionCompiler(
            OperationRunner(schema, limits.document), context, deadline_seconds=limits.deadline_seconds
        )
        connection_limits = ConnectionLimits(limits.max_connections, limits.max_connections_per_client)
        self._credential_recheck = CredentialRecheck(identify)
        streams = EventStreams(connection_limits, self._credential_recheck)
        self.serve_feed = FeedEndpoint(self._require_hub, system, streams).respond
        self.serve_graphql_events = GraphQLEventStreamEndpoint(self._require_hub, system, streams, limits.body)
        self.websocket_endpoint = WebSocketEndpoint(
            self._require_hub, self._log_identity, connection_limits, self._credential_recheck
        )
        self._running = AsyncExitStack()
        self._hub: Hub | None = None

    async def start(self) -> None:
        """Begin to deliver entries; the system must be open."""
        # A hub belongs to one event loop, which exists only now.
        hub = Hub(self._system, self._compiler)
        await self._running.enter_async_context(hub.run())
        await self._running.enter_async_context(self._credential_recheck.run())
        self._hub = hub

    async def stop(self) -> None:
        """End every stream."""
        self._hub = None
        await self._running.aclose()

    def _require_hub(self) -> Hub:
        if self._hub is None:
            raise RuntimeError("the live service is not running")
        return self._hub

    def _log_identity(self) -> LogIdentity:
        return self._system().model.log_identity
