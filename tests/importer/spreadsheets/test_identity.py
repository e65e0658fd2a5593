"""Each commitment gets at most one row, and every other row a remark."""

from __future__ import annotations

from itertools import permutations

from ogpgraph.system import System
from tests.conftest import SystemFactory
from tests.graphql.client import execute_query, query_commitment
from tests.importer.spreadsheets.spreadsheet_files import (
    build_csv,
    import_file,
    remark_kinds,
    row_2015,
    row_2016,
    row_2024,
)

HISTORY = "history { nodes { kind cause changedBetween { after before } changes { path before after } } }"


def test_duplicates_are_reported_with_their_rows_and_never_merged(system: System) -> None:
    rows = [row_2024(Specificity="High"), row_2024("UY0902"), row_2024(Specificity="Low", Verifiable="Yes")]
    report = import_file(system, build_csv("2024", rows), 2024)
    (remark,) = [remark for remark in report.warnings if remark.kind == "duplicate"]
    assert (remark.line, "rows 2, 4 have the same key: row 4 is recorded" in remark.text) == (2, True)
    assert [(total.cycle, total.rows, total.recorded) for total in report.totals] == [("2018", 3, 2)]
    assert len(query_commitment(system, "UY0901", HISTORY)["history"]["nodes"]) == 2  # registered, and its ratings


def test_the_choice_among_duplicates_does_not_depend_on_their_order(make_system: SystemFactory) -> None:
    rows = [row_2024(Specificity="High"), row_2024(Specificity="Low"), row_2024(Verifiable="Yes", Specificity="Low")]
    found = []
    for number, some in enumerate(permutations(rows)):
        import_file(system := make_system(str(number)), build_csv("2024", some), 2024)
        found.append(query_commitment(system, "UY0901", "ratings { indicator value }"))
    assert all(each == found[0] for each in found)


def test_rows_without_codes_that_share_a_title_are_distinguished_by_their_text(system: System) -> None:
    rows = [row_2015(Full_Text="Amend the law"), row_2015(Full_Text="Amend the rules")]
    report = import_file(system, build_csv("2015", rows), 2015)
    assert remark_kinds(report) == {"same-title"}
    assert execute_query(system, "{ commitments { totalCount } }")["commitments"]["totalCount"] == 2


def test_a_row_that_cannot_be_identified_is_reported_and_not_recorded(system: System) -> None:
    rows = [row_2016(Country="Atlantis"), row_2016("2. Piers", Action_Plan_Number="", Year_of_submission="")]
    report = import_file(system, build_csv("2016", rows), 2016)
    assert [(remark.line, remark.kind) for remark in report.unrecognized] == [(2, "member-unknown"), (3, "no-key")]
    assert report.rows == 2
    assert execute_query(system, "{ commitments { totalCount } }")["commitments"]["totalCount"] == 0
