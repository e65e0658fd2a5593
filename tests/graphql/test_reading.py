"""Every field of the reading side answers as the contract says, on a record that has something of everything."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.graphql.types import SUBJECT_TYPES
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES, SystemFactory
from tests.graphql.client import QueryResult, execute_query, expect_error, read_position
from tests.graphql.example_log import REASON
from tests.importer.pages_import.sample_pages import LIBRARIES, LIGHTHOUSE, Page, import_sample_page

pytestmark = BOTH_ENGINES


def one(system: System, code: str, fields: str) -> Any:
    return execute_query(system, f'{{ commitment(code: "{code}") {{ {fields} }} }}')["commitment"]


# ------------------------------------------------------------------------------------------------------------- subjects


def test_every_kind_of_subject_has_its_type() -> None:
    assert AGGREGATE_TYPES.keys() == SUBJECT_TYPES.keys()


def test_a_commitment_tells_what_it_is_of_which_plan_and_member(example_system: System) -> None:
    fields = """code formerCodes number title status cycle startsOn endsOn listedOnly starred languages
                leadInstitutions supportingInstitutions policyAreas irmReports commitmentText
                actionPlan { code title cycle status startsOn endsOn member { code } }
                member { code prefix type region name status joinedOn }"""
    assert one(example_system, "UY0901", fields) == {
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


def test_milestones_come_in_the_order_people_count_with_what_was_reported(example_system: System) -> None:
    fields = "milestones { number title status startsOn endsOn updates { reportedAt language text } }"
    first, second = one(example_system, "UY0901", fields)["milestones"]
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


def test_ratings_come_in_the_declared_order_and_tell_pending_from_rated(example_system: System) -> None:
    fields = "ratings { indicator stage ogpValue state value statedAs statedIn entry { kind } }"
    ratings = one(example_system, "UY0901", fields)["ratings"]
    assert [(each["indicator"], each["stage"], each["state"], each["value"]) for each in ratings] == [
        ("VERIFIABLE", "DESIGN", "RATED", "YES"),
        ("RELEVANCE", "DESIGN", "PENDING", None),
        ("COMPLETION", "END_OF_TERM", "RATED", "SUBSTANTIAL"),
        ("COMPLETION", "RESULTS", "PENDING", None),
        ("EARLY_RESULTS", "RESULTS", "PENDING", None),
        ("STARRED", "RESULTS", "PENDING", None),
    ]
    assert {each["entry"]["kind"] for each in ratings} == {"RatingRecorded"}
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


def test_ratings_can_be_asked_for_by_indicator_and_stage_and_the_latest_alone(example_system: System) -> None:
    fields = """several: ratings(indicator: [COMPLETION, VERIFIABLE]) { indicator stage }
                one: ratings(indicator: [COMPLETION], stage: [END_OF_TERM]) { irmReport }
                none: ratings(indicator: AMBITION) { state }
                latest: rating(indicator: COMPLETION) { stage }
                unsaid: rating(indicator: AMBITION) { stage }"""
    assert one(example_system, "UY0901", fields) == {
        "several": [
            {"indicator": "VERIFIABLE", "stage": "DESIGN"},
            {"indicator": "COMPLETION", "stage": "END_OF_TERM"},
            {"indicator": "COMPLETION", "stage": "RESULTS"},
        ],
        "one": [{"irmReport": "Report 9"}],
        "none": [],
        "latest": {"stage": "RESULTS"},
        "unsaid": None,
    }


def test_a_star_is_told_by_the_list_and_null_is_not_false(example_system: System) -> None:
    assert one(example_system, "UY0801", "starred ratings(indicator: STARRED) { value statedAs statedIn }") == {
        "starred": True,
        "ratings": [{"value": "YES", "statedAs": "Starred commitment", "statedIn": "SIBLING_LIST"}],
    }


def test_links_between_commitments_lead_both_ways(example_system: System) -> None:
    assert one(example_system, "UY0901", "predecessors { code } successors { code }") == {
        "predecessors": [{"code": "UY0801"}],
        "successors": [],
    }
    assert one(example_system, "UY0801", "predecessors { code } successors { code }") == {
        "predecessors": [],
        "successors": [{"code": "UY0901"}],
    }


def test_narratives_come_in_one_language_section_by_section(example_system: System) -> None:
    fields = 'narratives { stage section language text } es: narratives(language: "es") { section }'
    found = one(example_system, "UY0901", fields)
    assert {each["section"]: each["language"] for each in found["narratives"]} == {
        "TITLE": "en",
        "CONTEXT_AND_OBJECTIVES": "en",
        "NEXT_STEPS": "en",
        "FOOTNOTES": "en",
    }
    assert found["es"] == []


def test_a_member_leads_to_plans_and_commitments_and_back(example_system: System) -> None:
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


def test_sources_come_by_type_code_and_language_with_their_observations(example_system: System) -> None:
    fields = "sources { type code language url lastObservedAt observations { observedAt contentHash reader } }"
    sources = one(example_system, "UY0901", fields)["sources"]
    assert [(each["type"], each["code"], each["language"]) for each in sources] == [
        ("COMMITMENT_LIST", "URY", "en"),
        ("COMMITMENT_LIST", "URY", "es"),
        ("PAGE", "UY0901", "en"),
    ]
    page = sources[-1]
    assert [each["observedAt"][:10] for each in page["observations"]] == ["2021-03-01", "2021-03-03", "2021-03-20"]
    assert len({each["contentHash"] for each in page["observations"]}) == 3
    assert page["lastObservedAt"] == "2021-03-20T00:00:00.000000Z"


# ---------------------------------------------------------------------------------------------------- codes and nothing


@pytest.mark.parametrize("code", ["UY0812", "uy0812", "UY0802", "uy0802", " Uy0802 "])
def test_present_and_former_codes_find_a_commitment_in_any_case(example_system: System, code: str) -> None:
    assert one(example_system, code, "code formerCodes") == {"code": "UY0812", "formerCodes": ["UY0802"]}


@pytest.mark.parametrize("code", ["URY", "ury", "UY", "uy"])
def test_a_member_is_found_by_ogps_code_and_by_the_prefix_of_its_commitments(example_system: System, code: str) -> None:
    assert execute_query(example_system, "query ($code: String!) { member(code: $code) { code } }", code=code) == {
        "member": {"code": "URY"}
    }


@pytest.mark.parametrize("unknown", ["", "ZZZ", "UY9999", "%", "' or 1=1 --", "ß", "x" * 5000, "commitment-000012"])
def test_what_there_is_not_is_null(example_system: System, unknown: str) -> None:
    query = """query ($x: String!, $id: ID!) { commitment(code: $x) { id } member(code: $x) { id } node(id: $id) { id }
               source(id: $id) { id } actionPlan(id: $id) { id } }"""
    found = execute_query(example_system, query, x=unknown, id="none " + unknown)
    assert found == dict.fromkeys(["commitment", "member", "node", "source", "actionPlan"])


def test_an_id_of_something_else_is_null_where_one_kind_is_asked_for(example_system: System) -> None:
    commitment = one(example_system, "UY0901", "id")["id"]
    query = "query ($id: ID!) { source(id: $id) { id } actionPlan(id: $id) { id } node(id: $id) { __typename } }"
    assert execute_query(example_system, query, id=commitment) == {
        "source": None,
        "actionPlan": None,
        "node": {"__typename": "Commitment"},
    }


def test_every_id_leads_back_by_node(example_system: System) -> None:
    query = """{ members { nodes { id } } actionPlans { nodes { id } } commitments { nodes { id sources { id } } }
                 entries { nodes { id subject { id } source { id } } } }"""
    found = execute_query(example_system, query)
    ids = {
        value
        for each in found.values()
        for node in each["nodes"]
        for thing in (node, node.get("subject"), node.get("source"), *node.get("sources", ()))
        if thing
        for value in [thing["id"]]
    }
    kinds = set()
    for each in sorted(ids):
        node = execute_query(example_system, "query ($id: ID!) { node(id: $id) { id __typename } }", id=each)["node"]
        assert node["id"] == each
        kinds.add(node["__typename"])
    assert kinds == {"Member", "ActionPlan", "Commitment", "Source", "Code", "Entry"}


def test_entries_past_the_head_and_at_zero_are_null(example_system: System) -> None:
    query = "{ zero: entry(position: 0) { id } past: entry(position: 9007199254740991) { id } }"
    assert execute_query(example_system, query) == {"zero": None, "past": None}


def test_an_empty_record_answers_with_nothing(system: System) -> None:
    query = """{ meta { position recordedAt rootHash } members { totalCount nodes { id } pageInfo { endCursor } }
                 commitments { totalCount } entries { totalCount nodes { id } } commitment(code: "UY0901") { id } }"""
    found = execute_query(system, query)
    assert found["meta"] == {
        "position": 0,
        "recordedAt": None,
        "rootHash": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }
    assert found["members"] == {"totalCount": 0, "nodes": [], "pageInfo": {"endCursor": None}}
    assert (found["commitments"]["totalCount"], found["entries"]["nodes"], found["commitment"]) == (0, [], None)


# ------------------------------------------------------------------------------------------------------------ languages


def test_without_a_language_the_original_comes_else_english_else_the_first_by_code(system: System) -> None:
    import_sample_page(system, LIBRARIES)
    assert one(system, "UY0902", 'title es: title(language: "ES") en: title(language: "en") languages') == {
        "title": "Las bibliotecas de pueblo prestan mapas",
        "es": "Las bibliotecas de pueblo prestan mapas",
        "en": None,
        "languages": ["es"],
    }
    import_sample_page(system, LIGHTHOUSE)
    assert one(system, "UY0902", "title leadInstitutions languages") == {
        "title": "Village Libraries Lend Maps",
        "leadInstitutions": ["Biblioteca de los Pueblos"],
        "languages": ["en", "es"],
    }


@pytest.mark.parametrize("language", ["", "xx", "en/x", "../title", "%", "EN-GB"])
def test_a_language_nobody_wrote_in_is_null(example_system: System, language: str) -> None:
    query = """query ($l: String) { commitment(code: "UY0901") {
                 title(language: $l) leadInstitutions(language: $l) milestones { title(language: $l) } } }"""
    assert execute_query(example_system, query, l=language)["commitment"] == {
        "title": None,
        "leadInstitutions": [],
        "milestones": [{"title": None}, {"title": None}],
    }


def test_a_null_language_is_as_none_given(example_system: System) -> None:
    query = 'query ($l: String) { commitment(code: "UY0901") { title(language: $l) } }'
    assert execute_query(example_system, query, l=None)["commitment"]["title"] == "Open Lighthouse Hours"


def test_wordings_tell_how_each_was_made(example_system: System) -> None:
    wordings = one(example_system, "UY0901", "localizedTexts { path language text translationKind }")["localizedTexts"]
    made = {each["path"]: (each["language"], each["text"], each["translationKind"]) for each in wordings}
    assert made["title/es"] == ("es", "Horario abierto de los faros", "MACHINE")
    assert made["title/en"] == ("en", "Open Lighthouse Hours", "UNKNOWN")
    assert made["milestones/3.2/updates/2021-04-02T00:00:00.000000Z/en"][2] == "ORIGINAL"


# -------------------------------------------------------------------------------------------- history, blame and claims


def test_history_holds_the_entries_of_that_stream_only(example_system: System) -> None:
    fields = "id revision since history { totalCount nodes { position revision subject { id } } }"
    found = one(example_system, "UY0901", fields)
    nodes = found["history"]["nodes"]
    assert found["history"]["totalCount"] == len(nodes) == found["revision"]
    assert {each["subject"]["id"] for each in nodes} == {found["id"]}
    assert [each["revision"] for each in nodes] == list(range(1, len(nodes) + 1))
    assert nodes[-1]["position"] == found["since"]


def test_an_entry_tells_who_recorded_what_when_why_and_on_what_authority(example_system: System) -> None:
    query = """{ entries(where: {correlationId: ["request-1"]}) { totalCount nodes {
      kind actor role reason cause statedIn isLate effectiveOn statedAt changedBetween { before } correlationId
      source { id } evidence { quote } causation { id } corrects { id } changes { path before after } } } }"""
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
            "causation": None,
            "corrects": None,
            "changes": [
                {"path": "ratings/COMPLETION/END_OF_TERM/irmReport", "before": None, "after": "Report 9"},
                {"path": "ratings/COMPLETION/END_OF_TERM/state", "before": None, "after": "RATED"},
                {"path": "ratings/COMPLETION/END_OF_TERM/statedAs", "before": None, "after": "Substantial"},
                {"path": "ratings/COMPLETION/END_OF_TERM/value", "before": None, "after": "SUBSTANTIAL"},
            ],
        }
    ]


def test_a_correction_names_what_it_corrects(example_system: System) -> None:
    query = """{ entries(where: {cause: [CORRECTION]}) { nodes {
      reason changes { path before after } corrects { position kind changes { path after } subject { id } }
      subject { id } } } }"""
    (entry,) = execute_query(example_system, query)["entries"]["nodes"]
    both, first = ["Union of Rowers", "Port of Colonia"], ["Union of Rowers"]
    assert entry["changes"] == [{"path": "supportingInstitutions/en", "before": both, "after": first}]
    assert entry["corrects"]["changes"] == [{"path": "supportingInstitutions/en", "after": both}]
    assert entry["corrects"]["subject"] == entry["subject"]
    assert entry["reason"] == "A slip of the pen."


def test_blame_leads_from_a_path_and_all_below_it_to_the_entry_that_said_so(example_system: System) -> None:
    fields = """all: blame { path } ratings: blame(path: "ratings/COMPLETION") { path value entry { actor } }
                field: blame(path: "/ratings/COMPLETION/RESULTS/state") { path } none: blame(path: "rating") { path }"""
    found = one(example_system, "UY0901", fields)
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


def test_blame_is_the_latest_entry_that_changed_a_path(example_system: System) -> None:
    fields = "blame { path entry { position } } history { nodes { position changes { path } } }"
    for code in ("UY0901", "UY0903", "UY0812"):
        found = one(example_system, code, fields)
        changed = {
            change["path"]: entry["position"] for entry in found["history"]["nodes"] for change in entry["changes"]
        }
        for each in found["blame"]:
            below = [at for path, at in changed.items() if path == each["path"] or path.startswith(each["path"] + "/")]
            assert max(below) == each["entry"]["position"], each["path"]


def test_claims_stand_side_by_side_with_where_and_by_whom_they_were_stated(example_system: System) -> None:
    fields = """claims(path: "policyAreas") {
                  path value isCurrent statedIn language source { type language } entry { kind }
                  changedBetween { after before } evidence { quote } }"""
    claims = one(example_system, "UY0901", fields)["claims"]
    said = [(c["statedIn"], c["language"], c["value"], c["isCurrent"], c["evidence"]) for c in claims]
    assert sorted(said, key=str) == [
        ("HEADER", "en", ["Open Data", "Public Participation"], True, [{"quote": "Open Data, Public Participation"}]),
        ("SIBLING_LIST", "en", ["Open Data"], False, [{"quote": "Open Data"}]),
        ("SIBLING_LIST", "es", ["Open Data"], False, [{"quote": "Datos abiertos"}]),
    ]


def test_what_header_and_narrative_say_of_a_rating_are_both_readable(example_system: System) -> None:
    fields = """claims(path: "ratings/RELEVANCE") { statedIn isCurrent value evidence { quote } }
                rating(indicator: RELEVANCE) { state statedIn }"""
    found = one(example_system, "UY0901", fields)
    assert found["rating"] == {"state": "PENDING", "statedIn": "HEADER"}
    said = {
        (c["statedIn"], c["isCurrent"], c["value"].get("value"), c["evidence"][0]["quote"]) for c in found["claims"]
    }
    assert said == {
        ("HEADER", True, None, "Pending IRM Review"),
        ("NARRATIVE", False, "NO", "not relevant to OGP values"),
    }


def test_the_words_of_the_evidence_are_where_start_and_end_say(example_system: System) -> None:
    query = """{ commitment(code: "UY0901") { blame(path: "status") { entry {
      evidence { path quote start end contentHash source { code observations { contentHash } } } } } } }"""
    (blame,) = execute_query(example_system, query)["commitment"]["blame"]
    (evidence,) = [each for each in blame["entry"]["evidence"] if each["path"] == "status"]
    text = LIGHTHOUSE.read_text().replace("Status: Active", "Status: Inactive")
    canonical = text.split("Skip Navigation\n", 1)[1]
    assert evidence["quote"] == "Inactive" == canonical[evidence["start"] : evidence["end"]]
    assert evidence["source"]["code"] == "UY0901"
    assert evidence["contentHash"] == evidence["source"]["observations"][-1]["contentHash"]


# -------------------------------------------------------------------------------------------------------------- filters


def codes(system: System, where: str) -> list[str]:
    query = f"{{ commitments(where: {where}) {{ totalCount nodes {{ code }} }} }}"
    found = execute_query(system, query)["commitments"]
    assert found["totalCount"] == len(found["nodes"])
    return [each["code"] for each in found["nodes"]]


EVERYONE = ["UY0801", "UY0812", "UY0901", "UY0902", "UY0903"]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("{}", EVERYONE),
        ("null", EVERYONE),
        ('{code: {eq: "uy0802"}}', ["UY0812"]),
        ('{code: {in: ["UY0901", "UY0812", "UY1"]}}', ["UY0812", "UY0901"]),
        ("{code: {in: []}}", []),
        ("{cycle: {eq: 2016}}", ["UY0801", "UY0812"]),
        ("{starred: true}", ["UY0801"]),
        ("{starred: false, cycle: {eq: 2016}}", ["UY0812"]),
        ("{starred: null}", EVERYONE),
        ("{listedOnly: false}", EVERYONE),
        ('{policyArea: {eq: "Open Data"}}', ["UY0901"]),
        ('{language: {eq: "es"}}', EVERYONE),
        ('{language: {eq: "fr"}}', []),
    ],
)
def test_lists_of_commitments_can_be_narrowed(example_system: System, where: str, expected: list[str]) -> None:
    assert codes(example_system, where) == expected


def test_entries_can_be_narrowed_by_kind_cause_actor_subject_and_import(example_system: System) -> None:
    query = """query ($id: [ID!]!, $source: [ID!]!) {
      kinds: entries(where: {kind: [MilestoneCompleted, CommitmentRecoded]}) { nodes { kind } }
      actor: entries(where: {actor: {eq: "account-7"}, kind: [CommitmentLinked]}) { totalCount }
      subject: entries(where: {subject: $id, cause: [SOURCE_CHANGED]}) { nodes { kind } }
      source: entries(where: {source: $source, subject: $id, kind: [CommitmentTranslated]}) { totalCount }
      none: entries(where: {kind: []}) { totalCount nodes { id } } }"""
    found = one(example_system, "UY0901", "id sources { id language }")
    spanish = [each["id"] for each in found["sources"] if each["language"] == "es"]
    answer = execute_query(example_system, query, id=[found["id"]], source=spanish)
    assert [each["kind"] for each in answer["kinds"]["nodes"]] == ["MilestoneCompleted", "CommitmentRecoded"]
    assert answer["actor"]["totalCount"] == 2
    assert {each["kind"] for each in answer["subject"]["nodes"]} == {"CommitmentRevised", "CommitmentSeenEarlier"}
    assert answer["source"]["totalCount"] == 1
    assert answer["none"] == {"totalCount": 0, "nodes": []}


# ----------------------------------------------------------------------------------------------------------------- meta


def root_of(leaves: list[bytes]) -> bytes:
    """The Merkle tree head of RFC 6962, as section 2.1 writes it down."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + root_of(leaves[:split]) + root_of(leaves[split:])).digest()


