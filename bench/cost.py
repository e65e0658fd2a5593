"""Measures the processor time of a unit of cost, over operations of all kinds: `python -m bench.cost [--rounds 5]`.

Each operation is executed in this process, as often as there are rounds, each time with other variables where it reads
another state of the record. Its time, less that of an empty operation, is compared with its cost: with what it used and
is charged, and with the most that it could have been. Exits with 1 if an operation takes more than ten times as long
for a unit as the median of all, or the median is not within the bounds that `ogpgraph.graphql.weights` states.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from bench.data import COMMITMENTS, MEMBERS, WORDS, database
from ogpgraph.graphql.context import Context
from ogpgraph.graphql.query_limits import QueryLimits
from ogpgraph.graphql.schema import build_schema
from ogpgraph.graphql.weights import OperationCost
from ogpgraph.system import System, open_system
from ogpgraph.web.deadline import Deadline
from ogpgraph.web.document_cache import DocumentLimits
from ogpgraph.web.operation import OperationRunner
from ogpgraph.web.request import RequestParameters

MAX_RATIO: Final = 10
BOUNDS: Final = (5.0, 20.0)
"""The microseconds of a unit of cost."""
SHORTEST: Final = 0.0005
"""Seconds; what takes less is not compared: it is within the noise of the empty operation."""
Variables = Mapping[str, Any]


class Record(NamedTuple):
    """What the variables are chosen by: the position of the head, and the codes of commitments."""

    head: int
    codes: list[str]


class Case(NamedTuple):
    """An operation; `variables` returns those of a round. One that `fails` is refused by its fields."""

    name: str
    document: str
    variables: Callable[[int, Record], Variables] = lambda _round, _record: {}
    fails: bool = False


class Result(NamedTuple):
    """What an operation costs, and its seconds of processor time: of the first round, and the median of the others."""

    case: Case
    cost: OperationCost
    used: int
    first: float
    seconds: float

    @property
    def microseconds(self) -> float:
        """Return the time of a unit that is charged."""
        return self.seconds * 1e6 / max(1, self.used)

    def describe(self) -> str:
        """Return the line of a table."""
        times = f"{self.first * 1e3:10.2f}{self.seconds * 1e3:9.2f}{self.microseconds:9.1f}"
        return f"{self.case.name:28}{self.cost.total:10,}{self.used:10,}{times}"


def _list(arguments: str, selection: str = "totalCount") -> str:
    return f"{{ commitments({arguments}) {{ {selection} }} }}"


def _where(condition: str, fields: str = "totalCount") -> str:
    return _list(f"where: {{{condition}}}", fields)


def _entries(condition: str, fields: str = "totalCount") -> str:
    return f"{{ entries(where: {{{condition}}}) {{ {fields} }} }}"


def _words(number: int) -> str:
    return " ".join(WORDS[:number])


def _iter_cases() -> Iterator[Case]:
    commitments = "code title actionPlan { title member { name } } milestones { number title status }"
    yield Case(
        "one commitment", '{ commitment(code: "AA0000") { code title description milestones { number title } } }'
    )
    yield Case("100 commitments", f"{{ commitments {{ nodes {{ {commitments} ratings {{ indicator value }} }} }} }}")
    yield Case(
        "3 members with all",
        "{ members(first: 3) { nodes { name actionPlans { nodes { title commitments { nodes"
        " { code title milestones { number title } } } } } } } }",
    )
    yield Case("100 entries", "{ entries { nodes { position kind actor changes { path before after } } } }")
    yield Case("histories", "{ commitments { nodes { history(first: 20) { nodes { position kind } totalCount } } } }")
    yield Case(
        "filtered histories",
        "{ commitments { nodes { history(first: 5, where: {kind: [CommitmentRegistered]}) "
        "{ nodes { position } totalCount } } } }",
    )
    yield Case(
        "blame and claims",
        "{ commitments(first: 30) { nodes { blame { path value entry { actor } } claims { path value } } } }",
    )
    yield Case("subjects of entries", "{ entries(last: 100) { nodes { subject { title revision } } } }")
    yield Case(
        "100 codes", "{" + "".join(f' c{n}: commitment(code: "AA{n:04}") {{ title }}' for n in range(100)) + " }"
    )
    yield Case(
        "100 entries by position",
        "{" + "".join(f" e{n}: entry(position: {n + 9}) {{ actor }}" for n in range(100)) + " }",
    )
    # Filters
    yield Case("title, a word", _where('title: "water"'))
    yield Case("title, ten words", _where(f'title: "{_words(10)}"'))
    titles = ", ".join(f'{{title: "{word}"}}' for word in WORDS * 6)
    yield Case("title, 370 in `or`", _where(f"or: [{titles}]"))
    yield Case("policy area", _where('policyArea: {eq: "Open Data"}'))
    yield Case("100 policy areas", _where("or: [" + '{policyArea: {eq: "Open Data"}}, ' * 100 + "]"))
    yield Case("dates", _where('startsOn: {from: "2015", until: "2016"}'))
    yield Case("100 dates", _where("or: [" + '{startsOn: {from: "2015", until: "2016"}}, ' * 100 + "]"))
    yield Case("rating", _where("rating: {indicator: COMPLETION, state: [RATED]}"))
    yield Case("100 ratings", _where("or: [" + "{rating: {indicator: COMPLETION, state: [RATED]}}, " * 100 + "]"))
    yield Case("milestones", _where('milestone: {notStatus: [COMPLETE], dueBefore: "2016"}'))
    yield Case(
        "50 milestones", _where("or: [" + '{milestone: {notStatus: [COMPLETE], dueBefore: "2016"}}, ' * 50 + "]")
    )
    yield Case("cycles", _where("or: [" + "{cycle: {gte: 2014, lte: 2015}}, " * 100 + "]"))
    yield Case("region", _where('member: {region: {eq: "Europe"}}'))
    yield Case("100 regions", _where("or: [" + '{member: {region: {eq: "Europe"}}}, ' * 100 + "]"))
    yield Case(
        "members by commitments",
        "{ members(where: {or: [" + "{commitments: {cycle: {eq: 2015}}}, " * 100 + "]}) { totalCount } }",
    )
    yield Case(
        "plans by commitments",
        "{ actionPlans(where: {or: [" + "{commitments: {cycle: {eq: 2015}}}, " * 100 + "]}) { totalCount } }",
    )
    yield Case("changed since", _where("or: [" + "{changedSince: 90000}, " * 50 + "]"))
    yield Case(
        "1,000 codes",
        "query ($codes: [String!]) { commitments(where: {code: {in: $codes}}) { totalCount } }",
        lambda _round, record: {"codes": record.codes[:1_000]},
    )
    yield Case("nested", _where("not: [{or: [{and: [{starred: true}, {listedOnly: false}]}, {cycle: {eq: 2015}}]}]"))
    yield Case(
        "nested lists, filtered",
        "{ members { nodes { commitments(first: 1, where: {cycle: {eq: 2015}}) { totalCount nodes { code } } } } }",
    )
    yield Case(
        "nested lists, by title",
        '{ members { nodes { commitments(first: 1, where: {title: "water"}) { totalCount } } } }',
    )
    yield Case(
        "unknown words",
        "{"
        + "".join(
            f' u{n}: commitments(where: {{policyArea: {{eq: "Opn Dta {n}"}}}}) {{ totalCount }}' for n in range(50)
        )
        + " }",
        fails=True,
    )
    yield Case(
        "unknown codes",
        "{"
        + "".join(f' u{n}: commitments(where: {{code: {{eq: "AA{n}x"}}}}) {{ totalCount }}' for n in range(50))
        + " }",
        fails=True,
    )
    # Orders
    yield Case(
        "order, first time",
        "query ($order: [CommitmentOrder!]) { commitments(orderBy: $order, first: 1) { nodes { code } } }",
        lambda n, _record: {"order": _orders(n)},
    )
    # Counts
    yield Case(
        "facets",
        "{ commitments { facets(dimensions: [COMPLETION, POLICY_AREA], across: CYCLE) "
        "{ values { value count across { value count } } } } }",
    )
    yield Case(
        "members across members",
        "{ commitments { facets(dimensions: [MEMBER], across: MEMBER) "
        "{ values { value count across { value count } } } } }",
    )
    yield Case(
        "all dimensions",
        "{ commitments { facets(dimensions: [MEMBER, REGION, CYCLE, POLICY_AREA, COMPLETION, "
        "STATUS]) { values { value count } } } }",
    )
    # Other states
    yield Case(
        "list at another position",
        "query ($at: Position) { at(position: $at) { commitments(first: 1) { totalCount } } }",
        lambda n, record: {"at": record.head - 997 * (n + 1)},
    )
    yield Case(
        "list at an early position",
        "query ($at: Position) { at(position: $at) { commitments(first: 1) { totalCount } } }",
        lambda n, record: {"at": record.head // 2 - 997 * n},
    )
    yield Case(
        "facets at another position",
        "query ($at: Position) { at(position: $at) { commitments(first: 1) { facets(dimensions: "
        "[MEMBER, REGION, CYCLE, POLICY_AREA, COMPLETION, STATUS]) { values { value count } } } } }",
        lambda n, record: {"at": record.head - 1_003 * (n + 1)},
    )
    yield Case(
        "list as of another day",
        "query ($on: PartialDate!) { asOf(date: $on) { commitments(first: 1) { totalCount } } }",
        lambda n, _record: {"on": f"2019-0{n % 9 + 1}-1{n % 10}"},
    )
    yield Case(
        "compare",
        "query ($at: Position) { compare(from: $at, first: 10) { totalCount nodes { after { code } "
        "changes { path } } } }",
        lambda n, record: {"at": record.head - 1_009 * (n + 1)},
    )
    yield Case("timeline, recorded", "{ commitments { timeline(dimension: STATUS) { time values { value count } } } }")
    yield Case(
        "timeline, effective",
        "{ commitments { timeline(dimension: STATUS, clock: EFFECTIVE) { time values { value count } } } }",
    )
    yield Case(
        "lists at entries",
        "query ($after: String) { entries(last: 5, before: $after) { nodes { subject "
        "{ ... on Commitment { actionPlan { commitments(first: 1) { totalCount } } } } } } }",
    )
    # Entries
    yield Case("entries, kind", _entries("kind: [CommitmentRegistered]"))
    yield Case("entries, actor", _entries('actor: {eq: "bench"}', "totalCount nodes { position }"))
    yield Case("entries, path", _entries('path: ["title", "milestones", "ratings"]', "totalCount nodes { position }"))
    yield Case("entries, recorded", _entries('recorded: {from: "2001-01-01T00:00:00Z"}'))
    yield Case(
        "entries, effective", _entries('effective: {from: "2015", until: "2016"}', "totalCount nodes { position }")
    )
    yield Case("entries, members", _entries('member: ["AA", "BA"]', "totalCount nodes { position }"))
    yield Case(
        "entries, 100 commitments",
        "query ($codes: [String!]) { entries(where: {commitment: $codes}) { totalCount } }",
        lambda _round, record: {"codes": record.codes[:100]},
    )
    yield Case("entries, policy area", _entries('policyArea: ["Open Data"]'))
    yield Case("entries, sorted", "{ entries(orderBy: [{field: EFFECTIVE, direction: DESC}]) { nodes { position } } }")
    yield Case(
        "introspection",
        "{ __schema { types { name fields { name args { name } type { name } } inputFields "
        "{ name } enumValues { name } } } }",
    )


def _orders(number: int) -> list[dict[str, str]]:
    fields = ("CODE", "CYCLE", "STATUS", "STARTS_ON", "ENDS_ON", "CHANGED")
    return [{"field": fields[number % 6]}, {"field": fields[(number + 1 + number // 6) % 6], "direction": "DESC"}]


class Meter:
    """Executes operations in this process, and measures them."""

    def __init__(self, system: System) -> None:
        self._system = system
        limits = DocumentLimits(query=QueryLimits(cost=10**12, tokens=100_000, characters=10**6))
        self._runner = OperationRunner(build_schema(), limits)
        with system.read_session() as session:
            codes = session.at_head().index("commitment").values("code")
            self._record = Record(session.head, sorted(codes)[:1_000])

    def measure(self, case: Case, rounds: int) -> Result:
        """Return the cost and the time of an operation."""
        runs = [self._run(case, case.variables(n, self._record)) for n in range(rounds + 1)]
        cost, used, first = runs[0]
        return Result(case, cost, used, first, statistics.median(seconds for *_, seconds in runs[1:]))

    def _run(self, case: Case, variables: Variables) -> tuple[OperationCost, int, float]:
        parameters = RequestParameters(case.document, None, None, dict(variables), None)
        prepared = self._runner.prepare(parameters)
        deadline = Deadline(600)
        began = time.thread_time()
        with self._system.read_session() as session:
            executor = self._runner.create_executor(prepared, parameters)
            result = self._runner.run(executor, Context(session, "1"), deadline)
        msgspec.json.encode(result.data)
        seconds = time.thread_time() - began
        if result.errors and not case.fails:
            raise result.errors[0]
        return prepared.costs, prepared.costs.used(deadline.object_count), seconds


def main() -> None:
    """Measure everything; exits with 1 if an operation is out of proportion."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--members", type=int, default=MEMBERS)
    parser.add_argument("--commitments", type=int, default=COMMITMENTS)
    parser.add_argument("--only", default="", help="only operations whose names contain this")
    arguments = parser.parse_args()
    with open_system(database(arguments.members, arguments.commitments)) as system:
        meter = Meter(system)
        empty = meter.measure(Case("", "{ __typename }"), 20).seconds
        print(f"{'':28}{'cost':>10}{'used':>10}{'first ms':>10}{'ms':>9}{'µs/unit':>9}")
        results = []
        for case in _iter_cases():
            if arguments.only in case.name:
                result = meter.measure(case, arguments.rounds)
                results.append(result._replace(seconds=max(0.0, result.seconds - empty)))
                print(results[-1].describe(), flush=True)
    is_met = report(results)
    if not is_met:
        raise SystemExit("an operation is out of proportion to its cost")


def report(results: list[Result]) -> bool:
    """Print what is out of proportion; returns whether all operations are in proportion to their costs."""
    compared = [each for each in results if each.seconds > SHORTEST]
    median = statistics.median(each.microseconds for each in compared)
    outliers = [each for each in compared if each.microseconds > MAX_RATIO * median]
    limit = QueryLimits().cost
    print(
        f"\nmedian {median:.1f} µs a unit (bounds {BOUNDS}); at this rate a cost of {limit:,} takes "
        f"{limit * median / 1e6:.1f} s"
    )
    for each in outliers:
        print(f"{each.case.name}: {each.microseconds / median:.1f} times the median")
    return not outliers and BOUNDS[0] <= median <= BOUNDS[1]


if __name__ == "__main__":
    main()
