"""Who may be connected how often: places for live connections, of each address, of each account and of the process."""

from __future__ import annotations

from collections import Counter
from typing import Final

from ogpgraph.web.refused import Refused

RETRY_SECONDS: Final = 30


class Places:
    """Counts live connections of this process. Places are taken and given back within one step of the event loop."""

    def __init__(self, most: int, most_each: int) -> None:
        self._most = most
        self._most_each = most_each
        self._taken: Counter[str] = Counter()
        self.open = 0

    def take(self, address: str, account: str | None) -> Place:
        """Take a place of an address and of an account, if there is one; raises Refused (429)."""
        return Place(self, address, account)

    def taken_by(self, key: str) -> int:
        """Return how many connections an address or account has."""
        return self._taken[key]

    def require(self, key: str, whose: str) -> None:
        """Raise Refused where an address or account has as many connections as it may."""
        if self._taken[key] >= self._most_each:
            raise _refused(f"this {whose} has {self._most_each} live connections, which is the most")

    def require_any(self) -> None:
        """Raise Refused where the process has as many connections as it may."""
        if self.open >= self._most:
            raise _refused(f"this server has {self._most} live connections, which is the most")

    def count(self, key: str, by: int) -> None:
        """Count a connection of an address or account, or one less."""
        self._taken[key] += by
        if not self._taken[key]:
            del self._taken[key]


class Place:
    """A connection's place, of its address and perhaps, then or later, of its account."""

    def __init__(self, places: Places, address: str, account: str | None = None) -> None:
        self._places = places
        self._keys: list[str] = []
        places.require_any()
        places.require(address, "address")
        if account is not None:
            places.require(account, "account")
        places.open += 1
        self._count(address)
        if account is not None:
            self._count(account)

    def of_account(self, account: str) -> None:
        """Take the account's place too, once it is known who is connected; raises Refused."""
        if account not in self._keys:
            self._places.require(account, "account")
            self._count(account)

    def release(self) -> None:
        """Give the place back."""
        for key in self._keys:
            self._places.count(key, -1)
        self._places.open -= 1
        self._keys.clear()

    def _count(self, key: str) -> None:
        self._places.count(key, 1)
        self._keys.append(key)


def _refused(why: str) -> Refused:
    return Refused(
        429,
        f"Too many connections: {why}.",
        code="TOO_MANY_CONNECTIONS",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )
