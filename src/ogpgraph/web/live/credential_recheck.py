"""Periodic re-authentication of live connections: a stream does not outlive its token by more than RECHECK_SECONDS.

A request is authenticated once, which is enough for a response that ends within seconds. A live connection may stay
open for days, while its token expires or is revoked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import structlog

from ogpgraph.auth.authentication import AuthenticationFailed, Caller
from ogpgraph.auth.issuer_errors import KeysUnavailable
from ogpgraph.web.identification import CallerIdentification, IdentifyCaller

RECHECK_SECONDS = 30.0
IDENTIFY_THREADS = 2

log = structlog.stdlib.get_logger(__name__)


@dataclass(eq=False, frozen=True)
class WatchedCredential:
    """The Authorization header of an open connection; `on_rejected` ends that connection."""

    authorization: str
    address: str
    on_rejected: Callable[[], None]


class CredentialRecheck:
    """Authenticates live connections of this process, first when they open and then periodically."""

    def __init__(self, identify: IdentifyCaller) -> None:
        self._identification = CallerIdentification(identify, threads=IDENTIFY_THREADS)
        self._watched: set[WatchedCredential] = set()

    async def identify(self, authorization: str, address: str) -> Caller:
        """Return the caller that an Authorization header identifies; raises AuthenticationFailed, KeysUnavailable."""
        return await self._identification.identify(authorization, address, "")

    def watch(self, authorization: str, address: str, on_rejected: Callable[[], None]) -> Callable[[], None]:
        """Call `on_rejected`, on the event loop, when a token has become invalid; returns a function that ends this."""
        watched = WatchedCredential(authorization, address, on_rejected)
        self._watched.add(watched)
        return lambda: self._watched.discard(watched)

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Recheck the watched credentials while the context is open."""
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
            for authorization in {watched.authorization for watched in self._watched}:
                await self._recheck(authorization)

    async def _recheck(self, authorization: str) -> None:
        """Check a token once for all connections that use it."""
        affected = [watched for watched in self._watched if watched.authorization == authorization]
        if not affected:  # they were closed while other tokens were checked
            return
        try:
            await self.identify(authorization, affected[0].address)
        except AuthenticationFailed:
            for watched in affected:
                watched.on_rejected()
        except KeysUnavailable:
            # The issuer's outage is no reason to cut off clients whose token was valid when they connected.
            log.warning("the issuer's keys are unavailable: tokens are not rechecked", connections=len(affected))
        except Exception:
            log.exception("a token could not be rechecked", connections=len(affected))
