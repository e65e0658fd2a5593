"""Measures importing a state of OGP's commitment database with 1,927 rows, and importing it again.

    python -m bench.database_import [sqlite:///file.db | postgresql://…]

The state is that of 2016 (`bench.growth.states`), without the one before it. Processor time is that of this process,
which collects garbage as rarely as `ogpgraph import` does.
"""

from __future__ import annotations

import gc
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime

from bench.growth.states import build_states
from ogpgraph.cli.imports import YOUNG_OBJECTS
from ogpgraph.domain.unit_of_work import CommandContext
from ogpgraph.importer.spreadsheets.run import import_spreadsheet
from ogpgraph.importer.writer import LogWriter
from ogpgraph.system import migrate, open_system


def main() -> None:
    url = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{tempfile.mkdtemp()}/bench.db"
    gc.set_threshold(YOUNG_OBJECTS)
    _, state, _ = build_states()
    migrate(url)
    print(f"{len(state.data):,} bytes into {url.partition(':')[0]}")
    with open_system(url) as system:
        for name, day in (("first", 1), ("again", 2)):
            context = CommandContext(actor="bench", role="publisher", time=datetime(2016, 8, day, tzinfo=UTC))
            began, before = time.perf_counter(), time.process_time()
            report = import_spreadsheet(LogWriter(system), "bench.csv", state.data, context)
            seconds, processor = time.perf_counter() - began, time.process_time() - before
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            events = report.recorded.total()
            costs = f"{seconds:6.2f} s, {processor:.2f} s of the processor, {memory} MiB"
            print(f"{name}: {costs}, {report.rows:,} rows, {events:,} events, {report.outcome}")


if __name__ == "__main__":
    main()
