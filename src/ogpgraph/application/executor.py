"""The command executor: runs commands in a unit of work and stores their events, once however often it tries.

The events of all streams that the commands append to are stored in one transaction, or none of them is. If another
writer stored events in between, the commands run again in a new unit of work.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

from msgspec import structs

from ogpgraph.application.aggregate_loader import AggregateLoader, decode_logged_event
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.errors import Conflict, Invalid, KeyReused, Refusal
from ogpgraph.domain.event import VERSION, Event, Idempotency
from ogpgraph.domain.unit_of_work import CommandContext, Receipt, UnitOfWork
from ogpgraph.storage.database import ConnectionLost
from ogpgraph.storage.event_log import AppendCheck, EventLog, IntegrityError, StoredEvent
from ogpgraph.storage.texts import TextReferencer

T = TypeVar("T")
MAX_ATTEMPTS = 6
BACKOFF_SECONDS = 0.02


class CommandExecutor:
    """Runs commands and stores their events; the repository of its units of work is the log."""

    def __init__(
        self,
        log: EventLog,
        loader: AggregateLoader,
        referencer: TextReferencer,
        new_id: Callable[[], str],
        sleep: Callable[[float], None] = time.sleep,
        *,
        require_writable: Callable[[], None] = lambda: None,
    ) -> None:
        self._log = log
        self._loader = loader
        self._referencer = referencer
        self._new_id = new_id
        self._sleep = sleep
        self._require_writable = require_writable

    def load(self, stream: str) -> Aggregate:
        """Return the aggregate of a stream, at revision 0 if the stream is empty; raises as `AggregateLoader.load`."""
        return self._loader.load(stream)

    def read_events(self, stream: str, revisions: Collection[int]) -> Mapping[int, Event]:
        """Return events of a stream by their revision; raises CorruptEvent, also where one is missing."""
        return self._loader.read_events(stream, revisions)

    def events(self, stream: str) -> list[Event]:
        """Return the events of a stream, oldest first; raises CorruptEvent and StoredEventError."""
        return [decode_logged_event(logged) for logged in self._log.read_stream(stream)]

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
        self, context: CommandContext, commands: Callable[[UnitOfWork], T], check: AppendCheck | None = None
    ) -> Receipt[T]:
        """Run commands in a unit of work and store their events, at most once however often it tries.

        A repeated idempotency key returns the first receipt, without a result.

        Raises:
            Refusal: the commands' own; what `require_writable` raises; KeyReused; Conflict if other writers came in
                between at each attempt.
            Exception: what `check` raises under the log's lock.
            ConnectionLost: it is not known whether the events were stored; a repetition with the same key shows it.
        """
        self._require_writable()
        correlated = structs.replace(context, correlation=context.correlation or self.new_id())
        command = _command_id(context.actor, context.idempotency) if context.idempotency else self.new_id()
        tried: Receipt[T] = Receipt(None)
        for attempt in range(MAX_ATTEMPTS):
            # Also after a failed attempt: the connection may have broken after the commit.
            first: Receipt[T] | None = self._first_receipt(command, context) if context.idempotency or attempt else None
            if first is not None:
                return first if first.events != tried.events else structs.replace(tried, positions=first.positions)
            uow = UnitOfWork(self, correlated, AGGREGATE_TYPES)
            try:
                result = commands(uow)
            except Refusal:
                if (first := self._concurrent_receipt(command, context)) is not None:
                    return first
                raise
            if not uow.pending and (first := self._concurrent_receipt(command, context)) is not None:
                return first
            tried = Receipt(result, tuple(event.envelope.id for event in uow.pending))
            if (positions := self._store(uow, command, check, is_last=attempt == MAX_ATTEMPTS - 1)) is not None:
                self._loader.write_due_rows({event.stream for event in uow.pending})
                return structs.replace(tried, positions=tuple(positions))
            self._sleep(BACKOFF_SECONDS * 2**attempt * (1 + random.random()))  # noqa: S311 - jitter, not a secret
        raise Conflict("others changed the same things at the same moment, again and again: please try again")

    def _concurrent_receipt(self, command: str, context: CommandContext) -> Receipt[T] | None:
        """Return the receipt of a duplicate request that committed between the idempotency check and our commands.

        Our commands then found everything done: they refused or appended nothing, and the first receipt is the answer.
        """
        return self._first_receipt(command, context) if context.idempotency else None

    def _store(self, uow: UnitOfWork, command: str, check: AppendCheck | None, *, is_last: bool) -> list[int] | None:
        """Return the positions of the stored events; None if nothing was stored, or if that is not known."""
        if not uow.pending:
            return []
        stored = [
            StoredEvent(event.stream, event.revision, f"{event.name}.{VERSION}", payload)
            for event, payload in uow.encoded_events()
        ]
        try:
            return self._log.append(
                stored,
                texts=uow.referenced_texts(),
                command=command,
                expected_revisions=uow.expected_revisions,
                check=check,
            )
        except IntegrityError:
            # Another writer was first, or this command is stored already after all: the next attempt finds out which.
            return None
        except ConnectionLost:
            if is_last:
                raise
            return None

    def _first_receipt(self, command: str, context: CommandContext) -> Receipt[T] | None:
        recorded = self._log.read_command(command)
        if not recorded:
            return None
        events = [decode_logged_event(logged) for logged in recorded]
        if events[-1].envelope.idempotency != context.idempotency:
            raise KeyReused("this idempotency key was used before, with another request", "idempotencyKey")
        return Receipt(None, tuple(e.envelope.id for e in events), tuple(e.id for e in recorded), repeated=True)


def _command_id(actor: str, idempotency: Idempotency) -> str:
    """Return the id of a command in the log: each actor has keys of its own. Raises Invalid."""
    if not idempotency.key.isprintable():
        raise Invalid("an idempotency key cannot contain unprintable characters", "idempotencyKey")
    # The actor's slashes are escaped, so that the first slash always ends the actor.
    return f"{actor.replace('%', '%25').replace('/', '%2F')}/{idempotency.key}"
