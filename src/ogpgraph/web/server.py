"""Serves a system, in one process or several: its schema, its probes, its console."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from ogpgraph.auth.authentication import Caller
from ogpgraph.graphql.context import Context
from ogpgraph.graphql.query_cost import QueryLimits
from ogpgraph.graphql.schema import build_schema, compute_schema_version
from ogpgraph.logging import configure_logging
from ogpgraph.settings import Settings
from ogpgraph.system import PositionNotReached, System, generate_id, open_system, unsafe_sqlite_version
from ogpgraph.web.app import WebLimits, build_app
from ogpgraph.web.authentication import AccessControl
from ogpgraph.web.caching import ReadSessionValidators
from ogpgraph.web.connection_timeouts import HeaderTimeoutProtocol
from ogpgraph.web.console import Example
from ogpgraph.web.document_cache import DocumentLimits
from ogpgraph.web.endpoint import ExecutionLimits
from ogpgraph.web.live.service import LiveLimits, LiveService
from ogpgraph.web.live.websocket_protocol import WebSocketProtocol
from ogpgraph.web.middleware import (
    POSITION_WAIT_SECONDS,
    parse_at_least_position,
    position_not_reached,
    set_response_position,
)
from ogpgraph.web.persisted_documents import load_persisted_documents
from ogpgraph.web.probes import Readiness
from ogpgraph.web.request_parameters import BodyLimits

GRACEFUL_SHUTDOWN_SECONDS = 8
MAX_WEBSOCKET_MESSAGE_BYTES = 65_536
"""How many bytes a client may send over a WebSocket at once."""
WORKER_START_SECONDS = 30
"""A new worker answers nobody while it imports, which on a busy machine takes longer than uvicorn waits by default."""

log = structlog.stdlib.get_logger(__name__)


class SystemLifespan:
    """The system that a process serves: opened when the server starts, after any fork or spawn, closed at its stop."""

    def __init__(self, opened: Callable[[], AbstractContextManager[System]]) -> None:
        self._opened = opened
        self._open = ExitStack()
        self._system: System | None = None

    @property
    def system(self) -> System:
        """Return the system; there is none before the start and after the stop."""
        if self._system is None:
            raise RuntimeError("nothing is served yet, or any more")
        return self._system

    def start(self) -> None:
        """Open the system and follow the log."""
        self._system = self._open.enter_context(self._opened())
        self._open.enter_context(self._system.poller.run())

    def stop(self) -> None:
        """Close everything."""
        self._system = None
        self._open.close()


def create_app(serving: SystemLifespan, settings: Settings, examples: Sequence[Example] = ()) -> Starlette:
    """Return the web application over a system that opens when the server starts."""
    schema = build_schema()
    version = compute_schema_version(schema)
    admission = AccessControl(settings)

    @contextmanager
    def context(request: Request) -> Iterator[Context]:
        try:
            with ExitStack() as readings:
                reading = readings.enter_context(
                    serving.system.read_session(
                        at_least=parse_at_least_position(request), timeout_seconds=POSITION_WAIT_SECONDS
                    )
                )
                set_response_position(request, reading.head)
                context = Context(reading, version, admission.write_access(serving.system, request, readings))
                yield context
                set_response_position(request, context.session.head)
        except PositionNotReached as error:
            raise position_not_reached(str(error)) from error

    def identify(authorization: str, address: str, request_id: str) -> Caller:
        return admission.identify(serving.system, authorization, address, request_id)

    limits = _limits(settings)
    live = LiveService(
        schema, lambda: serving.system, lambda reading: Context(reading, version), _live_limits(settings), identify
    )

    async def start() -> None:
        serving.start()
        await live.start()

    async def stop() -> None:
        await live.stop()
        serving.stop()

    return build_app(
        schema,
        context,
        ready=lambda: check_readiness(serving.system),
        new_request_id=generate_id,
        examples=examples,
        limits=limits,
        live=live,
        cache_validators=ReadSessionValidators(),
        persisted_documents=load_persisted_documents(),
        proxies=settings.trusted_proxies,
        origins=settings.origins,
        startup=start,
        shutdown=stop,
        access_log=True,
        identify=identify,
    )


def _limits(settings: Settings) -> WebLimits:
    return WebLimits(
        body=BodyLimits(max_bytes=settings.max_body_bytes),
        document=DocumentLimits(query=QueryLimits(cost=settings.max_cost, persisted_cost=settings.max_trusted_cost)),
        execution=ExecutionLimits(deadline_seconds=settings.deadline_seconds, cost_per_minute=settings.cost_per_minute),
    )


def _live_limits(settings: Settings) -> LiveLimits:
    return LiveLimits(
        document=DocumentLimits(query=QueryLimits(cost=settings.max_live_cost)),
        body=BodyLimits(max_bytes=settings.max_body_bytes),
        max_connections=settings.max_live,
        max_connections_per_client=settings.max_live_each,
    )


def check_readiness(system: System) -> Readiness:
    """Return whether a system may be sent requests, with what is wrong if not; looking moves nothing."""
    stands, problems = system.projection_status(), system.readiness_problems()
    details: dict[str, object] = {"position": stands.position, "behind": stands.lag}
    if stands.failure:
        details["error"] = {"code": stands.failure.code, "message": stands.failure.message}
    return Readiness(ready=not problems, details=details | ({"problems": problems} if problems else {}))


def create_worker_app(settings: Settings) -> Starlette:
    """Return the application of a serving process: called in that process, which opens everything itself."""
    configure_logging(settings.log_level, settings.log_format)
    return create_app(SystemLifespan(lambda: open_system(settings.database)), settings)


def create_app_from_environment() -> Starlette:
    """Return the app for the environment: `uvicorn --factory ogpgraph.web.server:create_app_from_environment`."""
    return create_worker_app(Settings.from_environment())


class AddressUnavailable(Exception):
    """The server cannot listen where it was told to; the message says where, why and what to do."""


def bind_socket(settings: Settings) -> socket.socket:
    """Return a socket that listens where the settings say; raises AddressUnavailable."""
    host, port = settings.host, settings.port
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        choose = "choose another with --port or OGPGRAPH_PORT; 0 takes any that is free"
        raise AddressUnavailable(f"port {port} of {host} {why}: {choose}") from error


def server_url(address: socket.socket) -> str:
    """Return the address of a server as a browser takes it."""
    host, port = address.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """A server that tells when it listens, and whose end in good order is a success: uvicorn's is by the signal."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_listening()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            try:
                yield
            finally:
                self._captured_signals.clear()


