"""HTTP caching: an ETag is made of all that an answer depends on, and of nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec
from graphql import FieldNode, IntValueNode, OperationDefinitionNode, VariableNode

from ogpgraph.graphql.context import Context
from ogpgraph.web.deadline import Deadline

# Short while it speaks of the present. Bounded too while it speaks of the past: a redaction may take words out of that.
PRESENT_CACHE_CONTROL: Final = "public, max-age=5"
PAST_CACHE_CONTROL: Final = "public, max-age=3600"
NO_STORE: Final = "no-store"
VARY: Final = "Accept, Authorization, X-At-Least-Position"
_TAGS: Final = re.compile(r'(?:W/)?("[^"]*")')
_encoder: Final = msgspec.json.Encoder(order="deterministic")


class CacheVersion(msgspec.Struct, frozen=True):
    """What an answer depends on that the request does not say: which log (with its epochs) and schema; its position."""

    log_state: tuple[str | int, ...]
    position: int


class CacheKey(msgspec.Struct, frozen=True):
    """What an answer depends on that the request says: the document, its operation, the variables, the media type.

    And what such a document may cost, which every answer tells.
    """

    text: str
    operation_name: str | None
    variables: Mapping[str, Any] | None
    media_type: str
    cost_limit: int

    def etag(self, version: CacheVersion, pinned: int | None) -> str:
        """Return the ETag of the answer; `pinned` is the position that the document names itself, if it does.

        It is a weak one: the same answer may come compressed or not.
        """
        asked = (self.text, self.operation_name, self.variables or {}, self.media_type, self.cost_limit)
        # A position that it names is in the document or its variables already.
        position = "named" if is_past(pinned, version) else version.position
        return f'W/"{sha256(_encoder.encode((asked, version.log_state, position))).hexdigest()[:32]}"'


def is_past(pinned: int | None, version: CacheVersion) -> bool:
    """Tell whether the document speaks of the past only."""
    return pinned is not None and 1 <= pinned <= version.position


def etag_matches(if_none_match: str | None, etag: str) -> bool:
    """Tell whether a client has what an ETag stands for, weakly compared as If-None-Match is."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag.removeprefix("W/") in _TAGS.findall(if_none_match)


def cache_headers(etag: str, *, past: bool) -> dict[str, str]:
    """Return the headers of an answer that may be kept."""
    return {"ETag": etag, "Cache-Control": PAST_CACHE_CONTROL if past else PRESENT_CACHE_CONTROL}


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


class ReadSessionValidators:
    """Tells the executor of the contexts that the schema's resolvers see."""

    def cache_version(self, context: Context) -> CacheVersion:
        """Return the log, its epochs, projection and schema, and the position that the reading has pinned."""
        session = context.session
        log = session.read_log_identity()
        record = (log.id, log.epoch, log.redaction_epoch, session.projection_version, context.schema_version)
        return CacheVersion(record, session.head)

    def apply_deadline(self, context: Context, deadline: Deadline) -> None:
        """Have the database break off statements of the reading when the operation is to stop."""
        context.session.set_deadline(deadline.is_exceeded, deadline.seconds)
