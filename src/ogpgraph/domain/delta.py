"""What one event changes in the state of its aggregate, and how a change is applied to a state, or undone.

The fold derives it. Whoever has the states before and the deltas, in memory or in rows, needs no event.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from msgspec import Struct

from ogpgraph.domain.aggregate import Aggregate, Claim, StatementRef, select_current
from ogpgraph.domain.values import Value

V = TypeVar("V")
_FEW_CLAIMS = 2
SequenceChanges = dict[str, dict[str, tuple[tuple[StatementRef, ...], tuple[StatementRef, ...]]]]
"""Path → source key → the references of statements that were removed and added."""


class Delta(Struct, frozen=True, array_like=True, omit_defaults=True):
    """What one event changed in the state of its aggregate.

    `claims` is path → the claims before and after: of many only those that changed and the current ones, so that a
    delta does not grow with the number of sources that state something at a path. `superseded` is path → before and
    after of what is stated there by a statement that is not its source's latest, where no claim has another value. Of
    `withdrawn` and `amended` it has the changed items, as they are afterwards.
    """

    revision: int
    claims: dict[str, tuple[tuple[Claim, ...], tuple[Claim, ...]]] = {}
    sequences: SequenceChanges = {}
    withdrawn: dict[int, tuple[int, ...]] = {}
    amended: dict[int, dict[str, tuple[int, ...]]] = {}
    superseded: dict[str, tuple[Value | None, Value | None]] = {}


def apply_delta(aggregate: Aggregate, delta: Delta) -> Aggregate:
    """Return an aggregate after a change."""
    claims = dict(aggregate.claims)
    _change_claims(claims, delta)
    after = Aggregate(
        aggregate.id,
        delta.revision,
        claims,
        _apply_sequences(aggregate, delta) if delta.sequences else aggregate.sequences,
        _merge(aggregate.withdrawn, delta.withdrawn),
        _merge(aggregate.amended, delta.amended),
    )
    if "current_claims" in aggregate.__dict__:
        # Computing it again would sort all paths, of which one event changes only a few.
        after.__dict__["current_claims"] = _update_current_claims(aggregate.current_claims, claims, delta.claims)
    return after


def apply_claims(aggregate: Aggregate, deltas: Sequence[Delta]) -> Aggregate:
    """Return the claims of an aggregate after several changes, without what only the fold of later events needs."""
    if not deltas:
        return aggregate
    claims = dict(aggregate.claims)
    for delta in deltas:
        _change_claims(claims, delta)
    return _with_claims(aggregate, deltas[-1].revision, claims, deltas)


def undo_claims(aggregate: Aggregate, deltas: Sequence[Delta]) -> Aggregate:
    """Return the claims of an aggregate before its last changes, of which there is at least one, in their order.

    It is what `apply_claims` gave before them: a delta has the claims before, wherever it has those after.
    """
    claims = dict(aggregate.claims)
    for delta in reversed(deltas):
        for path, (before, after) in delta.claims.items():
            _put(claims, path, exchange_claims(claims.get(path, ()), after, before))
    return _with_claims(aggregate, deltas[0].revision - 1, claims, deltas)


def _with_claims(
    aggregate: Aggregate, revision: int, claims: dict[str, tuple[Claim, ...]], deltas: Iterable[Delta]
) -> Aggregate:
    """Return an aggregate as readers have it, with claims that differ where some deltas change any."""
    changed = Aggregate(aggregate.id, revision, claims)
    if "current_claims" in aggregate.__dict__:
        # Computing it again would sort all paths, of which the events in between changed only a few.
        paths = dict.fromkeys(path for delta in deltas for path in delta.claims)
        changed.__dict__["current_claims"] = _update_current_claims(aggregate.current_claims, claims, paths)
    return changed


def _change_claims(claims: dict[str, tuple[Claim, ...]], delta: Delta) -> None:
    for path, (before, after) in delta.claims.items():
        _put(claims, path, exchange_claims(claims.get(path, ()), before, after))


def select_changed_claims(
    path: str, before: tuple[Claim, ...], after: tuple[Claim, ...]
) -> tuple[tuple[Claim, ...], tuple[Claim, ...]]:
    """Return the claims that changed at a path and those that are current, before and after."""
    if len(before) <= _FEW_CLAIMS and len(after) <= _FEW_CLAIMS:
        return before, after
    current = (select_current(path, before), select_current(path, after))
    keys = {claim.key for claim in set(before) ^ set(after)} | {claim.key for claim in current if claim}
    return tuple(each for each in before if each.key in keys), tuple(each for each in after if each.key in keys)


def exchange_claims(
    claims: tuple[Claim, ...], before: tuple[Claim, ...], after: tuple[Claim, ...]
) -> tuple[Claim, ...]:
    """Return the claims at a path with those of a delta in place of those that they replace."""
    if len(claims) <= len(before):
        return after
    replaced = {claim.key for claim in (*before, *after)}
    kept = [claim for claim in claims if claim.key not in replaced]
    return tuple(sorted((*kept, *after), key=lambda each: each.key))


def compare_sequences(
    known: tuple[StatementRef, ...], kept: tuple[StatementRef, ...]
) -> tuple[tuple[StatementRef, ...], tuple[StatementRef, ...]]:
    """Return the references that were removed and added; nearly always one is appended."""
    if kept[: len(known)] == known:
        return (), kept[len(known) :]
    removed, added = set(known) - set(kept), set(kept) - set(known)
    return tuple(sorted(removed)), tuple(sorted(added))


def _apply_sequences(aggregate: Aggregate, delta: Delta) -> dict[str, dict[str, tuple[StatementRef, ...]]]:
    sequences = dict(aggregate.sequences)
    for path, changes in delta.sequences.items():
        by_key = dict(sequences.get(path, {}))
        for key, (removed, added) in changes.items():
            _put(by_key, key, _change_sequence(by_key.get(key, ()), removed, added))
        _put(sequences, path, by_key)
    return sequences


def _change_sequence(
    refs: tuple[StatementRef, ...], removed: tuple[StatementRef, ...], added: tuple[StatementRef, ...]
) -> tuple[StatementRef, ...]:
    if not removed and (not refs or added[0] > refs[-1]):
        return refs + added
    return tuple(sorted((set(refs) - set(removed)) | set(added)))


def _put(mapping: dict[str, V], key: str, value: V) -> None:
    """Set an item, or remove it if the value is empty."""
    if value:
        mapping[key] = value
    else:
        mapping.pop(key, None)


def _merge(known: dict[int, V], changed: dict[int, V]) -> dict[int, V]:
    """Return a mapping with changed items, without those that became empty."""
    return {key: value for key, value in (known | changed).items() if value} if changed else known


def _update_current_claims(
    current: dict[str, Claim],
    claims: dict[str, tuple[Claim, ...]],
    changed: Iterable[str],
) -> dict[str, Claim]:
    updated = dict(current)
    for path in changed:
        if (claim := select_current(path, claims.get(path, ()))) is not None:
            updated[path] = claim
        else:
            updated.pop(path, None)
    return updated if updated.keys() == current.keys() else dict(sorted(updated.items()))
