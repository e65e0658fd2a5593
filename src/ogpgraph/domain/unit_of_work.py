"""The unit of work: aggregates, codes and texts as commands see them, and the events that are stored together.

A unit of work stores nothing itself. The executor stores its pending events in one transaction, so that either all of
them are recorded or none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Generic, Protocol, TypeVar

from msgspec import Struct, structs

from ogpgraph.clock import MICROSECOND
from ogpgraph.domain.aggregate import Aggregate, Claim, aggregate_type_of
from ogpgraph.domain.aggregate_type import AggregateType
from ogpgraph.domain.code import code_stream, resolve_code
from ogpgraph.domain.delta import Delta, apply_delta
from ogpgraph.domain.errors import Conflict, NotFound
from ogpgraph.domain.event import (
    Amendments,
    Cause,
    Envelope,
    Event,
    Evidence,
    Facts,
    Idempotency,
    NewEvent,
    Origin,
    encode_payload,
    event_text_references,
    validate_envelope,
)
from ogpgraph.domain.fold import derive_delta, effective_facts
from ogpgraph.domain.live_statements import ReadEvents
from ogpgraph.domain.statement import source_key
from ogpgraph.domain.text import normalize_text
from ogpgraph.domain.values import Interval, TextValue, TranslationKind, period_interval, validate_partial_date

T = TypeVar("T")
MAX_CLOCK_DIFFERENCE = timedelta(minutes=1)
"""By how much the clocks of servers that record statements at once may differ."""


class CommandContext(Struct, frozen=True, kw_only=True):
    """Who acts, in which role, why, and when the statement was made or the source observed; given by the caller."""

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

    def __post_init__(self) -> None:
        """Raise Invalid for a date that the calendar does not have."""
        if self.effective_on is not None:
            validate_partial_date(self.effective_on, "effectiveOn")

    def with_cause(self, cause: Cause) -> Provenance:
        """Return the same provenance with another cause."""
        return structs.replace(self, cause=cause)


REPORTED_BY_PERSON = Provenance()


class Receipt(Struct, Generic[T], frozen=True):
    """The commands' result, the ids and positions of the recorded events, and whether the request was a repeat."""

    result: T | None
    events: tuple[str, ...] = ()
    positions: tuple[int, ...] = ()
    repeated: bool = False


class Repository(Protocol):
    """What a unit of work reads from: the log, or in a dry run the log and what would have been recorded so far."""

    def load(self, stream: str) -> Aggregate:
        """Return the aggregate of a stream, at revision 0 if the stream is empty."""
        ...

    def read_events(self, stream: str, revisions: Collection[int]) -> Mapping[int, Event]:
        """Return revision → event for some revisions of a stream."""
        ...

    def list_streams(self, aggregate_type: str) -> Sequence[str]:
        """Return the streams of all aggregates of a type."""
        ...

    def new_id(self) -> str:
        """Return a new id."""
        ...

    def create_reference(self, text: str) -> tuple[str, bytes]:
        """Return a text's reference and the salt that it was computed with."""
        ...


