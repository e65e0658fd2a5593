"""The watch of the database's file: where another one takes its place, the program begins again with that one."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
import structlog

from ogpgraph.storage.database import DatabaseError
from ogpgraph.system import System, require_migrated

CHECK_SECONDS = 1.0

log = structlog.stdlib.get_logger(__name__)


def stop_process() -> None:
    """Stop this process as a signal does, after its requests; a supervisor starts another one in its place."""
    os.kill(os.getpid(), signal.SIGTERM)


class ReplacementWatch:
    """Calls back once another database that can be served is in place of the open one."""

    def __init__(self, database_url: str, system: Callable[[], System], on_replaced: Callable[[], None]) -> None:
        self._database_url = database_url
        self._system = system
        self._on_replaced = on_replaced
        self._reported = ""

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Watch until the end of the context."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch)
            yield
            tasks.cancel_scope.cancel()

    async def _watch(self) -> None:
        # Nothing announces it.
        while not await anyio.to_thread.run_sync(self._can_be_replaced, abandon_on_cancel=True):  # noqa: ASYNC110
            await anyio.sleep(CHECK_SECONDS)
        log.warning("the database was replaced: requests are finished, then the new one is opened")
        self._on_replaced()

    def _can_be_replaced(self) -> bool:
        database = self._system().database
        if not database.has_replacement():
            return False
        database.set_former_files_aside()
        try:
            require_migrated(self._database_url)
        except (DatabaseError, LookupError) as error:
            if str(error) != self._reported:
                log.error("the database was replaced, and the new one cannot be served", reason=str(error))  # noqa: TRY400 - no traceback
            self._reported = str(error)
            return False
        return True
