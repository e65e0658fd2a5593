"""Validation of facts: paths, types of values, and the paths that each event can state."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.domain.account import ACCOUNT
from ogpgraph.domain.action_plan import PLAN
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_type import AggregateType
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES, COMMITMENT
from ogpgraph.domain.code import CODE, code_stream
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.event import Facts
from ogpgraph.domain.member import MEMBER
from ogpgraph.domain.source import SOURCE
from ogpgraph.domain.values import Rating, TextListValue
from ogpgraph.domain.vocabulary import CommitmentStatus, RatingState
from tests.domain.events import build_aggregate, text_value
from tests.domain.values import ALL_EVENT_TYPES, facts_of

PENDING = Rating(RatingState.PENDING)


def test_the_aggregate_types() -> None:
    assert [*AGGREGATE_TYPES] == ["member", "plan", "commitment", "source", "code", "account"]


@given(st.sampled_from(ALL_EVENT_TYPES).flatmap(lambda both: st.tuples(st.just(both), facts_of(*both))))
def test_all_declared_facts_are_valid(generated: tuple[tuple[AggregateType, Any], dict[str, Any]]) -> None:
    (aggregate_type, event_type), facts = generated
    aggregate_type.validate(event_type.name, facts)


@pytest.mark.parametrize(
    ("aggregate_type", "path"),
    [
        (COMMITMENT, "budget"),
        (COMMITMENT, "title"),
        (COMMITMENT, "title/EN"),
        (COMMITMENT, "title/english"),
        (COMMITMENT, "title/en/"),
        (COMMITMENT, "title/en\n"),
        (COMMITMENT, " title/en"),
        (COMMITMENT, "milestones/14.1"),
        (COMMITMENT, "milestones//title/en"),
        (COMMITMENT, "milestones/-1/title/en"),
        (COMMITMENT, "milestones/1/updates/yesterday/en"),
        (COMMITMENT, "milestones/1/updates/::Z/en"),
        (COMMITMENT, "ratings/POPULARITY/DESIGN"),
        (COMMITMENT, "ratings/COMPLETION"),
        (COMMITMENT, "ratings/RELEVANCE/DESIGN/CIVIC_COURAGE"),
        (COMMITMENT, "narratives/DESIGN/summary/en"),
        (MEMBER, "cycle"),
        (PLAN, "prefix"),
        (SOURCE, "observations/2026"),
        (CODE, "code"),
        (ACCOUNT, "name"),
    ],
)
def test_an_undeclared_path_is_refused_by_name(aggregate_type: AggregateType, path: str) -> None:
    with pytest.raises(Invalid, match=f"a {aggregate_type.name} has no") as refusal:
        aggregate_type.validate(aggregate_type.event_types[0].name, {path: None})
    assert refusal.value.path == path
    assert repr(path) in refusal.value.message


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("code", "fr0043"),
        ("code", "FR43"),
        ("code", 43),
        ("code", "FR0043\n"),
        ("code", "FR٠٠٤٣"),
        ("codes/FR0043", False),
        ("codes/FR0043", "FR0043"),
        ("predecessors/commitment-1", False),
        ("cycle", 1999),
        ("cycle", "2018"),
        ("cycle", True),
        ("status", "DONE"),
        ("title/en", "words themselves"),
        ("title/en", TextListValue(())),
        ("leadInstitutions/en", text_value("a")),
        ("startsOn", "2018-13"),
        ("startsOn", "2018-S3"),
        ("startsOn", "18"),
        ("startsOn", "٢٠١٨"),
        ("startsOn", "2018\n"),
        ("policyAreas", ("Open Data\x00",)),
        ("policyAreas", ("half a character \ud800",)),
        ("policyAreas", ("two\nlines",)),
        ("ratings/COMPLETION/DESIGN", "COMPLETE"),
        ("ratings/COMPLETION/DESIGN", text_value("a")),
        ("milestones/1/status", "ALMOST"),
        ("actionPlan", ""),
        ("actionPlan", "p" * 121),
    ],
)
def test_a_value_of_another_type_is_refused_with_its_path(path: str, value: Any) -> None:
    with pytest.raises(Invalid, match=path) as refusal:
        COMMITMENT.validate("CommitmentRevised", {"number": "1", path: value})
    assert refusal.value.path == path


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("startsOn", "2018"),
        ("startsOn", "2018-S2"),
        ("startsOn", "2018-Q4"),
        ("startsOn", "2019-03"),
        ("startsOn", "2019-03-15"),
        ("startsOn", "2019/.."),
        ("number", "14.1"),
        ("status", "ACTIVE"),
        ("status", CommitmentStatus.INACTIVE),
        ("policyAreas", ()),
        ("leadInstitutions/kab", TextListValue(())),
        ("ratings/RELEVANCE/DESIGN/CIVIC_PARTICIPATION", PENDING),
        ("milestones/A-2/updates/2026-01-02T03:04:05.000006Z/en", text_value("a")),
    ],
)
def test_a_value_of_the_declared_type_or_none_is_valid(path: str, value: Any) -> None:
    COMMITMENT.validate("CommitmentRevised", {path: value})
    COMMITMENT.validate("CommitmentRevised", {path: None})


@pytest.mark.parametrize(
    ("aggregate_type", "name", "path"),
    [
        (COMMITMENT, "MilestoneAdded", "title/en"),
        (COMMITMENT, "RatingRecorded", "milestones/1/status"),
        (COMMITMENT, "NarrativeRecorded", "ratings/COMPLETION/DESIGN"),
        (COMMITMENT, "CommitmentRecoded", "status"),
        (MEMBER, "MemberRenamed", "status"),
        (PLAN, "ActionPlanConcluded", "title/en"),
        (SOURCE, "SourceObservedUnchanged", "url"),
    ],
)
def test_an_event_can_only_state_paths_with_its_prefixes(aggregate_type: AggregateType, name: str, path: str) -> None:
    with pytest.raises(Invalid, match=f"{name} cannot state") as refusal:
        aggregate_type.validate(name, {path: None})
    assert refusal.value.path == path


def plan(stream: str, member: str) -> Aggregate:
    return build_aggregate(({"member": member}, {}), stream=stream)


KNOWN = {each.id: each for each in (plan("plan-1", "member-1"), plan("plan-2", "member-2"))} | {
    "member-1": build_aggregate(({"code": "FRA"}, {}), stream="member-1")
}


def find(stream: str) -> Aggregate:
    return KNOWN.get(stream, Aggregate(stream))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("actionPlan", "garbage"),
        ("actionPlan", "plan-9"),
        ("actionPlan", "member-1"),
        ("actionPlan", "plan-2"),
        ("member", "member-9"),
    ],
)
def test_a_reference_to_nothing_or_to_the_plan_of_another_member_is_refused(path: str, value: str) -> None:
    commitment = build_aggregate(({"member": "member-1", path: value}, {}))
    with pytest.raises(Invalid) as refusal:
        COMMITMENT.validate_references(commitment, {path: value}, find)
    assert refusal.value.path == path


def test_a_reference_to_a_plan_of_the_same_member_is_valid() -> None:
    facts: Facts = {"member": "member-1", "actionPlan": "plan-1"}
    COMMITMENT.validate_references(build_aggregate((facts, {})), facts, find)


def test_the_last_value_of_a_required_field_cannot_be_taken_away() -> None:
    facts: Facts = {"title/en": text_value("a"), "title/fr": text_value("b"), "endsOn": "2020"}
    before = build_aggregate((facts, {}))
    one_less = build_aggregate((facts, {}), ({"title/en": None, "endsOn": None}, {}))
    COMMITMENT.validate_kept(before, one_less, ["title/en", "endsOn"])
    emptied = build_aggregate((facts, {}), ({"title/en": None, "title/fr": None}, {}))
    with pytest.raises(Invalid, match="every commitment has a title") as refusal:
        COMMITMENT.validate_kept(one_less, emptied, ["title/fr"])
    assert refusal.value.path == "title/fr"


def test_an_event_of_another_aggregate_type_is_refused_by_name() -> None:
    with pytest.raises(Invalid, match="a plan has no event 'CommitmentRevised'"):
        PLAN.validate("CommitmentRevised", {"startsOn": "2018"})


def test_paths_of_texts_and_of_lists_of_texts() -> None:
    assert COMMITMENT.holds_text("title/en")
    assert not COMMITMENT.holds_text("leadInstitutions/en")
    assert COMMITMENT.find_field("leadInstitutions/en").type is TextListValue
    assert COMMITMENT.find_field("policyAreas").type is not TextListValue


def test_event_names_are_unique_across_aggregate_types() -> None:
    names = [event_type.name for _, event_type in ALL_EVENT_TYPES]
    assert len(names) == len(set(names))


def test_codes_are_case_insensitive_and_belong_to_one_aggregate_type() -> None:
    assert code_stream("commitment", "fr0043") == code_stream("commitment", "FR0043") == "code-commitment-FR0043"
    assert code_stream("member", "FRA") != code_stream("plan", "FRA")
