"""Limits on concurrent live connections: in total, for each client address, and for each account.

A `ConnectionSlot` is one counted connection. Whoever acquires it must release it. All methods run on the event loop and
await nothing, so checking a limit and counting the connection cannot interleave with another connection's.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from ogpgraph.host import find_network
from ogpgraph.web.error_codes import RequestErrorCode
from ogpgraph.web.errors import RequestRejected

RETRY_AFTER_SECONDS: Final = 30


class ConnectionLimits:
    """Counts the live connections of this process."""

    def __init__(self, max_total: int, max_per_client: int) -> None:
        self._max_total = max_total
        self._max_per_client = max_per_client
        self._counts: Counter[str] = Counter()
        self.open_count = 0

    def acquire(self, address: str, account: str | None) -> ConnectionSlot:
        """Count a connection of an address, and of an account if it is known.

        Raises:
            RequestRejected: 429, with nothing counted, if any of the limits is reached.
        """
        return ConnectionSlot(self, find_network(address), account)

    def count_of(self, key: str) -> int:
        """Return the number of connections of an address or account."""
        return self._counts[key]

    def require_capacity(self) -> None:
        """Raise RequestRejected if the process has reached its limit."""
        if self.open_count >= self._max_total:
            raise _too_many_connections(f"this server has {self._max_total} live connections, which is the most")

    def require_client_capacity(self, key: str, client: str) -> None:
        """Raise RequestRejected if an address or account has reached its limit; `client` names which of the two."""
        if self._counts[key] >= self._max_per_client:
            raise _too_many_connections(f"this {client} has {self._max_per_client} live connections, which is the most")

    def adjust(self, key: str, by: int) -> None:
        """Change the number of connections of an address or account."""
        self._counts[key] += by
        if not self._counts[key]:
            del self._counts[key]  # or the counter would grow with every address ever seen


class ConnectionSlot:
    """One counted connection of an address and, once known, of an account."""

    def __init__(self, limits: ConnectionLimits, address: str, account: str | None = None) -> None:
        self._limits = limits
        self._keys: list[str] = []
        limits.require_capacity()
        limits.require_client_capacity(address, "address")
        if account is not None:
            limits.require_client_capacity(account, "account")
        limits.open_count += 1
        self._count(address)
        if account is not None:
            self._count(account)

    def assign_account(self, account: str) -> None:
        """Count the connection for an account as well: a WebSocket names its account after it was opened.

        Raises:
            RequestRejected: 429, if the account has reached its limit.
        """
        if account not in self._keys:
            self._limits.require_client_capacity(account, "account")
            self._count(account)

    def release(self) -> None:
        """Stop counting the connection."""
        for key in self._keys:
            self._limits.adjust(key, -1)
        self._limits.open_count -= 1
        self._keys.clear()

    def _count(self, key: str) -> None:
        self._limits.adjust(key, 1)
        self._keys.append(key)


def _too_many_connections(reason: str) -> RequestRejected:
    return RequestRejected(
        RequestErrorCode.TOO_MANY_CONNECTIONS,
        f"Too many connections: {reason}.",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )
