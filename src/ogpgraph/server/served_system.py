"""The system of a serving process, and how the web application uses it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING

import strawberry
from starlette.requests import HTTPConnection

from ogpgraph.auth.authentication import Authenticator, Caller, RefusalLog
from ogpgraph.graphql.context import Context, WriteAccess
from ogpgraph.rate_limit import RateLimiter
from ogpgraph.readmodel.bookmark import OtherHistory
from ogpgraph.settings import Settings
from ogpgraph.storage.database import StorageError
from ogpgraph.system import PositionNotReached, System
from ogpgraph.web.error_codes import RequestErrorCode
from ogpgraph.web.errors import RequestRejected, other_history
from ogpgraph.web.memory_reader import MemoryReader
from ogpgraph.web.middleware import caller_of, parse_at_least, request_id_of, set_response_bookmark
from ogpgraph.web.probes import Readiness
from ogpgraph.web.shadow_check import ShadowCheck

if TYPE_CHECKING:
    from ogpgraph.auth.oidc import Issuer

POSITION_WAIT_SECONDS = 3.0
"""How long a request waits for the position that it requires."""


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
        self.memory = MemoryReader(lambda: lifespan.system.model, schema_version)

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
    from ogpgraph.auth.issuer_keys import open_key_source  # noqa: PLC0415 - most servers need no cryptography
    from ogpgraph.auth.oidc import Issuer  # noqa: PLC0415

    return Issuer(
        settings.oidc_issuer,
        audience=settings.oidc_audience,
        keys=open_key_source(settings.oidc_jwks),
        algorithms=settings.oidc_algorithms,
        skew_seconds=settings.oidc_skew_seconds,
    )
