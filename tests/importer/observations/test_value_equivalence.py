from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from ogpgraph.importer.observations.value_equivalence import is_same_text
from ogpgraph.system import System
from tests.graphql.client import execute_query, query_commitment
from tests.importer.sample_pages import (
    FERRIES,
    LIBRARIES,
    LIGHTHOUSE,
    SEED_EN,
    SEED_ES,
    import_sample_page,
    with_spanish_labels,
)

Layout = Callable[[str], str]

# Layouts of a page in which its text is the same


def without_blank_lines(text: str) -> str:
    return re.sub(r"\n\s*\n+", "\n", text)


def with_more_blank_lines(text: str) -> str:
    return text.replace("\n", "\n\n\n")


def with_windows_line_ends(text: str) -> str:
    return text.replace("\n", "\r\n")


def with_no_break_spaces(text: str) -> str:
    return text.replace(": ", "\u00a0: ")


def with_double_spaces(text: str) -> str:
    return "\n".join("  " + line.replace(" ", "  ") if line else line for line in text.split("\n"))


def as_html(text: str) -> str:
    lines = "\n".join(f"<p>{html.escape(line)}</p>" for line in text.split("\n") if line.strip())
    return f"<!doctype html><html><body><nav>Menu</nav>{lines}</body></html>"


def with_paragraphs_rewrapped(text: str) -> str:
    """Break the lines of long paragraphs, as mail does."""
    return "\n".join(
        "\n".join(textwrap.wrap(line, 90, break_on_hyphens=False)) if len(line) > 200 else line
        for line in text.split("\n")
    )


def with_footnote_marks_on_lines(text: str) -> str:
    """Put each mark of a footnote on a line of its own, as some converters do."""
    return re.sub(r"(?<=\S) (\[\d+\])$", r"\n\1", text, flags=re.MULTILINE)


LAYOUTS = [
    without_blank_lines,
    with_more_blank_lines,
    with_windows_line_ends,
    with_no_break_spaces,
    with_double_spaces,
    as_html,
    with_paragraphs_rewrapped,
    with_footnote_marks_on_lines,
]


PAGES = [pytest.param(path, id=path.stem) for path in (LIGHTHOUSE, LIBRARIES, SEED_EN, SEED_ES) if path.exists()]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_another_layout_is_another_observation_and_no_change(system: System, path: Path, layout: Layout) -> None:
    text = path.read_text()
    import_sample_page(system, path, 1)
    report = import_sample_page(system, layout(text).encode(), 2)
    assert report.events.keys() <= {"SourceObserved", "SourceObservedUnchanged"}


def test_a_change_in_another_layout_is_recorded_alone(system: System) -> None:
    import_sample_page(system, LIGHTHOUSE, 1)
    changed = LIGHTHOUSE.read_text().replace("Status: Active", "Status: Inactive")
    report = import_sample_page(system, without_blank_lines(changed).encode(), 2)
    assert {name: n for name, n in report.events.items() if not name.startswith("Source")} == {"CommitmentRevised": 1}
    entries = execute_query(
        system,
        """{ entries(where: {kind: [CommitmentRevised]}) { nodes {
          changes { path before after } changedBetween { after before } cause } } }""",
    )["entries"]["nodes"]
    assert entries[-1] == {
        "changes": [{"path": "status", "before": "ACTIVE", "after": "INACTIVE"}],
        "changedBetween": {"after": "2021-03-01T00:00:00.000000Z", "before": "2021-03-02T00:00:00.000000Z"},
        "cause": "SOURCE_CHANGED",
    }


def test_a_return_to_the_former_layout_is_no_change(system: System) -> None:
    text = LIGHTHOUSE.read_text()
    import_sample_page(system, text.encode(), 1)
    for on, page in enumerate((without_blank_lines(text), as_html(text), text, with_more_blank_lines(text)), 2):
        report = import_sample_page(system, page.encode(), on)
        assert report.events.keys() <= {"SourceObserved", "SourceObservedUnchanged"}


def test_an_older_state_of_a_translation_overwrites_nothing(system: System) -> None:
    """The Spanish page was translated from the first state of the English page, and is imported after the second."""
    import_sample_page(system, LIGHTHOUSE, 1)
    english = query_commitment(
        system, "UY0901", 'title(language: "en") description(language: "en") status blame { path value }'
    )
    import_sample_page(system, LIGHTHOUSE.read_text().replace("Status: Active", "Status: Inactive").encode(), 3)
    spanish = with_spanish_labels(FERRIES.with_changes(status="Active"))
    report = import_sample_page(system, spanish, 5)
    assert report.language == "es"
    found = query_commitment(system, "UY0901", 'title(language: "en") description(language: "en") status languages')
    assert found["status"] == "INACTIVE"
    assert (found["title"], found["description"]) == (english["title"], english["description"])
    assert set(found["languages"]) == {"en", "es"}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a b", "a\nb", True),
        ("a  b", "a b", True),
        ("  • a\n  • b", "a\nb", True),
        ("mot\u00a0: x", "mot: x", True),
        ("a", "A", False),
        ("a.", "a", False),
        ("-5 %", "5 %", False),
        (None, None, False),
    ],
)
def test_texts_are_equal_in_whatever_layout(one: str | None, other: str | None, same: bool) -> None:
    assert is_same_text(one, other) is same


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Starred: Yes Starred", "Starred: Yes"),
        ("Early Results: Outstanding Outstanding", "Early Results: Outstanding"),
        ("Early Results: Major", "Early Results:\nMajor"),
        ("IRM Report: Pending IRM Review", "IRM Report: Uruguay Design Report 2018-2020"),
    ],
)
def test_no_rating_changes_where_only_the_name_of_its_icon_or_a_report_is_added(
    system: System, before: str, after: str
) -> None:
    ratings = "IRM Report: Pending IRM Review\n\nStarred: Yes\n\nEarly Results: Outstanding"
    page = FERRIES.text.replace("IRM Report: Pending IRM Review", ratings)
    line = next(line for line in page.split("\n") if line.startswith(before.partition(":")[0]))
    old, new = (page.replace(line, state).encode() for state in (before, after))
    import_sample_page(system, old, 1)
    report = import_sample_page(system, new, 2)
    assert "RatingRecorded" not in report.events
