"""Values of inputs are validated and normalized, and texts are recorded as they were sent."""

from __future__ import annotations

from typing import Any

import pytest

from ogpgraph.application.translation import MAX_LIST_ITEMS, MAX_TEXT_LENGTH
from tests.conftest import BOTH_ENGINES
from tests.graphql.client import SCHEMA, execute_query
from tests.graphql.mutations.client import SampleSystem

pytestmark = BOTH_ENGINES

TITLE = {"commitment": "FR0001", "title": "Better"}
TOO_MANY = ["x"] * (MAX_LIST_ITEMS + 1)


@pytest.mark.parametrize(
    ("mutation", "sent", "code", "field"),
    [
        ("reviseCommitment", {"commitment": "FR9999", "title": "x"}, "NOT_FOUND", "commitment"),
        ("reviseCommitment", {"commitment": "nonsense", "title": "x"}, "INVALID", "commitment"),
        ("reviseCommitment", {"commitment": "FR0001"}, "INVALID", ""),
        ("reviseCommitment", {"commitment": "FR0001", "title": "  "}, "INVALID", "title"),
        ("reviseCommitment", {"commitment": "FR0001", "number": "one hundred and one"}, "INVALID", "number"),
        ("reviseCommitment", {"commitment": "FR0001", "policyAreas": ["Gendr"]}, "INVALID", "policyAreas"),
        ("reviseCommitment", {"commitment": "FR0001", "number": "1..1"}, "INVALID", "number"),
        ("reviseCommitment", {**TITLE, "language": "English"}, "INVALID", "language"),
        ("reviseCommitment", {**TITLE, "language": "xx"}, "INVALID", "language"),
        ("translateCommitment", {**TITLE, "language": "und"}, "INVALID", "language"),
        ("reviseCommitment", {**TITLE, "source": "a letter"}, "INVALID", "source"),
        ("reviseCommitment", {**TITLE, "source": "javascript:alert(1)"}, "INVALID", "source"),
        ("reviseCommitment", {**TITLE, "source": "source-none"}, "NOT_FOUND", "source"),
        ("reviseCommitment", {**TITLE, "reason": ""}, "INVALID", "reason"),
        ("reviseCommitment", {**TITLE, "idempotencyKey": "two words"}, "INVALID", "idempotencyKey"),
        ("reviseCommitment", {**TITLE, "idempotencyKey": ""}, "INVALID", "idempotencyKey"),
        ("reviseCommitment", {**TITLE, "leadInstitutions": TOO_MANY}, "INVALID", "leadInstitutions"),
        ("reviseCommitment", {"commitment": "FR0001", "leadInstitutions": [""]}, "INVALID", "leadInstitutions"),
        ("registerCommitment", {"code": "FR0001", "actionPlan": "FRA-2021"}, "CONFLICT", "code"),
        ("registerCommitment", {"code": "UK0007", "actionPlan": "FRA-2021"}, "INVALID", "code"),
        ("registerCommitment", {"code": "FR0007", "actionPlan": "FRA-1999"}, "NOT_FOUND", "actionPlan"),
        ("registerCommitment", {"code": "FR0007", "actionPlan": "plan-none"}, "NOT_FOUND", "actionPlan"),
        ("registerActionPlan", {"member": "FRA", "cycle": 2021}, "CONFLICT", ""),
        ("registerActionPlan", {"member": "FRA", "cycle": 21}, "INVALID", "cycle"),
        ("registerActionPlan", {"member": "XYZ", "cycle": 2024}, "NOT_FOUND", "member"),
        ("reviseActionPlan", {"actionPlan": "FRA-2021"}, "INVALID", ""),
        ("registerMember", {"code": "FRA", "name": "x"}, "CONFLICT", "code"),
        ("registerMember", {"code": "F1", "name": "x"}, "INVALID", "code"),
        ("registerMember", {"code": "CHL", "name": "x", "type": "PLANET"}, "INVALID", "type"),
        ("completeMilestone", {"commitment": "FR0001", "number": "9"}, "NOT_FOUND", "number"),
        ("reportMilestone", {"commitment": "FR0001", "number": "1.1"}, "INVALID", "report"),
        (
            "recordNarrative",
            {"commitment": "FR0001", "stage": "DESIGN", "section": "next", "text": "x"},
            "INVALID",
            "section",
        ),
        ("translateCommitment", {"commitment": "FR0001", "language": "fr"}, "INVALID", ""),
    ],
)
def test_wrong_value_is_refused_with_a_code_and_the_path_of_its_field(
    unchanged_sample: SampleSystem, mutation: str, sent: dict[str, Any], code: str, field: str
) -> None:
    assert unchanged_sample.admin.expect_refusal(mutation, **sent) == (code, ["input", *filter(None, [field])])


