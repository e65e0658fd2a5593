"""Imports three states of OGP's database in the order of their publication, and says where the bytes are."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.growth.instruments import DiskUsage, measure_disk_usage
from bench.growth.states import State, build_states
from ogpgraph.cli.progress import create_progress, track_task
from ogpgraph.domain.unit_of_work import CommandContext
from ogpgraph.importer.spreadsheets.run import import_spreadsheet
from ogpgraph.importer.writer import LogWriter
from ogpgraph.system import System, migrate, open_system

MAX_RATIO = 13
"""The size of the database on disk, log and texts included, to that of the files."""
MAX_GROWTH_BY_REBUILD = 1.02


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
