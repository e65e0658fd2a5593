"""Every mutation and field is permitted to exactly the roles in the table of permissions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLNonNull, get_named_type

from ogpgraph.application.command_runner import COMMON_FIELDS, PERMISSIONS, allowed_roles
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.roles import NOBODY, Role
from tests.conftest import BOTH_ENGINES
from tests.graphql.mutations.client import MutationClient, SampleSystem, mutation_fields, open_account

pytestmark = BOTH_ENGINES

SELECTION = "errors { code } entries { position }"
SAMPLE_VALUES = {
    "commitment": "{}0001",
    "commitments": ["{}0002"],
    "into": "{}0001",
    "predecessors": ["{}0002"],
    "successors": ["{}0002"],
    "actionPlan": "{member}-2021",
    "member": "{member}",
    "members": ["{member}"],
    "number": "1.1",
    "newNumber": "1.1",
    "language": "en",
    "section": "NEXT_STEPS",
    "policyAreas": ["Gender"],
    "cycle": 2021,
    "entry": "nothing",
    "correlationId": "nothing",
    "account": "account-nothing",
    "code": "{}0001",
}


def input_fields(mutation: str) -> dict[str, Any]:
    input_type = get_named_type(mutation_fields()[mutation].args["input"].type)
    assert isinstance(input_type, GraphQLInputObjectType)
    return dict(input_type.fields)


def sample_value(mutation: str, name: str, field: Any, prefix: str, member: str) -> Any:
    kind = get_named_type(field.type)
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    if isinstance(kind, GraphQLInputObjectType):
        return [{"path": "x"}] if mutation == "correct" else [{"code": f"{prefix}0011", "title": "x"}]
    if kind.name == "PartialDate":
        return "2021"
    if kind.name == "Boolean":
        return False
    value = SAMPLE_VALUES.get(name, "x")
    is_list = "[" in str(field.type)
    filled = [item.format(prefix, member=member) for item in value] if isinstance(value, list) else value
    if isinstance(filled, str):
        filled = filled.format(prefix, member=member)
    return [filled] if is_list and not isinstance(filled, list) else filled


def inputs_by_field(mutation: str, prefix: str, member: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each field of a mutation with an input of the required fields and this one."""
    fields = input_fields(mutation)
    required = {
        name: sample_value(mutation, name, field, prefix, member)
        for name, field in fields.items()
        if isinstance(field.type, GraphQLNonNull) and name not in COMMON_FIELDS
    }
    for name, field in fields.items():
        if name not in COMMON_FIELDS:
            yield name, required | {name: sample_value(mutation, name, field, prefix, member)}


def test_table_has_a_row_for_every_field_of_every_mutation_and_no_other() -> None:
    assert PERMISSIONS.keys() == mutation_fields().keys()
    for mutation in PERMISSIONS:
        fields = input_fields(mutation)
        assert fields.keys() >= COMMON_FIELDS
        assert {name for name in PERMISSIONS[mutation] if "/" not in name} == fields.keys() - COMMON_FIELDS, mutation


def test_table_has_a_row_for_every_field_that_can_be_corrected_and_no_other() -> None:
    declared = {
        f"{aggregate_type.name}/{path.pattern.partition('/')[0]}"
        for aggregate_type in AGGREGATE_TYPES.values()
        for path in aggregate_type.fields
    }
    assert {name for name in PERMISSIONS["correct"] if "/" in name} == declared


def test_field_without_a_row_is_permitted_to_nobody() -> None:
    assert allowed_roles("reviseCommitment", "status2") is NOBODY
    assert allowed_roles("unknownMutation", "title") is NOBODY


def test_reviewers_never_record_government_texts_and_reporters_never_rate() -> None:
    for mutation, fields in PERMISSIONS.items():
        for field, roles in fields.items():
            if field in {"title", "description", "commitment/title", "commitment/milestones", "report"}:
                assert Role.REVIEWER not in roles, (mutation, field)
            if field in {"indicator", "stage", "commitment/ratings", "commitment/narratives"}:
                assert Role.REPORTER not in roles, (mutation, field)


@pytest.mark.parametrize("mutation", sorted(PERMISSIONS))
def test_each_role_may_use_exactly_the_fields_in_the_table(unchanged_sample: SampleSystem, mutation: str) -> None:
    sample, tried = unchanged_sample, 0
    clients: list[tuple[Role | None, MutationClient]] = [
        (None, sample.without_rights),
        (Role.REPORTER, sample.reporter),
        (Role.REVIEWER, sample.reviewer),
        (Role.ADMINISTRATOR, sample.admin),
    ]
    for prefix, member in (("FR", "FRA"), ("UK", "GBR")):
        for field, sent in inputs_by_field(mutation, prefix, member):
            used = {name for name in sent if name not in COMMON_FIELDS} | _fields_with_defaults(mutation)
            for role, client in clients:
                permitted = role is not None and all(role in allowed_roles(mutation, name) for name in used)
                permitted &= role is not Role.REPORTER or (member == "FRA" and mutation != "correct")
                # An impossible revision: a permitted mutation is refused as stale and records nothing.
                payload = client.send(mutation, SELECTION, **sent, expectedRevision=10_000)
                codes = [error["code"] for error in payload["errors"]]
                if mutation == "correct":
                    expected = "NOT_FOUND" if role is Role.ADMINISTRATOR or permitted else "FORBIDDEN"
                    assert codes == [expected], (field, role)
                else:
                    assert ("FORBIDDEN" not in codes) == permitted, (field, member, role, payload["errors"])
                assert payload["entries"] == []
                tried += 1
            (refusal,) = sample.anonymous.send(mutation, SELECTION, **sent)["errors"]
            assert refusal["code"] == "UNAUTHENTICATED"
    assert tried >= 8


