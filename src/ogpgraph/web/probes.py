"""The probes for load balancers and operators: `/health` (the process is alive), `/ready` (it may be sent requests)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import anyio
import anyio.to_thread
import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response

from ogpgraph.web.errors import json_response
from ogpgraph.web.middleware import request_id_of

_CHECK_THREADS: Final = 2
_NO_STORE: Final = {"Cache-Control": "no-store"}

log = structlog.stdlib.get_logger(__name__)


class Readiness(msgspec.Struct, frozen=True):
    """Whether the system can serve requests, and the details that the response reports."""

    ready: bool
    details: dict[str, object] = {}


class ReadinessEndpoint:
    """The endpoint `/ready`: 200 if `check` finds the system ready, else 503.

    `check` may block, so it is called in a worker thread. One that raises or exceeds the deadline counts as not ready.
    Probes that arrive during a check share its result, so that however many there are, none waits for more than one.
    """

    def __init__(self, check: Callable[[], Readiness], *, deadline_seconds: float) -> None:
        self._check = check
        self._deadline_seconds = deadline_seconds
        # Threads of its own: checks that hang must not take those of requests.
        self._limiter = anyio.CapacityLimiter(_CHECK_THREADS)
        self._running: asyncio.Task[Readiness] | None = None

    async def __call__(self, request: Request) -> Response:
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run_check(request_id_of(request.scope)))
        readiness = await asyncio.shield(self._running)  # a probe that is gone does not end that of another
        return json_response(200 if readiness.ready else 503, readiness, _NO_STORE)

    async def _run_check(self, request_id: str) -> Readiness:
        try:
            with anyio.fail_after(self._deadline_seconds):
                return await anyio.to_thread.run_sync(self._check, limiter=self._limiter, abandon_on_cancel=True)
        except TimeoutError:
            return Readiness(ready=False, details={"reason": f"no answer within {self._deadline_seconds:g} s"})
        except Exception:
            log.exception("readiness check failed", request_id=request_id)
            return Readiness(ready=False, details={"reason": "the check failed"})


async def health(_request: Request) -> Response:
    """The endpoint `/health`: 200 as long as the process responds at all."""
    return json_response(200, {"status": "alive"}, _NO_STORE)
