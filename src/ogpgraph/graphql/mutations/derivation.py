"""Derives the inputs and fields of mutations from the declarations of commands."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from types import UnionType
from typing import Any, Union, get_args, get_origin

import strawberry

from ogpgraph.domain import values
from ogpgraph.domain.command import CommandType, Input
from ogpgraph.domain.errors import RefusalCode
from ogpgraph.domain.roles import Role
from ogpgraph.domain.values import TextListValue
from ogpgraph.graphql.context import Info
from ogpgraph.graphql.mutations.inputs import MutationInput
from ogpgraph.graphql.scalars import FieldValue, PartialDate
from ogpgraph.graphql.weights import computed, weighs

MUTATION_COST = 200
ITEM_COST = 20
"""The cost of an item of a list in an input: each is looked up, or recorded as a fact."""
MAX_ITEMS = 1_000
"""So many items are weighed; the commands themselves refuse fewer, with the field that they refuse."""
_OMITTED = "Omitted: nothing is recorded."
_CLEARS = "Null clears it."
_ROLE_DESCRIPTIONS = {
    Role.REPORTER: "reporters (for their own members)",
    Role.REVIEWER: "reviewers",
    Role.ADMINISTRATOR: "administrators",
}


def build_input_type(declaration: CommandType) -> type[MutationInput]:
    """Return the input type of a mutation: the inputs of its command, and those that all mutations have."""
    name = f"{declaration.command.__name__}Input"
    input_type: type[MutationInput] = _build_type(
        name, (MutationInput,), declaration.inputs, declaration.input_description
    )
    return input_type


def build_mutation(
    declaration: CommandType, input_type: type[MutationInput], payload: type, resolve: Callable[..., Any]
) -> Any:
    """Return the field of a mutation, whose command `resolve` executes."""
    # strawberry reads the types of arguments and payload here, which differ from mutation to mutation.
    resolve.__annotations__ = {"info": Info, "input": input_type, "return": payload | None}
    description = describe_mutation(declaration)
    return strawberry.mutation(
        resolve, name=declaration.name, metadata=computed(MUTATION_COST), description=description
    )


def describe_mutation(declaration: CommandType) -> str:
    """Return what a mutation records, who may use it, and when it is refused with which code.

    Codes that any mutation can be refused with are described once, at the type `Mutation`.
    """
    refused = "; ".join(f"with `{code}` {condition}" for code, condition in refusal_conditions(declaration).items())
    return f"{declaration.description}\n{describe_permission(declaration)}\nRefused {refused}."


def describe_permission(declaration: CommandType) -> str:
    """Return a sentence on the roles that may use a mutation."""
    *others, last = [text for role, text in _ROLE_DESCRIPTIONS.items() if role in declaration.permitted]
    return f"Permitted to {', '.join(others)}{' and ' if others else ''}{last}."


def refusal_conditions(declaration: CommandType) -> dict[RefusalCode, str]:
    """Return code → when a mutation is refused with it, of the codes that are its own."""
    refusals = declaration.refusals
    conditions = {
        RefusalCode.NOT_FOUND: refusals.not_found,
        RefusalCode.INVALID: refusals.invalid,
        RefusalCode.CONFLICT: refusals.conflict,
    }
    return {code: condition for code, condition in conditions.items() if condition}


def _build_type(name: str, bases: tuple[type, ...], inputs: tuple[Input, ...], description: str) -> Any:
    """Return an input type; strawberry reads fields and their types from the attributes and annotations of a class."""
    attributes = {each.name: _build_field(each) for each in inputs}
    annotations = {each.name: _build_annotation(each) for each in inputs}
    cls = type(name, bases, {**attributes, "__annotations__": annotations, "__module__": __name__})
    return strawberry.input(cls, description=description)


def _build_field(declared: Input) -> Any:
    description = declared.description
    weight = weighs(item=ITEM_COST, max_items=MAX_ITEMS) if _is_list(declared) else {}
    if declared.is_required:
        return strawberry.field(metadata=weight, description=description)
    if isinstance(declared.default, Enum):
        return strawberry.field(default=declared.default, metadata=weight, description=description)
    if "omitted" not in description.lower() and "Default" not in description:
        description = f"{description} {_OMITTED}"
    if declared.is_clearable:
        description = f"{description} {_CLEARS}"
    return strawberry.field(default=strawberry.UNSET, metadata=weight, description=description)


def _is_list(declared: Input) -> bool:
    return get_origin(declared.type) is tuple or declared.type is TextListValue


def _build_annotation(declared: Input) -> Any:
    item = _graphql_type(declared, get_args(declared.type)[0] if get_origin(declared.type) is tuple else declared.type)
    annotation = list[item] if _is_list(declared) else item  # type: ignore[valid-type]  # strawberry reads it
    # With a default, too: a null is refused like that of any other input.
    return annotation if declared.is_required else annotation | None


def _graphql_type(declared: Input, item: Any) -> Any:
    """Return the type of an input, or of each of its items."""
    if declared.reference:
        return strawberry.ID if declared.reference.is_id else str
    if declared.item_inputs:
        return _build_type(f"{item.__name__}Input", (), declared.item_inputs, item.__doc__)
    if get_args(values.PartialDate)[1] in declared.annotations:
        return PartialDate
    if item in (bool, int) or (isinstance(item, type) and issubclass(item, Enum)):
        return item
    return FieldValue if get_origin(item) in (Union, UnionType) else str
