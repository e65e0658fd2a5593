"""What every command is made of: subjects as they stand, wordings by reference, codes, and events said one by one."""

from __future__ import annotations

from typing import Protocol

from msgspec import structs

from ogpgraph.application.acts import BY_PERSON, Act, Basis, with_cause
from ogpgraph.domain.code import code_id, meant
from ogpgraph.domain.commitment import Change
from ogpgraph.domain.errors import Conflict, Invalid, NotFound
from ogpgraph.domain.event import Cause, Envelope, Event, Evidence, Facts, Origin, checked, references_in
from ogpgraph.domain.nouns import NOUNS
from ogpgraph.domain.subject import Subject, evolve, kind_of, news_in
from ogpgraph.domain.text import Made, Wording


class Records(Protocol):
    """What a session needs of the register: streams as they stand, ids, and references of wordings."""

    def load(self, stream: str) -> Subject:
        """Return a subject as its stream tells it."""
        ...

    def events(self, stream: str) -> list[Event]:
        """Return the events of a stream, oldest first."""
        ...

    def new_id(self) -> str:
        """Return a new id."""
        ...

    def salted(self, wording: str) -> tuple[str, bytes]:
        """Return a wording's reference and salt."""
        ...


class Speaking:
    """A session without its commands: bound to one act, and nothing is stored before it ends."""

    def __init__(self, register: Records, act: Act) -> None:
        self._register = register
        self._subjects: dict[str, Subject] = {}
        self.act = act
        self.pending: list[Event] = []
        self.unmoved: dict[str, int] = {}
        self.texts: dict[str, tuple[bytes, str]] = {}
        self.reason = self.word(act.reason) if act.reason else None

    def word(self, wording: str) -> str:
        """Return the reference of a wording, which is stored with the events of this session."""
        text = checked_wording(wording)
        reference, salt = self._register.salted(text)
        self.texts[reference] = (salt, text)
        return reference

    def subject(self, stream: str) -> Subject:
        """Return a subject as it stands, what this session said of it included; revision 0 where there is none."""
        if stream not in self._subjects:
            self._subjects[stream] = self._register.load(stream)
        return self._subjects[stream]

    def rely_on(self, stream: str) -> Subject:
        """Return a subject that must still be as it is when the session is stored; otherwise that runs again."""
        subject = self.subject(stream)
        self.unmoved.setdefault(stream, subject.revision - sum(event.stream == stream for event in self.pending))
        return subject

    def events(self, stream: str) -> list[Event]:
        """Return the stored events of a stream, oldest first."""
        return self._register.events(stream)

    def acting_as(self, role: str) -> None:
        """Say in which role the act is done, where that is known only now."""
        self.act = structs.replace(self.act, role=role)

    def new_stream(self, kind: str) -> str:
        """Return the id of a new, still empty stream of a kind."""
        return f"{kind}-{self._register.new_id()}"

    def say(self, stream: str, name: str, facts: Facts, basis: Basis = BY_PERSON) -> Event | None:
        """Add one event to a stream; None, and nothing recorded, where there is nothing new to say. Raises Invalid."""
        if not facts:
            return None
        NOUNS[kind_of(stream)].check(name, facts)
        subject = self.subject(stream)
        event = Event(stream, subject.revision + 1, name, self._envelope(basis), facts)
        # A late sight and a correction tell more than values: the interval in which a thing became so.
        news = facts if basis.late or basis.cause is Cause.CORRECTION else news_in(subject, event)
        if not news:
            return None
        envelope = structs.replace(event.envelope, evidence=tuple(evidence_for(news, basis.evidence)))
        event = checked(structs.replace(event, envelope=envelope, facts=news))
        self._subjects[stream] = evolve(subject, event)
        self.pending.append(event)
        return event

    def _envelope(self, basis: Basis) -> Envelope:
        return Envelope(
            id=self._register.new_id(),
            time=self.act.time,
            actor=self.act.actor,
            role=self.act.role,
            cause=basis.cause,
            origin=basis.origin,
            correlation=self.act.correlation or "",
            language=basis.language,
            source=basis.source,
            reason=self.reason,
            effective_on=basis.effective_on,
            changed_between=basis.changed_between,
            causation=self.act.causation,
            corrects=basis.corrects,
            idempotency=self.act.idempotency,
            late=basis.late,
        )

    def spoken_texts(self) -> dict[str, tuple[bytes, str]]:
        """Return the new wordings that the session's events speak of: nothing else is kept."""
        spoken = {reference for event in self.pending for reference in references_in(event)}
        return {reference: kept for reference, kept in self.texts.items() if reference in spoken}

    # Codes

    def meaning_of(self, kind: str, code: str) -> str | None:
        """Return the id of the subject that a code of a kind means, or None where the code is free."""
        return meant(kind, code, self.subject)

    def require(self, kind: str, code: str) -> Subject:
        """Return the subject that a code means; raises NotFound."""
        stream = self.meaning_of(kind, code)
        if stream is None:
            raise NotFound(f"there is no {kind} {code}", "code")
        return self.subject(stream)

    def reserve(self, kind: str, code: str, stream: str) -> None:
        """Make a code mean a subject; raises Conflict where it means one already."""
        taken = self.meaning_of(kind, code)
        if taken is not None:
            raise Conflict(f"{code} already is the code of a {kind}", "code")
        self.assign(kind, code, stream)

    def assign(self, kind: str, code: str, stream: str) -> None:
        """Make a code mean a subject, whatever it meant before."""
        self.say(code_id(kind, code), "CodeAssigned", {"means": stream}, Basis(origin=Origin.REFERENCE))

    def record(self, stream: str, changes: list[Change], basis: Basis) -> None:
        """Add the events a decision asks for to a stream."""
        for change in changes:
            better = change.cause if change.cause and basis.cause is Cause.REPORTED else None
            self.say(stream, change.name, change.facts, with_cause(basis, better) if better else basis)

    def wording(self, text: str, made: Made = Made.ORIGINAL) -> Wording:
        """Return a wording by reference, to be used as the value of a fact."""
        return Wording(self.word(text), made)


def news_of(subject: Subject, facts: Facts) -> Facts:
    """Return the facts that say something other than what is so: saying a thing again records nothing."""
    return {path: value for path, value in facts.items() if subject.value(path) != value}


def evidence_for(facts: Facts, evidence: tuple[Evidence, ...]) -> list[Evidence]:
    """Return the evidence with the spans of these facts only."""
    return [
        structs.replace(
            item,
            spans={path: span for path, span in item.spans.items() if path in facts},
            columns={path: column for path, column in item.columns.items() if path in facts},
        )
        for item in evidence
    ]


def checked_wording(wording: str) -> str:
    """Return the wording; raises Invalid for what no text store keeps: lone surrogates and the character NUL."""
    if "\x00" in wording:
        raise Invalid("a wording cannot hold the character U+0000")
    try:
        wording.encode()
    except UnicodeEncodeError as error:
        raise Invalid(f"a wording cannot hold half a character (position {error.start})") from error
    return wording
