"""One record, served by compiled operations and by graphql-core without any cache: their responses must agree."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from graphql import DocumentNode, OperationType, parse

from ogpgraph.graphql import subject
from ogpgraph.graphql.compiled.operation import CompiledOperations
from ogpgraph.graphql.context import Context
from ogpgraph.graphql.executor import CoreExecutor, Executor, VariableErrors, core_schema
from ogpgraph.graphql.query_limits import QueryLimits
from ogpgraph.graphql.schema import build_schema
from ogpgraph.readmodel.projection import query_progress
from ogpgraph.readmodel.session import ReadSession
from ogpgraph.system import System, open_system
from ogpgraph.web.document_cache import DocumentCache, DocumentLimits, RequestErrors
from tests.graphql.random_operations import Operation, RandomOperations
from tests.graphql.random_values import HARVEST, RandomValues
from tests.graphql.random_writes import SetClock
from tests.graphql.reachable import list_reachable
from tests.graphql.shrinking import shrink

SCHEMA = build_schema()
CORE_SCHEMA = core_schema(SCHEMA)
_documents = DocumentCache(CORE_SCHEMA, DocumentLimits(query=QueryLimits(cost=30_000), cached_characters=1))
Variables = dict[str, Any]


def find_valid(text: str) -> DocumentNode | None:
    """Return the document in a text, as the server prepares it, or None where the server would refuse it."""
    try:
        return _documents.prepare(text, "Q" if "query Other" in text else None).document.ast
    except RequestErrors:
        return None


class BothWays:
    """A system whose responses are compared with those of graphql-core on another system of the same database.

    `compared` is the number of responses that were.
    """

    def __init__(self, system: System, url: str, clock: SetClock, seed: int) -> None:
        self.system = system
        self._url = url
        self._clock = clock
        self._compiled: dict[str, CompiledOperations] = {}
        self.chance = random.Random(seed)
        self.values = RandomValues(self.chance)
        self.operations = RandomOperations(CORE_SCHEMA, seed, self.values, find_valid)
        self.compared = self._without_core = 0

    @property
    def compiled_share(self) -> float:
        """Return the share of the responses that came without graphql-core."""
        return self._without_core / self.compared

    def learn_values(self) -> None:
        """Have new operations ask for what the record has now."""
        with self.system.read_session() as session:
            variables = {"at": max(1, session.head // 2), "date": self.chance.choice(("2016", "2021-04-02", "2026-03"))}
            executor = CoreExecutor.prepare(SCHEMA, parse(HARVEST), variables)
            result = executor.run(Context(session, "1"), check_deadline=lambda: None)
        assert not result.errors, result.errors
        self.values.learn(result.data)

    def generate(
        self, number: int, *, variable_sets: int = 3, kind: OperationType = OperationType.QUERY
    ) -> list[Operation]:
        """Return new operations."""
        return list(self.operations.generate(number, variable_sets=variable_sets, kind=kind))

    @contextmanager
    def open_oracle(self) -> Iterator[System]:
        """Open another system of the database, which has read nothing yet."""
        with open_system(self._url, clock=self._clock) as oracle:
            yield oracle

    def compare_all(self, operations: list[Operation]) -> None:
        """Compare the responses to all sets of variables of some operations, in any order."""
        requests = [(operation, variables) for operation in operations for variables in operation.variables]
        self.chance.shuffle(requests)
        with self.open_oracle() as oracle:
            for operation, variables in requests:
                self.compare(operation, variables, oracle)

    def compare_subscriptions(self, subscriptions: list[Operation]) -> None:
        """Compare what some subscriptions deliver of a few entries, in any order."""
        with self.system.read_session() as session:
            positions = range(1, session.head + 1)
        entries = [
            (each, variables, position)
            for each in subscriptions
            for variables in each.variables
            for position in (positions[-1], self.chance.choice(positions))
        ]
        self.chance.shuffle(entries)
        with self.open_oracle() as oracle:
            for subscription, variables, position in entries:
                self.compare(subscription, variables, oracle, position)

    def compare(self, operation: Operation, variables: Variables, oracle: System, position: int | None = None) -> None:
        """Compare the responses to one request; where they differ, the message has a small document that shows it.

        A subscription is executed for the entry at a position.
        """
        found, needed_core = self.respond_compiled(operation, variables, position)
        expected = respond_by_core(oracle, operation, variables, position)
        self.compared += 1
        self._without_core += not needed_core
        assert found == expected, self._explain(operation, variables, oracle, position)

    def find_difference_in_session(
        self, operation: Operation, variables: Variables, *, meanwhile: Callable[[], None] = lambda: None
    ) -> str | None:
        """Return a request if graphql-core gives another response to it in the same session, otherwise None.

        `meanwhile` is called between the two. A text that is removed meanwhile may be in the first response and not in
        the second: that is no difference. A session that has read all from memory begins its transaction later.
        """
        with self.system.read_session() as session:
            found, _ = self.respond_in(session, operation, variables)
            meanwhile()
            same = found == respond_by_core_in(session, operation, variables)
            is_removed = (
                query_progress(self.system.database).redaction_version != session.log_identity.redaction_version
            )
        return None if same or is_removed else f"{operation.text}\nwith {variables}"

    def find_never_asked(self) -> set[str]:
        """Return the fields, arguments and input fields that no operation has asked for."""
        return list_reachable(CORE_SCHEMA) - self.operations.asked.keys() - self.values.asked.keys()

    def respond_compiled(
        self, operation: Operation, variables: Variables, position: int | None = None
    ) -> tuple[bytes, bool]:
        """Return the response, and whether graphql-core was needed for it."""
        with self.system.read_session() as session:
            return self.respond_in(session, operation, variables, position)

    def respond_in(
        self, session: ReadSession, operation: Operation, variables: Variables, position: int | None = None
    ) -> tuple[bytes, bool]:
        """Return the response that is read in a session, and whether graphql-core was needed for it."""
        compiled = self.compiled_of(operation)
        try:
            executor = Executor.prepare(SCHEMA, operation.document, variables, operation.name, compiled=compiled)
        except VariableErrors as invalid:
            return str(invalid).encode(), True
        return respond(executor, session, position), "core" in vars(executor)

    def compiled_of(self, operation: Operation) -> CompiledOperations:
        """Return the compiled operations of a document."""
        return self._compiled.setdefault(operation.text, CompiledOperations())

    def forget_documents(self) -> None:
        """Have all documents compiled anew."""
        self._compiled.clear()

    def _explain(self, operation: Operation, variables: Variables, oracle: System, position: int | None) -> str:
        def respond_twice(text: str) -> tuple[bytes, bytes]:
            smaller = operation._replace(text=text, document=parse(text))
            self._compiled.pop(text, None)
            found, _ = self.respond_compiled(smaller, variables, position)
            return found, respond_by_core(oracle, smaller, variables, position)

        def differs(text: str) -> bool:
            found, expected = respond_twice(text)
            return found != expected

        text = shrink(operation.text, CORE_SCHEMA, differs) if differs(operation.text) else operation.text
        found, expected = respond_twice(text)
        entry = f", entry {position}" if position else ""
        return f"{text}\nwith {variables}{entry}\nis    {found.decode()}\nnot   {expected.decode()}"


def respond(executor: Executor | CoreExecutor, session: ReadSession, position: int | None = None) -> bytes:
    """Return the response as a client receives it; of a subscription that for the entry at a position."""
    root = None
    if position is not None:
        entry = session.at_head().find_entry(position)
        assert entry
        root = subject.Entry.of(entry, session.at(position))
    result = executor.run(Context(session, "1"), root, check_deadline=lambda: None)
    return msgspec.json.encode([result.data, [error.formatted for error in result.errors or ()]])


def respond_by_core(system: System, operation: Operation, variables: Variables, position: int | None = None) -> bytes:
    """Return the response of graphql-core at the head of a system."""
    with system.read_session() as session:
        return respond_by_core_in(session, operation, variables, position)


def respond_by_core_in(
    session: ReadSession, operation: Operation, variables: Variables, position: int | None = None
) -> bytes:
    """Return the response of graphql-core that is read in a session."""
    try:
        executor = CoreExecutor.prepare(SCHEMA, operation.document, variables, operation.name)
    except VariableErrors as invalid:
        return str(invalid).encode()
    return respond(executor, session, position)
