"""The fields of every object type, on a record that has something of everything."""

from __future__ import annotations

import pytest
from graphql import GraphQLError

from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.graphql.subject import SUBJECT_TYPES
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES, SystemFactory
from tests.graphql.client import execute_query, query_commitment
from tests.graphql.example_log import REASON
from tests.importer.sample_pages import LIBRARIES, LIGHTHOUSE, Page, import_sample_page

pytestmark = BOTH_ENGINES


# ----------------------------------------------------------------------- members, action plans, commitments and sources


def test_every_aggregate_type_has_an_object_type() -> None:
    assert AGGREGATE_TYPES.keys() == SUBJECT_TYPES.keys()


def test_a_commitment_has_its_own_fields_and_those_of_its_plan_and_member(example_system: System) -> None:
    fields = """code formerCodes number title status cycle startsOn endsOn listedOnly starred languages
                leadInstitutions supportingInstitutions policyAreas irmReports commitmentText
                actionPlan { code title cycle status startsOn endsOn member { code } }
                member { code prefix type region name status joinedOn }"""
    assert query_commitment(example_system, "UY0901", fields) == {
        "code": "UY0901",
        "formerCodes": [],
        "number": "3",
        "title": "Open Lighthouse Hours",
        "status": "INACTIVE",
        "cycle": 2018,
        "startsOn": "2018",
        "endsOn": "2020",
        "listedOnly": False,
        "starred": False,
        "languages": ["en", "es"],
        "leadInstitutions": ["Ministry of Coasts and Lamps"],
        "supportingInstitutions": [],
        "policyAreas": ["Open Data", "Public Participation"],
        "irmReports": ["Uruguay Design Report 2018-2020"],
        "commitmentText": "Nobody knows when the lighthouses are open.",
        "actionPlan": {
            "code": "URY-2018",
            "title": "Uruguay Action Plan 2018-2020",
            "cycle": 2018,
            "status": "CONCLUDED",
            "startsOn": "2018",
            "endsOn": "2020",
            "member": {"code": "URY"},
        },
        "member": {
            "code": "URY",
            "prefix": "UY",
            "type": "NATIONAL",
            "region": "Americas",
            "name": "Uruguay",
            "status": "ACTIVE",
            "joinedOn": "2011",
        },
    }


def test_any_thing_has_its_code_number_title_and_status_without_fragments(example_system: System) -> None:
    subject = "subject { __typename code number title status }"
    found = execute_query(example_system, f"{{ entries {{ nodes {{ {subject} }} }} }}")["entries"]["nodes"]
    latest = {(each["subject"]["__typename"], each["subject"]["code"]): each["subject"] for each in found}
    shared = {key: tuple(each.values())[2:] for key, each in latest.items()}
    assert shared[("Commitment", "UY0901")] == ("3", "Open Lighthouse Hours", "INACTIVE")
    assert shared[("ActionPlan", "URY-2018")] == (None, "Uruguay Action Plan 2018-2020", "CONCLUDED")
    assert shared[("Member", "URY")] == (None, "Uruguay", "ACTIVE")
    assert shared[("Code", "UY0901")] == (None, None, None)
    assert shared[("Source", "UY0901")] == (None, None, None)


def test_fields_of_different_things_can_be_asked_for_in_one_query(example_system: System) -> None:
    names = ("Commitment", "ActionPlan", "Member", "Code", "Source", "Account")
    fragments = " ".join(f"... on {name} {{ code number status title }}" for name in names)
    query = f"{{ entries {{ nodes {{ subject {{ code {fragments} }} }} }} }}"
    assert execute_query(example_system, query)["entries"]["nodes"]


@pytest.mark.parametrize("status", ["SUSPENDED", "CONCLUDED"])
def test_a_filter_takes_only_the_statuses_of_its_things(example_system: System, status: str) -> None:
    with pytest.raises(GraphQLError, match=f"'{status}' does not exist in 'CommitmentStatus'"):
        execute_query(example_system, f"{{ commitments(where: {{status: {{in: [{status}]}}}}) {{ totalCount }} }}")


def test_milestones_are_ordered_by_number_and_have_their_progress_reports(example_system: System) -> None:
    fields = "milestones { number title status startsOn endsOn updates { reportedAt language text } }"
    first, second = query_commitment(example_system, "UY0901", fields)["milestones"]
    assert first == {
        "number": "3.1",
        "title": "Count the lighthouses",
        "status": "COMPLETE",
        "startsOn": "2018-S2",
        "endsOn": "2018-S2",
        "updates": [],
    }
    assert (second["number"], second["status"], second["startsOn"], second["endsOn"]) == (
        "3.2",
        "LIMITED",
        "2019",
        "2019/..",
    )
    assert second["updates"] == [
        {"reportedAt": "2021-04-02T00:00:00.000000Z", "language": "en", "text": "Half of the hours are printed."}
    ]


def test_ratings_are_ordered_and_distinguish_pending_from_rated(example_system: System) -> None:
    fields = "ratings { indicator stage ogpValue state value statedAs statedIn entry { kind } }"
    ratings = query_commitment(example_system, "UY0901", fields)["ratings"]
    assert [(each["indicator"], each["stage"], each["state"], each["value"]) for each in ratings] == [
        ("VERIFIABLE", "DESIGN", "RATED", "YES"),
        ("RELEVANCE", "DESIGN", "PENDING", None),
        ("COMPLETION", "END_OF_TERM", "RATED", "SUBSTANTIAL"),
        ("COMPLETION", "RESULTS", "PENDING", None),
        ("EARLY_RESULTS", "RESULTS", "PENDING", None),
        ("STARRED", "RESULTS", "PENDING", None),
    ]
    assert {each["entry"]["kind"] for each in ratings} == {"RatingRecorded", "CommitmentSeenEarlier"}
    assert ratings[2] | {"entry": None} == {
        "indicator": "COMPLETION",
        "stage": "END_OF_TERM",
        "ogpValue": None,
        "state": "RATED",
        "value": "SUBSTANTIAL",
        "statedAs": "Substantial",
        "statedIn": "PERSON",
        "entry": None,
    }


def test_ratings_are_selected_by_indicator_and_stage_and_rating_is_the_latest_value(
    example_system: System,
) -> None:
    fields = """several: ratings(indicator: [COMPLETION, VERIFIABLE]) { indicator stage }
                one: ratings(indicator: [COMPLETION], stage: [END_OF_TERM]) { irmReport }
                none: ratings(indicator: AMBITION) { state }
                empty: ratings(indicator: []) { state }
                findings(kind: []) { state }
                latest: rating(indicator: COMPLETION) { stage laterWithoutData }
                later: rating(indicator: COMPLETION, stage: RESULTS) { state laterWithoutData }
                never: rating(indicator: COMPLETION, stage: MIDTERM) { state }
                absent: rating(indicator: AMBITION) { stage }"""
    assert query_commitment(example_system, "UY0901", fields) == {
        "several": [
            {"indicator": "VERIFIABLE", "stage": "DESIGN"},
            {"indicator": "COMPLETION", "stage": "END_OF_TERM"},
            {"indicator": "COMPLETION", "stage": "RESULTS"},
        ],
        "one": [{"irmReport": "Report 9"}],
        "none": [],
        "empty": [],
        "findings": [],
        "latest": {"stage": "END_OF_TERM", "laterWithoutData": ["PENDING"]},
        "later": {"state": "PENDING", "laterWithoutData": []},
        "never": None,
        "absent": None,
    }


def test_a_star_is_read_from_the_list_of_commitments(example_system: System) -> None:
    assert query_commitment(
        example_system, "UY0801", "starred ratings(indicator: STARRED) { value statedAs statedIn }"
    ) == {
        "starred": True,
        "ratings": [{"value": "YES", "statedAs": "Starred commitment", "statedIn": "SIBLING_LIST"}],
    }


def test_links_between_commitments_are_on_both_ends(example_system: System) -> None:
    assert query_commitment(example_system, "UY0901", "predecessors { code } successors { code }") == {
        "predecessors": [{"code": "UY0801"}],
        "successors": [],
    }
    assert query_commitment(example_system, "UY0801", "predecessors { code } successors { code }") == {
        "predecessors": [],
        "successors": [{"code": "UY0901"}],
    }


def test_narratives_have_one_text_for_each_section_in_one_language(example_system: System) -> None:
    fields = 'narratives { stage section language text } es: narratives(language: "es") { section }'
    found = query_commitment(example_system, "UY0901", fields)
    assert {each["section"]: each["language"] for each in found["narratives"]} == {
        "TITLE": "en",
        "CONTEXT_AND_OBJECTIVES": "en",
        "NEXT_STEPS": "en",
        "FOOTNOTES": "en",
    }
    assert found["es"] == []


