"""Queries that were prepared before, by the exact bytes that ask for them: the same bytes are not prepared twice.

What is known of them does not depend on the record or on the client. They are kept with their documents, so that they
are dropped with these; their own number is bounded by the bytes of the requests.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Final

import msgspec

from ogpgraph.graphql.executor import Executor
from ogpgraph.web.caching import CacheHeaders
from ogpgraph.web.document_cache import PreparedOperation, ValidatedDocument
from ogpgraph.web.request import RequestParameters

MAX_KNOWN_BYTES: Final = 1 << 20
"""The bytes of all requests that are remembered. What is known of one takes some ten times as many."""
_ENTRY_BYTES: Final = 500
"""What each one counts in addition."""

RequestKey = tuple[str, bytes]
"""The method of a request, and its query string or body."""


class KnownOperation(msgspec.Struct, frozen=True, kw_only=True):
    """A query with its variables, prepared. `extensions` are those of each response, as JSON.

    `cost` is what a client must have left of its budget. `deprecated` are headers of the response to a GET, and so are
    `cache_headers`, by media type, with what they depend on besides the request.

    Several threads must not run the executor at a time, except for `run_compiled`.
    """

    parameters: RequestParameters
    operation: PreparedOperation
    executor: Executor
    cost_limit: int
    cost: int
    deprecated: Mapping[str, str]
    extensions: bytes
    cache_headers: dict[str, tuple[Hashable, CacheHeaders]] = {}

    def find_cache_headers(self, media_type: str, read_from: Hashable) -> CacheHeaders | None:
        """Return the headers for caches that were kept for the same media type and the same state of the record."""
        found = self.cache_headers.get(media_type)
        return found[1] if found is not None and found[0] == read_from else None


class KnownOperations:
    """The queries that were asked for most recently. Used on one event loop."""

    def __init__(self) -> None:
        self._free_bytes = MAX_KNOWN_BYTES
        self._documents: OrderedDict[RequestKey, weakref.ref[ValidatedDocument]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._documents)

    def __contains__(self, key: RequestKey) -> bool:
        return key in self._documents

    def get(self, key: RequestKey) -> KnownOperation | None:
        """Return what is known of a request."""
        reference = self._documents.get(key)
        if reference is None:
            return None
        self._documents.move_to_end(key)
        document = reference()
        return document.known.get(key) if document else None

    def put(self, key: RequestKey, known: KnownOperation) -> None:
        """Remember what is known of a request, and forget others if there is too much."""
        if key not in self._documents:
            self._free_bytes -= _size(key)
        self._documents[key] = weakref.ref(known.operation.document)
        known.operation.document.known[key] = known
        while self._free_bytes < 0:
            dropped, reference = self._documents.popitem(last=False)
            self._free_bytes += _size(dropped)
            if document := reference():
                document.known.pop(dropped, None)


def _size(key: RequestKey) -> int:
    return len(key[1]) + _ENTRY_BYTES
