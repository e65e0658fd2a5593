"""When a serving process looks for garbage that reference counts do not free: while it has nothing else to do.

Python's collector stops the process to look at all objects. At its defaults it does so in the middle of requests, for
up to half a second once the model is in memory. Nearly everything is freed by reference counts; what is left are
cycles, such as those of exceptions and parsed documents. So what was loaded at the start, and into memory after it, is
never looked at, young objects are collected often, which takes a few milliseconds, and all others when the process is
idle, or has grown much.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final

import structlog

YOUNG_OBJECTS: Final = 5_000
"""The objects that are allocated, beyond those freed, between two collections of the young."""
YOUNG_COLLECTIONS: Final = 1
"""The collections of the young between two that include those that survived one. With more of them the longest pause
grows, and all together take no less: while the model is loaded, 6 ms rather than 18 ms with twice as many objects and
four collections."""
NEVER: Final = 1_000_000_000
IDLE_SHARE: Final = 0.05
"""The share of a processor below which a process is idle."""
CHECK_SECONDS: Final = 1.0
MIN_SECONDS: Final = 10.0
"""The least time between two collections of all objects."""
MAX_GROWTH_BYTES: Final = 128 << 20
"""All objects are collected in a busy process, too, once it has grown by this since the last time."""
LOADING_SECONDS: Final = 600.0
"""For so long after the start only the garbage of young objects is collected while the process loads."""
_YOUNG: Final = 1
"""The oldest generation of the young objects."""

log = structlog.stdlib.get_logger(__name__)


def read_resident_bytes() -> int:
    """Return the resident memory of this process, 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


class IdleCollector:
    """Collects all objects of this process at suitable moments. The objects of the start are excluded by freezing them.

    They are frozen with the little garbage among them, as a look at all of them takes a tenth of the start. The first
    time that the process is idle, what was loaded by the first requests is frozen, too, without its garbage. While it
    `is_loading`, what has survived the collections of the young is frozen, for LOADING_SECONDS at most.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        used_seconds: Callable[[], float] = time.process_time,
        resident_bytes: Callable[[], int] = read_resident_bytes,
        is_loading: Callable[[], bool] = lambda: False,
    ) -> None:
        self._is_loading = is_loading
        self._clock = clock
        self._used_seconds = used_seconds
        self._resident_bytes = resident_bytes
        self._is_first = True
        self._checked = self._collected = clock()
        self._loads_until = self._checked + LOADING_SECONDS
        self._used, self._size = used_seconds(), resident_bytes()
        gc.freeze()

    def note_collection(self, phase: str, info: Mapping[str, int]) -> None:
        """Freeze what survived, if the process loads; Python's collector calls it before and after each collection."""
        if phase == "stop" and info["generation"] == _YOUNG and self._loads(self._clock()):
            gc.freeze()

    def check(self) -> bool:
        """Collect if this is a suitable moment, and return whether it was; called once in CHECK_SECONDS."""
        now, used = self._clock(), self._used_seconds()
        is_idle = used - self._used < IDLE_SHARE * (now - self._checked)
        self._checked, self._used = now, used
        if self._loads(now):
            self._size = self._resident_bytes()
            return False
        if now - self._collected < MIN_SECONDS:
            return False
        has_grown = self._resident_bytes() - self._size > MAX_GROWTH_BYTES
        if has_grown or (is_idle and _has_older_objects()):
            self._collect()
            return True
        return False

    def _loads(self, now: float) -> bool:
        return now < self._loads_until and self._is_loading()

    def _collect(self) -> None:
        began = time.perf_counter()
        gc.collect()
        if self._is_first:
            self._is_first = False
            gc.freeze()
        self._collected = self._checked = self._clock()
        self._used = self._used_seconds()
        self._size = self._resident_bytes()
        log.debug("garbage collected", ms=round((time.perf_counter() - began) * 1000, 1), frozen=gc.get_freeze_count())


def _has_older_objects() -> bool:
    """Return whether objects have survived the collections of the young since all were collected."""
    return gc.get_count()[2] > 0


@contextmanager
def collecting_young() -> Iterator[None]:
    """Have the collector look at young objects only, until the end of the context, where nothing is frozen any more."""
    before = gc.get_threshold()
    gc.set_threshold(YOUNG_OBJECTS, YOUNG_COLLECTIONS, NEVER)
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


@asynccontextmanager
async def collect_when_idle(is_loading: Callable[[], bool] = lambda: False) -> AsyncIterator[None]:
    """Collect the garbage of this process as described above, from its start until its stop.

    A command may have disabled the collector until then.
    """
    with collecting_young():
        collector = IdleCollector(is_loading=is_loading)
        gc.enable()
        gc.callbacks.append(collector.note_collection)
        collecting = asyncio.create_task(_collect_forever(collector))
        try:
            yield
        finally:
            gc.callbacks.remove(collector.note_collection)
            collecting.cancel()
            with suppress(asyncio.CancelledError):
                await collecting


async def _collect_forever(collector: IdleCollector) -> None:
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        collector.check()
