"""Who may: the whole table of rights, walked mutation by mutation, field by field, role by role."""

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLList, GraphQLNonNull

from ogpgraph.auth.authorization import COMMON_FIELDS, NOBODY, PERMISSIONS, allowed_roles
from ogpgraph.domain.account import Role
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES
from tests.graphql.mutations.client import MutationClient, SampleSystem, mutation_types, open_sample_system

pytestmark = BOTH_ENGINES

SHORT = "errors { code } entries { position }"
WORDS = {
    "commitment": "{}0001",
    "commitments": ["{}0002"],
    "into": "{}0001",
    "predecessors": ["{}0002"],
    "successors": ["{}0002"],
    "actionPlan": "{member}-2021",
    "member": "{member}",
    "members": ["{member}"],
    "number": "1.1",
    "language": "en",
    "section": "NEXT_STEPS",
    "policyAreas": ["Gender"],
    "cycle": 2021,
    "entry": "nothing",
    "correlationId": "nothing",
    "account": "account-nothing",
    "code": "{}0001",
}


def named(field: Any) -> Any:
    kind = field.type
    while isinstance(kind, (GraphQLNonNull, GraphQLList)):
        kind = kind.of_type
    return kind


def input_fields(mutation: str) -> dict[str, Any]:
    kind = named(mutation_types()[mutation].args["input"])
    assert isinstance(kind, GraphQLInputObjectType)
    return dict(kind.fields)


def sample_value(mutation: str, name: str, field: Any, prefix: str, member: str) -> Any:
    kind = named(field)
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    if isinstance(kind, GraphQLInputObjectType):
        return [{"path": "x"}] if mutation == "correct" else [{"code": f"{prefix}0011", "title": "x"}]
    if kind.name == "PartialDate":
        return "2021"
    word = WORDS.get(name, "x")
    is_list = "[" in str(field.type)
    filled = [each.format(prefix, member=member) for each in word] if isinstance(word, list) else word
    if isinstance(filled, str):
        filled = filled.format(prefix, member=member)
    return [filled] if is_list and not isinstance(filled, list) else filled


