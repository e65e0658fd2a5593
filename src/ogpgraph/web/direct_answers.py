"""Finds the response to a query in memory: the one that was given before, or one that its compiled operation gives.

It is found by the functions of the endpoint and of the operation service, charged and scheduled like any other.
Whatever is out of the ordinary is not answered here, and nothing has happened then.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable
from functools import partial
from typing import Final, TypeVar

import msgspec
import structlog

from ogpgraph.graphql.context import Context
from ogpgraph.readmodel.bookmark import ANY_POSITION, Bookmark
from ogpgraph.readmodel.model import ModelState
from ogpgraph.readmodel.read_model import MemoryView
from ogpgraph.storage.waiting import WouldWait, waiting_refused
from ogpgraph.web.caching import NO_STORE, CacheHeaders, CacheKey, etag_matches
from ogpgraph.web.deadline import OperationCancelled
from ogpgraph.web.endpoint import PARSERS, find_cache_headers, is_cacheable
from ogpgraph.web.fair_queue import Client
from ogpgraph.web.known_operations import KnownOperation
from ogpgraph.web.loop_shares import LoopShares, LoopSlice
from ogpgraph.web.memory_reader import MemoryReader
from ogpgraph.web.operation_service import OperationService

T = TypeVar("T")

NOT_STORED: Final = CacheHeaders.of({"Cache-Control": NO_STORE})


class DirectQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A query as it was sent, for the response of which a client may have the entity tags of `if_none_match`."""

    client: Client
    method: str
    encoded: bytes
    media_type: str
    if_none_match: str | None
    at_least: Bookmark
    request_id: str


class DirectAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The response to a query: its body, or None if the client has it; headers for caches; where it was read."""

    body: bytes | None
    headers: CacheHeaders
    bookmark: Bookmark


class _UsedTime:
    """The time that a request has used on the event loop, without that in which others had it."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Return the time until now."""
        return time.perf_counter() - self._began

    async def pause(self, awaited: Awaitable[T]) -> T:
        """Return what is awaited; the time until then does not count."""
        paused = time.perf_counter()
        try:
            return await awaited
        finally:
            self._began += time.perf_counter() - paused