def serve(
    settings: Settings,
    *,
    app: Callable[[], Starlette] | None = None,
    address: socket.socket | None = None,
    on_listening: Callable[[], None] = lambda: None,
) -> None:
    """Serve a migrated database until told to stop, in this process or in the `workers` that the settings ask for.

    `address` is a socket that listens already; else one is made from the settings. Raises AddressUnavailable.
    """
    configure_logging(settings.log_level, settings.log_format)
    config = uvicorn.Config(
        app or partial(create_worker_app, settings),
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        log_config=None,
        log_level=settings.log_level,
        access_log=False,
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_SECONDS,
        timeout_worker_healthcheck=WORKER_START_SECONDS,
        server_header=False,
        date_header=True,
        http=HeaderTimeoutProtocol,
        ws=WebSocketProtocol,
        ws_max_size=MAX_WEBSOCKET_MESSAGE_BYTES,
        ws_per_message_deflate=False,  # it costs each connection memory, and each message the CPU time of many
        proxy_headers=False,  # `ForwardedForMiddleware` reads them, from the proxies that the settings name
    )
    with address or bind_socket(settings) as listener:
        log.info("listening", address=server_url(listener), workers=settings.workers)
        _warn_about_sqlite(settings)
        (_run_workers if settings.workers > 1 else _run_one)(config, listener, on_listening)


def _run_one(config: uvicorn.Config, listener: socket.socket, on_listening: Callable[[], None]) -> None:
    server = _Server(config, on_listening)
    with suppress(KeyboardInterrupt):
        server.run([listener])
    if not server.started:
        sys.exit(1)


def _run_workers(config: uvicorn.Config, listener: socket.socket, on_listening: Callable[[], None]) -> None:
    supervisor = Multiprocess(config, [listener])
    on_listening()
    with suppress(KeyboardInterrupt):
        supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        sys.exit(1)


def _warn_about_sqlite(settings: Settings) -> None:
    if settings.workers > 1 and (version := unsafe_sqlite_version(settings.database)):
        log.warning(
            "several processes share a database of a SQLite that may corrupt it (the WAL-reset bug): see the README, "
            "Production",
            sqlite=version,
            mended_in="3.51.3, 3.50.7, 3.44.6",
        )
