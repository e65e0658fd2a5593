"""The fold: what one event changes in the state of its aggregate, with the statements and amendments of older events.

What one event states at one path for one source is a *statement*: a value, or null where the source no longer states
one, and the interval in which it became so. Of a source's live statements at a path the latest, by time and then by
revision, is the source's claim. An *amendment* refers to older events of the stream: it withdraws them, or gives a path
another value. An event is live unless a live event withdraws it; since amendments refer to older events only, there are
no cycles. So the order in which statements are recorded and withdrawn makes no difference to the state.

The write side (to decide) and the projector (to write rows) use the same functions, so they cannot disagree about what
an event means. Superseded values are read from the stream, and only where an amendment or an older statement needs
them: the cost of an event does not grow with the length of its stream.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from msgspec import structs

from ogpgraph.clock import from_microseconds
from ogpgraph.domain.aggregate import Aggregate, Claim, SourceKey, StatementRef, select_current
from ogpgraph.domain.delta import Delta, SequenceChanges, apply_delta, compare_sequences, select_changed_claims
from ogpgraph.domain.event import Event, Facts
from ogpgraph.domain.live_statements import LiveStatements, ReadEvents, no_events
from ogpgraph.domain.statement import (
    claim_of,
    is_within_day,
    narrow,
    select_visible_claims,
    source_key,
    statement_interval,
)
from ogpgraph.domain.values import Interval, Value, day_of

_MAX_SEQUENCE = 24
"""How many statements of a source at a path the state refers to; the oldest half is dropped where there are more."""


def evolve(aggregate: Aggregate, event: Event, read: ReadEvents = no_events) -> Aggregate:
    """Return an aggregate after one more event of its stream."""
    return apply_delta(aggregate, derive_delta(aggregate, event, read))


def replay(stream: str, events: Iterable[Event]) -> Aggregate:
    """Return the aggregate of a stream after these events, which begin with its first."""
    aggregate, replayed = Aggregate(stream), dict[int, Event]()

    def read(revisions: Collection[int]) -> Mapping[int, Event]:
        return {revision: replayed[revision] for revision in revisions}

    for event in events:
        aggregate = evolve(aggregate, event, read)
        replayed[event.revision] = event
    return aggregate


def derive_delta(aggregate: Aggregate, event: Event, read: ReadEvents) -> Delta:
    """Return what one more event of its stream changes in an aggregate."""
    if states_only_new(aggregate, event):
        return derive_first_claims(event)
    fold = Fold(aggregate, event, read)
    fold.activate()
    return fold.delta()


def states_only_new(aggregate: Aggregate, event: Event) -> bool:
    """Return whether an event only states something, and at paths where nothing is stated, as most events do."""
    return not event.is_amendment and aggregate.claims.keys().isdisjoint(event.facts)


def derive_first_claims(event: Event) -> Delta:
    """Return what an event changes that states only what is new: no other statement has to be known for it."""
    interval, revision = statement_interval(event), event.revision
    return Delta(
        revision, {path: ((), (claim_of(event, value, interval, revision),)) for path, value in event.facts.items()}
    )


def amended_value(aggregate: Aggregate, event: Event, path: str, read: ReadEvents) -> Value | None:
    """Return what an event of an aggregate states at a path as amended; None also if an amendment dropped that."""
    amending = aggregate.amended.get(event.revision, {}).get(path)
    if not amending:
        return event.facts[path]
    return read(amending[-1:])[amending[-1]].amends[event.revision][path]


def effective_facts(aggregate: Aggregate, event: Event, read: ReadEvents) -> Facts:
    """Return the facts of an event that add something: to the present, to what its source states, or to the past."""
    if states_only_new(aggregate, event):
        return {path: value for path, value in event.facts.items() if value is not None}
    fold = Fold(aggregate, event, read)
    return {path: value for path, value in event.facts.items() if fold.adds(path, value)}


class Newest(NamedTuple):
    """A source's claim at a path before and after an event that states the latest there, and all that it states."""

    before: Claim | None
    after: Claim

    @property
    def is_later_claim(self) -> bool:
        """Return whether another claim of the source precedes the latest since the event."""
        return self.before is not None and self.after.before != self.before.before


