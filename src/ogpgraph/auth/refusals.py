"""Refusals leave a trace: each is logged, without any token, and counted by its code."""

from __future__ import annotations

import threading
from collections import Counter

import structlog

log = structlog.stdlib.get_logger(__name__)


class Refusals:
    """Logs refusals and counts them by what was refused and why."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def note(self, what: str, code: str, **about: object) -> None:
        """Log and count a refusal: of what, with which code, and what is known of who asked."""
        with self._lock:
            self._counts[what, code] += 1
        log.warning("refused", what=what, code=code, **about)

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how often each (what, code) was refused since the process began."""
        with self._lock:
            return dict(self._counts)
