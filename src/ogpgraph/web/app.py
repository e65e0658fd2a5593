"""The web application: its routes and the middleware around them, built from the parts that are passed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Final

import msgspec
import strawberry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ogpgraph.host import Host, Network
from ogpgraph.system import generate_id
from ogpgraph.web.arrivals import Arrivals
from ogpgraph.web.console import Console, Example, respond_with_index
from ogpgraph.web.direct_path import DirectPath, ExaminedArrival
from ogpgraph.web.endpoint import GraphQLEndpoint
from ogpgraph.web.errors import ShowRejection, rejection_response
from ogpgraph.web.hosts import ANY_ORIGIN, HostMiddleware, OriginMiddleware
from ogpgraph.web.http_rules import CompressionMiddleware, HeaderBlanksMiddleware, HeadMiddleware
from ogpgraph.web.identification import IdentifyCaller
from ogpgraph.web.live.service import LiveService
from ogpgraph.web.memory_reader import MemoryReader
from ogpgraph.web.middleware import (
    POSITION_HEADER,
    REQUEST_ID_HEADER,
    ROOT_HEADER,
    AccessLogMiddleware,
    AuthenticationMiddleware,
    ForwardedForMiddleware,
    InternalErrorMiddleware,
    PositionMiddleware,
    RequestIdMiddleware,
    SecurityHeadersMiddleware,
    WebSocketRouter,
    handle_http_exception,
)
from ogpgraph.web.operation_service import OpenContext, OperationService, WebLimits
from ogpgraph.web.parameters import without_parameters
from ogpgraph.web.probes import Readiness, ReadinessEndpoint, health
from ogpgraph.web.shadow_check import ShadowCheck
from ogpgraph.web.signed_answers import SignedAnswers

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]
"""Entered on the event loop when the server starts to serve, left when it has served its last request."""

BuildPages = Callable[[OperationService], Sequence[BaseRoute]]
"""Returns the routes of the web pages, whose documents the service executes."""

GRAPHQL_PATH: Final = "/graphql"
_EXPOSED_HEADERS: Final = (
    REQUEST_ID_HEADER,
    POSITION_HEADER,
    ROOT_HEADER,
    "ETag",
    "Retry-After",
    "Deprecation",
    "Sunset",
)
_PREFLIGHT_SECONDS: Final = 86_400


class Application(Starlette):
    """Starlette, with an application before its middleware, if there is one, which answers some requests itself.

    It looks at requests before they have a task, where the server lets `arrivals` do so.
    """

    direct_path: DirectPath | None = None
    arrivals: Arrivals[ExaminedArrival] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.direct_path is None or scope["type"] != "http":
            await super().__call__(scope, receive, send)
        else:
            await self.direct_path(scope, receive, send)

    async def respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request by the middleware and the routes."""
        await super().__call__(scope, receive, send)


class AppOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What may differ between applications that serve the same system.

    `persisted_documents` are documents by their ids; `examples` are offered by the console. Requests are for one of
    `hosts`, as `HostMiddleware` says, or for any host if that is None. Browsers may send them from pages of `origins`.
    `proxies` are trusted to name the addresses of their clients. `new_request_id` makes the id of a request without
    one. With `access_log` each request is logged once it is answered.
    """

    limits: WebLimits = WebLimits()
    persisted_documents: Mapping[str, str] = {}
    examples: Sequence[Example] = ()
    hosts: Sequence[Host] | None = None
    origins: Sequence[str] = (ANY_ORIGIN,)
    proxies: Sequence[Network] = ()
    new_request_id: Callable[[], str] = generate_id
    access_log: bool = False
    ready_deadline_seconds: float = 5.0


DEFAULT_OPTIONS: Final = AppOptions()


def build_app(
    schema: strawberry.Schema,
    open_context: OpenContext,
    options: AppOptions = DEFAULT_OPTIONS,
    *,
    check_readiness: Callable[[], Readiness],
    identify: IdentifyCaller,
    lifespan: Lifespan | None = None,
    live: LiveService | None = None,
    shadow_check: ShadowCheck | None = None,
    memory: MemoryReader | None = None,
    build_pages: BuildPages = lambda _operations: (),
    show_missing: ShowRejection = lambda _request, rejected: rejection_response(rejected),
) -> Application:
    """Return an application that serves `schema`, with a context for each request, and live feeds if `live` is given.

    `build_pages` returns the routes of its web pages, `show_missing` what is shown at other addresses. `open_context`,
    `check_readiness` and `identify` are called in worker threads and may block. Queries that `memory` has all for are
    answered by the direct path.

    Raises:
        ValueError: if the schema has strawberry extensions or operation directives, which would not be executed.
    """
    operations = OperationService(
        schema,
        open_context,
        options.limits,
        persisted_documents=options.persisted_documents,
        scheduler=live.scheduler if live else None,
        budget=live.budget if live else None,
        shadow_check=shadow_check,
    )
    endpoint = GraphQLEndpoint(operations, respond_with_events=live.respond_with_events if live else None)
    readiness = ReadinessEndpoint(check_readiness, deadline_seconds=options.ready_deadline_seconds)
    websockets = {GRAPHQL_PATH: live.build_websocket_endpoint(operations, options.new_request_id)} if live else {}
    app = Application(
        routes=[*build_pages(operations), *_build_routes(endpoint, readiness, Console(options.examples), live)],
        middleware=_build_middleware(options, identify, websockets),
        exception_handlers={HTTPException: partial(handle_http_exception, show=show_missing)},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # a redirect would repeat the Host header, which the client chooses
    if memory is not None:
        app.direct_path = DirectPath(
            app.respond,
            GRAPHQL_PATH,
            operations,
            memory,
            SignedAnswers(endpoint, identify),
            options.new_request_id,
            access_log=options.access_log,
        )
        app.arrivals = Arrivals(memory, app.direct_path)
    return app


def _build_routes(
    endpoint: GraphQLEndpoint, readiness: ReadinessEndpoint, console: Console, live: LiveService | None
) -> list[Route]:
    """Return the routes besides those of the pages, which take precedence."""
    return [
        Route("/", without_parameters(respond_with_index)),  # where there are no pages
        Route("/console", without_parameters(console.__call__)),
        Route(GRAPHQL_PATH, endpoint),
        *([Route("/feed", live.serve_feed)] if live else []),
        Route("/health", without_parameters(health)),
        Route("/ready", without_parameters(readiness.__call__)),
    ]


def _build_middleware(
    options: AppOptions, identify: IdentifyCaller, websockets: Mapping[str, ASGIApp]
) -> list[Middleware]:
    """Return the middleware from the outermost to the innermost; `websockets` are endpoints by their paths."""
    endpoints = {path: _guard(endpoint, options, identify) for path, endpoint in websockets.items()}
    return [
        Middleware(HeaderBlanksMiddleware),
        *([Middleware(ForwardedForMiddleware, options.proxies)] if options.proxies else []),
        # WebSockets leave here: what surrounds the routes would hold a few kilobytes for as long as a socket is open.
        Middleware(WebSocketRouter, endpoints),
        Middleware(RequestIdMiddleware, options.new_request_id),
        *([Middleware(AccessLogMiddleware)] if options.access_log else []),
        Middleware(PositionMiddleware),
        Middleware(SecurityHeadersMiddleware),
        *_access_middleware(options),
        # Without cookies: rights come by a header, which a page has to know.
        Middleware(
            CORSMiddleware,
            allow_origins=options.origins,
            allow_methods=["GET", "HEAD", "POST"],
            allow_headers=["*"],
            expose_headers=_EXPOSED_HEADERS,
            max_age=_PREFLIGHT_SECONDS,
        ),
        Middleware(HeadMiddleware),
        Middleware(CompressionMiddleware),
        Middleware(InternalErrorMiddleware),
        Middleware(AuthenticationMiddleware, identify),
    ]


def _access_middleware(options: AppOptions) -> list[Middleware]:
    return [
        *([Middleware(HostMiddleware, options.hosts)] if options.hosts is not None else []),
        *([Middleware(OriginMiddleware, options.origins)] if ANY_ORIGIN not in options.origins else []),
    ]


def _guard(endpoint: ASGIApp, options: AppOptions, identify: IdentifyCaller) -> ASGIApp:
    """Return the endpoint of a WebSocket behind the checks that a request has, too."""
    guarded: ASGIApp = AuthenticationMiddleware(endpoint, identify)
    for middleware in reversed(_access_middleware(options)):
        guarded = middleware.cls(guarded, *middleware.args, **middleware.kwargs)
    return guarded
