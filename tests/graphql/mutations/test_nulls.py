"""Absent inputs say nothing; null clears a field that can be cleared, and is refused everywhere else."""

from __future__ import annotations

from typing import Any

import pytest

from ogpgraph.application.command_runner import COMMON_FIELDS
from ogpgraph.domain.command import Input
from ogpgraph.domain.commands import COMMANDS
from ogpgraph.domain.commitment import revise_commitment
from ogpgraph.domain.correction import Correct
from ogpgraph.domain.event import Cause, Origin
from ogpgraph.domain.unit_of_work import CommandContext, Provenance
from tests.conftest import BOTH_ENGINES
from tests.graphql.mutations.client import SampleSystem, kinds_of
from tests.graphql.mutations.test_permissions import input_fields, inputs_by_field

pytestmark = BOTH_ENGINES

COMMITMENT = {"commitment": "FR0001"}
MILESTONE = {"commitment": "FR0001", "number": "1.1"}
PLAN = {"actionPlan": "FRA-2021"}
INPUTS = [(name, each) for name, declaration in COMMANDS.items() for each in declaration.inputs]
OPTIONAL = [(name, each) for name, each in INPUTS if not each.is_required]
ITEMS = [
    (name, each, item)
    for name, each in INPUTS
    if COMMANDS[name].command is not Correct
    for item in each.item_inputs
    if not item.is_required
]


def required_inputs(sample: SampleSystem, mutation: str) -> dict[str, Any]:
    """Return values of the required inputs of a mutation that refer to what exists."""
    required = {each.sent_name for each in COMMANDS[mutation].inputs if each.is_required}
    _, sent = next(inputs_by_field(mutation, "FR", "FRA"))
    existing = {"account": sample.reviewer.account} | ({"code": "FRA"} if mutation == "registerMember" else {})
    return {name: existing.get(name) or value for name, value in sent.items() if name in required}


@pytest.mark.parametrize(("mutation", "declared"), OPTIONAL, ids=[f"{name}.{each.name}" for name, each in OPTIONAL])
def test_null_is_refused_by_name_exactly_for_what_cannot_be_cleared(
    unchanged_sample: SampleSystem, mutation: str, declared: Input
) -> None:
    sent = required_inputs(unchanged_sample, mutation) | {declared.sent_name: None}
    description = input_fields(mutation)[declared.sent_name].description
    assert ("Null clears it." in description) == declared.is_clearable
    if declared.is_clearable:
        return
    assert unchanged_sample.admin.expect_refusal(mutation, **sent) == ("INVALID", ["input", declared.sent_name])


@pytest.mark.parametrize("mutation", COMMANDS)
def test_null_is_refused_for_the_inputs_that_all_mutations_have(unchanged_sample: SampleSystem, mutation: str) -> None:
    for name in COMMON_FIELDS:
        sent = required_inputs(unchanged_sample, mutation) | {name: None}
        assert unchanged_sample.admin.expect_refusal(mutation, **sent) == ("INVALID", ["input", name]), name


@pytest.mark.parametrize(("mutation", "declared", "item"), ITEMS, ids=[f"{n}.{e.name}.{i.name}" for n, e, i in ITEMS])
def test_null_in_an_item_of_a_list_is_refused_like_any_other(
    unchanged_sample: SampleSystem, mutation: str, declared: Input, item: Input
) -> None:
    sent = required_inputs(unchanged_sample, mutation)
    sent[declared.sent_name] = [each | {item.sent_name: None} for each in sent[declared.sent_name]]
    expected = ["input"] if item.is_clearable else ["input", declared.sent_name]
    assert unchanged_sample.admin.expect_refusal(mutation, **sent)[1][: len(expected)] == expected


