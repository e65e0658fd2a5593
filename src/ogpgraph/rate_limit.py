"""The one rate limiter: a token bucket for each client, an address or account, in the memory of this process.

It limits mutations (each takes one token) and query cost (an operation takes as many tokens as it may cost).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence

MINUTE = 60.0
MAX_KEYS = 50_000
"""Bounds the memory that clients with many addresses can make the process use: about 10 MB."""


class RateLimitExceeded(Exception):
    """A bucket has too few tokens; it will have enough after `wait_seconds`."""

    def __init__(self, wait_seconds: int) -> None:
        super().__init__(f"wait {wait_seconds} seconds")
        self.wait_seconds = wait_seconds


class RateLimiter:
    """Token buckets, one for each key, which refill evenly to `per_minute` tokens within a minute.

    `clock` returns seconds and must never go back. All methods may be called from any thread.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._capacity = float(per_minute)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}  # key → tokens, and the time when it had so many
        self._lock = threading.Lock()

    def charge(self, keys: Sequence[str], cost: float = 1, used: float | None = None) -> None:
        """Take tokens from the buckets of all keys; a cost above the capacity takes a full bucket.

        Where it is known that less is `used`, only that is taken. Raises RateLimitExceeded, with nothing taken, if one
        of the buckets has fewer tokens than the cost.
        """
        charged = min(cost, self._capacity)
        taken = charged if used is None else min(used, charged)
        with self._lock:
            now = self._clock()
            left = {key: self._tokens(key, now) for key in keys}
            if (fewest := min(left.values(), default=charged)) < charged:
                raise RateLimitExceeded(math.ceil((charged - fewest) * MINUTE / self._capacity))
            for key, tokens in left.items():
                self._buckets[key] = tokens - taken, now
            if len(self._buckets) > MAX_KEYS:
                self._evict(now)

    def refund(self, keys: Sequence[str], cost: float) -> None:
        """Return tokens that were charged in advance and not used; a bucket never exceeds its capacity."""
        with self._lock:
            now = self._clock()
            for key in keys:
                self._buckets[key] = min(self._capacity, self._tokens(key, now) + cost), now

    def _tokens(self, key: str, now: float) -> float:
        tokens, since = self._buckets.get(key, (self._capacity, now))
        return min(self._capacity, tokens + (now - since) * self._capacity / MINUTE)

    def _evict(self, now: float) -> None:
        # A full bucket equals a missing one, so forgetting it changes nothing. If that is not enough, the buckets that
        # have existed for longest are dropped: their owners get a full bucket, which is better than growing.
        self._buckets = {key: each for key, each in self._buckets.items() if self._tokens(key, now) < self._capacity}
        for key in list(self._buckets)[: max(0, len(self._buckets) - MAX_KEYS)]:
            del self._buckets[key]
