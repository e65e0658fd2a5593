"""Requests that arrived in one iteration of the event loop: those that can be answered at once need no task.

All of them are answered by one reading of the head, which begins once the last one is here. The others are passed on to
the application, each in its task, in the order in which they came. Those that are answered so are remembered by their
bytes: when the same bytes come again, they need not be parsed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from ogpgraph.readmodel.read_model import MemoryView
from ogpgraph.storage.database import StorageError
from ogpgraph.web.memory_reader import MemoryReader
from ogpgraph.web.repeated_requests import RepeatedRequests
from ogpgraph.web.whole_response import Arrival

log = structlog.stdlib.get_logger(__name__)


AnswerAtOnce = Callable[[Arrival, MemoryView], bool]
"""Answers a request if that needs no more than what is in memory; returns whether it did."""


class Arrivals:
    """The requests that wait for the end of the iteration. Used on one event loop.

    `repeated` are those that were answered before.
    """

    def __init__(self, memory: MemoryReader, answer: AnswerAtOnce) -> None:
        self._memory = memory
        self._answer = answer
        self._arrived: list[Arrival] = []
        self.repeated = RepeatedRequests()

    def add(self, arrival: Arrival) -> None:
        """Have a request answered, or passed on, once the event loop has looked for others."""
        if not self._arrived:
            asyncio.get_running_loop().call_soon(self._answer_all)
        self._arrived.append(arrival)

    def _answer_all(self) -> None:
        arrived, self._arrived = self._arrived, []
        view = self._read()
        for each in arrived:
            if view is None or not self._try_to_answer(each, view):
                each.pass_on()
            elif (received := each.connection.find_received(each.scope)) is not None:
                self.repeated.add(received, each.scope, each.body)

    def _read(self) -> MemoryView | None:
        try:
            return self._memory.read()
        except (StorageError, RuntimeError):  # the application says what it is
            return None

    def _try_to_answer(self, arrival: Arrival, view: MemoryView) -> bool:
        try:
            return self._answer(arrival, view)
        except Exception:  # the application may do better, and others wait behind it
            log.exception("a request could not be answered at once")
            return False
