"""How fast commands are recorded and followed, beside the bare library, and how fast the follower catches up.

    python -m bench.throughput sqlite [EVENTS]
    python -m bench.throughput postgresql://… [EVENTS]     (an empty database of its own)

Both of a pair run in turns in one process, so that a busy machine slows both: the ratio is what counts.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from eventsourcing.persistence import ApplicationRecorder, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore
from psycopg.conninfo import conninfo_to_dict
from rich.console import Console
from rich.table import Table

from bench.data import append_events
from ogpgraph.system import System, migrate, open_system
from tests.support.writers import change_title, register_commitment

ROUNDS, PER_ROUND = 8, 40


def library_recorder(url: str, folder: Path) -> ApplicationRecorder:
    """The library's own recorder, as it comes, on the same engine."""
    if url.startswith("sqlite:"):
        recorder: SQLiteApplicationRecorder | PostgresApplicationRecorder = SQLiteApplicationRecorder(
            SQLiteDatastore(str(folder / "library.db"))
        )
    else:
        given = conninfo_to_dict(url)
        recorder = PostgresApplicationRecorder(
            PostgresDatastore(
                dbname=str(given["dbname"]),
                host=str(given.get("host", "127.0.0.1")),
                port=str(given.get("port", "5432")),
                user=str(given.get("user", "postgres")),
                password=str(given.get("password", "")),
                originator_id_type="text",
            ),
            events_table_name="library_events",
        )
    recorder.create_table()
    return recorder


def measure_rate(work: Callable[[int], object], start: int) -> float:
    """How often a second something is done."""
    began = time.perf_counter()
    for number in range(start, start + PER_ROUND):
        work(number)
    return PER_ROUND / (time.perf_counter() - began)


def measure_commands(system: System, recorder: ApplicationRecorder) -> tuple[float, float, float]:
    """Commands a second end to end, appends a second of the bare library, and the median of the rounds' ratios."""
    commitments = [f"ZA{number:04}" for number in range(PER_ROUND)]
    for code in commitments:
        register_commitment(system, code)
    with system.database.read() as transaction:
        payload = bytes(transaction.fetch_value("select payload from event order by position desc limit 1"))

    def append(number: int) -> object:
        return recorder.insert_events([StoredEvent(f"stream-{number}", 1, "CommitmentRevised.1", payload)])

    def command(number: int) -> object:
        return change_title(system, commitments[number % PER_ROUND], f"Title {number}")

    ours, theirs = [], []
    for turn in range(ROUNDS):
        theirs.append(measure_rate(append, turn * PER_ROUND))
        ours.append(measure_rate(command, turn * PER_ROUND))
    return median(ours), median(theirs), median(a / b for a, b in zip(ours, theirs, strict=True))


def measure_startup(url: str) -> float:
    """How long it takes to open a database and answer the first question."""
    took = []
    for _ in range(5):
        began = time.perf_counter()
        with open_system(url) as system, system.read_session() as reading:
            reading.at_head().find_by_code("commitment", "FR0001")
        took.append(time.perf_counter() - began)
    return median(took)


def main() -> None:
    engine, events = sys.argv[1], int(sys.argv[2]) if sys.argv[2:] else 20_000
    table = Table(title=f"{engine.partition(':')[0]}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for column in ("what", "figure", "asked for"):
        table.add_column(column)
    with tempfile.TemporaryDirectory() as name:
        url = f"sqlite:///{name}/bench.db" if engine == "sqlite" else engine
        migrate(url)
        with open_system(url) as system:
            ours, theirs, ratio = measure_commands(system, library_recorder(url, Path(name)))
        table.add_row("bare library, appends", f"{theirs:,.0f} /s", "")
        table.add_row("commands, appended and followed", f"{ours:,.0f} /s", "")
        table.add_row("ratio", f"{ratio:.2f}", "≥ 0.5" if engine == "sqlite" else "≥ 0.3")
        first = measure_startup(url)
        with open_system(url) as system:
            with system.database.read() as transaction:
                before = int(transaction.fetch_value("select count(*) from event"))
            after = append_events(system, events)
            began, worked = time.perf_counter(), time.process_time()
            system.projection.catch_up()
            took, work = time.perf_counter() - began, time.process_time() - worked
        number = after - before
        table.add_row(
            f"catch-up over {number:,} events",
            f"{number / took:,.0f} /s",
            "≥ 8,000" if engine == "sqlite" else "≥ 3,000",
        )
        table.add_row("… of this process's own time", f"{number / work:,.0f} /s", "")
        table.add_row(f"start with {before:,} events", f"{first * 1000:.0f} ms", "")
        table.add_row(f"start with {after:,} events", f"{measure_startup(url) * 1000:.0f} ms", "the same")
    Console().print(table)


if __name__ == "__main__":
    main()
