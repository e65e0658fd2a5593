"""Waiting for what a test asserts, however loaded the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T | None], seconds: float = 60) -> T:
    """Wait until a condition is true; returns its value, and raises TimeoutError where that takes too long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.002)
    raise TimeoutError
