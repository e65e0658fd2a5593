"""Whatever an operation does, it reaches checkpoints on the way, and stops at the one at which its deadline passes."""

from __future__ import annotations

import pytest
from graphql import ExecutionResult

from ogpgraph.graphql.context import Context
from ogpgraph.graphql.schema import build_schema
from ogpgraph.system import open_system
from ogpgraph.web.deadline import Deadline
from ogpgraph.web.document_cache import DocumentLimits
from ogpgraph.web.errors import RequestRejected
from ogpgraph.web.operation import OperationRunner
from ogpgraph.web.request import RequestParameters
from tests.support.writers import change_title, register_commitment

CONDITIONS = ", ".join(f'{{title: "{number:x}"}}' for number in range(60))
PERIOD = 'every: MONTH, from: "2015-01-01T00:00:00Z", until: "2019-01-01T00:00:00Z", clock: EFFECTIVE'
KINDS = {
    "objects": ("{ commitments { nodes { code actionPlan { member { name } } } } }", 10),
    "a filter": (
        "{ commitments(first: 1, where: {or: [" + CONDITIONS + "]}) { totalCount } }",
        60,
    ),
    "facets": (
        "{ commitments { facets(dimensions: [COMPLETION, MEMBER, CYCLE], across: POLICY_AREA) { dimension } } }",
        3,
    ),
    "a timeline": ("{ commitments { timeline(dimension: COMPLETION, " + PERIOD + ") { totalCount } } }", 50),
    "a comparison": ("{ compare(from: 3) { nodes { changes { path } after { code } } } }", 10),
    "history": ('{ commitment(code: "FR0001") { history { nodes { changes { path before after } } } } }', 15),
    "blame": ('{ commitment(code: "FR0001") { blame { path entry { position } } } }', 4),
    "entries": ("{ entries { nodes { position changes { path } } } }", 30),
}


class CountingClock:
    """A clock that counts how often it is looked at."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self) -> float:
        self.looks += 1
        return float(self.looks)


@pytest.fixture
def filled(url: str) -> str:
    with open_system(url) as system:
        for number in range(1, 9):
            register_commitment(system, f"FR000{number}")
        for number in range(12):
            change_title(system, "FR0001", f"Title {number}")
    return url


def run(query: str, url: str, deadline: Deadline) -> ExecutionResult:
    """Execute a query in a system that keeps nothing of others."""
    runner, parameters = OperationRunner(build_schema(), DocumentLimits()), RequestParameters(query)
    executor = runner.create_executor(runner.prepare(parameters), parameters)
    with open_system(url) as system, system.read_session() as session:
        return runner.run(executor, Context(session, "test"), deadline)


@pytest.mark.parametrize("kind", KINDS)
def test_an_operation_stops_where_its_deadline_passes(kind: str, filled: str) -> None:
    query, fewest = KINDS[kind]
    clock = CountingClock()
    assert not run(query, filled, Deadline(10**6, clock)).errors
    assert clock.looks >= fewest
    for looks in {2, clock.looks // 2}:
        with pytest.raises(RequestRejected) as rejected:
            run(query, filled, Deadline(looks - 1, CountingClock()))
        assert rejected.value.code == "DEADLINE_EXCEEDED"


def test_validation_of_a_large_document_reaches_checkpoints_and_stops_at_one() -> None:
    parts = " ".join(f"... on Commitment {{ code title number f{number}: status }}" for number in range(50))
    parameters = RequestParameters(f'{{ node(id: "x") {{ {parts} }} }}')
    clock, schema = CountingClock(), build_schema()
    OperationRunner(schema, DocumentLimits()).prepare(parameters, deadline=Deadline(10**6, clock))
    assert clock.looks > 200
    with pytest.raises(RequestRejected) as rejected:
        OperationRunner(schema, DocumentLimits()).prepare(parameters, deadline=Deadline(100, CountingClock()))
    assert rejected.value.code == "DEADLINE_EXCEEDED"
