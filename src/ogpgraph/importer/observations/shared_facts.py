"""Records facts of members and plans: each page and each file states them for itself.

A source that lacks such a fact withdraws nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from ogpgraph.domain.action_plan import revise_action_plan
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.event import Facts, Origin
from ogpgraph.domain.member import revise_member
from ogpgraph.domain.unit_of_work import Provenance, UnitOfWork
from ogpgraph.importer.observations.differences import (
    IsCutOff,
    IsSame,
    QuoteAgain,
    SourceStatements,
    covers_none,
    is_never_cut_off,
    record_respelled,
)
from ogpgraph.importer.observations.observation import ObservationOutcome, Says, says_all

_REVISE: dict[str, tuple[str, Callable[[UnitOfWork, Aggregate, Facts, Provenance], None]]] = {
    "member": ("Member", revise_member),
    "plan": ("ActionPlan", revise_action_plan),
}
"""Type of aggregate → the beginning of its events' names, and the command that records changed facts."""


def record_shared_facts(
    uow: UnitOfWork,
    stream: str,
    facts: Facts,
    provenance: Provenance,
    outcome: ObservationOutcome,
    is_same: IsSame,
    says: Says = says_all,
    keeps: Callable[[str], bool] = covers_none,
    quote_again: QuoteAgain = SourceStatements.evidence_again,
    is_cut_off: IsCutOff = is_never_cut_off,
) -> tuple[str, ...]:
    """Record what an observation states of a member or a plan.

    `keeps` tells at which paths it counts as stating what its source stated before, if it states nothing there;
    `quote_again` tells where a later observation says facts again. Returns the paths at which the end of what was
    stated before is missing.
    """
    aggregate, origin = uow.aggregate(stream), Origin(provenance.origin)
    prefix, revise = _REVISE[aggregate.type]
    statements = SourceStatements(uow, stream, origin, outcome, says)
    kept: Facts = {
        path: known.value
        for path, known in sorted(statements.around.items())
        if path not in facts and known.value is not None and keeps(path)
    }
    changes = statements.changes(kept | facts, is_same, covers_none, is_cut_off)
    for stated, dated in statements.split_by_interval(changes.stated, provenance, is_begin_known=False):
        if outcome.is_late:
            uow.append(stream, f"{prefix}SeenEarlier", stated, dated)
            continue
        repeated = {path: value for path, value in stated.items() if aggregate.value(path) == value}
        revise(uow, aggregate, {path: value for path, value in stated.items() if path not in repeated}, dated)
        uow.append(stream, f"{prefix}Revised", repeated, dated)
    record_respelled(uow, stream, f"{prefix}SeenEarlier", changes.respelled)
    for index, again in changes.restated.items():
        later = outcome.later[index]
        values: Facts = {path: value for path, value in again.items() if value is not None}
        evidence = quote_again(statements, values, later[1])
        uow.append(stream, f"{prefix}SeenEarlier", values, outcome.provenance_of(origin, later, evidence))
    return changes.cut_off
