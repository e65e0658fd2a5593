"""Contradictions in a file are reported and recorded as they are."""

from __future__ import annotations

import pytest

from ogpgraph.importer.spreadsheets.run import FileOptions
from ogpgraph.system import System
from tests.graphql.client import query_commitment
from tests.importer.spreadsheets.spreadsheet_files import (
    Cells,
    build_csv,
    import_file,
    remark_kinds,
    row_2016,
    row_2024,
)


def test_a_rating_that_differs_from_its_numeric_twin_is_reported_and_recorded(system: System) -> None:
    row = row_2024(Specificity="Low", _Specificity="3", Change_In_Completion="Increase", _ChangeCompletion="2")
    report = import_file(system, build_csv("2024", [row]), 2024)
    (remark,) = [remark for remark in report.warnings if remark.kind == "twins-disagree"]
    assert (remark.line, remark.text) == (2, "Low, but _Specificity is 3")
    assert query_commitment(system, "UY0901", "rating(indicator: SPECIFICITY) { value }")["rating"]["value"] == "LOW"


STARRED = {
    "Specificity": "Medium",
    "OGP_Value_Access_To_Information": "1",
    "Potential_Impact": "Moderate",
    "Completion_Progress_Report": "Complete",
    "Starred_2015_Only": "1",
    "Starred_Current_Formula_Progress_Report": "0",
}


@pytest.mark.parametrize(
    ("changed", "column"),
    [
        ({}, None),
        ({"Starred_Current_Formula_Progress_Report": "1"}, "Starred (Current Formula) Progress Report"),
        ({"Starred_2015_Only": "0"}, "Starred (2015 Only)"),
        ({"Specificity": "Low"}, "Starred (2015 Only)"),
        ({"Specificity": "ND", "Verifiable": "Yes"}, None),
        ({"OGP_Value_Access_To_Information": "0", "OGP_Value_Technology": "1"}, "Starred (2015 Only)"),
        ({"Completion_Progress_Report": "Limited"}, "Starred (2015 Only)"),
        ({"Potential_Impact": "ND"}, None),
    ],
)
def test_a_star_that_differs_from_the_published_rule_is_reported(
    system: System, changed: Cells, column: str | None
) -> None:
    report = import_file(system, build_csv("2024", [row_2024(**{**STARRED, **changed})]), 2024)
    columns = [remark.column for remark in report.warnings if remark.kind == "star-differs"]
    assert columns == ([column] if column else [])


def test_a_star_of_before_june_2014_did_not_require_specificity(system: System) -> None:
    cells = {
        "Specificity": "a. low",
        "Value_Info": "1",
        "Potential_impact": "Moderate",
        "Completion_progress_report": "d. Complete",
        "Starred_pre_June_2014_assessments": "1",
        "Starred_2015_only": "0",
    }
    report = import_file(system, build_csv("2016", [row_2016(**cells)]), 2016)
    assert "star-differs" not in remark_kinds(report)


@pytest.mark.parametrize(
    ("dates", "options", "column"),
    [
        (["13/1/2018", "3/4/2018"], FileOptions(), "Start Date"),
        (["13/1/2018", "1/13/2018", "3/4/2018"], FileOptions(), None),
        (["13/1/2018", "3/4/2018"], FileOptions("day first"), None),
        (["1/13/2018", "3/4/2018"], FileOptions("day first"), "Start Date"),
        (["2018-01-13", "13.1.2018", "3/4/2018", ""], FileOptions(), None),
    ],
)
def test_a_column_whose_dates_all_show_another_order_than_they_are_read_in_is_reported(
    system: System, dates: list[str], options: FileOptions, column: str | None
) -> None:
    rows = [row_2024(f"UY090{number}", Start_Date=date) for number, date in enumerate(dates)]
    report = import_file(system, build_csv("2024", rows), 2024, options=options)
    assert [each.column for each in report.remarks if each.kind == "date-order"] == ([column] if column else [])