def _fields_with_defaults(mutation: str) -> set[str]:
    return (
        {"translationKind"} if mutation == "translateCommitment" else {"state"} if mutation == "recordRating" else set()
    )


@pytest.mark.parametrize(
    ("path", "value", "roles"),
    [
        ("title/en", "Right", {Role.REPORTER, Role.ADMINISTRATOR}),
        ("code", "FR0009", set()),
        ("actionPlan", "plan-x", {Role.ADMINISTRATOR}),
        ("member", "member-x", set()),
    ],
)
def test_correction_is_permitted_by_the_row_of_its_path(
    sample: SampleSystem, path: str, value: str, roles: set[Role]
) -> None:
    entry = registration_of(sample, "FR0001")
    clients = {Role.REPORTER: sample.reporter, Role.REVIEWER: sample.reviewer, Role.ADMINISTRATOR: sample.admin}
    for role, client in clients.items():
        sent = {"entry": entry, "changes": [{"path": path, "value": value}], "reason": "x", "expectedRevision": 99}
        code, input_path = client.expect_refusal("correct", **sent)
        assert (code, input_path) == (
            ("STALE_REVISION", ["input", "expectedRevision"]) if role in roles else ("FORBIDDEN", ["input", "changes"])
        ), role


def test_reporter_corrects_only_entries_of_its_own_members(sample: SampleSystem) -> None:
    change = [{"path": "title/en", "value": "Taken over"}]
    foreign = {"entry": registration_of(sample, "UK0001"), "changes": change, "reason": "x"}
    assert sample.reporter.expect_refusal("correct", **foreign)[0] == "FORBIDDEN"


def test_account_with_two_roles_acts_in_the_permitted_one(sample: SampleSystem) -> None:
    both = open_account(sample.system, Role.REVIEWER)
    sample.admin.mutate("grantRights", account=both.account, role="REPORTER", members=["FRA"])
    rated = both.mutate("recordRating", commitment="UK0001", indicator="AMBITION", stage="DESIGN", value="HIGH")
    revised = both.mutate("reviseCommitment", commitment="FR0001", title="Mine")
    assert [rated["entries"][0]["role"], revised["entries"][0]["role"]] == ["reviewer", "reporter"]
    assert both.expect_refusal("reviseCommitment", commitment="UK0001", title="Not mine")[0] == "FORBIDDEN"


def test_refusal_names_the_field_and_the_permitted_roles(sample: SampleSystem) -> None:
    (error,) = sample.reviewer.send("reviseCommitment", commitment="FR0001", title="x")["errors"]
    assert error["message"] == (
        "`title` of reviseCommitment is for reporters and administrators; this account is a reviewer"
    )


EVERYTHING = """{
  commitment(code: "FR0001") {
    title history { nodes { kind actor role reason changes { path before after } source { url } } }
    blame { path value entry { position actor } }
    claims { path value isCurrent entry { position actor } source { url } }
    sources { url history { nodes { kind } } }
  }
  entries { totalCount nodes { position kind actor role reason subject { id } changes { path before after } } }
}"""


def test_everyone_reads_the_same_history_blame_claims_entries_and_sources(
    sample: SampleSystem,
) -> None:
    sample.reporter.mutate(
        "reviseCommitment", commitment="FR0001", title="A", source="https://data.example/a", reason="b"
    )
    sample.reviewer.mutate("recordRating", commitment="FR0001", indicator="AMBITION", stage="DESIGN", value="HIGH")
    readers = [sample.anonymous, sample.without_rights, sample.reporter, sample.reviewer, sample.admin]
    answers = [reader.execute(EVERYTHING) for reader in readers]
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["entries"]["totalCount"] == sample.position()


def test_account_shows_its_rights_and_no_personal_data(sample: SampleSystem) -> None:
    account = sample.reporter.account
    assert account is not None
    sample.system.accounts.set_person(account, "Ana Secret", "ana@secret.example")
    read = sample.anonymous.execute(
        """query($id: ID!) { node(id: $id) { ... on Account {
          id roles reporterOf history { nodes { kind actor changes { path before after } } }
          blame { path value } claims { path value } sources { id } localizedTexts { text }
        } } }""",
        id=account,
    )["node"]
    assert (read["roles"], read["reporterOf"]) == (["REPORTER"], ["FRA"])
    assert [entry["kind"] for entry in read["history"]["nodes"]] == ["AccountOpened", "RightsGranted"]
    assert "secret" not in str(read).lower()


def registration_of(sample: SampleSystem, code: str) -> str:
    query = "query($code: String!) { commitment(code: $code) { history(first: 1) { nodes { id } } } }"
    entry: str = sample.anonymous.execute(query, code=code)["commitment"]["history"]["nodes"][0]["id"]
    return entry
