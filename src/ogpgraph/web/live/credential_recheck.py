"""Tokens of those who stay connected, asked about again and again: an expired or revoked one ends the stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import anyio
import anyio.to_thread
import structlog

from ogpgraph.auth.authentication import AuthenticationFailed, Caller
from ogpgraph.auth.oidc import KeysUnavailable
from ogpgraph.web.authentication import IdentifyCaller

RECHECK_SECONDS = 30.0
"""How long at most a stream outlives the token that it was opened with."""

log = structlog.stdlib.get_logger(__name__)


@dataclass(eq=False, frozen=True)
class WatchedCredential:
    """A token that somebody connected with, and what is done once it opens nothing any more."""

    authorization: str
    address: str
    on_rejected: Callable[[], None]


class CredentialRecheck:
    """The tokens of a process's live connections."""

    def __init__(self, identify: IdentifyCaller) -> None:
        self._identify = identify
        self._watched: set[WatchedCredential] = set()
        self._limiter = anyio.CapacityLimiter(2)

    async def identify(self, authorization: str, address: str) -> Caller:
        """Return who shows a token; raises NotIdentified and KeysUnavailable."""
        return await anyio.to_thread.run_sync(self._identify, authorization, address, "", limiter=self._limiter)

    def watch(self, authorization: str, address: str, on_rejected: Callable[[], None]) -> Callable[[], None]:
        """Have `refuse` called in the event loop when a token opens nothing any more; returns what ends that."""
        shown = WatchedCredential(authorization, address, on_rejected)
        self._watched.add(shown)
        return lambda: self._watched.discard(shown)

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Ask again and again, until the end."""
        task = asyncio.create_task(self._recheck_forever())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _recheck_forever(self) -> None:
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            for authorization in {shown.authorization for shown in self._watched}:
                await self._recheck(authorization)

    async def _recheck(self, authorization: str) -> None:
        having = [shown for shown in self._watched if shown.authorization == authorization]
        if not having:
            return
        try:
            await self.identify(authorization, having[0].address)
        except AuthenticationFailed:
            for shown in having:
                shown.on_rejected()
        except KeysUnavailable:
            log.warning("no token can be checked again at the moment", connections=len(having))
        except Exception:
            log.exception("a token could not be checked again", connections=len(having))
