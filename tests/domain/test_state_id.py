"""Ids of states: what they name is what they are parsed to, and commands take none of them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.state_id import StateId, parse_state_id, require_plain_id

SEGMENTS = st.text("abcXYZ0189-._:", min_size=1, max_size=12)
STATE_IDS = st.builds(
    StateId,
    SEGMENTS,
    st.lists(SEGMENTS, max_size=3).map("/".join),
    st.none() | st.integers(1, 10**15 - 1),
    st.none() | st.dates(),
)


@given(STATE_IDS)
def test_an_id_is_parsed_to_what_it_names(state_id: StateId) -> None:
    assert parse_state_id(str(state_id)) == state_id
    assert parse_state_id(str(state_id.stable)) == StateId(state_id.stream, state_id.path)


@given(st.text("ax@~/-0129", max_size=16))
def test_every_text_that_can_be_parsed_is_the_one_id_of_its_state(text: str) -> None:
    try:
        state_id = parse_state_id(text)
    except ValueError:
        return
    assert str(state_id) == text


@pytest.mark.parametrize(
    ("state_id", "text"),
    [
        (StateId("plan-1"), "plan-1"),
        (StateId("plan-1", position=216), "plan-1@216"),
        (StateId("plan-1", day=date(2016, 8, 1)), "plan-1~2016-08-01"),
        (StateId("plan-1", "blame/title/en", 216, date(2016, 8, 1)), "plan-1@216~2016-08-01/blame/title/en"),
    ],
)
def test_a_state_has_its_position_and_its_day_after_the_id_of_the_thing(state_id: StateId, text: str) -> None:
    assert str(state_id) == text


@given(STATE_IDS)
def test_a_command_takes_an_id_as_it_is_or_refuses_it_as_that_of_a_state(state_id: StateId) -> None:
    text = str(state_id)
    if not state_id.qualifier:
        assert require_plain_id(text, "field") == text
        return
    with pytest.raises(Invalid, match=r"is the id of a state.*stableId") as refused:
        require_plain_id(text, "field")
    assert refused.value.path == "field"
