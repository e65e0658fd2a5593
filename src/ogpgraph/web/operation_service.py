"""Queries and mutations of all transports: found by a document or its hash, prepared, charged, and executed in time.

The HTTP endpoint and WebSockets use the one `OperationService` of a process. So an operation has the same executor,
cost, rate limit, deadline and rights, however it was sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from hashlib import sha256
from typing import Any, Final, TypeVar

import msgspec
import strawberry
from graphql import ExecutionResult, GraphQLError, OperationType
from starlette.requests import HTTPConnection

from ogpgraph.graphql.context import Context
from ogpgraph.graphql.deprecation import Deprecation, deprecation_headers
from ogpgraph.readmodel.kept_responses import RecordVersion
from ogpgraph.readmodel.model import ModelState
from ogpgraph.web.cost_budget import CostBudget, cost_divisor
from ogpgraph.web.deadline import MAX_RESPONSE_BYTES, Deadline, OperationCancelled
from ogpgraph.web.document_cache import DocumentLimits, PreparedOperation, RequestErrors
from ogpgraph.web.error_codes import RequestErrorCode
from ogpgraph.web.errors import bad_request, deadline_exceeded, response_too_large
from ogpgraph.web.fair_queue import Client
from ogpgraph.web.held_bytes import HeldBytes, HoldLimits
from ogpgraph.web.known_operations import KnownOperation, KnownOperations, RequestKey
from ogpgraph.web.middleware import caller_of
from ogpgraph.web.operation import OperationRunner, deprecation_extensions, format_result
from ogpgraph.web.persisted_documents import PersistedQuery, find_document
from ogpgraph.web.request import BodyLimits, RequestParameters
from ogpgraph.web.scheduler import Scheduler, SchedulerLimits
from ogpgraph.web.shadow_check import ShadowCheck
from ogpgraph.web.sliced_json import encode_sliced

T = TypeVar("T")

OpenContext = Callable[[HTTPConnection], AbstractContextManager[Context]]
"""Opens the context that the resolvers of one operation share; called, entered and left in a worker thread."""


class ExecutionLimits(msgspec.Struct, frozen=True):
    """The time and the bytes of one operation, how operations take turns, and what a client may use in a minute."""

    deadline_seconds: float = 10.0
    cost_per_minute: int = 20_000_000
    response_bytes: int = MAX_RESPONSE_BYTES
    held: HoldLimits = HoldLimits()
    scheduler: SchedulerLimits = SchedulerLimits()


class WebLimits(msgspec.Struct, frozen=True):
    """The limits of one request: of its body, its document and its execution."""

    body: BodyLimits = BodyLimits()
    document: DocumentLimits = DocumentLimits()
    execution: ExecutionLimits = ExecutionLimits()


DEFAULT_LIMITS: Final = WebLimits()


class OperationCall(msgspec.Struct):
    """One operation that a client asks for; every response reports `cost` and `cost_limit`, which are set on the way.

    `connection` is the request, or the WebSocket, with the caller and the id of the operation in its state.
    """

    connection: HTTPConnection
    request_id: str
    deadline: Deadline
    cost_limit: int
    cost: int = 0

    @property
    def client(self) -> Client:
        """Return the client that the operation is scheduled and charged for."""
        return client_of(self.connection)

    @property
    def extensions(self) -> dict[str, object]:
        """Return the extensions of every response."""
        return cost_extensions(self.cost, self.cost_limit)


class Execution(msgspec.Struct, frozen=True):
    """The result of an execution, and its payload, in which unexpected errors are masked.

    One that `is_behind` does not show everything that is recorded. `deprecations` are the deprecated parts of the
    schema that the operation used.
    """

    result: ExecutionResult
    payload: dict[str, object]
    is_behind: bool
    deprecations: tuple[Deprecation, ...]

    @property
    def extensions(self) -> dict[str, object]:
        """Return what the response says of itself, besides its cost."""
        behind = {"behind": True} if self.is_behind else {}
        return {**behind, **deprecation_extensions(self.deprecations)}


class OperationService:
    """Executes the queries and mutations of a process.

    All methods but `in_turn` may block, apart from those for queries that are executed at once. `clock` gives seconds
    that never go back.

    Raises:
        ValueError: if the schema has strawberry extensions or operation directives, which would not be executed.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        open_context: OpenContext,
        limits: WebLimits = DEFAULT_LIMITS,
        *,
        persisted_documents: Mapping[str, str] | None = None,
        scheduler: Scheduler | None = None,
        budget: CostBudget | None = None,
        shadow_check: ShadowCheck | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self.open_context = open_context
        self.runner = OperationRunner(schema, limits.document)
        self._persisted_documents = persisted_documents or {}
        self.scheduler = scheduler or Scheduler(limits.execution.scheduler)
        self._budget = budget or CostBudget(limits.execution.cost_per_minute, clock)
        self._shadow_check = shadow_check
        self._clock = clock
        self.held = HeldBytes(limits.execution.held)
        self._known = KnownOperations()

    @property
    def cost_limit(self) -> int:
        """Return the largest cost of an operation whose document is not a persisted one."""
        return self.limits.document.query.cost

    def start_deadline(self) -> Deadline:
        """Return the deadline of an operation that begins now."""
        execution = self.limits.execution
        return Deadline(execution.deadline_seconds, self._clock, max_characters=execution.response_bytes)

    async def in_turn(self, call: OperationCall, function: Callable[..., T], *arguments: Any, size: int = 0) -> T:
        """Call a function in a worker thread, when it is the client's turn, and return its result.

        Raises:
            RequestRejected: as `Scheduler.run` does.
        """
        result = await self.scheduler.run(call.client, function, *arguments, deadline=call.deadline, size=size)
        self.compare_later()
        return result

    def compare_later(self) -> None:
        """Have an answer that was chosen compared with graphql-core's, once nobody waits; called on the event loop."""
        if self._shadow_check is not None:
            self._shadow_check.compare_later(self.scheduler)

    def find_document(self, parameters: RequestParameters) -> RequestParameters:
        """Return the parameters with the text of the document that they name by its id or hash, if they do.

        Raises:
            RequestRejected: 400, if the id or hash is malformed, or there is no document of that id.
            RequestErrors: if there is no document of that hash: the client sends it, then.
        """
        if parameters.document_id is not None:
            text = find_document(self._persisted_documents, parameters.document_id)
            return msgspec.structs.replace(parameters, query=text)
        requested = PersistedQuery.requested_by(parameters.extensions)
        if requested is None:
            return parameters
        if parameters.query:
            if requested.is_supported and requested.hash != sha256(parameters.query.encode()).hexdigest():
                raise bad_request("`extensions.persistedQuery.sha256Hash` is not the SHA-256 of `query`.")
            return parameters
        if not requested.is_supported:
            raise _request_error("PersistedQueryNotSupported", RequestErrorCode.PERSISTED_QUERY_NOT_SUPPORTED)
        id_ = f"sha256:{requested.hash}"
        if id_ in self._persisted_documents:
            return msgspec.structs.replace(parameters, query=self._persisted_documents[id_], document_id=id_)
        cached = self.runner.documents.find_by_hash(requested.hash)
        if cached is None:
            raise _request_error("PersistedQueryNotFound", RequestErrorCode.PERSISTED_QUERY_NOT_FOUND)
        return msgspec.structs.replace(parameters, query=cached)

    def is_subscription(self, parameters: RequestParameters) -> bool:
        """Return whether parameters, whose document was found, ask for a subscription; False if that is not known."""
        try:
            kind = self.runner.documents.find_kind(parameters.query, parameters.operation_name)
        except RequestErrors:
            return False
        return kind is OperationType.SUBSCRIPTION

    def prepare(self, call: OperationCall, parameters: RequestParameters) -> PreparedOperation:
        """Return the operation that parameters, whose document was found, ask for; sets the cost of the call.

        Raises:
            RequestErrors: if the document is invalid, has no such operation, or asks for too much.
            RequestRejected: 504 at the deadline.
        """
        call.cost_limit = self._cost_limit_of(parameters)
        try:
            operation = self.runner.prepare(parameters, max_cost=call.cost_limit, deadline=call.deadline)
        except RequestErrors as invalid:
            call.cost = invalid.cost
            raise
        call.cost = operation.cost
        return operation

    def execute(
        self, call: OperationCall, operation: PreparedOperation, parameters: RequestParameters, context: Context
    ) -> Execution:
        """Execute an operation, and charge its caller for it.

        Raises:
            RequestErrors: if a variable cannot be coerced.
            RequestRejected: 429, if the caller's budget is spent; 504 at the deadline.
        """
        divisor, client = cost_divisor(parameters.document_id), call.client
        charged = self._charge(client, operation, divisor)
        try:
            executor = self.runner.create_executor(operation, parameters)
            result = self.runner.run(executor, context, call.deadline)
            context.session.shared.damage.add(error.original_error for error in result.errors or ())
            payload = format_result(result, call.request_id)
            data: object = result.data
            is_query = operation.operation.operation is OperationType.QUERY
            # By a compiled operation.
            if is_query and isinstance(data, msgspec.Raw) and self.is_to_be_compared(operation):
                self._note_executed(operation, parameters, context, bytes(data))
        finally:
            used = _used_cost(operation, divisor, call.deadline)
            self._budget.refund(client, max(0, charged - used))
        deprecations = self.runner.find_deprecations(operation, parameters.variables)
        return Execution(result, payload, context.session.is_behind, deprecations)

    def is_to_be_compared(self, operation: PreparedOperation) -> bool:
        """Return whether the answer to a query that has just come is to be compared with graphql-core's."""
        return self._shadow_check is not None and self._shadow_check.chooses(operation)

    def _note_executed(
        self, operation: PreparedOperation, parameters: RequestParameters, context: Context, data: bytes
    ) -> None:
        if self._shadow_check is not None:
            self._shadow_check.note(self.runner.documents, parameters, operation, context.session, data)

    def _cost_limit_of(self, parameters: RequestParameters) -> int:
        return self.cost_limit if parameters.document_id is None else self.limits.document.query.persisted_cost

    def _charge(self, client: Client, operation: PreparedOperation, divisor: int) -> int:
        """Charge a client for an operation as it may cost; returns what was charged."""
        charged = max(1, operation.cost // divisor)
        self._budget.charge(client, charged)
        return charged

    # Queries that are executed at once, on the event loop

    def is_known(self, key: RequestKey) -> bool:
        """Return whether the query that a request asks for was prepared before, and may still be known."""
        return key in self._known

    def recall(self, key: RequestKey, parse: Callable[[bytes], RequestParameters]) -> KnownOperation | None:
        """Return the query that a request asks for, prepared; None if its document is not known, or it is no query.

        Raises:
            RequestErrors, RequestRejected: as `find_document`, `prepare` and `execute` do.
        """
        if (known := self._known.get(key)) is None and (known := self._prepare_known(parse(key[1]))) is not None:
            self._known.put(key, known)
        return known

    def _prepare_known(self, named: RequestParameters) -> KnownOperation | None:
        parameters = self.find_document(named)
        document = self.runner.documents.get(parameters.query)
        if document is None or document.compiled is None:
            return None
        cost_limit = self._cost_limit_of(parameters)
        operation = self.runner.prepare(parameters, max_cost=cost_limit)
        if operation.operation.operation is not OperationType.QUERY:
            return None
        deprecations = self.runner.find_deprecations(operation, parameters.variables)
        extensions = {**cost_extensions(operation.cost, cost_limit), **deprecation_extensions(deprecations)}
        return KnownOperation(
            parameters=parameters,
            operation=operation,
            executor=self.runner.create_executor(operation, parameters),
            cost_limit=cost_limit,
            cost=max(1, operation.cost // cost_divisor(parameters.document_id)),
            deprecated=deprecation_headers(deprecations),
            extensions=msgspec.json.encode(extensions),
        )

    def execute_at_once(
        self, client: Client, known: KnownOperation, context: Context, deadline: Deadline
    ) -> bytes | None:
        """Return the response to a query, and charge its client for it; None if it is too large.

        Raises:
            Exception: if anything went wrong. Nothing is charged then, and `execute` says what it is.
            OperationCancelled, WouldWait: at the deadline, and where it needs what is not in memory; likewise.
        """
        operation, divisor, used = known.operation, cost_divisor(known.parameters.document_id), 0
        self._budget.charge(client, known.cost)
        try:
            deadline.apply_to(context.session)
            data = known.executor.run_compiled(context, check_deadline=deadline, count_objects=deadline.count_objects)
            response = _join_response(data, known)
            if len(response) > self.limits.execution.response_bytes:
                return None
            used = _used_cost(operation, divisor, deadline)
            if self.is_to_be_compared(operation):
                self._note_executed(operation, known.parameters, context, data)
            return response
        finally:
            self._budget.refund(client, max(0, known.cost - used))

    def repeat(
        self,
        client: Client,
        known: KnownOperation,
        state: ModelState,
        record_version: RecordVersion,
        open_context: Callable[[], Context],
    ) -> bytes | None:
        """Return the response to a query that was given before, and charge its client for it.

        None if it is not right at a state of the model. `open_context` opens a context at that state, where it is to be
        compared. Raises RequestRejected (429), if the client's budget is spent.
        """
        kept = known.executor.find_kept(state, record_version)
        if kept is None or kept.characters > MAX_RESPONSE_BYTES:
            return None
        response = _join_response(kept.data, known)
        if len(response) > self.limits.execution.response_bytes:
            return None
        divisor = cost_divisor(known.parameters.document_id)
        self._budget.charge(client, known.cost, 1 + known.operation.costs.used(kept.objects) // divisor)
        if self.is_to_be_compared(known.operation):
            self._note_executed(known.operation, known.parameters, open_context(), kept.data)
            self.compare_later()
        return response

    def encode(self, call: OperationCall, payload: Mapping[str, object]) -> bytes:
        """Return a payload as JSON. That of a mutation may have any size: what was recorded must be reported.

        Raises:
            RequestRejected: 400, if it has more bytes than a response may have; 504 at the deadline.
        """
        try:
            encoded = encode_sliced(payload, call.deadline.check)
        except OperationCancelled:
            raise deadline_exceeded() from None
        max_bytes = self.limits.execution.response_bytes
        if len(encoded) > max_bytes and not call.deadline.is_disabled:
            raise response_too_large(max_bytes)
        return encoded

    def respond(self, call: OperationCall, parameters: RequestParameters) -> bytes:
        """Return the response to a query or mutation, whose document was found, with its extensions, as JSON.

        Raises:
            RequestErrors, RequestRejected: as `prepare`, `execute` and `encode` do.
        """
        operation = self.prepare(call, parameters)
        with self.open_context(call.connection) as context:
            execution = self.execute(call, operation, parameters, context)
        extensions = {**call.extensions, **execution.extensions}
        return self.encode(call, {**execution.payload, "extensions": extensions})


def cost_extensions(cost: int, cost_limit: int) -> dict[str, object]:
    """Return the extensions that say what an operation may cost, and what it might."""
    return {"cost": {"requested": cost, "limit": cost_limit}}


def _join_response(data: bytes, known: KnownOperation) -> bytes:
    return b"".join((b'{"data":', data, b',"extensions":', known.extensions, b"}"))


def _used_cost(operation: PreparedOperation, divisor: int, deadline: Deadline) -> int:
    return 1 + operation.costs.used(deadline.object_count) // divisor


def client_of(connection: HTTPConnection) -> Client:
    """Return the client that sends a request, or has opened a WebSocket."""
    caller = caller_of(connection)
    return Client.of(caller.address, caller.account)


def _request_error(message: str, code: RequestErrorCode) -> RequestErrors:
    return RequestErrors([GraphQLError(message)], code=code)
