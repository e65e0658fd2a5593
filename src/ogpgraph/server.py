"""Serving a system with uvicorn, in one process or several.

`SystemLifespan` opens the system of a process, `ServedSystem` connects the web application to it, and `serve` runs the
application until the process is told to stop. Every process opens everything for itself.
"""

from __future__ import annotations

import errno
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial

import strawberry
import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from ogpgraph.auth.authentication import Authenticator, Caller, RefusalLog
from ogpgraph.auth.issuer_keys import open_key_source
from ogpgraph.auth.oidc import Issuer
from ogpgraph.graphql.context import Context, WriteAccess
from ogpgraph.graphql.query_cost import QueryLimits
from ogpgraph.graphql.schema import build_schema, compute_schema_version
from ogpgraph.logging import configure_logging
from ogpgraph.rate_limit import RateLimiter
from ogpgraph.readmodel.bookmark import Bookmark, OtherHistory
from ogpgraph.readmodel.projection import ProjectionProgress
from ogpgraph.settings import Settings
from ogpgraph.site.endpoint import build_routes
from ogpgraph.site.pages import page_documents
from ogpgraph.storage.database import StorageError
from ogpgraph.storage.waiting import WouldWait
from ogpgraph.system import PositionNotReached, System, open_configured_system, unsafe_sqlite_version
from ogpgraph.web.app import Application, AppOptions, build_app
from ogpgraph.web.connection_timeouts import HeaderTimeoutProtocol
from ogpgraph.web.console import Example
from ogpgraph.web.cost_budget import CostBudget
from ogpgraph.web.document_cache import DocumentLimits
from ogpgraph.web.error_codes import RequestErrorCode
from ogpgraph.web.errors import RequestRejected, other_history
from ogpgraph.web.garbage_collection import collect_when_idle
from ogpgraph.web.held_bytes import HoldLimits
from ogpgraph.web.live.service import LiveLimits, LiveService
from ogpgraph.web.live.websocket_protocol import WebSocketProtocol
from ogpgraph.web.middleware import RequestIds, caller_of, parse_at_least, request_id_of, set_response_bookmark
from ogpgraph.web.operation_service import ExecutionLimits, WebLimits
from ogpgraph.web.persisted_documents import load_persisted_documents
from ogpgraph.web.probes import Readiness
from ogpgraph.web.replacement import ReplacementWatch, stop_process
from ogpgraph.web.request import BodyLimits
from ogpgraph.web.scheduler import Scheduler
from ogpgraph.web.shadow_check import ShadowCheck
from ogpgraph.web.shared_confirmation import IterationMemo, SharedConfirmation

GRACEFUL_SHUTDOWN_SECONDS = 8
POSITION_WAIT_SECONDS = 3.0
"""How long a request waits for the position that it requires."""
MAX_WEBSOCKET_MESSAGE_BYTES = 65_536
SWITCH_INTERVAL_SECONDS = 0.0005
"""How long a thread that computes keeps the event loop waiting, which takes several such times for each request: it
lets others compute whenever it asks the system for something. With Python's default of 5 ms, a request beside an
expensive operation takes 10 ms longer and more."""
WORKER_START_SECONDS = 30
"""A new worker does not answer uvicorn's health check while it imports, which takes longer than its default allows."""

log = structlog.stdlib.get_logger(__name__)


class SystemLifespan:
    """The system of a serving process: opened when the server starts, after any fork or spawn, closed when it stops."""

    def __init__(self, open_: Callable[[], AbstractContextManager[System]]) -> None:
        self._open = open_
        self._exit_stack = ExitStack()
        self._system: System | None = None

    @property
    def system(self) -> System:
        """The open system.

        Raises:
            RuntimeError: before the start and after the stop.
        """
        if self._system is None:
            raise RuntimeError("the system is not open")
        return self._system

    def start(self) -> None:
        """Open the system and start to follow the log."""
        self._system = self._exit_stack.enter_context(self._open())
        self._exit_stack.enter_context(self._system.poller.run())
        self._exit_stack.enter_context(self._system.loader.run())

    def stop(self) -> None:
        """Close everything."""
        self._system = None
        self._exit_stack.close()


