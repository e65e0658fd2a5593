"""Who wants to know when the read model has moved on: one call for each time it did, in whatever thread noticed."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

log = structlog.stdlib.get_logger(__name__)
Callback = Callable[[int], None]


class Wakeups:
    """Tells subscribers the newest position; what lies between the last one told and this one they read themselves."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._moved = threading.Condition()
        self._subscribers: list[Callback] = []
        self.position = 0

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Call `callback` with every newer position from now on; returns what ends it.

        It is called in the thread that noticed and must return at once: hand over to a queue or an event loop there.
        """
        with self._lock:
            self._subscribers.append(callback)

        def unsubscribe() -> None:
            with self._lock:
                if callback in self._subscribers:
                    self._subscribers.remove(callback)

        return unsubscribe

    def advanced(self, position: int) -> None:
        """Tell that the read model has come to a position; said again or too late it is heard by nobody."""
        with self._lock:
            if position <= self.position:
                return
            self.position = position
            subscribers = list(self._subscribers)
        with self._moved:
            self._moved.notify_all()
        for callback in subscribers:
            try:
                callback(position)
            except Exception:
                log.exception("a subscriber failed")

    def wait_for(self, position: int, seconds: float) -> bool:
        """Wait until the read model has come to a position; returns whether it has within the time."""
        with self._moved:
            return self._moved.wait_for(lambda: self.position >= position, timeout=seconds)
