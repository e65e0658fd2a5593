"""A group of commands that are decided one after the other and saved together.

Each is decided as if it were alone: it finds what those before it have appended, gets its own receipt, or is refused
alone. All rests on the log up to one head; a decision holds unless others appended to a stream that was read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Generic, Protocol, TypeVar

from eventsourcing.persistence import StoredEvent
from msgspec import structs

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.errors import KeyReused, Refusal
from ogpgraph.domain.event import VERSION, Event, Idempotency
from ogpgraph.domain.unit_of_work import CommandContext, Receipt, Repository, UnitOfWork
from ogpgraph.storage.append import LogHead, LogNews, Save, StoredSaves
from ogpgraph.storage.database import Transaction
from ogpgraph.storage.event_log import AppendCheck

T = TypeVar("T")


class SaveFollower(Protocol):
    """What goes on from the saves of a group, such as their projection."""

    def project(self, transaction: Transaction, stored: StoredSaves) -> None:
        """Do in the transaction of the saves what can be done there.

        Where this raises an error, the transaction is rolled back, and the saves are stored without it.
        """

    def follow(self, stored: StoredSaves) -> None:
        """Go on from saves that are committed."""


FollowSaves = Callable[[], AbstractContextManager[SaveFollower]]
"""Opens the follower of saves that are about to be stored, until it has followed them."""


class Submission(Generic[T]):
    """Commands that somebody waits for: what they run with, and once they are settled their receipt or error.

    `command` is their id in the log. `tried` is the receipt that the last attempt to save them would have had.
    """

    def __init__(
        self,
        context: CommandContext,
        commands: Callable[[UnitOfWork], T],
        command: str,
        check: AppendCheck | None,
        follow_saves: FollowSaves | None,
    ) -> None:
        self.context = context
        self.commands = commands
        self.command = command
        self.check = check
        self.follow_saves = follow_saves
        self.tried: Receipt[T] = Receipt(None)
        self.receipt: Receipt[T] | None = None
        self.error: BaseException | None = None

    @property
    def is_settled(self) -> bool:
        """Return whether there is a receipt or an error."""
        return self.receipt is not None or self.error is not None

    def result(self) -> Receipt[T]:
        """Return the receipt; raises the error."""
        if self.error is not None:
            raise self.error
        if self.receipt is None:
            raise LookupError("these commands are not settled")
        return self.receipt


class Decision(Generic[T]):
    """What commands have decided: a refusal, or a unit of work whose events are to be saved, if it has any."""

    def __init__(self, submission: Submission[T]) -> None:
        self.submission = submission
        self.uow: UnitOfWork | None = None
        self.save: Save | None = None
        self.refusal: Refusal | None = None
        self.original: Decision[T] | None = None
        """The decision of which this is a repetition."""

    def settle(self, positions: tuple[int, ...]) -> None:
        """Settle the submission, whose events are stored at log positions."""
        submission = self.submission
        if self.refusal is not None:
            submission.error = self.refusal
        elif self.original is not None:
            first = self.original.submission.result()
            submission.receipt = Receipt(None, first.events, first.positions, repeated=True)
        else:
            submission.receipt = structs.replace(submission.tried, positions=positions)


class CommandGroup:
    """The repository of a group's units of work: the log as it is known, and what the group has appended so far."""

    def __init__(self, log: Repository, load: Callable[[str], Aggregate], head: LogHead) -> None:
        """Begin with the log at a head; `load` returns an aggregate as of that head or later."""
        self._log = log
        self._load = load
        self.head = head
        self.read: set[str] = set()
        """The streams that the decisions rest on."""
        self._aggregates: dict[str, Aggregate] = {}
        self._events: defaultdict[str, dict[int, Event]] = defaultdict(dict)
        self._decisions: list[Decision[Any]] = []
        self._recording: dict[str, Decision[Any]] = {}

    # Deciding

    def decide(self, submission: Submission[Any]) -> None:
        """Run commands after those decided before; a Refusal is kept, any other error raised."""
        decision = Decision(submission)
        try:
            original = self._recording.get(submission.command)
            if original is not None:
                require_same_request(original.submission.context.idempotency, submission.context.idempotency)
                decision.original = original
            else:
                self._run(decision)
        except Refusal as refusal:
            decision.refusal = refusal
        self._decisions.append(decision)

    def _run(self, decision: Decision[Any]) -> None:
        submission = decision.submission
        uow = UnitOfWork(self, submission.context, AGGREGATE_TYPES)
        result = submission.commands(uow)
        submission.tried = Receipt(result, tuple(event.envelope.id for event in uow.pending))
        if not uow.pending:
            return
        stored = [
            StoredEvent(event.stream, event.revision, f"{event.name}.{VERSION}", payload)
            for event, payload in uow.encoded_events()
        ]
        decision.save = Save.prepare(stored, uow.referenced_texts(), submission.command)
        decision.uow = uow
        self._recording[submission.command] = decision
        for event in uow.pending:
            self._events[event.stream][event.revision] = event
            self._aggregates[event.stream] = uow.aggregate(event.stream)

    # Saving

    @property
    def to_save(self) -> Sequence[Decision[Any]]:
        """Return the decisions with events, in their order."""
        return list(self._recording.values())

    @property
    def saves(self) -> Sequence[Save]:
        """Return what is to be saved, in its order."""
        return [decision.save for decision in self._recording.values() if decision.save is not None]

    def open_follower(self) -> AbstractContextManager[SaveFollower]:
        """Open what follows the saves: that of the first of the submissions that has one."""
        given = (decision.submission.follow_saves for decision in self.to_save)
        follow_saves = next(filter(None, given), None)
        return follow_saves() if follow_saves else nullcontext(_NoFollower())

    def is_overtaken(self, news: LogNews) -> bool:
        """Return whether others have appended something that a decision rests on, or one of the commands."""
        commands = {decision.submission.command for decision in self._decisions}
        return not (news.is_complete and self.read.isdisjoint(news.streams) and commands.isdisjoint(news.commands))

    def changed(self) -> Iterator[tuple[Aggregate, Sequence[StoredEvent]]]:
        """Yield each aggregate to which the group appends, as it is then, with the events."""
        events = defaultdict[str, list[StoredEvent]](list)
        for save in self.saves:
            for event in save.events:
                events[str(event.originator_id)].append(event)
        return ((self._aggregates[stream], each) for stream, each in events.items())

    def settle(self, positions: Sequence[tuple[int, ...]]) -> None:
        """Settle all submissions; the events of those to save are stored at these log positions."""
        stored = dict(zip((decision.submission.command for decision in self.to_save), positions, strict=True))
        for decision in self._decisions:
            decision.settle(stored.get(decision.submission.command, ()) if decision.save else ())

    # The repository of the units of work

    def load(self, stream: str) -> Aggregate:
        """Return an aggregate with what the group has appended to it."""
        self.read.add(stream)
        found = self._aggregates.get(stream)
        return self._load(stream) if found is None else found

    def read_events(self, stream: str, revisions: Collection[int]) -> Mapping[int, Event]:
        """Return events of a stream by their revision, those of the group included."""
        own = {revision: event for revision, event in self._events[stream].items() if revision in revisions}
        stored = [revision for revision in revisions if revision not in own]
        return {**self._log.read_events(stream, stored), **own} if stored else own

    def list_streams(self, aggregate_type: str) -> Sequence[str]:
        """Return the streams of a type, those of the group included."""
        added = [s for s, events in self._events.items() if 1 in events and s.startswith(f"{aggregate_type}-")]
        return sorted({*self._log.list_streams(aggregate_type), *added})

    def new_id(self) -> str:
        """Return a new id."""
        return self._log.new_id()

    def create_reference(self, text: str) -> tuple[str, bytes]:
        """Return a text's reference and the salt that it was computed with."""
        return self._log.create_reference(text)


class _NoFollower:
    """Nobody follows the saves."""

    def project(self, transaction: Transaction, stored: StoredSaves) -> None:
        """Do nothing."""

    def follow(self, stored: StoredSaves) -> None:
        """Do nothing."""


def require_same_request(first: Idempotency | None, repeated: Idempotency | None) -> None:
    """Raise KeyReused where an idempotency key was used before with another request."""
    if first != repeated:
        raise KeyReused("this idempotency key was used before, with another request", "idempotencyKey")
