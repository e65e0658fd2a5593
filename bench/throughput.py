"""Measures the projector, and the start. What commands take, `bench.commands` measures.

python -m bench.throughput sqlite [EVENTS]
python -m bench.throughput postgresql://… [EVENTS]     (an empty database)
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.data import append_events
from ogpgraph.system import migrate, open_system


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
