"""How often one may write: so many times a minute for each account and each address, counted in this process."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

from ogpgraph.domain.errors import RateLimited

MINUTE = 60.0
MAX_KEYS = 50_000


class RateLimiter:
    """A bucket for each key, which fills evenly within a minute; `clock` gives seconds that never go back."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._most = per_minute
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def consume(self, *keys: str) -> None:
        """Take one from the bucket of every key; raises RateLimited, having taken none, where one is empty."""
        with self._lock:
            now = self._clock()
            left = {key: self._left(key, now) for key in keys}
            lowest = min(left.values())
            if lowest < 1:
                raise RateLimited(math.ceil((1 - lowest) * MINUTE / self._most))
            self._buckets |= {key: (amount - 1, now) for key, amount in left.items()}
            if len(self._buckets) > MAX_KEYS:
                self._forget_full(now)

    def _left(self, key: str, now: float) -> float:
        amount, since = self._buckets.get(key, (float(self._most), now))
        return min(float(self._most), amount + (now - since) * self._most / MINUTE)

    def _forget_full(self, now: float) -> None:
        self._buckets = {key: kept for key, kept in self._buckets.items() if self._left(key, now) < self._most}
