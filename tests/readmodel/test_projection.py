"""What the rows of a subject say: which filters it answers to, its place in order, and what an event changed."""

from typing import Any

import pytest
from hypothesis import given

from ogpgraph.domain.aggregate import Aggregate, evolve
from ogpgraph.domain.event import Event, Facts, Origin
from ogpgraph.domain.review import is_starred
from ogpgraph.domain.values import Observation, Rating, TextListValue, TranslationKind
from ogpgraph.domain.vocabulary import RatingState, RatingValue
from ogpgraph.readmodel import projector
from ogpgraph.readmodel.entry import FieldChange, TextReference, diff_aggregates
from ogpgraph.readmodel.tables import decode_document, encode_document
from ogpgraph.readmodel.tags import code_of, compute_tags
from ogpgraph.system import System
from tests.domain.events import HEADER, NARRATIVE, SIBLING_LIST, build_aggregate, day, event, text_value
from tests.domain.values import events
from tests.support.writers import change_title, register_commitment

YES, NO = Rating(RatingState.RATED, RatingValue.YES), Rating(RatingState.RATED, RatingValue.NO)
PENDING = Rating(RatingState.PENDING)
CODE: dict[str, Any] = {"code": "FR0001"}


def tags(facts: dict[str, Any], stream: str = "commitment-1", **given: Any) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for dimension, value in compute_tags(build_aggregate((CODE | facts, given), stream=stream)):
        found.setdefault(dimension, set()).add(value)
    return found


def test_a_commitment_is_found_by_what_it_is() -> None:
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


def test_a_rating_is_found_by_its_value_or_else_by_why_it_has_none() -> None:
    found = tags({"ratings/VERIFIABLE/DESIGN": YES, "ratings/COMPLETION/MIDTERM": PENDING})
    assert found["rating:VERIFIABLE:DESIGN"] == {"YES"}
    assert found["rating:COMPLETION:MIDTERM"] == {"PENDING"}
    assert "rating:AMBITION:DESIGN" not in found


def test_a_commitment_is_starred_where_the_irm_starred_it_at_any_stage() -> None:
    assert tags({"ratings/STARRED/DESIGN": NO, "ratings/STARRED/MIDTERM": YES})["starred"] == {"true"}
    assert not is_starred(build_aggregate(({"ratings/STARRED/DESIGN": PENDING}, {})))
    assert not is_starred(build_aggregate(({"ratings/STARRED/DESIGN": YES}, {"origin": NARRATIVE, "source": "s"})))


def test_what_is_known_from_lists_only_is_found_as_that() -> None:
    facts: Facts = CODE | {"title/en": text_value("a")}
    listed: tuple[Facts, dict[str, Any]] = (facts, {"origin": SIBLING_LIST, "source": "list"})
    assert ("listedOnly", "true") in compute_tags(build_aggregate(listed))
    page: tuple[Facts, dict[str, Any]] = ({"status": "ACTIVE"}, {"origin": HEADER, "source": "page"})
    assert ("listedOnly", "false") in compute_tags(build_aggregate(listed, page))


def test_what_is_no_longer_said_is_no_longer_found() -> None:
    subject = build_aggregate((CODE | {"status": "ACTIVE"}, {"on": 1}), ({"status": None}, {"on": 2}))
    assert "status" not in dict(compute_tags(subject))


def test_members_and_plans_are_found_by_their_codes() -> None:
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
def test_things_are_ordered_by_their_code(stream: str, facts: dict[str, Any], code: str) -> None:
    assert code_of(build_aggregate((facts, {}), stream=stream)) == code


# Changes


def changes(before: Aggregate, **said: Any) -> list[FieldChange]:
    facts = said.pop("facts")
    one = event(before.revision + 1, facts, **said)
    return diff_aggregates(before, evolve(before, one), one)


def test_a_change_has_the_value_before_and_after() -> None:
    before = build_aggregate(({"status": "ACTIVE", "title/en": text_value("a")}, {"on": 1}))
    facts = {"status": "INACTIVE", "title/en": text_value("b"), "startsOn": "2018"}
    assert changes(before, facts=facts, on=2) == [
        FieldChange("status", "ACTIVE", "INACTIVE"),
        FieldChange("title/en", TextReference(text="a" * 64), TextReference(text="b" * 64)),
        FieldChange("startsOn", None, "2018"),
    ]
    assert changes(before, facts={"status": None}, on=2) == [FieldChange("status", "ACTIVE", None)]


