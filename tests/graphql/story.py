"""A small record that has something of everything: two pages, people who add to them, corrections, an older sight."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

from ogpgraph.application import Act, Basis, Session
from ogpgraph.domain.text import Made, Wordings
from ogpgraph.domain.values import Rating
from ogpgraph.domain.vocabulary import Indicator, RatingState, RatingValue, Stage
from ogpgraph.system import System
from tests.importer.pages_import.making import LIBRARIES, LIGHTHOUSE, bring

REASON = "The keeper wrote to us."


def new_ids() -> Callable[[], str]:
    """Ids that are the same every time."""
    numbers = count(1)
    return lambda: f"{next(numbers):06}"


def act(day: int, reason: str | None = None, actor: str = "account-7") -> Act:
    """What somebody does on a day of April 2021."""
    return Act(
        actor=actor,
        role="reviewer",
        time=datetime(2021, 4, day, tzinfo=UTC),
        reason=reason,
        correlation=f"request-{day}",
    )


def tell(system: System) -> None:
    """Record the story."""
    page = LIGHTHOUSE.read_text()
    bring(system, LIGHTHOUSE, 3, "The first crawl.")
    bring(system, LIBRARIES, 4)
    system.record(act(1, REASON), _rate)
    system.record(act(2), _report)
    bring(system, page.replace("Status: Active", "Status: Inactive").encode(), 20)
    bring(system, page.replace("Coasts and Lamps", "Lamps").encode(), 1)
    system.record(act(3), lambda session: session.recode_commitment("UY0802", "UY0812"))
    system.record(act(4), lambda session: session.link_commitments("UY0901", ["UY0801"], []))
    system.record(act(5), _conclude)
    system.record(act(6, "A slip of the pen."), _correct)


def _rate(session: Session) -> None:
    rating = Rating(RatingState.RATED, RatingValue.SUBSTANTIAL, session.word("Substantial"), session.word("Report 9"))
    session.record_rating("UY0901", Indicator.COMPLETION, Stage.END_OF_TERM, rating, Basis(effective_on="2020-S2"))


def _report(session: Session) -> None:
    session.complete_milestone("UY0901", "3.1", Basis(effective_on="2019-03"))
    update = {"updates/2021-04-02T00:00:00.000000Z/en": session.wording("Half of the hours are printed.")}
    session.report_milestone("UY0901", "3.2", {"status": "LIMITED", **update})
    subject = session.require("commitment", "UY0903")
    supporters = Wordings((session.word("Union of Rowers"), session.word("Port of Colonia")), Made.ORIGINAL)
    session.revise_commitment(subject.id, {"supportingInstitutions/en": supporters})


def _conclude(session: Session) -> None:
    session.revise_member(session.require("member", "URY").id, {"joinedOn": "2011"})
    session.change_member_status("URY", {"status": "ACTIVE"})
    session.conclude_action_plan("URY-2018", {"status": "CONCLUDED"}, Basis(effective_on="2020-08-31"))


def _correct(session: Session) -> None:
    commitment = session.require("commitment", "UY0903")
    path = "supportingInstitutions/en"
    wrong = next(event.envelope.id for event in session.events(commitment.id) if path in event.facts)
    right = Wordings((session.word("Union of Rowers"),), Made.ORIGINAL)
    session.correct("UY0903", {path: right}, wrong)
