"""Rows become commitments, and later files become exactly the events in which they differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ogpgraph.domain.commitment import withdraw_commitment
from ogpgraph.domain.merger import merge_commitments
from ogpgraph.domain.unit_of_work import CommandContext
from ogpgraph.importer.run import import_files
from ogpgraph.system import System
from tests.graphql.client import execute_query, query_commitment
from tests.importer.sample_pages import Page, day
from tests.importer.spreadsheets.spreadsheet_files import (
    build_csv,
    codebook_header,
    count_recorded_events,
    dump_record,
    import_file,
    row_2015,
    row_2016,
    row_2024,
)

HISTORY = "history { nodes { kind cause changedBetween { after before } changes { path before after } } }"


def test_a_file_without_data_for_the_end_of_term_leaves_what_was_found_at_midterm(system: System) -> None:
    rows = [
        row_2024("UY0901", Completion_Progress_Report="Limited", Completion_End_Of_Term="ND"),
        row_2024("UY0902", Completion_Progress_Report="Limited", Completion_End_Of_Term="Complete"),
        row_2024("UY0903", Completion_Progress_Report="ND", Completion_End_Of_Term="ND"),
    ]
    import_file(system, build_csv("2024", rows), 2024)
    completion = "rating(indicator: COMPLETION) { stage state value laterWithoutData }"
    facets = "facets(dimensions: [COMPLETION]) { values { value count } }"
    found = execute_query(system, f"{{ commitments {{ nodes {{ {completion} }} {facets} }} }}")["commitments"]
    assert [tuple(each["rating"].values()) for each in found["nodes"]] == [
        ("MIDTERM", "RATED", "LIMITED", ["NO_DATA"]),
        ("END_OF_TERM", "RATED", "COMPLETE", []),
        ("END_OF_TERM", "NO_DATA", None, []),
    ]
    counts = {each["value"]: each["count"] for each in found["facets"][0]["values"]}
    assert counts == {"COMPLETE": 1, "LIMITED": 1, "NO_DATA": 1}


def test_a_row_becomes_a_commitment_with_member_plan_and_ratings(system: System) -> None:
    row = row_2024(
        Specificity="High",
        _Specificity="3",
        Completion_End_Of_Term="Substantial",
        Carried_Forward="1",
        Open_Data="1",
        Digital_Participation="ND",
        Report_Publication_Year_Progress_Report="2020",
        Report_Publication_Year_End_Of_Term="NR",
        Cluster_AP_Review="1",
        Cluster_Commitment_IDs="UY0902, UY0901",
        Start_Date="7/14/1905",
    )
    report = import_file(system, build_csv("2024", [row]), 2024)
    assert (report.rows, report.outcome, report.layout) == (1, "recorded", "2024")
    found = query_commitment(
        system,
        "uy0901",
        """number planNumber title cycle startsOn status carriedForward { state value } clusterCommitments policyAreas
        undeterminedPolicyAreas { state areas } reportYears { stage year state } supportingInstitutions
        rating(indicator: SPECIFICITY) { state value statedAs statedIn }
        actionPlan { code number publishedId endsOn durationYears } member { code name region category type }""",
    )
    assert found == {
        "number": "1",
        "planNumber": 4,
        "title": "Ferry tables UY0901",
        "cycle": 2018,
        "startsOn": "2022",
        "status": "ACTIVE",
        "carriedForward": {"state": "RATED", "value": "YES"},
        "clusterCommitments": ["UY0901", "UY0902"],
        "policyAreas": ["Open Data"],
        "undeterminedPolicyAreas": [{"state": "NO_DATA", "areas": ["Digital Participation"]}],
        "reportYears": [
            {"stage": "MIDTERM", "year": 2020, "state": "RATED"},
            {"stage": "END_OF_TERM", "year": None, "state": "NOT_REVIEWED"},
        ],
        "supportingInstitutions": [],
        "rating": {"state": "RATED", "value": "HIGH", "statedAs": "High", "statedIn": "DATABASE"},
        "actionPlan": {
            "code": "URY-2018",
            "number": "4",
            "publishedId": "AP_URY04",
            "endsOn": "2020",
            "durationYears": 2,
        },
        "member": {
            "code": "URY",
            "name": "Uruguay",
            "region": "Americas",
            "category": "National",
            "type": "NATIONAL",
        },
    }


def test_the_evidence_of_every_fact_is_its_row_column_and_cell(system: System) -> None:
    import_file(
        system, build_csv("2024", [row_2024("UY0902"), row_2024(Verifiable="Yes", Open_Data="1", Tax="1")]), 2024
    )
    found = query_commitment(
        system, "UY0901", "blame { path evidence { row column quote source { type code language } contentHash } }"
    )
    evidence = {each["path"]: each["evidence"] for each in found["blame"]}
    (verifiable,) = evidence["ratings/VERIFIABLE/DESIGN"]
    assert (verifiable["row"], verifiable["column"], verifiable["quote"]) == (3, "Verifiable", "Yes")
    assert verifiable["source"] == {"type": "DATABASE_FILE", "code": "commitments-database", "language": "en"}
    (areas,) = evidence["policyAreas"]
    assert (areas["column"], areas["quote"]) == ("Tax, Open Data", "Tax: 1\nOpen Data: 1")
    assert [each["quote"] for each in evidence["code"]] == ["UY0901"]
    assert all(len(each) == 1 for each in evidence.values())


# Successive files


def test_another_spelling_coding_or_order_is_not_a_change(system: System) -> None:
    before = row_2016(
        Specificity="a. low",
        Open_Data="1",
        Education="1",
        Lead_Institution="Ministry of Ferries; Port Office",
        Completion_progress_report="a. Not started",
    )
    after = row_2016(
        Specificity="Low",
        Open_Data="1.0",
        Education="1",
        Commitment_Title="1: FERRY  tables",
        Full_Text="Print them  all: 1. Ferry\r\ntables",
        Lead_Institution="Port Office; Ministry of ferries",
        Completion_progress_report="Not Started",
    )
    import_file(system, build_csv("2016", [before, row_2016("2. Piers")]), 2016)
    reversed_header = list(reversed(codebook_header("2016")))
    report = import_file(system, build_csv("2016", [row_2016("2. Piers"), after], header=reversed_header), 2016, 2)
    assert count_recorded_events(report) == {}


def test_a_changed_cell_is_one_event_with_its_interval(system: System) -> None:
    import_file(system, build_csv("2024", [row_2024(Completion_End_Of_Term="NR"), row_2024("UY0902")]), 2024)
    after = [row_2024("UY0902"), row_2024(Completion_End_Of_Term="Limited")]
    assert count_recorded_events(import_file(system, build_csv("2024", after), 2024, 3)) == {
        ("RatingRecorded", "SOURCE_CHANGED"): 1
    }
    entry = query_commitment(system, "UY0901", HISTORY)["history"]["nodes"][-1]
    path = "ratings/COMPLETION/END_OF_TERM"
    assert entry == {
        "kind": "RatingRecorded",
        "cause": "SOURCE_CHANGED",
        "changedBetween": {"after": "2024-01-01T00:00:00.000000Z", "before": "2024-03-01T00:00:00.000000Z"},
        "changes": [
            {"path": f"{path}/state", "before": "NOT_REVIEWED", "after": "RATED"},
            {"path": f"{path}/statedAs", "before": "NR", "after": "Limited"},
            {"path": f"{path}/value", "before": None, "after": "LIMITED"},
        ],
    }


def test_a_commitment_whose_row_is_missing_keeps_its_values(system: System) -> None:
    import_file(system, build_csv("2024", [row_2024(), row_2024("UY0902")]), 2024)
    report = import_file(system, build_csv("2024", [row_2024()]), 2024, 2)
    assert count_recorded_events(report) == {("CommitmentRevised", "SOURCE_CHANGED"): 1}
    assert query_commitment(system, "UY0902", "title")["title"] == "Ferry tables UY0902"


def test_an_older_file_supplements_history_and_leaves_the_present_unchanged(system: System) -> None:
    import_file(system, build_csv("2024", [row_2024(Completion_End_Of_Term="Complete")]), 2024)
    report = import_file(system, build_csv("2024", [row_2024(Completion_End_Of_Term="Limited")]), 2023)
    kinds = ("Commitment", "ActionPlan", "Member")
    assert count_recorded_events(report) == {(f"{kind}SeenEarlier", "SOURCE_CHANGED"): 1 for kind in kinds}
    found = query_commitment(
        system,
        "UY0901",
        'blame(path: "ratings/COMPLETION/END_OF_TERM") { value changedBetween { after before } } status',
    )
    assert found["blame"] == [
        {
            "value": {"state": "RATED", "value": "COMPLETE", "statedAs": "Complete"},
            "changedBetween": {"after": "2023-01-01T00:00:00.000000Z", "before": "2024-01-01T00:00:00.000000Z"},
        }
    ]


# Successive layouts


def test_a_commitment_of_2015_is_matched_in_2016_and_gets_its_code_in_2024(system: System) -> None:
    unchanged = {"Completion_progress_report": "c. Substantial", "Open_Data": "1"}
    import_file(system, build_csv("2015", [row_2015(Actual_Completion="c. Substantial", Open_Data="1")]), 2015)
    (first,) = execute_query(system, "{ commitments { nodes { id code key } } }")["commitments"]["nodes"]
    assert first["code"] == first["key"]
    report = import_file(system, build_csv("2016", [row_2016(**unchanged)]), 2016)
    assert ("CommitmentRegistered", "SOURCE_CHANGED") not in count_recorded_events(report)
    coded = row_2024(
        Commitment_Title="Ferry tables",
        Action_Plan_Number="1",
        Action_Plan_ID="AP_URY01",
        Year_Of_Submission="2012",
        Commitment_Number="1",
        Completion_Progress_Report="Substantial",
        Open_Data="1",
    )
    after = import_file(system, build_csv("2024", [coded]), 2024)
    assert count_recorded_events(after)["CommitmentRecoded", "METHODOLOGY"] == 1
    found = query_commitment(system, "UY0901", f"id code key title actionPlan {{ code }} {HISTORY}")
    assert (found["id"], found["key"], found["actionPlan"]) == (first["id"], first["key"], {"code": "URY-2012"})
    assert query_commitment(system, first["key"], "code") == {"code": "UY0901"}
    changed_paths = {change["path"] for entry in found["history"]["nodes"][2:] for change in entry["changes"]}
    assert not changed_paths & {"title/en", "leadInstitutions/en", "ratings/COMPLETION/MIDTERM/value"}


def test_policy_areas_of_only_one_taxonomy_appear_and_disappear_with_the_layout(system: System) -> None:
    import_file(system, build_csv("2016", [row_2016(E_government="1", Open_Data="1", Labor="1")]), 2016)
    coded = row_2024(
        Commitment_Title="Ferry tables",
        Action_Plan_Number="1",
        Year_Of_Submission="2012",
        Digital_Governance="1",
        Open_Data="1",
        Aid="1",
    )
    import_file(system, build_csv("2024", [coded]), 2024)
    entries = query_commitment(system, "UY0901", HISTORY)["history"]["nodes"]
    areas = [
        (entry["cause"], change["before"], change["after"])
        for entry in entries
        for change in entry["changes"]
        if change["path"] == "policyAreas"
    ]
    assert areas == [
        ("REPORTED", None, ["E-Government", "Labor", "Open Data"]),
        ("METHODOLOGY", ["E-Government", "Labor", "Open Data"], ["Digital Governance", "Labor", "Open Data"]),
        ("SOURCE_CHANGED", ["Digital Governance", "Labor", "Open Data"], ["Aid", "Digital Governance", "Open Data"]),
    ]


def test_a_value_without_a_column_in_a_later_layout_is_preserved(system: System) -> None:
    import_file(system, build_csv("2015", [row_2015(Next_Steps="Maintenance")]), 2015)
    import_file(system, build_csv("2016", [row_2016()]), 2016)
    (found,) = execute_query(system, "{ commitments { nodes { databaseColumns { name value } } } }")["commitments"][
        "nodes"
    ]
    assert {"name": "NEXT_STEPS", "value": "Maintenance"} in found["databaseColumns"]


# Other sources


def test_a_code_of_another_member_is_a_remark_and_not_the_commitment_s(system: System) -> None:
    import_file(system, build_csv("2016", [row_2016()]), 2016)
    (found,) = execute_query(system, "{ commitments { nodes { code } } }")["commitments"]["nodes"]
    report = import_file(
        system,
        build_csv(
            "2024",
            [row_2024("FR0901", Commitment_Title="Ferry tables", Action_Plan_Number="1", Year_Of_Submission="2012")],
        ),
        2024,
    )
    assert [(remark.line, remark.text) for remark in report.warnings if remark.kind == "code-refused"] == [
        (2, "FR0901 does not begin with URY or UY; recorded without the code")
    ]
    assert query_commitment(system, "FR0901", "code") is None
    assert execute_query(system, "{ commitments { nodes { code } } }")["commitments"]["nodes"] == [found]


def test_of_the_rows_of_merged_commitments_the_one_with_the_present_code_is_recorded(system: System) -> None:
    import_file(system, build_csv("2024", [row_2024(), row_2024("UY0902")]), 2024)
    by_hand = CommandContext(actor="ann", role="administrator", time=day(1))
    system.execute(
        by_hand,
        lambda uow: merge_commitments(
            uow, [uow.require_by_code("commitment", "UY0901")], uow.require_by_code("commitment", "UY0902")
        ),
    )
    after = [row_2024(Specificity="Low"), row_2024("UY0902", Specificity="High")]
    report = import_file(system, build_csv("2024", after), 2024, 2)
    assert [remark.line for remark in report.warnings if remark.kind == "former-code"] == [2]
    found = query_commitment(system, "UY0901", "code rating(indicator: SPECIFICITY) { value }")
    assert found == {"code": "UY0902", "rating": {"value": "HIGH"}}


def test_a_key_finds_its_commitment_after_repeated_mergers(system: System) -> None:
    import_file(system, build_csv("2016", [row_2016()]), 2016)
    import_file(system, build_csv("2024", [row_2024("UY0902"), row_2024("UY0903")]), 2024)
    nodes = execute_query(system, "{ commitments { nodes { key } } }")["commitments"]["nodes"]
    (key,) = filter(None, (each["key"] for each in nodes))
    by_hand = CommandContext(actor="ann", role="administrator", time=day(1))
    system.execute(
        by_hand,
        lambda uow: merge_commitments(
            uow, [uow.require_by_code("commitment", key)], uow.require_by_code("commitment", "UY0902")
        ),
    )
    assert query_commitment(system, key, "code") == {"code": "UY0902"}
    system.execute(
        by_hand,
        lambda uow: merge_commitments(
            uow, [uow.require_by_code("commitment", "UY0902")], uow.require_by_code("commitment", "UY0903")
        ),
    )
    for code in (key, key.lower(), "UY0902", "UY0903"):
        assert query_commitment(system, code, "code") == {"code": "UY0903"}
    system.execute(by_hand, lambda uow: withdraw_commitment(uow, uow.require_by_code("commitment", key)))
    history = query_commitment(system, "UY0903", "history(last: 1) { nodes { kind } }")
    assert history == {"history": {"nodes": [{"kind": "CommitmentWithdrawn"}]}}
    entries = execute_query(
        system, "query ($key: String!) { entries(where: {commitment: [$key]}) { totalCount } }", key=key
    )
    assert (
        entries["entries"]["totalCount"]
        == execute_query(system, '{ entries(where: {commitment: ["UY0903"]}) { totalCount } }')["entries"]["totalCount"]
    )


def test_page_and_database_have_separate_claims_and_the_later_is_current(system: System, tmp_path: Path) -> None:
    import_file(system, build_csv("2024", [row_2024(Completion_End_Of_Term="Limited", Verifiable="No")]), 2020)
    (file := tmp_path / "page.txt").write_bytes(Page("UY0901").data)
    context = CommandContext(actor="importer", role="publisher", time=day(1))
    (report,) = import_files(system, [file], context, limit_bytes=100_000)
    assert report.outcome == "recorded"
    found = query_commitment(system, "UY0901", 'title claims(path: "title/en") { value statedIn isCurrent }')
    assert found["claims"] == [
        {"value": "Ferry tables UY0901", "statedIn": "DATABASE", "isCurrent": False},
        {"value": "Ferry Tables", "statedIn": "HEADER", "isCurrent": True},
    ]
    assert execute_query(system, "{ actionPlans { totalCount } }")["actionPlans"]["totalCount"] == 1


def test_a_date_in_another_spelling_is_no_change_of_the_source(system: System) -> None:
    import_file(system, build_csv("2015", [row_2015(Start="Jul-12", End="Dec-13")]), 2015)
    row = row_2016("1. Ferry tables", Start_Date="07/01/2012", End_Date="31/12/2013")
    report = import_file(system, build_csv("2016", [row]), 2016)
    found = dump_record(system)["commitments"]["nodes"][0]
    assert (found["startsOn"], found["endsOn"]) == ("2012-07", "2013-12-31"), "a finer date is a change, and honest"
    assert {"name": "START_DATE", "value": "07/01/2012"} in found["databaseColumns"]
    changes = [
        change["path"]
        for entry in query_history(system, "where: {cause: SOURCE_CHANGED}")
        for change in entry["changes"]
    ]
    assert "endsOn" in changes
    assert not [path for path in changes if path.startswith("database/START")], report


def query_history(system: System, arguments: str) -> Any:
    query = f"{{ commitments {{ nodes {{ history({arguments}) {{ nodes {{ cause changes {{ path }} }} }} }} }} }}"
    return execute_query(system, query)["commitments"]["nodes"][0]["history"]["nodes"]


def test_what_a_cell_without_a_value_says_stays_distinct(system: System) -> None:
    cells = ("NA", "None specified", "NR", "")
    rows = [
        row_2016(f"{n}. Ferry tables of line {n}", Lead_Institution=cell, Cluster=cell or "0", Comm_No=f"{n}(A)")
        for n, cell in enumerate(cells, 1)
    ]
    import_file(system, build_csv("2016", rows), 2016)
    nodes = sorted(dump_record(system)["commitments"]["nodes"], key=lambda each: each["number"])
    columns = [{each["name"]: each["value"] for each in node["databaseColumns"]} for node in nodes]
    assert [each.get("LEAD_INSTITUTION") for each in columns] == ["NA", "None specified", "NR", None]
    assert [node["leadInstitutions"] for node in nodes] == [[], [], [], []]
    assert [node["cluster"] for node in nodes][:3:2] == [None, None]
    assert [node["number"] for node in nodes] == [f"{n}(A)" for n in range(1, 5)]
