"""Members and plans are recorded once, from cells that every row repeats."""

from __future__ import annotations

import pytest

from ogpgraph.system import System
from tests.graphql.client import execute_query
from tests.importer.spreadsheets.spreadsheet_files import (
    build_csv,
    codebook_header,
    count_recorded_events,
    import_file,
    row_2024,
)


def test_a_local_government_is_identified_by_its_code(system: System) -> None:
    row = row_2024("KAD0004", Country_Locality="Kaduna State, Nigeria", Code="NGKD", National_Or_Local="Legacy Local")
    import_file(system, build_csv("2024", [row]), 2024)
    assert execute_query(system, "{ members { nodes { code prefix type category region } } }")["members"]["nodes"] == [
        {"code": "NGKD", "prefix": "KAD", "type": "LOCAL", "category": "Legacy Local", "region": "Americas"}
    ]


def test_public_participation_is_recorded_once_with_the_plan(system: System) -> None:
    names = [*codebook_header("2024"), "IAP2 level during development", "Regular forum"]
    more = {"IAP2 level during development": "Collaborate", "Regular forum": "NR"}
    odd = {"IAP2 level during development": "Chat"}
    rows = [row_2024() | more, row_2024("UY0902") | more, row_2024("UY0903") | odd]
    report = import_file(system, build_csv("2024", rows, header=names), 2024)
    assert [(remark.line, remark.text) for remark in report.unrecognized] == [(4, "Chat")]
    fields = 'coCreation { kind value } blame(path: "coCreation") { evidence { column quote } }'
    (plan,) = execute_query(system, f"{{ actionPlans {{ nodes {{ {fields} }} }} }}")["actionPlans"]["nodes"]
    assert plan["coCreation"] == [
        {"kind": "INFLUENCE_DURING_DEVELOPMENT", "value": "COLLABORATE"},
        {"kind": "REGULAR_FORUM", "value": "NOT_REVIEWED"},
    ]
    assert plan["blame"][0]["evidence"] == [{"column": "IAP2 level during development", "quote": "Collaborate"}]


def test_a_members_new_name_is_one_event(system: System) -> None:
    rows = [row_2024(f"MK00{n}", Country_Locality="Macedonia", Code="MKD") for n in range(10, 30)]
    import_file(system, build_csv("2024", rows), 2016)
    renamed = [row | {"Country/Locality": "North Macedonia"} for row in rows]
    assert count_recorded_events(import_file(system, build_csv("2024", renamed), 2024)) == {
        ("MemberRenamed", "SOURCE_CHANGED"): 1
    }
    field = 'member(code: "MKD") { blame(path: "name") { evidence { row column quote } } }'
    assert execute_query(system, f"{{ {field} }}")["member"]["blame"] == [
        {"evidence": [{"row": 2, "column": "Country/Locality", "quote": "North Macedonia"}]}
    ]


@pytest.mark.parametrize("name", ["URUGUAY", "uruguay"])
def test_a_name_in_capitals_is_recorded_as_the_table_of_members_spells_it(system: System, name: str) -> None:
    import_file(system, build_csv("2024", [row_2024(Country_Locality=name)]), 2023)
    field = 'member(code: "URY") { name blame(path: "name") { evidence { quote } } }'
    assert execute_query(system, f"{{ {field} }}")["member"] == {
        "name": "Uruguay",
        "blame": [{"evidence": [{"quote": name}]}],
    }


def test_what_is_no_id_of_a_plan_is_reported_and_not_recorded(system: System) -> None:
    report = import_file(system, build_csv("2024", [row_2024(Action_Plan_ID="7672")]), 2024)
    assert ("Action Plan ID", "7672") in {(each.column, each.text) for each in report.unrecognized}
    assert execute_query(system, "{ actionPlans { nodes { publishedId } } }")["actionPlans"] == {
        "nodes": [{"publishedId": None}]
    }


@pytest.mark.parametrize("name", ["Brazil", "Urugua", "Uruguayan Republic of Ruritania"])
def test_a_cell_that_is_no_name_of_the_member_renames_nobody_and_is_reported(system: System, name: str) -> None:
    import_file(system, build_csv("2024", [row_2024()]), 2023)
    report = import_file(system, build_csv("2024", [row_2024(Country_Locality=name)]), 2024)
    assert "unknown-name" in {each.kind for each in report.remarks}
    assert execute_query(system, '{ member(code: "URY") { name } }')["member"] == {"name": "Uruguay"}


def test_a_cell_that_is_no_region_of_ogp_is_reported_and_not_recorded(system: System) -> None:
    report = import_file(system, build_csv("2024", [row_2024(Region="UY0901")]), 2024)
    assert "region UY0901" in {each.text for each in report.unrecognized}
    assert execute_query(system, '{ member(code: "URY") { region } }')["member"] == {"region": "Americas"}


def test_a_no_break_space_makes_no_other_name_or_region(system: System) -> None:
    local = row_2024(
        "KAD0004", Country_Locality="Kaduna State, Nigeria", Code="NGKD", Region="Africa and the Middle East"
    )
    import_file(system, build_csv("2024", [local]), 2023)
    spaced = {name: cell.replace(" ", "\u00a0") for name, cell in local.items()}
    assert set(count_recorded_events(import_file(system, build_csv("2024", [spaced]), 2024))) <= {
        ("SourceObserved", "REPORTED")
    }
