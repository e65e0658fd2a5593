"""A commitment that a whole file lists no longer is recorded as missing, keeps its values, and may come back."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from ogpgraph.importer.report import Report
from ogpgraph.importer.spreadsheets.run import FileOptions
from ogpgraph.system import System
from tests.graphql.client import execute_query
from tests.importer.spreadsheets.spreadsheet_files import (
    build_csv,
    dump_record,
    import_file,
    remark_kinds,
    row_2016,
    row_2024,
)

CODES = ("UY0901", "UY0902", "UY0903")


def file_with(*codes: str) -> bytes:
    return build_csv("2024", [row_2024(code) for code in codes])


def query_absences(system: System) -> dict[str, Any]:
    query = "{ commitments { nodes { code absentSince { after before } lastObservedAt } } }"
    nodes = execute_query(system, query)["commitments"]["nodes"]
    return {
        each["code"]: (
            each["absentSince"] and tuple(each["absentSince"][end][:4] for end in ("after", "before")),
            each["lastObservedAt"][:4],
        )
        for each in nodes
    }


def messages(report: Report, kind: str) -> list[str]:
    return [remark.text for remark in report.remarks if remark.kind == kind]


def test_a_missing_row_is_recorded_and_reported_and_takes_no_value_away(system: System) -> None:
    import_file(system, file_with(*CODES), 2020)
    before = dump_record(system)["commitments"]["nodes"][1]
    report = import_file(system, file_with("UY0901", "UY0903"), 2021)
    assert messages(report, "disappeared") == ["1 commitments of earlier files have no row: UY0902"]
    assert query_absences(system) == {
        "UY0901": (None, "2021"),
        "UY0902": (("2020", "2021"), "2020"),
        "UY0903": (None, "2021"),
    }
    after = dump_record(system)["commitments"]["nodes"][1]
    assert {key: value for key, value in after.items() if key != "blame"} == {
        key: value for key, value in before.items() if key != "blame"
    }
    query = """{ gone: commitments(where: {disappeared: true}) { nodes { code } }
        commitments { facets(dimensions: DISAPPEARED) { values { value count } } }
        asOf(date: "2020-06-01") { commitments(where: {disappeared: {unknown: true}}) { nodes { code } } } }"""
    found = execute_query(system, query.replace("disappeared: {unknown: true}", "unknown: [DISAPPEARED]"))
    assert found["gone"]["nodes"] == [{"code": "UY0902"}]
    assert {each["value"]: each["count"] for each in found["commitments"]["facets"][0]["values"]} == {
        "false": 2,
        "true": 1,
    }
    assert found["asOf"]["commitments"]["nodes"] == [{"code": "UY0902"}]


def test_a_row_that_returns_ends_the_absence(system: System) -> None:
    for year, codes in ((2020, CODES), (2021, CODES[:1]), (2022, CODES)):
        import_file(system, file_with(*codes), year)
    assert query_absences(system) == dict.fromkeys(CODES, (None, "2022"))


ORDERS = [
    pytest.param(o, id=str(o), marks=[pytest.mark.long] if n % 5 else []) for n, o in enumerate(permutations(range(4)))
]


@pytest.mark.parametrize("order", ORDERS)
def test_the_order_of_imports_makes_no_difference(system: System, order: tuple[int, ...]) -> None:
    files = (
        (2020, CODES[:2]),  # without UY0903, which comes later
        (2021, CODES[:1]),  # without UY0902
        (2022, CODES),
        (2023, CODES[1:]),  # without UY0901
    )
    for index in order:
        import_file(system, file_with(*files[index][1]), files[index][0])
    assert query_absences(system) == {
        "UY0901": (("2022", "2023"), "2022"),
        "UY0902": (None, "2023"),
        "UY0903": (None, "2023"),
    }


def test_a_file_that_is_not_whole_says_nothing_of_what_it_lacks(system: System) -> None:
    import_file(system, file_with(*CODES), 2020)
    damaged = file_with("UY0901", "UY0903").rstrip()[:-30]
    assert "not-whole" in remark_kinds(import_file(system, damaged, 2021))
    import_file(system, file_with("UY0903"), 2022, options=FileOptions(is_partial=True))
    assert {code: absence for code, (absence, _) in query_absences(system).items()} == dict.fromkeys(CODES)


def test_a_row_under_another_name_is_not_missing(system: System) -> None:
    import_file(system, build_csv("2016", [row_2016("1. Ferry tables", Full_Text="Print them all")]), 2016)
    plan = {"Action_Plan_Number": "1", "Year_Of_Submission": "2012"}
    row = row_2024("UY0901", Commitment_Title="All the tables", Full_Text="Print them all", **plan)
    report = import_file(system, build_csv("2024", [row]), 2024)
    assert messages(report, "disappeared") == []
    assert query_absences(system) == {"UY0901": (None, "2024")}
