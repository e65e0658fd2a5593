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

from ogpgraph.web.access import AccessLog
from ogpgraph.web.authenticated import Authenticated, Identify
from ogpgraph.web.body import BodyLimits
from ogpgraph.web.console import Console, Example
from ogpgraph.web.execution import Record
from ogpgraph.web.forwarded import Forwarded, Network
from ogpgraph.web.identified import HEADER, Identified
from ogpgraph.web.live.serving import Apart, Live
from ogpgraph.web.origins import ANY, Origins
from ogpgraph.web.positions import TOLD, Positioned
from ogpgraph.web.prepared import DocumentLimits
from ogpgraph.web.probes import Readiness, Ready, health
from ogpgraph.web.shell import LastResort, StrictHeaders, http_error
from ogpgraph.web.view import GraphQLView, RunLimits

Hook = Callable[[], Awaitable[None] | None]

_COMPRESSED_FROM_BYTES = 1_000
_PREFLIGHT_SECONDS = 86_400


class WebLimits(msgspec.Struct, frozen=True):
    """What one request may cost, before it is understood and when it runs."""

    body: BodyLimits = BodyLimits()
    document: DocumentLimits = DocumentLimits()
    running: RunLimits = RunLimits()
    ready_deadline_seconds: float = 5.0


def build_app(
    schema: strawberry.Schema,
    context: Callable[[Request], object],
    *,
    ready: Callable[[], Readiness],
    new_request_id: Callable[[], str],
    examples: Sequence[Example] = (),
    limits: WebLimits | None = None,
    startup: Hook | None = None,
    shutdown: Hook | None = None,
    identify: Identify | None = None,
    access_log: bool = False,
    record: Record | None = None,
    trusted: Mapping[str, str] | None = None,
    proxies: Sequence[Network] = (),
    origins: Sequence[str] = (ANY,),
    live: Live | None = None,
) -> Starlette:
    """The application, which serves `schema` with a context for each request.

    `context` and `ready` are called in worker threads and may block; `startup` and `shutdown` are called (and awaited,
    if they give something to await) on the event loop, when the server starts to serve and has served its last request.
    `new_request_id` makes an id for a request that brings none. `identify` finds who sends a token; without it nobody
    is known. `record` tells of contexts what ETags are made of, `trusted` has documents by their ids, and what
    `proxies` say of their clients' addresses is believed. Browsers may ask from pages of `origins`. With `access_log`
    each request is logged once answered.

    Raises:
        ValueError: if the schema has strawberry extensions or operation directives, which the view does not run.
    """
    bounds = limits or WebLimits()
    view = GraphQLView(
        schema,
        context,
        body_limits=bounds.body,
        document_limits=bounds.document,
        running=bounds.running,
        record=record,
        trusted=trusted,
    )
    app = Starlette(
        routes=[
            Route("/", Console(examples).__call__),
            *(live.routes(view) if live else [Route("/graphql", view)]),
            Route("/health", health),
            Route("/ready", Ready(ready, deadline_seconds=bounds.ready_deadline_seconds).__call__),
        ],
        middleware=[
            *([Middleware(Origins, origins)] if ANY not in origins else []),
            *([_sockets(live, identify)] if live else []),
            *_around(new_request_id, origins, access_log=access_log),
            *([Middleware(Authenticated, identify)] if identify else []),
        ],
        exception_handlers={HTTPException: http_error},
        lifespan=_lifespan(startup, shutdown),
    )
    if proxies:
        app.add_middleware(Forwarded, proxies=proxies)  # the outermost: everything behind sees the client's address
    app.router.redirect_slashes = False  # a redirect would name the host that the client made up
    return app


def _sockets(live: Live, identify: Identify | None) -> Middleware:
    sockets = Authenticated(live.sockets, identify) if identify else live.sockets
    return Middleware(Apart, path="/graphql", sockets=sockets)


def _around(new_request_id: Callable[[], str], origins: Sequence[str], *, access_log: bool) -> list[Middleware]:
    """From the outside in.

    CORS lets pages ask and read, but takes no cookies: rights come by a header that a page must know.
    """
    return [
        Middleware(Identified, new_request_id),
        *([Middleware(AccessLog)] if access_log else []),
        Middleware(Positioned),
        Middleware(StrictHeaders),
        Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=[HEADER, TOLD, "ETag", "Retry-After"],
            max_age=_PREFLIGHT_SECONDS,
        ),
        Middleware(GZipMiddleware, minimum_size=_COMPRESSED_FROM_BYTES, compresslevel=5),  # leaves event streams alone
        Middleware(LastResort),
    ]


def _lifespan(startup: Hook | None, shutdown: Hook | None) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await _call(startup)
        try:
            yield
        finally:
            await _call(shutdown)

    return lifespan


async def _call(hook: Hook | None) -> None:
    outcome = hook() if hook else None
    if isawaitable(outcome):
        await outcome