def test_a_member_leads_to_its_plans_and_commitments_and_back(example_system: System) -> None:
    query = """{ member(code: "URY") {
      actionPlans { totalCount nodes { code title member { code } commitments(first: 2) {
        totalCount nodes { code actionPlan { cycle member { name commitments(last: 1) {
          nodes { code } } } } } } } } } }"""
    old, new = execute_query(example_system, query)["member"]["actionPlans"]["nodes"]
    assert (old["code"], old["title"], old["commitments"]["totalCount"]) == ("URY-2016", None, 2)
    assert [each["code"] for each in old["commitments"]["nodes"]] == ["UY0801", "UY0812"]
    assert [each["code"] for each in new["commitments"]["nodes"]] == ["UY0901", "UY0902"]
    assert new["commitments"]["nodes"][0]["actionPlan"] == {
        "cycle": 2018,
        "member": {"name": "Uruguay", "commitments": {"nodes": [{"code": "UY0903"}]}},
    }


def test_sources_are_ordered_and_have_their_observations(example_system: System) -> None:
    fields = "sources { type code language url lastObservedAt observations { observedAt contentHash importerVersion } }"
    sources = query_commitment(example_system, "UY0901", fields)["sources"]
    assert [(each["type"], each["code"], each["language"]) for each in sources] == [
        ("COMMITMENT_LIST", "URY", "en"),
        ("COMMITMENT_LIST", "URY", "es"),
        ("PAGE", "UY0901", "en"),
    ]
    page = sources[-1]
    assert [each["observedAt"][:10] for each in page["observations"]] == ["2021-03-01", "2021-03-03", "2021-03-20"]
    assert len({each["contentHash"] for each in page["observations"]}) == 3
    assert page["lastObservedAt"] == "2021-03-20T00:00:00.000000Z"


def test_evidence_is_found_in_the_text_of_the_observation_with_its_hash(example_system: System) -> None:
    fields = "sources { observations { contentHash text } } blame { evidence { contentHash start end quote row } }"
    commitment = query_commitment(example_system, "UY0901", fields)
    texts = {each["contentHash"]: each["text"] for s in commitment["sources"] for each in s["observations"]}
    evidence = [each for blame in commitment["blame"] for each in blame["evidence"]]
    assert len(evidence) > 5
    for each in evidence:
        assert texts[each["contentHash"]][each["start"] : each["end"]] == each["quote"]


# ---------------------------------------------------------------------------------------------------------------- texts


def test_without_a_language_a_text_is_the_original_or_english_or_the_first_by_code(system: System) -> None:
    import_sample_page(system, LIBRARIES)
    assert query_commitment(
        system, "UY0902", 'title es: title(language: "ES") en: title(language: "en") languages'
    ) == {
        "title": "Las bibliotecas de pueblo prestan mapas",
        "es": "Las bibliotecas de pueblo prestan mapas",
        "en": None,
        "languages": ["es"],
    }
    import_sample_page(system, LIGHTHOUSE)
    assert query_commitment(system, "UY0902", "title leadInstitutions languages") == {
        "title": "Village Libraries Lend Maps",
        "leadInstitutions": ["Biblioteca de los Pueblos"],
        "languages": ["en", "es"],
    }


@pytest.mark.parametrize("language", ["", "xx", "en/x", "../title", "%", "xx-GB"])
def test_a_text_in_a_language_that_there_is_none_in_is_null(example_system: System, language: str) -> None:
    query = """query ($l: String) { commitment(code: "UY0901") {
                 title(language: $l) leadInstitutions(language: $l) milestones { title(language: $l) } } }"""
    assert execute_query(example_system, query, l=language)["commitment"] == {
        "title": None,
        "leadInstitutions": [],
        "milestones": [{"title": None}, {"title": None}],
    }


@pytest.mark.parametrize("language", ["en", "EN-GB", "en_US"])
def test_a_text_is_read_in_a_language_whatever_its_region(example_system: System, language: str) -> None:
    query = """query ($l: String) { commitment(code: "UY0901") { title(language: $l) } }"""
    assert execute_query(example_system, query, l=language)["commitment"] == {"title": "Open Lighthouse Hours"}


