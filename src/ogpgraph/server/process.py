"""The processes that serve: uvicorn in this process, or in several that it starts, on one listening socket."""

from __future__ import annotations

import errno
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

import structlog
import uvicorn
from starlette.applications import Starlette
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from ogpgraph.logging import configure_logging
from ogpgraph.server.application import create_worker_app
from ogpgraph.settings import Settings
from ogpgraph.system import unsafe_sqlite_version
from ogpgraph.web.connection_timeouts import HeaderTimeoutProtocol
from ogpgraph.web.live.websocket_protocol import WebSocketProtocol
from ogpgraph.web.replacement import stop_process

GRACEFUL_SHUTDOWN_SECONDS = 8
MAX_WEBSOCKET_MESSAGE_BYTES = 65_536
WORKER_START_SECONDS = 30
"""A new worker does not answer uvicorn's health check while it imports, which takes longer than its default allows."""

log = structlog.stdlib.get_logger(__name__)


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
    """uvicorn.supervisors.Multiprocess, which stops listening together with its workers, and notices at once who died.

    uvicorn's keeps the socket open until they have ended: connections of that time would be accepted and then reset.
    It also keeps their ends of the pipes of its health checks open: while it waited in vain for the answer of a worker
    that was killed meanwhile, it would replace neither that one nor another.
    """

    def keep_subprocess_alive(self) -> None:
        for process in self.processes:
            process.child_conn.close()
        super().keep_subprocess_alive()

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
