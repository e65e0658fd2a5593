"""The commands, one method each, in a session that stores nothing before it ends."""

from __future__ import annotations

from typing import Protocol

from msgspec import structs

from ogpgraph.application.acts import BY_PERSON, Act, Basis, with_cause
from ogpgraph.domain import commitment as commitments
from ogpgraph.domain.code import code_id
from ogpgraph.domain.commitment import Change
from ogpgraph.domain.errors import Conflict, Invalid, NotFound
from ogpgraph.domain.event import Cause, Envelope, Event, Evidence, Facts, Origin, references_in
from ogpgraph.domain.nouns import NOUNS
from ogpgraph.domain.subject import Subject, evolve, kind_of
from ogpgraph.domain.text import Made, Wording
from ogpgraph.domain.values import Rating
from ogpgraph.domain.vocabulary import Indicator, Stage


class Records(Protocol):
    """What a session needs of the register: streams as they stand, ids, and references of wordings."""

    def load(self, stream: str) -> Subject:
        """Return a subject as its stream tells it."""
        ...

    def new_id(self) -> str:
        """Return a new id."""
        ...

    def salted(self, wording: str) -> tuple[str, bytes]:
        """Return a wording's reference and salt."""
        ...


class Session:
    """The commands, bound to one act; nothing is stored before the session ends."""

    def __init__(self, register: Records, act: Act) -> None:
        self._register = register
        self._subjects: dict[str, Subject] = {}
        self.act = act
        self.pending: list[Event] = []
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

    def new_stream(self, kind: str) -> str:
        """Return the id of a new, still empty stream of a kind."""
        return f"{kind}-{self._register.new_id()}"

    def say(self, stream: str, name: str, facts: Facts, basis: Basis = BY_PERSON) -> Event | None:
        """Add one event to a stream; None, and nothing recorded, where there is nothing to say."""
        if not facts:
            return None
        NOUNS[kind_of(stream)].check(name, facts)
        subject = self.subject(stream)
        event = Event(stream, subject.revision + 1, name, self._envelope(basis, facts), facts)
        self._subjects[stream] = evolve(subject, event)
        self.pending.append(event)
        return event

    def _envelope(self, basis: Basis, facts: Facts) -> Envelope:
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
            evidence=tuple(evidence_for(facts, basis.evidence)),
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
        return self.subject(code_id(kind, code)).text("means")

    def require(self, kind: str, code: str) -> Subject:
        """Return the subject that a code means; raises NotFound."""
        stream = self.meaning_of(kind, code)
        if stream is None:
            raise NotFound(f"there is no {kind} {code}", "code")
        return self.subject(stream)

    def _reserve(self, kind: str, code: str, stream: str) -> None:
        taken = self.meaning_of(kind, code)
        if taken is not None:
            raise Conflict(f"{code} already is the code of a {kind}", "code")
        self.say(code_id(kind, code), "CodeAssigned", {"means": stream}, Basis(origin=Origin.REFERENCE))

    # Members and plans

    def register_member(self, code: str, facts: Facts, basis: Basis = BY_PERSON) -> Subject:
        """Record a new member; raises Conflict where its code is taken."""
        stream = self.new_stream("member")
        self._reserve("member", code, stream)
        self.say(stream, "MemberRegistered", {"code": code, **facts}, basis)
        return self.subject(stream)

    def revise_member(self, stream: str, facts: Facts, basis: Basis = BY_PERSON) -> None:
        """Record what is newly said of a member."""
        news = news_of(self.subject(stream), facts)
        named = {path: value for path, value in news.items() if path.startswith("name/")}
        self.say(stream, "MemberRenamed", named, basis)
        self.say(stream, "MemberRevised", {p: v for p, v in news.items() if p not in named}, basis)

    def change_member_status(self, code: str, facts: Facts, basis: Basis = BY_PERSON) -> None:
        """Record a decision on a member's status; raises NotFound."""
        member = self.require("member", code)
        self.say(member.id, "MemberStatusChanged", news_of(member, facts), basis)

    def register_action_plan(self, code: str, facts: Facts, basis: Basis = BY_PERSON) -> Subject:
        """Record a new action plan; raises Conflict where its code is taken."""
        stream = self.new_stream("plan")
        self._reserve("plan", code, stream)
        self.say(stream, "ActionPlanRegistered", {"code": code, **facts}, basis)
        return self.subject(stream)

    def revise_action_plan(self, stream: str, facts: Facts, basis: Basis = BY_PERSON) -> None:
        """Record what is newly said of a plan; its title in a further language is a translation."""
        plan = self.subject(stream)
        news = news_of(plan, facts)
        titled = any(plan.under("title/"))
        translated = {p: v for p, v in news.items() if titled and p.startswith("title/") and not plan.current(p)}
        self.say(stream, "ActionPlanTranslated", translated, with_cause(basis, Cause.TRANSLATION))
        self.say(stream, "ActionPlanRevised", {p: v for p, v in news.items() if p not in translated}, basis)

    def conclude_action_plan(self, code: str, facts: Facts, basis: Basis = BY_PERSON) -> None:
        """Record that a plan came to its end; raises NotFound."""
        plan = self.require("plan", code)
        self.say(plan.id, "ActionPlanConcluded", news_of(plan, facts), basis)

    # Commitments

    def register_commitment(self, code: str, facts: Facts, basis: Basis = BY_PERSON) -> Subject:
        """Record a new commitment; raises Conflict where its code is taken."""
        stream = self.new_stream("commitment")
        self._reserve("commitment", code, stream)
        self.record(stream, commitments.changes_of(Subject(stream), {"code": code, **facts}), basis)
        return self.subject(stream)

    def revise_commitment(self, stream: str, facts: Facts, basis: Basis = BY_PERSON) -> None:
        """Record what is newly said of a commitment: milestones, ratings, narratives and translations included."""
        subject = self.subject(stream)
        self.record(stream, commitments.changes_of(subject, news_of(subject, facts)), basis)

    def record(self, stream: str, changes: list[Change], basis: Basis) -> None:
        """Add the events a decision asks for to a stream."""
        for change in changes:
            better = change.cause if change.cause and basis.cause is Cause.REPORTED else None
            self.say(stream, change.name, change.facts, with_cause(basis, better) if better else basis)

    def record_rating(
        self, code: str, indicator: Indicator, stage: Stage, rating: Rating, basis: Basis = BY_PERSON
    ) -> None:
        """Record a rating of a commitment; raises NotFound, and Invalid for a value off the indicator's scale."""
        commitment = self.require("commitment", code)
        commitments.check_rating(indicator, rating)
        facts: Facts = {f"ratings/{indicator}/{stage}": rating}
        self.record(commitment.id, commitments.changes_of(commitment, news_of(commitment, facts)), basis)

    def complete_milestone(self, code: str, number: str, basis: Basis = BY_PERSON) -> None:
        """Record that a milestone is complete; completing it again records nothing. Raises NotFound."""
        commitment = self.require("commitment", code)
        change = commitments.complete_milestone(commitment, number)
        self.record(commitment.id, [change] if change else [], basis)

    def report_milestone(self, code: str, number: str, facts: Facts, basis: Basis = BY_PERSON) -> None:
        """Record progress on a milestone; paths are relative to it (`status`, `updates/…`). Raises NotFound."""
        commitment = self.require("commitment", code)
        self.record(commitment.id, [commitments.report_milestone(commitment, number, facts)], basis)

    def correct(self, code: str, facts: Facts, corrects: str, basis: Basis = BY_PERSON) -> None:
        """Put right what an event recorded wrongly; raises NotFound, and Conflict where nothing is wrong."""
        commitment = self.require("commitment", code)
        because = structs.replace(basis, cause=Cause.CORRECTION, corrects=corrects)
        self.record(commitment.id, [commitments.correction(commitment, facts)], because)

    def wording(self, text: str, made: Made = Made.ORIGINAL) -> Wording:
        """Return a wording by reference, to be used as the value of a fact."""
        return Wording(self.word(text), made)


def news_of(subject: Subject, facts: Facts) -> Facts:
    """Return the facts that say something other than what is so: saying a thing again records nothing."""
    return {path: value for path, value in facts.items() if subject.value(path) != value}


def evidence_for(facts: Facts, evidence: tuple[Evidence, ...]) -> list[Evidence]:
    """Return the evidence with the spans of these facts only."""
    return [
        structs.replace(item, spans={path: span for path, span in item.spans.items() if path in facts})
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
