"""Tags: by which an aggregate is filtered and counted, its natural key, and what an event changes of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.domain.aggregate import Aggregate, evolve
from ogpgraph.domain.event import Cause, Envelope, Event, Facts, Origin
from ogpgraph.domain.values import Rating, TextValue, TranslationKind
from ogpgraph.domain.vocabulary import RatingState, RatingValue
from ogpgraph.readmodel.tags import code_of, compute_tags, diff_tags, is_starred
from tests.domain.events import HEADER, NARRATIVE, SIBLING_LIST, build_aggregate, text_value

YES, NO = Rating(RatingState.RATED, RatingValue.YES), Rating(RatingState.RATED, RatingValue.NO)
PENDING = Rating(RatingState.PENDING)
CODE: dict[str, Any] = {"code": "FR0001"}


def tags(facts: dict[str, Any], stream: str = "commitment-1", **envelope: Any) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for dimension, value in compute_tags(build_aggregate((CODE | facts, envelope), stream=stream)):
        found.setdefault(dimension, set()).add(value)
    return found


def test_commitment_has_tags_of_its_plain_values() -> None:
    found = tags(
        {
            "formerCodes": ("FR0009",),
            "member": "member-1",
            "actionPlan": "plan-1",
            "cycle": 2018,
            "status": "ACTIVE",
            "policyAreas": ("Gender", "Tax"),
            "title/en": text_value("a"),
            "description/fr": text_value("b"),
        }
    )
    expected = {
        "code": {"FR0001", "FR0009"},
        "member": {"member-1"},
        "actionPlan": {"plan-1"},
        "cycle": {"2018"},
        "status": {"ACTIVE"},
        "policyArea": {"Gender", "Tax"},
        "language": {"en", "fr"},
        "starred": {"false"},
        "listedOnly": {"false"},
    }
    assert {dimension: found[dimension] for dimension in expected} == expected


def test_rating_has_the_tag_of_its_value_or_of_its_state() -> None:
    found = tags({"ratings/VERIFIABLE/DESIGN": YES, "ratings/COMPLETION/MIDTERM": PENDING})
    assert found["rating:VERIFIABLE:DESIGN"] == {"YES"}
    assert found["rating:COMPLETION:MIDTERM"] == {"PENDING"}
    assert "rating:AMBITION:DESIGN" not in found


def test_commitment_is_starred_if_the_irm_starred_it_at_any_stage() -> None:
    assert tags({"ratings/STARRED/DESIGN": NO, "ratings/STARRED/MIDTERM": YES})["starred"] == {"true"}
    assert not is_starred(build_aggregate(({"ratings/STARRED/DESIGN": PENDING}, {})))
    assert not is_starred(build_aggregate(({"ratings/STARRED/DESIGN": YES}, {"origin": NARRATIVE, "source": "s"})))


def test_commitment_known_from_lists_only_is_tagged_as_such() -> None:
    facts: Facts = CODE | {"title/en": text_value("a")}
    listed: tuple[Facts, dict[str, Any]] = (facts, {"origin": SIBLING_LIST, "source": "list"})
    assert ("listedOnly", "true") in compute_tags(build_aggregate(listed))
    page: tuple[Facts, dict[str, Any]] = ({"status": "ACTIVE"}, {"origin": HEADER, "source": "page"})
    assert ("listedOnly", "false") in compute_tags(build_aggregate(listed, page))


def test_withdrawn_value_has_no_tag() -> None:
    aggregate = build_aggregate((CODE | {"status": "ACTIVE"}, {"on": 1}), ({"status": None}, {"on": 2}))
    assert "status" not in dict(compute_tags(aggregate))


def test_members_and_plans_have_tags() -> None:
    member = build_aggregate(({"code": "FRA", "prefix": "FR", "region": "Europe"}, {}), stream="member-1")
    assert compute_tags(member) == {("code", "FRA"), ("code", "FR"), ("region", "Europe")}
    plan = build_aggregate(({"code": "FRA-2018", "member": "member-1", "cycle": 2018}, {}), stream="plan-1")
    assert compute_tags(plan) == {("code", "FRA-2018"), ("member", "member-1"), ("cycle", "2018")}


@pytest.mark.parametrize(
    ("stream", "facts", "code"),
    [
        ("commitment-1", {"code": "FR0001"}, "FR0001"),
        ("commitment-1", {}, ""),
        ("source-1", {"type": "PAGE", "code": "FR0001", "language": "en"}, "PAGE/FR0001/en"),
        ("code-commitment-FR0001", {"means": "commitment-1"}, "commitment-FR0001"),
    ],
)
def test_natural_key_of_each_type(stream: str, facts: dict[str, Any], code: str) -> None:
    assert code_of(build_aggregate((facts, {}), stream=stream)) == code


# Changes of tags

TEXTS = st.sampled_from("abc").map(lambda letter: TextValue(letter * 64, TranslationKind.ORIGINAL))
RATINGS = st.sampled_from([RatingValue.YES, RatingValue.NO, None]).map(
    lambda value: Rating(RatingState.RATED if value else RatingState.PENDING, value)
)
VALUES = {
    "code": st.sampled_from(["FR0001", "FR0002"]),
    "key": st.just("FRA-01-0123ABCD"),
    "formerCodes": st.just(("FR0009",)),
    "member": st.sampled_from(["member-a", "member-b"]),
    "status": st.sampled_from(["ACTIVE", "WITHDRAWN"]),
    "cycle": st.integers(2015, 2017),
    "startsOn": st.just("2018-01"),
    "policyAreas": st.sampled_from([("Aid",), ("Aid", "Access to Justice")]),
    "mergedInto": st.just("commitment-other"),
    "title/en": TEXTS,
    "title/fr": TEXTS,
    "description/es": TEXTS,
    "milestones/1/status": st.sampled_from(["COMPLETE", "ONGOING"]),
    "milestones/1/endsOn": st.just("2019"),
    "milestones/2/title/en": TEXTS,
    "ratings/STARRED/MIDTERM": RATINGS,
    "ratings/COMPLETION/MIDTERM": RATINGS,
    "ratings/COMPLETION/END_OF_TERM": RATINGS,
}
FACTS = st.fixed_dictionaries({}, optional={path: st.none() | values for path, values in VALUES.items()})
ORIGINS = st.sampled_from([Origin.PERSON, Origin.HEADER, Origin.SIBLING_LIST, Origin.NARRATIVE])


@given(st.lists(st.tuples(FACTS, ORIGINS), min_size=1, max_size=12))
def test_changed_tags_add_up_to_the_tags_of_the_state(events: list[tuple[Facts, Origin]]) -> None:
    aggregate, tags = Aggregate("commitment-x"), set[tuple[str, str]]()
    for revision, (facts, origin) in enumerate(events, start=1):
        time = datetime(2020, 1, revision, tzinfo=UTC)
        envelope = Envelope(
            id=str(revision), time=time, actor="a", role="r", cause=Cause.REPORTED, origin=origin, correlation="c"
        )
        event = Event(aggregate.id, revision, "CommitmentRevised", envelope, facts)
        after = evolve(aggregate, event)
        ended, begun = diff_tags(aggregate, after, event.facts)
        assert ended <= tags
        assert not begun & tags
        tags = (tags - ended) | begun
        assert tags == compute_tags(Aggregate(after.id, after.revision, after.claims))
        assert after.current_claims == Aggregate(after.id, after.revision, after.claims).current_claims
        assert list(after.current_claims) == sorted(after.current_claims)
        aggregate = after
