"""Kills three writers, a serving and an importing process repeatedly; checks that no acknowledged write is lost.

python -m bench.writer_kills sqlite | postgresql://… [KILLS]     (an empty database)
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

from ogpgraph.system import migrate, open_system
from tests.support import oracle
from tests.support.writers import Launcher, register_commitment

CODES = [f"FR{number:04}" for number in range(4)]


def main() -> None:
    engine, kills = sys.argv[1], int(sys.argv[2]) if sys.argv[2:] else 200
    seed = int(time.time())
    print(f"seed {seed}")
    random_source, acknowledged, imported = random.Random(seed), dict[str, object](), list[str]()
    with tempfile.TemporaryDirectory() as name:
        url = f"sqlite:///{name}/bench.db" if engine == "sqlite" else engine
        migrate(url)
        with open_system(url) as system:
            for code in CODES:
                register_commitment(system, code)
        launcher = Launcher()
        for number in range(kills):
            folder, seconds = Path(name) / f"round-{number}", random_source.uniform(0.0, 1.0)
            writes, imports = launcher.kill_round(url, folder, CODES, seconds)
            acknowledged |= writes
            imported += imports
        launcher.close()
        with open_system(url) as system:
            oracle.check_log(system, acknowledged, CODES)
            oracle.check_imports(system, imported)
            with system.database.read() as transaction:
                stored = transaction.fetch_value("select count(*) from event where command like 'tester/%'")
    print(
        f"{kills} kills: {len(acknowledged)} commands and {len(imported)} imports acknowledged, all recorded once; "
        f"{stored - len(acknowledged)} commands recorded without being acknowledged"
    )


if __name__ == "__main__":
    main()
