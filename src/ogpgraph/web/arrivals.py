"""Requests that arrived in one iteration of the event loop: those that can be answered at once need no task.

All of them are answered by one reading of the head, which begins once the last one is here. Where a server has to be
asked for it, those of which everything else is known wait for its answer together. The others are passed on to the
application, each in its task, in the order in which they came. Those that are answered so are remembered by their
bytes: when the same bytes come again, they need not be parsed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final, Generic, Protocol, TypeVar

import structlog

from ogpgraph.readmodel.read_model import MemoryView
from ogpgraph.web.memory_reader import MemoryReader
from ogpgraph.web.repeated_requests import RepeatedRequests
from ogpgraph.web.whole_response import Arrival

T = TypeVar("T")
CONFIRMED: Final = "confirmed"
"""The key in the state of a request's scope of the view that was confirmed after it arrived, if one was."""

log = structlog.stdlib.get_logger(__name__)


class AtOnce(Protocol[T]):
    """Answers requests if that needs no more than what is in memory."""

    def examine(self, arrival: Arrival) -> T | None:
        """Return a request that looks like one that was answered before; None for others."""

    def answer_at_once(self, examined: T, view: MemoryView) -> bool:
        """Answer a request as of a view; returns whether it did."""


class Arrivals(Generic[T]):
    """The requests that wait for the end of the iteration. Used on one event loop.

    `repeated` are those that were answered before.
    """

    def __init__(self, memory: MemoryReader, at_once: AtOnce[T]) -> None:
        self._memory = memory
        self._at_once = at_once
        self._arrived: list[Arrival] = []
        self.repeated = RepeatedRequests()

    def add(self, arrival: Arrival) -> None:
        """Have a request answered, or passed on, once the event loop has looked for others."""
        if not self._arrived:
            asyncio.get_running_loop().call_soon(self._answer_all)
        self._arrived.append(arrival)

    def _answer_all(self) -> None:
        arrived, self._arrived = self._arrived, []
        try:
            view = self._memory.read()
        except Exception:  # the application says what it is; whoever is not passed on waits for ever
            _pass_on(arrived)
            return
        examined = [(each, self._try_to_examine(each)) for each in arrived]
        if view is None:
            self._answer_later(examined)
        else:
            self._answer_each(examined, view)

    def _answer_later(self, arrived: Sequence[tuple[Arrival, T | None]]) -> None:
        """Have those that may be answered at once wait until the head is confirmed, and pass the others on."""
        if waiting := [each for each in arrived if each[1] is not None]:
            self._memory.request().add_done_callback(partial(self._answer_confirmed, waiting))
        _pass_on(arrival for arrival, examined in arrived if examined is None)

    def _answer_confirmed(
        self, waiting: Sequence[tuple[Arrival, T | None]], confirmed: asyncio.Future[MemoryView]
    ) -> None:
        if confirmed.exception() is None:
            self._answer_each(waiting, confirmed.result())
        else:  # the application says what it is
            _pass_on(arrival for arrival, _ in waiting)

    def _answer_each(self, arrived: Sequence[tuple[Arrival, T | None]], view: MemoryView) -> None:
        for arrival, examined in arrived:
            if examined is None or not self._try_to_answer(examined, view):
                arrival.scope.get("state", {})[CONFIRMED] = view  # a scope that is shared has no state
                arrival.pass_on()
            elif (received := arrival.connection.find_received(arrival.scope)) is not None:
                self.repeated.add(received, arrival.scope, arrival.body)

    def _try_to_examine(self, arrival: Arrival) -> T | None:
        try:
            return self._at_once.examine(arrival)
        except Exception:  # the application may do better, and others wait behind it
            log.exception("a request could not be examined")
            return None

    def _try_to_answer(self, examined: T, view: MemoryView) -> bool:
        try:
            return self._at_once.answer_at_once(examined, view)
        except Exception:  # the application may do better, and others wait behind it
            log.exception("a request could not be answered at once")
            return False


def _pass_on(arrived: Iterable[Arrival]) -> None:
    for each in arrived:
        each.pass_on()
