from __future__ import annotations

import pytest

from ogpgraph.site.rendering import build_words
from ogpgraph.site.views import format_value

WORDS = build_words("en")


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("status", "NOT_STARTED", "Not started"),
        ("claims/status", "ACTIVE", "Active"),
        ("milestones/1.1/status", "COMPLETE", "Complete"),
        ("ratings/COMPLETION/RESULTS", "LIMITED", "Limited"),
        ("ratings/RELEVANCE/DESIGN/ACCESS_TO_INFORMATION/value", "YES", "Yes"),
        ("findings/IRM_ASSESSED", "NO_DATA", "No data"),
        ("reportYears/DESIGN", "PENDING", "Pending"),
        ("type", "NATIONAL", "National"),
    ],
)
def test_codes_of_vocabularies_are_shown_in_words(path: str, code: str, words: str) -> None:
    assert format_value(code, path, WORDS) == words


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("code", "TUN"),
        ("prefix", "NO"),
        ("title/en", "EITI"),
        ("milestones/1.1/title/fr", "COMPLETE"),
        ("claims/database/STATUS", "ND"),
        ("milestones/1/renumberedTo", "AB"),
    ],
)
def test_other_texts_in_capitals_are_shown_as_they_were_published(path: str, text: str) -> None:
    assert format_value(text, path, WORDS) == text


def test_items_of_lists_are_shown_as_they_were_published_too() -> None:
    assert format_value(["CNIL", "INSEE"], "leadInstitutions/fr", WORDS) == "CNIL; INSEE"
