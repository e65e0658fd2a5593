"""Runs eight writing processes, first on commitments of their own, then on one: counts commands, conflicts and losses.

python -m bench.concurrent_writers sqlite | postgresql://… [COMMANDS]     (an empty database)
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from ogpgraph.system import migrate, open_system
from tests.support import oracle
from tests.support.writers import read_acknowledged, register_commitment, start_writers

WRITERS = 8


def measure(url: str, folder: Path, codes: list[str], commands: int, *, shared: bool) -> None:
    with open_system(url) as system:
        for code in codes:
            register_commitment(system, code)
    began = time.perf_counter()
    writers = start_writers(url, folder, WRITERS, codes, commands, shared=shared)
    errors = writers.communicate()[1]
    seconds = time.perf_counter() - began
    if writers.returncode:
        raise SystemExit(errors)
    acknowledged = read_acknowledged(folder)
    conflicts = sum(conflicts for conflicts, _ in acknowledged.values())
    target = "one commitment" if shared else "their own commitments"
    print(
        f"{WRITERS} processes on {target}: {len(acknowledged)} of {WRITERS * commands} acknowledged, "
        f"{len(acknowledged) / seconds:,.0f} a second, {conflicts} repeated after a conflict"
    )
    if shared:
        with open_system(url) as system:
            oracle.check_no_lost_update(system, codes[0], {key: before for key, (_, before) in acknowledged.items()})


def main() -> None:
    engine, commands = sys.argv[1], int(sys.argv[2]) if sys.argv[2:] else 500
    with tempfile.TemporaryDirectory() as name:
        url = f"sqlite:///{name}/bench.db" if engine == "sqlite" else engine
        migrate(url)
        own = [f"FR{number:04}" for number in range(WRITERS * 2)]
        measure(url, Path(name) / "own", own, commands, shared=False)
        measure(url, Path(name) / "shared", ["KE0001"], commands, shared=True)
        acknowledged = read_acknowledged(Path(name) / "own") | read_acknowledged(Path(name) / "shared")
        with open_system(url) as system:
            oracle.check_log(system, acknowledged, [*own, "KE0001"])
    print("nothing lost or repeated; positions and revisions have no gaps; a rebuild is identical")


if __name__ == "__main__":
    main()
