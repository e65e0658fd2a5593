"""How a declared command runs: references, authorization, revision, inputs, events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from ogpgraph.application.command_runner import CommandRequest, run_command
from ogpgraph.domain.account import Rights
from ogpgraph.domain.commands import COMMANDS
from ogpgraph.domain.commitment import register_commitment
from ogpgraph.domain.correction import RecordedEntry
from ogpgraph.domain.errors import Forbidden, Invalid, NotFound, Refusal, StaleRevision
from ogpgraph.domain.event import Facts
from ogpgraph.domain.member import register_member
from ogpgraph.domain.roles import Role
from ogpgraph.domain.unit_of_work import UnitOfWork
from tests.application.in_memory_log import InMemoryLog

CALLS = list[tuple[str, list[str], list[str | None]]]


class Authorization:
    """Permits everything, or nothing, and remembers what it was asked."""

    def __init__(self, *, permits: bool = True) -> None:
        self.calls: CALLS = []
        self._permits = permits

    def __call__(self, rights: Rights, command: str, fields: Sequence[str], members: Iterable[str | None]) -> Role:
        assert rights == Rights()
        self.calls.append((command, list(fields), list(members)))
        if not self._permits:
            raise Forbidden("no")
        return Role.ADMINISTRATOR


@pytest.fixture
def log() -> InMemoryLog:
    """A log with a commitment of France that has a milestone."""

    def register(uow: UnitOfWork) -> None:
        member = register_member(uow, "FRA", {"prefix": "FR"})
        facts: Facts = {"member": member.id, "milestones/1.1/title/en": uow.text_value("Publish")}
        register_commitment(uow, "FR0001", facts)

    return InMemoryLog().given(register)


def run(
    log: InMemoryLog, name: str, authorization: Authorization | None = None, revision: int | None = None, **sent: Any
) -> list[str]:
    """Run a command; returns the names of the events that it appended."""
    request = CommandRequest(declaration=COMMANDS[name], sent=sent, expected_revision=revision)
    events = log.when(lambda uow: run_command(uow, request, authorization or Authorization()))
    return [event.name for event in events]


def test_command_is_authorized_for_its_inputs_and_the_members_of_its_references(log: InMemoryLog) -> None:
    authorization = Authorization()
    assert run(log, "completeMilestone", authorization, commitment=" fr0001", number="1.1", report="Done") == [
        "MilestoneCompleted",
        "MilestoneReported",
    ]
    assert authorization.calls == [("completeMilestone", ["commitment", "number", "report"], ["FRA"])]


def test_events_have_the_role_in_which_the_command_is_permitted(log: InMemoryLog) -> None:
    request = CommandRequest(declaration=COMMANDS["withdrawCommitment"], sent={"commitment": "FR0001"})
    (event,) = log.when(lambda uow: run_command(uow, request, Authorization()))
    assert event.envelope.role == "administrator"


def test_forbidden_command_looks_nothing_up_where_no_member_matters(log: InMemoryLog) -> None:
    with pytest.raises(Forbidden):
        run(log, "recodeCommitment", Authorization(permits=False), commitment="FR9999", code="FR0002")


def test_unknown_reference_is_refused_at_its_input(log: InMemoryLog) -> None:
    with pytest.raises(NotFound) as refused:
        run(log, "linkCommitments", commitment="FR0001", predecessors=["FR0001", "FR9999"])
    assert refused.value.path == "predecessors"
    with pytest.raises(Invalid) as malformed:
        run(log, "linkCommitments", commitment="FR1", predecessors=["FR0001"])
    assert malformed.value.path == "commitment"


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        ({"number": "a b"}, "number"),
        ({"number": "1.1", "language": "English"}, "language"),
        ({"number": "1.1", "report": " "}, "report"),
        ({"number": "9"}, "number"),
    ],
)
def test_unsuitable_input_is_refused_at_its_name(log: InMemoryLog, sent: dict[str, Any], path: str) -> None:
    with pytest.raises(Refusal) as refused:
        run(log, "completeMilestone", commitment="FR0001", **sent)
    assert refused.value.path == path


def test_item_of_a_list_is_refused_at_the_list(log: InMemoryLog) -> None:
    with pytest.raises(Invalid) as refused:
        run(log, "splitCommitment", commitment="FR0001", into=[{"code": "FR0002", "title": ""}])
    assert refused.value.path == "into"


def test_list_that_is_too_long_is_refused_at_its_input(log: InMemoryLog) -> None:
    with pytest.raises(Invalid) as refused:
        run(log, "reviseCommitment", commitment="FR0001", policy_areas=["Gender"] * 201)
    assert refused.value.path == "policyAreas"


def test_stale_revision_is_refused_after_authorization_and_before_other_inputs(log: InMemoryLog) -> None:
    with pytest.raises(StaleRevision):
        run(log, "completeMilestone", revision=9, commitment="FR0001", number="a b")
    with pytest.raises(Forbidden):
        run(log, "completeMilestone", Authorization(permits=False), revision=9, commitment="FR0001", number="1.1")


def test_registering_command_expects_that_its_subject_does_not_exist(log: InMemoryLog) -> None:
    assert run(log, "registerActionPlan", revision=0, member="FRA", cycle=2021) == [
        "CodeAssigned",
        "ActionPlanRegistered",
    ]
    with pytest.raises(StaleRevision):
        run(log, "registerActionPlan", revision=1, member="FRA", cycle=2023)


def test_what_the_read_model_did_not_find_is_refused_after_authorization(log: InMemoryLog) -> None:
    request = CommandRequest(
        declaration=COMMANDS["correct"],
        sent={"entry": "9", "changes": [{"path": "number", "value": "2"}]},
        found={"entry": NotFound("there is no entry 9", "entry")},
    )
    with pytest.raises(Forbidden):
        log.when(lambda uow: run_command(uow, request, Authorization(permits=False)))
    with pytest.raises(NotFound):
        log.when(lambda uow: run_command(uow, request, Authorization()))


def test_correction_is_authorized_for_the_fields_that_it_changes(log: InMemoryLog) -> None:
    authorization = Authorization()
    (event,) = log.when(
        lambda uow: run_command(
            uow,
            CommandRequest(declaration=COMMANDS["reviseCommitment"], sent={"commitment": "FR0001", "number": "1"}),
            Authorization(),
        )
    )
    request = CommandRequest(
        declaration=COMMANDS["correct"],
        sent={"entry": event.envelope.id, "changes": [{"path": "number", "value": "2"}]},
        found={"entry": RecordedEntry(event.stream, event.revision)},
    )
    (corrected,) = log.when(lambda uow: run_command(uow, request, authorization), reason="wrong number")
    assert (corrected.name, corrected.amends) == ("CommitmentCorrected", {event.revision: {"number": "2"}})
    assert authorization.calls == [("correct", ["entry", "changes", "commitment/number"], ["FRA"])]
