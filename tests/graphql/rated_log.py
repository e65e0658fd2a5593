"""A record of two members with six commitments whose ratings change over two years, for filters and counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ogpgraph.domain import commitment as commitment_commands
from ogpgraph.domain import member as member_commands
from ogpgraph.domain import review as review_commands
from ogpgraph.domain.event import Facts
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.domain.values import Rating
from ogpgraph.domain.vocabulary import Indicator, RatingState, RatingValue, Stage
from ogpgraph.system import System
from tests.conftest import TickingClock
from tests.graphql.example_log import command_context

COMMITMENTS: dict[str, Facts] = {
    "FR0001": {"cycle": 2015, "status": "INACTIVE", "policyAreas": ("Open Data", "Justice"), "endsOn": "2017-06"},
    "FR0002": {"cycle": 2015, "status": "INACTIVE", "policyAreas": ("Justice",)},
    "FR0010": {"cycle": 2018, "status": "ACTIVE", "policyAreas": ("Open Data",), "endsOn": "2019/.."},
    "FR0011": {"cycle": 2018, "policyAreas": ("Gender",), "endsOn": "2018-S2"},
    "KE0001": {"cycle": 2018, "status": "ACTIVE"},
    "KE0002": {"cycle": 2020, "status": "ACTIVE", "policyAreas": ("Open Data",)},
}
TITLES = {
    "FR0001": "Open données publiques",
    "FR0002": "Courts",
    "FR0010": "Public registers",
    "FR0011": "Équal pay",
    "KE0001": "Water",
    "KE0002": "Budget",
}
MILESTONES = {"FR0001": ("COMPLETE", "2016"), "FR0010": ("LIMITED", "2019-03"), "FR0011": (None, "2018-S2")}


def _register(uow: UnitOfWork) -> None:
    members = {
        "FR": member_commands.register_member(uow, "FRA", {"prefix": "FR", "region": "Europe"}).id,
        "KE": member_commands.register_member(uow, "KEN", {"prefix": "KE", "region": "Africa and the Middle East"}).id,
    }
    for code, facts in COMMITMENTS.items():
        known: Facts = {"member": members[code[:2]], "title/en": uow.text_value(TITLES[code]), **facts}
        if code in MILESTONES:
            status, due = MILESTONES[code]
            known |= {"milestones/1.1/title/en": uow.text_value("A step"), "milestones/1.1/endsOn": due}
            known |= {"milestones/1.1/status": status} if status else {}
        commitment_commands.register_commitment(uow, code, known)


def _rate(uow: UnitOfWork, values: dict[str, str]) -> None:
    for code, value in values.items():
        rating = Rating(RatingState.RATED, RatingValue(value))
        review_commands.record_rating(
            uow, uow.require_by_code("commitment", code), Indicator.COMPLETION, Stage.END_OF_TERM, rating
        )
    review_commands.record_rating(
        uow,
        uow.require_by_code("commitment", "FR0010"),
        Indicator.COMPLETION,
        Stage.RESULTS,
        Rating(RatingState.PENDING),
    )


def _award_star(uow: UnitOfWork) -> None:
    commitment = uow.require_by_code("commitment", "FR0001")
    star = Rating(RatingState.RATED, RatingValue.YES)
    review_commands.record_rating(uow, commitment, Indicator.STARRED, Stage.RESULTS, star)


def record_rated_commitments(system: System, clock: TickingClock) -> None:
    """Record the commitments, after a year their ratings, and after another year other ratings of two of them."""
    clock.now = datetime(2020, 3, 1, tzinfo=UTC)
    system.execute(command_context(1), _register)
    clock.now += timedelta(days=365)
    system.execute(command_context(2), lambda uow: _rate(uow, {"FR0001": "COMPLETE", "FR0002": "LIMITED"}))
    clock.now += timedelta(days=365)
    system.execute(command_context(3), lambda uow: _rate(uow, {"FR0002": "SUBSTANTIAL"}))
    system.execute(command_context(4), _award_star)
    clock.now = datetime(2022, 6, 1, tzinfo=UTC)
