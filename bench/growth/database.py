"""Imports three states of OGP's database in the order of their publication, and says where the bytes are.

A list of 100 commitments at past positions is compared with the present, each in a fresh process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench.growth.instruments import DiskUsage, measure_disk_usage, run_cold
from bench.growth.states import State, build_states
from ogpgraph.cli.progress import create_progress, track_task
from ogpgraph.domain.unit_of_work import CommandContext
from ogpgraph.importer.spreadsheets.run import import_spreadsheet
from ogpgraph.importer.writer import LogWriter
from ogpgraph.system import System, migrate, open_system
from tests.graphql.client import execute_query, parse_document

MAX_RATIO = 13
"""The size of the database on disk, log and texts included, to that of the files."""
MAX_GROWTH_BY_REBUILD = 1.02
MAX_RATIO_OF_PAST = 2.0
COUNT = "commitments { totalCount }"
LIST = """commitments(first: 100) { nodes { code title status startsOn endsOn
    actionPlan { title } ratings { indicator stage value } } }"""
AT = "query At($position: Position) {{ at(position: $position) {{ {} }} }}"


# Bytes


def import_states(url: str, scale: float) -> int:
    """Import the three states into a migrated database; returns the bytes of their files."""
    states = build_states(scale)
    with open_system(url) as system:
        for state in states:
            _import_state(system, state)
    return sum(len(state.data) for state in states)


def report_database(url: str, scale: float) -> bool:
    """Import the states, print the bytes, rebuild and print them again; returns whether the targets are met."""
    migrate(url)
    files = import_states(url, scale)
    usage = measure_disk_usage(url)
    _print_usage(files, usage)
    began = time.perf_counter()
    environment = {**os.environ, "OGPGRAPH_DATABASE": url}
    subprocess.run([str(Path(sys.executable).parent / "ogpgraph"), "rebuild"], env=environment, check=True)
    rebuilt = measure_disk_usage(url)
    growth = rebuilt.total / usage.total
    print(
        f"after rebuild ({time.perf_counter() - began:.0f} s): {rebuilt.total:,} bytes, {growth:.2f} of before, "
        f"{rebuilt.by_name.get('(free pages)', 0):,} of them in free pages"
    )
    return usage.total <= MAX_RATIO * files and growth <= MAX_GROWTH_BY_REBUILD


def _import_state(system: System, state: State) -> None:
    context = CommandContext(
        actor="bench", role="publisher", time=datetime.fromisoformat(state.observed_on).replace(tzinfo=UTC)
    )
    began = time.perf_counter()
    with create_progress("rows") as progress:
        track = track_task(progress, f"importing the state of {state.layout}")
        report = import_spreadsheet(LogWriter(system), f"{state.layout}.csv", state.data, context, track)
    seconds = time.perf_counter() - began
    print(
        f"{state.layout}: {report.rows:,} rows, {len(state.data):,} bytes, {report.recorded.total():,} events, "
        f"{seconds:.0f} s",
        flush=True,
    )


def _print_usage(files: int, usage: DiskUsage) -> None:
    print(f"files           {files:>13,} bytes")
    print(f"database        {usage.total:>13,} bytes, {usage.total / files:.1f} × the files (at most {MAX_RATIO})")
    print(f"events          {usage.events:>13,}, {usage.total / usage.events:,.0f} bytes of the database for each")
    print(f"their payloads  {usage.payloads:>13,} bytes as stored, {usage.payloads / usage.events:,.0f} for each")
    print(*usage.format_lines(), sep="\n")


# The past


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