def test_a_rating_changes_field_by_field() -> None:
    before = build_aggregate(({"ratings/COMPLETION/DESIGN": PENDING}, {"on": 1}))
    rated = Rating(RatingState.RATED, RatingValue.COMPLETE, "a" * 64)
    assert changes(before, facts={"ratings/COMPLETION/DESIGN": rated}, on=2) == [
        FieldChange("ratings/COMPLETION/DESIGN/state", "PENDING", "RATED"),
        FieldChange("ratings/COMPLETION/DESIGN/statedAs", None, TextReference(text="a" * 64)),
        FieldChange("ratings/COMPLETION/DESIGN/value", None, "COMPLETE"),
    ]


def test_lists_and_observations_have_fields_too() -> None:
    seen = Observation("sha256:0", "c" * 64, "reader 1")
    facts = {"leadInstitutions/en": TextListValue(("a" * 64, "b" * 64)), "policyAreas": (), "observations/x": seen}
    assert changes(Aggregate("commitment-1"), facts=facts) == [
        FieldChange("leadInstitutions/en", None, TextReference(texts=("a" * 64, "b" * 64))),
        FieldChange("policyAreas", None, ()),
        FieldChange("observations/x/contentHash", None, "sha256:0"),
        FieldChange("observations/x/reader", None, "reader 1"),
    ]


def test_what_does_not_become_current_is_a_change_of_what_its_source_claims() -> None:
    before = build_aggregate(({"status": "ACTIVE"}, {"on": 1, "origin": HEADER, "source": "page", "language": "en"}))
    lists: dict[str, Any] = {"origin": SIBLING_LIST, "source": "list", "on": 5}
    assert changes(before, facts={"status": "INACTIVE"}, **lists) == [FieldChange("claims/status", None, "INACTIVE")]
    after = evolve(before, event(2, {"status": "INACTIVE"}, **lists))
    assert changes(after, facts={"status": None}, **lists) == [FieldChange("claims/status", "INACTIVE", None)]


def test_a_claim_that_is_dropped_brings_back_what_another_says() -> None:
    before = build_aggregate(
        ({"status": "ACTIVE"}, {"on": 1}),
        ({"status": "INACTIVE"}, {"on": 2, "origin": HEADER, "source": "page"}),
    )
    dropped = {"origin": HEADER, "source": "page", "on": 3}
    assert changes(before, facts={"status": None}, **dropped) == [FieldChange("status", "INACTIVE", "ACTIVE")]


def test_a_sight_that_comes_late_changes_no_field() -> None:
    page = {"origin": HEADER, "source": "page"}
    before = build_aggregate(({"status": "ACTIVE"}, {"on": 9, **page}))
    late = {"on": 5, "seen": (None, 5), "late": True, **page}
    assert changes(before, facts={"status": "INACTIVE"}, **late) == []


# Documents


@given(events)
def test_a_document_is_read_as_it_was_written(said: Event) -> None:
    subject = evolve(Aggregate(said.stream, said.revision - 1), said)
    document = encode_document(subject)
    again = decode_document(subject.id, subject.revision, document)
    assert again == subject
    assert encode_document(again) == document


def test_a_document_does_not_depend_on_the_order_in_which_things_were_said() -> None:
    one = build_aggregate(({"status": "ACTIVE", "startsOn": "2018"}, {"origin": Origin.PERSON}))
    other = build_aggregate(({"startsOn": "2018", "status": "ACTIVE"}, {"origin": Origin.PERSON}))
    assert encode_document(one) == encode_document(other)
    assert day(0).isoformat() in encode_document(one).replace("Z", "+00:00")


def test_wording_that_came_about_in_another_way_is_no_change_to_be_told() -> None:
    before = build_aggregate((CODE | {"title/en": text_value("a")}, {}))
    again = event(2, {"title/en": text_value("a", TranslationKind.MACHINE)})
    assert diff_aggregates(before, evolve(before, again), again) == []


# The projector


def test_each_event_is_evolved_once(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    evolved: list[tuple[str, int]] = []

    def count(before: Aggregate, applied: Event) -> Aggregate:
        evolved.append((applied.stream, applied.revision))
        return evolve(before, applied)

    monkeypatch.setattr(projector, "evolve", count)
    for number in range(3):
        register_commitment(system, f"FR{number:04}")
        change_title(system, f"FR{number:04}", f"Title {number}")
    events = [(event.stream, event.revision) for event in system.log.select_notifications(None, 100)]
    assert evolved == events
    evolved.clear()
    system.rebuild()
    assert evolved == events
