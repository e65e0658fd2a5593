"""The time that operations may take on the event loop, each of them and those of each client."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from ogpgraph.web.deadline import Deadline

SLICE_SECONDS: Final = 0.004
"""How long an operation may take there."""
SHARE_SECONDS: Final = 0.004
"""How long the operations of one client may take until the event loop has looked for other requests."""


class LoopShares:
    """The time that each client has had on the event loop since that has looked for other requests."""

    def __init__(self) -> None:
        self._used: dict[str, float] = {}

    def is_used_up(self, network: str) -> bool:
        """Return whether a client has had its share."""
        return self._used.get(network, 0.0) > SHARE_SECONDS

    async def wait(self, network: str) -> None:
        """Let others go first, if a client has had its share."""
        while self.is_used_up(network):  # noqa: ASYNC110 - until the loop went round
            await asyncio.sleep(0)

    def add(self, network: str, seconds: float) -> None:
        """Count the time that a client has used."""
        if not self._used:
            asyncio.get_running_loop().call_soon(self._used.clear)
        self._used[network] = self._used.get(network, 0.0) + seconds


class LoopSlice(Deadline):
    """The time that an operation may take on the event loop; what other threads and processes take does not count.

    Half of it is measured by the clock on the wall, the rest by that of the thread, which takes longer to read.
    """

    _ends_at: float | None = None

    def __init__(self) -> None:
        super().__init__(SLICE_SECONDS / 2)

    def _is_exceeded_at(self, now: float) -> bool:
        if not super()._is_exceeded_at(now):
            return False
        if self._ends_at is None:
            self._ends_at = time.thread_time() + SLICE_SECONDS / 2
        return time.thread_time() > self._ends_at
