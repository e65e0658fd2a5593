"""What each client may spend on operations, whatever transport they come by: a rate limiter of their cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from ogpgraph.rate_limit import RateLimiter, RateLimitExceeded
from ogpgraph.web.errors import budget_exhausted
from ogpgraph.web.fair_queue import Client

PERSISTED_COST_DIVISOR: Final = 4
"""Persisted documents are reviewed in advance, so they are charged a quarter of their cost."""


def cost_divisor(document_id: str | None) -> int:
    """Return by what the cost of an operation is divided before it is charged; only persisted documents have an id."""
    return PERSISTED_COST_DIVISOR if document_id else 1


class CostBudget:
    """The cost a minute of each address and of each account. `clock` gives seconds that never go back."""

    def __init__(self, cost_per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limiter = RateLimiter(cost_per_minute, clock)

    def charge(self, client: Client, cost: int, used: int | None = None) -> None:
        """Take the cost of an operation from the budgets of a client, or what it used where that is known to be less.

        Raises RequestRejected (429) if one of them has less left than the cost.
        """
        try:
            self._limiter.charge(client.keys, cost, used)
        except RateLimitExceeded as exceeded:
            raise budget_exhausted(exceeded.wait_seconds) from None

    def refund(self, client: Client, cost: int) -> None:
        """Give back what was charged and not used."""
        self._limiter.refund(client.keys, cost)
