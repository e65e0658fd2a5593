"""Operations that name the positions that they read: their responses never change within one history of the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from graphql import FieldNode, IntValueNode, OperationDefinitionNode, VariableNode

_MAX_POSITION_CHARACTERS: Final = 17


def pinned_position(operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> int | None:
    """Return the latest position that an operation reads, if all its root fields are `at` with a position.

    That is so unless a field below is read at the head, whatever the position (`volatile_fields.READS_HEAD`).
    """
    positions = [_position(node, variables) for node in operation.selection_set.selections]
    pinned = [position for position in positions if position is not None]
    return max(pinned) if pinned and len(pinned) == len(positions) else None


def _position(node: object, variables: Mapping[str, Any]) -> int | None:
    if not isinstance(node, FieldNode) or node.name.value != "at":
        return None
    return _position_argument([(each.name.value, each.value) for each in node.arguments or ()], variables)


def _position_argument(arguments: Sequence[tuple[str, object]], variables: Mapping[str, Any]) -> int | None:
    # A root beside it selects nothing else: it is that of the position, or the response is an error.
    others = [(name, value) for name, value in arguments if name != "root"]
    if len(others) != 1 or others[0][0] != "position":
        return None
    value = others[0][1]
    if isinstance(value, IntValueNode):
        return int(value.value) if len(value.value) < _MAX_POSITION_CHARACTERS else None
    variable = variables.get(value.name.value) if isinstance(value, VariableNode) else None
    return variable if isinstance(variable, int) and not isinstance(variable, bool) else None
