"""Rows without a known code are matched with commitments that are already recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from ogpgraph.domain.unit_of_work import CommandContext
from ogpgraph.importer.run import import_files
from ogpgraph.system import System
from tests.conftest import SystemFactory
from tests.graphql.client import execute_query, query_commitment
from tests.importer.sample_pages import Page, day
from tests.importer.spreadsheets.spreadsheet_files import build_csv, import_file, row_2015, row_2016, row_2024


def test_a_similar_title_with_the_same_number_is_the_same_commitment_and_another_title_is_not(system: System) -> None:
    import_file(
        system, build_csv("2016", [row_2016("1. Timetables of all ferries"), row_2016("2. Piers of the north")]), 2016
    )
    plan = {"Action_Plan_Number": "1", "Year_Of_Submission": "2012"}
    rows = [
        row_2024("UY0901", Commitment_Title="Timetables of ferries", Commitment_Number="1", **plan),
        row_2024("UY0902", Commitment_Title="An ombudsman", Commitment_Number="2", **plan),
    ]
    import_file(system, build_csv("2024", rows), 2024)
    assert query_commitment(system, "UY0901", "key")["key"] is not None
    assert query_commitment(system, "UY0902", "key")["key"] is None
    assert execute_query(system, "{ commitments { totalCount } }")["commitments"]["totalCount"] == 3


def test_a_row_without_a_code_is_matched_with_the_commitment_of_a_page(system: System, tmp_path: Path) -> None:
    (file := tmp_path / "page.txt").write_bytes(Page("UY0901", plan="Uruguay Action Plan 2012-2014").data)
    context = CommandContext(actor="importer", role="publisher", time=day(1))
    list(import_files(system, [file], context, limit_bytes=100_000))
    cycle = str(query_commitment(system, "UY0901", "cycle")["cycle"])
    import_file(system, build_csv("2016", [row_2016("1. Ferry tables", Year_of_submission=cycle)]), 2016)
    assert execute_query(system, "{ commitments { totalCount } }")["commitments"]["totalCount"] == 1


def count_commitments(system: System) -> int:
    total: int = execute_query(system, "{ commitments { totalCount } }")["commitments"]["totalCount"]
    return total


@pytest.mark.parametrize("title", ["A22. Ferry tables", "b) Ferry tables", "iv - Ferry tables", "1.2: Ferry tables"])
def test_a_label_before_the_title_of_a_newer_file_does_not_make_another_commitment(system: System, title: str) -> None:
    import_file(system, build_csv("2015", [row_2015("Ferry tables", Full_Text="One")]), 2015)
    rows = [row_2016(title, Full_Text="Reworded", Comm_No="7"), row_2016("9. Piers", Full_Text="Two")]
    report = import_file(system, build_csv("2016", rows), 2016)
    assert count_commitments(system) == 2
    assert [(r.line, r.kind) for r in report.remarks if r.kind == "not-matched"] == [(3, "not-matched")]


def test_the_same_full_text_under_another_title_is_the_same_commitment(system: System) -> None:
    text = "Print the tables of all ferries, and of the piers"
    import_file(system, build_csv("2015", [row_2015("Ferry tables", Full_Text=text)]), 2015)
    import_file(system, build_csv("2016", [row_2016("4. Printed timetables", Full_Text=f" {text.upper()}.")]), 2016)
    assert count_commitments(system) == 1


def test_the_same_full_text_in_another_markup_is_the_same_commitment_in_any_order(
    system: System, make_system: SystemFactory
) -> None:
    older = build_csv("2015", [row_2015("Ferry tables", Full_Text="Print the tables.\nHang them up.")])
    newer = build_csv("2016", [row_2016("4. Printed timetables", Full_Text="Print the tables.<br/>Hang them up.")])
    reverse = make_system("reverse")
    for each, files in ((system, ((older, 2015), (newer, 2016))), (reverse, ((newer, 2016), (older, 2015)))):
        for data, year in files:
            import_file(each, data, year)
        assert count_commitments(each) == 1


def test_a_text_or_title_of_two_rows_matches_none(system: System) -> None:
    import_file(system, build_csv("2015", [row_2015("Ferry tables", Full_Text="One")]), 2015)
    rows = [row_2016("A1. Ferry tables", Full_Text="One"), row_2016("B7. Ferry tables", Full_Text="One")]
    report = import_file(system, build_csv("2016", rows), 2016)
    assert count_commitments(system) == 3
    assert [r.line for r in report.remarks if r.kind == "not-matched"] == [2, 3]
