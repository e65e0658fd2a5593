"""What each command records, and what it refuses: given events, when a command, then events."""

from functools import partial
from typing import Any

import pytest

from ogpgraph.application import BY_PERSON, Basis, Session
from ogpgraph.domain.account import Role
from ogpgraph.domain.errors import Conflict, Invalid, NotFound, Refusal
from ogpgraph.domain.event import Cause, Evidence, Facts, Idempotency, Origin
from ogpgraph.domain.text import Made, Wording, Wordings
from ogpgraph.domain.values import Interval, Rating
from ogpgraph.domain.vocabulary import Indicator, OgpValue, RatingState, RatingValue, Stage
from tests.application.given import Command, Story, names, told, words
from tests.domain.events import day

COMPLETE = Rating(RatingState.RATED, RatingValue.COMPLETE)
LIMITED = Rating(RatingState.RATED, RatingValue.LIMITED)
PENDING = Rating(RatingState.PENDING)
PAGE = Basis(origin=Origin.HEADER, source="source-1", language="en")


def register(code: str = "FR0001", basis: Basis = BY_PERSON, **texts: str) -> Command:
    def command(session: Session) -> object:
        said: Facts = {f"{path}/en": session.wording(text) for path, text in texts.items()}
        return session.register_commitment(code, said or {"title/en": session.wording("Open the budget")}, basis)

    return command


def revise(facts: dict[str, Any], code: str = "FR0001", basis: Basis = BY_PERSON) -> Command:
    return lambda session: session.revise_commitment(session.require("commitment", code).id, facts, basis)


def with_milestone(session: Session) -> None:
    session.add_milestone("FR0001", "1.1", {"title/en": session.wording("Publish it")})


@pytest.fixture
def story() -> Story:
    """FR0001 is registered."""
    return Story().given(register())


# Codes


def test_registering_reserves_the_code_and_tells_what_is_known() -> None:
    events = Story().when(register())
    assert told(events) == [
        ("CodeAssigned", {"means": "commitment-0001"}),
        ("CommitmentRegistered", {"code": "FR0001", "title/en": words("Open the budget")}),
    ]
    assert [event.stream for event in events] == ["code-commitment-FR0001", "commitment-0001"]
    assert [event.revision for event in events] == [1, 1]
    assert events[0].envelope.origin is Origin.REFERENCE


@pytest.mark.parametrize("code", ["FR0001", "fr0001"])
def test_a_code_that_is_taken_is_refused_in_any_case(story: Story, code: str) -> None:
    with pytest.raises(Conflict, match="already is the code of a commitment") as refusal:
        story.when(register(code))
    assert (refusal.value.code, refusal.value.path) == ("CONFLICT", "code")
    assert story.size == 2


def test_codes_of_members_plans_and_commitments_do_not_meet() -> None:
    story = Story().given(
        lambda s: s.register_member("FRA", {"prefix": "FR", "type": "NATIONAL"}),
        lambda s: s.register_action_plan("FRA", {"cycle": 2018}),
    )
    with pytest.raises(Conflict):
        story.when(lambda s: s.register_member("fra", {}))
    with pytest.raises(Conflict):
        story.when(lambda s: s.register_action_plan("FRA", {}))
    assert story.subject("member", "FRA").id != story.subject("plan", "FRA").id


def test_a_code_that_means_nothing_is_not_found() -> None:
    with pytest.raises(NotFound, match="there is no commitment FR0009") as refusal:
        Story().when(lambda s: s.complete_milestone("FR0009", "1.1"))
    assert (refusal.value.code, refusal.value.path) == ("NOT_FOUND", "code")


def test_a_code_of_another_form_is_refused() -> None:
    with pytest.raises(Invalid, match="code"):
        Story().when(register("FR-1"))


def test_a_former_code_keeps_meaning_the_commitment(story: Story) -> None:
    events = story.when(lambda s: s.recode_commitment("FR0001", "FR0101"))
    assert told(events) == [
        ("CodeAssigned", {"means": "commitment-0001"}),
        ("CommitmentRecoded", {"code": "FR0101", "formerCodes": ("FR0001",)}),
    ]
    assert story.subject("commitment", "FR0001") == story.subject("commitment", "FR0101")
    with pytest.raises(Conflict):
        story.when(register("FR0001"))
    assert told(story.when(lambda s: s.recode_commitment("FR0101", "FR0001"))) == [
        ("CommitmentRecoded", {"code": "FR0001", "formerCodes": ("FR0101",)})
    ]
    assert story.when(lambda s: s.recode_commitment("FR0001", "FR0001")) == []


