"""How much an address and an account may ask for in a while: a bucket of cost units for each, in this process."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from typing import Final

from ogpgraph.web.refused import Refused

MINUTE: Final = 60.0
MOST_KEYS: Final = 50_000


class Spending:
    """Buckets that fill evenly within a minute; `clock` gives seconds that never go back.

    What an operation may cost is taken before it runs; what it turned out not to need is given back.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._most = float(per_minute)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, keys: Sequence[str], cost: float) -> None:
        """Take a cost from the bucket of every key; what costs more than a bucket holds takes a whole one.

        Raises:
            Refused: 429 with the seconds to wait, having taken nothing, where one bucket has too little.
        """
        wanted = min(cost, self._most)
        with self._lock:
            now = self._clock()
            left = {key: self._left(key, now) for key in keys}
            lowest = min(left.values(), default=self._most)
            if lowest < wanted:
                raise _exhausted(math.ceil((wanted - lowest) * MINUTE / self._most))
            self._buckets |= {key: (amount - wanted, now) for key, amount in left.items()}
            if len(self._buckets) > MOST_KEYS:
                self._forget_full(now)

    def give_back(self, keys: Sequence[str], cost: float) -> None:
        """Give back what was taken and not needed."""
        with self._lock:
            now = self._clock()
            self._buckets |= {key: (min(self._most, self._left(key, now) + cost), now) for key in keys}

    def _left(self, key: str, now: float) -> float:
        amount, since = self._buckets.get(key, (self._most, now))
        return min(self._most, amount + (now - since) * self._most / MINUTE)

    def _forget_full(self, now: float) -> None:
        """Drop what says nothing; where everyone has spent something, those that spent first."""
        self._buckets = {key: kept for key, kept in self._buckets.items() if self._left(key, now) < self._most}
        for key in list(self._buckets)[: max(0, len(self._buckets) - MOST_KEYS)]:
            del self._buckets[key]


def _exhausted(seconds: int) -> Refused:
    return Refused(
        429,
        f"The budget for the moment is spent; this fits in it again in {seconds} s. `extensions.cost` says what each "
        "operation takes.",
        code="BUDGET_EXHAUSTED",
        headers={"Retry-After": str(seconds)},
    )
