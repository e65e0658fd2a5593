"""The statements of an aggregate's stream that are live: not withdrawn by live events, and as these have amended them.

`domain/fold.py` says what these words mean. The state refers to statements by their times and revisions; what they
state is read from the stream, where something depends on it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from ogpgraph.clock import to_microseconds
from ogpgraph.domain.aggregate import Aggregate, Claim, SourceKey, StatementRef, aggregate_type_of
from ogpgraph.domain.event import Event, Origin
from ogpgraph.domain.statement import claim_of, narrow, source_key, statement_interval
from ogpgraph.domain.values import Value

ReadEvents = Callable[[Collection[int]], Mapping[int, Event]]
"""Returns revision → event for some revisions of the aggregate's own stream."""
_RECORDED_ORDER: Final = frozenset({"code", "account"})
"""Types of streams whose statements take effect when recorded: codes and rights depend on the position alone."""
_READ_AT_ONCE: Final = 8


def no_events(revisions: Collection[int]) -> Mapping[int, Event]:
    """Refuse to read: for folds of events that amend nothing and are not older than what they follow."""
    raise LookupError(f"the events {sorted(revisions)} are needed")


class LiveStatements:
    """The statements that are live after one more event of a stream.

    `withdrawn` and `amended` are what this event changes of these parts of the state; they count here already.
    """

    def __init__(self, aggregate: Aggregate, event: Event, read: ReadEvents) -> None:
        self._aggregate = aggregate
        self._last = event.revision
        self._read_events = read
        self._events: dict[int, Event] = {event.revision: event}
        self._is_recorded_order = aggregate_type_of(aggregate.id) in _RECORDED_ORDER
        self.withdrawn: dict[int, tuple[int, ...]] = {}
        self.amended: dict[int, dict[str, tuple[int, ...]]] = defaultdict(dict)

    # Events

    def event_at(self, revision: int) -> Event:
        """Return an event of the stream."""
        if revision not in self._events:
            self._events.update(self._read_events([revision]))
        return self._events[revision]

    def is_live(self, revision: int) -> bool:
        """Return whether no live event withdraws an event."""
        return not self.withdrawing(revision)

    def withdrawing(self, revision: int) -> tuple[int, ...]:
        """Return the revisions of the live events that withdraw an event."""
        if revision in self.withdrawn:
            return self.withdrawn[revision]
        return self._aggregate.withdrawn.get(revision, ())

    def amending(self, revision: int, path: str) -> tuple[int, ...]:
        """Return the revisions of the live events that amend what an event states at a path; the last one counts."""
        if path in self.amended.get(revision, {}):
            return self.amended[revision][path]
        return self._aggregate.amended.get(revision, {}).get(path, ())

    def is_dropped(self, revision: int, path: str) -> bool:
        """Return whether what an event states at a path is amended to nothing."""
        amending = self.amending(revision, path)
        return bool(amending) and self.event_at(amending[-1]).amends[revision][path] is None

    def value(self, revision: int, path: str, amending: tuple[int, ...]) -> Value | None:
        """Return what an event states at a path, as some events amend it."""
        if amending:
            return self.event_at(amending[-1]).amends[revision][path]
        return self.event_at(revision).facts[path]

    # References

    def ref_of(self, event: Event) -> StatementRef:
        """Return the reference to what an event states."""
        return StatementRef(self._order_time(statement_interval(event).before), event.revision)

    def ref_at(self, revision: int) -> StatementRef:
        """Return the reference to what the event of a revision states."""
        return self.ref_of(self.event_at(revision))

    def _order_time(self, moment: datetime) -> int:
        return 0 if self._is_recorded_order else to_microseconds(moment)

    def is_observed(self, key: SourceKey) -> bool:
        """Return whether a source is observed again and again, so that repeating a value confirms that it is so."""
        return not self._is_recorded_order and key[0] != Origin.PERSON

    def claim(self, path: str, key: SourceKey) -> Claim | None:
        """Return the claim of a source before the event."""
        for claim in self._aggregate.claims.get(path, ()):
            if claim.key == key:
                return claim
        return None

    def known_sequence(self, path: str, key: SourceKey) -> tuple[StatementRef, ...]:
        """Return the references of a source's statements at a path, by time, before the event."""
        if (refs := self._aggregate.sequences.get(path, {}).get(" ".join(key))) is not None:
            return refs
        return tuple(self.implied_refs(self.claim(path, key)))

    def implied_refs(self, claim: Claim | None) -> list[StatementRef]:
        """Return the sequence that follows from a claim if nothing else is known."""
        return [StatementRef(self._order_time(claim.before), claim.revision)] if claim else []

    def scan_sequence(self, path: str, key: SourceKey) -> list[StatementRef]:
        """Return the references of all live statements of a source at a path, from the whole stream."""
        revisions = range(1, self._last)
        self._events.update(self._read_events(set(revisions) - self._events.keys()))
        stating = (self._events[each] for each in (*revisions, self._last))
        return sorted(
            self.ref_of(event)
            for event in stating
            if path in event.facts
            and source_key(event) == key
            and self.is_live(event.revision)
            and not self.is_dropped(event.revision, path)
        )

    # What is stated, and the claims that follow

    def statement(self, ref: StatementRef, path: str) -> Claim:
        """Return a statement as the claim that it would be by itself, with its amended value."""
        event, amending = self.event_at(ref.revision), self.amending(ref.revision, path)
        value, revision = self.value(ref.revision, path, amending), amending[-1] if amending else ref.revision
        return claim_of(event, value, statement_interval(event), revision)

    def list_statements(self, path: str, key: SourceKey) -> list[Claim]:
        """Return what a source states at a path, by time, each as the claim that it would be by itself.

        Of several statements of one time the last counts.
        """
        refs: Sequence[StatementRef] = self.known_sequence(path, key)
        if refs and not refs[0].revision:
            refs = self.scan_sequence(path, key)
        self._events.update(self._read_events({ref.revision for ref in refs} - self._events.keys()))
        return [self.statement(ref, path) for ref in {ref.time: ref for ref in refs}.values()]

    def derive_claim(self, path: str, key: SourceKey, sequence: list[StatementRef]) -> Claim | None:
        """Return the claim that follows from a sequence."""
        if not sequence:
            return None
        first, previous = self.statement(sequence[-1], path), None
        if not self.is_observed(key):
            return first
        for index in range(len(sequence) - 2, -1, -1):
            if not sequence[index].revision:
                return self.derive_claim(path, key, self.scan_sequence(path, key))
            if sequence[index].time == sequence[index + 1].time:
                continue  # another reading of the same observation, which the later one replaced
            self._read_ahead(sequence, index)
            previous = self.statement(sequence[index], path)
            if previous.value != first.value:
                break
            first, previous = previous, None
        return narrow(first, previous)

    def derive_claims(self, path: str, key: SourceKey, refs: Sequence[StatementRef]) -> list[Claim]:
        """Return all claims of a source at a path, by time, from all of its statements, to which a sequence refers."""
        if not refs[0].revision:
            refs = self.scan_sequence(path, key)
        self._events.update(self._read_events({ref.revision for ref in refs} - self._events.keys()))
        statements = [self.statement(ref, path) for ref in refs]
        claims: list[Claim] = []
        previous: Claim | None = None
        for ref, following, statement in zip(refs, [*refs[1:], None], statements, strict=True):
            if following is not None and following.time == ref.time:
                continue  # the later one replaced it, such as another reading of the same observation
            if not self.is_observed(key):
                claims.append(statement)
            elif previous is None or previous.value != statement.value:
                claims.append(narrow(statement, previous))
            previous = statement
        return claims

    def _read_ahead(self, sequence: list[StatementRef], index: int) -> None:
        if sequence[index].revision not in self._events:
            ahead = {ref.revision for ref in sequence[max(0, index + 1 - _READ_AT_ONCE) : index + 1]}
            self._events.update(self._read_events(ahead - {0} - self._events.keys()))