class DirectAnswers:
    """Answers queries on the event loop. Each client has its share of the time there."""

    def __init__(self, operations: OperationService, memory: MemoryReader) -> None:
        self._operations = operations
        self._memory = memory
        self._shares = LoopShares()

    def is_known(self, query: DirectQuery) -> bool:
        """Return whether a query was asked for before."""
        return self._operations.is_known((query.method, query.encoded))

    def find_at_once(self, query: DirectQuery, view: MemoryView) -> DirectAnswer | None:
        """Return the response to a query if it was given before, and is right in a view that was just confirmed."""
        if self._shares.is_used_up(query.client.network):
            return None
        used = _UsedTime()
        try:
            known = self._operations.recall((query.method, query.encoded), PARSERS[query.method])
            return self._repeat(query, known, view) if known is not None else None
        except (Exception, WouldWait):
            return None
        finally:
            self._charge(query.client, used)

    async def find(self, query: DirectQuery, view: MemoryView | None = None) -> DirectAnswer | None:
        """Return the response to a query, as of a view if one was confirmed after it arrived.

        None if the application has to answer it.
        """
        if self._shares.is_used_up(query.client.network):
            await self._shares.wait(query.client.network)
        used = _UsedTime()
        try:
            known = self._operations.recall((query.method, query.encoded), PARSERS[query.method])
            if known is None:
                return None
            view = view or self._memory.recall()
            if view is None:
                view = await used.pause(self._memory.confirm())
            return self._repeat(query, known, view) or await self._read(query, known, view, used)
        except (Exception, WouldWait, OperationCancelled):
            return None
        finally:
            self._charge(query.client, used)

    def _charge(self, client: Client, used: _UsedTime) -> None:
        seconds = used.seconds
        self._shares.add(client.network, seconds)
        self._operations.scheduler.charge_at_once(client, seconds)

    def _repeat(self, query: DirectQuery, known: KnownOperation, view: MemoryView) -> DirectAnswer | None:
        """Return the response that was given before. To pass the request on takes longer: it waits for nobody."""
        if (state := view.state) is None or query.at_least is not ANY_POSITION:
            return None
        headers = self._find_cache_headers(query, known, view, state)
        if unchanged := _find_unchanged(query, headers, state):
            return unchanged
        open_context = partial(self._memory.open, view, ANY_POSITION)
        body = self._operations.repeat(query.client, known, state, view.progress.record_version, open_context)
        return None if body is None else self._build_answer(query, known, body, headers, state)

    async def _read(
        self, query: DirectQuery, known: KnownOperation, view: MemoryView, used: _UsedTime
    ) -> DirectAnswer | None:
        """Return the response that the compiled operation gives."""
        if (state := view.state) is None:
            return None
        context = self._memory.open(view, query.at_least)
        headers = self._find_cache_headers(query, known, view, state)
        if unchanged := _find_unchanged(query, headers, state):
            return unchanged
        body = await self._execute_in_turn(query, known, context, used)
        return None if body is None else self._build_answer(query, known, body, headers, state)

    def _build_answer(
        self, query: DirectQuery, known: KnownOperation, body: bytes, headers: CacheHeaders, state: ModelState
    ) -> DirectAnswer:
        if known.deprecated and query.method == "GET":
            headers = headers.with_others(known.deprecated)
        return DirectAnswer(body=body, headers=headers, bookmark=state.bookmark)

    async def _execute_in_turn(
        self, query: DirectQuery, known: KnownOperation, context: Context, used: _UsedTime
    ) -> bytes | None:
        """Execute a query, behind those who wait for their turn and would go first; None if it is too large."""
        operations, scheduler = self._operations, self._operations.scheduler
        if not known.operation.document.backoff.may_try():
            return None
        if scheduler.may_go_at_once(query.client):
            return self._execute(query, known, context)
        turn = await used.pause(scheduler.take_turn(query.client, operations.start_deadline()))
        try:
            return self._execute(query, known, context)
        finally:
            scheduler.end_turn(turn)

    def _execute(self, query: DirectQuery, known: KnownOperation, context: Context) -> bytes | None:
        body: bytes | None = None
        bound = structlog.contextvars.bind_contextvars(request_id=query.request_id)
        try:
            with waiting_refused():
                body = self._operations.execute_at_once(query.client, known, context, LoopSlice())
        finally:
            structlog.contextvars.reset_contextvars(**bound)
            known.operation.document.backoff.note(succeeded=body is not None)
        self._operations.compare_later()
        return body

    def _find_cache_headers(
        self, query: DirectQuery, known: KnownOperation, view: MemoryView, state: ModelState
    ) -> CacheHeaders:
        """Return the headers for caches, which are the same for the same media type and state of the record."""
        if not is_cacheable(query.method, query.media_type, {}):
            return NOT_STORED
        read_from = state.bookmark, view.progress.record_version
        if (headers := known.find_cache_headers(query.media_type, read_from)) is not None:
            return headers
        asked = known.parameters
        key = CacheKey(asked.query, asked.operation_name, asked.variables, query.media_type, known.cost_limit)
        context = self._memory.open(view, ANY_POSITION)
        headers = CacheHeaders.of(find_cache_headers(self._operations, key, known.operation.document, context))
        known.cache_headers[query.media_type] = read_from, headers
        return headers


def _find_unchanged(query: DirectQuery, headers: CacheHeaders, state: ModelState) -> DirectAnswer | None:
    """Return the answer that the client has the response, if its entity tags say so."""
    if not headers.etag or not etag_matches(query.if_none_match, headers.etag):
        return None
    return DirectAnswer(body=None, headers=headers, bookmark=state.bookmark)
