"""The events of each command and its refusals: given events, when a command is executed, then events."""

import pytest

from ogpgraph.domain import account as account_commands
from ogpgraph.domain import action_plan as action_plan_commands
from ogpgraph.domain import commitment as commitment_commands
from ogpgraph.domain import correction as correction_commands
from ogpgraph.domain import lineage as lineage_commands
from ogpgraph.domain import link as link_commands
from ogpgraph.domain import member as member_commands
from ogpgraph.domain import merger as merger_commands
from ogpgraph.domain import milestone as milestone_commands
from ogpgraph.domain import review as review_commands
from ogpgraph.domain.code import former_codes
from ogpgraph.domain.errors import Conflict, Invalid, NotFound
from ogpgraph.domain.event import Cause, Facts, Origin
from ogpgraph.domain.field import items_of
from ogpgraph.domain.roles import Role
from ogpgraph.domain.unit_of_work import Provenance, UnitOfWork
from ogpgraph.domain.values import Rating, TranslationKind
from ogpgraph.domain.vocabulary import Indicator, OgpValue, RatingState, RatingValue, Stage
from tests.application.in_memory_log import (
    Command,
    InMemoryLog,
    event_names,
    names_and_facts,
    on,
    register,
    revise,
    text_value,
)

COMPLETE = Rating(RatingState.RATED, RatingValue.COMPLETE)
LIMITED = Rating(RatingState.RATED, RatingValue.LIMITED)
PENDING = Rating(RatingState.PENDING)
PAGE = Provenance(origin=Origin.HEADER, source="source-1", language="en")


def merge(merged: str, remaining: str) -> Command:
    return lambda uow: merger_commands.merge_commitments(
        uow, [uow.require_by_code("commitment", merged)], uow.require_by_code("commitment", remaining)
    )


def link_to_predecessor(code: str, predecessor: str) -> Command:
    return lambda uow: link_commands.link_commitments(
        uow, uow.require_by_code("commitment", code), [uow.require_by_code("commitment", predecessor)], []
    )


def with_milestone(uow: UnitOfWork) -> None:
    milestone_commands.add_milestone(
        uow, uow.require_by_code("commitment", "FR0001"), "1.1", {"title/en": uow.text_value("Publish it")}
    )


@pytest.fixture
def log() -> InMemoryLog:
    """A log in which FR0001 is registered."""
    return InMemoryLog().given(register())


# Codes


def test_registering_assigns_the_code_and_records_the_facts() -> None:
    events = InMemoryLog().when(register())
    assert names_and_facts(events) == [
        ("CodeAssigned", {"aggregate": "commitment-0001"}),
        ("CommitmentRegistered", {"code": "FR0001", "codes/FR0001": True, "title/en": text_value("Open the budget")}),
    ]
    assert [event.stream for event in events] == ["code-commitment-FR0001", "commitment-0001"]
    assert [event.revision for event in events] == [1, 1]
    assert events[0].envelope.origin is Origin.REFERENCE


@pytest.mark.parametrize("code", ["FR0001", "fr0001"])
def test_a_taken_code_is_refused_in_any_case(log: InMemoryLog, code: str) -> None:
    with pytest.raises(Conflict, match="already is the code of a commitment") as refusal:
        log.when(register(code))
    assert (refusal.value.code, refusal.value.path) == ("CONFLICT", "code")
    assert log.size == 2


def test_codes_of_members_plans_and_commitments_are_independent() -> None:
    log = InMemoryLog().given(
        lambda uow: member_commands.register_member(uow, "FRA", {"prefix": "FR", "type": "NATIONAL"}),
        lambda uow: action_plan_commands.register_action_plan(uow, "FRA", {"cycle": 2018}),
    )
    with pytest.raises(Conflict):
        log.when(lambda uow: member_commands.register_member(uow, "fra", {}))
    with pytest.raises(Conflict):
        log.when(lambda uow: action_plan_commands.register_action_plan(uow, "FRA", {}))
    assert log.find("member", "FRA").id != log.find("plan", "FRA").id


