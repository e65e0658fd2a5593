"""The thread of a serving process that loads the model in memory, before the first request needs it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from ogpgraph.readmodel.projection import run_thread
from ogpgraph.readmodel.read_model import ReadModel
from ogpgraph.storage.database import DatabaseError

WARM_SECONDS: Final = 3.5
"""How long the process is not ready while it loads, which is over before, and decodes states, which it goes on with."""
SHARE: Final = 0.2
"""Of the time after that, decoding takes this part, so that requests get the others."""
RETRY_SECONDS: Final = 1.0

log = structlog.stdlib.get_logger(__name__)


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
            began = time.monotonic()
            try:
                self._model.warm(seconds=WARM_SECONDS, pause=self._pause)
            except DatabaseError as error:  # requests report that, too
                log.warning("loading the model in memory failed, trying again", reason=str(error))
            except Exception:
                log.exception("loading the model in memory failed, trying again")
            else:
                log.info("the model is in memory", seconds=round(time.monotonic() - began, 1), **self._model.describe())
                return
            self._stop.wait(RETRY_SECONDS)

    def _pause(self, worked_seconds: float) -> bool:
        return self._stop.wait(worked_seconds * (1 / SHARE - 1))
