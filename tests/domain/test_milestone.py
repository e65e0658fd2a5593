"""The numbers of milestones have one form, whatever was published."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.domain.field import PATH_SEGMENTS
from ogpgraph.domain.milestone import milestone_numbers, normalize_milestone_number, normalize_milestone_path
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
