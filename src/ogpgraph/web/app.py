"""The web application: every route, and what stands around them, made from parts that are handed in."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from inspect import isawaitable

import msgspec
import strawberry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.routing import Route

from ogpgraph.web.authentication import AuthenticationMiddleware, IdentifyCaller
from ogpgraph.web.console import Console, Example
from ogpgraph.web.document_cache import DocumentLimits
from ogpgraph.web.endpoint import ExecutionLimits, GraphQLEndpoint
from ogpgraph.web.live.service import LiveService, WebSocketRouter
from ogpgraph.web.middleware import (
    ANY_ORIGIN,
    POSITION_HEADER,
    REQUEST_ID_HEADER,
    AccessLogMiddleware,
    ForwardedForMiddleware,
    InternalErrorMiddleware,
    IPNetwork,
    OriginMiddleware,
    PositionMiddleware,
    RequestIdMiddleware,
    SecurityHeadersMiddleware,
    handle_http_exception,
)
from ogpgraph.web.operation import CacheValidators
from ogpgraph.web.probes import Readiness, ReadinessEndpoint, health
from ogpgraph.web.request_parameters import BodyLimits

LifespanHook = Callable[[], Awaitable[None] | None]

_COMPRESSED_FROM_BYTES = 1_000
_PREFLIGHT_SECONDS = 86_400


class WebLimits(msgspec.Struct, frozen=True):
    """What one request may cost, before it is understood and when it runs."""

    body: BodyLimits = BodyLimits()
    document: DocumentLimits = DocumentLimits()
    execution: ExecutionLimits = ExecutionLimits()
    ready_deadline_seconds: float = 5.0


def build_app(
    schema: strawberry.Schema,
    context: Callable[[Request], object],
    *,
    ready: Callable[[], Readiness],
    new_request_id: Callable[[], str],
    examples: Sequence[Example] = (),
    limits: WebLimits | None = None,
    startup: LifespanHook | None = None,
    shutdown: LifespanHook | None = None,
    identify: IdentifyCaller | None = None,
    access_log: bool = False,
    cache_validators: CacheValidators | None = None,
    persisted_documents: Mapping[str, str] | None = None,
    proxies: Sequence[IPNetwork] = (),
    origins: Sequence[str] = (ANY_ORIGIN,),
    live: LiveService | None = None,
) -> Starlette:
    """The application, which serves `schema` with a context for each request.

    `context` and `ready` are called in worker threads and may block; `startup` and `shutdown` are called (and awaited,
    if they give something to await) on the event loop, when the server starts to serve and has served its last request.
    `new_request_id` makes an id for a request that brings none. `identify` finds who sends a token; without it nobody
    is known. `cache_validators` gives what ETags are made of, `persisted_documents` has documents by their ids, and
    what `proxies` say of their clients' addresses is believed. Browsers may ask from pages of `origins`. With
    `access_log` each request is logged once answered.

    Raises:
        ValueError: if the schema has strawberry extensions or operation directives, which the view does not run.
    """
    bounds = limits or WebLimits()
    endpoint = GraphQLEndpoint(
        schema,
        context,
        body_limits=bounds.body,
        document_limits=bounds.document,
        execution=bounds.execution,
        cache_validators=cache_validators,
        persisted_documents=persisted_documents,
    )
    app = Starlette(
        routes=[
            Route("/", Console(examples).__call__),
            *(live.routes(endpoint) if live else [Route("/graphql", endpoint)]),
            Route("/health", health),
            Route("/ready", ReadinessEndpoint(ready, deadline_seconds=bounds.ready_deadline_seconds).__call__),
        ],
        middleware=[
            *([Middleware(OriginMiddleware, origins)] if ANY_ORIGIN not in origins else []),
            *([_websocket_middleware(live, identify)] if live else []),
            *_build_middleware(new_request_id, origins, access_log=access_log),
            *([Middleware(AuthenticationMiddleware, identify)] if identify else []),
        ],
        exception_handlers={HTTPException: handle_http_exception},
        lifespan=_lifespan(startup, shutdown),
    )
    if proxies:
        app.add_middleware(
            ForwardedForMiddleware, proxies=proxies
        )  # the outermost: everything behind sees the client's address
    app.router.redirect_slashes = False  # a redirect would name the host that the client made up
    return app


def _websocket_middleware(live: LiveService, identify: IdentifyCaller | None) -> Middleware:
    sockets = AuthenticationMiddleware(live.websocket_endpoint, identify) if identify else live.websocket_endpoint
    return Middleware(WebSocketRouter, path="/graphql", websocket_endpoint=sockets)


def _build_middleware(
    new_request_id: Callable[[], str], origins: Sequence[str], *, access_log: bool
) -> list[Middleware]:
    """From the outside in.

    CORS lets pages ask and read, but takes no cookies: rights come by a header that a page must know.
    """
    return [
        Middleware(RequestIdMiddleware, new_request_id),
        *([Middleware(AccessLogMiddleware)] if access_log else []),
        Middleware(PositionMiddleware),
        Middleware(SecurityHeadersMiddleware),
        Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=[REQUEST_ID_HEADER, POSITION_HEADER, "ETag", "Retry-After"],
            max_age=_PREFLIGHT_SECONDS,
        ),
        Middleware(GZipMiddleware, minimum_size=_COMPRESSED_FROM_BYTES, compresslevel=5),  # leaves event streams alone
        Middleware(InternalErrorMiddleware),
    ]


def _lifespan(
    startup: LifespanHook | None, shutdown: LifespanHook | None
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await _call_hook(startup)
        try:
            yield
        finally:
            await _call_hook(shutdown)

    return lifespan


async def _call_hook(hook: LifespanHook | None) -> None:
    outcome = hook() if hook else None
    if isawaitable(outcome):
        await outcome
