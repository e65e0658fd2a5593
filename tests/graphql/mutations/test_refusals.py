"""What is refused: each refusal has a stable code, words for people, the field at fault, and leaves a trace."""

from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from ogpgraph.graphql.mutations.inputs import MAX_LIST_ITEMS, MAX_TEXT_LENGTH
from ogpgraph.rate_limit import RateLimiter
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES
from tests.graphql.client import SCHEMA, execute_query
from tests.graphql.mutations.client import MutationClient, SampleSystem, open_sample_system

pytestmark = BOTH_ENGINES

TITLE = {"commitment": "FR0001", "title": "Better"}
TOO_MANY = ["x"] * (MAX_LIST_ITEMS + 1)


@pytest.fixture
def sample(system: System) -> SampleSystem:
    return SampleSystem(system)


@pytest.fixture(scope="module")
def unwritten(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleSystem]:
    with open_sample_system(tmp_path_factory.mktemp("refusals")) as shared:
        yield shared


@pytest.mark.parametrize(
    ("mutation", "sent", "code", "field"),
    [
        ("reviseCommitment", {"commitment": "FR9999", "title": "x"}, "NOT_FOUND", "commitment"),
        ("reviseCommitment", {"commitment": "nonsense", "title": "x"}, "INVALID", "commitment"),
        ("reviseCommitment", {"commitment": "FR0001"}, "INVALID", ""),
        ("reviseCommitment", {"commitment": "FR0001", "title": "  "}, "INVALID", "title"),
        ("reviseCommitment", {"commitment": "FR0001", "number": "one hundred and one"}, "INVALID", "number"),
        ("reviseCommitment", {"commitment": "FR0001", "policyAreas": ["Gendr"]}, "INVALID", "policyAreas"),
        ("reviseCommitment", {**TITLE, "language": "English"}, "INVALID", "language"),
        ("reviseCommitment", {**TITLE, "source": "my desk"}, "INVALID", "source"),
        ("reviseCommitment", {**TITLE, "source": "javascript:alert(1)"}, "INVALID", "source"),
        ("reviseCommitment", {**TITLE, "source": "source-none"}, "NOT_FOUND", "source"),
        ("reviseCommitment", {**TITLE, "reason": ""}, "INVALID", "reason"),
        ("reviseCommitment", {**TITLE, "idempotencyKey": "two words"}, "INVALID", "idempotencyKey"),
        ("reviseCommitment", {**TITLE, "idempotencyKey": ""}, "INVALID", "idempotencyKey"),
        (
            "reviseCommitment",
            {**TITLE, "leadInstitutions": ["x"] * (MAX_LIST_ITEMS + 1)},
            "INVALID",
            "leadInstitutions",
        ),
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
def test_a_mistake_is_refused_with_its_code_and_the_field_at_fault(
    unwritten: SampleSystem, mutation: str, sent: dict[str, Any], code: str, field: str
) -> None:
    assert unwritten.admin.expect_refusal(mutation, **sent) == (code, ["input", *filter(None, [field])])


def test_what_may_be_meant_is_said(unwritten: SampleSystem) -> None:
    (error,) = unwritten.admin.send("reviseCommitment", commitment="FR0001", policyAreas=["Gendr"])["errors"]
    assert error["message"] == "OGP has no policy area 'Gendr'; did you mean Gender?"


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x\udfff"])
def test_what_no_text_store_keeps_is_refused(sample: SampleSystem, text: str) -> None:
    assert sample.reporter.expect_refusal("reviseCommitment", commitment="FR0001", title=text) == (
        "INVALID",
        ["input", "title"],
    )
    assert sample.reporter.expect_refusal("reviseCommitment", **TITLE, reason=text) == ("INVALID", ["input", "reason"])


def test_ten_megabytes_are_refused_with_the_limit(sample: SampleSystem) -> None:
    (error,) = sample.reporter.send("reviseCommitment", commitment="FR0001", title="x" * 10_000_000)["errors"]
    assert error["message"] == f"title has 10,000,000 characters; {MAX_TEXT_LENGTH:,} are the most"
    longest = "x" * MAX_TEXT_LENGTH
    assert (
        sample.reporter.mutate("reviseCommitment", commitment="FR0001", title=longest)["commitment"]["title"] == longest
    )


def test_markup_is_text_and_comes_back_as_it_was(sample: SampleSystem) -> None:
    markup = "<script>alert('x')</script> & <b>bold</b> '; drop table event; --"
    assert (
        sample.reporter.mutate("reviseCommitment", commitment="FR0001", title=markup)["commitment"]["title"] == markup
    )


def test_equal_looking_wordings_are_equal(sample: SampleSystem) -> None:
    sample.reporter.mutate("reviseCommitment", commitment="FR0001", title="Transpare\u0301nce")
    again = sample.reporter.mutate("reviseCommitment", commitment="FR0001", title="Transpar\u00e9nce")
    assert again["entries"] == []


def test_characters_that_turn_the_direction_of_writing_are_kept_and_flagged(sample: SampleSystem) -> None:
    sample.reporter.mutate("reviseCommitment", commitment="FR0001", title="paid \u202e000,1 euro", description="Plain.")
    asked = '{ commitment(code: "FR0001") { localizedTexts { path text hasDirectionControls } } }'
    wordings = execute_query(sample.system, asked)["commitment"]["localizedTexts"]
    assert {each["path"]: each["hasDirectionControls"] for each in wordings} == {
        "description/en": False,
        "milestones/1.1/title/en": False,
        "title/en": True,
    }
    assert wordings[-1]["text"] == "paid \u202e000,1 euro"


def test_a_date_of_another_form_and_a_word_of_no_vocabulary_are_no_requests_at_all() -> None:
    for sent in ({"endsOn": "soon"}, {"endsOn": "2021-13"}, {"status": "PERHAPS"}, {"title": 7}, {"stars": 5}):
        query = "mutation($input: ReviseCommitmentInput!) { reviseCommitment(input: $input) { errors { code } } }"
        result = SCHEMA.execute_sync(query, {"input": {"commitment": "FR0001", **sent}})
        assert result.errors, sent
        assert result.data is None


def test_everybody_may_write_only_so_often_and_is_told_how_long_to_wait(sample: SampleSystem) -> None:
    now = [0.0]
    budget = RateLimiter(2, lambda: now[0])
    writer = MutationClient(sample.system, sample.reporter.account, budget)
    other = MutationClient(sample.system, sample.reviewer.account, budget)
    writer.mutate("reviseCommitment", **TITLE)
    writer.mutate("reviseCommitment", **TITLE)
    assert writer.expect_refusal("reviseCommitment", **TITLE)[0] == "RATE_LIMITED"
    # The same address, another account: it is the address that has used up its share.
    (error,) = other.send("reviseCommitment", **TITLE)["errors"]
    assert (error["code"], error["message"]) == (
        "RATE_LIMITED",
        "too many writes within a minute: please wait 30 seconds",
    )
    now[0] = 30.0
    writer.mutate("reviseCommitment", **TITLE)


def test_a_reader_whom_nobody_knows_uses_up_its_address_too(sample: SampleSystem) -> None:
    reader = MutationClient(sample.system, None, RateLimiter(1, lambda: 0.0))
    assert reader.expect_refusal("reviseCommitment", **TITLE)[0] == "UNAUTHENTICATED"
    assert reader.expect_refusal("reviseCommitment", **TITLE)[0] == "RATE_LIMITED"


def test_refusals_are_logged_and_counted(sample: SampleSystem) -> None:
    with capture_logs() as lines:
        sample.reviewer.expect_refusal("reviseCommitment", **TITLE)
        sample.reviewer.expect_refusal("reviseCommitment", **TITLE)
        sample.reviewer.mutate("recordRating", commitment="FR0001", indicator="AMBITION", stage="DESIGN", value="HIGH")
    assert sample.reviewer.refusals.counts() == {("reviseCommitment", "FORBIDDEN"): 2}
    logged = str(lines)
    assert "FORBIDDEN" in logged
    assert "reviseCommitment" in logged
    assert str(sample.reviewer.account) in logged


def test_a_refusal_does_not_tell_whether_an_account_exists(sample: SampleSystem) -> None:
    there = sample.reporter.send("grantRights", account=sample.reviewer.account, role="REVIEWER")["errors"]
    not_there = sample.reporter.send("grantRights", account="account-none", role="REVIEWER")["errors"]
    assert there == not_there
