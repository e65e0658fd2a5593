"""Tags follow the changes of an aggregate, wherever one begins to follow them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count, pairwise

import pytest
from hypothesis import Phase, given, settings
from msgspec import structs

from ogpgraph.domain.aggregate import Aggregate, Claim
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.readings import Readings
from ogpgraph.domain.timeline import Timeline
from ogpgraph.domain.values import TextListValue, TextValue
from ogpgraph.readmodel.tag_rules import DerivedRule
from ogpgraph.readmodel.tags import AggregateTags, code_of, compute_tags
from tests.conftest import SystemFactory
from tests.readmodel.histories import Step, histories, record_history
from tests.readmodel.replay import iter_replay

pytestmark = pytest.mark.slow
NAMES = count()
A_FEW = settings(max_examples=6, phases=[Phase.generate])


def list_states(make_system: SystemFactory, history: list[Step]) -> Iterable[list[Timeline]]:
    """Record a history; returns the states of each stream, beginning with the empty one."""
    system = make_system(f"log-{next(NAMES)}")
    record_history(system, history)
    states: dict[str, list[Timeline]] = {}
    for _, replay, logged in iter_replay(system):
        of_stream = states.setdefault(logged.stream, [Timeline(Aggregate(logged.stream))])
        of_stream.append(replay.timelines[logged.stream])
    return states.values()


@A_FEW
@given(history=histories)
def test_what_changes_between_two_states_is_the_difference_of_all_their_tags(
    make_system: SystemFactory, history: list[Step]
) -> None:
    for states in list_states(make_system, history):
        followed = AggregateTags(states[0].aggregate.type)
        for before, after in pairwise(states):
            for tags in (followed, AggregateTags(after.aggregate.type)):
                paths = before.aggregate.claims.keys() | after.aggregate.claims.keys()
                changed = {path for path in paths if _claims_at(before, path) != _claims_at(after, path)}
                difference = tags.move(
                    Readings(before),
                    Readings(after),
                    changed,
                    was_listed=bool(code_of(before.aggregate)),
                    is_listed=bool(code_of(after.aggregate)),
                )
                assert set(difference.ended) == compute_tags(before) - compute_tags(after)
                assert set(difference.begun) == compute_tags(after) - compute_tags(before)
                assert len(difference.begun) == len(set(difference.begun))


def _claims_at(timeline: Timeline, path: str) -> tuple[object, object]:
    return timeline.aggregate.claims.get(path), timeline.earlier.get(path)


@A_FEW
@given(history=histories)
def test_a_dimension_that_reads_no_texts_is_the_same_for_other_texts(
    make_system: SystemFactory, history: list[Step]
) -> None:
    for states in list_states(make_system, history):
        aggregate = states[-1].aggregate
        claims = {path: tuple(map(_with_other_text, at_path)) for path, at_path in aggregate.claims.items()}
        for dimension in AGGREGATE_TYPES[aggregate.type].dimensions:
            if not dimension.reads_texts:
                other = Aggregate(aggregate.id, aggregate.revision, claims)
                assert set(dimension.compute(other)) == set(dimension.compute(aggregate))


def _with_other_text(claim: Claim) -> Claim:
    match claim.value:
        case TextValue():
            return structs.replace(claim, value=structs.replace(claim.value, text="f" * 64))
        case TextListValue():
            return structs.replace(claim, value=TextListValue(("f" * 64,)))
        case _:
            return claim


@A_FEW
@given(history=histories)
def test_a_dimension_that_does_not_name_its_groups_is_the_same_for_a_group_with_another_name(
    make_system: SystemFactory, history: list[Step]
) -> None:
    for states in list_states(make_system, history):
        aggregate = states[-1].aggregate
        for dimension in AGGREGATE_TYPES[aggregate.type].dimensions:
            rule = DerivedRule(dimension, is_dated=True)
            groups = {group for path in aggregate.claims if (group := rule.find_group(path))}
            for group in groups if not dimension.names_groups else ():
                own = {path: at for path, at in aggregate.claims.items() if rule.find_group(path) == group}
                other = {_rename_group(path, group): claims for path, claims in own.items()}
                assert set(rule.shorten(list(own))) == set(rule.shorten(list(other)))
                tags, of_other = (
                    set(dimension.compute(Aggregate(aggregate.id, aggregate.revision, claims)))
                    for claims in (own, other)
                )
                assert tags == of_other


def _rename_group(path: str, group: str) -> str:
    return "/".join("another" if segment == group else segment for segment in path.split("/"))
