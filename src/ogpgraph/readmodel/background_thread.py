"""The threads of the read model that run beside those that use it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

JOIN_TIMEOUT_SECONDS = 5.0


@contextmanager
def run_thread(target: Callable[[], None], name: str, stop: threading.Event) -> Iterator[threading.Thread]:
    """Run a thread until the end of the context, which sets `stop` and waits for its end for some seconds."""
    stop.clear()
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(JOIN_TIMEOUT_SECONDS)
