"""Compares a list of 100 commitments at a past position with the present, each in a fresh process."""

from __future__ import annotations

import time
from statistics import median

from bench.growth.cold import run_cold
from ogpgraph.system import open_system
from tests.graphql.client import execute_query, parse_document

MAX_RATIO = 2.0
LIST = """commitments(first: 100) { nodes { code title status startsOn endsOn
    actionPlan { title } ratings { indicator stage value } } }"""
PRESENT = f"{{ {LIST} }}"
PAST = f"query Past($position: Position) {{ at(position: $position) {{ {LIST} }} }}"


def time_list(url: str, position: int | None) -> float:
    """Return the seconds of the first query of a process, without opening the database."""
    query = PRESENT if position is None else PAST
    parse_document(query)
    variables = {} if position is None else {"position": position}
    with open_system(url) as system:
        began = time.perf_counter()
        data = execute_query(system, query, **variables)
        seconds = time.perf_counter() - began
    nodes = (data if position is None else data["at"])["commitments"]["nodes"]
    if not nodes:
        raise ValueError("the list is empty")
    return seconds


def report_past(url: str, rounds: int) -> bool:
    """Print the medians and their ratio for several past positions; returns whether the target is met."""
    with open_system(url) as system, system.read_session() as session:
        head = session.head
    is_met = True
    for share in (0.35, 0.6, 0.9):
        position = max(1, round(head * share))
        times: dict[int | None, list[float]] = {None: [], position: []}
        for number in range(rounds):
            for at in (None, position) if number % 2 else (position, None):
                times[at].append(run_cold(time_list, url, at))
        present, past = median(times[None]), median(times[position])
        is_met &= past <= MAX_RATIO * present
        print(
            f"100 commitments, cold: {present * 1000:.1f} ms at the head ({head:,}), {past * 1000:.1f} ms at "
            f"{position:,}: {past / present:.2f} (at most {MAX_RATIO})",
            flush=True,
        )
    return is_met
