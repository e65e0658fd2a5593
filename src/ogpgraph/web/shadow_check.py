"""Compares what compiled operations answered with what graphql-core answers, for a few of the requests of a server.

The tests compare the two on random operations; this finds what they have not thought of, with the operations and the
record that there are. A query that was executed by its compiled function is executed once more by graphql-core, in a
worker thread, behind the requests that wait, at the same head; the data must be the same bytes. Where they are not, the
document is logged and its operations are executed by graphql-core from then on.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from enum import Enum
from hashlib import sha256
from itertools import zip_longest
from typing import Any, Final

import msgspec
import strawberry
import structlog

from ogpgraph.graphql.context import Context
from ogpgraph.graphql.executor import CoreExecutor
from ogpgraph.readmodel.bookmark import Bookmark
from ogpgraph.readmodel.session import ReadSession
from ogpgraph.storage.log_identity import LogIdentity
from ogpgraph.web.deadline import Deadline, OperationCancelled
from ogpgraph.web.document_cache import DocumentCache, PreparedOperation
from ogpgraph.web.errors import RequestRejected, find_storage_failure
from ogpgraph.web.fair_queue import Client
from ogpgraph.web.request import RequestParameters
from ogpgraph.web.scheduler import CHEAP_COST, Scheduler

OpenAtHead = Callable[[int], AbstractContextManager[Context]]
"""Opens a context whose head is at a position that was read before; raises PositionError, StorageError."""

TIME_SHARE: Final = 0.01
"""The most processor time that comparing takes, of all that the process takes."""
FREE_SECONDS: Final = 0.1
"""The processor time that it may take at first."""
CHECK_SECONDS: Final = 2.0
"""After so long, an execution by graphql-core is given up."""
LONGEST_WAIT_SECONDS: Final = 10.0
"""How long a comparison lets all operations of clients go first; after that it takes turns with them."""
LOOK_SECONDS: Final = 0.05
"""How often it looks meanwhile whether any of them waits."""
BUSY_SHARE: Final = 0.3
"""The share of a processor above which the process is busy, so that those that do not wait would be slower."""
QUIET_LOOKS: Final = 2
"""So often in a row it has to see neither: the first requests for something often come together, and take longest."""
MAX_BYTES: Final = 1 << 20
"""Larger responses are not compared."""

log = structlog.stdlib.get_logger(__name__)


CLIENT: Final = Client("graphql-core")
"""For whom comparisons are scheduled: behind all cheap operations, and in turns with the clients of others."""


class Outcome(Enum):
    """What came of a comparison; that is not known where the record could not be read again as it was, or in time."""

    SAME = "same"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


class ExecutedQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A query that a compiled function has answered, the data of its response, and what it was read from."""

    documents: DocumentCache
    parameters: RequestParameters
    operation: PreparedOperation
    data: bytes
    bookmark: Bookmark
    opened_at: datetime
    log_identity: LogIdentity
    projection_version: int

    def is_readable_in(self, session: ReadSession) -> bool:
        """Return whether a session reads the same: the same history up to the same head, with the same texts."""
        read = session.bookmark(session.head), session.log_identity, session.projection_version
        return read == (self.bookmark, self.log_identity, self.projection_version) and not session.is_behind


