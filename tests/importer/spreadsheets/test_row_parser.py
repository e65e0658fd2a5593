"""Cells become values, states of ratings, or remarks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ogpgraph.system import System
from tests.graphql.client import query_commitment
from tests.importer.spreadsheets.spreadsheet_files import build_csv, import_file, remark_kinds, row_2024


def test_no_data_not_reviewed_not_applicable_pending_and_empty_are_five_different_states(system: System) -> None:
    states_by_cell = {
        "ND": "NO_DATA",
        "NR": "NOT_REVIEWED",
        "NA": "NOT_APPLICABLE",
        "Pending IRM Review": "PENDING",
        "": None,
    }
    rows = [row_2024(f"UY090{n}", Completion_End_Of_Term=cell) for n, cell in enumerate(states_by_cell, 1)]
    import_file(system, build_csv("2024", rows), 2024)
    states = [
        next(
            iter(
                query_commitment(
                    system, f"UY090{n}", "ratings(indicator: COMPLETION, stage: END_OF_TERM) { state }"
                ).values()
            )
        )
        for n in range(1, 6)
    ]
    assert states == [[{"state": state}] if state else [] for state in states_by_cell.values()]


def test_an_unknown_value_is_preserved_and_reported(system: System) -> None:
    report = import_file(system, build_csv("2024", [row_2024(Specificity="Very high", Potential_Impact="0")]), 2024)
    remarks = {(r.column, r.kind, r.text) for r in report.unrecognized}
    assert remarks == {("Specificity", "unrecognised", "Very high"), ("Potential Impact", "unrecognised", "0")}
    found = query_commitment(system, "UY0901", "rating(indicator: SPECIFICITY) { state value statedAs }")["rating"]
    assert found == {"state": "UNRECOGNISED", "value": None, "statedAs": "Very high"}


def test_an_e_mail_address_is_reported_and_masked(system: System) -> None:
    report = import_file(system, build_csv("2024", [row_2024(Lead_Institution="Ms Pier, pier@example.org")]), 2024)
    assert report.personal["EMAIL"] == 1
    assert "e-mail" in remark_kinds(report)
    assert "pier@" not in str(query_commitment(system, "UY0901", "leadInstitutions"))


@pytest.mark.parametrize(
    "spelled",
    [
        pytest.param(lambda cell: {"ND": "N.D.", "NR": "n/r", "NA": "N.A."}.get(cell, cell), id="codes of states"),
        pytest.param(lambda cell: cell.lower() if cell in ("ND", "NR", "NA") else cell, id="small letters"),
        pytest.param(lambda cell: f"{cell}.0" if cell.isdecimal() else cell, id="fractions"),
        pytest.param(lambda cell: cell.replace(" ", " \u200b").replace("rr", "r\u00adr"), id="without a width"),
    ],
)
def test_a_file_in_another_spelling_of_states_numbers_and_blanks_changes_no_value(
    system: System, spelled: Callable[[str], str]
) -> None:
    row = row_2024(Completion_End_Of_Term="NR", Cluster="NA", IRM_Based_Score="4", Specificity="High", Verifiable="1")
    import_file(system, build_csv("2024", [row]), 2023)
    fields = "status policyAreas title leadInstitutions cluster cycle ratings { indicator stage state value }"
    before = query_commitment(system, "UY0901", fields)
    import_file(system, build_csv("2024", [{name: spelled(cell) for name, cell in row.items()}]), 2024)
    assert query_commitment(system, "UY0901", fields) == before


@pytest.mark.parametrize(("cell", "status"), [("TRUE", "ACTIVE"), ("False", "INACTIVE"), ("1.0", "ACTIVE")])
def test_a_tick_box_is_a_status(system: System, cell: str, status: str) -> None:
    import_file(system, build_csv("2024", [row_2024(Active_Commitment=cell)]), 2024)
    assert query_commitment(system, "UY0901", "status") == {"status": status}


@pytest.mark.parametrize("cell", ["2,018", "MMXVIII", "20 18"])
def test_a_year_that_cannot_be_read_is_reported_and_withdraws_nothing(system: System, cell: str) -> None:
    import_file(system, build_csv("2024", [row_2024()]), 2023)
    report = import_file(system, build_csv("2024", [row_2024(Year_Of_Submission=cell)]), 2024)
    assert ("Year Of Submission", cell) in {(each.column, each.text) for each in report.unrecognized}
    assert query_commitment(system, "UY0901", "cycle") == {"cycle": 2018}


def test_a_year_of_which_a_spreadsheet_made_a_date_is_that_year(system: System) -> None:
    import_file(system, build_csv("2024", [row_2024(Year_Of_Submission="7/9/1905")]), 2024)
    assert query_commitment(system, "UY0901", "cycle") == {"cycle": 2017}
