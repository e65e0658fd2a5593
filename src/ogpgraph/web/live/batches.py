"""Reads the entries of subscriptions, and executes their selections for them: the part of the hub in worker threads.

Every entry is charged to the client on whose behalf it is executed, like a query. A batch ends early where that has
taken long: what there is by then is delivered, and others have their turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final

from ogpgraph.readmodel.bookmark import Bookmark
from ogpgraph.readmodel.entry import Entry
from ogpgraph.readmodel.queries import PageRequest
from ogpgraph.readmodel.session import PositionError, ReadSession
from ogpgraph.storage.database import StorageFailure
from ogpgraph.system import System
from ogpgraph.web.cost_budget import CostBudget
from ogpgraph.web.deadline import Deadline
from ogpgraph.web.errors import RequestRejected
from ogpgraph.web.fair_queue import Client
from ogpgraph.web.live.subscribers import FailureReason, StreamItem
from ogpgraph.web.live.subscriptions import Subscription, SubscriptionCompiler, SubscriptionExecutor

BATCH_SIZE = 100
BATCH_SECONDS: Final = 1.0
"""After so long a batch ends with the entries that it has."""


class PositionBeyondHead(Exception):
    """A position is past the head, and does not say which history it is of."""


@dataclass(slots=True)
class Batch:
    """The next items of a subscription, complete up to `until`.

    `failure` ends the streams after them; `refusal` only those of the client that the batch was charged to.
    """

    until: Bookmark
    items: list[StreamItem] = field(default_factory=list)
    failure: FailureReason | None = None
    refusal: FailureReason | None = None


class BatchReader:
    """Reads batches of entries; all methods may block. `clock` gives seconds that never go back."""

    def __init__(
        self,
        system: Callable[[], System],
        compiler: SubscriptionCompiler,
        budget: CostBudget,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._system = system
        self._compiler = compiler
        self._budget = budget
        self._clock = clock

    def read(self, subscription: Subscription, after: int, until: int, payer: Client, deadline: Deadline) -> Batch:
        """Return the next batch of a subscription between two positions, charged to a client.

        `deadline` is begun anew for each entry.
        """
        system = self._system()
        try:
            opened = system.model.peek(until)
            return self._read_batch(opened, subscription, after, until, payer, deadline)
        except (StorageFailure, PositionError):
            # The database server was restarted, perhaps without the latest rows of the read model, which are not
            # synced: `read_session` projects them again.
            return self._read_batch(system.read_session(), subscription, after, until, payer, deadline)

    def locate(self, after: Bookmark | None) -> Bookmark:
        """Return the bookmark of this log at the position of another one, or at the head.

        Raises:
            OtherHistory: if `after` is of another history.
            PositionBeyondHead: if it is past the head, and does not say which history it is of.
        """
        with self._system().read_session() as session:
            if after is None:
                return session.bookmark(session.head)
            try:
                session.require(after)
            except PositionError as error:
                raise PositionBeyondHead(str(error)) from error
            return session.bookmark(after.position)

    def _read_batch(
        self,
        opened: AbstractContextManager[ReadSession],
        subscription: Subscription,
        after: int,
        until: int,
        payer: Client,
        deadline: Deadline,
    ) -> Batch:
        with opened as session:
            executor = self._compiler.prepare_executor(subscription, deadline)
            executor.begin(session)
            query, request = subscription.query(session), PageRequest(BATCH_SIZE, after=(after,))
            entries = [entry for _, entry in session.at(until).page_entries(query, request).items]
            batch = Batch(entries[-1].bookmark if len(entries) == BATCH_SIZE else session.bookmark(until))
            ends_at = self._clock() + BATCH_SECONDS
            for entry in entries:
                if batch.items and self._clock() > ends_at:
                    batch.until = batch.items[-1].bookmark
                    break
                if not self._add_item(batch, executor, session, entry, payer):
                    if batch.refusal:
                        batch.until = batch.items[-1].bookmark if batch.items else session.bookmark(after)
                    break
        return batch

    def _add_item(
        self, batch: Batch, executor: SubscriptionExecutor, session: ReadSession, entry: Entry, payer: Client
    ) -> bool:
        """Add the item of an entry to a batch; returns whether the next one may follow."""
        try:
            charged = executor.subscription.cost
            self._budget.charge(payer, charged)
        except RequestRejected as rejected:
            batch.refusal = FailureReason(rejected.code, rejected.message)
            return False
        try:
            payload = executor.encode_result(session, entry)
        except RequestRejected as rejected:
            batch.until, batch.failure = entry.bookmark, FailureReason(rejected.code, rejected.message)
            return False
        finally:
            self._budget.refund(payer, max(0, charged - executor.used_cost))
        batch.items.append(StreamItem(entry.bookmark, payload))
        return True
