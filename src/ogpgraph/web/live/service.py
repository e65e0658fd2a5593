"""The live part of the web application: composes hub, endpoints and limits, and runs them while the server serves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial

import msgspec
import strawberry

from ogpgraph.storage.log_identity import LogIdentity
from ogpgraph.system import System
from ogpgraph.web.cost_budget import CostBudget
from ogpgraph.web.document_cache import DocumentLimits
from ogpgraph.web.identification import IdentifyCaller
from ogpgraph.web.live.connection_limits import ConnectionLimits
from ogpgraph.web.live.credential_recheck import CredentialRecheck
from ogpgraph.web.live.feed import FeedEndpoint
from ogpgraph.web.live.hub import Hub
from ogpgraph.web.live.socket_requests import SocketRequests
from ogpgraph.web.live.sse import EventStreams, SubscriptionStreams
from ogpgraph.web.live.subscriptions import ContextFactory, SubscriptionCompiler
from ogpgraph.web.live.websocket import WebSocketEndpoint
from ogpgraph.web.operation import OperationRunner
from ogpgraph.web.operation_service import OperationService
from ogpgraph.web.scheduler import Scheduler


class LiveLimits(msgspec.Struct, frozen=True):
    """Limits of subscriptions: what one may select for each entry, how long that may take, how many may be open."""

    document: DocumentLimits = DocumentLimits()
    deadline_seconds: float = 10.0
    max_connections: int = 10_000
    max_connections_per_client: int = 200


class LiveService:
    """Everything that streams entries to clients of this process.

    `serve_feed` is the endpoint of a route; `respond_with_events` returns the event stream of a subscription. Entries
    are executed in the turns of `scheduler`, and charged to `budget`, which queries and mutations share.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        system: Callable[[], System],
        context: ContextFactory,
        limits: LiveLimits,
        identify: IdentifyCaller,
        scheduler: Scheduler,
        budget: CostBudget,
    ) -> None:
        self._system = system
        self.scheduler = scheduler
        self.budget = budget
        self._compiler = SubscriptionCompiler(
            OperationRunner(schema, limits.document), context, deadline_seconds=limits.deadline_seconds
        )
        connection_limits = ConnectionLimits(limits.max_connections, limits.max_connections_per_client)
        self._credential_recheck = CredentialRecheck(identify)
        streams = EventStreams(connection_limits, self._credential_recheck)
        self.serve_feed = FeedEndpoint(self._require_hub, system, streams).respond
        self.respond_with_events = SubscriptionStreams(self._require_hub, system, streams).respond
        self._connection_limits = connection_limits
        self._running = AsyncExitStack()
        self._hub: Hub | None = None

    def build_websocket_endpoint(self, operations: OperationService, new_id: Callable[[], str]) -> WebSocketEndpoint:
        """Return the endpoint of WebSockets, whose queries and mutations `operations` executes, each with an id."""
        return WebSocketEndpoint(
            self._require_hub,
            self._log_identity,
            self._connection_limits,
            self._credential_recheck,
            partial(SocketRequests, operations, self._credential_recheck, new_id),
        )

    async def start(self) -> None:
        """Begin to deliver entries; the system must be open."""
        # A hub belongs to one event loop, which exists only now.
        hub = Hub(self._system, self._compiler, self.scheduler, self.budget)
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
