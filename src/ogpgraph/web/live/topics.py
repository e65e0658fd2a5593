"""What is followed: a validated subscription, the entries it asks for, and how one of them is put into words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
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

from ogpgraph.graphql.entry import entry_node
from ogpgraph.graphql.inputs import EntryFilter
from ogpgraph.graphql.subscription import Followed
from ogpgraph.readmodel.entry import Entry
from ogpgraph.readmodel.lists import EntryListing
from ogpgraph.readmodel.model import Reading
from ogpgraph.storage.database import Lost
from ogpgraph.web.masking import told_or_masked
from ogpgraph.web.parameters import Parameters
from ogpgraph.web.prepared import Documents, RequestErrors

ContextOf = Callable[[Reading], object]


@dataclass(frozen=True)
class Topic:
    """One subscription. Those with the same key get the same payloads, whatever position they begin after."""

    key: str
    after: int | None
    where: EntryFilter | None
    document: DocumentNode
    parameters: Parameters

    def listing(self, reading: Reading) -> EntryListing:
        """Return the list of entries it asks for."""
        return self.where.listing(reading.now()) if self.where else EntryListing()


class Topics:
    """Makes topics of what clients ask, and payloads of entries."""

    def __init__(self, schema: strawberry.Schema, documents: Documents, context: ContextOf) -> None:
        self._core = schema._schema  # noqa: SLF001 - strawberry has no public way to graphql-core's schema
        self._documents = documents
        self._context = context

    async def topic(self, parameters: Parameters) -> Topic:
        """Return what a subscription asks for; raises RequestErrors, for other operations too."""
        asked = self._documents.prepare(parameters.query, parameters.operation_name, parameters.variables)
        operation, document = asked.operation, asked.prepared.document
        if operation.operation is not OperationType.SUBSCRIPTION:
            raise RequestErrors(
                [GraphQLError("Only subscriptions run over this transport.")], code="NOT_A_SUBSCRIPTION"
            )
        followed = await self._followed(document, parameters)
        key = _key(parameters, _beginning(operation, document))
        return Topic(key, followed.after, followed.where, document, parameters)

    async def _followed(self, document: DocumentNode, parameters: Parameters) -> Followed:
        executor = Executor.build(
            self._core, document, raw_variable_values=parameters.variables, operation_name=parameters.operation_name
        )
        if isinstance(executor, list):
            raise RequestErrors(executor, code="BAD_USER_INPUT")
        opened = create_source_event_stream(executor)
        stream = await opened if isawaitable(opened) else opened
        if isinstance(stream, ExecutionResult):
            raise RequestErrors(stream.errors or [], code="BAD_USER_INPUT")
        async for followed in cast(AsyncIterator[Followed], stream):
            return followed
        raise RequestErrors([GraphQLError("Nothing is followed.")], code="BAD_USER_INPUT")

    def payload(self, topic: Topic, reading: Reading, entry: Entry) -> bytes:
        """Return the result of a topic's selection on one entry, as JSON."""
        snapshot = reading.at(entry.position)
        result = execute(
            self._core,
            topic.document,
            root_value=entry_node(entry, snapshot),
            context_value=self._context(reading),
            variable_values=topic.parameters.variables,
            operation_name=topic.parameters.operation_name,
        )
        if not isinstance(result, ExecutionResult):
            raise TypeError("a resolver is asynchronous; all of them must be synchronous")
        for error in result.errors or ():
            if isinstance(error.original_error, Lost):
                raise error.original_error  # not the entry's fault: whoever reads tries again
        told = {"errors": told_or_masked(result.errors, f"entry-{entry.position}")} if result.errors else {}
        return msgspec.json.encode({**told, "data": result.data})


def _key(parameters: Parameters, beginning: str | None) -> str:
    variables = {name: value for name, value in sorted((parameters.variables or {}).items()) if name != beginning}
    said = [parameters.query, parameters.operation_name, variables]
    return msgspec.json.encode(said, order="deterministic").decode()


def _beginning(operation: OperationDefinitionNode, document: DocumentNode) -> str | None:
    """Return the variable that says where to begin, if it says nothing else."""
    uses: list[str] = []

    class Uses(Visitor):
        def enter_variable(self, node: VariableNode, *_: Any) -> None:
            uses.append(node.name.value)

    visit(document, Uses())
    names = [
        argument.value.name.value
        for field in operation.selection_set.selections
        for argument in _arguments(field)
        if argument.name.value == "after" and isinstance(argument.value, VariableNode)
    ]
    # Once where it is declared, once where it is used.
    return names[0] if len(names) == 1 and uses.count(names[0]) == 2 else None


def _arguments(field: object) -> tuple[ArgumentNode, ...]:
    return tuple(getattr(field, "arguments", ()) or ())
