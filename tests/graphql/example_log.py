"""A small record that has something of everything: pages, statements of people, a correction, an older observation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

from ogpgraph.domain.action_plan import conclude_action_plan
from ogpgraph.domain.commitment import revise_commitment
from ogpgraph.domain.correction import correct
from ogpgraph.domain.lineage import recode_commitment
from ogpgraph.domain.link import link_commitments
from ogpgraph.domain.member import change_member_status, revise_member
from ogpgraph.domain.milestone import complete_milestone, report_milestone
from ogpgraph.domain.review import record_rating
from ogpgraph.domain.unit_of_work import CommandContext, Provenance, UnitOfWork
from ogpgraph.domain.values import Rating, TextListValue, TranslationKind
from ogpgraph.domain.vocabulary import Indicator, RatingState, RatingValue, Stage
from ogpgraph.system import System
from tests.importer.sample_pages import LIBRARIES, LIGHTHOUSE, import_sample_page

REASON = "The harbour office wrote to us."


def sequential_ids() -> Callable[[], str]:
    """Return a function that returns ids, the same ones each time."""
    numbers = count(1)
    return lambda: f"{next(numbers):06}"


def command_context(day: int, reason: str | None = None, actor: str = "account-7") -> CommandContext:
    """Return the context of a command on a day of April 2021."""
    return CommandContext(
        actor=actor,
        role="reviewer",
        time=datetime(2021, 4, day, tzinfo=UTC),
        reason=reason,
        correlation=f"request-{day}",
    )


def record_example(system: System) -> None:
    """Record the example; the record has fewer than 100 entries."""
    page = LIGHTHOUSE.read_text()
    import_sample_page(system, LIGHTHOUSE, 3, "The first crawl.")
    import_sample_page(system, LIBRARIES, 4)
    system.execute(command_context(1, REASON), _record_rating)
    system.execute(command_context(2), _report_milestones)
    import_sample_page(system, page.replace("Status: Active", "Status: Inactive").encode(), 20)
    import_sample_page(system, page.replace("Coasts and Lamps", "Lamps").encode(), 1)
    system.execute(
        command_context(3),
        lambda uow: recode_commitment(uow, uow.require_by_code("commitment", "UY0802"), "UY0812"),
    )
    system.execute(
        command_context(4),
        lambda uow: link_commitments(
            uow, uow.require_by_code("commitment", "UY0901"), [uow.require_by_code("commitment", "UY0801")], []
        ),
    )
    system.execute(command_context(5), _conclude_plan)
    system.execute(command_context(6, "A slip of the pen."), _correct_supporters)


def _record_rating(uow: UnitOfWork) -> None:
    rating = Rating(RatingState.RATED, RatingValue.SUBSTANTIAL, uow.text_ref("Substantial"), uow.text_ref("Report 9"))
    record_rating(
        uow,
        uow.require_by_code("commitment", "UY0901"),
        Indicator.COMPLETION,
        Stage.END_OF_TERM,
        rating,
        provenance=Provenance(effective_on="2020-S2"),
    )


def _report_milestones(uow: UnitOfWork) -> None:
    complete_milestone(uow, uow.require_by_code("commitment", "UY0901"), "3.1", Provenance(effective_on="2019-03"))
    update = {"updates/2021-04-02T00:00:00.000000Z/en": uow.text_value("Half of the hours are printed.")}
    report_milestone(uow, uow.require_by_code("commitment", "UY0901"), "3.2", {"status": "LIMITED", **update})
    subject = uow.require_by_code("commitment", "UY0903")
    supporters = TextListValue(
        (uow.text_ref("Union of Rowers"), uow.text_ref("Port of Colonia")), TranslationKind.ORIGINAL
    )
    revise_commitment(uow, subject, {"supportingInstitutions/en": supporters})


def _conclude_plan(uow: UnitOfWork) -> None:
    revise_member(uow, uow.require_by_code("member", "URY"), {"joinedOn": "2011"})
    change_member_status(uow, uow.require_by_code("member", "URY"), {"status": "ACTIVE"})
    conclude_action_plan(
        uow, uow.require_by_code("plan", "URY-2018"), {"status": "CONCLUDED"}, Provenance(effective_on="2020-08-31")
    )


def _correct_supporters(uow: UnitOfWork) -> None:
    commitment = uow.require_by_code("commitment", "UY0903")
    path = "supportingInstitutions/en"
    claim = commitment.current_claim(path)
    assert claim is not None
    right = TextListValue((uow.text_ref("Union of Rowers"),), TranslationKind.ORIGINAL)
    correct(uow, commitment, claim.revision, {path: right})
