"""States of OGP's database become history: exactly what differs, each with its cause, interval and cell."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from pathlib import Path

import pytest

from ogpgraph.application import CommandContext
from ogpgraph.application.commands import commitments, members
from ogpgraph.importer.pages.extraction import UnreadableInput
from ogpgraph.importer.run import import_files
from ogpgraph.importer.spreadsheets import run
from ogpgraph.importer.writer import DryRunWriter, LogWriter, revert_import
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES, SystemFactory
from tests.graphql.client import execute_query
from tests.importer.pages_import.sample_pages import Page, day
from tests.importer.spreadsheets.spreadsheet_files import (
    Cells,
    build_csv,
    codebook_header,
    count_recorded_events,
    dump_record,
    import_file,
    query_commitment,
    remark_kinds,
    require_codebook,
    row_2015,
    row_2016,
    row_2024,
)

HISTORY = "history { nodes { kind cause changedBetween { after before } changes { path before after } } }"


# -------------------------------------------------------------------------------------------------------- what is held


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
        policyAreasWithout { state areas } reportYears { stage year state } supportingInstitutions
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
        "policyAreasWithout": [{"state": "NO_DATA", "areas": ["Digital Participation"]}],
        "reportYears": [
            {"stage": "MIDTERM", "year": 2020, "state": "RATED"},
            {"stage": "END_OF_TERM", "year": None, "state": "NOT_REVIEWED"},
        ],
        "supportingInstitutions": [],
        "rating": {"state": "RATED", "value": "HIGH", "statedAs": "High", "statedIn": "DATABASE"},
        "actionPlan": {
            "code": "URY-2018",
            "number": 4,
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


def test_no_data_not_reviewed_not_applicable_pending_and_empty_stay_apart(system: System) -> None:
    said = {"ND": "NO_DATA", "NR": "NOT_REVIEWED", "NA": "NOT_APPLICABLE", "Pending IRM Review": "PENDING", "": None}
    rows = [row_2024(f"UY090{n}", Completion_End_Of_Term=word) for n, word in enumerate(said, 1)]
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
    assert states == [[{"state": state}] if state else [] for state in said.values()]


def test_a_local_government_is_known_by_its_code(system: System) -> None:
    row = row_2024("KAD0004", Country_Locality="Kaduna State, Nigeria", Code="NGKD", National_Or_Local="Legacy Local")
    import_file(system, build_csv("2024", [row]), 2024)
    assert execute_query(system, "{ members { nodes { code prefix type category region } } }")["members"]["nodes"] == [
        {"code": "NGKD", "prefix": "KAD", "type": "LOCAL", "category": "Legacy Local", "region": "Americas"}
    ]


def test_how_the_public_took_part_is_said_of_the_plan_once(system: System) -> None:
    names = [*codebook_header("2024"), "IAP2 level during development", "Regular forum"]
    more = {"IAP2 level during development": "Collaborate", "Regular forum": "NR"}
    odd = {"IAP2 level during development": "Chat"}
    rows = [row_2024() | more, row_2024("UY0902") | more, row_2024("UY0903") | odd]
    report = import_file(system, build_csv("2024", rows, header=names), 2024)
    assert [(remark.line, remark.text) for remark in report.unrecognized] == [(4, "Chat")]
    asked = 'coCreation { kind value } blame(path: "coCreation") { evidence { column quote } }'
    (plan,) = execute_query(system, f"{{ actionPlans {{ nodes {{ {asked} }} }} }}")["actionPlans"]["nodes"]
    assert plan["coCreation"] == [
        {"kind": "INFLUENCE_DURING_DEVELOPMENT", "value": "COLLABORATE"},
        {"kind": "REGULAR_FORUM", "value": "NOT_REVIEWED"},
    ]
    assert plan["blame"][0]["evidence"] == [{"column": "IAP2 level during development", "quote": "Collaborate"}]


def test_every_fact_leads_to_its_cell(system: System) -> None:
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


def test_a_cell_that_no_vocabulary_knows_is_kept_and_told(system: System) -> None:
    report = import_file(system, build_csv("2024", [row_2024(Specificity="Very high", Potential_Impact="0")]), 2024)
    told = {(r.column, r.kind, r.text) for r in report.unrecognized}
    assert told == {("Specificity", "unrecognised", "Very high"), ("Potential Impact", "unrecognised", "0")}
    found = query_commitment(system, "UY0901", "rating(indicator: SPECIFICITY) { state value statedAs }")["rating"]
    assert found == {"state": "UNRECOGNISED", "value": None, "statedAs": "Very high"}


# ------------------------------------------------------------------------------------------------------- what is told


def test_words_and_numbers_that_disagree_are_told_and_the_words_count(system: System) -> None:
    row = row_2024(Specificity="Low", _Specificity="3", Change_In_Completion="Increase", _ChangeCompletion="2")
    report = import_file(system, build_csv("2024", [row]), 2024)
    (told,) = [remark for remark in report.warnings if remark.kind == "twins-disagree"]
    assert (told.line, told.text) == (2, "Low, but _Specificity is 3")
    assert query_commitment(system, "UY0901", "rating(indicator: SPECIFICITY) { value }")["rating"]["value"] == "LOW"


STARRY = {
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
def test_stars_are_held_against_the_published_rule(system: System, changed: Cells, column: str | None) -> None:
    report = import_file(system, build_csv("2024", [row_2024(**{**STARRY, **changed})]), 2024)
    told = [remark.column for remark in report.warnings if remark.kind == "star-differs"]
    assert told == ([column] if column else [])


def test_before_june_2014_a_star_asked_nothing_of_specificity(system: System) -> None:
    starry = {
        "Specificity": "a. low",
        "Value_Info": "1",
        "Potential_impact": "Moderate",
        "Completion_progress_report": "d. Complete",
        "Starred_pre_June_2014_assessments": "1",
        "Starred_2015_only": "0",
    }
    report = import_file(system, build_csv("2016", [row_2016(**starry)]), 2016)
    assert "star-differs" not in remark_kinds(report)


def test_duplicates_are_told_with_their_rows_and_never_merged(system: System) -> None:
    rows = [row_2024(Specificity="High"), row_2024("UY0902"), row_2024(Specificity="Low", Verifiable="Yes")]
    report = import_file(system, build_csv("2024", rows), 2024)
    (told,) = [remark for remark in report.warnings if remark.kind == "duplicate"]
    assert (told.line, "rows 2, 4 have the same key: row 4 is recorded" in told.text) == (2, True)
    assert [(total.cycle, total.rows, total.recorded) for total in report.totals] == [("2018", 3, 2)]
    assert len(query_commitment(system, "UY0901", HISTORY)["history"]["nodes"]) == 2  # registered, and its ratings


def test_which_of_two_duplicates_is_recorded_does_not_hang_on_their_order(make_system: SystemFactory) -> None:
    rows = [row_2024(Specificity="High"), row_2024(Specificity="Low"), row_2024(Verifiable="Yes", Specificity="Low")]
    found = []
    for number, some in enumerate(permutations(rows)):
        import_file(system := make_system(str(number)), build_csv("2024", some), 2024)
        found.append(query_commitment(system, "UY0901", "ratings { indicator value }"))
    assert all(each == found[0] for each in found)


def test_rows_without_codes_that_share_a_title_are_told_apart_by_their_text(system: System) -> None:
    rows = [row_2015(Full_Text="Amend the law"), row_2015(Full_Text="Amend the rules")]
    report = import_file(system, build_csv("2015", rows), 2015)
    assert remark_kinds(report) == {"same-title"}
    assert execute_query(system, "{ commitments { totalCount } }")["commitments"]["totalCount"] == 2


def test_a_row_of_nobody_is_told_and_not_recorded(system: System) -> None:
    rows = [row_2016(Country="Atlantis"), row_2016("2. Piers", Action_Plan_Number="", Year_of_submission="")]
    report = import_file(system, build_csv("2016", rows), 2016)
    assert [(remark.line, remark.kind) for remark in report.unrecognized] == [(2, "member-unknown"), (3, "no-key")]
    assert report.rows == 2
    assert execute_query(system, "{ commitments { totalCount } }")["commitments"]["totalCount"] == 0


def test_an_address_of_a_person_is_told_and_masked(system: System) -> None:
    report = import_file(system, build_csv("2024", [row_2024(Lead_Institution="Ms Pier, pier@example.org")]), 2024)
    assert report.personal["EMAIL"] == 1
    assert "e-mail" in remark_kinds(report)
    assert "pier@" not in str(query_commitment(system, "UY0901", "leadInstitutions"))


# --------------------------------------------------------------------------------------------------- states in sequence


def test_the_same_file_again_records_the_sighting_alone(system: System) -> None:
    data = build_csv("2024", [row_2024()])
    import_file(system, data, 2024)
    again = import_file(system, data, 2024, 2)
    assert (again.outcome, count_recorded_events(again)) == ("seen again", {("SourceSeenAgain", "REPORTED"): 1})


def test_what_is_spelled_coded_or_ordered_otherwise_is_no_change(system: System) -> None:
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


def test_a_members_new_name_is_one_event(system: System) -> None:
    rows = [row_2024(f"MK00{n}", Country_Locality="Macedonia", Code="MKD") for n in range(10, 30)]
    import_file(system, build_csv("2024", rows), 2016)
    renamed = [row | {"Country/Locality": "North Macedonia"} for row in rows]
    assert count_recorded_events(import_file(system, build_csv("2024", renamed), 2024)) == {
        ("MemberRenamed", "SOURCE_CHANGED"): 1
    }
    asked = 'member(code: "MKD") { blame(path: "name") { evidence { row column quote } } }'
    assert execute_query(system, f"{{ {asked} }}")["member"]["blame"] == [
        {"evidence": [{"row": 2, "column": "Country/Locality", "quote": "North Macedonia"}]}
    ]


def test_a_row_that_is_gone_stays_in_the_record(system: System) -> None:
    import_file(system, build_csv("2024", [row_2024(), row_2024("UY0902")]), 2024)
    assert count_recorded_events(import_file(system, build_csv("2024", [row_2024()]), 2024, 2)) == {}
    assert query_commitment(system, "UY0902", "title")["title"] == "Ferry tables UY0902"


def test_an_older_state_enters_history_and_leaves_the_present(system: System) -> None:
    import_file(system, build_csv("2024", [row_2024(Completion_End_Of_Term="Complete")]), 2024)
    report = import_file(system, build_csv("2024", [row_2024(Completion_End_Of_Term="Limited")]), 2023)
    assert count_recorded_events(report) == {("CommitmentSeenEarlier", "SOURCE_CHANGED"): 1}
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


# -------------------------------------------------------------------------------------------------- from form to form


def test_a_commitment_of_2015_is_known_again_in_2016_and_gets_its_code_in_2024(system: System) -> None:
    known = {"Completion_progress_report": "c. Substantial", "Open_Data": "1"}
    import_file(system, build_csv("2015", [row_2015(Actual_Completion="c. Substantial", Open_Data="1")]), 2015)
    (first,) = execute_query(system, "{ commitments { nodes { id code key } } }")["commitments"]["nodes"]
    assert first["code"] == first["key"]
    report = import_file(system, build_csv("2016", [row_2016(**known)]), 2016)
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
    said = {change["path"] for entry in found["history"]["nodes"][2:] for change in entry["changes"]}
    assert not said & {"title/en", "leadInstitutions/en", "ratings/COMPLETION/MIDTERM/value"}


def test_areas_that_only_one_taxonomy_has_come_and_go_with_the_form(system: System) -> None:
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


def test_what_a_form_has_no_column_for_stays_said(system: System) -> None:
    import_file(system, build_csv("2015", [row_2015(Next_Steps="Maintenance")]), 2015)
    import_file(system, build_csv("2016", [row_2016()]), 2016)
    (found,) = execute_query(system, "{ commitments { nodes { databaseColumns { name value } } } }")["commitments"][
        "nodes"
    ]
    assert {"name": "NEXT_STEPS", "value": "Maintenance"} in found["databaseColumns"]


def test_a_like_title_under_the_same_number_is_the_same_commitment_and_another_title_is_not(system: System) -> None:
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


# ------------------------------------------------------------------------------------------------- beside other sources


def test_of_two_rows_that_turned_out_to_be_one_commitment_the_present_code_speaks(system: System) -> None:
    import_file(system, build_csv("2024", [row_2024(), row_2024("UY0902")]), 2024)
    by_hand = CommandContext(actor="ann", role="administrator", time=day(1))
    system.execute(
        by_hand,
        lambda uow: commitments.merge_commitments(
            uow, [uow.require_by_code("commitment", "UY0901")], uow.require_by_code("commitment", "UY0902")
        ),
    )
    after = [row_2024(Specificity="Low"), row_2024("UY0902", Specificity="High")]
    report = import_file(system, build_csv("2024", after), 2024, 2)
    assert [remark.line for remark in report.warnings if remark.kind == "former-code"] == [2]
    found = query_commitment(system, "UY0901", "code rating(indicator: SPECIFICITY) { value }")
    assert found == {"code": "UY0902", "rating": {"value": "HIGH"}}


def test_a_key_goes_on_finding_what_its_commitment_was_merged_into_again_and_again(system: System) -> None:
    import_file(system, build_csv("2016", [row_2016()]), 2016)
    import_file(system, build_csv("2024", [row_2024("UY0902"), row_2024("UY0903")]), 2024)
    nodes = execute_query(system, "{ commitments { nodes { key } } }")["commitments"]["nodes"]
    (key,) = filter(None, (each["key"] for each in nodes))
    by_hand = CommandContext(actor="ann", role="administrator", time=day(1))
    system.execute(
        by_hand,
        lambda uow: commitments.merge_commitments(
            uow, [uow.require_by_code("commitment", key)], uow.require_by_code("commitment", "UY0902")
        ),
    )
    assert query_commitment(system, key, "code") == {"code": "UY0902"}
    system.execute(
        by_hand,
        lambda uow: commitments.merge_commitments(
            uow, [uow.require_by_code("commitment", "UY0902")], uow.require_by_code("commitment", "UY0903")
        ),
    )
    for code in (key, key.lower(), "UY0902", "UY0903"):
        assert query_commitment(system, code, "code") == {"code": "UY0903"}
    system.execute(by_hand, lambda uow: commitments.withdraw_commitment(uow, uow.require_by_code("commitment", key)))
    history = query_commitment(system, "UY0903", "history(last: 1) { nodes { kind } }")
    assert history == {"history": {"nodes": [{"kind": "CommitmentWithdrawn"}]}}
    entries = execute_query(
        system, "query ($key: String!) { entries(where: {commitment: [$key]}) { totalCount } }", key=key
    )
    assert (
        entries["entries"]["totalCount"]
        == execute_query(system, '{ entries(where: {commitment: ["UY0903"]}) { totalCount } }')["entries"]["totalCount"]
    )


@pytest.mark.parametrize("rehearsed", [True, False])
def test_of_commitments_without_a_code_each_has_its_own_titles_in_a_plan(system: System, rehearsed: bool) -> None:
    rows = [row_2016("1. Ferry tables"), row_2016("2. Piers of the north")]
    recording = DryRunWriter(system) if rehearsed else LogWriter(system)
    act = CommandContext(actor="importer", role="publisher", time=day(1))
    run.import_spreadsheet(recording, "file.csv", build_csv("2016", rows), act)
    plan = recording.execute(act, lambda uow: members.find_action_plan(uow, "URY-2012").id).result
    titles = recording.titles_of_plan(str(plan))
    assert len(titles) == 2
    assert all(code.startswith("URY-") for code in titles)


def test_page_and_database_are_claims_side_by_side_and_the_later_is_current(system: System, tmp_path: Path) -> None:
    import_file(system, build_csv("2024", [row_2024(Completion_End_Of_Term="Limited", Verifiable="No")]), 2020)
    (file := tmp_path / "page.txt").write_bytes(Page("UY0901").data)
    act = CommandContext(actor="importer", role="publisher", time=day(1))
    (report,) = import_files(system, [file], act, limit_bytes=100_000)
    assert report.outcome == "recorded"
    found = query_commitment(system, "UY0901", 'title claims(path: "title/en") { value statedIn isCurrent }')
    assert found["claims"] == [
        {"value": "Ferry tables UY0901", "statedIn": "DATABASE", "isCurrent": False},
        {"value": "Ferry Tables", "statedIn": "HEADER", "isCurrent": True},
    ]
    assert execute_query(system, "{ actionPlans { totalCount } }")["actionPlans"]["totalCount"] == 1


def test_a_row_without_a_code_finds_the_commitment_of_a_page(system: System, tmp_path: Path) -> None:
    (file := tmp_path / "page.txt").write_bytes(Page("UY0901", plan="Uruguay Action Plan 2012-2014").data)
    act = CommandContext(actor="importer", role="publisher", time=day(1))
    list(import_files(system, [file], act, limit_bytes=100_000))
    cycle = str(query_commitment(system, "UY0901", "cycle")["cycle"])
    import_file(system, build_csv("2016", [row_2016("1. Ferry tables", Year_of_submission=cycle)]), 2016)
    assert execute_query(system, "{ commitments { totalCount } }")["commitments"]["totalCount"] == 1


# ------------------------------------------------------------------------------------------------------------- manners


class Stopped(Exception):
    pass


@BOTH_ENGINES
def test_an_import_stopped_half_way_and_run_again_ends_as_one_that_was_not(
    make_system: SystemFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "BATCH_SIZE", 3)
    rows = [row_2024(f"UY09{n}", Specificity="High") for n in range(10, 20)]
    former, data = build_csv("2024", rows[:4]), build_csv("2024", [row | {"Specificity": "Low"} for row in rows])
    whole, broken = make_system("whole"), make_system("broken")
    for system in (whole, broken):
        import_file(system, former, 2023)
    import_file(whole, data, 2024)

    def stop(done: int, of: int) -> None:
        if done > of / 2:
            raise Stopped

    with pytest.raises(Stopped):
        import_file(broken, data, 2024, progress=stop)
    report = import_file(broken, data, 2025)
    assert report.outcome == "recorded"
    assert dump_record(broken) == dump_record(whole)
    assert import_file(broken, data, 2025, 2).outcome == "seen again"


@BOTH_ENGINES
def test_two_imports_of_a_file_at_once_record_each_row_once(
    make_system: SystemFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "BATCH_SIZE", 2)
    data = build_csv("2016", [row_2016(f"{n}. Pier of the north") for n in range(1, 9)])
    systems = [make_system(), make_system()]
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda system: import_file(system, data, 2016), systems))
    found = execute_query(
        systems[0], "{ commitments { nodes { number history { totalCount } } } entries { totalCount } }"
    )
    assert sorted(each["number"] for each in found["commitments"]["nodes"]) == [str(n) for n in range(1, 9)]
    alone = make_system("alone")
    import_file(alone, data, 2016)
    histories = [each["history"]["totalCount"] for each in found["commitments"]["nodes"]]
    assert histories == [2] * 8
    assert dump_record(systems[1]) == dump_record(alone)


def test_a_file_whose_import_was_reverted_comes_in_again_as_if_for_the_first_time(system: System) -> None:
    data = build_csv("2016", [row_2016(Specificity="a. low")])
    act = CommandContext(actor="importer", role="publisher", time=day(1), correlation="wrong-one")
    run.import_spreadsheet(LogWriter(system), "file.csv", data, act)
    before = dump_record(system)
    revert_import(system, "wrong-one", CommandContext(actor="importer", role="publisher", time=day(2)))
    assert dump_record(system)["commitments"]["nodes"] == []
    assert import_file(system, data, 2016).outcome == "recorded"
    (again,), (first,) = dump_record(system)["commitments"]["nodes"], before["commitments"]["nodes"]
    assert (again["code"], again["ratings"]) == (first["code"], first["ratings"])


def test_progress_tells_rows_done_and_rows_in_all(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "BATCH_SIZE", 2)
    told: list[tuple[int, int]] = []
    rows = [row_2024(f"UY090{n}") for n in range(1, 6)]
    import_file(system, build_csv("2024", rows), 2024, progress=lambda done, of: told.append((done, of)))
    assert told == [(2, 5), (4, 5), (5, 5)]


def test_a_rehearsal_reports_the_same_and_records_nothing(system: System, make_system: SystemFactory) -> None:
    data = build_csv("2016", [row_2016(Specificity="a. low", _Specificity="3"), row_2016("2. Piers")])
    act = CommandContext(actor="importer", role="publisher", time=day(1))
    tried = run.import_spreadsheet(DryRunWriter(system), "file.csv", data, act)
    meant = import_file(make_system("other"), data, 2016)
    assert (count_recorded_events(tried), tried.remarks, tried.totals) == (
        count_recorded_events(meant),
        meant.remarks,
        meant.totals,
    )
    assert execute_query(system, "{ commitments { totalCount } }")["commitments"]["totalCount"] == 0


def test_a_file_of_an_unknown_layout_leaves_no_trace(system: System, tmp_path: Path) -> None:
    (file := tmp_path / "other.csv").write_text("Country,Action Plan Number\nUruguay,1\n")
    (report,) = import_files(
        system, [file], CommandContext(actor="i", role="publisher", time=day(1)), limit_bytes=10_000
    )
    assert "nearest is that of" in report.problem
    assert execute_query(system, "{ meta { position } }")["meta"]["position"] == 0


def test_a_file_is_known_by_its_header_whatever_it_is_called(system: System, tmp_path: Path) -> None:
    (file := tmp_path / "database.txt").write_bytes(build_csv("2024", [row_2024()]))
    (report,) = import_files(
        system, [file], CommandContext(actor="i", role="publisher", time=day(1)), limit_bytes=100_000
    )
    assert (report.outcome, report.as_json()["totals"]) == (
        "recorded",
        [{"member": "URY", "name": "Uruguay", "cycle": "2018", "rows": 1, "recorded": 1}],
    )


def test_every_cut_of_a_file_is_read_or_refused_but_never_fails(make_system: SystemFactory) -> None:
    data = build_csv("2024", [row_2024(), row_2024("UY0902")])
    system = make_system()
    for end in range(0, len(data), 397):
        try:
            run.import_spreadsheet(
                DryRunWriter(system), "cut.csv", data[:end], CommandContext(actor="i", role="publisher", time=day(1))
            )
        except UnreadableInput as refused:
            assert refused.reason  # noqa: PT017 - either outcome is right


def test_every_column_of_a_form_is_read_or_left_out_with_a_reason() -> None:
    for version in ("2015", "2016", "2024"):
        assert all(reason for reason in require_codebook(version).ignored.values())