def test_an_unassigned_code_is_not_found() -> None:
    with pytest.raises(NotFound, match="there is no commitment FR0009") as refusal:
        InMemoryLog().when(on(milestone_commands.complete_milestone, "FR0009", "1.1"))
    assert (refusal.value.code, refusal.value.path) == ("NOT_FOUND", "code")


def test_a_malformed_code_is_refused() -> None:
    with pytest.raises(Invalid, match="code"):
        InMemoryLog().when(register("FR-1"))


def test_a_former_code_still_means_the_commitment(log: InMemoryLog) -> None:
    events = log.when(on(lineage_commands.recode_commitment, "FR0001", "FR0101"))
    assert names_and_facts(events) == [
        ("CodeAssigned", {"aggregate": "commitment-0001"}),
        ("CommitmentRecoded", {"code": "FR0101", "codes/FR0101": True}),
    ]
    assert log.find("commitment", "FR0001") == log.find("commitment", "FR0101")
    with pytest.raises(Conflict):
        log.when(register("FR0001"))
    assert log.when(on(lineage_commands.recode_commitment, "FR0001", "FR0101")) == []


# Statements and their repetition


def test_repeating_current_values_records_nothing(log: InMemoryLog) -> None:
    facts = {"status": "ACTIVE", "policyAreas": ("Open Data",), "startsOn": "2018"}
    assert len(log.when(revise(facts))) == 1
    assert log.when(revise(facts), on=5) == []
    assert names_and_facts(log.when(revise(facts | {"status": "INACTIVE"}), on=6)) == [
        ("CommitmentRevised", {"status": "INACTIVE"})
    ]


def test_withdrawing_values_that_nobody_stated_records_nothing(log: InMemoryLog) -> None:
    assert log.when(revise({"status": None, "milestones/1/status": None})) == []


def test_a_statement_that_is_not_current_is_recorded_once(log: InMemoryLog) -> None:
    log.given(revise({"status": "ACTIVE"}, provenance=PAGE))
    table = revise({"status": "INACTIVE"}, provenance=Provenance(origin=Origin.REFERENCE))
    assert event_names(log.when(table)) == ["CommitmentRevised"]
    assert log.find("commitment", "FR0001").value("status") == "ACTIVE"
    assert log.when(table) == []


def test_a_person_can_repeat_a_statement_that_a_page_contradicted_since(log: InMemoryLog) -> None:
    log.given(revise({"status": "ACTIVE"}), on=1).given(revise({"status": "INACTIVE"}, provenance=PAGE), on=2)
    assert event_names(log.when(revise({"status": "ACTIVE"}), on=3)) == ["CommitmentRevised"]
    assert log.find("commitment", "FR0001").value("status") == "ACTIVE"


def test_facts_are_grouped_into_events_by_subject(log: InMemoryLog) -> None:
    events = log.when(
        revise(
            {
                "status": "ACTIVE",
                "startsOn": "2018",
                "milestones/1/title/en": text_value("one"),
                "milestones/1/endsOn": "2019",
                "milestones/2/title/en": text_value("two"),
                "ratings/COMPLETION/DESIGN": PENDING,
                "ratings/RELEVANCE/DESIGN/CIVIC_PARTICIPATION": PENDING,
                "narratives/DESIGN/SUMMARY/en": text_value("three"),
                "narratives/DESIGN/NEXT_STEPS/en": text_value("four"),
                "narratives/RESULTS/SUMMARY/en": text_value("five"),
                "title/fr": text_value("six", TranslationKind.HUMAN),
                "description/fr": text_value("seven", TranslationKind.MACHINE),
            }
        )
    )
    assert [(event.name, len(event.facts), event.envelope.cause) for event in events] == [
        ("CommitmentRevised", 2, Cause.REPORTED),
        ("MilestoneAdded", 2, Cause.REPORTED),
        ("MilestoneAdded", 1, Cause.REPORTED),
        ("RatingRecorded", 1, Cause.REPORTED),
        ("RatingRecorded", 1, Cause.REPORTED),
        ("NarrativeRecorded", 2, Cause.REPORTED),
        ("NarrativeRecorded", 1, Cause.REPORTED),
        ("CommitmentTranslated", 2, Cause.TRANSLATION),
    ]
    assert [event.revision for event in events] == list(range(2, 10))