def inputs(mutation: str, prefix: str, member: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """For each field of a mutation: what is needed at least, and that field."""
    fields = input_fields(mutation)
    needed = {
        name: sample_value(mutation, name, field, prefix, member)
        for name, field in fields.items()
        if isinstance(field.type, GraphQLNonNull) and name not in COMMON_FIELDS
    }
    for name, field in fields.items():
        if name not in COMMON_FIELDS:
            yield name, needed | {name: sample_value(mutation, name, field, prefix, member)}


def test_the_table_has_a_row_for_every_field_of_every_mutation_and_no_other() -> None:
    assert PERMISSIONS.keys() == mutation_types().keys()
    for mutation in PERMISSIONS:
        fields = input_fields(mutation)
        assert fields.keys() >= COMMON_FIELDS
        assert {name for name in PERMISSIONS[mutation] if "/" not in name} == fields.keys() - COMMON_FIELDS, mutation


def test_the_table_has_a_row_for_everything_that_could_be_corrected_and_nothing_else() -> None:
    declared = {
        f"{noun.name}/{path.pattern.partition('/')[0]}" for noun in AGGREGATE_TYPES.values() for path in noun.paths
    }
    assert {name for name in PERMISSIONS["correct"] if "/" in name} == declared


def test_a_field_without_a_row_is_nobodys() -> None:
    assert allowed_roles("reviseCommitment", "status2") is NOBODY
    assert allowed_roles("unheardOf", "title") is NOBODY


def test_the_irm_never_writes_government_text_and_governments_never_rate() -> None:
    for mutation, fields in PERMISSIONS.items():
        for field, roles in fields.items():
            if field in {"title", "description", "commitment/title", "commitment/milestones", "report"}:
                assert Role.REVIEWER not in roles, (mutation, field)
            if field in {"indicator", "stage", "commitment/ratings", "commitment/narratives"}:
                assert Role.REPORTER not in roles, (mutation, field)


@pytest.fixture(scope="module")
def unwritten(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleSystem]:
    with open_sample_system(tmp_path_factory.mktemp("rights")) as shared:
        yield shared


@pytest.mark.parametrize("mutation", sorted(PERMISSIONS))
def test_each_role_may_use_exactly_the_fields_that_the_table_gives_it(unwritten: SampleSystem, mutation: str) -> None:
    sample = unwritten
    writers: list[tuple[Role | None, MutationClient]] = [
        (None, sample.without_rights),
        (Role.REPORTER, sample.reporter),
        (Role.REVIEWER, sample.reviewer),
        (Role.ADMINISTRATOR, sample.admin),
    ]
    walked = 0
    for prefix, member in (("FR", "FRA"), ("UK", "GBR")):
        for field, sent in inputs(mutation, prefix, member):
            used = {name for name in sent if name not in COMMON_FIELDS} | _defaults(mutation)
            for role, writer in writers:
                may = role is not None and all(role in allowed_roles(mutation, name) for name in used)
                may &= role is not Role.REPORTER or (member == "FRA" and mutation != "correct")
                # A revision that cannot be: whoever may is told that it is stale, and nothing is written.
                payload = writer.send(mutation, SHORT, **sent, expectedRevision=10_000)
                codes = [error["code"] for error in payload["errors"]]
                if mutation == "correct":
                    assert codes == ["NOT_FOUND" if role is Role.ADMINISTRATOR or may else "FORBIDDEN"], (field, role)
                else:
                    assert ("FORBIDDEN" not in codes) == may, (field, member, role, payload["errors"])
                assert payload["entries"] == []
                walked += 1
            (refusal,) = sample.anonymous.send(mutation, SHORT, **sent)["errors"]
            assert refusal["code"] == "UNAUTHENTICATED"
    assert walked >= 8


def _defaults(mutation: str) -> set[str]:
    return (
        {"translationKind"} if mutation == "translateCommitment" else {"state"} if mutation == "recordRating" else set()
    )


@pytest.mark.parametrize(
    ("path", "value", "may"),
    [
        ("title/en", "Right", {Role.REPORTER, Role.ADMINISTRATOR}),
        ("code", "FR0009", set()),
        ("actionPlan", "plan-x", {Role.ADMINISTRATOR}),
        ("member", "member-x", set()),
    ],
)
def test_a_correction_obeys_the_row_of_its_path(sample: SampleSystem, path: str, value: str, may: set[Role]) -> None:
    entry = registered(sample, "FR0001")
    writers = {Role.REPORTER: sample.reporter, Role.REVIEWER: sample.reviewer, Role.ADMINISTRATOR: sample.admin}
    for role, writer in writers.items():
        sent = {"entry": entry, "changes": [{"path": path, "value": value}], "reason": "x", "expectedRevision": 99}
        code, at = writer.expect_refusal("correct", **sent)
        assert (code, at) == (
            ("STALE_REVISION", ["input", "expectedRevision"]) if role in may else ("FORBIDDEN", ["input", "changes"])
        ), role


def test_a_reporter_corrects_only_its_own_members_entries(sample: SampleSystem) -> None:
    change = [{"path": "title/en", "value": "Taken over"}]
    foreign = {"entry": registered(sample, "UK0001"), "changes": change, "reason": "x"}
    assert sample.reporter.expect_refusal("correct", **foreign)[0] == "FORBIDDEN"


def test_an_account_with_two_roles_acts_in_the_one_that_may(sample: SampleSystem) -> None:
    both = sample.writer(Role.REVIEWER)
    sample.admin.mutate("grantRights", account=both.account, role="REPORTER", members=["FRA"])
    rated = both.mutate("recordRating", commitment="UK0001", indicator="AMBITION", stage="DESIGN", value="HIGH")
    told = both.mutate("reviseCommitment", commitment="FR0001", title="Mine")
    assert [rated["entries"][0]["role"], told["entries"][0]["role"]] == ["reviewer", "reporter"]
    assert both.expect_refusal("reviseCommitment", commitment="UK0001", title="Not mine")[0] == "FORBIDDEN"


def test_a_refusal_names_the_field_and_who_may(sample: SampleSystem) -> None:
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


def test_past_and_present_history_blame_claims_entries_and_sources_are_the_same_for_everyone(
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


def test_what_is_read_of_an_account_is_its_rights_and_nothing_of_who_it_is(sample: SampleSystem) -> None:
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


@pytest.fixture
def sample(system: System) -> SampleSystem:
    return SampleSystem(system)


def registered(sample: SampleSystem, code: str) -> str:
    asked = "query($code: String!) { commitment(code: $code) { history(first: 1) { nodes { id } } } }"
    entry: str = sample.anonymous.execute(asked, code=code)["commitment"]["history"]["nodes"][0]["id"]
    return entry
