"""Commitments are recoded and split; what they knew stays known, and a code means one commitment."""

from __future__ import annotations

import pytest

from ogpgraph.domain.code import code_path, former_codes
from ogpgraph.domain.commitment import decide_events, withdraw_commitment
from ogpgraph.domain.errors import Conflict, Invalid, NotFound
from ogpgraph.domain.event import Facts, Origin
from ogpgraph.domain.field import items_of
from ogpgraph.domain.unit_of_work import Provenance, UnitOfWork
from ogpgraph.domain.values import Interval, TextListValue
from ogpgraph.domain.vocabulary import RatingValue
from tests.application.in_memory_log import Command, InMemoryLog, names_and_facts, on, text_value
from tests.domain.events import day
from tests.domain.lineage_log import (
    add_milestone,
    find,
    is_free,
    merge,
    rate,
    recode,
    record_members,
    register,
    revise,
    split,
)

PAGE = Provenance(origin=Origin.HEADER, source="source-page", language="en")


def publish(code: str, facts: Facts | None = None, provenance: Provenance = PAGE) -> Command:
    """Return the statement of a page that it is about the commitment of this code."""

    def command(uow: UnitOfWork) -> None:
        commitment = uow.require_by_code("commitment", code)
        stated = {code_path(code): True} | (facts or {})
        uow.append_all(commitment.id, decide_events(commitment, stated), provenance)

    return command


@pytest.fixture
def log() -> InMemoryLog:
    """A log with the members France and Spain and the commitments FR0001 and FR0002."""
    return InMemoryLog().given(record_members, register("FR0001"), register("FR0002"))


# Codes


def test_a_commitment_gets_no_code_of_another_member(log: InMemoryLog) -> None:
    with pytest.raises(Invalid, match="ES0145 does not begin with FR or FRA") as refusal:
        log.when(recode("FR0001", "ES0145"))
    assert refusal.value.path == "code"
    assert is_free(log, "ES0145")


def test_a_code_given_in_error_is_free_again_once_it_is_taken_back(log: InMemoryLog) -> None:
    log.given(recode("FR0001", "FR0182"))
    events = log.when(recode("FR0182", "FR0001"))
    assert names_and_facts(events) == [
        ("CommitmentRecoded", {"code": "FR0001"}),
        ("CommitmentRecoded", {"codes/FR0182": None}),
        ("CodeAssigned", {"aggregate": None}),
    ]
    assert former_codes(find(log, "FR0001")) == ()
    with pytest.raises(NotFound):
        find(log, "FR0182")
    log.given(register("FR0182"))
    assert find(log, "FR0182").id != find(log, "FR0001").id
    with pytest.raises(Conflict):
        log.when(recode("FR0001", "FR0182"))


def test_a_code_that_was_published_stays_a_former_code(log: InMemoryLog) -> None:
    log.given(recode("FR0001", "FR0182"), publish("FR0182"), recode("FR0182", "FR0001"))
    assert former_codes(find(log, "FR0182")) == ("FR0182",)
    with pytest.raises(Conflict):
        log.when(register("FR0182"))


def test_each_page_confirms_a_code_once(log: InMemoryLog) -> None:
    other = Provenance(origin=Origin.HEADER, source="source-other")
    confirmation = [("CommitmentRevised", {"codes/FR0001": True})]
    assert names_and_facts(log.when(publish("FR0001"))) == confirmation
    assert names_and_facts(log.when(publish("FR0001"))) == []
    assert names_and_facts(log.when(publish("FR0001", provenance=other))) == confirmation


def test_a_code_that_was_registered_is_not_taken_back_by_recoding_to_a_later_one(log: InMemoryLog) -> None:
    log.given(recode("FR0001", "FR0101"), publish("FR0101"), recode("FR0101", "FR0001"), recode("FR0001", "FR0101"))
    assert former_codes(find(log, "FR0101")) == ("FR0001",)


def test_the_code_of_a_merged_commitment_is_not_taken_back(log: InMemoryLog) -> None:
    log.given(merge("FR0002", into="FR0001"), recode("FR0001", "FR0002"), recode("FR0002", "FR0001"))
    assert former_codes(find(log, "FR0002")) == ("FR0002",)


