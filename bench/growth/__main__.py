"""Measures how the storage and the cost of a command grow with the record.

    python -m bench.growth database [--file growth.db | --database postgresql://…] [--scale 1]
    python -m bench.growth revisions [--to 5000] [--rounds 15] [--file growth.db]
    python -m bench.growth past [--file growth.db] [--rounds 15]
    python -m bench.growth dates [--file growth.db] [--rounds 15]

`database` imports three states of OGP's commitment database (see `states`) and says where the bytes are. `revisions`
compares one commitment with 5,000 revisions with others that have 50, in one database. `past` compares a list of 100
commitments at past positions with the present, with and without the time that building the index takes. `dates`
compares lists as of dates with the present, in one process, and with past positions, in fresh ones. What is compared
is measured in turns, so that a busy machine slows both; only the ratios are meaningful. Exits with 1 if a target is
missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from bench.growth.database import import_states, report_database
from bench.growth.history import report_dates, report_past
from bench.growth.revisions import report_revisions
from ogpgraph.system import migrate


def main() -> None:
    """Run the measurement that the command line names."""
    arguments = _parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{arguments.file or Path(folder) / 'growth.db'}"
        if arguments.measurement == "revisions":
            sys.exit(not report_revisions(url, arguments.to, arguments.rounds))
        if arguments.measurement == "database":
            sys.exit(not report_database(arguments.database or url, arguments.scale))
        if not (arguments.file and arguments.file.exists()):
            migrate(url)
            import_states(url, arguments.scale)
        report = report_past if arguments.measurement == "past" else report_dates
        sys.exit(not report(url, arguments.rounds))


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=(__doc__ or "").splitlines()[0])
    measurements = parser.add_subparsers(dest="measurement", required=True)
    database = measurements.add_parser("database", help="three states of OGP's database: bytes by table and index")
    database.add_argument("--database", help="the URL of an empty database on PostgreSQL")
    revisions = measurements.add_parser("revisions", help="one commitment with many revisions")
    revisions.add_argument("--to", type=int, default=5_000, help="how many revisions; at least 250")
    past = measurements.add_parser("past", help="a list at a past position")
    dates = measurements.add_parser("dates", help="lists as of dates")
    for each in (database, revisions, past, dates):
        each.add_argument("--file", type=Path, help="a SQLite file, which is kept; `past` uses it if it exists")
    for each in (database, past, dates):
        each.add_argument("--scale", type=float, default=1.0, help="the share of the rows, for trials")
    for each in (revisions, past, dates):
        each.add_argument("--rounds", type=int, default=15)
    return parser.parse_args()


if __name__ == "__main__":
    main()
