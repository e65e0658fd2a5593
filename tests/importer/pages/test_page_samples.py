"""Reads OGP's own pages, where they are available: they may not be copied into the repository."""

from __future__ import annotations

import csv
import json
from functools import cache
from typing import Any

import pytest

from ogpgraph.domain.event import Origin
from ogpgraph.domain.values import ReportedRating
from ogpgraph.importer.pages.extraction import PageReading
from ogpgraph.importer.pages.page import read_page
from tests.importer.pages.page_assertions import LIMIT, SAMPLES, assert_consistent, extracted_value, source_text

HEADER, DESCRIPTION, PLAN, NARRATIVE = Origin.HEADER, Origin.DESCRIPTION, Origin.PLAN, Origin.NARRATIVE

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="OGP's pages are not available (OGPGRAPH_TEST_SAMPLES)")


def read_lines(name: str) -> list[str]:
    return (SAMPLES / name).read_text("utf-8").splitlines() if SAMPLES.is_dir() else []


EXPECTED: list[dict[str, Any]] = [json.loads(line) for line in read_lines("expected.jsonl")]
MANIFEST = list(csv.DictReader(read_lines("manifest.csv")))
PATHS = {
    "lead": "leadInstitutions",
    "support": "supportingInstitutions",
    "policy_areas_raw": "policyAreas",
    "irm_reports_raw": "irmReports",
    "starred_raw": "ratings/STARRED/RESULTS",
    "early_results": "ratings/EARLY_RESULTS/RESULTS",
    "early": "ratings/EARLY_RESULTS/RESULTS",
    "verifiable": "ratings/VERIFIABLE/DESIGN",
    "potential_impact_raw": "ratings/POTENTIAL_IMPACT/DESIGN",
    "ambition": "ratings/AMBITION/DESIGN",
    "completion_raw": "ratings/COMPLETION/RESULTS",
}
PENDING = "Pending IRM Review"


@cache
def page(name: str) -> PageReading:
    return read_page((SAMPLES / name).read_bytes(), limit_bytes=LIMIT)


def read_quote(name: str, path: str) -> str | None:
    found = page(name).facts[HEADER].get(path)
    return source_text(page(name).text, found) if found else None


def check(name: str, key: str, value: Any) -> None:
    """Compare one expected value with the reading; the expectations were written by hand from the pages."""
    reading = page(name)
    if key in ("code", "title", "country", "plan", "cycle"):
        whole = {
            "code": reading.code,
            "title": extracted_value(reading, HEADER, f"title/{reading.language}"),
            "country": reading.country.value if reading.country else None,
            "plan": reading.plan_title.value if reading.plan_title else None,
            "cycle": reading.cycle.value if reading.cycle else None,
        }
        lost = key == "country" and whole[key] is None  # the line is not on every page
        assert lost or whole[key] == (None if value == "Not Attached" else value)
    elif key == "status":
        assert extracted_value(reading, HEADER, "status") == (value.upper() if value else None)
    elif key in ("start", "end"):
        assert extracted_value(reading, HEADER, f"{key}sOn") == value
    elif key == "institutions":
        assert extracted_value(reading, HEADER, "leadInstitutions/en") == tuple(value)
    elif key == "starred":
        assert extracted_value(reading, HEADER, "ratings/STARRED/RESULTS") == ("YES" if value else "NO")
    elif key in ("relevant", "relevant_raw", "values"):
        check_relevance(name, value)
    elif key in ("early", "early_results", "ambition", "verifiable"):
        meaning = {PENDING: "PENDING", "No IRM Data": "NO_DATA", None: None}.get(value, str(value).upper())
        assert extracted_value(reading, HEADER, PATHS[key]) == meaning
    else:
        check_quote(name, PATHS[key], value)


def check_quote(name: str, path: str, value: str | None) -> None:
    if path == "irmReports" and value == PENDING:
        value = None
    language = "" if path.startswith("ratings/") or path == "policyAreas" else f"/{page(name).language}"
    assert read_quote(name, path + language) == (value or None)


def check_relevance(name: str, value: str | list[str] | None) -> None:
    path = "ratings/RELEVANCE/DESIGN"
    meanings = {"Yes": "YES", "No": "NO", "Not Relevant": "NO", PENDING: "PENDING", None: None}
    if not isinstance(value, list) and value in meanings:
        assert extracted_value(page(name), HEADER, path) == meanings[value]
        return
    listed = ",".join(value) if isinstance(value, list) else value or ""
    known = {"Access": "ACCESS_TO_INFORMATION", "Civic": "CIVIC_PARTICIPATION", "Account": "PUBLIC_ACCOUNTABILITY"}
    expected = {code for word, code in known.items() if word in listed.replace("and Accountability", "")}
    expected |= {"TECHNOLOGY_AND_INNOVATION"} if "Technology" in listed else set()
    read = {one.removeprefix(path + "/") for one in page(name).facts[HEADER] if one.startswith(path + "/")}
    assert read == expected


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [(row["file"], key, value) for row in EXPECTED for key, value in row.items() if key != "file"],
    ids=[f"{row['file']}-{key}" for row in EXPECTED for key in row if key != "file"],
)
def test_the_header_has_the_values_that_people_read_in_it(name: str, key: str, value: Any) -> None:
    check(name, key, value)


