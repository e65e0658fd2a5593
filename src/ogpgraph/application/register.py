"""The register: opens sessions and stores what they say, at most once however often it is tried.

A session is all or nothing: however many streams its commands touch, their events are stored in
one transaction, or none is. When somebody else wrote in between, the whole session runs again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from msgspec import structs

from ogpgraph.application.acts import Act, Receipt
from ogpgraph.application.session import Session
from ogpgraph.domain.errors import Conflict, Invalid, KeyReused, Refusal
from ogpgraph.domain.event import VERSION, Event, Idempotency, encode
from ogpgraph.domain.nouns import read
from ogpgraph.domain.subject import Subject, replayed
from ogpgraph.storage.database import Lost
from ogpgraph.storage.log import Check, EventLog, IntegrityError, LoggedEvent, StoredEvent
from ogpgraph.storage.texts import TextKeeper

T = TypeVar("T")
ATTEMPTS = 6
BACKOFF_SECONDS = 0.02


class Register:
    """Opens sessions and stores what they recorded."""

    def __init__(
        self,
        log: EventLog,
        keeper: TextKeeper,
        new_id: Callable[[], str],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._log = log
        self._keeper = keeper
        self._new_id = new_id
        self._pause = pause

    def new_id(self) -> str:
        """Return a new id."""
        return self._new_id()

    def salted(self, wording: str) -> tuple[str, bytes]:
        """Return a wording's reference and the salt that it is made with."""
        return self._keeper.salted(wording)

    def load(self, stream: str) -> Subject:
        """Return a subject as its stream tells it."""
        return replayed(stream, self.events(stream))

    def events(self, stream: str) -> list[Event]:
        """Return the events of a stream, oldest first."""
        return [read_event(logged) for logged in self._log.stream(stream)]

    def record(self, act: Act, commands: Callable[[Session], T], check: Check | None = None) -> Receipt[T]:
        """Run commands in one session and store their events, at most once however often it is tried.

        Returns what was recorded; a known idempotency key returns the first receipt, without the answer.
        Raises what the commands refuse, what `check` raises under the log's lock, KeyReused, Conflict when others kept
        writing in between, and Lost when the database stayed away: then nobody knows yet, and the same key will tell.
        """
        correlated = structs.replace(act, correlation=act.correlation or self.new_id())
        command = _command_of(act.actor, act.idempotency) if act.idempotency else self.new_id()
        tried: Receipt[T] = Receipt(None)
        for attempt in range(ATTEMPTS):
            # Asked again after a failed save too: its reply may have been lost after the commit.
            first: Receipt[T] | None = self._first_receipt(command, act) if act.idempotency or attempt else None
            if first is not None:
                return first if first.events != tried.events else structs.replace(tried, positions=first.positions)
            session = Session(self, correlated)
            try:
                answer = commands(session)
            except Refusal:
                if (first := self._meanwhile(command, act)) is not None:
                    return first
                raise
            if not session.pending and (first := self._meanwhile(command, act)) is not None:
                return first
            tried = Receipt(answer, tuple(event.envelope.id for event in session.pending))
            if (positions := self._save(session, command, check, is_last=attempt == ATTEMPTS - 1)) is not None:
                return structs.replace(tried, positions=tuple(positions))
            self._pause(BACKOFF_SECONDS * 2**attempt * (1 + random.random()))  # noqa: S311 - jitter, not a secret
        raise Conflict("others kept changing the same things at the same moment: please try again")

    def _meanwhile(self, command: str, act: Act) -> Receipt[T] | None:
        """Return the first receipt of a request that got in between our look and our commands, sent at the same moment.

        Its commands then found done what was still to do: they refuse, or say nothing, and their answer is the first.
        """
        return self._first_receipt(command, act) if act.idempotency else None

    def _save(self, session: Session, command: str, check: Check | None, *, is_last: bool) -> list[int] | None:
        """Return the positions of what was stored, or None where it was not, or nobody knows."""
        if not session.pending:
            return []
        stored = [StoredEvent(e.stream, e.revision, f"{e.name}.{VERSION}", encode(e)) for e in session.pending]
        try:
            texts, unmoved = session.spoken_texts(), session.unmoved
            return self._log.append(stored, texts=texts, command=command, unmoved=unmoved, check=check)
        except IntegrityError:
            return None
        except Lost:
            if is_last:
                raise
            return None

    def _first_receipt(self, command: str, act: Act) -> Receipt[T] | None:
        recorded = self._log.of_command(command)
        if not recorded:
            return None
        events = [read_event(logged) for logged in recorded]
        if events[-1].envelope.idempotency != act.idempotency:
            raise KeyReused("this idempotency key was used before, for something else", "idempotencyKey")
        return Receipt(None, tuple(e.envelope.id for e in events), tuple(e.id for e in recorded), repeated=True)


def _command_of(actor: str, idempotency: Idempotency) -> str:
    """Return by what name the log knows a command: keys are an actor's own. Raises Invalid."""
    if not idempotency.key.isprintable():
        raise Invalid("an idempotency key cannot hold what is not printable", "idempotencyKey")
    # An actor's slashes are written otherwise, so that the first one is where the key begins.
    return f"{actor.replace('%', '%25').replace('/', '%2F')}/{idempotency.key}"


def read_event(logged: LoggedEvent) -> Event:
    """Return the event that a row of the log holds; raises StoredEventError."""
    return read(logged.stream, logged.originator_version, logged.name, logged.version, logged.state)
