"""Tokens of those who stay connected, asked about again and again: an expired or revoked one ends the stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import anyio
import anyio.to_thread
import structlog

from ogpgraph.auth.identify import Caller, NotIdentified
from ogpgraph.auth.oidc import KeysUnavailable
from ogpgraph.web.authenticated import Identify

AGAIN_SECONDS = 30.0
"""How long at most a stream outlives the token that it was opened with."""

log = structlog.stdlib.get_logger(__name__)


@dataclass(eq=False, frozen=True)
class Shown:
    """A token that somebody connected with, and what is done once it opens nothing any more."""

    authorization: str
    address: str
    refuse: Callable[[], None]


class Tokens:
    """The tokens of a process's live connections."""

    def __init__(self, identify: Identify) -> None:
        self._identify = identify
        self._shown: set[Shown] = set()
        self._limiter = anyio.CapacityLimiter(2)

    async def caller(self, authorization: str, address: str) -> Caller:
        """Return who shows a token; raises NotIdentified and KeysUnavailable."""
        return await anyio.to_thread.run_sync(self._identify, authorization, address, "", limiter=self._limiter)

    def watch(self, authorization: str, address: str, refuse: Callable[[], None]) -> Callable[[], None]:
        """Have `refuse` called in the event loop when a token opens nothing any more; returns what ends that."""
        shown = Shown(authorization, address, refuse)
        self._shown.add(shown)
        return lambda: self._shown.discard(shown)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Ask again and again, until the end."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(AGAIN_SECONDS)
            for authorization in {shown.authorization for shown in self._shown}:
                await self._ask(authorization)

    async def _ask(self, authorization: str) -> None:
        having = [shown for shown in self._shown if shown.authorization == authorization]
        if not having:
            return
        try:
            await self.caller(authorization, having[0].address)
        except NotIdentified:
            for shown in having:
                shown.refuse()
        except KeysUnavailable:
            log.warning("no token can be checked again at the moment", connections=len(having))
        except Exception:
            log.exception("a token could not be checked again", connections=len(having))