def test_a_text_in_a_known_language_is_not_a_translation(log: InMemoryLog) -> None:
    log.given(revise({"title/fr": text_value("six", TranslationKind.HUMAN)}))
    assert event_names(log.when(revise({"title/fr": text_value("other words", TranslationKind.HUMAN)}))) == [
        "CommitmentRevised"
    ]


def test_a_specific_cause_is_not_replaced(log: InMemoryLog) -> None:
    (event,) = log.when(
        revise({"title/fr": text_value("six", TranslationKind.HUMAN)}, provenance=Provenance(cause=Cause.EXTRACTION))
    )
    assert (event.name, event.envelope.cause) == ("CommitmentTranslated", Cause.EXTRACTION)


# Members and plans


def test_a_member_is_renamed_and_revised_in_two_events() -> None:
    log = InMemoryLog().given(
        lambda uow: member_commands.register_member(uow, "FRA", {"prefix": "FR", "name/en": uow.text_value("France")})
    )
    stream = log.find("member", "FRA").id
    facts: Facts = {"name/en": text_value("French Republic"), "region": "Europe"}
    assert names_and_facts(log.when(lambda uow: member_commands.revise_member(uow, uow.aggregate(stream), facts))) == [
        ("MemberRenamed", {"name/en": text_value("French Republic")}),
        ("MemberRevised", {"region": "Europe"}),
    ]
    assert log.when(lambda uow: member_commands.revise_member(uow, uow.aggregate(stream), facts)) == []


def test_a_member_s_status_is_changed_by_a_decision_with_a_document() -> None:
    log = InMemoryLog().given(lambda uow: member_commands.register_member(uow, "FRA", {"prefix": "FR"}))
    facts: Facts = {"status": "INACTIVE", "statusDocument": text_value("Resolution 1")}
    decide = on(member_commands.change_member_status, "FRA", facts, Provenance(effective_on="2026-01"), kind="member")
    (event,) = log.when(decide)
    assert (event.name, event.facts, event.envelope.effective_on) == ("MemberStatusChanged", facts, "2026-01")
    assert log.when(decide) == []


def test_a_plan_s_translated_title_in_a_new_language_is_a_translation() -> None:
    log = InMemoryLog().given(
        lambda uow: action_plan_commands.register_action_plan(
            uow, "FRA-2018", {"cycle": 2018, "title/en": uow.text_value("Plan")}
        )
    )
    stream = log.find("plan", "FRA-2018").id
    facts: Facts = {"title/fr": text_value("Plan d'action", TranslationKind.HUMAN), "startsOn": "2018"}
    events = log.when(lambda uow: action_plan_commands.revise_action_plan(uow, uow.aggregate(stream), facts))
    assert [(event.name, event.envelope.cause) for event in events] == [
        ("ActionPlanTranslated", Cause.TRANSLATION),
        ("ActionPlanRevised", Cause.REPORTED),
    ]
    assert event_names(
        log.when(on(action_plan_commands.conclude_action_plan, "FRA-2018", {"status": "CONCLUDED"}, kind="plan"))
    ) == ["ActionPlanConcluded"]


@pytest.mark.parametrize("made", [TranslationKind.ORIGINAL, TranslationKind.UNKNOWN])
def test_a_plan_s_original_title_is_not_a_translation_even_after_one(made: TranslationKind) -> None:
    title = text_value("Plan d'action", TranslationKind.MACHINE)
    log = InMemoryLog().given(
        lambda uow: action_plan_commands.register_action_plan(uow, "FRA-2018", {"cycle": 2018, "title/fr": title})
    )
    stream = log.find("plan", "FRA-2018").id
    (event,) = log.when(
        lambda uow: action_plan_commands.revise_action_plan(
            uow, uow.aggregate(stream), {"title/en": text_value("Action plan", made)}
        )
    )
    assert (event.name, event.envelope.cause) == ("ActionPlanRevised", Cause.REPORTED)