def test_the_root_hash_is_that_of_the_leaves_of_all_entries_up_to_the_position(example_system: System) -> None:
    entries = execute_query(
        example_system, "{ entries { nodes { position leafHash } } meta { position rootHash logId epoch } }"
    )
    leaves = [bytes.fromhex(each["leafHash"]) for each in entries["entries"]["nodes"]]
    assert len(leaves) == entries["meta"]["position"] < 100
    assert entries["meta"]["rootHash"] == root_of(leaves).hex()
    for position in (1, 2, 3, 7, 8, 50):
        query = "query ($at: Position!) { at(position: $at) { meta { position rootHash logId epoch } } }"
        meta = execute_query(example_system, query, at=position)["at"]["meta"]
        assert meta["rootHash"] == root_of(leaves[:position]).hex()
        assert (meta["position"], meta["logId"], meta["epoch"]) == (
            position,
            entries["meta"]["logId"],
            entries["meta"]["epoch"],
        )


def test_wordings_that_were_removed_are_null_and_nothing_else_changes(make_system: SystemFactory) -> None:
    system = make_system()
    import_sample_page(system, Page())
    with system.database.write() as transaction:
        transaction.execute("delete from stored_text where content in ('Ferry Tables', 'Ministry of Ferries')")
    fields = """code title leadInstitutions localizedTexts { path text } history { nodes { changes { path after } } }
                blame(path: "leadInstitutions") { value }"""
    found = one(make_system(), "UY0901", fields)
    assert (found["code"], found["title"], found["leadInstitutions"]) == ("UY0901", None, [])
    assert {"path": "title/en", "text": None} in found["localizedTexts"]
    assert found["blame"] == [{"value": [None]}]


def test_no_answer_of_the_story_has_an_error(example_system: System) -> None:
    query = """{ entries { nodes { ...E } } } fragment E on Entry { id position kind recordedAt statedAt effectiveOn
      changedBetween { after before } actor role reason cause statedIn isLate revision correlationId leafHash
      subject { id revision since lastObservedAt blame { path value entry { id } } claims { path value isCurrent
      source { code } } localizedTexts { text } sources { code } history { totalCount } }
      changes { path before after } source { code } evidence { quote source { code } }
      causation { id } corrects { id } }"""
    assert QueryResult(example_system, query, {}).errors == []
    assert read_position(example_system) < 100


def test_a_refusal_has_a_stable_code(example_system: System) -> None:
    assert expect_error(example_system, "{ members(first: 101) { totalCount } }") == (
        "`first` is 101, but a page has 0 to 100 nodes",
        "BAD_PAGE",
    )
