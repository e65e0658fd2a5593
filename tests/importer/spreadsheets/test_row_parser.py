"""Cells become values, states of ratings, or remarks."""

from __future__ import annotations

from ogpgraph.system import System
from tests.importer.spreadsheets.spreadsheet_files import (
    build_csv,
    import_file,
    query_commitment,
    remark_kinds,
    row_2024,
)


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
