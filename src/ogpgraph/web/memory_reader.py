"""Reads the record from memory only, as of a moment after a request arrived."""

from __future__ import annotations

from collections.abc import Callable

from ogpgraph.graphql.context import Context
from ogpgraph.readmodel.bookmark import Bookmark
from ogpgraph.readmodel.model import ModelState
from ogpgraph.readmodel.projection import ProjectionProgress
from ogpgraph.readmodel.read_model import ReadModel
from ogpgraph.storage.waiting import WouldWait
from ogpgraph.web.shared_confirmation import IterationMemo, SharedConfirmation


class MemoryReader:
    """Opens contexts for queries of anonymous readers on an event loop: they wait for nothing.

    `find_model` returns the read model of the open system. What has to be read to confirm the head is read in a thread.
    """

    def __init__(self, find_model: Callable[[], ReadModel], schema_version: str) -> None:
        self._find_model = find_model
        self._schema_version = schema_version
        self._recalled = IterationMemo(self._recall)
        self._confirmation = SharedConfirmation(self._refresh)

    def recall(self) -> ProjectionProgress | None:
        """Return how far the read model is at a moment after the request arrived; None if that has to be read.

        Raises StorageError.
        """
        return self._recalled.get()

    async def confirm(self) -> ProjectionProgress:
        """Return how far the read model is at a moment after the call; raises StorageError."""
        return await self._confirmation.get()

    def find_state(self, progress: ProjectionProgress) -> ModelState:
        """Return the state of the model at what was just confirmed; raises WouldWait if it is not there."""
        return self._find_model().state_in_memory(progress)

    def open(self, progress: ProjectionProgress, at_least: Bookmark) -> Context:
        """Return a context at what was just confirmed; there is nothing to close.

        Raises:
            WouldWait: if the model is not there, or not at the position; a resolver raises it where it needs anything
                else.
            OtherHistory: if the position is one of another history.
        """
        session = self._find_model().session_in_memory(progress)
        if at_least.position > session.head:
            raise WouldWait
        session.require(at_least)
        return Context(session, self._schema_version)

    def _recall(self) -> ProjectionProgress | None:
        return self._find_model().recall()

    def _refresh(self) -> ProjectionProgress:
        return self._find_model().refresh()
