"""OGP's own pages and files as of a date, where they are available; the answers were worked out by hand from the files.

The files have no time of observation; the tests give each one.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest

from ogpgraph.system import System
from tests.graphql.client import execute_query
from tests.importer.sample_pages import SAMPLES, import_sample_page
from tests.importer.spreadsheets.spreadsheet_files import import_file

DATABASE = SAMPLES.parent / "database"
needs_pages = pytest.mark.skipif(not SAMPLES.is_dir(), reason="OGP's pages are not available (OGPGRAPH_TEST_SAMPLES)")
needs_files = pytest.mark.skipif(not DATABASE.is_dir(), reason="OGP's files are not available (OGPGRAPH_TEST_SAMPLES)")


def observe(system: System, page: str, date: str) -> None:
    import_sample_page(system, SAMPLES / page, datetime.fromisoformat(date).replace(tzinfo=UTC))


def read(system: System, code: str, date: str, fields: str) -> tuple[Any, dict[str, tuple[Any, ...]]]:
    """Return fields of a commitment at a date, and path → bounds (days) and candidates of the unknown ones."""
    query = f"""{{ asOf(date: "{date}") {{ commitment(code: "{code}") {{ {fields}
        unknown {{ path after before candidates }} }} }} }}"""
    found = execute_query(system, query)["asOf"]["commitment"]
    unknown = {
        each["path"]: (each["after"] and each["after"][:10], each["before"][:10], each["candidates"])
        for each in found.pop("unknown")
    }
    return found, unknown


@needs_pages
def test_two_crawls_of_a_page_that_lists_one_more_report(system: System) -> None:
    # IE0051_b differs from IE0051_a in one line, "IRM Report": the Results Report is there, too. The later one is
    # imported first.
    observe(system, "IE0051_b.txt", "2024-05-20")
    observe(system, "IE0051_a.txt", "2023-01-10")
    review, both = (
        ["Ireland Action Plan Review 2021-2023"],
        [
            "Ireland Results Report 2021-2023",
            "Ireland Action Plan Review 2021-2023",
        ],
    )
    fields = "irmReports ratings(indicator: [AMBITION]) { value }"
    found, unknown = read(system, "IE0051", "2023-06", fields)
    assert found == {"irmReports": [], "ratings": [{"value": "HIGH"}]}
    assert unknown == {"irmReports/en": ("2023-01-10", "2024-05-20", [review, both])}
    assert read(system, "IE0051", "2024-05-20", fields) == ({"irmReports": both, "ratings": [{"value": "HIGH"}]}, {})


@needs_pages
def test_a_page_and_its_translations_that_were_observed_later(system: System) -> None:
    # All three have a title, in English, Spanish and French. Only the French page has an ambition ("Faible"), and that
    # page was not seen before 2021: it may have said so at any time.
    observe(system, "FR0039_en.txt", "2019-06-01")
    observe(system, "FR0039_es_seed.txt", "2020-02-01")
    observe(system, "FR0039_fr.txt", "2021-05-01")
    fields = "languages title ratings(indicator: [AMBITION]) { value }"
    found, unknown = read(system, "FR0039", "2019-12-31", fields)
    assert found == {"languages": ["en"], "title": "Public Service Incubators", "ratings": []}
    assert unknown["title/es"] == (None, "2020-02-01", [None, "Incubadoras de servicio público"])
    assert unknown["title/fr"][:2] == (None, "2021-05-01")
    assert unknown["ratings/AMBITION/DESIGN"][:2] == (None, "2021-05-01")
    found, unknown = read(system, "FR0039", "2021-05-01", fields)
    assert (found["languages"], found["ratings"]) == (["en", "es", "fr"], [{"value": "LOW"}])
    assert unknown == {}


def rows_of_ghana(name: str, header_line: int, country: str) -> bytes:
    with (DATABASE / name).open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.reader(file))
    column, out = lines[header_line].index(country), io.StringIO()
    rows = [row for row in lines[header_line + 1 :] if row[column] == "Ghana"]
    csv.writer(out).writerows([*lines[: header_line + 1], *rows])
    return out.getvalue().encode()


@needs_files
def test_three_states_of_the_database(system: System) -> None:
    # "Right to Information" of Ghana's first plan. Its completion at midterm: the file of 2015 has NR, that of 2016 and
    # GH0003 in that of 2024 have "Limited". The file of 2015 has no column for the end of term, the others "Limited".
    for name, header_line, country, year in (
        ("commitments-2024.csv", 0, "Country/Locality", 2024),
        ("commitments-2015-05.csv", 1, "Country", 2015),
        ("commitments-2016.csv", 1, "Country", 2016),
    ):
        import_file(system, rows_of_ghana(name, header_line, country), year, 5)
    fields = "ratings(indicator: [COMPLETION]) { stage state value }"
    midterm = {"stage": "MIDTERM", "state": "RATED", "value": "LIMITED"}
    found, unknown = read(system, "GH0003", "2015-12", fields)
    assert found == {"ratings": []}
    after, before, candidates = unknown["ratings/COMPLETION/MIDTERM"]
    assert (after, before, [each["state"] for each in candidates]) == (
        "2015-05-01",
        "2016-05-01",
        ["NOT_REVIEWED", "RATED"],
    )
    assert unknown["ratings/COMPLETION/END_OF_TERM"][:2] == (None, "2016-05-01")
    found, unknown = read(system, "GH0003", "2016-05-01", fields)
    assert found == {"ratings": [midterm, midterm | {"stage": "END_OF_TERM"}]}
    assert not {path for path in unknown if path.startswith("ratings/COMPLETION")}
    # No begin of the plan is known: it is there since it was first observed. GH0017 is in the second plan, which the
    # file of 2024 is the first to have.
    commitments = 'asOf(date: "%s") { a: commitment(code: "GH0003") { code } b: commitment(code: "GH0017") { code } }'
    existing = {
        date: [each and each["code"] for each in execute_query(system, f"{{ {commitments % date} }}")["asOf"].values()]
        for date in ("2015-04-30", "2015-05-01", "2024-04-30", "2024-05-01")
    }
    assert existing == {
        "2015-04-30": [None, None],
        "2015-05-01": ["GH0003", None],
        "2024-04-30": ["GH0003", None],
        "2024-05-01": ["GH0003", "GH0017"],
    }
