"""Declarations of commands: what is read from the annotations of their inputs, and that they agree with the events."""

from __future__ import annotations

from typing import Annotated

import pytest
from msgspec import UNSET, Meta, Struct

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.command import (
    Command,
    CommandType,
    CommitmentByCode,
    CommitmentReference,
    Format,
    read_inputs,
    stated_facts,
)
from ogpgraph.domain.commands import COMMANDS
from ogpgraph.domain.roles import GOVERNMENT
from ogpgraph.domain.values import PartialDate, TextValue
from ogpgraph.domain.vocabulary import CommitmentStatus

NUMBER = Format("[0-9]+", "a number")


class Part(Struct, frozen=True):
    """A part."""

    title: Annotated[TextValue, Meta(description="The title.")]


class DoSomething(Command, frozen=True, kw_only=True):
    """What is to be done."""

    commitment: CommitmentReference
    number: Annotated[str, Meta(description="The number."), NUMBER]
    ends_on: Annotated[PartialDate | None, Meta(description="When it is due.")] = None
    others: Annotated[tuple[CommitmentByCode, ...], Meta(description="The others.")] = ()
    parts: Annotated[tuple[Part, ...], Meta(description="The parts.")] = ()


INPUTS = {each.sent_name: each for each in read_inputs(DoSomething)}


def test_inputs_have_the_names_that_clients_send() -> None:
    assert list(INPUTS) == ["commitment", "number", "endsOn", "others", "parts"]


def test_inputs_with_a_default_are_optional() -> None:
    assert [name for name, each in INPUTS.items() if each.is_required] == ["commitment", "number"]
    assert (INPUTS["endsOn"].default, INPUTS["others"].default) == (None, ())


def test_outermost_description_is_that_of_the_input() -> None:
    assert INPUTS["endsOn"].description == "When it is due."
    assert INPUTS["others"].description == "The others."


def test_references_and_formats_are_read_from_annotations() -> None:
    for name in ("commitment", "others"):
        reference = INPUTS[name].reference
        assert reference is not None
        assert reference.referenced == "commitment"
    assert INPUTS["commitment"].type is Aggregate
    assert INPUTS["number"].format is NUMBER
    assert INPUTS["number"].reference is None


def test_items_that_are_structs_have_inputs_of_their_own() -> None:
    assert [each.name for each in INPUTS["parts"].item_inputs] == ["title"]
    assert INPUTS["others"].item_inputs == ()


def test_subject_is_the_first_reference_unless_the_command_registers_it() -> None:
    declared = CommandType(
        command=DoSomething, description="Does.", permitted=GOVERNMENT, events=(), returns="commitment"
    )
    registers = CommandType(
        command=DoSomething,
        description="Does.",
        permitted=GOVERNMENT,
        events=(),
        returns="commitment",
        registers="plan",
    )
    assert declared.name == "doSomething"
    assert declared.input_description == "What is to be done."
    assert declared.subject == INPUTS["commitment"]
    assert registers.subject is None


def test_only_inputs_that_were_sent_state_facts() -> None:
    facts = stated_facts({"number": "1", "endsOn": None, "status": CommitmentStatus.ACTIVE, "policyAreas": ()})
    assert facts == {"number": "1", "status": "ACTIVE", "policyAreas": ()}
    assert type(facts["status"]) is str


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_commands_append_only_declared_events_and_describe_themselves(name: str) -> None:
    command = COMMANDS[name]
    declared = {event.name for each in AGGREGATE_TYPES.values() for event in each.event_types}
    assert set(command.events) <= declared
    assert command.permitted
    for text in (command.description, command.input_description, *(each.description for each in command.inputs)):
        assert text.endswith("."), text


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_no_command_states_what_its_sender_has_left_out(name: str) -> None:
    inputs = [each for declared in COMMANDS[name].inputs for each in (declared, *declared.item_inputs)]
    stated = {each.name: each.default for each in inputs if each.field and not each.is_required}
    assert stated == dict.fromkeys(stated, UNSET)