class Fold:
    """The changes that one event makes, collected until the delta is complete.

    What a plain event states last follows from the event and the claim before alone. That is nearly always so. Where it
    states something older, and for amendments, the sequence of the source's statements decides.
    """

    def __init__(self, aggregate: Aggregate, event: Event, read: ReadEvents) -> None:
        self._aggregate = aggregate
        self._event = event
        self._live = LiveStatements(aggregate, event, read)
        self._key = source_key(event)
        self._interval = statement_interval(event)
        self._ref = self._live.ref_of(event)
        self._touched: dict[tuple[str, SourceKey], Newest | None] = {}
        self._sequences: dict[tuple[str, SourceKey], list[StatementRef]] = {}
        self._sequence_changes: SequenceChanges = {}
        self._refreshed: dict[str, set[int]] = defaultdict(set)

    # Events become live and cease to be live

    def activate(self) -> None:
        """Let the event take effect: what it withdraws, what it amends, and what it states."""
        if self._event.is_amendment:
            self._set_live(self._event, is_live=True)
            return
        for path, value in self._event.facts.items():
            if not self._append(path, value):
                self._refresh(self._event.revision, path)

    def _append(self, path: str, value: Value | None) -> bool:
        """Append what the event states at a path to the sequence of its source; returns whether it is the latest."""
        key, ref, before = self._key, self._ref, self._live.claim(path, self._key)
        stated = claim_of(self._event, value, self._interval, self._event.revision)
        if before is None:
            self._touched[path, key] = Newest(None, stated)
            return True
        stored = self._aggregate.sequences.get(path, {}).get(" ".join(key), ())
        known = stored or tuple(self._live.implied_refs(before))
        last, is_observed = known[-1], self._live.is_observed(key)
        is_read_again = is_observed and last.time == ref.time
        if last > ref or is_read_again or not last.revision:
            return False
        if not is_observed:
            after = stated
        elif before.value == value:
            after = before
        else:
            after = narrow(stated, structs.replace(before, before=from_microseconds(last.time)))
        self._touched[path, key] = Newest(before, after)
        kept = tuple(_shorten([*known, ref]))
        self._sequence_changes.setdefault(path, {})[" ".join(key)] = compare_sequences(stored, kept)
        return True

    def _set_live(self, event: Event, *, is_live: bool) -> None:
        change = _include if is_live else _exclude
        for target in event.withdraws:
            withdrawing = self._live.withdrawing(target)
            self._live.withdrawn[target] = change(withdrawing, event.revision)
            if bool(withdrawing) != bool(self._live.withdrawn[target]):
                self._set_live(self._live.event_at(target), is_live=not is_live)
        for target, facts in event.amends.items():
            for path in facts:
                self._live.amended[target][path] = change(self._live.amending(target, path), event.revision)
                self._refresh(target, path)
        for path in event.facts:
            self._refresh(event.revision, path)

    def _refresh(self, revision: int, path: str) -> None:
        """Add the statement of an event at a path to its sequence, or remove it, as it is live or not."""
        event = self._live.event_at(revision)
        if path not in event.facts:
            return
        self._refreshed[path].add(revision)
        key, ref = source_key(event), self._live.ref_of(event)
        self._touched[path, key] = None
        sequence = self._sequence(path, key)
        if len(sequence) > 1 and not sequence[0].revision and ref < sequence[1] and ref.time <= sequence[0].time:
            return  # one of the older statements, which the state does not refer to
        index = bisect_left(sequence, ref)
        if index < len(sequence) and sequence[index] == ref:
            del sequence[index]
        if self._live.is_live(revision) and not self._live.is_dropped(revision, path):
            insort(sequence, ref)
        if len(sequence) == 1 and not sequence[0].revision:
            sequence[:] = self._live.scan_sequence(path, key)

    # Earlier claims

    def touched(self) -> Mapping[tuple[str, SourceKey], Newest | None]:
        """Return where statements were added, removed or amended: the paths and the sources."""
        return self._touched

    def earlier_claims(self, path: str, key: SourceKey, known: tuple[Claim, ...]) -> tuple[Claim, ...]:
        """Return the claims of a source that precede its latest, of which `known` were there before the event.

        Of those of one day only the first and the last are among them: dates are days.
        """
        if newest := self._touched[path, key]:
            if newest.before is None or not newest.is_later_claim:
                return known
            is_shown = not known or day_of(known[-1].before) < day_of(newest.after.before)
            return (*known, newest.before) if is_shown else known
        latest = self._claim_after(path, key)
        if latest is None:
            return ()
        refs = [self._live.ref_at(revision) for revision in self._refreshed[path]]
        if not self._live.is_observed(key) and all(is_within_day(ref.time, (*known, latest)) for ref in refs):
            return known
        return select_visible_claims(self._live.derive_claims(path, key, self._sequences[path, key]))

    # Sequences

    def _sequence(self, path: str, key: SourceKey) -> list[StatementRef]:
        """Return the references of a source's live statements at a path, by time; changes of the list are collected."""
        if (path, key) not in self._sequences:
            self._sequences[path, key] = list(self._live.known_sequence(path, key))
        return self._sequences[path, key]

    # What an event adds

    def adds(self, path: str, value: Value | None) -> bool:
        """Return whether the event's fact at a path adds something to what is known."""
        key, ref, interval = self._key, self._ref, self._interval
        claim, known = self._live.claim(path, key), self._live.known_sequence(path, key)
        if not known or ref > known[-1]:
            # A source that begins to say what a correction says has changed: the correction may be reverted.
            is_corrected = (
                bool(known) and self._live.is_observed(key) and bool(self._live.amending(known[-1].revision, path))
            )
            is_changed = is_corrected or (claim.value if claim else None) != value
            return is_changed or self._changes_current(path, key, value)
        index = bisect_left(known, ref)
        if index == 0 or not known[index - 1].revision:
            return True
        later = self._live.statement(known[index], path)
        is_repeated = self._live.statement(known[index - 1], path).value == value
        is_known_until_then = later.value == value or (later.after is not None and later.after >= interval.before)
        return not (is_repeated and is_known_until_then)

    def _changes_current(self, path: str, key: SourceKey, value: Value | None) -> bool:
        """Return whether repeating its source's value makes it current again: a person's later statement does."""
        if self._live.is_observed(key):
            return False
        claims = self._aggregate.claims.get(path, ())
        stated_at = Interval(before=self._interval.before)
        repeated = claim_of(self._event, value, stated_at, self._event.revision)
        current, after = select_current(path, claims), select_current(path, _replace(claims, key, repeated))
        return (current and current.value) != (after and after.value)

    # The delta

    def delta(self) -> Delta:
        """Return what changed."""
        claims: dict[str, tuple[Claim, ...]] = {}
        for (path, key), newest in self._touched.items():
            before = claims.get(path, self._aggregate.claims.get(path, ()))
            claims[path] = _replace(before, key, newest.after if newest else self._claim_after(path, key))
        changed = {
            path: select_changed_claims(path, before, after)
            for path, after in claims.items()
            if (before := self._aggregate.claims.get(path, ())) != after
        }
        for path, key in self._sequences:
            self._change_sequence(path, key)
        amended = {revision: self._amendments_after(revision, paths) for revision, paths in self._live.amended.items()}
        superseded = dict(self._superseded_changes(changed))
        return Delta(self._event.revision, changed, self._sequence_changes, self._live.withdrawn, amended, superseded)

    def _change_sequence(self, path: str, key: SourceKey) -> None:
        sequence, text = self._sequences[path, key], " ".join(key)
        known = self._aggregate.sequences.get(path, {}).get(text, ())
        implied = self._live.implied_refs(self._claim_after(path, key))
        if known != (kept := () if sequence == implied else tuple(_shorten(sequence))):
            self._sequence_changes.setdefault(path, {})[text] = compare_sequences(known, kept)

    def _superseded_changes(
        self, changed: Mapping[str, tuple[tuple[Claim, ...], tuple[Claim, ...]]]
    ) -> Iterator[tuple[str, tuple[Value | None, Value | None]]]:
        """Yield path → before and after of the latest statement that changed, where no claim has another value."""
        for (path, _), newest in self._touched.items():
            if newest:
                if newest.before and newest.before.value == newest.after.value is not None:
                    yield path, (None, newest.after.value)
                continue
            before, after = ({claim.key: claim.value for claim in claims} for claims in changed.get(path, ((), ())))
            if before == after:
                latest = max(self._refreshed[path], key=self._live.ref_at)
                old, new = self._value_before(latest, path), self._value_after(latest, path)
                if old != new:
                    yield path, (old, new)

    def _value_before(self, revision: int, path: str) -> Value | None:
        if revision == self._event.revision or self._aggregate.withdrawn.get(revision):
            return None
        return self._live.value(revision, path, self._aggregate.amended.get(revision, {}).get(path, ()))

    def _value_after(self, revision: int, path: str) -> Value | None:
        live = self._live
        return live.value(revision, path, live.amending(revision, path)) if live.is_live(revision) else None

    def _amendments_after(self, revision: int, changes: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        after = self._aggregate.amended.get(revision, {}) | changes
        return {path: amending for path, amending in after.items() if amending}

    def _claim_after(self, path: str, key: SourceKey) -> Claim | None:
        """Return the claim of a source after the event, where its sequence decides."""
        return self._live.derive_claim(path, key, self._sequences[path, key])


def _include(revisions: tuple[int, ...], revision: int) -> tuple[int, ...]:
    return tuple(sorted({*revisions, revision}))


def _exclude(revisions: tuple[int, ...], revision: int) -> tuple[int, ...]:
    return tuple(each for each in revisions if each != revision)


def _replace(claims: tuple[Claim, ...], key: SourceKey, claim: Claim | None) -> tuple[Claim, ...]:
    if not claims:  # most paths have one claim only
        return (claim,) if claim else ()
    others = [each for each in claims if each.key != key]
    return tuple(sorted([*others, claim] if claim else others, key=lambda each: each.key))


def _shorten(sequence: list[StatementRef]) -> list[StatementRef]:
    """Return a sequence in which the older half of too many statements is represented by the last of them."""
    if len(sequence) <= _MAX_SEQUENCE:
        return sequence
    dropped = sequence[: len(sequence) // 2]
    return [StatementRef(dropped[-1].time, 0), *sequence[len(dropped) :]]