class ServedSystem:
    """Connects the web application to the system of a process: who calls, with what rights, and at which position."""

    def __init__(
        self, lifespan: SystemLifespan, settings: Settings, schema: strawberry.Schema, schema_version: str
    ) -> None:
        self._lifespan = lifespan
        self._schema_version = schema_version
        self._refusals = RefusalLog()
        self._write_limiter = RateLimiter(settings.writes_per_minute, time.monotonic)
        self._issuer = _build_issuer(settings) if settings.oidc_issuer else None
        self.shadow_check = ShadowCheck(schema, self.open_at_head, settings.compare_one_in)
        self._recalled = IterationMemo(self._recall)
        self._confirmation = SharedConfirmation(self._refresh)

    @contextmanager
    def open_context(self, request: HTTPConnection) -> Iterator[Context]:
        """Open the context of one request, at the position that it requires or later, and set that of its response.

        Raises:
            RequestRejected: 503, if the read model does not reach the position in time; 409 if the position is one of
                another history; 400 if it is malformed.
        """
        system = self._lifespan.system
        at_least = parse_at_least(request)
        try:
            with ExitStack() as sessions:
                session = sessions.enter_context(
                    system.read_session(at_least=at_least, timeout_seconds=POSITION_WAIT_SECONDS)
                )
                set_response_bookmark(request, session.bookmark(session.head))
                write_access = WriteAccess(
                    system,
                    caller_of(request),
                    request_id_of(request.scope),
                    self._write_limiter,
                    self._refusals,
                    sessions,
                )
                context = Context(session, self._schema_version, write_access)
                yield context
                # A mutation has opened another session.
                set_response_bookmark(request, context.session.bookmark(context.session.head))
        except OtherHistory as error:
            raise other_history(error) from error
        except PositionNotReached as error:
            raise RequestRejected(
                RequestErrorCode.POSITION_NOT_REACHED, str(error), headers={"Retry-After": "1"}
            ) from error

    @contextmanager
    def open_at_head(self, head: int) -> Iterator[Context]:
        """Open a context at a position that was the head of a request before; raises PositionError, StorageError."""
        with self._lifespan.system.model.peek(head) as session:
            yield Context(session, self._schema_version)

    async def open_in_memory(self, at_least: Bookmark) -> Context:
        """Return a context for queries that reads from memory only, as of a moment after the call.

        Raises:
            WouldWait: if the read model in memory is not there, or not at the position; a resolver raises it where it
                needs anything else.
            OtherHistory: if the position is one of another history.
            StorageError: if the storage fails.
        """
        model = self._lifespan.system.model
        progress = self._recalled.get() or await self._confirmation.get()
        session = model.session_in_memory(progress)
        if at_least.position > session.head:
            raise WouldWait
        session.require(at_least)
        return Context(session, self._schema_version)

    def _recall(self) -> ProjectionProgress | None:
        return self._lifespan.system.model.recall()

    def _refresh(self) -> ProjectionProgress:
        return self._lifespan.system.model.refresh()

    def identify(self, authorization: str, address: str, request_id: str) -> Caller:
        """Return the caller for an Authorization header; raises as `Authenticator.identify`."""
        system = self._lifespan.system
        authenticator = Authenticator(system.accounts, system.clock, self._refusals, self._issuer)
        return authenticator.identify(authorization, address=address, request_id=request_id)

    def check_readiness(self) -> Readiness:
        """Return whether the system may be sent requests, with the reasons if not."""
        system = self._lifespan.system
        problems = system.readiness_problems()
        try:
            status = system.projection_status()
        except StorageError:
            return Readiness(ready=False, details={"problems": problems or ["the storage fails"]})
        details: dict[str, object] = {
            "position": status.position,
            "behind": status.lag,
            "memory": system.model.describe(),
            "comparedWithGraphqlCore": self.shadow_check.describe(),
        }
        if damaged := system.find_damage():
            details["damaged"] = [{"code": each.code, "message": str(each)} for each in damaged]
        if status.failure:
            details["error"] = {"code": status.failure.code, "message": status.failure.message}
        if history := system.guard.describe():
            details["history"] = history
        return Readiness(ready=not problems, details=details | ({"problems": problems} if problems else {}))


