"""What is overdue: not done although its due date, with all its days, has passed.

Milestones decide for a commitment that has any; otherwise its own due date and its completion do. What was withdrawn is
not overdue, and what has no due date cannot be.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import NamedTuple

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.milestone_number import milestone_numbers
from ogpgraph.domain.review import choose_rating, ratings_of
from ogpgraph.domain.values import last_day
from ogpgraph.domain.vocabulary import CommitmentStatus, Indicator, MilestoneStatus, RatingValue

DONE_MILESTONES = frozenset({MilestoneStatus.COMPLETE, MilestoneStatus.WITHDRAWN})
"""The statuses of milestones that cannot be overdue."""


class OverdueBasis(StrEnum):
    """What it is judged by whether a commitment is overdue."""

    MILESTONES = "MILESTONES"
    COMMITMENT = "COMMITMENT"


class Overdue(NamedTuple):
    """Why a commitment is overdue: by what, since which due date (the earliest), and which milestones."""

    basis: OverdueBasis
    due: str
    milestones: tuple[str, ...] = ()


def has_passed(due: str, day: int) -> bool:
    """Return whether a due date, a partial date, has passed on a day, which is given by its ordinal."""
    return last_day(due) < day


def find_overdue(commitment: Aggregate, today: date) -> Overdue | None:
    """Return why a commitment is overdue on a day, None if it is not."""
    if commitment.value("status") == CommitmentStatus.WITHDRAWN:
        return None
    day = today.toordinal()
    if numbers := milestone_numbers(commitment):
        late = {number: due for number in numbers if (due := _late_due_date(commitment, number, day))}
        return Overdue(OverdueBasis.MILESTONES, min(late.values(), key=last_day), tuple(late)) if late else None
    due = commitment.string("endsOn")
    completion = choose_rating(ratings_of(commitment, Indicator.COMPLETION))
    is_complete = completion is not None and completion.rating.value is RatingValue.COMPLETE
    return Overdue(OverdueBasis.COMMITMENT, due) if due and has_passed(due, day) and not is_complete else None


def _late_due_date(commitment: Aggregate, number: str, day: int) -> str | None:
    due, status = (commitment.string(f"milestones/{number}/{name}") for name in ("endsOn", "status"))
    return due if due and status not in DONE_MILESTONES and has_passed(due, day) else None
