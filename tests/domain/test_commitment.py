"""What a commitment knows of itself: its milestones in order, its languages, whether it is known by hearsay only."""

import pytest

from ogpgraph.domain.commitment import (
    changes_of,
    counting_order,
    is_listed_only,
    is_translated,
    language_of,
    languages_of,
    milestone_numbers,
)
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.event import Facts
from ogpgraph.domain.subject import Subject
from ogpgraph.domain.text import Made, Wordings
from tests.domain.events import HEADER, NARRATIVE, SIBLING_LIST, told, wording


def test_milestones_are_in_the_order_people_count() -> None:
    numbers = ["14.10", "14.2", "A-2", "14", "2", "A-10", "14.2.1", "9"]
    subject = told(({f"milestones/{number}/title/en": wording("a") for number in numbers}, {}))
    assert milestone_numbers(subject) == ["A-2", "A-10", "2", "9", "14", "14.2", "14.2.1", "14.10"]


@pytest.mark.parametrize("numbers", [["1", "2", "10"], ["1.9", "1.10"], ["3-a", "3-b"], ["A", "1"]])
def test_published_numbers_are_sorted_as_people_count(numbers: list[str]) -> None:
    backwards = numbers[::-1]
    assert sorted(backwards, key=counting_order) == numbers


def test_a_milestone_of_which_nothing_is_said_any_more_is_none() -> None:
    path = "milestones/1/title/en"
    assert milestone_numbers(told(({path: wording("a")}, {"on": 1}), ({path: None}, {"on": 2}))) == []


def test_the_languages_of_a_commitment_are_those_of_its_title_and_description() -> None:
    facts = {"title/fr": wording("a"), "description/es": wording("b"), "leadInstitutions/de": Wordings(())}
    assert languages_of(told((facts, {}))) == {"fr", "es"}


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
    assert language_of(path) == language


def test_a_path_that_there_is_not_has_no_language() -> None:
    with pytest.raises(Invalid):
        language_of("budget/en")


@pytest.mark.parametrize(
    ("made", "translated"),
    [(Made.HUMAN, True), (Made.MACHINE, True), (Made.ORIGINAL, False), (Made.UNKNOWN, False)],
)
def test_what_people_or_machines_translated_is_a_translation(made: Made, translated: bool) -> None:
    assert is_translated(wording("a", made)) is translated
    assert is_translated(Wordings((), made)) is translated
    assert not is_translated("ACTIVE")
    assert not is_translated(None)


def test_a_commitment_is_known_from_lists_only_until_anybody_else_speaks_of_it() -> None:
    listed = ({"title/en": wording("a")}, {"origin": SIBLING_LIST, "source": "list"})
    assert is_listed_only(told(listed))
    assert not is_listed_only(told(listed, ({"title/en": wording("b")}, {"origin": HEADER, "source": "page"})))
    prose = ({"narratives/DESIGN/SUMMARY/en": wording("b")}, {"origin": NARRATIVE, "source": "page"})
    assert not is_listed_only(told(listed, prose))


def test_the_first_event_of_a_commitment_tells_that_it_came_into_the_record() -> None:
    facts: Facts = {"code": "FR0001", "milestones/1/title/en": wording("a"), "title/fr": wording("b", Made.HUMAN)}
    said = changes_of(Subject("commitment-1"), facts)
    assert [(change.name, list(change.facts)) for change in said] == [
        ("CommitmentRegistered", ["code", "title/fr"]),
        ("MilestoneAdded", ["milestones/1/title/en"]),
    ]


def test_ratings_that_are_all_taken_back_are_withdrawn() -> None:
    known = told(({"code": "FR0001"}, {}))
    (change,) = changes_of(known, {"ratings/COMPLETION/DESIGN": None})
    assert change.name == "RatingWithdrawn"
