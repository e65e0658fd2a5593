"""Queries that were prepared before, by the exact bytes that ask for them: the same bytes are not prepared twice.

What is known of them does not depend on the record or on the client. They are kept with their documents, so that they
are dropped with these; their own number is bounded by the bytes of the requests.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from typing import Final

import msgspec

from ogpgraph.graphql.deprecation import Deprecation
from ogpgraph.graphql.executor import Executor
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

    Several threads must not run the executor at a time, except for `run_compiled`.
    """

    parameters: RequestParameters
    operation: PreparedOperation
    executor: Executor
    cost_limit: int
    deprecations: tuple[Deprecation, ...]
    extensions: bytes


class KnownOperations:
    """The queries that were asked for most recently. Used on one event loop."""

    def __init__(self, max_bytes: int = MAX_KNOWN_BYTES) -> None:
        self._free_bytes = max_bytes
        self._documents: OrderedDict[RequestKey, weakref.ref[ValidatedDocument]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._documents)

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
