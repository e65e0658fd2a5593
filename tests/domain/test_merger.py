"""Commitments that turn out to be one: the one that remains knows what all of them knew."""

from __future__ import annotations

from itertools import pairwise

import pytest
from msgspec import structs

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.code import all_codes
from ogpgraph.domain.errors import Conflict, Invalid
from ogpgraph.domain.event import Evidence, Origin
from ogpgraph.domain.field import items_of
from ogpgraph.domain.merger import merge_commitments
from ogpgraph.domain.narrative import record_narrative
from ogpgraph.domain.renumbering import renumber_milestone
from ogpgraph.domain.unit_of_work import Provenance, UnitOfWork
from ogpgraph.domain.values import Interval, Rating
from ogpgraph.domain.vocabulary import RatingState, RatingValue, Stage
from tests.application.in_memory_log import InMemoryLog, on, text_value
from tests.domain.events import day
from tests.domain.lineage_log import (
    add_milestone,
    find,
    link,
    merge,
    rate,
    record_members,
    register,
    revise,
    split,
)

FILE = Provenance(
    origin=Origin.DATABASE,
    source="source-file",
    changed_between=Interval(before=day(3), after=day(1)),
    evidence=(Evidence("source-file", "sha256:0", None, {"findings/AMBITION": (0, 4), "cycle": (5, 9)}),),
)


@pytest.fixture
def log() -> InMemoryLog:
    """A log with FR0701 and FR0702, which are one, and other commitments of the same plan."""
    return InMemoryLog().given(
        record_members, *(register(code) for code in ("FR0701", "FR0702", "FR0703", "FR0704", "ES0001"))
    )


def test_ratings_milestones_and_narratives_of_both_are_kept(log: InMemoryLog) -> None:
    log.given(
        rate("FR0701", RatingValue.LIMITED, Stage.MIDTERM),
        add_milestone("FR0701", "7.0", "A law"),
        rate("FR0702", RatingValue.COMPLETE),
        add_milestone("FR0702", "7.1", "A portal"),
        on(record_narrative, "FR0702", Stage.RESULTS, "SUMMARY", "en", text_value("It works")),
        merge("FR0702", into="FR0701"),
    )
    known = find(log, "FR0701").current_claims.keys()
    assert {f"ratings/COMPLETION/{stage}" for stage in ("MIDTERM", "RESULTS")} <= known
    assert {f"milestones/{number}/title/en" for number in ("7.0", "7.1")} <= known
    assert "narratives/RESULTS/SUMMARY/en" in known
    assert find(log, "FR0702") == find(log, "FR0701")
    assert all_codes(find(log, "FR0701")) == ("FR0701", "FR0702")


def test_what_is_taken_over_keeps_its_source_its_time_and_its_evidence(log: InMemoryLog) -> None:
    rating = Rating(RatingState.RATED, RatingValue.YES)
    log.given(
        revise("FR0702", {"findings/CARRIED_FORWARD": rating, "cycle": 2018}, FILE), revise("FR0701", {"cycle": 2016})
    )
    merged = find(log, "FR0702")
    events = log.when(merge("FR0702", into="FR0701"), on=9)
    (claim,) = find(log, "FR0701").claims["findings/CARRIED_FORWARD"]
    (former,) = merged.claims["findings/CARRIED_FORWARD"]
    assert structs.replace(claim, revision=former.revision) == former
    (event,) = [each for each in events if "findings/CARRIED_FORWARD" in each.facts]
    assert event.facts == {"findings/CARRIED_FORWARD": rating}
    assert (event.name, event.stream) == ("CommitmentMerged", find(log, "FR0701").id)


def test_evidence_is_taken_over_for_the_paths_of_the_event_alone(log: InMemoryLog) -> None:
    provenance = structs.replace(
        FILE, evidence=(Evidence("source-file", "sha256:0", None, {"endsOn": (0, 4), "cycle": (5, 9)}),)
    )
    log.given(revise("FR0702", {"endsOn": "2018", "cycle": 2018}, provenance), revise("FR0701", {"cycle": 2016}))
    (event,) = [each for each in log.when(merge("FR0702", into="FR0701")) if "endsOn" in each.facts]
    assert event.envelope.evidence == (Evidence("source-file", "sha256:0", None, {"endsOn": (0, 4)}),)


def test_of_the_other_fields_only_those_are_taken_over_that_are_missing(log: InMemoryLog) -> None:
    log.given(
        revise("FR0701", {"title/en": text_value("One"), "startsOn": "2018"}),
        revise("FR0702", {"title/en": text_value("Two"), "title/fr": text_value("Deux"), "startsOn": "2019"}),
        revise("FR0702", {"endsOn": "2020", "policyAreas": ("Gender",)}),
        merge("FR0702", into="FR0701"),
    )
    remaining = find(log, "FR0701")
    assert [remaining.value(path) for path in ("title/en", "startsOn")] == [text_value("One"), "2018"]
    assert [remaining.value(path) for path in ("title/fr", "endsOn")] == [text_value("Deux"), "2020"]
    assert remaining.value("policyAreas") == ("Gender",)


def test_of_what_one_source_says_of_both_the_later_is_current(log: InMemoryLog) -> None:
    log.given(rate("FR0701", RatingValue.LIMITED), on=1).given(rate("FR0702", RatingValue.COMPLETE), on=2)
    log.given(rate("FR0703", RatingValue.NOT_STARTED), on=0)
    log.given(merge("FR0702", "FR0703", into="FR0701"), on=3)
    assert current_rating(find(log, "FR0701")) == RatingValue.COMPLETE


def current_rating(commitment: Aggregate) -> RatingValue | None:
    rating = commitment.value("ratings/COMPLETION/RESULTS")
    assert isinstance(rating, Rating)
    return rating.value


def test_each_refers_to_the_other_and_keeps_its_history(log: InMemoryLog) -> None:
    merged = find(log, "FR0702")
    log.given(merge("FR0702", into="FR0701"))
    remaining = find(log, "FR0701")
    assert items_of(remaining, "mergedFrom") == (merged.id,)
    assert log.load(merged.id).value("mergedInto") == remaining.id
    assert [event.name for event in log.events(merged.id)] == ["CommitmentRegistered", "CommitmentMerged"]


def test_milestones_of_one_number_with_different_titles_are_refused_by_number(log: InMemoryLog) -> None:
    log.given(
        add_milestone("FR0701", "7.1", "A portal"),
        add_milestone("FR0701", "7.2", "A law"),
        add_milestone("FR0701", "7.3", "A register"),
        add_milestone("FR0702", "7.1", "A portal"),
        add_milestone("FR0702", "7.2", "A decree"),
        add_milestone("FR0702", "7.3", "Un registre", "fr"),
    )
    with pytest.raises(Conflict, match=r"milestone 7\.2 of FR0702 .*different titles.*renumberMilestone"):
        log.when(merge("FR0702", into="FR0701"))


def test_a_number_that_meant_another_milestone_is_refused(log: InMemoryLog) -> None:
    log.given(
        add_milestone("FR0701", "7.1", "A law"),
        on(renumber_milestone, "FR0701", "7.1", "7.9"),
        add_milestone("FR0702", "7.1", "A portal"),
    )
    with pytest.raises(Conflict, match=r"milestone 7\.1 of FR0702"):
        log.when(merge("FR0702", into="FR0701"))


def test_links_are_moved_whatever_the_date_of_the_merger(log: InMemoryLog) -> None:
    log.given(link("FR0702", predecessors=("FR0703",)))
    merged, dated = find(log, "FR0702"), Provenance(effective_on="2020")
    log.given(
        lambda uow: merge_commitments(
            uow, [uow.aggregate(merged.id)], uow.require_by_code("commitment", "FR0701"), dated
        )
    )
    assert items_of(find(log, "FR0703"), "successors") == (find(log, "FR0701").id,)


def test_commitments_of_different_members_are_not_one(log: InMemoryLog) -> None:
    with pytest.raises(Invalid, match="different members"):
        log.when(merge("ES0001", into="FR0701"))


def test_what_is_merged_or_split_already_is_not_merged(log: InMemoryLog) -> None:
    ids = {code: find(log, code).id for code in ("FR0701", "FR0702", "FR0703")}
    log.given(merge("FR0702", into="FR0701"), split("FR0703", "FR0711", "FR0712"))

    def merge_ids(uow: UnitOfWork, merged: str, remaining: str) -> None:
        merge_commitments(uow, [uow.aggregate(ids[merged])], uow.aggregate(ids[remaining]))

    for merged, remaining in (("FR0701", "FR0702"), ("FR0702", "FR0701"), ("FR0703", "FR0701"), ("FR0701", "FR0703")):
        with pytest.raises(Conflict, match=r"was (merged|split)"):
            log.when(lambda uow, m=merged, r=remaining: merge_ids(uow, m, r))  # type: ignore[misc]


def test_links_are_moved_to_the_one_that_remains(log: InMemoryLog) -> None:
    log.given(link("FR0702", predecessors=("FR0703",), successors=("FR0704",)))
    merged = find(log, "FR0702")
    log.given(merge("FR0702", into="FR0701"))
    before, remaining, after = (find(log, code) for code in ("FR0703", "FR0701", "FR0704"))
    assert [items_of(remaining, path) for path in ("predecessors", "successors")] == [(before.id,), (after.id,)]
    assert (items_of(before, "successors"), items_of(after, "predecessors")) == ((remaining.id,), (remaining.id,))
    assert items_of(log.load(merged.id), "successors") == ()


@pytest.mark.parametrize("between", [(), ("FR0703",)])
def test_commitments_of_which_one_carries_the_other_forward_are_not_one(
    log: InMemoryLog, between: tuple[str, ...]
) -> None:
    chain = ("FR0701", *between, "FR0702")
    for code, successor in pairwise(chain):
        log.given(link(code, successors=(successor,)))
    with pytest.raises(Conflict, match=" → ".join(chain)):
        log.when(merge("FR0701", into="FR0702"))
    with pytest.raises(Conflict, match=" → ".join(chain)):
        log.when(merge("FR0702", into="FR0701"))
