"""Corrections and reversals: the record is put right, and what it said before stays readable."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ogpgraph.application import CommandContext, Provenance, UnitOfWork
from ogpgraph.application.commands import commitments as commitment_commands
from ogpgraph.domain.event import Cause, Origin
from ogpgraph.domain.values import Interval, Rating, TextValue, TranslationKind
from ogpgraph.domain.vocabulary import RatingState, RatingValue
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES
from tests.graphql.client import execute_query
from tests.graphql.mutations.client import SampleSystem

pytestmark = BOTH_ENGINES

RATING = {"commitment": "FR0001", "indicator": "COMPLETION", "stage": "RESULTS"}
PATH = "ratings/COMPLETION/RESULTS"


@pytest.fixture
def sample(system: System) -> SampleSystem:
    return SampleSystem(system)


def rated(sample: SampleSystem, value: str) -> int:
    position: int = sample.reviewer.mutate("recordRating", **RATING, value=value)["entries"][0]["position"]
    return position


def correct(sample: SampleSystem, position: int, value: Any, path: str = PATH) -> Any:
    changes = [{"path": path, "value": value}]
    return sample.reviewer.mutate("correct", entry=str(position), changes=changes, reason="Typing error")


@BOTH_ENGINES
def test_history_shows_both_blame_points_to_the_correction_and_the_past_stays(sample: SampleSystem) -> None:
    wrong = rated(sample, "LIMITED")
    corrected = correct(sample, wrong, "SUBSTANTIAL")["entries"][0]["position"]
    asked = """query($at: Position!) {
      commitment(code: "FR0001") {
        ratings { value entry { position } }
        blame(path: "ratings") { value entry { position cause reason corrects { position } } }
        history(last: 2) { nodes { position kind changes { path before after } } }
      }
      at(position: $at) { commitment(code: "FR0001") { ratings { value entry { position } } } }
    }"""
    answer = execute_query(sample.system, asked, at=corrected - 1)
    now = answer["commitment"]
    assert now["ratings"] == [{"value": "SUBSTANTIAL", "entry": {"position": corrected}}]
    (blamed,) = now["blame"]
    assert blamed["entry"] == {
        "position": corrected,
        "cause": "CORRECTION",
        "reason": "Typing error",
        "corrects": {"position": wrong},
    }
    assert [(node["position"], node["kind"]) for node in now["history"]["nodes"]] == [
        (wrong, "RatingRecorded"),
        (corrected, "CommitmentCorrected"),
    ]
    assert {"path": f"{PATH}/value", "before": "LIMITED", "after": "SUBSTANTIAL"} in now["history"]["nodes"][1][
        "changes"
    ]
    assert answer["at"]["commitment"]["ratings"] == [{"value": "LIMITED", "entry": {"position": wrong}}]


@pytest.mark.parametrize("value", ["SUBSTANTIAL", {"value": "SUBSTANTIAL"}, {"state": "RATED", "value": "SUBSTANTIAL"}])
@pytest.mark.parametrize("path", [PATH, f"{PATH}/value"])
def test_a_rating_is_corrected_in_the_words_of_blame_or_of_an_entrys_changes(
    sample: SampleSystem, path: str, value: Any
) -> None:
    if path != PATH and not isinstance(value, str):
        value = "SUBSTANTIAL"
    correct(sample, rated(sample, "LIMITED"), value, path)
    answer = execute_query(sample.system, '{ commitment(code: "FR0001") { ratings { state value } } }')
    assert answer["commitment"]["ratings"] == [{"state": "RATED", "value": "SUBSTANTIAL"}]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ([{"path": PATH, "value": "LIMITED"}], "CONFLICT"),
        ([{"path": PATH, "value": "HIGH"}], "INVALID"),
        ([{"path": PATH, "value": {"state": "PENDING", "value": "LIMITED"}}], "INVALID"),
        ([{"path": PATH, "value": {"mood": "good"}}], "INVALID"),
        ([{"path": PATH, "value": 7}], "INVALID"),
        ([{"path": "ratings/COMPLETION/DESIGN", "value": "COMPLETE"}], "INVALID"),
        ([{"path": "ratings/NOTHING", "value": "COMPLETE"}], "INVALID"),
        ([{"path": "nothing", "value": "x"}], "INVALID"),
        ([], "INVALID"),
    ],
)
def test_a_correction_that_cannot_be_is_refused(sample: SampleSystem, changes: list[Any], code: str) -> None:
    entry = str(rated(sample, "LIMITED"))
    assert sample.reviewer.expect_refusal("correct", entry=entry, changes=changes, reason="x")[0] == code


def test_a_correction_needs_a_reason_and_an_entry_that_there_is(sample: SampleSystem) -> None:
    changes = [{"path": PATH, "value": "COMPLETE"}]
    entry = str(rated(sample, "LIMITED"))
    assert sample.reviewer.expect_refusal("correct", entry=entry, changes=changes) == ("INVALID", ["input", "reason"])
    assert sample.admin.expect_refusal("correct", entry="10000", changes=changes, reason="x")[0] == "NOT_FOUND"


def test_a_correction_to_null_takes_back_what_people_recorded(sample: SampleSystem) -> None:
    correct(sample, rated(sample, "LIMITED"), None)
    assert execute_query(sample.system, '{ commitment(code: "FR0001") { ratings { value } } }') == {
        "commitment": {"ratings": []}
    }


def test_texts_lists_and_dates_are_corrected_in_their_own_forms(sample: SampleSystem) -> None:
    entry = sample.reporter.mutate(
        "reviseCommitment",
        commitment="FR0001",
        title="Opne data",
        leadInstitutions=["Etalab"],
        endsOn="2021",
        policyAreas=["Gender"],
    )["entries"][0]["position"]
    right = {
        "title/en": "Open data",
        "leadInstitutions/en": ["Etalab", "DINUM"],
        "endsOn": "2022",
        "policyAreas": ["open data"],
    }
    changes = [{"path": path, "value": value} for path, value in right.items()]
    corrected = sample.reporter.mutate("correct", entry=str(entry), changes=changes, reason="Slips")
    assert len(corrected["entries"]) == 1
    answer = execute_query(
        sample.system, '{ commitment(code: "FR0001") { title leadInstitutions endsOn policyAreas } }'
    )
    assert answer["commitment"] == {
        "title": "Open data",
        "leadInstitutions": ["Etalab", "DINUM"],
        "endsOn": "2022",
        "policyAreas": ["Open Data"],
    }
    for path, value in (("title/en", 7), ("leadInstitutions/en", "Etalab"), ("endsOn", "soon"), ("endsOn", ["2022"])):
        sent = {"entry": str(entry), "changes": [{"path": path, "value": value}], "reason": "x"}
        assert sample.reporter.expect_refusal("correct", **sent)[0] == "INVALID", path


def page(system: System, title: str, day: int, correlation: str) -> None:
    """A page, as an import would record it: its title and a rating in its header."""
    act = CommandContext(actor="importer", role="publisher", time=system.clock(), correlation=correlation)
    before = datetime(2025, 12, day, tzinfo=UTC)
    provenance = Provenance(
        origin=Origin.HEADER,
        cause=Cause.SOURCE_CHANGED,
        language="en",
        source="source-page",
        changed_between=Interval(before=before),
    )

    def commands(uow: UnitOfWork) -> None:
        stream = uow.require_by_code("commitment", "FR0002").id
        value = Rating(RatingState.RATED, RatingValue.COMPLETE)
        commitment_commands.revise_commitment(
            uow,
            uow.aggregate(stream),
            {"title/fr": TextValue(uow.text_ref(title), TranslationKind.MACHINE), "ratings/COMPLETION/RESULTS": value},
            provenance,
        )

    system.execute(act, commands)


def test_what_a_published_page_states_is_replaced_but_not_withdrawn(sample: SampleSystem) -> None:
    page(sample.system, "Titre", 2, "import-1")
    rating = RATING | {"commitment": "FR0002"}
    assert sample.reviewer.expect_refusal("withdrawRating", **rating)[0] == "CONFLICT"
    replaced = sample.reviewer.mutate("recordRating", **rating, value="LIMITED")
    assert [each["value"] for each in replaced["commitment"]["ratings"]] == ["LIMITED"]


@BOTH_ENGINES
def test_an_import_is_undone_as_if_it_had_never_been_and_stays_readable(sample: SampleSystem) -> None:
    state = '{ commitment(code: "FR0002") { title(language: "fr") claims(path: "title") { value isCurrent } } }'
    page(sample.system, "Titre", 2, "import-1")
    good, until = execute_query(sample.system, state), sample.position()
    page(sample.system, "Faux titre", 3, "import-2")
    bad, at = execute_query(sample.system, state), sample.position()
    assert bad != good
    undone = sample.admin.mutate("revertImport", correlationId="import-2", reason="Wrong file")
    assert execute_query(sample.system, state) == good
    assert undone["correlationId"] == "import-2"
    assert [entry["kind"] for entry in undone["entries"]] == ["CommitmentCorrected"]
    assert undone["entries"][0]["cause"] == "CORRECTION"
    asked = state.replace("{", "query($at: Position!) { at(position: $at) {", 1) + "}"
    assert execute_query(sample.system, asked, at=at)["at"] == bad
    assert execute_query(sample.system, asked, at=until)["at"] == good
    # Undone once is undone: there is nothing left of it.
    assert sample.admin.mutate("revertImport", correlationId="import-2", reason="Again")["entries"] == []


def test_what_was_stated_after_an_import_stays_when_the_import_is_undone(sample: SampleSystem) -> None:
    page(sample.system, "Faux titre", 2, "import-1")
    page(sample.system, "Titre", 3, "import-2")
    sample.admin.mutate("revertImport", correlationId="import-1", reason="Wrong file")
    assert (
        execute_query(sample.system, '{ commitment(code: "FR0002") { title(language: "fr") } }')["commitment"]["title"]
        == "Titre"
    )


def test_what_only_an_undone_request_brought_is_in_no_list_any_more_and_its_code_is_free(sample: SampleSystem) -> None:
    made = sample.admin.send(
        "registerCommitment",
        "commitment { id } entries { correlationId }",
        code="FR0099",
        actionPlan="FRA-2021",
        title="A mistake",
    )
    sample.admin.mutate("revertImport", correlationId=made["entries"][0]["correlationId"], reason="A mistake")
    asked = """query($id: ID!) {
      commitment(code: "FR0099") { code }
      commitments(where: {member: {code: {eq: "FRA"}}}) { nodes { code } }
      all: commitments { totalCount }
      listed: commitments(where: {listedOnly: true}) { totalCount }
      node(id: $id) { ... on Commitment { title history { nodes { kind } } } }
    }"""
    answer = execute_query(sample.system, asked, id=made["commitment"]["id"])
    assert answer["commitment"] is None
    assert answer["commitments"]["nodes"] == [{"code": "FR0001"}, {"code": "FR0002"}]
    assert answer["all"]["totalCount"] == 4
    assert answer["listed"]["totalCount"] == 0
    assert answer["node"] == {
        "title": None,
        "history": {"nodes": [{"kind": "CommitmentRegistered"}, {"kind": "CommitmentCorrected"}]},
    }
    again = sample.admin.mutate("registerCommitment", code="FR0099", actionPlan="FRA-2021", title="No mistake")
    assert again["commitment"]["title"] == "No mistake"


def test_rights_are_not_undone_with_an_import_and_unknown_imports_are_refused(sample: SampleSystem) -> None:
    granted = sample.admin.send(
        "grantRights", "entries { correlationId }", account=sample.without_rights.account, role="REVIEWER"
    )
    correlation = granted["entries"][0]["correlationId"]
    assert sample.admin.expect_refusal("revertImport", correlationId=correlation, reason="x")[0] == "INVALID"
    assert sample.admin.expect_refusal("revertImport", correlationId="nothing", reason="x")[0] == "NOT_FOUND"
    assert sample.admin.expect_refusal("revertImport", correlationId="nothing") == ("INVALID", ["input", "reason"])


def test_a_rebuild_makes_the_same_rows_of_corrections_mergers_and_reversals(sample: SampleSystem) -> None:
    correct(sample, rated(sample, "LIMITED"), "COMPLETE")
    page(sample.system, "Titre", 2, "import-1")
    sample.admin.mutate("revertImport", correlationId="import-1", reason="x")
    sample.admin.mutate("mergeCommitments", commitments=["UK0002"], into="UK0001")
    before = sample.system.digest()
    sample.system.rebuild()
    assert sample.system.digest() == before