@pytest.mark.parametrize("cause", [Cause.SOURCE_CHANGED, Cause.EXTRACTION])
def test_a_translation_of_a_plan_s_title_has_the_specific_cause_of_an_import(cause: Cause) -> None:
    log = InMemoryLog().given(
        lambda uow: action_plan_commands.register_action_plan(
            uow, "FRA-2018", {"cycle": 2018, "title/en": uow.text_value("Plan")}
        )
    )
    stream = log.find("plan", "FRA-2018").id
    facts: Facts = {"title/fr": text_value("Plan d'action", TranslationKind.HUMAN)}
    (event,) = log.when(
        lambda uow: action_plan_commands.revise_action_plan(uow, uow.aggregate(stream), facts, Provenance(cause=cause))
    )
    assert (event.name, event.envelope.cause) == ("ActionPlanTranslated", cause)


# Milestones


def test_a_milestone_is_added_once(log: InMemoryLog) -> None:
    assert event_names(log.when(with_milestone)) == ["MilestoneAdded"]
    with pytest.raises(Conflict, match=r"already has a milestone 1\.1"):
        log.when(with_milestone)


def test_completing_a_milestone_twice_records_it_once(log: InMemoryLog) -> None:
    log.given(with_milestone)
    (event,) = log.when(on(milestone_commands.complete_milestone, "fr0001", "1.1"))
    assert (event.name, event.facts) == ("MilestoneCompleted", {"milestones/1.1/status": "COMPLETE"})
    assert log.when(on(milestone_commands.complete_milestone, "FR0001", "1.1"), on=9) == []


def test_completing_twice_in_one_unit_of_work_records_it_once(log: InMemoryLog) -> None:
    def twice(uow: UnitOfWork) -> None:
        with_milestone(uow)
        milestone_commands.complete_milestone(uow, uow.require_by_code("commitment", "FR0001"), "1.1")
        milestone_commands.complete_milestone(uow, uow.require_by_code("commitment", "FR0001"), "1.1")

    assert event_names(log.when(twice)) == ["MilestoneAdded", "MilestoneCompleted"]


def test_an_equal_report_is_recorded_once(log: InMemoryLog) -> None:
    log.given(with_milestone)
    facts: Facts = {"status": "LIMITED", "updates/2026-01-02T00:00:00Z/en": text_value("Half done")}
    report = on(milestone_commands.report_milestone, "FR0001", "1.1", facts)
    (event,) = log.when(report)
    assert event.name == "MilestoneReported"
    assert set(event.facts) == {f"milestones/1.1/{path}" for path in facts}
    assert log.when(report, on=1) == []


def test_an_unknown_milestone_is_not_found(log: InMemoryLog) -> None:
    log.given(with_milestone)
    for command in (milestone_commands.complete_milestone, milestone_commands.withdraw_milestone):
        with pytest.raises(NotFound, match=r"FR0001 has no milestone 1\.2") as refusal:
            log.when(on(command, "FR0001", "1.2"))
        assert refusal.value.path == "number"
    with pytest.raises(NotFound):
        log.when(on(milestone_commands.report_milestone, "FR0001", "1.10", {"status": "LIMITED"}))
    with pytest.raises(NotFound):
        log.when(on(milestone_commands.revise_milestone, "FR0001", "1", {"endsOn": "2019"}))


def test_a_milestone_is_revised_and_withdrawn(log: InMemoryLog) -> None:
    log.given(with_milestone)
    assert names_and_facts(
        log.when(on(milestone_commands.revise_milestone, "FR0001", "1.1", {"endsOn": "2019-03"}))
    ) == [("MilestoneRevised", {"milestones/1.1/endsOn": "2019-03"})]
    assert event_names(log.when(on(milestone_commands.withdraw_milestone, "FR0001", "1.1"))) == ["MilestoneWithdrawn"]
    assert log.when(on(milestone_commands.withdraw_milestone, "FR0001", "1.1")) == []


