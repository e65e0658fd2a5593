"""What caches may keep: an answer's ETag is made of all that the answer depends on, and of nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec
from graphql import FieldNode, IntValueNode, OperationDefinitionNode, VariableNode

# Short while it speaks of the present. Bounded too while it speaks of the past: a redaction may take words out of that.
PRESENT: Final = "public, max-age=5"
PAST: Final = "public, max-age=3600"
NOT_KEPT: Final = "no-store"
VARY: Final = "Accept, Authorization, X-At-Least-Position"
_TAGS: Final = re.compile(r'(?:W/)?("[^"]*")')
_encoder: Final = msgspec.json.Encoder(order="deterministic")


class Standing(msgspec.Struct, frozen=True):
    """What an answer depends on that the request does not say: which log (with its epochs) and schema; its position."""

    record: tuple[str | int, ...]
    position: int


class Question(msgspec.Struct, frozen=True):
    """What an answer depends on that the request says: the document, its operation, the variables, the media type.

    And what such a document may cost, which every answer tells.
    """

    text: str
    operation_name: str | None
    variables: Mapping[str, Any] | None
    media: str
    limit: int

    def etag(self, standing: Standing, pinned: int | None) -> str:
        """Return the ETag of the answer; `pinned` is the position that the document names itself, if it does.

        It is a weak one: the same answer may come compressed or not.
        """
        asked = (self.text, self.operation_name, self.variables or {}, self.media, self.limit)
        # A position that it names is in the document or its variables already.
        position = "named" if is_past(pinned, standing) else standing.position
        return f'W/"{sha256(_encoder.encode((asked, standing.record, position))).hexdigest()[:32]}"'


def is_past(pinned: int | None, standing: Standing) -> bool:
    """Tell whether the document speaks of the past only."""
    return pinned is not None and 1 <= pinned <= standing.position


def matches(if_none_match: str | None, etag: str) -> bool:
    """Tell whether a client has what an ETag stands for, weakly compared as If-None-Match is."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag.removeprefix("W/") in _TAGS.findall(if_none_match)


def headers_of(etag: str, *, past: bool) -> dict[str, str]:
    """Return the headers of an answer that may be kept."""
    return {"ETag": etag, "Cache-Control": PAST if past else PRESENT}


def pinned_position(operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> int | None:
    """Return the latest position that an operation reads, where all it asks is asked `at` positions it names itself."""
    positions = [_position(node, variables) for node in operation.selection_set.selections]
    named = [position for position in positions if position is not None]
    return max(named) if named and len(named) == len(positions) else None


def _position(node: object, variables: Mapping[str, Any]) -> int | None:
    if not isinstance(node, FieldNode) or node.name.value != "at":
        return None
    return _whole_number([(each.name.value, each.value) for each in node.arguments or ()], variables)


def _whole_number(arguments: Sequence[tuple[str, object]], variables: Mapping[str, Any]) -> int | None:
    if len(arguments) != 1 or arguments[0][0] != "position":
        return None
    value = arguments[0][1]
    if isinstance(value, IntValueNode):
        return int(value.value) if len(value.value) < 17 else None
    given = variables.get(value.name.value) if isinstance(value, VariableNode) else None
    return given if isinstance(given, int) and not isinstance(given, bool) else None