def test_a_null_language_is_the_same_as_none(example_system: System) -> None:
    query = 'query ($l: String) { commitment(code: "UY0901") { title(language: $l) } }'
    assert execute_query(example_system, query, l=None)["commitment"]["title"] == "Open Lighthouse Hours"


def test_localized_texts_have_their_translation_kind(example_system: System) -> None:
    texts = query_commitment(example_system, "UY0901", "localizedTexts { path language text translationKind }")[
        "localizedTexts"
    ]
    by_path = {each["path"]: (each["language"], each["text"], each["translationKind"]) for each in texts}
    assert by_path["title/es"] == ("es", "Horario abierto de los faros", "MACHINE")
    assert by_path["title/en"] == ("en", "Open Lighthouse Hours", "UNKNOWN")
    assert by_path["milestones/3.2/updates/2021-04-02T00:00:00.000000Z/en"][2] == "ORIGINAL"


def test_removed_texts_are_null_and_nothing_else_changes(make_system: SystemFactory) -> None:
    system = make_system()
    import_sample_page(system, Page())
    with system.database.write() as transaction:
        transaction.execute("delete from stored_text where content in ('Ferry Tables', 'Ministry of Ferries')")
    fields = """code title leadInstitutions localizedTexts { path text } history { nodes { changes { path after } } }
                blame(path: "leadInstitutions") { value }"""
    found = query_commitment(make_system(), "UY0901", fields)
    assert (found["code"], found["title"], found["leadInstitutions"]) == ("UY0901", None, [])
    assert {"path": "title/en", "text": None} in found["localizedTexts"]
    assert found["blame"] == [{"value": [None]}]


# -------------------------------------------------------------------------------------------- history, blame and claims


def test_the_history_has_the_entries_of_one_subject_only(example_system: System) -> None:
    fields = "stableId revision since history { totalCount nodes { position revision subject { stableId } } }"
    found = query_commitment(example_system, "UY0901", fields)
    nodes = found["history"]["nodes"]
    assert found["history"]["totalCount"] == len(nodes) == found["revision"]
    assert {each["subject"]["stableId"] for each in nodes} == {found["stableId"]}
    assert [each["revision"] for each in nodes] == list(range(1, len(nodes) + 1))
    assert nodes[-1]["position"] == found["since"]


def test_an_entry_has_who_recorded_what_when_and_why(example_system: System) -> None:
    query = """{ entries(where: {correlationId: ["request-1"]}) { totalCount nodes {
      kind actor role reason cause statedIn isLate effectiveOn statedAt changedBetween { before } correlationId
      source { id } evidence { quote } causedBy { id } corrects { id } changes { path before after } } } }"""
    found = execute_query(example_system, query)["entries"]
    assert found["totalCount"] == 1
    assert found["nodes"] == [
        {
            "kind": "RatingRecorded",
            "actor": "account-7",
            "role": "reviewer",
            "reason": REASON,
            "cause": "REPORTED",
            "statedIn": "PERSON",
            "isLate": False,
            "effectiveOn": "2020-S2",
            "statedAt": "2021-04-01T00:00:00.000000Z",
            "changedBetween": None,
            "correlationId": "request-1",
            "source": None,
            "evidence": [],
            "causedBy": None,
            "corrects": None,
            "changes": [
                {"path": "ratings/COMPLETION/END_OF_TERM/irmReport", "before": None, "after": "Report 9"},
                {"path": "ratings/COMPLETION/END_OF_TERM/state", "before": None, "after": "RATED"},
                {"path": "ratings/COMPLETION/END_OF_TERM/statedAs", "before": None, "after": "Substantial"},
                {"path": "ratings/COMPLETION/END_OF_TERM/value", "before": None, "after": "SUBSTANTIAL"},
            ],
        }
    ]


def test_a_correction_names_the_entry_that_it_corrects(example_system: System) -> None:
    query = """{ entries(where: {cause: [CORRECTION]}) { nodes {
      reason changes { path before after } corrects { position kind changes { path after } subject { stableId } }
      subject { stableId } } } }"""
    (entry,) = execute_query(example_system, query)["entries"]["nodes"]
    both, first = ["Union of Rowers", "Port of Colonia"], ["Union of Rowers"]
    assert entry["changes"] == [{"path": "supportingInstitutions/en", "before": both, "after": first}]
    assert entry["corrects"]["changes"] == [{"path": "supportingInstitutions/en", "after": both}]
    assert entry["corrects"]["subject"] == entry["subject"]
    assert entry["reason"] == "A slip of the pen."


