"""The probes of whoever runs the server: is the process alive, and may it be sent requests?"""

from collections.abc import Callable

import anyio
import anyio.to_thread
import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response

from ogpgraph.web.errors import json_response
from ogpgraph.web.middleware import request_id_of

log = structlog.stdlib.get_logger(__name__)

_NO_STORE = {"Cache-Control": "no-store"}


class Readiness(msgspec.Struct, frozen=True):
    """Whether the system can serve, and what it has to say about that."""

    ready: bool
    details: dict[str, object] = {}


class ReadinessEndpoint:
    """The endpoint `/ready`: 200 if `ready` says so, else 503.

    `ready` may block: it is called in a thread, and one that raises or takes longer than the deadline is not ready.
    """

    def __init__(self, ready: Callable[[], Readiness], *, deadline_seconds: float) -> None:
        self._ready = ready
        self._deadline = deadline_seconds
        self._limiter = anyio.CapacityLimiter(2)  # probes that hang shall not use up the threads of those that work

    async def __call__(self, request: Request) -> Response:
        readiness = await self._check(request_id_of(request.scope))
        return json_response(200 if readiness.ready else 503, readiness, _NO_STORE)

    async def _check(self, request_id: str) -> Readiness:
        try:
            with anyio.fail_after(self._deadline):
                return await anyio.to_thread.run_sync(self._ready, limiter=self._limiter, abandon_on_cancel=True)
        except TimeoutError:
            return Readiness(ready=False, details={"reason": f"no answer within {self._deadline:g} s"})
        except Exception:
            log.exception("readiness check failed", request_id=request_id)
            return Readiness(ready=False, details={"reason": "the check failed"})


async def health(_request: Request) -> Response:
    """The endpoint `/health`: 200 as long as the process answers at all."""
    return json_response(200, {"status": "alive"}, _NO_STORE)