def test_a_language_is_recorded_under_its_shortest_code(sample: SampleSystem) -> None:
    sample.reporter.mutate("translateCommitment", commitment="FR0001", language=" FRA ", title="Mieux")
    answer = execute_query(sample.system, '{ commitment(code: "FR0001") { languages title(language: "fr") } }')
    assert answer["commitment"] == {"languages": ["en", "fr"], "title": "Mieux"}


def test_nearest_policy_area_is_suggested(unchanged_sample: SampleSystem) -> None:
    (error,) = unchanged_sample.admin.send("reviseCommitment", commitment="FR0001", policyAreas=["Gendr"])["errors"]
    assert error["message"] == "OGP has no policy area 'Gendr'; did you mean Gender?"


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x\udfff"])
def test_text_that_cannot_be_stored_is_refused(sample: SampleSystem, text: str) -> None:
    assert sample.reporter.expect_refusal("reviseCommitment", commitment="FR0001", title=text) == (
        "INVALID",
        ["input", "title"],
    )
    assert sample.reporter.expect_refusal("reviseCommitment", **TITLE, reason=text) == ("INVALID", ["input", "reason"])


def test_text_above_the_limit_is_refused_with_the_limit(sample: SampleSystem) -> None:
    (error,) = sample.reporter.send("reviseCommitment", commitment="FR0001", title="x" * 10_000_000)["errors"]
    assert error["message"] == f"title has 10,000,000 characters; {MAX_TEXT_LENGTH:,} are the most"
    longest = "x" * MAX_TEXT_LENGTH
    payload = sample.reporter.mutate("reviseCommitment", commitment="FR0001", title=longest)
    assert payload["commitment"]["title"] == longest


def test_markup_is_returned_as_it_was_sent(sample: SampleSystem) -> None:
    markup = "<script>alert('x')</script> & <b>bold</b> '; drop table event; --"
    payload = sample.reporter.mutate("reviseCommitment", commitment="FR0001", title=markup)
    assert payload["commitment"]["title"] == markup


def test_texts_that_differ_only_in_unicode_normalization_are_equal(sample: SampleSystem) -> None:
    sample.reporter.mutate("reviseCommitment", commitment="FR0001", title="Transpare\u0301nce")
    again = sample.reporter.mutate("reviseCommitment", commitment="FR0001", title="Transpar\u00e9nce")
    assert again["entries"] == []


def test_direction_controls_are_stored_and_flagged(sample: SampleSystem) -> None:
    sample.reporter.mutate("reviseCommitment", commitment="FR0001", title="paid \u202e000,1 euro", description="Plain.")
    query = '{ commitment(code: "FR0001") { localizedTexts { path text hasDirectionControls } } }'
    texts = execute_query(sample.system, query)["commitment"]["localizedTexts"]
    assert {text["path"]: text["hasDirectionControls"] for text in texts} == {
        "description/en": False,
        "milestones/1.1/title/en": False,
        "title/en": True,
    }
    assert texts[-1]["text"] == "paid \u202e000,1 euro"


def test_malformed_dates_and_unknown_enum_values_are_request_errors() -> None:
    for sent in ({"endsOn": "soon"}, {"endsOn": "2021-13"}, {"status": "PERHAPS"}, {"title": 7}, {"stars": 5}):
        query = "mutation($input: ReviseCommitmentInput!) { reviseCommitment(input: $input) { errors { code } } }"
        result = SCHEMA.execute_sync(query, {"input": {"commitment": "FR0001", **sent}})
        assert result.errors, sent
        assert result.data is None
