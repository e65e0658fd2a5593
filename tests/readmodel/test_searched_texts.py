"""The rows of searched texts are what the states say, at every position and on every day."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import Phase, given, settings

from ogpgraph.domain.as_of import cut
from ogpgraph.domain.readings import Readings
from ogpgraph.domain.timeline import Timeline, last_instant
from ogpgraph.domain.values import value_text_references
from ogpgraph.readmodel import searched_texts
from ogpgraph.readmodel.index import PRESENT_DAY
from ogpgraph.readmodel.searched_texts import find_searched_field
from ogpgraph.readmodel.tags import code_of
from tests.conftest import BOTH_ENGINES, SystemFactory
from tests.readmodel.histories import Step, histories, record_history
from tests.readmodel.replay import iter_replay, turning_days

pytestmark = pytest.mark.slow
NAMES = count()
_SELECT_VALID = (
    "select s.id, m.value as path, x.reference, x.since from searched_text x join stream s on s.key = x.stream "
    "join term m on m.key = x.path where x.since <= :at and :at < x.until and x.first_day <= :day and :day < x.end_day"
)


@BOTH_ENGINES
@settings(max_examples=4, phases=[Phase.generate])
@given(history=histories)
def test_at_every_position_and_day_the_rows_are_the_texts_of_the_states(
    make_system: SystemFactory, history: list[Step]
) -> None:
    system = make_system(f"log-{next(NAMES)}")
    record_history(system, history)
    with system.read_session() as session:
        for position, replay, _ in iter_replay(system):
            timelines = list(replay.timelines.values())
            turning = {day for each in timelines for path in each.aggregate.claims for day in turning_days(each, path)}
            for day in [PRESENT_DAY, *sorted(turning)[:3], *sorted(turning)[-3:]]:
                rows = session.transaction.fetch_all(_SELECT_VALID, at=position, day=day)
                found = {(row["id"], row["path"], bytes(row["reference"]).hex()) for row in rows}
                assert found == {each for timeline in timelines for each in _expected_texts(timeline, day)}


def _expected_texts(timeline: Timeline, day: int) -> set[tuple[str, str, str]]:
    if not code_of(timeline.aggregate):
        return set()
    state = timeline.aggregate if day == PRESENT_DAY else cut(timeline, last_instant(day)).aggregate
    return {
        (state.id, path, reference)
        for path, claim in state.current_claims.items()
        if find_searched_field(state.type, path)
        for reference in value_text_references(claim.value)
    }


@settings(max_examples=4, phases=[Phase.generate])
@given(history=histories)
def test_what_one_claim_says_is_derived_as_what_several_say(make_system: SystemFactory, history: list[Step]) -> None:
    system = make_system(f"log-{next(NAMES)}")
    record_history(system, history)
    for _, replay, _ in iter_replay(system):
        for timeline in replay.timelines.values():
            aggregate = timeline.aggregate
            for path in aggregate.claims:
                if (field := find_searched_field(aggregate.type, path)) and code_of(aggregate):
                    related = [each for each in aggregate.claims if each.startswith(field.prefix)]
                    paths = related if field.is_required else [path]
                    readings = Readings(timeline)
                    general = frozenset(searched_texts.derive_dated_texts(readings, path, paths))
                    assert searched_texts.searched_texts(readings, [path]) == general
