"""The live side of a serving process: its hub, open while it serves, and the routes that lead to it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace

import msgspec
import strawberry
from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ogpgraph.storage.identity import Identity
from ogpgraph.system import System
from ogpgraph.web.authenticated import Identify
from ogpgraph.web.body import BodyLimits, read_json_body
from ogpgraph.web.live.cursors import require_this_log
from ogpgraph.web.live.feed import EVENT_STREAM, Feed, Streams, graphql_events, last_event_id
from ogpgraph.web.live.hub import Hub, NoSuchPosition
from ogpgraph.web.live.places import Places
from ogpgraph.web.live.sockets import Sockets
from ogpgraph.web.live.tokens import Tokens
from ogpgraph.web.live.topics import ContextOf, Topics
from ogpgraph.web.masking import told
from ogpgraph.web.media import rather_than_an_answer
from ogpgraph.web.parameters import from_body, from_url
from ogpgraph.web.prepared import DocumentLimits, Documents, RequestErrors
from ogpgraph.web.refused import Refused, error_payload
from ogpgraph.web.shell import json_response


class LiveLimits(msgspec.Struct, frozen=True):
    """What a subscription may ask for with each entry, and how many may be connected, in all and each."""

    document: DocumentLimits = DocumentLimits()
    body: BodyLimits = BodyLimits()
    most: int = 10_000
    most_each: int = 200


class Live:
    """Everything that follows the log for others.

    `sockets` serves WebSockets; it stands outside of what surrounds the routes, which a socket has no use for and would
    keep, a few kilobytes of it, for as long as it is open.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        system: Callable[[], System],
        context: ContextOf,
        limits: LiveLimits,
        identify: Identify,
    ) -> None:
        documents = Documents(schema._schema, limits.document)  # noqa: SLF001 - strawberry has no public way to graphql-core's schema
        self._topics = Topics(schema, documents, context)
        self._system = system
        self._body = limits.body
        self._places = Places(limits.most, limits.most_each)
        self._tokens = Tokens(identify)
        self._streams = Streams(self._places, self._tokens)
        self.sockets = Sockets(lambda: self.hub, self._identity, self._places, self._tokens)
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
        await self._open.enter_async_context(self._tokens.running())
        self._hub = hub

    async def stop(self) -> None:
        """End every stream and stop following."""
        self._hub = None
        await self._open.aclose()

    def routes(self, view: ASGIApp) -> list[BaseRoute]:
        """Return the routes of the live feeds, and that of the view they share an address with."""
        return [
            Route("/feed", Feed(lambda: self.hub, self._system, self._streams).__call__),
            Route("/graphql", _Either(view, self._events)),
        ]

    def _identity(self) -> Identity:
        return self._system().model.identity

    async def _events(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            sent = (
                from_body(await read_json_body(request, self._body))
                if request.method == "POST"
                else from_url(scope["query_string"])
            )
            require_this_log(self._identity(), sent.extensions)
            topic = await self.hub.topics.topic(sent)
            topic = replace(topic, after=last_event_id(request, topic.after))
            await self.hub.require(topic.after)
        except Refused as refused:
            response = json_response(refused.status, error_payload(refused.message, code=refused.code), refused.headers)
        except RequestErrors as wrong:
            response = json_response(400, {"errors": [told(error, code=wrong.code) for error in wrong.errors]})
        except NoSuchPosition as wrong:
            response = json_response(400, error_payload(str(wrong), code="BAD_POSITION"))
        else:
            response = self._streams.of(lambda ending: graphql_events(self.hub, topic, ending))
        await response(scope, receive, send)


class Apart:
    """ASGI middleware that takes the WebSockets of one path out of the way that requests go."""

    def __init__(self, app: ASGIApp, path: str, sockets: ASGIApp) -> None:
        self._app = app
        self._path = path
        self._sockets = sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        taken = scope["type"] == "websocket" and scope["path"] == self._path
        await (self._sockets if taken else self._app)(scope, receive, send)


class _Either:
    """Who wants an event stream rather than an answer follows; everybody else asks the view."""

    def __init__(self, view: ASGIApp, events: ASGIApp) -> None:
        self._view = view
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        follows = rather_than_an_answer(EVENT_STREAM, Request(scope).headers.get("accept"))
        chosen = self._events if follows and scope["method"] in ("GET", "POST") else self._view
        await chosen(scope, receive, send)
