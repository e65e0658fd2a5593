from __future__ import annotations

import json
from datetime import UTC, datetime

from ogpgraph.site.citations import Citation

CITATION = Citation(
    "100 % open & {free} #1",
    "https://ogp.example/commitments/FR0043?at=216",
    216,
    "ab" * 32,
    datetime(2021, 7, 12, tzinfo=UTC),
)


def test_a_citation_has_the_position_the_root_and_the_permanent_address() -> None:
    for form in (CITATION.text, CITATION.bibtex, CITATION.csl_json):
        assert "216" in form
        assert "ab" * 32 in form
        assert CITATION.url in form


def test_special_characters_are_escaped_for_bibtex() -> None:
    assert r"title = {{100 \% open \& \{free\} \#1}}" in CITATION.bibtex


def test_csl_json_has_the_day_on_which_the_position_was_recorded() -> None:
    (item,) = json.loads(CITATION.csl_json)
    assert (item["type"], item["issued"]) == ("webpage", {"date-parts": [[2021, 7, 12]]})
