"""Where an import records: in the log, or, to try it first, nowhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from ogpgraph.application import Act, Receipt, Register, Session
from ogpgraph.domain.event import Event
from ogpgraph.domain.subject import Subject
from ogpgraph.domain.text import Wording
from ogpgraph.readmodel.model import require_all_shown
from ogpgraph.storage.database import chunks
from ogpgraph.system import System

T = TypeVar("T")
Titles = dict[str, set[str]]
"""The code of a commitment, or its key where it has none → its titles, by reference."""
_OF_A_PLAN = (
    "select id from tag where kind = 'commitment' and dimension = 'actionPlan' and value = :plan "
    "and since <= :at and :at < until"
)

_OF_MEMBERS = (
    "select id from tag where kind = 'commitment' and dimension = 'member' and value in :members "
    "and since <= :at and :at < until"
)


class Recording(Protocol):
    """What an import needs: to record, to read again what was stored, and to see what a plan holds."""

    def record(self, act: Act, commands: Callable[[Session], T]) -> Receipt[T]:
        """Run commands in one session and keep what they say."""
        ...

    def stored_text(self, reference: str) -> str | None:
        """Return a wording as it came in."""
        ...

    def titles_in(self, plan: str) -> Titles:
        """Return the titles of a plan's commitments."""
        ...

    def load(self, stream: str) -> Subject:
        """Return a subject as it stands."""
        ...

    def stored_texts(self, references: Iterable[str]) -> dict[str, str]:
        """Return reference → wording as it came in."""
        ...

    def require_all_shown(self) -> None:
        """Raise Conflict where not all that is recorded can be seen, so that something known would be overlooked."""
        ...

    def commitments_of(self, members: Iterable[str]) -> Iterator[list[Subject]]:
        """Yield the commitments of members, by their streams, in portions that memory can hold; raises Conflict."""
        ...


class InTheLog:
    """Records for good."""

    def __init__(self, system: System) -> None:
        self._system = system

    def record(self, act: Act, commands: Callable[[Session], T]) -> Receipt[T]:
        """Run commands in one session, and store what they say."""
        return self._system.record(act, commands)

    def stored_text(self, reference: str) -> str | None:
        """Return a wording as it came in, None where it is not kept."""
        return self._system.stored_text(reference)

    def titles_in(self, plan: str) -> Titles:
        """Return the titles of a plan's commitments."""
        with self._system.reading() as reading:
            rows = reading.transaction.rows(_OF_A_PLAN, plan=plan, at=reading.head)
            return _titles(reading.now().subjects(row["id"] for row in rows).values())

    def load(self, stream: str) -> Subject:
        """Return a subject as it stands."""
        return self._system.register.load(stream)

    def stored_texts(self, references: Iterable[str]) -> dict[str, str]:
        """Return reference → wording as it came in, without those that are not kept."""
        return self._system.stored_texts(references)

    def require_all_shown(self) -> None:
        """Raise Conflict while the follower stands still."""
        with self._system.reading() as reading:
            require_all_shown(reading.stop())

    def commitments_of(self, members: Iterable[str]) -> Iterator[list[Subject]]:
        """Yield the commitments of members, by their streams, in portions that memory can hold; raises Conflict."""
        found: set[str] = set()
        for chunk in chunks(sorted(members)):
            with self._system.reading() as reading:
                require_all_shown(reading.stop())
                rows = reading.transaction.rows(_OF_MEMBERS, members=list(chunk), at=reading.head)
            found.update(row["id"] for row in rows)
        for chunk in chunks(sorted(found)):
            with self._system.reading() as reading:
                yield list(reading.now().subjects(chunk).values())


class Rehearsal:
    """Records nothing, and remembers what was said, so that each file finds what those before it would have left."""

    def __init__(self, system: System) -> None:
        self._log = InTheLog(system)
        self._register: Register = system.register
        self._subjects: dict[str, Subject] = {}
        self._events: dict[str, list[Event]] = {}
        self._texts: dict[str, str] = {}

    def record(self, act: Act, commands: Callable[[Session], T]) -> Receipt[T]:
        """Run commands in one session, which is never saved."""
        session = Session(self, act)
        answer = commands(session)
        for event in session.pending:
            self._subjects[event.stream] = session.subject(event.stream)
            self._events.setdefault(event.stream, []).append(event)
        self._texts |= {reference: text for reference, (_, text) in session.spoken_texts().items()}
        return Receipt(answer, tuple(event.envelope.id for event in session.pending))

    def stored_text(self, reference: str) -> str | None:
        """Return a wording as it came in, or would have come in."""
        return self._texts.get(reference) or self._log.stored_text(reference)

    def titles_in(self, plan: str) -> Titles:
        """Return the titles of a plan's commitments, those that would be recorded included."""
        ours = (subject for subject in self._subjects.values() if subject.kind == "commitment")
        return self._log.titles_in(plan) | _titles(each for each in ours if each.text("actionPlan") == plan)

    def load(self, stream: str) -> Subject:
        """Return a subject as it stands, what was rehearsed included."""
        return self._subjects.get(stream) or self._register.load(stream)

    def stored_texts(self, references: Iterable[str]) -> dict[str, str]:
        """Return reference → wording as it came in, or would have come in."""
        wanted = set(references)
        ours = {reference: self._texts[reference] for reference in wanted & self._texts.keys()}
        return self._log.stored_texts(wanted - ours.keys()) | ours

    def require_all_shown(self) -> None:
        """Raise Conflict while the follower stands still."""
        self._log.require_all_shown()

    def commitments_of(self, members: Iterable[str]) -> Iterator[list[Subject]]:
        """Yield the commitments of members, those that would be recorded included."""
        wanted = set(members)
        for portion in self._log.commitments_of(wanted):
            yield [subject for subject in portion if subject.id not in self._subjects]
        ours = [subject for subject in self._subjects.values() if subject.kind == "commitment"]
        yield [subject for subject in ours if subject.text("member") in wanted]

    def events(self, stream: str) -> list[Event]:
        """Return the events of a stream, what was rehearsed included."""
        return [*self._register.events(stream), *self._events.get(stream, ())]

    def new_id(self) -> str:
        """Return a new id."""
        return self._register.new_id()

    def salted(self, wording: str) -> tuple[str, bytes]:
        """Return a wording's reference and salt."""
        return self._register.salted(wording)


def _titles(commitments: Iterable[Subject]) -> Titles:
    return {each.text("code") or each.text("key") or each.id: set(_titles_of(each)) for each in commitments}


def _titles_of(commitment: Subject) -> Iterator[str]:
    return (claim.value.text for _, claim in commitment.under("title/") if isinstance(claim.value, Wording))
