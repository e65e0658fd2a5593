"""The live side of a serving process: its hub, open while it serves, and the routes that lead to it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack

import strawberry
from starlette.requests import Request
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from ogpgraph.system import System
from ogpgraph.web.body import BodyLimits, read_json_body
from ogpgraph.web.live.feed import EVENT_STREAM, Feed, Stream, graphql_events
from ogpgraph.web.live.hub import Hub
from ogpgraph.web.live.sockets import Sockets
from ogpgraph.web.live.topics import ContextOf, Topics
from ogpgraph.web.masking import told
from ogpgraph.web.parameters import from_body, from_url
from ogpgraph.web.prepared import DocumentLimits, Documents, RequestErrors
from ogpgraph.web.refused import Refused, error_payload
from ogpgraph.web.shell import json_response


class Live:
    """Everything that follows the log for others."""

    def __init__(
        self,
        schema: strawberry.Schema,
        system: Callable[[], System],
        context: ContextOf,
        limits: DocumentLimits,
        body: BodyLimits,
    ) -> None:
        documents = Documents(schema._schema, limits)  # noqa: SLF001 - strawberry has no public way to graphql-core's schema
        self._topics = Topics(schema, documents, context)
        self._system = system
        self._body = body
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
        hub = Hub(self._system, self._topics)
        await self._open.enter_async_context(hub.running())
        self._hub = hub

    async def stop(self) -> None:
        """End every stream and stop following."""
        self._hub = None
        await self._open.aclose()

    def routes(self, view: ASGIApp) -> list[BaseRoute]:
        """Return the routes of the live feeds, and that of the view they share an address with."""
        return [
            Route("/feed", Feed(lambda: self.hub, self._system).__call__),
            WebSocketRoute("/graphql", Sockets(lambda: self.hub).__call__),
            Route("/graphql", _Either(view, self._events)),
        ]

    async def _events(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            sent = (
                from_body(await read_json_body(request, self._body))
                if request.method == "POST"
                else from_url(scope["query_string"])
            )
            topic = await self.hub.topics.topic(sent)
        except Refused as refused:
            response = json_response(refused.status, error_payload(refused.message, code=refused.code), refused.headers)
        except RequestErrors as wrong:
            response = json_response(400, {"errors": [told(error, code=wrong.code) for error in wrong.errors]})
        else:
            response = Stream(graphql_events(self.hub, topic))
        await response(scope, receive, send)


class _Either:
    """Who accepts an event stream follows; everybody else asks the view."""

    def __init__(self, view: ASGIApp, events: ASGIApp) -> None:
        self._view = view
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        accept = Request(scope).headers.get("accept", "")
        chosen = self._events if EVENT_STREAM in accept and scope["method"] in ("GET", "POST") else self._view
        await chosen(scope, receive, send)