def _build_issuer(settings: Settings) -> Issuer:
    return Issuer(
        settings.oidc_issuer,
        audience=settings.oidc_audience,
        keys=open_key_source(settings.oidc_jwks),
        algorithms=settings.oidc_algorithms,
        skew_seconds=settings.oidc_skew_seconds,
    )


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
    An application that `owns_process` decides when Python collects its garbage.
    """
    schema = build_schema()
    schema_version = compute_schema_version(schema)
    served = ServedSystem(lifespan, settings, schema, schema_version)
    live = LiveService(
        schema,
        lambda: lifespan.system,
        lambda session: Context(session, schema_version),
        _live_limits(settings),
        served.identify,
        Scheduler(),
        CostBudget(settings.cost_per_minute),
    )
    options = AppOptions(
        limits=_limits(settings),
        persisted_documents=load_persisted_documents() | page_documents(),
        examples=examples,
        hosts=settings.checked_hosts,
        origins=settings.origins,
        proxies=settings.trusted_proxies,
        new_request_id=RequestIds(),
        access_log=True,
    )

    @asynccontextmanager
    async def run(_app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            lifespan.start()
            stack.callback(lifespan.stop)
            await live.start()
            stack.push_async_callback(live.stop)
            if owns_process:
                await stack.enter_async_context(collect_when_idle())
            if on_replaced:
                watch = ReplacementWatch(settings.database, lambda: lifespan.system, on_replaced)
                await stack.enter_async_context(watch.run())
            yield

    return build_app(
        schema,
        served.open_context,
        options,
        check_readiness=served.check_readiness,
        identify=served.identify,
        lifespan=run,
        live=live,
        shadow_check=served.shadow_check,
        open_in_memory=served.open_in_memory if _are_compiled(settings) else None,
        build_pages=build_routes,
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


def create_worker_app(settings: Settings, on_replaced: Callable[[], None] | None = None) -> Starlette:
    """Return the application of a serving process; called in that process."""
    configure_logging(settings.log_level, settings.log_format)
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    lifespan = SystemLifespan(partial(open_configured_system, settings))
    return create_app(lifespan, settings, on_replaced=on_replaced, owns_process=True)


def create_app_from_environment() -> Starlette:
    """Return the application as the environment sets it up, for `uvicorn --factory` and other ASGI servers."""
    return create_worker_app(Settings.from_environment())


class AddressUnavailable(Exception):
    """The server cannot listen at the address in the settings; the message names it, the reason and the remedy."""


def bind_socket(settings: Settings) -> socket.socket:
    """Return a listening socket at the address in the settings; raises AddressUnavailable."""
    host, port = settings.host, settings.port
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        remedy = "choose another with --port or OGPGRAPH_PORT; 0 takes any that is free"
        raise AddressUnavailable(f"port {port} of {host} {reason}: {remedy}") from error


def server_url(listener: socket.socket) -> str:
    """Return the URL of a server that listens on a socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """uvicorn.Server that calls back once it is listening and when it stops, and exits with 0 after a clean shutdown.

    uvicorn raises the signal that stopped it again, so that its own exit code is that of the signal. `signals` is the
    number of those that it got.
    """

    def __init__(
        self, config: uvicorn.Config, on_listening: Callable[[], None], on_stopping: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._on_listening = on_listening
        self._on_stopping = on_stopping
        self.signals = 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stopping()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            try:
                yield
            finally:
                self.signals = len(self._captured_signals)
                self._captured_signals.clear()


def serve(
    settings: Settings,
    *,
    app: Callable[[], Starlette] | None = None,
    address: socket.socket | None = None,
    on_listening: Callable[[], None] = lambda: None,
) -> None:
    """Serve a migrated database until a signal stops it, in this process or in as many `workers` as the settings name.

    `address` is a listening socket, else one is bound as the settings say.

    Raises:
        AddressUnavailable: if there is no `address` and the settings' one cannot be bound.
    """
    configure_logging(settings.log_level, settings.log_format)
    with address or bind_socket(settings) as listener:
        log.info("listening", address=server_url(listener), workers=settings.workers)
        _warn_about_sqlite(settings)
        if settings.workers > 1:
            config = configure_server(settings, app or partial(create_worker_app, settings, stop_process))
            _run_workers(config, listener, on_listening)
        else:
            _run_one(settings, app, listener, on_listening)


def configure_server(settings: Settings, app: Callable[[], Starlette]) -> uvicorn.Config:
    """Return the configuration of uvicorn for an application that `app` returns in the serving process."""
    return uvicorn.Config(
        app,
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        log_config=None,
        log_level=settings.log_level,
        access_log=False,  # `AccessLogMiddleware` logs requests, with their ids
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_SECONDS,
        timeout_worker_healthcheck=WORKER_START_SECONDS,
        server_header=False,
        date_header=True,
        http=HeaderTimeoutProtocol,
        ws=WebSocketProtocol,
        ws_max_size=MAX_WEBSOCKET_MESSAGE_BYTES,
        ws_per_message_deflate=False,  # it costs memory for each connection and CPU time for each message
        proxy_headers=False,  # `ForwardedForMiddleware` reads them, from trusted proxies only
    )


def _run_one(
    settings: Settings, app: Callable[[], Starlette] | None, listener: socket.socket, on_listening: Callable[[], None]
) -> None:
    """Serve in this process; where the database is replaced, begin again with the other one, on the same socket."""
    replaced = threading.Event()
    build = app or partial(create_worker_app, settings, partial(_begin_again, replaced))
    while True:
        server = _Server(configure_server(settings, build), on_listening, partial(_stop_listening, listener, replaced))
        with suppress(KeyboardInterrupt):
            server.run([listener.dup()])
        if not server.started:
            sys.exit(1)
        if not replaced.is_set() or server.signals > 1:  # one is that of `_begin_again`
            return
        replaced.clear()


def _begin_again(replaced: threading.Event) -> None:
    replaced.set()
    stop_process()


def _stop_listening(listener: socket.socket, replaced: threading.Event) -> None:
    if not replaced.is_set():
        listener.close()


class _Supervisor(Multiprocess):
    """uvicorn.supervisors.Multiprocess, which stops listening together with its workers.

    uvicorn's keeps the socket open until they have ended: connections of that time would be accepted and then reset.
    """

    def terminate_all(self) -> None:
        super().terminate_all()
        for listener in self.sockets:
            listener.close()


def _run_workers(config: uvicorn.Config, listener: socket.socket, on_listening: Callable[[], None]) -> None:
    supervisor = _Supervisor(config, [listener])
    on_listening()
    with suppress(KeyboardInterrupt):
        supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        sys.exit(1)


def _warn_about_sqlite(settings: Settings) -> None:
    if settings.workers > 1 and (version := unsafe_sqlite_version(settings.database)):
        log.warning(
            "several processes share a database of a SQLite version that may corrupt it (the WAL-reset bug): "
            "see docs/production.md",
            sqlite=version,
            fixed_in="3.51.3, 3.50.7, 3.44.6",
        )