class UnitOfWork:
    """The reads and appends of one execution of commands; each stream is read at most once, each event encoded once."""

    # The types are a parameter, so that the modules of the aggregate types can declare commands, which need this class.
    def __init__(
        self, repository: Repository, context: CommandContext, aggregate_types: Mapping[str, AggregateType]
    ) -> None:
        self._repository = repository
        self._aggregate_types = aggregate_types
        self._aggregates: dict[str, Aggregate] = {}
        self._pending: list[Event] = []
        self._payloads: list[bytes] = []
        self._deltas: list[Delta] = []
        self.context = context
        self.texts: dict[str, tuple[bytes, str]] = {}  # reference → salt and text
        self._references: dict[str, str] = {}
        """Text → reference: what a file says of many ratings is the same few words."""
        self._reason = self.text_ref(context.reason, "reason") if context.reason else None

    # Aggregates

    def aggregate(self, stream: str) -> Aggregate:
        """Return an aggregate with the pending events applied, at revision 0 if it does not exist.

        If others append to it before the pending events are stored, the commands run again.
        """
        if stream not in self._aggregates:
            self._aggregates[stream] = self._repository.load(stream)
        return self._aggregates[stream]

    def read_events(self, stream: str, revisions: Collection[int]) -> Mapping[int, Event]:
        """Return revision → event for some revisions of a stream, pending events included."""
        pending = {event.revision: event for event in self._pending if event.stream == stream}
        stored = set(revisions) - pending.keys()
        own = {revision: pending[revision] for revision in set(revisions) & pending.keys()}
        return {**self._repository.read_events(stream, stored), **own} if stored else own

    def list_streams(self, aggregate_type: str) -> Sequence[str]:
        """Return the recorded streams of a type, of which there must be few; others may be added at any moment."""
        return self._repository.list_streams(aggregate_type)

    def new_stream(self, aggregate_type: str) -> str:
        """Return the id of a new stream, which is still empty."""
        return f"{aggregate_type}-{self._repository.new_id()}"

    # Events

    @property
    def pending(self) -> Sequence[Event]:
        """Return the appended events, in their order."""
        return self._pending

    def encoded_events(self) -> Iterator[tuple[Event, bytes]]:
        """Yield each pending event with the payload to store for it."""
        return zip(self._pending, self._payloads, strict=True)

    def pending_deltas(self) -> Iterator[tuple[str, Delta]]:
        """Yield the stream of each pending event, and what the event changes."""
        return zip((event.stream for event in self._pending), self._deltas, strict=True)

    def set_role(self, role: str) -> None:
        """Set the role of the events appended from now on, once authorization has determined it."""
        self.context = structs.replace(self.context, role=role)

    def append(self, stream: str, name: str, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON) -> Event | None:
        """Append one event to a stream, reduced to the facts that add something; None if no fact does.

        Raises Invalid for facts that the aggregate or the event cannot have, for a person's date that makes a period
        end before it begins, and for an event that cannot be stored.
        """
        if not facts:
            return None
        self._aggregate_types[aggregate_type_of(stream)].validate(name, facts)
        aggregate = self.aggregate(stream)
        event = Event(stream, aggregate.revision + 1, name, validate_envelope(self._envelope(provenance)), facts)
        event = _state_after_own_claims(aggregate, event)
        event = structs.replace(event, facts=effective_facts(aggregate, event, self._reader(stream)))
        if not event.facts:
            return None
        evidence = tuple(_restrict_evidence(provenance.evidence, event.facts))
        event = structs.replace(event, envelope=structs.replace(event.envelope, evidence=evidence))
        return self._append_event(event, event.facts)

    def amend(self, stream: str, name: str, amends: Amendments, provenance: Provenance = REPORTED_BY_PERSON) -> Event:
        """Append one event that gives other values to paths of older events of its stream; None drops the statement.

        Raises Invalid for values that the aggregate cannot have, and where nothing would be left of a required field.
        """
        for facts in amends.values():
            self._aggregate_types[aggregate_type_of(stream)].validate(name, facts)
        amended = {path: value for facts in amends.values() for path, value in facts.items()}
        amendment = self._amendment(stream, name, (), amends, provenance)
        evidence = tuple(_restrict_evidence(provenance.evidence, amended))
        envelope = structs.replace(amendment.envelope, evidence=evidence)
        return self._append_event(structs.replace(amendment, envelope=envelope), amended)

    def withdraw(
        self,
        stream: str,
        name: str,
        revisions: Sequence[int],
        amends: Amendments,
        provenance: Provenance = REPORTED_BY_PERSON,
    ) -> Event:
        """Append one event after which older events of its stream have no effect; some are amended instead."""
        return self._append_event(self._amendment(stream, name, tuple(sorted(revisions)), amends, provenance), {})

    def _amendment(
        self, stream: str, name: str, withdraws: tuple[int, ...], amends: Amendments, provenance: Provenance
    ) -> Event:
        envelope = validate_envelope(self._envelope(provenance))
        return Event(stream, self.aggregate(stream).revision + 1, name, envelope, {}, withdraws, amends)

    def _append_event(self, event: Event, changed: Facts) -> Event:
        """Append an event; raises Invalid unless the values that it changes are consistent with the others."""
        aggregate_type = self._aggregate_types[aggregate_type_of(event.stream)]
        payload, before = encode_payload(event), self.aggregate(event.stream)
        delta = derive_delta(before, event, self._reader(event.stream))
        after = apply_delta(before, delta)
        aggregate_type.validate_references(after, changed, self.aggregate)
        if event.envelope.origin is Origin.PERSON:
            aggregate_type.validate_kept(before, after, changed)
            aggregate_type.validate_periods(before, after, changed)
        self._payloads.append(payload)
        self._pending.append(event)
        self._deltas.append(delta)
        self._aggregates[event.stream] = after
        return event

    def _reader(self, stream: str) -> ReadEvents:
        return partial(self.read_events, stream)

    def append_all(self, stream: str, new_events: Sequence[NewEvent], provenance: Provenance) -> None:
        """Append the events that a decision asks for; their own cause replaces the unspecific cause REPORTED."""
        for new in new_events:
            cause = new.cause if new.cause and provenance.cause is Cause.REPORTED else provenance.cause
            self.append(stream, new.name, new.facts, provenance.with_cause(cause))

    def discard_pending(self) -> None:
        """Discard the pending events, as if nothing had been appended."""
        for event in self._pending:
            self._aggregates.pop(event.stream, None)
        self._pending.clear()
        self._payloads.clear()
        self._deltas.clear()

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
            idempotency=self.context.idempotency,
        )

    # Texts

    def text_ref(self, text: str, field: str = "a text") -> str:
        """Return the reference of a text, which is stored, normalized, with the events that refer to it.

        Raises Invalid, naming the field, for a text that shows nothing or has a control character.
        """
        if (known := self._references.get(text)) is not None:
            return known
        valid = normalize_text(text, field)
        reference, salt = self._repository.create_reference(valid)
        self.texts[reference] = (salt, valid)
        self._references[text] = reference
        return reference

    def text_value(self, text: str, translation_kind: TranslationKind = TranslationKind.ORIGINAL) -> TextValue:
        """Return a text by reference, as the value of a fact; raises Invalid."""
        return TextValue(self.text_ref(text), translation_kind)

    def referenced_texts(self) -> dict[str, tuple[bytes, str]]:
        """Return reference → salt and text of the texts that the pending events refer to; the others are not stored."""
        referenced = {reference for event in self._pending for reference in event_text_references(event)}
        return {reference: stored for reference, stored in self.texts.items() if reference in referenced}

    # Codes

    def resolve_code(self, aggregate_type: str, code: str) -> str | None:
        """Return the stream of the aggregate that a code means, None if the code is free."""
        return resolve_code(aggregate_type, code, self.aggregate)

    def require_by_code(self, aggregate_type: str, code: str) -> Aggregate:
        """Return the aggregate that a code means; raises NotFound."""
        stream = self.resolve_code(aggregate_type, code)
        if stream is None:
            raise NotFound(f"there is no {aggregate_type} {code}", "code")
        return self.aggregate(stream)

    def reserve_code(self, aggregate_type: str, code: str, stream: str) -> None:
        """Assign a free code to a stream; raises Conflict if the code is taken."""
        if self.resolve_code(aggregate_type, code) is not None:
            raise Conflict(f"{code} already is the code of a {aggregate_type}", "code")
        self.assign_code(aggregate_type, code, stream)

    def assign_code(self, aggregate_type: str, code: str, stream: str) -> None:
        """Assign a code to a stream, even if it means another one now."""
        self._state_code(aggregate_type, code, stream)

    def release_code(self, aggregate_type: str, code: str) -> None:
        """Record that a code means nothing any more and can be assigned again."""
        self._state_code(aggregate_type, code, None)

    def _state_code(self, aggregate_type: str, code: str, stream: str | None) -> None:
        reference = Provenance(origin=Origin.REFERENCE)
        self.append(code_stream(aggregate_type, code), "CodeAssigned", {"aggregate": stream}, reference)


