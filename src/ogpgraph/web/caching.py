"""HTTP caching: ETags and Cache-Control of responses.

An ETag is computed from everything that a response depends on and from nothing else, without executing the operation:
from the request (`CacheKey`), from the schema, and from the log and the position that is read (`CacheVersion`). So a
response that is still right is never sent twice, and one that is not is never taken for right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple, Self

import msgspec
from graphql import OperationDefinitionNode

from ogpgraph.graphql.context import Context
from ogpgraph.graphql.moments import pinned_position
from ogpgraph.readmodel.bookmark import Bookmark

PRESENT_CACHE_CONTROL: Final = "public, max-age=5"
# Bounded although the past does not change: a text may be removed from it.
PAST_CACHE_CONTROL: Final = "public, max-age=3600"
NO_STORE: Final = "no-store"
VARY: Final = "Accept, Authorization, X-At-Least-Position, X-At-Least-Root"
_ETAG: Final = "ETag"
_ENTITY_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')
_encoder: Final = msgspec.json.Encoder(order="deterministic")


class CacheHeaders(NamedTuple):
    """The headers of a response for caches: the entity tag, empty if it must not be stored, and the others."""

    etag: str
    others: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Self:
        """Return headers by their names."""
        return cls(headers.get(_ETAG, ""), tuple((name, value) for name, value in headers.items() if name != _ETAG))

    def as_dict(self) -> dict[str, str]:
        """Return all of them by their names."""
        return {**({_ETAG: self.etag} if self.etag else {}), **dict(self.others)}

    def with_others(self, headers: Mapping[str, str]) -> Self:
        """Return these and others."""
        return self._replace(others=(*self.others, *headers.items()))


class CacheVersion(msgspec.Struct, frozen=True):
    """What a response depends on besides the request: the log, its removed texts, projection, schema and position.

    The position comes with its root, so that the version of another history of the same log is another one.
    """

    log_state: tuple[str | int, ...]
    head: Bookmark


class CacheKey(msgspec.Struct, frozen=True):
    """What a response depends on in the request: document, operation, variables, media type.

    And the limit of cost for that document, which every response reports.
    """

    text: str
    operation_name: str | None
    variables: Mapping[str, Any] | None
    media_type: str
    cost_limit: int

    def etag(self, version: CacheVersion, pinned: Bookmark | None) -> str:
        """Return the ETag of the response; `pinned` is what `find_pinned` returns.

        It is a weak one, because the same response may be sent compressed or not.
        """
        key = (self.text, self.operation_name, self.variables or {}, self.media_type, self.cost_limit)
        # A pinned position is part of the document or its variables, so the response outlives the head.
        position = ("named", pinned.root) if pinned else version.head
        return f'W/"{sha256(_encoder.encode((key, version.log_state, position))).hexdigest()[:32]}"'


def cache_version(context: Context) -> CacheVersion:
    """Return what a response that is read in a context depends on besides the request."""
    session = context.session
    log = session.read_log_identity()
    log_state = (log.id, log.redaction_version, session.projection_version, context.schema_version)
    return CacheVersion(log_state, session.bookmark(session.head))


def find_pinned(context: Context, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> Bookmark | None:
    """Return the latest position that an operation reads, if it pins all and all are recorded.

    Its response does not change within one history, and the root at that position commits to all that it reads. None
    once a text was removed from the record: when it is stated again, past positions show it again.
    """
    if context.session.read_log_identity().redaction_version:
        return None
    position = pinned_position(operation, variables)
    is_past = position is not None and 1 <= position <= context.session.head
    return context.session.bookmark(position) if position is not None and is_past else None


def etag_matches(if_none_match: str | None, etag: str) -> bool:
    """Return whether an If-None-Match header matches an ETag, by weak comparison (RFC 9110, 13.1.2)."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag.removeprefix("W/") in _ENTITY_TAG.findall(if_none_match)


def cache_headers(etag: str, *, past: bool) -> dict[str, str]:
    """Return the headers of a response that caches may store."""
    return {_ETAG: etag, "Cache-Control": PAST_CACHE_CONTROL if past else PRESENT_CACHE_CONTROL}
