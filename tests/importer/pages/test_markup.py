"""Markup: a page that was saved as Markdown says what the page says."""

from __future__ import annotations

import re

import pytest

from ogpgraph.importer.pages.markup import is_markdown, remove_marks
from tests.importer.pages.page_assertions import PAGES, read_page_text

BUDGET = (PAGES / "budget_en.txt").read_text("utf-8")
FIELD = re.compile(r"^([A-Z][^:\n]{3,30}):( .+)?$", re.MULTILINE)
HEADING = re.compile(
    r"^(Overview|At-a-Glance|Institutions|Policy Areas|IRM Review|Description|Commitments)$", re.MULTILINE
)


@pytest.mark.parametrize("label", [r"**\1:**\2", r"**\1**:\2", r"- **\1:**\2", r"* __\1__:\2"])
@pytest.mark.parametrize("heading", [r"\1", r"## \1", r"#### **\1**"])
def test_a_page_as_markdown_states_the_same_facts(label: str, heading: str) -> None:
    page = read_page_text(HEADING.sub(heading, FIELD.sub(label, BUDGET)))
    plain = read_page_text(BUDGET)
    assert {origin: values.keys() for origin, values in page.facts.items()} == {
        origin: values.keys() for origin, values in plain.facts.items()
    }
    assert [each.value for facts in page.facts.values() for each in facts.values()] == [
        each.value for facts in plain.facts.values() for each in facts.values()
    ]


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ("## Policy Areas", "Policy Areas"),
        ("see [the plan](https://example.org/plan.pdf) of 2018", "see the plan of 2018"),
        ("![Flag](/flag.svg)France", "FlagFrance"),
        (r"2018\-2020 \[57\]", "2018-2020 [57]"),
        ("  • an item * of a list", "  • an item * of a list"),
        ("#4 of the list, 2 ** 8", "#4 of the list, 2 ** 8"),
    ],
)
def test_marks_are_removed_and_nothing_else(line: str, plain: str) -> None:
    assert remove_marks(line) == plain


def test_a_text_with_single_stars_or_one_heading_is_no_markdown() -> None:
    assert not is_markdown([*BUDGET.split("\n"), "# Budget", "* one", "* two", "* three", "*** * ***"])
