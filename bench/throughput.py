"""Measures commands per second, compared with the eventsourcing library alone, the projector, and the start.

    python -m bench.throughput sqlite [EVENTS]
    python -m bench.throughput postgresql://… [EVENTS]     (an empty database)

Commands and the library run in turns in one process, so a busy machine slows both: only the ratio is meaningful.
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
from ogpgraph.storage.payload import decompress_payload
from ogpgraph.system import System, migrate, open_system
from tests.support.writers import change_title, register_commitment

ROUNDS, PER_ROUND = 8, 40


def library_recorder(url: str, folder: Path) -> ApplicationRecorder:
    """Return the library's own recorder, on the same engine."""
    if url.startswith("sqlite:"):
        recorder: SQLiteApplicationRecorder | PostgresApplicationRecorder = SQLiteApplicationRecorder(
            SQLiteDatastore(str(folder / "library.db"))
        )
    else:
        parameters = conninfo_to_dict(url)
        recorder = PostgresApplicationRecorder(
            PostgresDatastore(
                dbname=str(parameters["dbname"]),
                host=str(parameters.get("host", "127.0.0.1")),
                port=str(parameters.get("port", "5432")),
                user=str(parameters.get("user", "postgres")),
                password=str(parameters.get("password", "")),
                originator_id_type="text",
            ),
            events_table_name="library_events",
        )
    recorder.create_table()
    return recorder


def measure_rate(work: Callable[[int], object], start: int) -> float:
    """Return how many times a second `work` can be called; it gets consecutive numbers."""
    began = time.perf_counter()
    for number in range(start, start + PER_ROUND):
        work(number)
    return PER_ROUND / (time.perf_counter() - began)


def measure_commands(system: System, recorder: ApplicationRecorder) -> tuple[float, float, float]:
    """Return commands per second, appends per second of the library, and the median of the rounds' ratios."""
    commitments = [f"ZA{number:04}" for number in range(PER_ROUND)]
    for code in commitments:
        register_commitment(system, code)
    with system.database.read() as transaction:
        stored = transaction.fetch_value("select payload from event order by position desc limit 1")
    payload = decompress_payload(bytes(stored))

    def append(number: int) -> object:
        return recorder.insert_events([StoredEvent(f"stream-{number}", 1, "CommitmentRevised.1", payload)])

    def command(number: int) -> object:
        return change_title(system, commitments[number % PER_ROUND], f"Title {number}")

    ours, theirs = [], []
    for round_ in range(ROUNDS):
        theirs.append(measure_rate(append, round_ * PER_ROUND))
        ours.append(measure_rate(command, round_ * PER_ROUND))
    return median(ours), median(theirs), median(a / b for a, b in zip(ours, theirs, strict=True))


def measure_startup(url: str) -> float:
    """Return the seconds until a database is open and the first read is done."""
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        with open_system(url) as system, system.read_session() as session:
            session.at_head().find_by_code("commitment", "FR0001")
        seconds.append(time.perf_counter() - began)
    return median(seconds)


def main() -> None:
    engine, events = sys.argv[1], int(sys.argv[2]) if sys.argv[2:] else 20_000
    table = Table(title=f"{engine.partition(':')[0]}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for column in ("measurement", "result", "target"):
        table.add_column(column)
    with tempfile.TemporaryDirectory() as name:
        url = f"sqlite:///{name}/bench.db" if engine == "sqlite" else engine
        migrate(url)
        with open_system(url) as system:
            ours, theirs, ratio = measure_commands(system, library_recorder(url, Path(name)))
        table.add_row("appends of the library", f"{theirs:,.0f} /s", "")
        table.add_row("commands, appended and projected", f"{ours:,.0f} /s", "")
        table.add_row("ratio", f"{ratio:.2f}", "≥ 0.5" if engine == "sqlite" else "≥ 0.3")
        first = measure_startup(url)
        with open_system(url) as system:
            with system.database.read() as transaction:
                before = int(transaction.fetch_value("select count(*) from event"))
            after = append_events(system, events)
            began, cpu_began = time.perf_counter(), time.process_time()
            system.projection.catch_up()
            seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
        number = after - before
        table.add_row(
            f"projection of {number:,} events",
            f"{number / seconds:,.0f} /s",
            "≥ 8,000" if engine == "sqlite" else "≥ 3,000",
        )
        table.add_row("… per second of processor time", f"{number / cpu_seconds:,.0f} /s", "")
        table.add_row(f"start with {before:,} events", f"{first * 1000:.0f} ms", "")
        table.add_row(f"start with {after:,} events", f"{measure_startup(url) * 1000:.0f} ms", "no longer")
    Console().print(table)


if __name__ == "__main__":
    main()