class ShadowCheck:
    """Chooses queries that were executed, and compares their data with graphql-core's.

    One of `one_in` queries is chosen, and one of each document; none if that is 0, or while comparing has taken more
    than its share of the process's time. One is kept at a time. Threads may use it at once.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        open_at_head: OpenAtHead,
        one_in: int,
        *,
        chance: Callable[[], float] = random.random,
        used_seconds: Callable[[], float] = time.process_time,
    ) -> None:
        self._schema = schema
        self._open_at_head = open_at_head
        self._one_in = one_in
        self._chance = chance
        self._used_seconds = used_seconds
        self._began_at = used_seconds()
        self._spent = 0.0
        self._lock = threading.Lock()
        self._chosen: ExecutedQuery | None = None
        self._counts = dict.fromkeys(Outcome, 0)
        self._running: set[asyncio.Task[None]] = set()

    def chooses(self, operation: PreparedOperation) -> bool:
        """Return whether the answer to a query that has just come is to be compared, if it is a compiled one."""
        compiled = operation.document.compiled
        if not self._one_in or compiled is None or self._chosen is not None:
            return False
        return (not compiled.is_compared or self._chance() * self._one_in < 1) and self._has_time()

    def note(
        self,
        documents: DocumentCache,
        parameters: RequestParameters,
        operation: PreparedOperation,
        session: ReadSession,
        data: bytes,
    ) -> None:
        """Keep a query that was chosen and that a compiled function has answered, if it can be read again."""
        if (compiled := operation.document.compiled) is None or session.is_behind:
            return
        compiled.is_compared = True
        if len(data) > MAX_BYTES or documents.is_volatile(operation.document, operation.operation):
            return
        self._chosen = ExecutedQuery(
            documents=documents,
            parameters=parameters,
            operation=operation,
            data=data,
            bookmark=session.bookmark(session.head),
            opened_at=session.opened_at,
            log_identity=session.log_identity,
            projection_version=session.projection_version,
        )

    def compare_later(self, scheduler: Scheduler) -> None:
        """Have the query that was chosen, if one was, compared when it is its turn; called on the event loop."""
        if (executed := self.take_chosen()) is not None:
            task = asyncio.create_task(self._compare_in_turn(executed, scheduler))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    def compare(self, executed: ExecutedQuery, deadline: Deadline) -> Outcome:
        """Execute a query with graphql-core, and disable the compiled operations of its document if that differs.

        It raises nothing, and may block.
        """
        began = time.thread_time()
        try:
            # Once more where it differs: a text may have been removed meanwhile.
            outcome = self._find_outcome(executed, deadline)
            outcome = self._find_outcome(executed, deadline) if outcome is Outcome.DIFFERENT else outcome
        except (Exception, OperationCancelled) as reason:  # nothing depends on it
            log.info("a compiled operation was not compared", reason=repr(reason))
            outcome = Outcome.UNKNOWN
        if outcome is Outcome.DIFFERENT:
            executed.documents.disable_compiled(executed.parameters.query, executed.operation.document)
        with self._lock:
            self._counts[outcome] += 1
            self._spent += time.thread_time() - began
        return outcome

    def describe(self) -> dict[str, int]:
        """Return how many queries were executed again, and how many of their responses were the same, or differed."""
        with self._lock:
            return {each.value: count for each, count in self._counts.items()}

    def take_chosen(self) -> ExecutedQuery | None:
        """Return the query that was chosen, once; None if there is none."""
        with self._lock:
            chosen, self._chosen = self._chosen, None
            return chosen

    async def _compare_in_turn(self, executed: ExecutedQuery, scheduler: Scheduler) -> None:
        await self._wait_for_rest(scheduler)
        deadline = Deadline(CHECK_SECONDS)
        with suppress(RequestRejected):  # too much waits
            await scheduler.run(CLIENT, self.compare, executed, deadline, deadline=deadline, cost=CHEAP_COST + 1)

    async def _wait_for_rest(self, scheduler: Scheduler) -> None:
        """Wait until no operation waits for its turn and the process is not busy, but not for too long."""
        ends_at, quiet, used = time.monotonic() + LONGEST_WAIT_SECONDS, 0, self._used_seconds()
        while quiet < QUIET_LOOKS and time.monotonic() < ends_at:
            await asyncio.sleep(LOOK_SECONDS)
            used, before = self._used_seconds(), used
            is_busy = scheduler.waiting or used - before > BUSY_SHARE * LOOK_SECONDS
            quiet = 0 if is_busy else quiet + 1

    def _has_time(self) -> bool:
        return self._spent <= FREE_SECONDS + TIME_SHARE * (self._used_seconds() - self._began_at)

    def _find_outcome(self, executed: ExecutedQuery, deadline: Deadline) -> Outcome:
        with self._open_at_head(executed.bookmark.position) as context:
            session = context.session
            if not executed.is_readable_in(session):
                return Outcome.UNKNOWN
            session.opened_at = executed.opened_at  # what is overdue depends on the time
            deadline.apply_to(session)
            result = self._prepare_core(executed).run(context, check_deadline=deadline)
        if find_storage_failure(result.errors or ()) or (result.errors and deadline.is_exceeded()):
            return Outcome.UNKNOWN
        expected = b"" if result.errors else msgspec.json.encode(result.data)
        if expected == executed.data:
            return Outcome.SAME
        _log_difference(executed, expected)
        return Outcome.DIFFERENT

    def _prepare_core(self, executed: ExecutedQuery) -> CoreExecutor:
        parameters = executed.parameters
        return CoreExecutor.prepare(
            self._schema,
            executed.operation.document.ast,
            parameters.variables,
            parameters.operation_name,
            extensions=parameters.extensions,
        )


def _log_difference(executed: ExecutedQuery, expected: bytes) -> None:
    """Log the document, without the values of variables and of the responses, which may be personal."""
    text = executed.parameters.query
    log.error(
        "a compiled operation gives another response than graphql-core",
        document=text,
        sha256=sha256(text.encode()).hexdigest(),
        operation=executed.parameters.operation_name,
        position=executed.bookmark.position,
        path=find_different_path(msgspec.json.decode(executed.data), msgspec.json.decode(expected or b"null")),
    )


def find_different_path(one: Any, other: Any) -> str:
    """Return where two JSON values differ first: `commitments.nodes.3.title`; empty if only in their order or form."""
    return ".".join(_iter_different_path(one, other))


def _iter_different_path(one: Any, other: Any) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        pairs = {str(key): (one.get(key), other.get(key)) for key in (*one, *other)}
    elif isinstance(one, list) and isinstance(other, list):
        pairs = {str(index): pair for index, pair in enumerate(zip_longest(one, other))}
    else:
        return
    for key, (left, right) in pairs.items():
        if left != right:
            yield key
            yield from _iter_different_path(left, right)
            return
