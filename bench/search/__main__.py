"""Measures the search: `python -m bench.search --commitments 6000 60000`.

The record is made through commands when it is missing (a minute for 6,000 commitments, ten for 60,000) and kept in
`bench/.data` or the folder that `OGPGRAPH_BENCH_DATA` names. Times are processor times of one process without HTTP.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench.search.measuring import (
    Size,
    Timing,
    collected_as_served,
    load_all,
    measure_after_writes,
    measure_searches,
    measure_size,
)
from bench.search.record import open_search_record
from bench.search.searches import choose_searches
from ogpgraph.system import System, open_system

RESULTS: Final = Path(__file__).parents[1] / "results"
_WARM_UP, _MEASURED = 1, 2
"""Seeds: what is measured was not searched for before."""
_PAST_KINDS: Final = ("one word", "two words", "three words")


class Measurement(Struct, frozen=True):
    """What was measured with one record."""

    size: Size
    timings: dict[str, Timing]
    past_ratio: float
    """The median time of a search at a past position by that of the same search of the present."""


def main(arguments: list[str]) -> None:
    """Measure the search with records of some sizes, print a table for each, and write a file."""
    parser = argparse.ArgumentParser(prog="bench.search", description=__doc__)
    parser.add_argument("--commitments", type=int, nargs="+", default=[6_000])
    parser.add_argument("--searches", type=int, default=60, help="of each kind")
    options = parser.parse_args(arguments)
    measured = [measure_record(number, options.searches) for number in options.commitments]
    for each in measured:
        print_measurement(each)
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"search-{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
    file.write_bytes(msgspec.json.format(msgspec.json.encode(measured), indent=1) + b"\n")
    print(file, file=sys.stderr)


def measure_record(commitments: int, searches: int) -> Measurement:
    """Measure the search with a record of as many commitments; works on a copy."""
    with TemporaryDirectory() as folder:
        file = Path(shutil.copy(open_search_record(commitments), Path(folder) / "record.db"))
        with open_system(f"sqlite:///{file}") as system:
            return _measure_system(system, file, commitments, searches)


def _measure_system(system: System, file: Path, commitments: int, searches: int) -> Measurement:
    size = measure_size(system, file, commitments, "transparency budget")
    load_all(system)
    warm, chosen = choose_searches(_WARM_UP, searches), choose_searches(_MEASURED, searches)
    past = (system.log.max_notification_id() or 0) * 2 // 3
    for texts in warm.values():
        measure_searches(system, texts)
    measure_searches(system, warm["two words"], past)
    with collected_as_served():
        timings = {name: measure_searches(system, texts) for name, texts in chosen.items()}
        at_past = {f"{name}, past position": measure_searches(system, chosen[name], past) for name in _PAST_KINDS}
        ratios = [at_past[f"{name}, past position"].p50_ms / timings[name].p50_ms for name in _PAST_KINDS]
        timings |= at_past
        timings["first after a write"] = measure_after_writes(system, warm["one word"])
    return Measurement(size, timings, round(sorted(ratios)[len(ratios) // 2], 2))


def print_measurement(measured: Measurement) -> None:
    """Print a table of what was measured with one record."""
    size = measured.size
    table = Table(title=f"{size.commitments:,} commitments")
    for column in ("searches", "p50 ms", "p95 ms", "max ms", "median hits"):
        table.add_column(column, justify="left" if column == "searches" else "right")
    for name, timing in measured.timings.items():
        table.add_row(name, f"{timing.p50_ms}", f"{timing.p95_ms}", f"{timing.max_ms}", f"{timing.median_hits:.0f}")
    console = Console()
    console.print(table)
    console.print(
        f"built in {size.build_seconds} s; {size.disk_bytes_per_commitment:.0f} bytes on disk and "
        f"{size.memory_bytes_per_commitment:.0f} in memory for each commitment, whose texts have "
        f"{size.texts_bytes / size.commitments:.0f}; a past position takes {measured.past_ratio} times the present"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
