"""Objects by their ids: things, entries, and parts of things, each of which is in a list of its thing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from ogpgraph.domain.state_id import StateId
from ogpgraph.graphql.part import Node, Part
from ogpgraph.graphql.subject import Entry, Source, Subject
from ogpgraph.graphql.types import ActionPlan, Commitment
from ogpgraph.readmodel.snapshot import Snapshot


def find_node(snapshot: Snapshot, state_id: StateId) -> Node | None:
    """Return what an id stands for in a snapshot, None if that has no such thing or part."""
    state = snapshot.find(state_id.stream)
    if state is None:
        is_entry_id = state_id == StateId(state_id.stream)
        entry = snapshot.find_entry_by_event(state_id.stream) if is_entry_id else None
        return Entry.of(entry, snapshot) if entry else None
    subject = Subject.of(state, snapshot)
    if not state_id.path:
        return subject
    parts = iter_parts(subject, state_id.path.partition("/")[0])
    return next((each for each in parts if each.locate() == state_id.path), None)


def iter_parts(owner: Subject, name: str) -> Iterable[Part]:
    """Return the parts of a thing whose paths begin with a segment; none if there is no such list."""
    owner_type, list_parts = _PART_LISTS.get(name, (Subject, _no_parts))
    return list_parts(owner) if isinstance(owner, owner_type) else ()


def _milestones_and_updates(commitment: Commitment) -> Iterable[Part]:
    for milestone in commitment.milestones():
        yield milestone
        yield from milestone.updates()


def _narratives_in_all_languages(commitment: Commitment) -> Iterable[Part]:
    paths = (path for path, _ in commitment.state.claims_under("narratives/"))
    for language in sorted({path.rpartition("/")[2] for path in paths}):
        yield from commitment.narratives(language)


def _no_parts(_owner: Subject) -> Iterable[Part]:
    return ()


_PART_LISTS: Final[Mapping[str, tuple[type[Subject], Callable[[Any], Iterable[Part]]]]] = {
    "blame": (Subject, Subject.blame),
    "claims": (Subject, Subject.claims),
    "localizedTexts": (Subject, Subject.localized_texts),
    "unknown": (Subject, Subject.unknown),
    "coCreation": (ActionPlan, ActionPlan.co_creation),
    "observations": (Source, Source.observations),
    "milestones": (Commitment, _milestones_and_updates),
    "narratives": (Commitment, _narratives_in_all_languages),
    "ratings": (Commitment, Commitment.ratings),
    "findings": (Commitment, Commitment.findings),
    "reportYears": (Commitment, Commitment.report_years),
    "policyAreasUndetermined": (Commitment, Commitment.undetermined_policy_areas),
    "database": (Commitment, Commitment.database_columns),
}
"""First segment of the path of parts → the type that has them, and their list."""
