"""The unit of work: aggregates, codes and texts as commands see them, and the events that are saved together."""

from __future__ import annotations

from datetime import datetime
from typing import Generic, Protocol, TypeVar

from msgspec import Struct, structs

from ogpgraph.domain.aggregate import Aggregate, aggregate_type_of, effective_facts, evolve
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.code import code_stream, resolve_code
from ogpgraph.domain.commitment import NewEvent
from ogpgraph.domain.errors import Conflict, Invalid, NotFound
from ogpgraph.domain.event import (
    Cause,
    Envelope,
    Event,
    Evidence,
    Facts,
    Idempotency,
    Origin,
    event_text_references,
    validate_event,
)
from ogpgraph.domain.values import Interval, TextValue, TranslationKind

T = TypeVar("T")


class CommandContext(Struct, frozen=True, kw_only=True):
    """Who acts, in which role and why, and when the statement was made or the source observed; given by the caller."""

    actor: str
    role: str
    time: datetime
    reason: str | None = None
    correlation: str | None = None
    causation: str | None = None
    idempotency: Idempotency | None = None


class Provenance(Struct, frozen=True, kw_only=True):
    """Where facts come from: origin, source, language and evidence, and the period in which they became so."""

    origin: Origin = Origin.PERSON
    cause: Cause = Cause.REPORTED
    language: str | None = None
    source: str | None = None
    evidence: tuple[Evidence, ...] = ()
    effective_on: str | None = None
    changed_between: Interval | None = None
    corrects: str | None = None
    late: bool = False

    def with_cause(self, cause: Cause) -> Provenance:
        """Return the same provenance with another cause."""
        return structs.replace(self, cause=cause)


class Receipt(Struct, Generic[T], frozen=True):
    """What was recorded: the commands' result, the events' ids and positions, and whether the request was a repeat."""

    result: T | None
    events: tuple[str, ...] = ()
    positions: tuple[int, ...] = ()
    repeated: bool = False


REPORTED_BY_PERSON = Provenance()


class Repository(Protocol):
    """What a unit of work reads from: the executor's log, or in a dry run what would have been recorded too."""

    def load(self, stream: str) -> Aggregate:
        """Return the aggregate of a stream, at revision 0 where the stream is empty."""
        ...

    def events(self, stream: str) -> list[Event]:
        """Return the events of a stream, oldest first."""
        ...

    def new_id(self) -> str:
        """Return a new id."""
        ...

    def create_reference(self, text: str) -> tuple[str, bytes]:
        """Return a text's reference and the salt that the reference is made with."""
        ...


