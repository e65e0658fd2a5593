"""What a noun accepts and refuses: paths, forms of values, and which events speak of what."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.domain.account import ACCOUNT
from ogpgraph.domain.action_plan import PLAN
from ogpgraph.domain.code import CODE, code_id
from ogpgraph.domain.commitment import COMMITMENT
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.member import MEMBER
from ogpgraph.domain.noun import Noun
from ogpgraph.domain.nouns import NOUNS
from ogpgraph.domain.source import SOURCE
from ogpgraph.domain.text import Wordings
from ogpgraph.domain.values import Rating
from ogpgraph.domain.vocabulary import CommitmentStatus, RatingState
from tests.domain.events import wording
from tests.domain.values import ALL_KINDS, facts_of

PENDING = Rating(RatingState.PENDING)


def test_the_nouns_are_these() -> None:
    assert [*NOUNS] == ["member", "plan", "commitment", "source", "code", "account"]


@given(st.sampled_from(ALL_KINDS).flatmap(lambda both: st.tuples(st.just(both), facts_of(*both))))
def test_everything_that_is_declared_can_be_said(said: tuple[tuple[Noun, Any], dict[str, Any]]) -> None:
    (noun, kind), facts = said
    noun.check(kind.name, facts)


@pytest.mark.parametrize(
    ("noun", "path"),
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
def test_a_path_that_a_noun_does_not_have_is_refused_by_name(noun: Noun, path: str) -> None:
    with pytest.raises(Invalid, match=f"a {noun.kind} has no") as refusal:
        noun.check(noun.events[0].name, {path: None})
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
        ("formerCodes", ("FR0043", "nonsense")),
        ("formerCodes", "FR0043"),
        ("cycle", 1999),
        ("cycle", "2018"),
        ("cycle", True),
        ("status", "DONE"),
        ("title/en", "words themselves"),
        ("title/en", Wordings(())),
        ("leadInstitutions/en", wording("a")),
        ("startsOn", "2018-13"),
        ("startsOn", "2018-S3"),
        ("startsOn", "18"),
        ("startsOn", "٢٠١٨"),
        ("startsOn", "2018\n"),
        ("policyAreas", ("Open Data\x00",)),
        ("policyAreas", ("half a character \ud800",)),
        ("policyAreas", ("two\nlines",)),
        ("ratings/COMPLETION/DESIGN", "COMPLETE"),
        ("ratings/COMPLETION/DESIGN", wording("a")),
        ("milestones/1/status", "ALMOST"),
        ("actionPlan", ""),
        ("actionPlan", "p" * 121),
    ],
)
def test_a_value_of_another_form_is_refused_with_its_path(path: str, value: Any) -> None:
    with pytest.raises(Invalid, match=path) as refusal:
        COMMITMENT.check("CommitmentRevised", {"number": "1", path: value})
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
        ("leadInstitutions/kab", Wordings(())),
        ("ratings/RELEVANCE/DESIGN/CIVIC_PARTICIPATION", PENDING),
        ("milestones/A-2/updates/2026-01-02T03:04:05.000006Z/en", wording("a")),
    ],
)
def test_a_value_of_the_form_is_accepted_and_so_is_nothing(path: str, value: Any) -> None:
    COMMITMENT.check("CommitmentRevised", {path: value})
    COMMITMENT.check("CommitmentRevised", {path: None})


@pytest.mark.parametrize(
    ("noun", "name", "path"),
    [
        (COMMITMENT, "MilestoneAdded", "title/en"),
        (COMMITMENT, "RatingRecorded", "milestones/1/status"),
        (COMMITMENT, "NarrativeRecorded", "ratings/COMPLETION/DESIGN"),
        (COMMITMENT, "CommitmentRecoded", "status"),
        (MEMBER, "MemberRenamed", "status"),
        (PLAN, "ActionPlanConcluded", "title/en"),
        (SOURCE, "SourceSeenAgain", "url"),
    ],
)
def test_an_event_speaks_of_its_own_matters_only(noun: Noun, name: str, path: str) -> None:
    with pytest.raises(Invalid, match=f"{name} does not speak of") as refusal:
        noun.check(name, {path: None})
    assert refusal.value.path == path


def test_an_event_of_another_noun_is_refused_by_name() -> None:
    with pytest.raises(Invalid, match="a plan has no event 'CommitmentRevised'"):
        PLAN.check("CommitmentRevised", {"startsOn": "2018"})


def test_a_noun_tells_which_paths_hold_wordings() -> None:
    assert COMMITMENT.holds_wording("title/en")
    assert not COMMITMENT.holds_wording("leadInstitutions/en")
    assert COMMITMENT.holds_wordings("leadInstitutions/en")
    assert not COMMITMENT.holds_wordings("policyAreas")


def test_no_two_nouns_share_the_name_of_an_event() -> None:
    names = [kind.name for _, kind in ALL_KINDS]
    assert len(names) == len(set(names))


def test_a_code_means_one_thing_in_any_case() -> None:
    assert code_id("commitment", "fr0043") == code_id("commitment", "FR0043") == "code-commitment-FR0043"
    assert code_id("member", "FRA") != code_id("plan", "FRA")
