"""What one source was read to state about an aggregate just before and just after a moment.

An observation is compared with these statements, so the order in which observations are recorded makes no difference.
Corrections are left out: a source that says what it said before has not changed, whatever people have corrected since.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection
from datetime import datetime

from msgspec import Struct

from ogpgraph.clock import from_microseconds, to_microseconds
from ogpgraph.domain.aggregate import Aggregate, Claim, SourceKey, StatementRef
from ogpgraph.domain.correction import is_reverted
from ogpgraph.domain.live_statements import ReadEvents
from ogpgraph.domain.statement import source_key, statement_interval
from ogpgraph.domain.values import Value


class Statement(Struct, frozen=True, gc=False):
    """A value that a source stated; it became so after `after` (None: not known) and not later than `before`."""

    value: Value | None
    before: datetime
    after: datetime | None


class RecordedStatement(Struct, frozen=True, gc=False):
    """A statement with the revision of its event, and whether a correction has given the event another value."""

    value: Value | None
    before: datetime
    revision: int
    is_amended: bool


class Surroundings(Struct, frozen=True, gc=False):
    """A source's statements at a path around a moment: the last one until then, and the first one after it."""

    last: Statement | None = None
    next: Statement | None = None

    @property
    def value(self) -> Value | None:
        """Return what the source stated at the moment, None if nothing."""
        return self.last.value if self.last else None

    def is_narrowed_by(self, moment: datetime) -> bool:
        """Return whether an observation of the value at the moment narrows the interval of the change that follows."""
        following = self.next
        if following is None or following.value == self.value or (self.last and self.last.before == moment):
            return False
        return following.after is None or following.after < moment


NOTHING_STATED = Surroundings()


def surrounding_statements(
    aggregate: Aggregate, key: SourceKey, moment: datetime, read: ReadEvents
) -> dict[str, Surroundings]:
    """Return path → what a source was read to state around a moment, for every path at which it states something.

    Events are read only where a source has several statements at a path, or one that was corrected.
    """
    refs, claims = _statement_refs(aggregate, key, read), _claims_by_path(aggregate, key)
    end = StatementRef(to_microseconds(moment), aggregate.revision + 1)
    if any(_needs_older(at_path, end) for at_path in refs.values()):
        refs = _scan_refs(aggregate, key, read)
    around: dict[str, tuple[StatementRef | None, StatementRef | None]] = {}
    for path, at_path in refs.items():
        index = bisect_right(at_path, end)
        # Of several readings of one observation the last one counts.
        following = [ref for ref in at_path[index:] if ref.time == at_path[index].time]
        around[path] = (at_path[index - 1] if index else None, following[-1] if following else None)
    unknown = {
        ref.revision
        for path, pair in around.items()
        for ref in pair
        if ref and not _is_claim(aggregate, claims.get(path), ref, refs[path], path)
    }
    events = read(sorted(unknown)) if unknown else {}

    def statement(path: str, ref: StatementRef | None) -> Statement | None:
        if ref is None:
            return None
        if ref.revision in events:
            event = events[ref.revision]
            interval = statement_interval(event)
            return Statement(event.facts[path], interval.before, interval.after)
        claim = claims[path]
        return Statement(claim.value, from_microseconds(ref.time), claim.after)

    return {path: Surroundings(statement(path, last), statement(path, after)) for path, (last, after) in around.items()}


def statement_histories(
    aggregate: Aggregate, key: SourceKey, paths: Collection[str], read: ReadEvents
) -> dict[str, list[RecordedStatement]]:
    """Return path → all statements of a source there, oldest first; of several readings of one observation the last."""
    refs = _statement_refs(aggregate, key, read)
    if any(refs[path] and not refs[path][0].revision for path in paths if path in refs):
        refs = _scan_refs(aggregate, key, read)
    last_readings = {path: {ref.time: ref for ref in refs.get(path, ())} for path in paths}
    events = read(sorted({ref.revision for at_path in last_readings.values() for ref in at_path.values()}))
    return {
        path: [
            RecordedStatement(
                events[ref.revision].facts[path],
                statement_interval(events[ref.revision]).before,
                ref.revision,
                path in aggregate.amended.get(ref.revision, {}),
            )
            for ref in at_path.values()
        ]
        for path, at_path in last_readings.items()
    }


