"""Running queries on a system without HTTP, and reading its whole state."""

from __future__ import annotations

from typing import Any

import msgspec
from graphql import DocumentNode, ExecutionResult, GraphQLError, parse, validate

from ogpgraph.graphql.compiled.operation import CompiledOperations
from ogpgraph.graphql.context import Context
from ogpgraph.graphql.executor import Executor, VariableErrors, core_schema
from ogpgraph.graphql.schema import build_schema
from ogpgraph.system import System

SCHEMA = build_schema()
_core = core_schema(SCHEMA)
_documents: dict[str, DocumentNode] = {}
_compiled: dict[str, CompiledOperations] = {}


def parse_document(query: str) -> DocumentNode:
    """Return a parsed and validated document, from a cache."""
    if query not in _documents:
        parsed = parse(query)
        if errors := validate(_core, parsed):
            raise errors[0]
        _documents[query] = parsed
    return _documents[query]


class QueryResult:
    """The response to a query: data and errors; and the number of SQL statements that it took."""

    def __init__(self, system: System, query: str, variables: dict[str, Any]) -> None:
        with system.read_session() as session:
            before = session.transaction.statements
            result = execute_operation(query, variables, Context(session, "1"))
            self.statements = session.transaction.statements - before
        self.data: Any = msgspec.json.decode(msgspec.json.encode(result.data))  # as a client receives it
        self.errors: list[GraphQLError] = result.errors or []


def execute_operation(query: str, variables: dict[str, Any], context: Context) -> ExecutionResult:
    """Execute an operation with the executor of the server."""
    try:
        compiled = _compiled.setdefault(query, CompiledOperations())
        executor = Executor.prepare(SCHEMA, parse_document(query), variables, compiled=compiled)
    except VariableErrors as error:
        return ExecutionResult(None, error.errors)
    return executor.run(context, check_deadline=lambda: None)


def execute_query(system: System, query: str, **variables: Any) -> Any:
    """Return the data of a response; raises its first error, if it has one."""
    result = QueryResult(system, query, variables)
    if result.errors:
        raise result.errors[0]
    return result.data


def query_commitment(system: System, code: str, fields: str) -> Any:
    """Return fields of the commitment with a code."""
    return execute_query(system, f'{{ commitment(code: "{code}") {{ {fields} }} }}')["commitment"]


def expect_error(system: System, query: str, **variables: Any) -> tuple[str, object]:
    """Return the message and the code of the only error of a response."""
    (error,) = QueryResult(system, query, variables).errors
    assert error.original_error is None or isinstance(error.original_error, GraphQLError), error.original_error
    return error.message, (error.extensions or {}).get("code")


RECORD_FIELDS = """
  meta { position rootHash recordedAt }
  members { totalCount nodes { stableId revision since name status } }
  actionPlans { totalCount nodes { stableId revision since code title status member { name } } }
  commitments { totalCount nodes { stableId revision since code formerCodes title status languages lastObservedAt
    milestones { number status } ratings { indicator stage value entry { position } } sources { code }
    actionPlan { title commitments(first: 3) { totalCount nodes { code } } }
    history { totalCount nodes { position kind } } blame { path value entry { position } }
    claims { path value isCurrent entry { position } changedBetween { after before } } } }
  entries(last: 5) { totalCount nodes { position kind subject { revision history(last: 1) {
    totalCount nodes { position subject { since } } } } } }
"""
"""Fields of everything in a record, for `Query` and `Snapshot`."""

COMMITMENT_FIELDS = """code title description milestones { number title updates { text } } narratives { text }
  leadInstitutions supportingInstitutions policyAreas irmReports lastObservedAt localizedTexts { text }
  member { name actionPlans { totalCount nodes { title commitments(first: 1) { nodes { title } } } } }
  actionPlan { title member { name } } sources { code lastObservedAt observations { contentHash } }
  ratings { indicator statedAs irmReport entry { position reason } } rating(indicator: VERIFIABLE) { statedAs }
  blame { path value entry { position source { code } evidence { quote source { code } } } evidence { quote } }
  claims { path value isCurrent source { code } entry { position } changedBetween { after before } }
  history(first: 3) { totalCount nodes { position kind reason changes { path before after } } }
  predecessors { title member { name } } successors { title }"""
"""Fields of a commitment and of everything that is related to it."""

STATE_QUERY = """
query State($at: Position!) {
  at(position: $at) {
    members { nodes { ...Texts code } }
    actionPlans { nodes { ...Texts code } }
    commitments { nodes { ...Texts code listedOnly milestones { number startsOn endsOn title } } }
  }
}
fragment Texts on Subject {
  stableId lastObservedAt
  localizedTexts { path language text translationKind }
  sources { type code language }
  blame { path value }
}
"""


def read_position(system: System) -> int:
    """Return the newest position."""
    return int(execute_query(system, "{ meta { position } }")["meta"]["position"])


def position_at(system: System, time: str) -> int:
    """Return the position of the last entry that was recorded until a time."""
    found = execute_query(system, "query ($time: DateTime!) { at(time: $time) { meta { position } } }", time=time)
    return int(found["at"]["meta"]["position"])


def dump_state(system: System, position: int | None = None) -> dict[str, Any]:
    """Return the state of everything by code, independent of ids and of the order in which it was recorded."""
    at = read_position(system) if position is None else position
    lists = execute_query(system, STATE_QUERY, at=at)["at"]
    nodes = [node for each in lists.values() for node in each["nodes"]]
    codes = {node["stableId"]: node["code"] for node in nodes}
    state = {}
    for node in nodes:
        values = {each["path"]: each["value"] for each in node.pop("blame")}
        named = {path: codes.get(value, value) if isinstance(value, str) else value for path, value in values.items()}
        sources = sorted(f"{each['type']} {each['code']} {each['language']}" for each in node.pop("sources"))
        state[node["code"]] = {k: v for k, v in node.items() if k != "stableId"} | {"values": named, "sources": sources}
    return state
