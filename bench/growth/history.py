"""Lists of 100 commitments at past positions and as of dates, compared with the present."""

from __future__ import annotations

import time
from statistics import median

from bench.growth.instruments import run_cold
from ogpgraph.system import System, open_system
from tests.graphql.client import execute_query, parse_document

MAX_RATIO_OF_PAST = 2.0
MAX_RATIO_OF_DATE = 1.5
COUNT = "commitments { totalCount }"
LIST = """commitments(first: 100) { nodes { code title status startsOn endsOn
    actionPlan { title } ratings { indicator stage value } } }"""
AT = "query At($position: Position) {{ at(position: $position) {{ {} }} }}"


DATES = ("2015-12-31", "2016-12-31")
"""Before and after the second of the three states."""
AS_OF = 'asOf(date: "{}") {{ {} }}'
WARM = {
    "list": LIST,
    "filter": "commitments(first: 100, where: {status: {notIn: [WITHDRAWN]}}) { totalCount nodes { code title } }",
    "facets": "commitments { totalCount facets(dimensions: [CYCLE, POLICY_AREA, STATUS]) { values { value count } } }",
}


def time_list(url: str, position: int | None, *, is_indexed: bool) -> float:
    """Return the seconds of the first list of a process, without opening the database.

    If `is_indexed`, the position is counted before, which builds its index but loads no commitment.
    """
    count, listing = (parse_at(query, position) for query in (COUNT, LIST))
    variables = {} if position is None else {"position": position}
    with open_system(url) as system:
        if is_indexed:
            execute_query(system, count, **variables)
        began = time.perf_counter()
        data = execute_query(system, listing, **variables)
        seconds = time.perf_counter() - began
    nodes = (data if position is None else data["at"])["commitments"]["nodes"]
    if not nodes:
        raise ValueError("the list is empty")
    return seconds


def parse_at(query: str, position: int | None) -> str:
    """Return the document of a query at a position or the head, which is parsed and validated from now on."""
    document = f"{{ {query} }}" if position is None else AT.format(query)
    parse_document(document)
    return document


def report_past(url: str, rounds: int) -> bool:
    """Print the medians and their ratio for several past positions; returns whether the targets are met."""
    with open_system(url) as system, system.read_session() as session:
        head = session.head
    print(f"100 commitments in a fresh process, in ms; at most {MAX_RATIO_OF_PAST} times the present")
    is_met = True
    for share in (0.35, 0.6, 0.9):
        position = max(1, round(head * share))
        for is_indexed in (False, True):
            times: dict[int | None, list[float]] = {None: [], position: []}
            for number in range(rounds):
                for at in (None, position) if number % 2 else (position, None):
                    times[at].append(run_cold(time_list, url, at, is_indexed=is_indexed))
            present, past = (median(times[at]) * 1000 for at in (None, position))
            is_met &= past <= MAX_RATIO_OF_PAST * present
            name = f"at {position:,}, {'indexed' if is_indexed else 'nothing read'}"
            print(f"{name:24}{past:>10.1f}, at the head{present:>10.1f}{past / present:>8.2f}", flush=True)
    return is_met


def report_dates(url: str, rounds: int) -> bool:
    """Print the ratios for several dates, warm and in fresh processes; returns whether the targets are met."""
    with open_system(url) as system:
        are_met = [_report_warm(system, name, date, rounds) for name in WARM for date in DATES]
        with system.read_session() as session:
            head = session.head
    print(f"100 commitments in a fresh process, in ms; at most {MAX_RATIO_OF_PAST} times a past position")
    return all([*are_met, *(_report_cold(url, head, date, rounds) for date in DATES)])


def _report_warm(system: System, name: str, date: str, rounds: int) -> bool:
    """Compare a query as of a date with the same one at present, in turns, after each was answered once."""
    present, dated = (parse_at(query, None) for query in (WARM[name], AS_OF.format(date, WARM[name])))
    times: dict[str, list[float]] = {present: [], dated: []}
    for number in range(rounds + 1):
        for document in (present, dated) if number % 2 else (dated, present):
            began = time.perf_counter()
            execute_query(system, document)
            times[document].append(time.perf_counter() - began)
    here, then = (median(times[document][1:]) * 1000 for document in (present, dated))
    print(f"{name}, as of {date}, warm{then:>10.1f} ms, at present{here:>10.1f}{then / here:>8.2f}", flush=True)
    return then <= MAX_RATIO_OF_DATE * here


def _report_cold(url: str, head: int, date: str, rounds: int) -> bool:
    times: dict[str | None, list[float]] = {None: [], date: []}
    for number in range(rounds):
        for each in (None, date) if number % 2 else (date, None):
            times[each].append(run_cold(time_dated_list, url, head * 9 // 10, each))
    past, dated = (median(times[each]) * 1000 for each in (None, date))
    print(f"as of {date}, nothing read{dated:>10.1f}, at a past position{past:>10.1f}{dated / past:>8.2f}", flush=True)
    return dated <= MAX_RATIO_OF_PAST * past


def time_dated_list(url: str, position: int, date: str | None) -> float:
    """Return the seconds of the first list of a process: at a position, and as of a date if it is given."""
    document = parse_at(LIST if date is None else AS_OF.format(date, LIST), position)
    with open_system(url) as system:
        began = time.perf_counter()
        execute_query(system, document, position=position)
        return time.perf_counter() - began
