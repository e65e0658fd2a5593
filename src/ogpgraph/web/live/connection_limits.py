"""Who may be connected how often: places for live connections, of each address, of each account and of the process."""

from __future__ import annotations

from collections import Counter
from typing import Final

from ogpgraph.web.errors import RequestRejected

RETRY_AFTER_SECONDS: Final = 30


class ConnectionLimits:
    """Counts live connections of this process. Places are taken and given back within one step of the event loop."""

    def __init__(self, max_total: int, max_per_client: int) -> None:
        self._max_total = max_total
        self._max_per_client = max_per_client
        self._counts: Counter[str] = Counter()
        self.open_count = 0

    def acquire(self, address: str, account: str | None) -> ConnectionSlot:
        """Take a place of an address and of an account, if there is one; raises RequestRejected (429)."""
        return ConnectionSlot(self, address, account)

    def count_of(self, key: str) -> int:
        """Return how many connections an address or account has."""
        return self._counts[key]

    def require_slot(self, key: str, whose: str) -> None:
        """Raise RequestRejected where an address or account has as many connections as it may."""
        if self._counts[key] >= self._max_per_client:
            raise _too_many_connections(f"this {whose} has {self._max_per_client} live connections, which is the most")

    def require_capacity(self) -> None:
        """Raise RequestRejected where the process has as many connections as it may."""
        if self.open_count >= self._max_total:
            raise _too_many_connections(f"this server has {self._max_total} live connections, which is the most")

    def adjust(self, key: str, by: int) -> None:
        """Count a connection of an address or account, or one less."""
        self._counts[key] += by
        if not self._counts[key]:
            del self._counts[key]


class ConnectionSlot:
    """A connection's place, of its address and perhaps, then or later, of its account."""

    def __init__(self, limits: ConnectionLimits, address: str, account: str | None = None) -> None:
        self._limits = limits
        self._keys: list[str] = []
        limits.require_capacity()
        limits.require_slot(address, "address")
        if account is not None:
            limits.require_slot(account, "account")
        limits.open_count += 1
        self._add(address)
        if account is not None:
            self._add(account)

    def assign_account(self, account: str) -> None:
        """Take the account's place too, once it is known who is connected; raises RequestRejected."""
        if account not in self._keys:
            self._limits.require_slot(account, "account")
            self._add(account)

    def release(self) -> None:
        """Give the place back."""
        for key in self._keys:
            self._limits.adjust(key, -1)
        self._limits.open_count -= 1
        self._keys.clear()

    def _add(self, key: str) -> None:
        self._limits.adjust(key, 1)
        self._keys.append(key)


def _too_many_connections(why: str) -> RequestRejected:
    return RequestRejected(
        429,
        f"Too many connections: {why}.",
        code="TOO_MANY_CONNECTIONS",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )
