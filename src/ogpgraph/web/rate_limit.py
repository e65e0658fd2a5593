"""How much an address and an account may ask for in a while: a bucket of cost units for each, in this process."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from typing import Final

from ogpgraph.web.errors import RequestRejected

MINUTE: Final = 60.0
MAX_KEYS: Final = 50_000


class CostRateLimiter:
    """Buckets that fill evenly within a minute; `clock` gives seconds that never go back.

    What an operation may cost is taken before it runs; what it turned out not to need is given back.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._capacity = float(per_minute)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def charge(self, keys: Sequence[str], cost: float) -> None:
        """Take a cost from the bucket of every key; what costs more than a bucket holds takes a whole one.

        Raises:
            RequestRejected: 429 with the seconds to wait, having taken nothing, where one bucket has too little.
        """
        wanted = min(cost, self._capacity)
        with self._lock:
            now = self._clock()
            left = {key: self._remaining(key, now) for key in keys}
            lowest = min(left.values(), default=self._capacity)
            if lowest < wanted:
                raise _budget_exhausted(math.ceil((wanted - lowest) * MINUTE / self._capacity))
            self._buckets |= {key: (amount - wanted, now) for key, amount in left.items()}
            if len(self._buckets) > MAX_KEYS:
                self._evict(now)

    def refund(self, keys: Sequence[str], cost: float) -> None:
        """Give back what was taken and not needed."""
        with self._lock:
            now = self._clock()
            self._buckets |= {key: (min(self._capacity, self._remaining(key, now) + cost), now) for key in keys}

    def _remaining(self, key: str, now: float) -> float:
        amount, since = self._buckets.get(key, (self._capacity, now))
        return min(self._capacity, amount + (now - since) * self._capacity / MINUTE)

    def _evict(self, now: float) -> None:
        """Drop what says nothing; where everyone has spent something, those that spent first."""
        self._buckets = {key: kept for key, kept in self._buckets.items() if self._remaining(key, now) < self._capacity}
        for key in list(self._buckets)[: max(0, len(self._buckets) - MAX_KEYS)]:
            del self._buckets[key]


def _budget_exhausted(seconds: int) -> RequestRejected:
    return RequestRejected(
        429,
        f"The budget for the moment is spent; this fits in it again in {seconds} s. `extensions.cost` says what each "
        "operation takes.",
        code="BUDGET_EXHAUSTED",
        headers={"Retry-After": str(seconds)},
    )
