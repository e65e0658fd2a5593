"""Subscriptions: what a client subscribes to, compiled once, and the result of its selection for each entry.

Results depend only on the subscription and the entry, so subscriptions with the same key share one execution for each
entry. Every entry is executed like a query: by the same executor, and within the same deadline.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Final, TypeVar, cast

import msgspec
from graphql import (
    ArgumentNode,
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    OperationType,
    VariableNode,
    Visitor,
    create_source_event_stream,
    visit,
)

from ogpgraph.graphql import subject
from ogpgraph.graphql.context import Context
from ogpgraph.graphql.deprecation import Deprecation
from ogpgraph.graphql.entry_filters import EntryFilter
from ogpgraph.graphql.executor import Executor
from ogpgraph.graphql.schema import EntrySubscription
from ogpgraph.readmodel.bookmark import ADVICE, Bookmark
from ogpgraph.readmodel.entry import Entry
from ogpgraph.readmodel.entry_query import EntryQuery
from ogpgraph.readmodel.error_codes import ReadErrorCode
from ogpgraph.readmodel.session import ReadSession
from ogpgraph.storage.damage import DamagedRecord
from ogpgraph.storage.database import StorageFailure
from ogpgraph.storage.log_identity import LogIdentity
from ogpgraph.web.cost_budget import cost_divisor
from ogpgraph.web.deadline import Deadline
from ogpgraph.web.document_cache import PreparedOperation, RequestErrors
from ogpgraph.web.error_codes import RequestErrorCode
from ogpgraph.web.errors import RequestRejected, report_failure
from ogpgraph.web.operation import OperationRunner, deprecation_extensions, format_result
from ogpgraph.web.request import RequestParameters

T = TypeVar("T")

ContextFactory = Callable[[ReadSession], Context]
_START_ARGUMENTS: Final = ("after", "cursor")


@dataclass(frozen=True)
class Subscription:
    """A validated subscription; those with the same key get the same payloads, whatever position they begin after."""

    key: str
    after: Bookmark | None
    where: EntryFilter | None
    operation: PreparedOperation
    parameters: RequestParameters

    @property
    def cost(self) -> int:
        """Return the most that the execution for one entry may be charged."""
        return self._charged(self.operation.costs.of_entry.total)

    def used_cost(self, objects: int) -> int:
        """Return what the execution for one entry is charged that made so many objects."""
        return self._charged(self.operation.costs.of_entry.used(objects))

    def _charged(self, cost: int) -> int:
        return max(1, cost // cost_divisor(self.parameters.document_id))

    def query(self, session: ReadSession) -> EntryQuery:
        """Return the query for the entries that pass the filter; what it names may come into being later."""
        return self.where.to_query(session.at_head(), is_lenient=True) if self.where else EntryQuery()


class SubscriptionCompiler:
    """Compiles requests to subscriptions, and prepares their execution."""

    def __init__(
        self,
        runner: OperationRunner,
        context: ContextFactory,
        *,
        deadline_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runner = runner
        self._context = context
        self._deadline_seconds = deadline_seconds
        self._clock = clock

    def compile(self, parameters: RequestParameters, deadline: Deadline) -> Subscription:
        """Return the subscription of a request; takes time, so call it in a worker thread. Raises RequestErrors."""
        operation = self._runner.prepare(parameters, deadline=deadline)
        assert operation.operation.operation is OperationType.SUBSCRIPTION
        arguments = _run_to_end(self._resolve_arguments(operation, parameters))
        key = _sharing_key(parameters, _start_variables(operation))
        return Subscription(key, arguments.after, arguments.where, operation, parameters)

    async def _resolve_arguments(
        self, operation: PreparedOperation, parameters: RequestParameters
    ) -> EntrySubscription:
        """Return the arguments of the subscription field, which its resolver yields as its only event."""
        started = create_source_event_stream(self._runner.create_executor(operation, parameters).core)
        stream = await started if isawaitable(started) else started
        if isinstance(stream, ExecutionResult):
            raise RequestErrors(stream.errors or [], code=RequestErrorCode.BAD_USER_INPUT)
        try:
            async for arguments in cast(AsyncIterator[EntrySubscription], stream):
                return arguments
        except GraphQLError as error:
            code = (error.extensions or {}).get("code", RequestErrorCode.BAD_USER_INPUT)
            raise RequestErrors([error], code=code) from error
        raise RequestErrors([GraphQLError("The subscription yields nothing.")], code=RequestErrorCode.BAD_USER_INPUT)

    def prepare_executor(self, subscription: Subscription, deadline: Deadline) -> SubscriptionExecutor:
        """Return a new executor of a subscription, which begins the deadline anew for each entry."""
        executor = self._runner.create_executor(subscription.operation, subscription.parameters)
        deadline.limit(self._deadline_seconds, self._clock)
        deprecations = self._runner.find_deprecations(subscription.operation, subscription.parameters.variables)
        return SubscriptionExecutor(subscription, self._runner, executor, self._context, deadline, deprecations)


class SubscriptionExecutor:
    """Executes the selection of a subscription for one entry after the other, each within the deadline.

    It is for the use of one thread, and holds on to the last session: keep none between reads.
    """

    def __init__(
        self,
        subscription: Subscription,
        runner: OperationRunner,
        executor: Executor,
        context: ContextFactory,
        deadline: Deadline,
        deprecations: Sequence[Deprecation],
    ) -> None:
        self.subscription = subscription
        self._runner = runner
        self._executor = executor
        self._context = context
        self._deadline = deadline
        extensions = deprecation_extensions(deprecations)
        self._members = {"extensions": extensions} if extensions else {}

    @property
    def used_cost(self) -> int:
        """Return what the last execution cost, by the objects that it made."""
        return self.subscription.used_cost(self._deadline.object_count)

    def begin(self, session: ReadSession) -> None:
        """Begin to read the entries of a batch, which has a deadline, too."""
        self._deadline.restart()
        self._deadline.apply_to(session)

    def encode_result(self, session: ReadSession, entry: Entry) -> bytes:
        """Return the JSON result for an entry; may block, so call it in a worker thread.

        Raises:
            RequestRejected: if the execution exceeds the deadline.
            StorageFailure: if the storage failed; the entry can be read again through another session.
        """
        self._deadline.restart()
        try:
            root_value = subject.Entry.of(entry, session.at(entry.position))
        except DamagedRecord as damaged:  # the client is told, and gets the entries that follow
            session.shared.damage.add([damaged])
            return msgspec.json.encode({**report_failure(damaged, f"entry-{entry.position}"), "data": None})
        result = self._runner.run(self._executor, self._context(session), self._deadline, root_value=root_value)
        session.shared.damage.add(error.original_error for error in result.errors or ())
        for error in result.errors or ():
            if isinstance(error.original_error, StorageFailure):
                raise error.original_error
        return msgspec.json.encode({**format_result(result, f"entry-{entry.position}"), **self._members})


def _run_to_end(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return the result of a coroutine that never waits: its only awaits are those of graphql-core's interface."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coroutine.close()
    raise TypeError("A subscription's resolver waits for something.")


def _sharing_key(parameters: RequestParameters, start_variables: Collection[str]) -> str:
    """Return the request as canonical JSON, without the variables in which clients differ only by where they begin."""
    variables = {name: value for name, value in (parameters.variables or {}).items() if name not in start_variables}
    request = [parameters.query, parameters.operation_name, variables]
    return msgspec.json.encode(request, order="deterministic").decode()


def _start_variables(operation: PreparedOperation) -> set[str]:
    """Return the variables that are used for one of the arguments `after` and `cursor`, and for nothing else."""
    names = {
        argument.value.name.value
        for field in operation.operation.selection_set.selections
        for argument in _arguments_of(field)
        if argument.name.value in _START_ARGUMENTS and isinstance(argument.value, VariableNode)
    }
    # Twice: in its declaration and in the argument.
    uses = _variable_uses(operation.document.ast)
    return {name for name in names if uses.count(name) == 2}


def _arguments_of(field: object) -> tuple[ArgumentNode, ...]:
    return tuple(getattr(field, "arguments", ()) or ())


def _variable_uses(document: DocumentNode) -> list[str]:
    visitor = _VariableCollector()
    visit(document, visitor)
    return visitor.names


class _VariableCollector(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        self.names.append(node.name.value)


def log_payload(identity: LogIdentity, bookmark: Bookmark) -> dict[str, object]:
    """Return the description of the log, and of where a stream begins, that the stream begins with."""
    return {
        "logId": identity.id,
        "position": bookmark.position,
        "root": bookmark.root,
        "cursor": str(bookmark),
    }


def require_same_log(identity: LogIdentity, cursor: Mapping[str, object] | None) -> None:
    """Raise RequestRejected if a request names a `logId` other than this log's."""
    if (cursor or {}).get("logId") not in (None, identity.id):
        raise RequestRejected(ReadErrorCode.OTHER_HISTORY, f"You were reading another log than this one. {ADVICE}")
