"""The numbers of milestones have one form, whatever was published, and a natural order."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.domain.field import PATH_SEGMENTS
from ogpgraph.domain.milestone_number import (
    milestone_numbers,
    natural_sort_key,
    normalize_milestone_number,
    normalize_milestone_path,
)
from tests.domain.events import build_aggregate, text_value


@pytest.mark.parametrize(
    ("published", "number"),
    [
        ("1.1", "1.1"),
        ("1.1.", "1.1"),
        (" 1.1 -", "1.1"),
        ("01.10", "1.10"),
        ("0", "0"),
        ("10.0", "10.0"),
        ("１４．２", "14.2"),
        ("14.1a", "14.1A"),
        ("a-02", "A-2"),
        ("A02", "A02"),
        ("1..2", "1..2"),
    ],
)
def test_published_numbers_and_the_form_that_is_recorded(published: str, number: str) -> None:
    assert normalize_milestone_number(published) == number
    assert re.fullmatch(PATH_SEGMENTS["{number}"], number)
    assert normalize_milestone_path(f"milestones/{published}/title/en") == f"milestones/{number}/title/en"


def test_other_paths_are_left_as_they_are() -> None:
    for path in ("title/en", "number", "milestones", "ratings/COMPLETION/DESIGN"):
        assert normalize_milestone_path(path) == path


@given(st.from_regex(r"[0-9A-Za-z０-９][0-9A-Za-z０-９.\- ]{0,12}", fullmatch=True))
def test_normalizing_again_changes_nothing(published: str) -> None:
    number = normalize_milestone_number(published)
    assert normalize_milestone_number(number) == number
    assert normalize_milestone_number(f" {published.lower()}. ") == number


def test_a_former_number_is_no_milestone() -> None:
    facts = {"milestones/1/renumberedTo": "2", "milestones/2/title/en": text_value("a")}
    assert milestone_numbers(build_aggregate((facts, {}))) == ["2"]


def test_milestones_are_sorted_naturally() -> None:
    numbers = ["14.10", "14.2", "A-2", "14", "2", "A-10", "14.2.1", "9"]
    subject = build_aggregate(({f"milestones/{number}/title/en": text_value("a") for number in numbers}, {}))
    assert milestone_numbers(subject) == ["A-2", "A-10", "2", "9", "14", "14.2", "14.2.1", "14.10"]


@pytest.mark.parametrize("numbers", [["1", "2", "10"], ["1.9", "1.10"], ["3-a", "3-b"], ["A", "1"]])
def test_published_numbers_are_sorted_naturally(numbers: list[str]) -> None:
    reversed_numbers = numbers[::-1]
    assert sorted(reversed_numbers, key=natural_sort_key) == numbers


def test_a_milestone_without_claims_is_gone() -> None:
    path = "milestones/1/title/en"
    assert milestone_numbers(build_aggregate(({path: text_value("a")}, {"on": 1}), ({path: None}, {"on": 2}))) == []
