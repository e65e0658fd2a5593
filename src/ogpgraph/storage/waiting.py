"""Where a thread waits for a lock, a disk or another process, it says so: others may compute meanwhile.

Where it may not wait, as on an event loop, that ends what it does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import NoReturn

_waiting: ContextVar[Callable[[], AbstractContextManager[None]]] = ContextVar("waiting", default=nullcontext)


def waiting() -> AbstractContextManager[None]:
    """Return a context in which the calling thread does little but wait; it may take a moment to leave it."""
    return _waiting.get()()


def announce_waiting(to: Callable[[], AbstractContextManager[None]]) -> None:
    """Have `to` entered and left around whatever the calling thread waits for, in its present `contextvars` context."""
    _waiting.set(to)


def acquire_lock(lock: threading.Lock, seconds: float = -1) -> bool:
    """Acquire a lock, and say so only where that means to wait; returns whether it was within the time, if any."""
    if lock.acquire(blocking=False):
        return True
    with waiting():
        return lock.acquire(timeout=seconds)


class WouldWait(BaseException):
    """Ends a reader that may not wait, where it would have to.

    Not an `Exception`: resolvers and the executor may catch those, and would go on.
    """


@contextmanager
def waiting_refused() -> Iterator[None]:
    """Have every wait of the calling thread raise WouldWait, in its present `contextvars` context."""
    token = _waiting.set(_refuse)
    try:
        yield
    finally:
        _waiting.reset(token)


def _refuse() -> NoReturn:
    raise WouldWait