class UnitOfWork:
    """What commands read and append in one context; nothing is stored before the executor saves it."""

    def __init__(self, repository: Repository, context: CommandContext) -> None:
        self._repository = repository
        self._aggregates: dict[str, Aggregate] = {}
        self.context = context
        self.pending: list[Event] = []
        self.expected_revisions: dict[str, int] = {}
        self.texts: dict[str, tuple[bytes, str]] = {}
        self._reason = self.text_ref(context.reason) if context.reason else None

    # Aggregates

    def aggregate(self, stream: str) -> Aggregate:
        """Return an aggregate with the pending events applied; revision 0 where there is none."""
        if stream not in self._aggregates:
            self._aggregates[stream] = self._repository.load(stream)
        return self._aggregates[stream]

    def assert_unchanged(self, stream: str) -> Aggregate:
        """Return an aggregate; if its stored revision has changed when the events are saved, the commands run again."""
        aggregate = self.aggregate(stream)
        pending = sum(event.stream == stream for event in self.pending)
        self.expected_revisions.setdefault(stream, aggregate.revision - pending)
        return aggregate

    def events(self, stream: str) -> list[Event]:
        """Return the stored events of a stream, oldest first."""
        return self._repository.events(stream)

    def new_stream(self, aggregate_type: str) -> str:
        """Return the id of a new, still empty stream of an aggregate type."""
        return f"{aggregate_type}-{self._repository.new_id()}"

    # Events

    def set_role(self, role: str) -> None:
        """Set the role of the events appended from now on, once authorization has determined it."""
        self.context = structs.replace(self.context, role=role)

    def append(self, stream: str, name: str, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON) -> Event | None:
        """Append one event to a stream; None, and nothing appended, where no fact is new. Raises Invalid."""
        if not facts:
            return None
        AGGREGATE_TYPES[aggregate_type_of(stream)].validate(name, facts)
        aggregate = self.aggregate(stream)
        event = Event(stream, aggregate.revision + 1, name, self._envelope(provenance), facts)
        # A late observation and a correction tell more than values: the interval in which a value came to be so.
        keeps_all = provenance.late or provenance.cause is Cause.CORRECTION
        new_facts = facts if keeps_all else effective_facts(aggregate, event)
        if not new_facts:
            return None
        envelope = structs.replace(event.envelope, evidence=tuple(restrict_evidence(provenance.evidence, new_facts)))
        event = validate_event(structs.replace(event, envelope=envelope, facts=new_facts))
        self._aggregates[stream] = evolve(aggregate, event)
        self.pending.append(event)
        return event

    def append_all(self, stream: str, new_events: list[NewEvent], provenance: Provenance) -> None:
        """Append the events that a decision asks for; their own cause stands in for the plain cause REPORTED."""
        for new in new_events:
            cause = new.cause if new.cause and provenance.cause is Cause.REPORTED else provenance.cause
            self.append(stream, new.name, new.facts, provenance.with_cause(cause))

    def _envelope(self, provenance: Provenance) -> Envelope:
        return Envelope(
            id=self._repository.new_id(),
            time=self.context.time,
            actor=self.context.actor,
            role=self.context.role,
            cause=provenance.cause,
            origin=provenance.origin,
            correlation=self.context.correlation or "",
            language=provenance.language,
            source=provenance.source,
            reason=self._reason,
            effective_on=provenance.effective_on,
            changed_between=provenance.changed_between,
            causation=self.context.causation,
            corrects=provenance.corrects,
            idempotency=self.context.idempotency,
            late=provenance.late,
        )

    # Texts

    def text_ref(self, text: str) -> str:
        """Return the reference of a text, which is stored with the events; raises Invalid."""
        valid = validate_text(text)
        reference, salt = self._repository.create_reference(valid)
        self.texts[reference] = (salt, valid)
        return reference

    def text_value(self, text: str, translation_kind: TranslationKind = TranslationKind.ORIGINAL) -> TextValue:
        """Return a text by reference, as the value of a fact; raises Invalid."""
        return TextValue(self.text_ref(text), translation_kind)

    def referenced_texts(self) -> dict[str, tuple[bytes, str]]:
        """Return reference → salt and text of the texts that the pending events refer to; only these are stored."""
        referenced = {reference for event in self.pending for reference in event_text_references(event)}
        return {reference: stored for reference, stored in self.texts.items() if reference in referenced}

    # Codes

    def resolve_code(self, aggregate_type: str, code: str) -> str | None:
        """Return the stream of the aggregate that a code means, or None where the code is free."""
        return resolve_code(aggregate_type, code, self.aggregate)

    def require_by_code(self, aggregate_type: str, code: str) -> Aggregate:
        """Return the aggregate that a code means; raises NotFound."""
        stream = self.resolve_code(aggregate_type, code)
        if stream is None:
            raise NotFound(f"there is no {aggregate_type} {code}", "code")
        return self.aggregate(stream)

    def reserve_code(self, aggregate_type: str, code: str, stream: str) -> None:
        """Assign a code that is free to a stream; raises Conflict where it is taken."""
        if self.resolve_code(aggregate_type, code) is not None:
            raise Conflict(f"{code} already is the code of a {aggregate_type}", "code")
        self.assign_code(aggregate_type, code, stream)

    def assign_code(self, aggregate_type: str, code: str, stream: str) -> None:
        """Assign a code to a stream, whatever it meant before."""
        reference = Provenance(origin=Origin.REFERENCE)
        self.append(code_stream(aggregate_type, code), "CodeAssigned", {"means": stream}, reference)


def changed_facts(aggregate: Aggregate, facts: Facts) -> Facts:
    """Return the facts whose value differs from the current one: repeating a value records nothing."""
    return {path: value for path, value in facts.items() if aggregate.value(path) != value}


def restrict_evidence(evidence: tuple[Evidence, ...], facts: Facts) -> list[Evidence]:
    """Return the evidence with the spans and columns of these facts only."""
    return [
        structs.replace(
            item,
            spans={path: span for path, span in item.spans.items() if path in facts},
            columns={path: column for path, column in item.columns.items() if path in facts},
        )
        for item in evidence
    ]


def validate_text(text: str) -> str:
    """Return the text; raises Invalid for what no text store can hold: lone surrogates and the character NUL."""
    if "\x00" in text:
        raise Invalid("a text cannot contain the character U+0000")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Invalid(f"a text cannot contain half a character (position {error.start})") from error
    return text