# Saying things, and saying them again


def test_saying_what_is_so_already_records_nothing(story: Story) -> None:
    facts = {"status": "ACTIVE", "policyAreas": ("Open Data",), "startsOn": "2018"}
    assert len(story.when(revise(facts))) == 1
    assert story.when(revise(facts), on=5) == []
    assert told(story.when(revise(facts | {"status": "INACTIVE"}), on=6)) == [
        ("CommitmentRevised", {"status": "INACTIVE"})
    ]


def test_taking_back_what_nobody_said_records_nothing(story: Story) -> None:
    assert story.when(revise({"status": None, "milestones/1/status": None})) == []


def test_a_statement_that_changes_nothing_is_recorded_once_however_often_it_is_made(story: Story) -> None:
    story.given(revise({"status": "ACTIVE"}, basis=PAGE))
    table = revise({"status": "INACTIVE"}, basis=Basis(origin=Origin.REFERENCE))
    assert names(story.when(table)) == ["CommitmentRevised"]
    assert story.subject("commitment", "FR0001").value("status") == "ACTIVE"
    assert story.when(table) == []


def test_a_person_can_say_again_what_a_page_has_said_otherwise_since(story: Story) -> None:
    story.given(revise({"status": "ACTIVE"}), on=1).given(revise({"status": "INACTIVE"}, basis=PAGE), on=2)
    assert names(story.when(revise({"status": "ACTIVE"}), on=3)) == ["CommitmentRevised"]
    assert story.subject("commitment", "FR0001").value("status") == "ACTIVE"