# Ratings


@pytest.mark.parametrize(
    ("indicator", "rating", "message"),
    [
        (Indicator.AMBITION, COMPLETE, "AMBITION cannot be COMPLETE: its scale is LOW, HIGH"),
        (Indicator.STARRED, Rating(RatingState.RATED, RatingValue.MAJOR), "STARRED cannot be MAJOR"),
        (Indicator.COMPLETION, Rating(RatingState.RATED), "exactly when it is RATED"),
        (Indicator.COMPLETION, Rating(RatingState.PENDING, RatingValue.COMPLETE), "exactly when it is RATED"),
    ],
)
def test_a_rating_off_its_scale_is_refused_by_every_command(
    log: InMemoryLog, indicator: Indicator, rating: Rating, message: str
) -> None:
    path = f"ratings/{indicator}/DESIGN"
    (rated,) = log.when(revise({path: PENDING}))
    commands: list[Command] = [
        on(review_commands.record_rating, "FR0001", indicator, Stage.DESIGN, rating),
        lambda uow: commitment_commands.register_commitment(uow, "FR0002", {path: rating}),
        revise({path: rating}),
        revise({f"{path}/CIVIC_PARTICIPATION": rating}),
        on(correction_commands.correct, "FR0001", rated.revision, {path: rating}),
    ]
    for command in commands:
        with pytest.raises(Invalid, match=message):
            log.when(command)
    assert log.size == 3


def test_an_equal_rating_is_recorded_once(log: InMemoryLog) -> None:
    rate = on(review_commands.record_rating, "FR0001", Indicator.COMPLETION, Stage.MIDTERM, LIMITED)
    assert names_and_facts(log.when(rate)) == [("RatingRecorded", {"ratings/COMPLETION/MIDTERM": LIMITED})]
    assert log.when(rate, on=3) == []


def test_a_rating_can_be_for_one_ogp_value(log: InMemoryLog) -> None:
    (event,) = log.when(
        on(
            review_commands.record_rating,
            "FR0001",
            Indicator.RELEVANCE,
            Stage.DESIGN,
            PENDING,
            ogp_value=OgpValue.CIVIC_PARTICIPATION,
        )
    )
    assert list(event.facts) == ["ratings/RELEVANCE/DESIGN/CIVIC_PARTICIPATION"]


def test_a_person_s_rating_can_be_withdrawn_but_not_a_page_s(log: InMemoryLog) -> None:
    log.given(on(review_commands.record_rating, "FR0001", Indicator.COMPLETION, Stage.MIDTERM, LIMITED))
    withdraw = on(review_commands.withdraw_rating, "FR0001", Indicator.COMPLETION, Stage.MIDTERM)
    assert names_and_facts(log.when(withdraw, on=1)) == [("RatingWithdrawn", {"ratings/COMPLETION/MIDTERM": None})]
    assert log.find("commitment", "FR0001").value("ratings/COMPLETION/MIDTERM") is None
    with pytest.raises(NotFound):
        log.when(withdraw)
    log.given(revise({"ratings/COMPLETION/MIDTERM": LIMITED}, provenance=PAGE))
    with pytest.raises(Conflict, match="a published page states"):
        log.when(withdraw)


# Corrections


def test_a_correction_refers_to_the_corrected_event(log: InMemoryLog) -> None:
    (wrong,) = log.when(revise({"status": "INACTIVE"}, provenance=PAGE), on=1)
    (event,) = log.when(on(correction_commands.correct, "FR0001", wrong.revision, {"status": "ACTIVE"}), on=2)
    assert (event.name, event.facts) == ("CommitmentCorrected", {})
    assert (event.envelope.cause, event.amends) == (Cause.CORRECTION, {wrong.revision: {"status": "ACTIVE"}})
    assert log.find("commitment", "FR0001").value("status") == "ACTIVE"