def changed_facts(aggregate: Aggregate, facts: Facts, provenance: Provenance) -> Facts:
    """Return the facts whose value differs from the current one, so that repeating a value records nothing.

    That a value was so at an earlier date than is known is no repetition.
    """
    return {
        path: value
        for path, value in facts.items()
        if aggregate.value(path) != value or _is_dated_earlier(provenance, aggregate.current_claim(path))
    }


def _is_dated_earlier(provenance: Provenance, claim: Claim | None) -> bool:
    if provenance.effective_on is None or claim is None:
        return False
    return period_interval(provenance.effective_on, claim.before).before < claim.before


def _state_after_own_claims(aggregate: Aggregate, event: Event) -> Event:
    """Return a person's event at a time after what people stated before, if only two clocks disagree about that.

    Statements take effect by their time, and the clocks of two servers differ by a little.
    """
    envelope, key = event.envelope, source_key(event)
    if envelope.origin is not Origin.PERSON or envelope.effective_on or envelope.changed_between:
        return event
    own = (claim.before for path in event.facts for claim in aggregate.claims.get(path, ()) if claim.key == key)
    last = max(own, default=None)
    if last is None or not envelope.time <= last <= envelope.time + MAX_CLOCK_DIFFERENCE:
        return event
    return structs.replace(event, envelope=structs.replace(envelope, time=last + MICROSECOND))


def _restrict_evidence(evidence: tuple[Evidence, ...], facts: Facts) -> Iterator[Evidence]:
    """Yield the evidence with only the spans and columns of these facts."""
    for item in evidence:
        yield structs.replace(
            item,
            spans={path: span for path, span in item.spans.items() if path in facts},
            columns={path: column for path, column in item.columns.items() if path in facts},
        )
