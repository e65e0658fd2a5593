"""What is followed: a validated subscription, the entries it asks for, and how one of them is put into words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, cast

import msgspec
import strawberry
from graphql import (
    ArgumentNode,
    DocumentNode,
    ExecutionResult,
    Executor,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    Visitor,
    create_source_event_stream,
    execute,
    visit,
)

from ogpgraph.graphql import types
from ogpgraph.graphql.filters import EntryFilter
from ogpgraph.graphql.schema import EntrySubscription
from ogpgraph.readmodel.entry import Entry
from ogpgraph.readmodel.queries import EntryQuery
from ogpgraph.readmodel.read_session import ReadSession
from ogpgraph.storage.database import ConnectionLost
from ogpgraph.storage.event_log import LogIdentity
from ogpgraph.web.document_cache import DocumentCache, RequestErrors
from ogpgraph.web.errors import RequestRejected, format_errors
from ogpgraph.web.request import RequestParameters

ContextFactory = Callable[[ReadSession], object]


@dataclass(frozen=True)
class Subscription:
    """One subscription. Those with the same key get the same payloads, whatever position they begin after."""

    key: str
    after: int | None
    where: EntryFilter | None
    document: DocumentNode
    parameters: RequestParameters

    def listing(self, reading: ReadSession) -> EntryQuery:
        """Return the list of entries it asks for."""
        return self.where.to_query(reading.at_head()) if self.where else EntryQuery()


class SubscriptionCompiler:
    """Makes topics of what clients ask, and payloads of entries."""

    def __init__(self, schema: strawberry.Schema, documents: DocumentCache, context: ContextFactory) -> None:
        self._core = schema._schema  # noqa: SLF001 - strawberry has no public way to graphql-core's schema
        self._documents = documents
        self._context = context

    async def compile(self, parameters: RequestParameters) -> Subscription:
        """Return what a subscription asks for; raises RequestErrors, for other operations too."""
        asked = self._documents.prepare(parameters.query, parameters.operation_name, parameters.variables)
        operation, document = asked.operation, asked.document.ast
        if operation.operation is not OperationType.SUBSCRIPTION:
            raise RequestErrors(
                [GraphQLError("Only subscriptions run over this transport.")], code="NOT_A_SUBSCRIPTION"
            )
        followed = await self._resolve_arguments(document, parameters)
        key = _sharing_key(parameters, _start_variable(operation, document))
        return Subscription(key, followed.after, followed.where, document, parameters)

    async def _resolve_arguments(self, document: DocumentNode, parameters: RequestParameters) -> EntrySubscription:
        executor = Executor.build(
            self._core, document, raw_variable_values=parameters.variables, operation_name=parameters.operation_name
        )
        if isinstance(executor, list):
            raise RequestErrors(executor, code="BAD_USER_INPUT")
        opened = create_source_event_stream(executor)
        stream = await opened if isawaitable(opened) else opened
        if isinstance(stream, ExecutionResult):
            raise RequestErrors(stream.errors or [], code="BAD_USER_INPUT")
        async for followed in cast(AsyncIterator[EntrySubscription], stream):
            return followed
        raise RequestErrors([GraphQLError("Nothing is followed.")], code="BAD_USER_INPUT")

    def encode_payload(self, topic: Subscription, reading: ReadSession, entry: Entry) -> bytes:
        """Return the result of a topic's selection on one entry, as JSON."""
        snapshot = reading.at(entry.position)
        result = execute(
            self._core,
            topic.document,
            root_value=types.Entry.of(entry, snapshot),
            context_value=self._context(reading),
            variable_values=topic.parameters.variables,
            operation_name=topic.parameters.operation_name,
        )
        if not isinstance(result, ExecutionResult):
            raise TypeError("a resolver is asynchronous; all of them must be synchronous")
        for error in result.errors or ():
            if isinstance(error.original_error, ConnectionLost):
                raise error.original_error  # not the entry's fault: whoever reads tries again
        told = {"errors": format_errors(result.errors, f"entry-{entry.position}")} if result.errors else {}
        return msgspec.json.encode({**told, "data": result.data})


def _sharing_key(parameters: RequestParameters, beginning: str | None) -> str:
    variables = {name: value for name, value in sorted((parameters.variables or {}).items()) if name != beginning}
    said = [parameters.query, parameters.operation_name, variables]
    return msgspec.json.encode(said, order="deterministic").decode()


def _start_variable(operation: OperationDefinitionNode, document: DocumentNode) -> str | None:
    """Return the variable that says where to begin, if it says nothing else."""
    uses: list[str] = []

    class Uses(Visitor):
        def enter_variable(self, node: VariableNode, *_: Any) -> None:
            uses.append(node.name.value)

    visit(document, Uses())
    names = [
        argument.value.name.value
        for field in operation.selection_set.selections
        for argument in _arguments_of(field)
        if argument.name.value == "after" and isinstance(argument.value, VariableNode)
    ]
    # Once where it is declared, once where it is used.
    return names[0] if len(names) == 1 and uses.count(names[0]) == 2 else None


def _arguments_of(field: object) -> tuple[ArgumentNode, ...]:
    return tuple(getattr(field, "arguments", ()) or ())


def log_payload(identity: LogIdentity, position: int) -> dict[str, object]:
    """Return what a stream says of its log at the beginning."""
    return {"logId": identity.id, "epoch": identity.epoch, "position": position}


def require_same_log(identity: LogIdentity, given: Mapping[str, object] | None) -> None:
    """Raise RequestRejected where `logId` or `epoch` of a cursor are said, and not those of this log."""
    log, epoch = (given or {}).get("logId"), (given or {}).get("epoch")
    if log not in (None, identity.id):
        raise RequestRejected(400, "This cursor is of another log: begin anew, without one.", code="OTHER_LOG")
    if epoch is not None and str(epoch) != str(identity.epoch):
        raise RequestRejected(
            400,
            "The log was restored since, and goes on otherwise: entries that you have may be gone. Begin anew.",
            code="OTHER_EPOCH",
        )
