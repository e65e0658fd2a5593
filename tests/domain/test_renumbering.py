"""What is published under the former number of a milestone reaches the milestone."""

from __future__ import annotations

from typing import Any

import pytest

from ogpgraph.domain.renumbering import follow_renumbering
from tests.domain.events import build_aggregate, text_value

TITLE = "milestones/{}/title/en"


@pytest.mark.parametrize(
    ("links", "existing", "published", "followed"),
    [
        ({}, ["1"], ["1"], ["1"]),
        ({"1": "2"}, ["2"], ["1"], ["2"]),
        ({"1": "2", "2": "3"}, ["3"], ["1", "2"], ["3"]),
        ({"1": "2"}, ["1", "2"], ["1"], ["1"]),
        ({"1": "2", "2": "1"}, [], ["1"], ["2"]),
        ({"1": "2"}, ["2"], ["7"], ["7"]),
    ],
)
def test_a_former_number_is_followed_to_a_milestone_that_exists(
    links: dict[str, str], existing: list[str], published: list[str], followed: list[str]
) -> None:
    facts: dict[str, Any] = {f"milestones/{number}/renumberedTo": to for number, to in links.items()}
    commitment = build_aggregate((facts | {TITLE.format(number): text_value("a") for number in existing}, {}))
    values = {TITLE.format(number): number for number in published} | {"title/en": "x"}
    assert set(follow_renumbering(commitment, values)) == {"title/en", *(TITLE.format(number) for number in followed)}


def test_what_is_published_under_the_present_number_counts() -> None:
    facts: dict[str, Any] = {"milestones/1/renumberedTo": "2", TITLE.format(2): text_value("a")}
    values = {TITLE.format(2): "present", TITLE.format(1): "former"}
    for ordered in (values, dict(reversed(values.items()))):
        assert follow_renumbering(build_aggregate((facts, {})), ordered) == {TITLE.format(2): "present"}