@pytest.mark.parametrize("row", MANIFEST, ids=[row["file"] for row in MANIFEST])
def test_code_language_layout_and_cycle_are_those_of_the_manifest(row: dict[str, str]) -> None:
    reading = page(row["file"])
    cycle = str(reading.cycle.value) if reading.cycle else ""
    assert (reading.code, reading.language, reading.layout, cycle) == tuple(
        row[k] for k in ("code", "language", "layout", "cycle")
    )


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.glob("*.txt")))
def test_every_value_has_evidence(name: str) -> None:
    assert_consistent(page(name))


def test_the_english_seed_is_read_completely() -> None:
    reading = page("FR0043_en_seed.txt")
    assert {
        path: value.value
        for path, value in reading.facts[HEADER].items()
        if not isinstance(value.value, ReportedRating)
    } == {
        "title/en": "Govtech Summit",
        "status": "ACTIVE",
        "leadInstitutions/en": ("Minister of State for the Digital Sector, attached to the Prime Minister",),
        "supportingInstitutions/en": (),
        "policyAreas": ("Capacity Building", "Science & Technology"),
        "irmReports/en": ("France Design Report 2018-2020",),
    }
    for path in ("STARRED/RESULTS", "EARLY_RESULTS/RESULTS", "RELEVANCE/DESIGN", "COMPLETION/RESULTS"):
        assert extracted_value(reading, HEADER, f"ratings/{path}") == "PENDING"
    assert extracted_value(reading, HEADER, "ratings/VERIFIABLE/DESIGN") == "YES"
    assert extracted_value(reading, HEADER, "ratings/POTENTIAL_IMPACT/DESIGN") is None
    assert [extracted_value(reading, PLAN, path) for path in ("number", "startsOn", "endsOn")] == ["14", "2018", "2020"]
    assert {path for path in reading.facts[PLAN] if path.startswith("miles")} == {
        "milestones/14.1/title/en",
        "milestones/14.2/title/en",
    }
    assert {path: value.value for path, value in reading.facts[DESCRIPTION].items() if path.startswith("miles")} == {
        "milestones/14.1/startsOn": "2018-S2",
        "milestones/14.1/endsOn": "2018-S2",
        "milestones/14.2/startsOn": "2019",
        "milestones/14.2/endsOn": "2019/..",
    }
    ratings = {
        path: extracted_value(reading, NARRATIVE, path)
        for path in reading.facts[NARRATIVE]
        if path.startswith("ratings/")
    }
    assert ratings == {
        "ratings/RELEVANCE/DESIGN": "NO",
        "ratings/VERIFIABLE/DESIGN": "YES",
        "ratings/POTENTIAL_IMPACT/DESIGN": "NONE",
    }
    sections = [path.split("/")[2] for path in reading.facts[NARRATIVE] if path.startswith("narratives/")]
    assert sections == ["TITLE", "CONTEXT_AND_OBJECTIVES", "NEXT_STEPS", "FOOTNOTES"]


def test_the_spanish_seed_is_read_completely() -> None:
    reading = page("FR0039_es_seed.txt")
    assert extracted_value(reading, HEADER, "policyAreas") == (
        "Capacity Building",
        "Public Service Delivery",
        "Science & Technology",
    )
    assert [extracted_value(reading, PLAN, path) for path in ("number", "startsOn", "endsOn")] == ["10", "2018", "2019"]
    assert extracted_value(reading, DESCRIPTION, "milestones/10.1/startsOn") == "2018"
    assert extracted_value(reading, DESCRIPTION, "milestones/10.2/endsOn") == "2019"
    ratings = {
        path: extracted_value(reading, NARRATIVE, path)
        for path in reading.facts[NARRATIVE]
        if path.startswith("ratings/")
    }
    assert ratings == {"ratings/RELEVANCE/DESIGN": "NO", "ratings/POTENTIAL_IMPACT/DESIGN": "MINOR"}


def test_the_lists_of_both_seeds_have_the_same_entries_in_two_languages() -> None:
    english, spanish = page("FR0043_en_seed.txt").siblings, page("FR0039_es_seed.txt").siblings
    assert english
    assert spanish
    starred = {entry.code for entry in english.entries if "ratings/STARRED/RESULTS" in entry.facts}
    assert starred == {"FR0004", "FR0009", "FR0015", "FR0018", "FR0026"}
    assert starred == {entry.code for entry in spanish.entries if "ratings/STARRED/RESULTS" in entry.facts}
    assert [entry.cycle for entry in english.entries] == [2018] * 21 + [2015] * 29
    assert [entry.code for entry in english.entries] == [entry.code for entry in spanish.entries]
    for one, other in zip(english.entries, spanish.entries, strict=True):
        assert one.facts["policyAreas"].value == other.facts["policyAreas"].value, one.code
