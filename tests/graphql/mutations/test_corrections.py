"""Entries are corrected and imports are reverted; what they recorded stays readable at its position."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ogpgraph.domain.commitment import revise_commitment
from ogpgraph.domain.event import Cause, Origin
from ogpgraph.domain.unit_of_work import CommandContext, Provenance, UnitOfWork
from ogpgraph.domain.values import Interval, Rating, TextValue, TranslationKind
from ogpgraph.domain.vocabulary import RatingState, RatingValue
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES
from tests.graphql.client import execute_query
from tests.graphql.mutations.client import SampleSystem

pytestmark = BOTH_ENGINES

RATING = {"commitment": "FR0001", "indicator": "COMPLETION", "stage": "RESULTS"}
PATH = "ratings/COMPLETION/RESULTS"


def record_rating(sample: SampleSystem, value: str) -> int:
    """Record a rating and return the position of its entry."""
    position: int = sample.reviewer.mutate("recordRating", **RATING, value=value)["entries"][0]["position"]
    return position


def correct(sample: SampleSystem, position: int, value: Any, path: str = PATH) -> Any:
    """Correct one field of an entry and return the payload."""
    changes = [{"path": path, "value": value}]
    return sample.reviewer.mutate("correct", entry=str(position), changes=changes, reason="Typing error")


def test_history_shows_both_entries_blame_the_correction_and_the_past_is_unchanged(sample: SampleSystem) -> None:
    wrong = record_rating(sample, "LIMITED")
    corrected = correct(sample, wrong, "SUBSTANTIAL")["entries"][0]["position"]
    query = """query($at: Position!) {
      commitment(code: "FR0001") {
        ratings { value entry { position } }
        blame(path: "ratings") { value entry { position cause reason corrects { position } } }
        history(last: 2) { nodes { position kind changes { path before after } } }
      }
      at(position: $at) { commitment(code: "FR0001") { ratings { value entry { position } } } }
    }"""
    answer = execute_query(sample.system, query, at=corrected - 1)
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
def test_rating_is_corrected_in_the_form_of_blame_or_of_the_changes_of_an_entry(
    sample: SampleSystem, path: str, value: Any
) -> None:
    if path != PATH and not isinstance(value, str):
        value = "SUBSTANTIAL"
    correct(sample, record_rating(sample, "LIMITED"), value, path)
    answer = execute_query(sample.system, '{ commitment(code: "FR0001") { ratings { state value } } }')
    assert answer["commitment"]["ratings"] == [{"state": "RATED", "value": "SUBSTANTIAL"}]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ([{"path": PATH, "value": "LIMITED"}], "CONFLICT"),
        ([{"path": PATH, "value": "HIGH"}], "INVALID"),
        ([{"path": PATH, "value": {"state": "PENDING", "value": "LIMITED"}}], "INVALID"),
        ([{"path": PATH, "value": {"unknown": "x"}}], "INVALID"),
        ([{"path": PATH, "value": 7}], "INVALID"),
        ([{"path": "ratings/COMPLETION/DESIGN", "value": "COMPLETE"}], "INVALID"),
        ([{"path": "ratings/NOTHING", "value": "COMPLETE"}], "INVALID"),
        ([{"path": "nothing", "value": "x"}], "INVALID"),
        ([], "INVALID"),
        ([{"path": PATH, "value": "COMPLETE"}, {"path": f"{PATH}/value", "value": "SUBSTANTIAL"}], "INVALID"),
    ],
)
def test_impossible_correction_is_refused(sample: SampleSystem, changes: list[Any], code: str) -> None:
    entry = str(record_rating(sample, "LIMITED"))
    assert sample.reviewer.expect_refusal("correct", entry=entry, changes=changes, reason="x")[0] == code


def test_correction_needs_a_reason_and_an_existing_entry(sample: SampleSystem) -> None:
    changes = [{"path": PATH, "value": "COMPLETE"}]
    entry = str(record_rating(sample, "LIMITED"))
    assert sample.reviewer.expect_refusal("correct", entry=entry, changes=changes) == ("INVALID", ["input", "reason"])
    assert sample.admin.expect_refusal("correct", entry="10000", changes=changes, reason="x")[0] == "NOT_FOUND"


def test_correction_to_null_withdraws_what_people_recorded(sample: SampleSystem) -> None:
    correct(sample, record_rating(sample, "LIMITED"), None)
    assert execute_query(sample.system, '{ commitment(code: "FR0001") { ratings { value } } }') == {
        "commitment": {"ratings": []}
    }


def entry_of_registration(sample: SampleSystem, code: str) -> str:
    """Return the id of the entry that registered a commitment."""
    query = "query($code: String!) { commitment(code: $code) { history(first: 1) { nodes { id } } } }"
    entry: str = execute_query(sample.system, query, code=code)["commitment"]["history"]["nodes"][0]["id"]
    return entry


def test_an_action_plan_is_corrected_by_its_code_or_id_and_the_cycle_follows(sample: SampleSystem) -> None:
    sample.admin.mutate("registerActionPlan", member="FRA", cycle=2023, title="Next plan")
    query = '{ commitment(code: "FR0001") { actionPlan { id } } }'
    by_id = execute_query(sample.system, query)["commitment"]["actionPlan"]["id"]
    for plan, code in (("FRA-2023", "FRA-2023"), (by_id, "FRA-2021")):
        sample.admin.mutate(
            "correct",
            entry=entry_of_registration(sample, "FR0001"),
            changes=[{"path": "actionPlan", "value": plan}],
            reason="Wrong plan",
        )
        answer = execute_query(sample.system, '{ commitment(code: "FR0001") { cycle actionPlan { code cycle } } }')
        assert answer["commitment"] == {"cycle": int(code[-4:]), "actionPlan": {"code": code, "cycle": int(code[-4:])}}


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("actionPlan", "garbage", "NOT_FOUND"),
        ("actionPlan", "plan-none", "NOT_FOUND"),
        ("actionPlan", 7, "INVALID"),
        ("actionPlan", "GBR-2021", "INVALID"),
        ("cycle", 2019, "INVALID"),
        ("title/en", None, "INVALID"),
        ("status", None, "INVALID"),
        ("actionPlan", None, "INVALID"),
    ],
)
def test_a_correction_obeys_the_rules_of_the_command_that_it_corrects(
    sample: SampleSystem, path: str, value: Any, code: str
) -> None:
    refused = sample.admin.expect_refusal(
        "correct",
        entry=entry_of_registration(sample, "FR0001"),
        changes=[{"path": path, "value": value}],
        reason="x",
    )
    assert refused == (code, ["input", "changes"])


def test_a_correction_of_dates_obeys_calendar_and_order(sample: SampleSystem) -> None:
    dates = {"commitment": "FR0001", "startsOn": "2019-03", "endsOn": "2020"}
    entry = str(sample.reporter.mutate("reviseCommitment", **dates)["entries"][0]["position"])
    for value, message in (("2019-02-30", "there is no 2019-02-30"), ("2019-02", "endsOn: 2019-02 is before startsOn")):
        sent: dict[str, Any] = {"entry": entry, "changes": [{"path": "endsOn", "value": value}], "reason": "Typo"}
        (error,) = sample.reporter.send("correct", **sent)["errors"]
        assert (error["code"], error["path"]) == ("INVALID", ["input", "changes"])
        assert message in error["message"]
    sent = {"entry": entry, "changes": [{"path": "endsOn", "value": "2019-03-01"}], "reason": "Typo"}
    assert sample.reporter.mutate("correct", **sent)["entries"]


def test_texts_lists_and_dates_are_corrected_in_the_form_of_their_field(sample: SampleSystem) -> None:
    entry = sample.reporter.mutate(
        "reviseCommitment",
        commitment="FR0001",
        title="Opne data",
        leadInstitutions=["Etalab"],
        endsOn="2021",
        policyAreas=["Gender"],
    )["entries"][0]["position"]
    correct_values = {
        "title/en": "Open data",
        "leadInstitutions/en": ["Etalab", "DINUM"],
        "endsOn": "2022",
        "policyAreas": ["open data"],
    }
    changes = [{"path": path, "value": value} for path, value in correct_values.items()]
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


def record_page(system: System, title: str, day: int, correlation: str) -> None:
    """Record the title and a rating of a page, as an import does."""
    context = CommandContext(actor="importer", role="publisher", time=system.clock(), correlation=correlation)
    before = datetime(2025, 12, day, tzinfo=UTC)
    provenance = Provenance(
        origin=Origin.HEADER,
        cause=Cause.SOURCE_CHANGED,
        language="en",
        source="source-page",
        changed_between=Interval(before=before),
    )

    def execute(uow: UnitOfWork) -> None:
        stream = uow.require_by_code("commitment", "FR0002").id
        value = Rating(RatingState.RATED, RatingValue.COMPLETE)
        revise_commitment(
            uow,
            uow.aggregate(stream),
            {"title/fr": TextValue(uow.text_ref(title), TranslationKind.MACHINE), "ratings/COMPLETION/RESULTS": value},
            provenance,
        )

    system.execute(context, execute)


def test_value_of_a_published_page_is_replaced_but_not_withdrawn(sample: SampleSystem) -> None:
    record_page(sample.system, "Titre", 2, "import-1")
    rating = RATING | {"commitment": "FR0002"}
    assert sample.reviewer.expect_refusal("withdrawRating", **rating)[0] == "CONFLICT"
    replaced = sample.reviewer.mutate("recordRating", **rating, value="LIMITED")
    assert [each["value"] for each in replaced["commitment"]["ratings"]] == ["LIMITED"]


def test_reverted_import_has_no_effect_on_the_present_and_stays_readable(sample: SampleSystem) -> None:
    state = '{ commitment(code: "FR0002") { title(language: "fr") claims(path: "title") { value isCurrent } } }'
    record_page(sample.system, "Titre", 2, "import-1")
    expected, before = execute_query(sample.system, state), sample.position()
    record_page(sample.system, "Faux titre", 3, "import-2")
    wrong, after = execute_query(sample.system, state), sample.position()
    assert wrong != expected
    reverted = sample.admin.mutate("revertImport", correlationId="import-2", reason="Wrong file")
    assert execute_query(sample.system, state) == expected
    assert reverted["correlationId"] == "import-2"
    assert [entry["kind"] for entry in reverted["entries"]] == ["CommitmentReverted"]
    assert reverted["entries"][0]["cause"] == "CORRECTION"
    query = state.replace("{", "query($at: Position!) { at(position: $at) {", 1) + "}"
    assert execute_query(sample.system, query, at=after)["at"] == wrong
    assert execute_query(sample.system, query, at=before)["at"] == expected
    # Reverting it again changes nothing.
    assert sample.admin.mutate("revertImport", correlationId="import-2", reason="Again")["entries"] == []


def test_later_statements_stay_when_an_import_is_reverted(sample: SampleSystem) -> None:
    record_page(sample.system, "Faux titre", 2, "import-1")
    record_page(sample.system, "Titre", 3, "import-2")
    sample.admin.mutate("revertImport", correlationId="import-1", reason="Wrong file")
    assert (
        execute_query(sample.system, '{ commitment(code: "FR0002") { title(language: "fr") } }')["commitment"]["title"]
        == "Titre"
    )


def test_commitment_of_a_reverted_request_is_in_no_list_and_its_code_is_free(sample: SampleSystem) -> None:
    registered = sample.admin.send(
        "registerCommitment",
        "commitment { id } entries { correlationId }",
        code="FR0099",
        actionPlan="FRA-2021",
        title="A mistake",
    )
    sample.admin.mutate("revertImport", correlationId=registered["entries"][0]["correlationId"], reason="A mistake")
    query = """query($id: ID!) {
      commitment(code: "FR0099") { code }
      commitments(where: {member: {code: {eq: "FRA"}}}) { nodes { code } }
      all: commitments { totalCount }
      listed: commitments(where: {listedOnly: true}) { totalCount }
      node(id: $id) { ... on Commitment { code title history { nodes { kind } } } }
    }"""
    answer = execute_query(sample.system, query, id=registered["commitment"]["id"])
    assert answer["commitment"] is None
    assert answer["commitments"]["nodes"] == [{"code": "FR0001"}, {"code": "FR0002"}]
    assert answer["all"]["totalCount"] == 4
    assert answer["listed"]["totalCount"] == 0
    assert answer["node"] == {
        "code": None,
        "title": None,
        "history": {"nodes": [{"kind": "CommitmentRegistered"}, {"kind": "CommitmentReverted"}]},
    }
    again = sample.admin.mutate("registerCommitment", code="FR0099", actionPlan="FRA-2021", title="No mistake")
    assert again["commitment"]["title"] == "No mistake"


def test_rights_and_unknown_imports_cannot_be_reverted(sample: SampleSystem) -> None:
    granted = sample.admin.send(
        "grantRights", "entries { correlationId }", account=sample.without_rights.account, role="REVIEWER"
    )
    correlation = granted["entries"][0]["correlationId"]
    assert sample.admin.expect_refusal("revertImport", correlationId=correlation, reason="x")[0] == "INVALID"
    assert sample.admin.expect_refusal("revertImport", correlationId="nothing", reason="x")[0] == "NOT_FOUND"
    assert sample.admin.expect_refusal("revertImport", correlationId="nothing") == ("INVALID", ["input", "reason"])


def test_rebuild_writes_the_same_rows_for_corrections_mergers_and_reverts(sample: SampleSystem) -> None:
    correct(sample, record_rating(sample, "LIMITED"), "COMPLETE")
    record_page(sample.system, "Titre", 2, "import-1")
    sample.admin.mutate("revertImport", correlationId="import-1", reason="x")
    sample.admin.mutate("mergeCommitments", commitments=["UK0002"], into="UK0001")
    before = sample.system.digest()
    sample.system.rebuild()
    assert sample.system.digest() == before


# What was recorded wrongly, in any order


def record_titles(sample: SampleSystem, *titles: str) -> list[str]:
    """Record titles one after the other, each by a request of its own; returns the correlation ids."""
    sent = [
        sample.reporter.send("reviseCommitment", "entries { correlationId }", commitment="FR0001", title=title)
        for title in titles
    ]
    return [each["entries"][0]["correlationId"] for each in sent]


def current_title(sample: SampleSystem) -> str:
    title: str = execute_query(sample.system, '{ commitment(code: "FR0001") { title } }')["commitment"]["title"]
    return title


def revert(sample: SampleSystem, correlation: str, **inputs: Any) -> Any:
    selection = (
        "changesPresent dryRun entries { correlationId } changes { subject { id } changes { path before after } }"
    )
    return sample.admin.send("revertImport", selection, correlationId=correlation, reason="Wrong", **inputs)


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_a_reverted_title_does_not_return_whatever_is_reverted_first(
    sample: SampleSystem, order: tuple[int, int]
) -> None:
    correlations = record_titles(sample, "First", "Second", "Third")
    for number in order:
        revert(sample, correlations[number])
    assert current_title(sample) == "First"


def test_a_reversal_can_be_reverted(sample: SampleSystem) -> None:
    correlations = record_titles(sample, "First", "Second")
    reversal = revert(sample, correlations[1])
    assert (current_title(sample), reversal["changesPresent"]) == ("First", True)
    again = revert(sample, reversal["entries"][0]["correlationId"])
    assert (current_title(sample), again["changesPresent"]) == ("Second", True)
    assert [change["after"] for each in again["changes"] for change in each["changes"]] == ["Second"]


def test_what_was_reverted_of_an_entry_that_stays_is_not_corrected_either(sample: SampleSystem) -> None:
    sample.admin.mutate("registerCommitment", code="FR0009", actionPlan="FRA-2021", title="A", endsOn="2031")
    registered, correlation = entry_of_registration(sample, "FR0009"), reverted_correlation(sample, "FR0009")
    sample.admin.mutate("addMilestone", commitment="FR0009", number="1", title="B")
    revert(sample, correlation)
    changes = [{"path": "endsOn", "value": "2032"}]
    for entry in (registered, str(sample.position())):
        refused = sample.admin.expect_refusal("correct", entry=entry, changes=changes, reason="x")
        assert refused == ("CONFLICT", ["input", "entry"])


def test_a_dry_run_shows_what_would_change_and_records_nothing(sample: SampleSystem) -> None:
    correlations = record_titles(sample, "First", "Second")
    before = sample.position()
    preview = revert(sample, correlations[1], dryRun=True)
    assert (preview["dryRun"], preview["entries"], preview["changesPresent"]) == (True, [], True)
    assert [each["changes"] for each in preview["changes"]] == [
        [{"path": "title/en", "before": "Second", "after": "First"}]
    ]
    assert (sample.position(), current_title(sample)) == (before, "Second")
    recorded = revert(sample, correlations[1])
    assert recorded["changes"] == preview["changes"]
    assert not recorded["dryRun"]
    assert not revert(sample, correlations[1], dryRun=True)["changes"]


def test_a_correction_of_a_superseded_entry_leaves_the_present_and_says_so(sample: SampleSystem) -> None:
    first = record_rating(sample, "LIMITED")
    record_rating(sample, "COMPLETE")
    payload = sample.reviewer.send(
        "correct",
        "changesPresent entries { changes { path before after } }",
        entry=str(first),
        changes=[{"path": PATH, "value": "SUBSTANTIAL"}],
        reason="Typing error",
    )
    assert not payload["changesPresent"]
    assert payload["entries"][0]["changes"] == [
        {"path": f"claims/{PATH}/value", "before": "LIMITED", "after": "SUBSTANTIAL"}
    ]
    now = execute_query(sample.system, '{ commitment(code: "FR0001") { ratings { value } } }')
    assert [each["value"] for each in now["commitment"]["ratings"]] == ["COMPLETE"]


def test_a_status_cannot_be_corrected_to_that_of_a_split_commitment(sample: SampleSystem) -> None:
    sample.reporter.mutate("reviseCommitment", commitment="FR0001", status="INACTIVE")
    changes = [{"path": "status", "value": "SPLIT"}]
    refused = sample.admin.expect_refusal("correct", entry=str(sample.position()), changes=changes, reason="x")
    assert refused == ("INVALID", ["input", "changes"])


def test_a_title_corrected_to_null_falls_back_to_what_was_recorded_before(sample: SampleSystem) -> None:
    record_titles(sample, "First", "Second")
    correct_as = {"changes": [{"path": "title/en", "value": None}], "reason": "Never published"}
    sample.admin.mutate("correct", entry=str(sample.position()), **correct_as)
    assert current_title(sample) == "First"


def test_a_recoding_is_reverted_as_a_whole_and_its_code_is_free(sample: SampleSystem) -> None:
    recoded = sample.admin.send("recodeCommitment", "entries { correlationId }", commitment="FR0001", code="FR0500")
    revert(sample, recoded["entries"][0]["correlationId"])
    found = execute_query(sample.system, '{ commitment(code: "FR0001") { code formerCodes } }')["commitment"]
    assert found == {"code": "FR0001", "formerCodes": []}
    registered = sample.admin.mutate("registerCommitment", code="FR0500", actionPlan="FRA-2021", title="Another")
    assert registered["commitment"]["code"] == "FR0500"
    assert sample.admin.expect_refusal(
        "revertImport", correlationId=reverted_correlation(sample, "FR0001"), reason="x"
    ) == ("CONFLICT", ["input", "correlationId"])


def reverted_correlation(sample: SampleSystem, code: str) -> str:
    """Return the correlation id of the latest entry of a commitment."""
    query = "query($code: String!) { commitment(code: $code) { history(last: 1) { nodes { correlationId } } } }"
    nodes = execute_query(sample.system, query, code=code)["commitment"]["history"]["nodes"]
    correlation: str = nodes[0]["correlationId"]
    return correlation


def test_a_date_in_the_future_is_no_date_since_when_something_is_so(sample: SampleSystem) -> None:
    refused = sample.reporter.expect_refusal("reviseCommitment", commitment="FR0001", title="x", effectiveOn="2099")
    assert refused == ("INVALID", ["input", "effectiveOn"])


# What was restated elsewhere


def correlation_of(payload: Any) -> str:
    correlation: str = payload["entries"][0]["correlationId"]
    return correlation


def send(sample: SampleSystem, mutation: str, **inputs: Any) -> Any:
    return sample.admin.send(mutation, "entries { correlationId position }", **inputs)


def milestones_of(sample: SampleSystem, code: str) -> list[tuple[str, str | None]]:
    query = "query($code: String!) { commitment(code: $code) { milestones { number title } } }"
    found = execute_query(sample.system, query, code=code)["commitment"]["milestones"]
    return [(each["number"], each["title"]) for each in found]


def test_what_was_recorded_before_a_renumbering_is_reverted_and_corrected_under_the_new_number(
    sample: SampleSystem,
) -> None:
    added = send(sample, "addMilestone", commitment="FR0001", number="7.1", title="First")
    revised = send(sample, "reviseMilestone", commitment="FR0001", number="7.1", title="Second")
    send(sample, "renumberMilestone", commitment="FR0001", number="7.1", newNumber="7.2")
    send(sample, "renumberMilestone", commitment="FR0001", number="7.2", newNumber="7.3")
    before = [each for each in milestones_of(sample, "FR0001") if not each[0].startswith("7.")]
    reversal = revert(sample, correlation_of(revised))
    assert milestones_of(sample, "FR0001") == [*before, ("7.3", "First")]
    assert reversal["changesPresent"]
    position = str(added["entries"][0]["position"])
    changes = [{"path": "milestones/7.1/title/en", "value": "Corrected"}]
    sample.admin.mutate("correct", entry=position, changes=changes, reason="x")
    assert milestones_of(sample, "FR0001") == [*before, ("7.3", "Corrected")]
    revert(sample, correlation_of(reversal))
    assert milestones_of(sample, "FR0001") == [*before, ("7.3", "Second")]
    revert(sample, correlation_of(revised))
    revert(sample, correlation_of(added))
    assert milestones_of(sample, "FR0001") == before


def test_what_was_recorded_before_a_merger_is_reverted_in_the_commitment_that_remains(sample: SampleSystem) -> None:
    rated = send(sample, "recordRating", **{**RATING, "commitment": "UK0002"}, value="COMPLETE")
    merged = send(sample, "mergeCommitments", commitments=["UK0002"], into="UK0001")
    query = '{ commitment(code: "UK0001") { ratings { value } } }'

    def ratings() -> list[str]:
        return [each["value"] for each in execute_query(sample.system, query)["commitment"]["ratings"]]

    assert ratings() == ["COMPLETE"]
    changes = [{"path": PATH, "value": "LIMITED"}]
    correction = send(sample, "correct", entry=str(rated["entries"][0]["position"]), changes=changes, reason="x")
    assert ratings() == ["LIMITED"]
    revert(sample, correlation_of(correction))
    assert ratings() == ["COMPLETE"]
    reversal = revert(sample, correlation_of(rated))
    assert ratings() == []
    revert(sample, correlation_of(merged))
    revert(sample, correlation_of(reversal))
    assert ratings() == []
    codes = '{ commitment(code: "UK0002") { code ratings { value } } }'
    assert execute_query(sample.system, codes)["commitment"] == {"code": "UK0002", "ratings": [{"value": "COMPLETE"}]}


def test_what_was_recorded_before_a_split_is_reverted_in_the_parts(sample: SampleSystem) -> None:
    revised = send(sample, "reviseCommitment", commitment="FR0001", endsOn="2031-05")
    parts = [{"code": "FR0601", "title": "A part"}, {"code": "FR0602", "title": "Another part"}]
    send(sample, "splitCommitment", commitment="FR0001", into=parts)
    query = '{ part: commitment(code: "FR0602") { endsOn title } }'
    assert execute_query(sample.system, query)["part"] == {"endsOn": "2031-05", "title": "Another part"}
    revert(sample, correlation_of(revised))
    now = execute_query(sample.system, query)["part"]
    assert now["endsOn"] != "2031-05"
    assert now["title"] == "Another part"


def test_a_split_is_not_reverted_while_something_else_is_recorded_of_a_part(sample: SampleSystem) -> None:
    parts = [{"code": "FR0601", "title": "A part"}, {"code": "FR0602", "title": "Another part"}]
    split = send(sample, "splitCommitment", commitment="FR0001", into=parts)
    revised = send(sample, "reviseCommitment", commitment="FR0602", endsOn="2031")
    inputs = {"correlationId": correlation_of(split), "reason": "x"}
    assert sample.admin.expect_refusal("revertImport", **inputs)[0] == "CONFLICT"
    revert(sample, correlation_of(revised))
    revert(sample, correlation_of(split))
    query = '{ commitments(where: {member: {code: {eq: "FRA"}}}) { nodes { code } } }'
    assert execute_query(sample.system, query)["commitments"]["nodes"] == [{"code": "FR0001"}, {"code": "FR0002"}]