def has_one_statement(aggregate: Aggregate, path: str, key: SourceKey) -> bool:
    """Return whether a source has stated only one thing at a path, which was not corrected: cheap to tell."""
    return not aggregate.amended and len(aggregate.sequences.get(path, {}).get(" ".join(key), ())) <= 1


def statement_times(
    aggregate: Aggregate, path: str, key: SourceKey, moment: datetime, read: ReadEvents
) -> list[tuple[datetime, int]]:
    """Return the times of a source's statements at a path, and the revisions of their events, oldest first.

    They are complete from the last statement before a moment on.
    """
    refs = list(aggregate.sequences.get(path, {}).get(" ".join(key), ()))
    refs = refs or [_implied_ref(claim) for claim in aggregate.claims.get(path, ()) if claim.key == key]
    if _needs_older(refs, StatementRef(to_microseconds(moment), aggregate.revision + 1)):
        refs = _scan_refs(aggregate, key, read).get(path, [])
    return [(from_microseconds(ref.time), ref.revision) for ref in refs if ref.revision]


def _needs_older(refs: list[StatementRef], end: StatementRef) -> bool:
    """Return whether the last statement until a moment is among the older ones, to which the state does not refer."""
    return bool(refs) and not refs[0].revision and (len(refs) < 2 or refs[1] > end)


def _scan_refs(aggregate: Aggregate, key: SourceKey, read: ReadEvents) -> dict[str, list[StatementRef]]:
    """Return path → all live statements of a source, also those that a correction dropped, from the whole stream."""
    live = [revision for revision in range(1, aggregate.revision + 1) if revision not in aggregate.withdrawn]
    found: dict[str, list[StatementRef]] = {}
    for revision, event in read(live).items():
        if source_key(event) == key:
            ref = StatementRef(to_microseconds(statement_interval(event).before), revision)
            for path in event.facts:
                if not is_reverted(aggregate, revision, path, read):
                    insort(found.setdefault(path, []), ref)
    return found


def _claims_by_path(aggregate: Aggregate, key: SourceKey) -> dict[str, Claim]:
    return {path: claim for path, claims in aggregate.claims.items() for claim in claims if claim.key == key}


def _statement_refs(aggregate: Aggregate, key: SourceKey, read: ReadEvents) -> dict[str, list[StatementRef]]:
    """Return path → the source's statements by time, those included that a correction dropped."""
    sequence_key = " ".join(key)
    found = {path: [_implied_ref(claim)] for path, claim in _claims_by_path(aggregate, key).items()}
    for path, by_key in aggregate.sequences.items():
        if sequence_key in by_key:
            found[path] = list(by_key[sequence_key])
    amended = [revision for revision in aggregate.amended if revision not in aggregate.withdrawn]
    for revision, event in (read(amended) if amended else {}).items():
        if source_key(event) != key:
            continue
        ref = StatementRef(to_microseconds(statement_interval(event).before), revision)
        for path in aggregate.amended[revision].keys() & event.facts.keys():
            refs = found.setdefault(path, [])
            index = bisect_left(refs, ref)
            is_listed = index < len(refs) and refs[index] == ref
            if not is_listed and not is_reverted(aggregate, revision, path, read):
                insort(refs, ref)
    return found


def _implied_ref(claim: Claim) -> StatementRef:
    return StatementRef(to_microseconds(claim.before), claim.revision)


def _is_claim(
    aggregate: Aggregate, claim: Claim | None, ref: StatementRef, refs: list[StatementRef], path: str
) -> bool:
    """Return whether the source's claim says what a statement says: it is the last one, and was not corrected."""
    return claim is not None and ref == refs[-1] and path not in aggregate.amended.get(ref.revision, {})