def test_blame_has_the_entry_of_each_value_at_and_below_a_path(example_system: System) -> None:
    fields = """all: blame { path } ratings: blame(path: "ratings/COMPLETION") { path value entry { actor } }
                field: blame(path: "/ratings/COMPLETION/RESULTS/state") { path } none: blame(path: "rating") { path }"""
    found = query_commitment(example_system, "UY0901", fields)
    paths = [each["path"] for each in found["all"]]
    assert paths == sorted(paths)
    assert {"code", "status", "title/en", "title/es", "milestones/3.1/status"} <= set(paths)
    assert found["ratings"] == [
        {
            "path": "ratings/COMPLETION/END_OF_TERM",
            "value": {"irmReport": "Report 9", "state": "RATED", "statedAs": "Substantial", "value": "SUBSTANTIAL"},
            "entry": {"actor": "account-7"},
        },
        {
            "path": "ratings/COMPLETION/RESULTS",
            "value": {"state": "PENDING", "statedAs": "Pending IRM Review"},
            "entry": {"actor": "importer"},
        },
    ]
    assert found["field"] == [{"path": "ratings/COMPLETION/RESULTS"}]
    assert found["none"] == []


def test_the_entry_of_a_value_is_the_latest_that_changed_it(example_system: System) -> None:
    fields = "blame { path entry { position isLate } } history { nodes { position changes { path } } }"
    for code in ("UY0901", "UY0903", "UY0812"):
        found = query_commitment(example_system, code, fields)
        changed = {
            change["path"]: entry["position"] for entry in found["history"]["nodes"] for change in entry["changes"]
        }
        for each in found["blame"]:
            below = [at for path, at in changed.items() if path == each["path"] or path.startswith(each["path"] + "/")]
            # An older observation of the same value is what set it, and changes no value.
            assert each["entry"]["isLate"] or max(below) == each["entry"]["position"], each["path"]


def test_claims_of_all_sources_are_listed_with_their_evidence(example_system: System) -> None:
    fields = """claims(path: "policyAreas") {
                  path value isCurrent statedIn language source { type language } entry { kind }
                  changedBetween { after before } evidence { quote } }"""
    claims = query_commitment(example_system, "UY0901", fields)["claims"]
    found_claims = [(c["statedIn"], c["language"], c["value"], c["isCurrent"], c["evidence"]) for c in claims]
    assert sorted(found_claims, key=str) == [
        ("HEADER", "en", ["Open Data", "Public Participation"], True, [{"quote": "Open Data, Public Participation"}]),
        ("SIBLING_LIST", "en", ["Open Data"], False, [{"quote": "Open Data"}]),
        ("SIBLING_LIST", "es", ["Open Data"], False, [{"quote": "Datos abiertos"}]),
    ]


def test_a_rating_in_prose_is_a_claim_beside_the_rating_in_the_header(example_system: System) -> None:
    fields = """claims(path: "ratings/RELEVANCE") { statedIn isCurrent value evidence { quote } }
                rating(indicator: RELEVANCE) { state statedIn }"""
    found = query_commitment(example_system, "UY0901", fields)
    assert found["rating"] == {"state": "PENDING", "statedIn": "HEADER"}
    found_claims = {
        (c["statedIn"], c["isCurrent"], c["value"].get("value"), c["evidence"][0]["quote"]) for c in found["claims"]
    }
    assert found_claims == {
        ("HEADER", True, None, "Pending IRM Review"),
        ("NARRATIVE", False, "NO", "not relevant to OGP values"),
    }


def test_the_quote_of_evidence_is_between_its_start_and_end(example_system: System) -> None:
    query = """{ commitment(code: "UY0901") { blame(path: "status") { entry {
      evidence { path quote start end contentHash source { code observations { contentHash } } } } } } }"""
    (blame,) = execute_query(example_system, query)["commitment"]["blame"]
    (evidence,) = [each for each in blame["entry"]["evidence"] if each["path"] == "status"]
    text = LIGHTHOUSE.read_text().replace("Status: Active", "Status: Inactive")
    canonical = text.split("Skip Navigation\n", 1)[1]
    assert evidence["quote"] == "Inactive" == canonical[evidence["start"] : evidence["end"]]
    assert evidence["source"]["code"] == "UY0901"
    assert evidence["contentHash"] == evidence["source"]["observations"][-1]["contentHash"]