def test_each_thing_is_told_in_the_words_of_what_happened(story: Story) -> None:
    events = story.when(
        revise(
            {
                "status": "ACTIVE",
                "startsOn": "2018",
                "milestones/1/title/en": words("one"),
                "milestones/1/endsOn": "2019",
                "milestones/2/title/en": words("two"),
                "ratings/COMPLETION/DESIGN": PENDING,
                "ratings/RELEVANCE/DESIGN/CIVIC_PARTICIPATION": PENDING,
                "narratives/DESIGN/SUMMARY/en": words("three"),
                "narratives/DESIGN/NEXT_STEPS/en": words("four"),
                "narratives/RESULTS/SUMMARY/en": words("five"),
                "title/fr": words("six", Made.HUMAN),
                "description/fr": words("seven", Made.MACHINE),
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


def test_a_language_that_is_known_already_is_no_translation(story: Story) -> None:
    story.given(revise({"title/fr": words("six", Made.HUMAN)}))
    assert names(story.when(revise({"title/fr": words("other words", Made.HUMAN)}))) == ["CommitmentRevised"]


def test_a_cause_that_is_known_better_is_kept(story: Story) -> None:
    (event,) = story.when(revise({"title/fr": words("six", Made.HUMAN)}, basis=Basis(cause=Cause.EXTRACTION)))
    assert (event.name, event.envelope.cause) == ("CommitmentTranslated", Cause.EXTRACTION)


# Members and plans


def test_a_member_is_renamed_and_revised_in_two_events() -> None:
    story = Story().given(lambda s: s.register_member("FRA", {"prefix": "FR", "name/en": s.wording("France")}))
    stream = story.subject("member", "FRA").id
    facts: Facts = {"name/en": words("French Republic"), "region": "Europe"}
    assert told(story.when(lambda s: s.revise_member(stream, facts))) == [
        ("MemberRenamed", {"name/en": words("French Republic")}),
        ("MemberRevised", {"region": "Europe"}),
    ]
    assert story.when(lambda s: s.revise_member(stream, facts)) == []


def test_a_member_s_status_is_a_decision_with_a_document() -> None:
    story = Story().given(lambda s: s.register_member("FRA", {"prefix": "FR"}))
    facts: Facts = {"status": "INACTIVE", "statusDocument": words("Resolution 1")}
    decide: Command = lambda s: s.change_member_status("FRA", facts, Basis(effective_on="2026-01"))  # noqa: E731
    (event,) = story.when(decide)
    assert (event.name, event.facts, event.envelope.effective_on) == ("MemberStatusChanged", facts, "2026-01")
    assert story.when(decide) == []


def test_a_plan_s_title_in_a_further_language_is_a_translation() -> None:
    story = Story().given(lambda s: s.register_action_plan("FRA-2018", {"cycle": 2018, "title/en": s.wording("Plan")}))
    stream = story.subject("plan", "FRA-2018").id
    facts: Facts = {"title/fr": words("Plan d'action", Made.HUMAN), "startsOn": "2018"}
    events = story.when(lambda s: s.revise_action_plan(stream, facts))
    assert [(event.name, event.envelope.cause) for event in events] == [
        ("ActionPlanTranslated", Cause.TRANSLATION),
        ("ActionPlanRevised", Cause.REPORTED),
    ]
    assert names(story.when(lambda s: s.conclude_action_plan("FRA-2018", {"status": "CONCLUDED"}))) == [
        "ActionPlanConcluded"
    ]


@pytest.mark.parametrize("made", [Made.ORIGINAL, Made.UNKNOWN])
def test_a_plan_s_original_title_that_becomes_known_after_a_translation_is_none(made: Made) -> None:
    title = words("Plan d'action", Made.MACHINE)
    story = Story().given(lambda s: s.register_action_plan("FRA-2018", {"cycle": 2018, "title/fr": title}))
    stream = story.subject("plan", "FRA-2018").id
    (event,) = story.when(lambda s: s.revise_action_plan(stream, {"title/en": words("Action plan", made)}))
    assert (event.name, event.envelope.cause) == ("ActionPlanRevised", Cause.REPORTED)


@pytest.mark.parametrize("cause", [Cause.SOURCE_CHANGED, Cause.EXTRACTION])
def test_a_translation_of_a_plan_s_title_keeps_the_cause_that_an_import_knows_better(cause: Cause) -> None:
    story = Story().given(lambda s: s.register_action_plan("FRA-2018", {"cycle": 2018, "title/en": s.wording("Plan")}))
    stream = story.subject("plan", "FRA-2018").id
    facts: Facts = {"title/fr": words("Plan d'action", Made.HUMAN)}
    (event,) = story.when(lambda s: s.revise_action_plan(stream, facts, Basis(cause=cause)))
    assert (event.name, event.envelope.cause) == ("ActionPlanTranslated", cause)


# Milestones


def test_a_milestone_is_added_once(story: Story) -> None:
    assert names(story.when(with_milestone)) == ["MilestoneAdded"]
    with pytest.raises(Conflict, match=r"already has a milestone 1\.1"):
        story.when(with_milestone)


def test_completing_a_milestone_twice_records_it_once(story: Story) -> None:
    story.given(with_milestone)
    (event,) = story.when(lambda s: s.complete_milestone("fr0001", "1.1"))
    assert (event.name, event.facts) == ("MilestoneCompleted", {"milestones/1.1/status": "COMPLETE"})
    assert story.when(lambda s: s.complete_milestone("FR0001", "1.1"), on=9) == []


def test_completing_twice_in_one_session_records_it_once_too(story: Story) -> None:
    def twice(session: Session) -> None:
        with_milestone(session)
        session.complete_milestone("FR0001", "1.1")
        session.complete_milestone("FR0001", "1.1")

    assert names(story.when(twice)) == ["MilestoneAdded", "MilestoneCompleted"]


def test_the_same_report_is_recorded_once(story: Story) -> None:
    story.given(with_milestone)
    facts: Facts = {"status": "LIMITED", "updates/2026-01-02T00:00:00Z/en": words("Half done")}
    report: Command = lambda s: s.report_milestone("FR0001", "1.1", facts)  # noqa: E731
    (event,) = story.when(report)
    assert event.name == "MilestoneReported"
    assert set(event.facts) == {f"milestones/1.1/{path}" for path in facts}
    assert story.when(report, on=1) == []


def _on_milestone(command: str, session: Session) -> None:
    getattr(session, command)("FR0001", "1.2")


def test_a_milestone_that_there_is_not_is_not_found(story: Story) -> None:
    story.given(with_milestone)
    for command in ("complete_milestone", "withdraw_milestone"):
        with pytest.raises(NotFound, match=r"FR0001 has no milestone 1\.2") as refusal:
            story.when(partial(_on_milestone, command))
        assert refusal.value.path == "number"
    with pytest.raises(NotFound):
        story.when(lambda s: s.report_milestone("FR0001", "1.10", {"status": "LIMITED"}))
    with pytest.raises(NotFound):
        story.when(lambda s: s.revise_milestone("FR0001", "1", {"endsOn": "2019"}))


def test_a_milestone_is_revised_and_withdrawn(story: Story) -> None:
    story.given(with_milestone)
    assert told(story.when(lambda s: s.revise_milestone("FR0001", "1.1", {"endsOn": "2019-03"}))) == [
        ("MilestoneRevised", {"milestones/1.1/endsOn": "2019-03"})
    ]
    assert names(story.when(lambda s: s.withdraw_milestone("FR0001", "1.1"))) == ["MilestoneWithdrawn"]
    assert story.when(lambda s: s.withdraw_milestone("FR0001", "1.1")) == []


# Ratings


@pytest.mark.parametrize(
    ("indicator", "rating", "says"),
    [
        (Indicator.AMBITION, COMPLETE, "AMBITION cannot be COMPLETE: its scale is LOW, HIGH"),
        (Indicator.STARRED, Rating(RatingState.RATED, RatingValue.MAJOR), "STARRED cannot be MAJOR"),
        (Indicator.COMPLETION, Rating(RatingState.RATED), "exactly when it is RATED"),
        (Indicator.COMPLETION, Rating(RatingState.PENDING, RatingValue.COMPLETE), "exactly when it is RATED"),
    ],
)
def test_a_rating_off_its_scale_is_refused_whichever_command_says_it(
    story: Story, indicator: Indicator, rating: Rating, says: str
) -> None:
    path = f"ratings/{indicator}/DESIGN"
    commands: list[Command] = [
        lambda s: s.record_rating("FR0001", indicator, Stage.DESIGN, rating),
        lambda s: s.register_commitment("FR0002", {path: rating}),
        revise({path: rating}),
        revise({f"{path}/CIVIC_PARTICIPATION": rating}),
        lambda s: s.correct("FR0001", {path: rating}, "0002"),
    ]
    for command in commands:
        with pytest.raises(Invalid, match=says):
            story.when(command)
    assert story.size == 2


def test_a_rating_is_recorded_and_said_again_recorded_once(story: Story) -> None:
    rate: Command = lambda s: s.record_rating("FR0001", Indicator.COMPLETION, Stage.MIDTERM, LIMITED)  # noqa: E731
    assert told(story.when(rate)) == [("RatingRecorded", {"ratings/COMPLETION/MIDTERM": LIMITED})]
    assert story.when(rate, on=3) == []


def test_a_rating_may_be_about_one_value_of_ogp(story: Story) -> None:
    (event,) = story.when(
        lambda s: s.record_rating(
            "FR0001", Indicator.RELEVANCE, Stage.DESIGN, PENDING, ogp_value=OgpValue.CIVIC_PARTICIPATION
        )
    )
    assert list(event.facts) == ["ratings/RELEVANCE/DESIGN/CIVIC_PARTICIPATION"]


def test_a_rating_of_people_can_be_withdrawn_and_that_of_a_page_cannot(story: Story) -> None:
    story.given(lambda s: s.record_rating("FR0001", Indicator.COMPLETION, Stage.MIDTERM, LIMITED))
    withdraw: Command = lambda s: s.withdraw_rating("FR0001", Indicator.COMPLETION, Stage.MIDTERM)  # noqa: E731
    assert told(story.when(withdraw, on=1)) == [("RatingWithdrawn", {"ratings/COMPLETION/MIDTERM": None})]
    assert story.subject("commitment", "FR0001").value("ratings/COMPLETION/MIDTERM") is None
    with pytest.raises(NotFound):
        story.when(withdraw)
    story.given(revise({"ratings/COMPLETION/MIDTERM": LIMITED}, basis=PAGE))
    with pytest.raises(Conflict, match="a published page states"):
        story.when(withdraw)


# Corrections


def test_a_correction_names_the_event_that_was_wrong(story: Story) -> None:
    (wrong,) = story.when(revise({"status": "INACTIVE"}, basis=PAGE), on=1)
    (event,) = story.when(lambda s: s.correct("FR0001", {"status": "ACTIVE"}, wrong.envelope.id), on=2)
    assert (event.name, event.facts) == ("CommitmentCorrected", {"status": "ACTIVE"})
    assert (event.envelope.cause, event.envelope.corrects) == (Cause.CORRECTION, wrong.envelope.id)
    assert story.subject("commitment", "FR0001").value("status") == "ACTIVE"


def test_a_correction_of_what_is_right_already_is_refused(story: Story) -> None:
    story.given(revise({"status": "ACTIVE"}))
    with pytest.raises(Conflict, match="already is as the correction would have it") as refusal:
        story.when(lambda s: s.correct("FR0001", {"status": "ACTIVE"}, "0004"))
    assert refusal.value.path == "status"


# Merging, splitting, linking


def test_merged_commitments_are_found_by_all_their_codes(story: Story) -> None:
    story.given(register("FR0002"), lambda s: s.recode_commitment("FR0002", "FR0102"))
    events = story.when(lambda s: s.merge_commitments(["FR0102"], "FR0001"))
    assert names(events) == ["CommitmentMerged", "CodeAssigned", "CodeAssigned", "CommitmentMerged"]
    remaining = story.subject("commitment", "FR0001")
    assert {story.subject("commitment", code).id for code in ("FR0001", "FR0002", "FR0102")} == {remaining.id}
    assert remaining.value("formerCodes") == ("FR0102", "FR0002")
    with pytest.raises(Invalid, match="are one already"):
        story.when(lambda s: s.merge_commitments(["FR0002"], "FR0001"))


def test_a_commitment_is_split_into_new_ones(story: Story) -> None:
    story.given(revise({"cycle": 2018}))
    story.when(lambda s: s.split_commitment("FR0001", {"FR0011": {}, "FR0012": {"status": "ACTIVE"}}))
    whole, parts = story.subject("commitment", "FR0001"), [story.subject("commitment", c) for c in ("FR0011", "FR0012")]
    assert whole.value("splitInto") == tuple(part.id for part in parts)
    assert [(part.value("splitFrom"), part.value("cycle")) for part in parts] == [(whole.id, 2018)] * 2


def test_links_are_on_both_sides_and_made_once(story: Story) -> None:
    story.given(register("FR0002"))
    link: Command = lambda s: s.link_commitments("FR0002", ["FR0001"], [])  # noqa: E731
    assert names(story.when(link)) == ["CommitmentLinked", "CommitmentLinked"]
    one, two = story.subject("commitment", "FR0001"), story.subject("commitment", "FR0002")
    assert (one.value("successors"), two.value("predecessors")) == ((two.id,), (one.id,))
    assert story.when(link) == []
    with pytest.raises(Invalid, match="cannot be linked to itself"):
        story.when(lambda s: s.link_commitments("FR0002", ["FR0002"], []))


def test_a_commitment_is_withdrawn_once(story: Story) -> None:
    assert names(story.when(lambda s: s.withdraw_commitment("FR0001"))) == ["CommitmentWithdrawn"]
    assert story.when(lambda s: s.withdraw_commitment("FR0001")) == []


# Accounts


def test_rights_are_granted_and_revoked(story: Story) -> None:
    story.given(lambda s: s.register_member("FRA", {"prefix": "FR"}))
    (opened,) = story.when(lambda s: s.open_account())
    account = opened.stream
    assert names(story.when(lambda s: s.grant_rights(account, Role.REPORTER, ("FRA",)))) == ["RightsGranted"]
    assert story.when(lambda s: s.grant_rights(account, Role.REPORTER, ("FRA",))) == []
    assert names(story.when(lambda s: s.revoke_rights(account))) == ["RightsRevoked"]
    with pytest.raises(NotFound):
        story.when(lambda s: s.grant_rights("account-9", Role.REVIEWER))
    with pytest.raises(Invalid):
        story.when(lambda s: s.grant_rights(account, Role.REPORTER))


# Envelopes and wordings


def test_an_event_tells_who_said_it_when_why_and_on_what_evidence() -> None:
    basis = Basis(
        origin=Origin.HEADER,
        cause=Cause.SOURCE_CHANGED,
        language="fr",
        source="source-1",
        evidence=(Evidence("source-1", "sha256:0", None, {"title/en": (1, 5), "status": (7, 9)}),),
        effective_on="2018-S2",
        changed_between=Interval(before=day(2), after=day(1)),
    )
    story = Story()
    key = Idempotency("key", "hash")
    events = story.when(
        register(basis=basis), on=3, reason="the yearly import", causation="e9", idempotency=key, role="importer"
    )
    told_ = events[-1].envelope
    assert (told_.actor, told_.role, told_.time) == ("account-1", "importer", day(3))
    assert (told_.cause, told_.origin, told_.language, told_.source) == (
        Cause.SOURCE_CHANGED,
        Origin.HEADER,
        "fr",
        "source-1",
    )
    assert (told_.effective_on, told_.changed_between) == ("2018-S2", Interval(before=day(2), after=day(1)))
    assert (told_.correlation, told_.causation, told_.idempotency) == ("request", "e9", key)
    assert told_.reason == words("the yearly import").text
    assert told_.evidence[0].spans == {"title/en": (1, 5)}
    assert len({event.envelope.id for event in events}) == len(events)


def test_only_the_wordings_that_events_speak_of_are_kept(story: Story) -> None:
    def command(session: Session) -> None:
        session.word("said by nobody")
        session.revise_commitment(session.require("commitment", "FR0001").id, {"title/en": session.wording("Words")})

    story.given(command, reason="why")
    assert {text for _, text in story.texts.values()} == {"Open the budget", "Words", "why"}


def test_wordings_are_kept_of_no_session_that_records_nothing(story: Story) -> None:
    before = dict(story.texts)
    assert story.when(lambda s: s.word("said by nobody"), reason="why") == []
    assert story.texts == before


@pytest.mark.parametrize("text", ["nul \x00", "half \ud800", "\udfff"])
def test_wordings_that_no_store_can_keep_are_refused(story: Story, text: str) -> None:
    commands: list[Command] = [
        lambda s: s.wording(text),
        register("FR0002", title=text),
        revise({"policyAreas": (text,)}),
        lambda s: s.register_action_plan(text, {}),
    ]
    for command in commands:
        with pytest.raises(Invalid):
            story.when(command)
    with pytest.raises(Invalid):
        story.when(register("FR0003"), reason=text)
    assert story.size == 2


def test_wordings_may_hold_line_breaks_and_any_letter(story: Story) -> None:
    text = "a\nb\tc 𝔘 👩‍👩‍👧\r\n"
    story.given(revise({"description/en": words(text), "leadInstitutions/en": Wordings(())}))
    assert story.subject("commitment", "FR0001").value("description/en") == words(text)


@pytest.mark.parametrize(
    "basis",
    [
        Basis(effective_on="soon"),
        Basis(effective_on="2018\n"),
        Basis(changed_between=Interval(before=day(0).replace(tzinfo=None))),
    ],
    ids=["soon", "line break", "no zone"],
)
def test_what_could_not_be_read_back_is_refused_and_not_stored(story: Story, basis: Basis) -> None:
    with pytest.raises(Refusal, match="cannot be stored"):
        story.when(revise({"status": "ACTIVE"}, basis=basis))
    assert story.size == 2


def test_a_command_that_fails_leaves_nothing_of_what_was_said_before_it(story: Story) -> None:
    def command(session: Session) -> None:
        session.withdraw_commitment("FR0001")
        session.complete_milestone("FR0001", "9")

    with pytest.raises(NotFound):
        story.when(command)
    assert story.size == 2


def test_a_session_sees_what_it_has_said() -> None:
    def command(session: Session) -> None:
        register()(session)
        with_milestone(session)
        assert isinstance(session.require("commitment", "FR0001").value("title/en"), Wording)
        assert session.require("commitment", "FR0001").revision == 2

    assert len(Story().when(command)) == 3
