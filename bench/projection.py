"""Measures how many events of a log a rebuild projects in a second, and what processor time they take.

    python -m bench.projection [DATABASE-URL] [--rounds 3]

It is compared with reading, verifying and decoding the same events, which every projection has to do. Without a URL it
takes a copy of the benchmarks' database (`bench.data`). Processor time is that of this process and of those that it
starts, without the PostgreSQL server. What is compared is measured in turns, so that a busy machine slows both.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench.data import FOLDER, database
from ogpgraph.domain.aggregate_types import decode_stored_event
from ogpgraph.storage.logged_event import load_event
from ogpgraph.system import System, open_system

READ_AT_ONCE = 1_000


def main() -> None:
    """Run the measurement."""
    parser = argparse.ArgumentParser(prog="python -m bench.projection")
    parser.add_argument("database", nargs="?", help="the URL of a database, whose read model is rebuilt")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report(arguments.database or _copy_database(Path(folder)), arguments.rounds)


def report(url: str, rounds: int) -> None:
    """Print the events that are read and those that are projected in a second: the median of some rounds."""
    with open_system(url) as system:
        events = _read_events(system)
        reading, rebuilding = [], []
        for _ in range(rounds):
            reading.append(_measure(lambda: _read_events(system)))
            rebuilding.append(_measure(system.rebuild))
    print(f"{events:,} events on {url.partition(':')[0]}")
    for name, costs in (("read", reading), ("rebuilt", rebuilding)):
        elapsed, processor = (median(each) for each in zip(*costs, strict=True))
        print(
            f"{name:8} {events / elapsed:8,.0f} events/s  {processor / events * 1e6:6.0f} µs of processor time for each"
        )


def _copy_database(folder: Path) -> str:
    source = database(folder=Path(os.environ.get("OGPGRAPH_BENCH_DATA", FOLDER))).removeprefix("sqlite:///")
    return f"sqlite:///{shutil.copy(source, folder / 'copy.db')}"


def _read_events(system: System) -> int:
    number = position = 0
    with system.database.read() as transaction:
        while saves := system.log.read_saves_after(transaction, position, READ_AT_ONCE):
            for row in (row for save in saves for row in save):
                decode_stored_event(load_event(row))
                number, position = number + 1, row["position"]
    return number


def _measure(work: Callable[[], object]) -> tuple[float, float]:
    """Return the elapsed time and the processor time of some work, in seconds."""
    began, before = time.perf_counter(), _processor_time()
    work()
    return time.perf_counter() - began, _processor_time() - before


def _processor_time() -> float:
    return sum(os.times()[:4])


if __name__ == "__main__":
    main()
