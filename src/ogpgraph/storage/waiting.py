"""Where a thread waits for a lock, a disk or another process, it says so: others may compute meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar

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
