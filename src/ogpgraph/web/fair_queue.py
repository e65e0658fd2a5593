"""A queue in which clients take turns: the next is of the client that has used the least time, not of who asks most.

It is start-time fair queuing. The used time of an address and of an account is counted while there is work to do. A
client goes by the larger of the two: so the accounts behind one address share what that address gets, and an account
gets no more by using several addresses. A client that comes (back) begins at the time of the client that was served
last: nobody saves time up, and nobody has to wait until a newcomer has caught up with what others have used.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from ogpgraph.host import find_network

MAX_KEYS: Final = 50_000
"""Bounds the memory that many addresses can make the queue use while it is never empty."""


class Client(NamedTuple):
    """Whom the use of the server is counted for: an address or IPv6 network, and the account of one who signed in."""

    network: str
    account: str | None = None

    @classmethod
    def of(cls, address: str, account: str | None) -> Client:
        """Return the client at an address, with an account if it has one."""
        return cls(find_network(address), account)

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the names under which its use is counted."""
        network = f"address {self.network}"
        return (network,) if self.account is None else (network, f"account {self.account}")


class Waiter(Protocol):
    """What waits in a queue. `size` are the bytes that it holds."""

    @property
    def client(self) -> Client:
        """Return the client that it is of."""

    @property
    def size(self) -> int:
        """Return the bytes that it holds while it waits."""


W = TypeVar("W", bound=Waiter)


class FairQueue(Generic[W]):
    """Waiters of many clients. Within a client they go in the order in which they came. Not thread-safe.

    Whoever takes a waiter reports the time that it used by `charge`.
    """

    def __init__(self) -> None:
        self._waiters: dict[Client, deque[W]] = {}
        self._sizes: dict[Client, int] = {}
        self._used: dict[str, float] = {}
        self._floor = 0.0
        self._numbers = count()
        self._order: list[tuple[float, float, int, Client]] = []
        """A heap of the clients that wait, each once. Used time only grows, so an entry is late but never early."""
        self._total = self.total_size = 0

    def __len__(self) -> int:
        return self._total

    def __iter__(self) -> Iterator[W]:
        return (waiter for waiters in self._waiters.values() for waiter in waiters)

    def load_of(self, client: Client) -> tuple[int, int]:
        """Return how many waiters a client has, and the bytes that they hold."""
        return len(self._waiters.get(client, ())), self._sizes.get(client, 0)

    def add(self, waiter: W, *, first: bool = False) -> None:
        """Let a waiter wait behind those of its client, or before them."""
        client = waiter.client
        waiters = self._waiters.get(client)
        if waiters is None:
            waiters = self._waiters[client] = deque()
            self._admit(client)
            heapq.heappush(self._order, self._place(client))
        waiters.appendleft(waiter) if first else waiters.append(waiter)
        self._sizes[client] = self._sizes.get(client, 0) + waiter.size
        self.total_size += waiter.size
        self._total += 1

    def _admit(self, client: Client) -> None:
        """Let a client that comes begin at the time of the one that was served last."""
        for key in client.keys:
            if self._used.get(key, 0.0) < self._floor:
                self._used[key] = self._floor
        if len(self._used) > MAX_KEYS:
            self._forget()

    def remove(self, waiter: W) -> bool:
        """Take a waiter out, wherever it is; returns whether it was there."""
        waiters = self._waiters.get(waiter.client)
        if waiters is None or waiter not in waiters:
            return False
        waiters.remove(waiter)
        self._discount(waiter)
        if waiter.client not in self._waiters:
            self._order = [each for each in self._order if each[3] != waiter.client]
            heapq.heapify(self._order)
        return True

    def take(self, may_go: Callable[[W], bool]) -> W | None:
        """Take the waiter that is next; None if the first of no client may go."""
        passed: list[tuple[float, float, int, Client]] = []
        taken: W | None = None
        while self._order and taken is None:
            used, own, number, client = self._order[0]
            waiters = self._waiters[client]
            place = self._place(client, number)
            if place[:2] != (used, own):  # it has used more since
                heapq.heapreplace(self._order, place)
            elif not may_go(waiters[0]):
                passed.append(heapq.heappop(self._order))
            else:
                taken = waiters.popleft()
                self._floor = max(self._floor, used)
                self._discount(taken)
                if client in self._waiters:
                    heapq.heapreplace(self._order, self._place(client))  # behind others that have used as much
                else:
                    heapq.heappop(self._order)
        for each in passed:
            heapq.heappush(self._order, each)
        return taken

    def drop_from_longest(self, client: Client, may_drop: Callable[[W], bool]) -> W | None:
        """Take out the last waiter of the client that has the most; None if none has more than `client`."""
        longest = max(self._waiters, key=lambda each: len(self._waiters[each]), default=client)
        if self.load_of(longest)[0] <= self.load_of(client)[0]:
            return None
        dropped = next((each for each in reversed(self._waiters[longest]) if may_drop(each)), None)
        if dropped is not None:
            self.remove(dropped)
        return dropped

    def charge(self, client: Client, seconds: float) -> None:
        """Count the time that a waiter used after it was taken."""
        for key in client.keys:
            self._used[key] = self._used.get(key, self._floor) + seconds

    def is_before(self, client: Client) -> bool:
        """Return whether the next waiter is of somebody who has used less time than a client."""
        while self._order:
            used, own, number, first = self._order[0]
            place = self._place(first, number)
            if place[:2] == (used, own):
                return first != client and place[:2] < self._place(client)[:2]
            heapq.heapreplace(self._order, place)
        return False

    def reset(self) -> None:
        """Forget the used time: nobody waits, and nobody is served."""
        if self._used and not self._total:
            self._used.clear()
            self._floor = 0.0

    def _place(self, client: Client, number: int | None = None) -> tuple[float, float, int, Client]:
        keys = client.keys
        own = self._used.get(keys[-1], self._floor)
        used = max(own, self._used.get(keys[0], self._floor))
        return used, own, next(self._numbers) if number is None else number, client

    def _discount(self, waiter: W) -> None:
        client = waiter.client
        self._total -= 1
        self.total_size -= waiter.size
        self._sizes[client] -= waiter.size
        if not self._waiters[client]:
            del self._waiters[client], self._sizes[client]

    def _forget(self) -> None:
        # Who has used no more than the floor is like one who was never there.
        self._used = {key: used for key, used in self._used.items() if used > self._floor}
        if len(self._used) > MAX_KEYS:
            self._used.clear()