def test_a_code_taken_back_can_be_given_again(log: InMemoryLog) -> None:
    log.given(recode("FR0001", "FR0182"), recode("FR0182", "FR0001"), recode("FR0001", "FR0182"))
    assert find(log, "FR0182").string("code") == "FR0182"
    assert find(log, "FR0001").id == find(log, "FR0182").id


# Splits


def test_parts_begin_with_the_state_of_the_whole_without_its_ratings_and_milestones(log: InMemoryLog) -> None:
    state = {
        "status": "ACTIVE",
        "startsOn": "2019",
        "endsOn": "2020",
        "policyAreas": ("Gender",),
        "cycle": 2018,
        "leadInstitutions/fr": TextListValue(("a" * 64,)),
    }
    log.given(
        revise("FR0001", state | {"number": "4", "title/en": text_value("All of it")}),
        rate("FR0001", RatingValue.LIMITED),
        add_milestone("FR0001", "1", "A portal"),
        split("FR0001", "FR0011", "FR0012"),
    )
    whole, part = find(log, "FR0001"), find(log, "FR0011")
    inherited = {path: claim.value for path, claim in part.current_claims.items()}
    assert inherited == state | {
        "code": "FR0011",
        "codes/FR0011": True,
        "splitFrom": whole.id,
        "member": whole.string("member"),
    }
    assert whole.value("status") == "SPLIT"
    assert items_of(whole, "splitInto") == tuple(sorted((part.id, find(log, "FR0012").id)))
    assert {"ratings/COMPLETION/RESULTS", "milestones/1/title/en"} <= whole.current_claims.keys()


def test_a_commitment_is_split_once(log: InMemoryLog) -> None:
    log.given(split("FR0001", "FR0011", "FR0012"))
    with pytest.raises(Conflict, match="FR0001 was split already"):
        log.when(split("FR0001", "FR0013", "FR0014"))
    log.given(split("FR0011", "FR0013", "FR0014"))
    assert [find(log, code).value("status") for code in ("FR0001", "FR0011")] == ["SPLIT"] * 2


def test_a_commitment_is_not_split_before_it_got_its_status(log: InMemoryLog) -> None:
    log.given(revise("FR0001", {"status": "INACTIVE"}))
    with pytest.raises(Invalid, match="got its status after this date") as refusal:
        log.when(split("FR0001", "FR0011", "FR0012", provenance=Provenance(effective_on="2001")))
    assert refusal.value.path == "effectiveOn"


def test_a_part_has_a_code_of_the_member(log: InMemoryLog) -> None:
    with pytest.raises(Invalid, match="ES0012 does not begin with FR") as refusal:
        log.when(split("FR0001", "FR0011", "ES0012"))
    assert refusal.value.path == "into"


def test_only_splitting_sets_the_status_and_nothing_else_changes_it(log: InMemoryLog) -> None:
    with pytest.raises(Invalid, match="only splitCommitment records"):
        log.when(revise("FR0001", {"status": "SPLIT"}))
    log.given(split("FR0001", "FR0011", "FR0012"))
    with pytest.raises(Conflict, match="FR0001 was split"):
        log.when(revise("FR0001", {"status": "ACTIVE"}))
    with pytest.raises(Conflict, match="FR0001 was split"):
        log.when(on(withdraw_commitment, "FR0001"))
    log.given(revise("FR0001", {"endsOn": "2020"}))
    assert find(log, "FR0001").value("endsOn") == "2020"


def test_a_page_that_still_reports_the_whole_does_not_undo_the_split(log: InMemoryLog) -> None:
    later = Provenance(origin=Origin.HEADER, source="source-page", changed_between=Interval(before=day(99)))
    log.given(split("FR0001", "FR0011", "FR0012"), publish("FR0001", {"status": "ACTIVE"}, later))
    whole = find(log, "FR0001")
    assert whole.value("status") == "SPLIT"
    assert whole.value_from("status", Origin.HEADER, "source-page") == "ACTIVE"
