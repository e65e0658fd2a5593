"""What a commitment knows of itself: its milestones in order, its languages, whether it is known by hearsay only."""

import pytest

from ogpgraph.domain.action_plan import languages_of
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_types import COMMITMENT
from ogpgraph.domain.commitment import decide_events, is_listed_only
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.event import Facts
from ogpgraph.domain.milestone import milestone_numbers, natural_sort_key
from ogpgraph.domain.values import TextListValue, TranslationKind, is_translated
from tests.domain.events import HEADER, NARRATIVE, SIBLING_LIST, build_aggregate, text_value


def test_milestones_are_in_the_order_people_count() -> None:
    numbers = ["14.10", "14.2", "A-2", "14", "2", "A-10", "14.2.1", "9"]
    subject = build_aggregate(({f"milestones/{number}/title/en": text_value("a") for number in numbers}, {}))
    assert milestone_numbers(subject) == ["A-2", "A-10", "2", "9", "14", "14.2", "14.2.1", "14.10"]


@pytest.mark.parametrize("numbers", [["1", "2", "10"], ["1.9", "1.10"], ["3-a", "3-b"], ["A", "1"]])
def test_published_numbers_are_sorted_as_people_count(numbers: list[str]) -> None:
    backwards = numbers[::-1]
    assert sorted(backwards, key=natural_sort_key) == numbers


def test_a_milestone_of_which_nothing_is_said_any_more_is_none() -> None:
    path = "milestones/1/title/en"
    assert milestone_numbers(build_aggregate(({path: text_value("a")}, {"on": 1}), ({path: None}, {"on": 2}))) == []


def test_the_languages_of_a_commitment_are_those_of_its_title_and_description() -> None:
    facts = {"title/fr": text_value("a"), "description/es": text_value("b"), "leadInstitutions/de": TextListValue(())}
    assert languages_of(build_aggregate((facts, {}))) == {"fr", "es"}


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("title/fr", "fr"),
        ("milestones/1.1/updates/2026-01-02T03:04:05Z/kab", "kab"),
        ("narratives/DESIGN/SUMMARY/en", "en"),
        ("status", None),
        ("ratings/COMPLETION/DESIGN", None),
    ],
)
def test_a_path_of_a_wording_ends_in_its_language(path: str, language: str | None) -> None:
    assert COMMITMENT.language_of(path) == language


def test_a_path_that_there_is_not_has_no_language() -> None:
    with pytest.raises(Invalid):
        COMMITMENT.language_of("budget/en")


@pytest.mark.parametrize(
    ("made", "translated"),
    [
        (TranslationKind.HUMAN, True),
        (TranslationKind.MACHINE, True),
        (TranslationKind.ORIGINAL, False),
        (TranslationKind.UNKNOWN, False),
    ],
)
def test_what_people_or_machines_translated_is_a_translation(made: TranslationKind, translated: bool) -> None:
    assert is_translated(text_value("a", made)) is translated
    assert is_translated(TextListValue((), made)) is translated
    assert not is_translated("ACTIVE")
    assert not is_translated(None)


def test_a_commitment_is_known_from_lists_only_until_anybody_else_speaks_of_it() -> None:
    listed = ({"title/en": text_value("a")}, {"origin": SIBLING_LIST, "source": "list"})
    assert is_listed_only(build_aggregate(listed))
    assert not is_listed_only(
        build_aggregate(listed, ({"title/en": text_value("b")}, {"origin": HEADER, "source": "page"}))
    )
    prose = ({"narratives/DESIGN/SUMMARY/en": text_value("b")}, {"origin": NARRATIVE, "source": "page"})
    assert not is_listed_only(build_aggregate(listed, prose))


def test_the_first_event_of_a_commitment_tells_that_it_came_into_the_record() -> None:
    facts: Facts = {
        "code": "FR0001",
        "milestones/1/title/en": text_value("a"),
        "title/fr": text_value("b", TranslationKind.HUMAN),
    }
    said = decide_events(Aggregate("commitment-1"), facts)
    assert [(change.name, list(change.facts)) for change in said] == [
        ("CommitmentRegistered", ["code", "title/fr"]),
        ("MilestoneAdded", ["milestones/1/title/en"]),
    ]


def test_ratings_that_are_all_taken_back_are_withdrawn() -> None:
    known = build_aggregate(({"code": "FR0001"}, {}))
    (change,) = decide_events(known, {"ratings/COMPLETION/DESIGN": None})
    assert change.name == "RatingWithdrawn"
