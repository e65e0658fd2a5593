"""One reading for all threads that need it: each gets what was read after it asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from ogpgraph.storage.waiting import waiting

T = TypeVar("T")


class SharedRead(Generic[T]):
    """Reads a value for many threads, one at a time: those that ask while one reads share the next reading."""

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._next: Future[T] | None = None

    def get(self) -> T:
        """Return a value that was read after the call; raises what reading it raised."""
        with self._lock:
            if is_first := self._next is None:
                self._next = Future()
            future = self._next
        with waiting():
            if is_first:
                self._run(future)
            return future.result()

    def _run(self, future: Future[T]) -> None:
        with self._reading:
            # Whoever asks from now on gets the value of another read.
            with self._lock:
                self._next = None
            try:
                future.set_result(self._read())
            except BaseException as error:
                future.set_exception(error)
