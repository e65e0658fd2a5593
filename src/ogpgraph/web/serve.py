"""Serves a system, in one process or several: its schema, its probes, its console."""

from __future__ import annotations

import errno
import socket
import sqlite3
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

from ogpgraph import logs
from ogpgraph.auth.identify import Caller
from ogpgraph.graphql.context import Context
from ogpgraph.graphql.limits import Limits
from ogpgraph.graphql.schema import build_schema, schema_version
from ogpgraph.settings import Settings
from ogpgraph.storage.sqlite import has_wal_reset_bug
from ogpgraph.system import NotReached, System, open_system, random_id
from ogpgraph.web.admission import Admission
from ogpgraph.web.app import WebLimits, build_app
from ogpgraph.web.body import BodyLimits
from ogpgraph.web.console import Example
from ogpgraph.web.heads import PromptProtocol
from ogpgraph.web.live.serving import Live, LiveLimits
from ogpgraph.web.live.wire import Wire
from ogpgraph.web.positions import WAIT_SECONDS, least_position, not_reached, tell_position
from ogpgraph.web.prepared import DocumentLimits
from ogpgraph.web.probes import Readiness
from ogpgraph.web.record import OfRecord
from ogpgraph.web.trusted import trusted_documents
from ogpgraph.web.view import RunLimits

STOP_SECONDS = 8
LARGEST_MESSAGE = 65_536
"""How many bytes a client may send over a WebSocket at once."""
START_SECONDS = 30
"""A new worker answers nobody while it imports, which on a busy machine takes longer than uvicorn waits by default."""

log = structlog.stdlib.get_logger(__name__)


class Serving:
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
        self._open.enter_context(self._system.following.running())

    def stop(self) -> None:
        """Close everything."""
        self._system = None
        self._open.close()


def application(serving: Serving, settings: Settings, examples: Sequence[Example] = ()) -> Starlette:
    """Return the web application over a system that opens when the server starts."""
    schema = build_schema()
    version = schema_version(schema)
    admission = Admission(settings)

    @contextmanager
    def context(request: Request) -> Iterator[Context]:
        try:
            with ExitStack() as readings:
                reading = readings.enter_context(
                    serving.system.reading(at_least=least_position(request), patience_seconds=WAIT_SECONDS)
                )
                tell_position(request, reading.head)
                context = Context(reading, version, admission.writing(serving.system, request, readings))
                yield context
                tell_position(request, context.reading.head)
        except NotReached as error:
            raise not_reached(str(error)) from error

    def identify(authorization: str, address: str, request_id: str) -> Caller:
        return admission.identify(serving.system, authorization, address, request_id)

    limits = _limits(settings)
    live = Live(
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
        ready=lambda: readiness(serving.system),
        new_request_id=random_id,
        examples=examples,
        limits=limits,
        live=live,
        record=OfRecord(),
        trusted=trusted_documents(),
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
        document=DocumentLimits(asked=Limits(cost=settings.max_cost, trusted_cost=settings.max_trusted_cost)),
        running=RunLimits(deadline_seconds=settings.deadline_seconds, cost_per_minute=settings.cost_per_minute),
    )


def _live_limits(settings: Settings) -> LiveLimits:
    return LiveLimits(
        document=DocumentLimits(asked=Limits(cost=settings.max_live_cost)),
        body=BodyLimits(max_bytes=settings.max_body_bytes),
        most=settings.max_live,
        most_each=settings.max_live_each,
    )


def readiness(system: System) -> Readiness:
    """Return whether a system may be sent requests, with what is wrong if not; looking moves nothing."""
    stands, problems = system.standpoint(), system.problems()
    details: dict[str, object] = {"position": stands.position, "behind": stands.behind}
    if stands.stop:
        details["error"] = {"code": stands.stop.code, "message": stands.stop.message}
    return Readiness(ready=not problems, details=details | ({"problems": problems} if problems else {}))


def worker(settings: Settings) -> Starlette:
    """Return the application of a serving process: called in that process, which opens everything itself."""
    logs.configure(settings.log_level, settings.log_format)
    return application(Serving(lambda: open_system(settings.database)), settings)


def from_environment() -> Starlette:
    """Return the application that the environment asks for: `uvicorn --factory ogpgraph.web.serve:from_environment`."""
    return worker(Settings.from_environment())


class AddressRefused(Exception):
    """The server cannot listen where it was told to; the message says where, why and what to do."""


def listen_on(settings: Settings) -> socket.socket:
    """Return a socket that listens where the settings say; raises AddressRefused."""
    host, port = settings.host, settings.port
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        choose = "choose another with --port or OGPGRAPH_PORT; 0 takes any that is free"
        raise AddressRefused(f"port {port} of {host} {why}: {choose}") from error


def url_of(address: socket.socket) -> str:
    """Return the address of a server as a browser takes it."""
    host, port = address.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """A server that tells when it listens, and whose end in good order is a success: uvicorn's is by the signal."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening()

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
    listening: Callable[[], None] = lambda: None,
) -> None:
    """Serve a migrated database until told to stop, in this process or in the `workers` that the settings ask for.

    `address` is a socket that listens already; else one is made from the settings. Raises AddressRefused.
    """
    logs.configure(settings.log_level, settings.log_format)
    config = uvicorn.Config(
        app or partial(worker, settings),
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        log_config=None,
        log_level=settings.log_level,
        access_log=False,
        timeout_graceful_shutdown=STOP_SECONDS,
        timeout_worker_healthcheck=START_SECONDS,
        server_header=False,
        date_header=True,
        http=PromptProtocol,
        ws=Wire,
        ws_max_size=LARGEST_MESSAGE,
        ws_per_message_deflate=False,  # it costs each connection memory, and each message the CPU time of many
        proxy_headers=False,  # `Forwarded` reads them, from the proxies that the settings name
    )
    with address or listen_on(settings) as listener:
        log.info("listening", address=url_of(listener), workers=settings.workers)
        _warn_of_sqlite(settings)
        (_run_workers if settings.workers > 1 else _run_one)(config, listener, listening)


def _run_one(config: uvicorn.Config, listener: socket.socket, listening: Callable[[], None]) -> None:
    server = _Server(config, listening)
    with suppress(KeyboardInterrupt):
        server.run([listener])
    if not server.started:
        sys.exit(1)


def _run_workers(config: uvicorn.Config, listener: socket.socket, listening: Callable[[], None]) -> None:
    supervisor = Multiprocess(config, [listener])
    listening()
    with suppress(KeyboardInterrupt):
        supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        sys.exit(1)


def _warn_of_sqlite(settings: Settings) -> None:
    if settings.workers > 1 and settings.database.startswith("sqlite:") and has_wal_reset_bug():
        log.warning(
            "several processes share a database of a SQLite that may corrupt it (the WAL-reset bug): see the README, "
            "Production",
            sqlite=sqlite3.sqlite_version,
            mended_in="3.51.3, 3.50.7, 3.44.6",
        )
