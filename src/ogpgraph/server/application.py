"""The web application over the system of a process, with the limits of the settings."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

import strawberry
from starlette.applications import Starlette

from ogpgraph.graphql.context import Context
from ogpgraph.graphql.query_limits import QueryLimits
from ogpgraph.graphql.schema import build_schema, compute_schema_version
from ogpgraph.logging import configure_logging
from ogpgraph.server.served_system import ServedSystem, SystemLifespan
from ogpgraph.settings import Settings
from ogpgraph.site.endpoint import build_routes, show_missing
from ogpgraph.site.pages import page_documents
from ogpgraph.system import open_configured_system
from ogpgraph.web.app import Application, AppOptions, build_app
from ogpgraph.web.console import Example
from ogpgraph.web.cost_budget import CostBudget
from ogpgraph.web.document_cache import DocumentLimits
from ogpgraph.web.garbage_collection import collect_when_idle
from ogpgraph.web.held_bytes import HoldLimits
from ogpgraph.web.live.service import LiveLimits, LiveService
from ogpgraph.web.middleware import RequestIds
from ogpgraph.web.operation_service import ExecutionLimits, WebLimits
from ogpgraph.web.persisted_documents import load_persisted_documents
from ogpgraph.web.replacement import ReplacementWatch
from ogpgraph.web.request import BodyLimits
from ogpgraph.web.scheduler import Scheduler

SWITCH_SECONDS: Final = 0.002
"""How long a thread that computes keeps the others waiting for the interpreter lock. A command computes for a few
milliseconds and lets others compute at each statement anyway: beside a hundred mutations a second, a third more
requests are answered than with 0.5 ms."""
SWITCH_SECONDS_BESIDE_EXPENSIVE: Final = 0.0005
"""The same while expensive operations are under way, which compute for seconds: the event loop waits for the lock
several times for each request. With Python's default of 5 ms, a request takes 10 ms longer and more."""


def create_worker_app(settings: Settings, on_replaced: Callable[[], None] | None = None) -> Starlette:
    """Return the application of a serving process; called in that process."""
    configure_logging(settings.log_level, settings.log_format)
    _set_switch_interval(beside_expensive=False)
    lifespan = SystemLifespan(partial(open_configured_system, settings))
    return create_app(lifespan, settings, on_replaced=on_replaced, owns_process=True)


def create_app_from_environment() -> Starlette:
    """Return the application as the environment sets it up, for `uvicorn --factory` and other ASGI servers."""
    return create_worker_app(Settings.from_environment())


def create_app(
    lifespan: SystemLifespan,
    settings: Settings,
    examples: Sequence[Example] = (),
    *,
    on_replaced: Callable[[], None] | None = None,
    owns_process: bool = False,
) -> Application:
    """Return the web application over a system that is opened when the server starts.

    `on_replaced` is called once another database is in place of the open one; it has to have the system opened anew.
    An application that `owns_process` decides when Python collects its garbage and switches between threads.
    """
    schema = build_schema()
    schema_version = compute_schema_version(schema)
    served = ServedSystem(lifespan, settings, schema, schema_version)
    scheduler = Scheduler(on_expensive=_set_switch_interval if owns_process else None)
    live = _build_live_service(served, lifespan, settings, schema, schema_version, scheduler)

    @asynccontextmanager
    async def run(_app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            lifespan.start()
            stack.callback(lifespan.stop)
            stack.callback(served.memory.close)
            await live.start()
            stack.push_async_callback(live.stop)
            if owns_process:
                await stack.enter_async_context(collect_when_idle(lambda: lifespan.system.loader.is_loading))
            if on_replaced:
                watch = ReplacementWatch(settings.database, lambda: lifespan.system, on_replaced)
                await stack.enter_async_context(watch.run())
            yield

    return build_app(
        schema,
        served.open_context,
        _build_options(settings, examples),
        check_readiness=served.check_readiness,
        identify=served.identify,
        lifespan=run,
        live=live,
        shadow_check=served.shadow_check,
        memory=served.memory if _are_compiled(settings) else None,
        build_pages=build_routes,
        show_missing=show_missing,
    )


def _set_switch_interval(beside_expensive: bool) -> None:
    sys.setswitchinterval(SWITCH_SECONDS_BESIDE_EXPENSIVE if beside_expensive else SWITCH_SECONDS)


def _build_live_service(
    served: ServedSystem,
    lifespan: SystemLifespan,
    settings: Settings,
    schema: strawberry.Schema,
    schema_version: str,
    scheduler: Scheduler,
) -> LiveService:
    return LiveService(
        schema,
        lambda: lifespan.system,
        lambda session: Context(session, schema_version),
        _live_limits(settings),
        served.identify,
        scheduler,
        CostBudget(settings.cost_per_minute),
    )


def _build_options(settings: Settings, examples: Sequence[Example]) -> AppOptions:
    return AppOptions(
        limits=_limits(settings),
        persisted_documents=load_persisted_documents() | page_documents(),
        examples=examples,
        hosts=settings.checked_hosts,
        origins=settings.origins,
        proxies=settings.trusted_proxies,
        new_request_id=RequestIds(),
        access_log=True,
    )


def _limits(settings: Settings) -> WebLimits:
    query = QueryLimits(cost=settings.max_cost, persisted_cost=settings.max_trusted_cost)
    return WebLimits(
        body=BodyLimits(max_bytes=settings.max_body_bytes),
        document=DocumentLimits(query=query, are_compiled=_are_compiled(settings)),
        execution=ExecutionLimits(
            deadline_seconds=settings.deadline_seconds,
            cost_per_minute=settings.cost_per_minute,
            response_bytes=settings.max_response_bytes,
            held=HoldLimits.for_messages(max(settings.max_body_bytes, settings.max_response_bytes)),
        ),
    )


def _live_limits(settings: Settings) -> LiveLimits:
    return LiveLimits(
        document=DocumentLimits(query=QueryLimits(cost=settings.max_live_cost), are_compiled=_are_compiled(settings)),
        deadline_seconds=settings.deadline_seconds,
        max_connections=settings.max_live,
        max_connections_per_client=settings.max_live_each,
    )


def _are_compiled(settings: Settings) -> bool:
    return settings.execution == "compiled"