def test_a_correction_without_a_change_is_refused(log: InMemoryLog) -> None:
    (revised,) = log.when(revise({"status": "ACTIVE"}))
    with pytest.raises(Conflict, match="already has the corrected value") as refusal:
        log.when(on(correction_commands.correct, "FR0001", revised.revision, {"status": "ACTIVE"}))
    assert refusal.value.path == "status"


# Merging, splitting, linking


def test_all_codes_of_merged_commitments_mean_the_one_that_remains(log: InMemoryLog) -> None:
    log.given(
        register("FR0002"),
        on(lineage_commands.recode_commitment, "FR0002", "FR0102"),
    )
    events = log.when(merge("FR0102", "FR0001"))
    assert event_names(events) == [*["CommitmentMerged"] * 2, *["CodeAssigned"] * 2, *["CommitmentMerged"] * 2]
    remaining = log.find("commitment", "FR0001")
    assert {log.find("commitment", code).id for code in ("FR0001", "FR0002", "FR0102")} == {remaining.id}
    assert former_codes(remaining) == ("FR0002", "FR0102")
    with pytest.raises(Invalid, match="are one already"):
        log.when(merge("FR0002", "FR0001"))


def test_a_commitment_is_split_into_new_ones(log: InMemoryLog) -> None:
    log.given(revise({"cycle": 2018}))
    log.when(on(lineage_commands.split_commitment, "FR0001", {"FR0011": {}, "FR0012": {"status": "ACTIVE"}}))
    whole, parts = log.find("commitment", "FR0001"), [log.find("commitment", c) for c in ("FR0011", "FR0012")]
    assert items_of(whole, "splitInto") == tuple(part.id for part in parts)
    assert [(part.value("splitFrom"), part.value("cycle")) for part in parts] == [(whole.id, 2018)] * 2


def test_links_are_recorded_on_both_sides_and_once(log: InMemoryLog) -> None:
    log.given(register("FR0002"))
    link = link_to_predecessor("FR0002", "FR0001")
    assert event_names(log.when(link)) == ["CommitmentLinked", "CommitmentLinked"]
    one, two = log.find("commitment", "FR0001"), log.find("commitment", "FR0002")
    assert (items_of(one, "successors"), items_of(two, "predecessors")) == ((two.id,), (one.id,))
    assert log.when(link) == []
    with pytest.raises(Invalid, match="cannot be linked to itself"):
        log.when(link_to_predecessor("FR0002", "FR0002"))


def test_a_commitment_is_withdrawn_once(log: InMemoryLog) -> None:
    assert event_names(log.when(on(commitment_commands.withdraw_commitment, "FR0001"))) == ["CommitmentWithdrawn"]
    assert log.when(on(commitment_commands.withdraw_commitment, "FR0001")) == []


# Accounts


def test_rights_are_granted_and_revoked(log: InMemoryLog) -> None:
    log.given(lambda uow: member_commands.register_member(uow, "FRA", {"prefix": "FR"}))
    (opened,) = log.when(account_commands.open_account)
    account = opened.stream
    assert event_names(
        log.when(
            lambda uow: account_commands.grant_rights(
                uow, account_commands.find_account(uow, account), Role.REPORTER, ("FRA",)
            )
        )
    ) == ["RightsGranted"]
    assert (
        log.when(
            lambda uow: account_commands.grant_rights(
                uow, account_commands.find_account(uow, account), Role.REPORTER, ("FRA",)
            )
        )
        == []
    )
    assert event_names(
        log.when(lambda uow: account_commands.revoke_rights(uow, account_commands.find_account(uow, account)))
    ) == ["RightsRevoked"]
    with pytest.raises(NotFound):
        log.when(
            lambda uow: account_commands.grant_rights(
                uow, account_commands.find_account(uow, "account-9"), Role.REVIEWER
            )
        )
    with pytest.raises(Invalid):
        log.when(
            lambda uow: account_commands.grant_rights(uow, account_commands.find_account(uow, account), Role.REPORTER)
        )
