"""Identifying the caller of a request, in threads that wait for nothing but the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import anyio
import anyio.to_thread

from ogpgraph.auth.authentication import Caller
from ogpgraph.auth.issuer_errors import FETCH_SECONDS, KeysAwaited, KeysUnavailable

IdentifyCaller = Callable[[str, str, str], Caller]
"""Returns the caller for the Authorization header, the address and the id of a request; called in a worker thread.

Raises AuthenticationFailed, KeysUnavailable, and KeysAwaited where the keys of the token's issuer have to be fetched.
"""
KEYS_WAIT_SECONDS = FETCH_SECONDS + 1


class CallerIdentification:
    """Identifies callers in threads of its own. Requests that await an issuer's keys wait without one."""

    def __init__(self, identify: IdentifyCaller, *, threads: int) -> None:
        self._identify = identify
        self._limiter = anyio.CapacityLimiter(threads)

    async def identify(self, authorization: str, address: str, request_id: str) -> Caller:
        """Return the caller for an Authorization header; raises AuthenticationFailed and KeysUnavailable."""
        try:
            return await self._identify_in_thread(authorization, address, request_id)
        except KeysAwaited as awaited:
            fetched = asyncio.wrap_future(awaited.fetched)
        try:
            async with asyncio.timeout(KEYS_WAIT_SECONDS):
                await asyncio.shield(fetched)
            return await self._identify_in_thread(authorization, address, request_id)
        except (TimeoutError, KeysAwaited):
            raise KeysUnavailable("the issuer does not send its keys") from None

    async def _identify_in_thread(self, authorization: str, address: str, request_id: str) -> Caller:
        return await anyio.to_thread.run_sync(self._identify, authorization, address, request_id, limiter=self._limiter)
