"""The operations that are measured take no SQL statement once what they read is in memory, at any position."""

from __future__ import annotations

import pytest

from bench.serving.operations import OGPGRAPH_DOCUMENTS, Operation, Variables, read_past
from ogpgraph.domain import member as member_commands
from ogpgraph.domain.event import Facts
from ogpgraph.system import System
from tests.application.in_memory_log import command_context
from tests.conftest import BOTH_ENGINES, SystemFactory
from tests.graphql.client import QueryResult, execute_query
from tests.readmodel.sample_log import record_commitments
from tests.support.writers import change_title

FRANCE, CODE = "FRA", "FR0001"
NEW_ENTRY, NEW_TEXT, TRANSACTION = 1, 1, 1


@pytest.fixture
def filled(make_system: SystemFactory) -> System:
    """A system with a member, plans, commitments and their sources."""
    system = make_system()
    record_commitments(system, 20)
    facts: Facts = {"prefix": "ES", "region": "Europe"}  # a region that nothing has would be looked for each time
    system.execute(command_context(), lambda uow: member_commands.register_member(uow, "ESP", facts))
    for number in range(10):
        change_title(system, CODE, f"Title {number}")
    return system


def variables_of(operation: Operation, system: System) -> Variables:
    match operation:
        case Operation.Q1:
            return {"code": CODE}
        case Operation.Q3:
            return {"region": "Europe"}
        case Operation.Q2 | Operation.Q4:
            return {"codes": [FRANCE]}
        case Operation.Q5:
            last = execute_query(system, "{ entries(last: 1) { pageInfo { endCursor } } }")
            return {"before": last["entries"]["pageInfo"]["endCursor"]}


def count_statements(system: System, query: str, variables: Variables) -> int:
    result = QueryResult(system, query, variables)
    assert result.errors == []
    assert any(result.data.values())
    return result.statements


@BOTH_ENGINES
@pytest.mark.parametrize("operation", Operation)
def test_an_operation_whose_data_is_in_memory_takes_no_statement(filled: System, operation: Operation) -> None:
    document, variables = OGPGRAPH_DOCUMENTS[operation], variables_of(operation, filled)
    position = execute_query(filled, "{ meta { position } }")["meta"]["position"] - 1
    past, at_past = read_past(document), {**variables, "position": position}
    if operation is Operation.Q5:
        at_past["before"] = None  # the cursor is of a later position
    count_statements(filled, document, variables)
    assert count_statements(filled, document, variables) == 0
    count_statements(filled, past, at_past)
    assert count_statements(filled, past, at_past) == 0


@BOTH_ENGINES
@pytest.mark.parametrize("operation", Operation)
def test_after_a_write_of_the_same_process_only_what_was_written_is_read(filled: System, operation: Operation) -> None:
    document, variables = OGPGRAPH_DOCUMENTS[operation], variables_of(operation, filled)
    count_statements(filled, document, variables)
    change_title(filled, CODE, "Written since")
    assert count_statements(filled, document, variables) <= TRANSACTION + NEW_ENTRY + NEW_TEXT
    assert count_statements(filled, document, variables) == 0
