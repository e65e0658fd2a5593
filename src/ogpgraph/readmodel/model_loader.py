"""The thread of a serving process that loads the model in memory, before the first request needs it.

Once the process is ready, the thread loads the rest in small pieces, and gives way to requests: while anything else
in the process uses the processor, it works a small part of the time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

import structlog

from ogpgraph.readmodel.background_thread import run_thread
from ogpgraph.readmodel.read_model import ReadModel
from ogpgraph.storage.database import DatabaseError

WARM_SECONDS: Final = 30.0
"""The process is not ready before all states are decoded, if that takes no more processor time than this, as those that
changed last suggest: they have the longest streams, so that it is less than half of that in the end. With 15 s, a slow
machine is ready with a tenth of the states of OGP's commitments, and first queries take up to three times as long."""
PART_SECONDS: Final = 2.0
"""Where it would, the process is ready after so much processor time, and goes on with decoding."""
IDLE_SHARE: Final = 0.1
"""The share of a processor below which the other threads of the process count as idle."""
IDLE_RATIO: Final = 0.5
"""They do so only below this part of what the thread itself used: where other processes leave little of a processor,
those that wait for it use little, too."""
REST: Final = 19
"""So many times as long as it worked, the thread rests while others are not idle: it has a twentieth of the time."""
RETRY_SECONDS: Final = 1.0

log = structlog.stdlib.get_logger(__name__)


class Pacer:
    """Tells after each piece of work how long to rest, by what the other threads of the process used meanwhile.

    Called by the thread that works.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        used_seconds: Callable[[], float] = time.process_time,
        own_seconds: Callable[[], float] = time.thread_time,
    ) -> None:
        self._clock = clock
        self._used_seconds = used_seconds
        self._own_seconds = own_seconds
        self._looked_at, self._own = clock(), own_seconds()
        self._others = used_seconds() - self._own

    def find_rest(self, worked_seconds: float) -> float:
        """Return the seconds to rest after some seconds of work: none if the others were idle since the last call."""
        now, own = self._clock(), self._own_seconds()
        others = self._used_seconds() - own
        idle_until = min(IDLE_SHARE * (now - self._looked_at), IDLE_RATIO * (own - self._own))
        is_idle = others - self._others < idle_until
        self._looked_at, self._own, self._others = now, own, others
        return 0.0 if is_idle else REST * worked_seconds


class ModelLoader:
    """Loads a read model once, and then the states that changed last with their texts, as many as fit."""

    def __init__(self, model: ReadModel) -> None:
        self._model = model
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def run(self) -> Iterator[None]:
        """Run the thread until the end of the context."""
        with run_thread(self._run, "model", self._stop) as self._thread:
            yield

    @property
    def is_loading(self) -> bool:
        """Whether something is still being loaded, with pauses, even if the model is there."""
        return self._thread is not None and self._thread.is_alive()

    def find_problem(self) -> str | None:
        """Return that the model is being loaded; None once it is, and where no process is to serve it."""
        is_loading = self._thread is not None and not self._model.is_warm
        return "the read model is being loaded into memory" if is_loading else None

    def _run(self) -> None:
        while not self._stop.is_set():
            began, pacer = time.monotonic(), Pacer()
            try:
                pause = partial(self._rest, pacer)
                self._model.warm(seconds=WARM_SECONDS, part_seconds=PART_SECONDS, pause=pause)
            except DatabaseError as error:  # requests report that, too
                log.warning("loading the model in memory failed, trying again", reason=str(error))
            except Exception:
                log.exception("loading the model in memory failed, trying again")
            else:
                log.info("the model is in memory", seconds=round(time.monotonic() - began, 1), **self._model.describe())
                return
            self._stop.wait(RETRY_SECONDS)

    def _rest(self, pacer: Pacer, worked_seconds: float) -> bool:
        """Rest after some seconds of work; returns whether to stop."""
        return self._stop.wait(pacer.find_rest(worked_seconds))
