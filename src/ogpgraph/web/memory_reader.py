"""Reads the record from memory only, as of a moment after a request arrived."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ogpgraph.graphql.context import Context
from ogpgraph.readmodel.bookmark import Bookmark
from ogpgraph.readmodel.read_model import MemoryView, ReadModel
from ogpgraph.storage.waiting import WouldWait
from ogpgraph.web.shared_confirmation import IterationMemo, SharedConfirmation


class MemoryReader:
    """Opens contexts for queries of anonymous readers on an event loop: they wait for nothing.

    `find_model` returns the read model of the open system. What has to be read to confirm the head is read in a thread.
    """

    def __init__(self, find_model: Callable[[], ReadModel], schema_version: str) -> None:
        self._find_model = find_model
        self._schema_version = schema_version
        self._recalled = IterationMemo(self.read)
        self._confirmation = SharedConfirmation(find_model)

    def recall(self) -> MemoryView | None:
        """Return what is in memory as of a moment after the request arrived; None if that has to be read.

        Raises StorageError.
        """
        return self._recalled.get()

    def read(self) -> MemoryView | None:
        """Return what is in memory as of a moment after the call; None if that has to be read. Raises StorageError."""
        return self._find_model().recall()

    def request(self) -> asyncio.Future[MemoryView]:
        """Return the future of what is in memory as of a moment after the call; nobody may cancel it."""
        return self._confirmation.request()

    async def confirm(self) -> MemoryView:
        """Return what is in memory as of a moment after the call; raises StorageError."""
        return await self._confirmation.get()

    def close(self) -> None:
        """Close what the head is confirmed by, before the system is closed; called on the event loop."""
        self._confirmation.close()

    def open(self, view: MemoryView, at_least: Bookmark) -> Context:
        """Return a context at what was just confirmed; there is nothing to close.

        Raises:
            WouldWait: if the model is not there, or not at the position; a resolver raises it where it needs anything
                else.
            OtherHistory: if the position is one of another history.
        """
        session = self._find_model().session_in_memory(view)
        if at_least.position > session.head:
            raise WouldWait
        session.require(at_least)
        return Context(session, self._schema_version)
