"""Asking a system questions in GraphQL, and its whole present state in words."""

from __future__ import annotations

from typing import Any

import msgspec
from graphql import DocumentNode, ExecutionResult, GraphQLError, parse, validate

from ogpgraph.graphql.context import Context
from ogpgraph.graphql.executor import Executor, VariableErrors, core_schema
from ogpgraph.graphql.schema import build_schema
from ogpgraph.system import System

SCHEMA = build_schema()
_core = core_schema(SCHEMA)
_documents: dict[str, DocumentNode] = {}


def parse_document(query: str) -> DocumentNode:
    """Return a valid document, kept ready as the server does."""
    if query not in _documents:
        parsed = parse(query)
        if wrong := validate(_core, parsed):
            raise wrong[0]
        _documents[query] = parsed
    return _documents[query]


class QueryResult:
    """An answer: its data, its errors, and how many SQL statements it took."""

    def __init__(self, system: System, query: str, variables: dict[str, Any]) -> None:
        with system.read_session() as reading:
            before = reading.transaction.statements
            result = execute_operation(query, variables, Context(reading, "1"))
            self.statements = reading.transaction.statements - before
        self.data: Any = msgspec.json.decode(msgspec.json.encode(result.data))  # as a client gets it
        self.errors: list[GraphQLError] = result.errors or []


def execute_operation(query: str, variables: dict[str, Any], context: Context) -> ExecutionResult:
    """Run an operation with the server's own executor."""
    try:
        executor = Executor.prepare(SCHEMA, parse_document(query), variables)
    except VariableErrors as wrong:
        return ExecutionResult(None, wrong.errors)
    return executor.run(context, check_deadline=lambda: None)


def execute_query(system: System, query: str, **variables: Any) -> Any:
    """Return the data of an answer that must have no errors."""
    asked = QueryResult(system, query, variables)
    if asked.errors:
        raise asked.errors[0]
    return asked.data


def expect_error(system: System, query: str, **variables: Any) -> tuple[str, object]:
    """Return the message and code of the one error that a question must meet with."""
    (error,) = QueryResult(system, query, variables).errors
    assert error.original_error is None or isinstance(error.original_error, GraphQLError), error.original_error
    return error.message, (error.extensions or {}).get("code")


STATE_QUERY = """
query State($at: Position!) {
  at(position: $at) {
    members { nodes { ...Words code } }
    actionPlans { nodes { ...Words code } }
    commitments { nodes { ...Words code listedOnly milestones { number startsOn endsOn title } } }
  }
}
fragment Words on Subject {
  id lastObservedAt
  localizedTexts { path language text translationKind }
  sources { type code language }
  blame { path value }
}
"""


def read_position(system: System) -> int:
    """Return the head."""
    return int(execute_query(system, "{ meta { position } }")["meta"]["position"])


def dump_state(system: System, position: int | None = None) -> dict[str, Any]:
    """Return what is so of everything, by code, with codes in place of ids and no order of what came when."""
    at = read_position(system) if position is None else position
    lists = execute_query(system, STATE_QUERY, at=at)["at"]
    nodes = [node for each in lists.values() for node in each["nodes"]]
    codes = {node["id"]: node["code"] for node in nodes}
    state = {}
    for node in nodes:
        values = {each["path"]: each["value"] for each in node.pop("blame")}
        named = {path: codes.get(value, value) if isinstance(value, str) else value for path, value in values.items()}
        sources = sorted(f"{each['type']} {each['code']} {each['language']}" for each in node.pop("sources"))
        state[node["code"]] = {k: v for k, v in node.items() if k != "id"} | {"values": named, "sources": sources}
    return state
