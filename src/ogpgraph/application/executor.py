"""The command executor: decides commands in the order in which they come, and saves those of a group together.

The commands of a process are decided one after the other, against the log as this process knows it, without reading it
again. Under the log's lock it is found out what other processes have appended since; where a command rests on any of
that, its group is decided again. The events of each command are stored as a whole or not at all, and of a group in one
transaction, which is synced once. So it is as if each command had been alone, in that order.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import structlog
from eventsourcing.persistence import IntegrityError
from msgspec import structs

from ogpgraph.application.aggregate_loader import AggregateLoader
from ogpgraph.application.command_group import CommandGroup, FollowSaves, SaveFollower, Submission, require_same_request
from ogpgraph.application.command_queue import CommandQueue
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES, decode_stored_event
from ogpgraph.domain.errors import Conflict, Invalid
from ogpgraph.domain.event import Event, Idempotency
from ogpgraph.domain.unit_of_work import CommandContext, Receipt, UnitOfWork
from ogpgraph.storage.append import LogNews, StoredSaves
from ogpgraph.storage.database import ConnectionLost, DatabaseError, Row, StorageFailure, StorageFull, Transaction
from ogpgraph.storage.event_log import AppendCheck, EventLog
from ogpgraph.storage.texts import TextReferencer

T = TypeVar("T")
Decide = Callable[[], CommandGroup]
MAX_ATTEMPTS = 6
FREE_ATTEMPTS = 2
"""So often commands are decided before the log is locked. Whoever is overtaken each time decides with the log locked:
one that decides for long would never come to its turn beside many that decide quickly."""
BACKOFF_SECONDS = 0.005

log = structlog.stdlib.get_logger(__name__)


class CommandExecutor:
    """Executes commands and stores their events; it is also the repository of a unit of work that is not saved."""

    def __init__(
        self,
        log: EventLog,
        loader: AggregateLoader,
        referencer: TextReferencer,
        new_id: Callable[[], str],
        sleep: Callable[[float], None] = time.sleep,
        *,
        require_writable: Callable[[], None] = lambda: None,
        keep_texts: Callable[[Sequence[Row]], None] = lambda _rows: None,
        count_reads: Callable[[], int] = lambda: 0,
    ) -> None:
        """Store events in a log; `keep_texts` is told which texts are stored with them, while the log is locked.

        `count_reads` tells how often readers have read, beside whom commands are gathered into larger groups.
        """
        self._log = log
        self._loader = loader
        self._referencer = referencer
        self._new_id = new_id
        self._sleep = sleep
        self._require_writable = require_writable
        self._keep_texts = keep_texts
        self._queue: CommandQueue[Submission[Any]] = CommandQueue(self._execute_group, count_reads, sleep)

    def load(self, stream: str) -> Aggregate:
        """Return the aggregate of a stream, at revision 0 if the stream is empty; raises as `AggregateLoader.load`."""
        return self._loader.load(stream)

    def read_events(self, stream: str, revisions: Collection[int]) -> Mapping[int, Event]:
        """Return events of a stream by their revision; raises CorruptEvent, also where one is missing."""
        return self._loader.read_events(stream, revisions)

    def events(self, stream: str) -> list[Event]:
        """Return the events of a stream, oldest first; raises CorruptEvent and StoredEventError."""
        return [decode_stored_event(logged) for logged in self._log.read_stream(stream)]

    def list_streams(self, aggregate_type: str) -> Sequence[str]:
        """Return the streams of all aggregates of a type."""
        return self._log.list_streams(f"{aggregate_type}-")

    def new_id(self) -> str:
        """Return a new id."""
        return self._new_id()

    def create_reference(self, text: str) -> tuple[str, bytes]:
        """Return a text's reference and the salt that it was computed with."""
        return self._referencer.create_reference(text)

    def preview(self, context: CommandContext, commands: Callable[[UnitOfWork], object]) -> UnitOfWork:
        """Run commands and store nothing; returns the unit of work with what would be recorded. Raises a Refusal."""
        uow = UnitOfWork(self, structs.replace(context, correlation=self.new_id()), AGGREGATE_TYPES)
        commands(uow)
        return uow

    def execute(
        self,
        context: CommandContext,
        commands: Callable[[UnitOfWork], T],
        check: AppendCheck | None = None,
        *,
        follow_saves: FollowSaves | None = None,
    ) -> Receipt[T]:
        """Run commands in a unit of work and store their events, at most once however often it tries.

        They run in the thread of whoever leads their group, perhaps several times. A repeated idempotency key returns
        the first receipt, without a result. What `follow_saves` opens has followed the events before this returns.

        Raises:
            Refusal: the commands' own; what `require_writable` raises; KeyReused; Conflict if other processes came in
                between at each attempt.
            Exception: what `check` raises under the log's lock.
            ConnectionLost: it is not known whether the events were stored; a repetition with the same key shows it.
        """
        self._require_writable()
        correlated = structs.replace(context, correlation=context.correlation or self.new_id())
        command = command_id(context.actor, context.idempotency) if context.idempotency else self.new_id()
        submission = Submission(correlated, commands, command, check, follow_saves)
        self._queue.execute(submission)
        return submission.result()

    # A group, in the thread of its leader

    def _execute_group(self, submissions: Sequence[Submission[Any]]) -> None:
        """Settle submissions. What fails for one of them is tried with each alone, so that it fails for no other."""
        try:
            self._settle(submissions)
        except Exception as error:
            remaining = [submission for submission in submissions if not submission.is_settled]
            if len(submissions) == 1 or _concerns_all(error):
                for submission in remaining:
                    submission.error = error
            else:
                for submission in remaining:
                    self._execute_group([submission])
        except BaseException as error:
            for submission in submissions:
                submission.error = submission.error or (None if submission.receipt else error)
            raise

    def _settle(self, submissions: Sequence[Submission[Any]]) -> None:
        projects = True
        for attempt in range(MAX_ATTEMPTS):
            group = self._decide(submissions, may_be_stored=attempt > 0)
            decide_locked = partial(self._decide, submissions, may_be_stored=True) if attempt >= FREE_ATTEMPTS else None
            try:
                if self._save(group, decide_locked, projects=projects):
                    return
            except _NotProjected as error:  # so they are stored alone: the projection stops before them, and says why
                log.warning("saves cannot be projected with their events", reason=repr(error.__cause__))
                projects = False
            except IntegrityError:
                self._loader.forget()  # somebody has written to the tables without taking the log's lock
                self._pause(attempt)
            except ConnectionLost:
                if attempt == MAX_ATTEMPTS - 1:
                    raise
                self._pause(attempt)
        raise Conflict("others changed the same things at the same moment, again and again: please try again")

    def _pause(self, attempt: int) -> None:
        """Pause after an attempt that failed. One that was overtaken needs none: it has waited for the log's lock."""
        self._sleep(BACKOFF_SECONDS * 2**attempt * (1 + random.random()))  # noqa: S311 - jitter, not a secret

    def _decide(self, submissions: Sequence[Submission[Any]], *, may_be_stored: bool) -> CommandGroup:
        """Decide the submissions that are not settled, in their order; those that fail or are repeated are settled."""
        group = CommandGroup(self, self._loader.load_known, self._loader.followed_head())
        for submission in submissions:
            try:
                if not submission.is_settled and not self._settle_repeated(submission, may_be_stored=may_be_stored):
                    group.decide(submission)
            except Exception as error:
                submission.error = error
        return group

    def _settle_repeated(self, submission: Submission[Any], *, may_be_stored: bool) -> bool:
        """Settle commands whose events are stored: of a repeated request, or of an attempt that seemed to fail."""
        if submission.context.idempotency is None and not may_be_stored:
            return False
        recorded = self._log.read_command(submission.command)
        if not recorded:
            return False
        events = [decode_stored_event(logged) for logged in recorded]
        require_same_request(events[-1].envelope.idempotency, submission.context.idempotency)
        ids, positions = tuple(event.envelope.id for event in events), tuple(logged.id for logged in recorded)
        if ids == submission.tried.events:
            submission.receipt = structs.replace(submission.tried, positions=positions)
        else:
            submission.receipt = Receipt(None, ids, positions, repeated=True)
        return True

    def _save(self, group: CommandGroup, decide_locked: Decide | None, *, projects: bool) -> bool:
        """Store the events of a group, and settle its submissions; returns False where it has to be decided again.

        Where it was overtaken, `decide_locked` decides it again while the log is locked, if that is given.
        """
        if not group.saves:  # what refusals rest on may have changed, too
            news = self._log.read_news(group.head)
            self._loader.verify(group.read)
            self._loader.follow(news)
            if is_valid := not group.is_overtaken(news):
                group.settle(())
            return is_valid
        with group.open_follower() as follower:
            group, news, stored = self._store(group, decide_locked, follower if projects else None)
            self._loader.follow(news)
            if stored is not None:
                group.settle(stored.positions)
                self._finish(group, stored, follower)
            elif not group.saves:  # since it was decided again
                group.settle(())
        return stored is not None or not group.saves

    def _store(
        self, group: CommandGroup, decide_locked: Decide | None, projection: SaveFollower | None
    ) -> tuple[CommandGroup, LogNews, StoredSaves | None]:
        """Store and project the events of a group unless it has to be decided again.

        Returns the group that was stored, and what is new in the log. Raises _NotProjected where all would be well
        without the projection.
        """
        stored: StoredSaves | None = None
        try:
            with self._log.begin_append() as append:
                news = append.read_news(group.head)
                if decide_locked is not None and group.is_overtaken(news):
                    self._loader.follow(news)
                    group = decide_locked()
                    news = append.read_news(group.head)
                self._loader.verify(group.read, append.transaction)
                if not group.is_overtaken(news) and group.saves and _check_all(group, append.transaction):
                    stored = append.store(news.head, group.saves)
                    self._keep_texts(stored.texts)
                    if projection is not None:
                        projection.project(append.transaction, stored)
        except Exception as error:  # of the projection's statements perhaps at the commit only
            if stored is None or projection is None or isinstance(error, StorageFailure):
                raise
            raise _NotProjected from error
        return group, news, stored._replace(commit=append.transaction.commit) if stored else None

    def _finish(self, group: CommandGroup, stored: StoredSaves, follower: SaveFollower) -> None:
        """Do what follows upon a save; it cannot fail any more."""
        try:
            follower.follow(stored)
            self._loader.advance(group.changed(), stored)
        except Exception:
            log.exception("what follows upon a save failed")


class _NotProjected(Exception):
    """Saves could not be projected in their transaction."""


def _check_all(group: CommandGroup, transaction: Transaction) -> bool:
    """Settle the submissions to save whose check raises an error; returns whether there are none."""
    is_passed = True
    for decision in group.to_save:
        submission = decision.submission
        try:
            if submission.check is not None:
                submission.check(transaction)
        except DatabaseError:
            raise
        except Exception as error:
            submission.error, is_passed = error, False
    return is_passed


def _concerns_all(error: Exception) -> bool:
    """Return whether an error is one of the storage, and not of what should be stored."""
    return isinstance(error, StorageFailure) and not isinstance(error, StorageFull)


def command_id(actor: str, idempotency: Idempotency) -> str:
    """Return the id of a command in the log: each actor has keys of its own. Raises Invalid."""
    if not idempotency.key.isprintable():
        raise Invalid("an idempotency key cannot contain unprintable characters", "idempotencyKey")
    # The actor's slashes are escaped, so that the first slash always ends the actor.
    return f"{actor.replace('%', '%25').replace('/', '%2F')}/{idempotency.key}"
