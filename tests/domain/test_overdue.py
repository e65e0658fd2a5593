"""What is overdue: milestones decide for a commitment that has any, its own due date and completion otherwise."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ogpgraph.domain.overdue import Overdue, OverdueBasis, find_overdue
from ogpgraph.domain.values import Rating
from ogpgraph.domain.vocabulary import RatingState, RatingValue
from tests.domain.events import build_aggregate

TODAY = date(2020, 7, 1)
BY_ITSELF, BY_MILESTONES = OverdueBasis.COMMITMENT, OverdueBasis.MILESTONES
COMPLETE, LIMITED = (Rating(RatingState.RATED, value) for value in (RatingValue.COMPLETE, RatingValue.LIMITED))
COMPLETION = "ratings/COMPLETION/END_OF_TERM"


def milestone(number: str, due: str | None = None, status: str | None = None) -> dict[str, Any]:
    facts = {"endsOn": due, "status": status}
    return {f"milestones/{number}/{name}": value for name, value in facts.items() if value}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, None),
        ({"endsOn": "2020-06"}, Overdue(BY_ITSELF, "2020-06")),
        ({"endsOn": "2020-07"}, None),
        ({"endsOn": "2020"}, None),
        ({"endsOn": "2019/.."}, None),
        ({"endsOn": "2020-06-30", COMPLETION: LIMITED}, Overdue(BY_ITSELF, "2020-06-30")),
        ({"endsOn": "2020-06-30", COMPLETION: COMPLETE}, None),
        ({"endsOn": "2020-06-30", "status": "WITHDRAWN"}, None),
        (milestone("1", "2020-06", "LIMITED"), Overdue(BY_MILESTONES, "2020-06", ("1",))),
        (milestone("1", "2020-06"), Overdue(BY_MILESTONES, "2020-06", ("1",))),
        (milestone("1", "2020-06", "COMPLETE") | {"endsOn": "2020-06"}, None),
        (milestone("1", status="LIMITED") | {"endsOn": "2020-06"}, None),
        (
            milestone("1", "2020-06", "LIMITED") | milestone("2", "2019-Q4") | milestone("3", "2021"),
            Overdue(BY_MILESTONES, "2019-Q4", ("1", "2")),
        ),
    ],
)
def test_a_commitment_is_overdue(facts: dict[str, Any], expected: Overdue | None) -> None:
    assert find_overdue(build_aggregate((facts, {})), TODAY) == expected