@pytest.mark.parametrize(
    ("mutation", "subject", "shown", "field", "value"),
    [
        ("reviseCommitment", COMMITMENT, "commitment", "number", "7"),
        ("reviseCommitment", COMMITMENT, "commitment", "startsOn", "2021"),
        ("reviseCommitment", COMMITMENT, "commitment", "endsOn", "2021"),
        ("reviseCommitment", COMMITMENT, "commitment", "policyAreas", ["Gender"]),
        ("reviseCommitment", COMMITMENT, "commitment", "description", "Text"),
        ("reviseCommitment", COMMITMENT, "commitment", "leadInstitutions", ["Etalab"]),
        ("reviseCommitment", COMMITMENT, "commitment", "supportingInstitutions", ["DINUM"]),
        ("translateCommitment", COMMITMENT | {"language": "fr"}, "commitment", "description", "Texte"),
        ("translateCommitment", COMMITMENT | {"language": "fr"}, "commitment", "leadInstitutions", ["Etalab"]),
        ("translateCommitment", COMMITMENT | {"language": "fr"}, "commitment", "supportingInstitutions", ["DINUM"]),
        ("reviseMilestone", MILESTONE, "milestone", "startsOn", "2021"),
        ("reviseMilestone", MILESTONE, "milestone", "endsOn", "2021"),
        ("reviseActionPlan", PLAN, "actionPlan", "startsOn", "2021"),
        ("reviseActionPlan", PLAN, "actionPlan", "endsOn", "2021"),
        ("concludeActionPlan", PLAN, "actionPlan", "endsOn", "2021"),
    ],
)
def test_null_clears_what_people_recorded(
    sample: SampleSystem, mutation: str, subject: dict[str, Any], shown: str, field: str, value: Any
) -> None:
    selection = f"{shown} {{ {field} }} entries {{ position }} errors {{ message }}"
    empty = sample.admin.send(mutation, selection, **subject, **{field: None})[shown]
    recorded = sample.admin.send(mutation, selection, **subject, **{field: value})
    assert recorded[shown] == {field: value}
    cleared = sample.admin.send(mutation, selection, **subject, **{field: None})
    assert cleared["errors"] == []
    assert len(cleared["entries"]) == 1
    assert cleared[shown] == empty
    assert sample.admin.send(mutation, selection, **subject, **{field: None})["entries"] == []


def test_every_clearable_input_of_a_mutation_that_revises_is_tested_to_clear() -> None:
    cases = test_null_clears_what_people_recorded.pytestmark[0].args[1]
    tested = {(case[0], case[3]) for case in cases}
    declared = {(name, each.sent_name) for name, each in OPTIONAL if each.is_clearable}
    new_objects = {"registerCommitment", "registerActionPlan", "registerMember", "addMilestone"}
    assert tested == {(name, field) for name, field in declared if name not in new_objects}


def test_statements_that_cite_different_documents_are_cleared_together(sample: SampleSystem) -> None:
    revise = {"commitment": "FR0001"}
    sample.admin.mutate("reviseCommitment", **revise, endsOn="2021", source="https://example.org/a")
    sample.admin.mutate("reviseCommitment", **revise, endsOn="2022", source="https://example.org/b")
    cleared = sample.admin.mutate("reviseCommitment", **revise, endsOn=None, startsOn="2020")
    assert cleared["commitment"]["endsOn"] is None
    assert cleared["commitment"]["startsOn"] == "2020"
    assert set(kinds_of(cleared)) == {"CommitmentRevised"}


def test_what_a_published_page_states_is_not_cleared(sample: SampleSystem) -> None:
    page = Provenance(origin=Origin.HEADER, cause=Cause.SOURCE_CHANGED, language="en", source="source-page")
    context = CommandContext(actor="importer", role="publisher", time=sample.system.clock())
    sample.system.execute(
        context,
        lambda uow: revise_commitment(uow, uow.require_by_code("commitment", "FR0001"), {"endsOn": "2022"}, page),
    )
    sample.admin.mutate("reviseCommitment", **COMMITMENT, endsOn="2023")
    refused = sample.admin.send("reviseCommitment", **COMMITMENT, endsOn=None)["errors"][0]
    assert (refused["code"], refused["path"]) == ("CONFLICT", ["input", "endsOn"])
    assert "a published source states endsOn" in refused["message"]


def test_what_was_registered_without_a_value_has_none(sample: SampleSystem) -> None:
    registered = sample.admin.mutate("registerMember", code="CHL", name="Chile", region=None, joinedOn=None)
    assert registered["member"]["region"] is None
    assert sample.admin.mutate("registerMember", code="PER", name="Peru")["member"]["region"] == "Americas"


def test_a_correction_without_a_value_is_refused(sample: SampleSystem) -> None:
    entry = sample.admin.mutate("reviseCommitment", **COMMITMENT, endsOn="2021")["entries"][0]["position"]
    sent = {"entry": str(entry), "reason": "x"}
    refused = sample.admin.send("correct", **sent, changes=[{"path": "endsOn"}])["errors"][0]
    assert (refused["code"], refused["path"]) == ("INVALID", ["input", "changes"])
    assert "send null to drop what the entry stated" in refused["message"]
    corrected = sample.admin.mutate("correct", **sent, changes=[{"path": "endsOn", "value": None}])
    assert len(corrected["entries"]) == 1


def test_null_and_absent_are_different_requests_under_one_idempotency_key(sample: SampleSystem) -> None:
    sent = {**COMMITMENT, "startsOn": "2021", "idempotencyKey": "key"}
    sample.admin.mutate("reviseCommitment", **sent)
    assert sample.admin.expect_refusal("reviseCommitment", **sent, endsOn=None)[0] == "IDEMPOTENCY_KEY_REUSED"
