"""How good the answers to the labelled searches are: `python -m bench.search.quality [--held-out] [--samples FOLDER]`.

The held-out searches are used only at the end: who works on the rules of the search leaves them alone. With a folder
of OGP's published files (`database/*.csv` and `pages/*.txt`) the searches of these are measured, too, and reported
separately.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from ogpgraph.domain.unit_of_work import CommandContext
from ogpgraph.importer.run import import_page
from ogpgraph.importer.spreadsheets.run import import_spreadsheet
from ogpgraph.importer.writer import LogWriter
from ogpgraph.system import System, migrate, open_system
from tests.search.client import measure_quality
from tests.search.corpus import record_corpus
from tests.search.labels import (
    HITS,
    Quality,
    read_development_searches,
    read_held_out_searches,
    read_sample_searches,
)

_MAX_BYTES: Final = 10**8


def main(arguments: list[str]) -> None:
    """Record what is searched in temporary databases, search it, and print what is found how well."""
    parser = argparse.ArgumentParser(prog="bench.search.quality", description=__doc__)
    parser.add_argument("--held-out", action="store_true", help="measure the held-out searches, too")
    parser.add_argument("--samples", type=Path, help="a folder of OGP's published files")
    options = parser.parse_args(arguments)
    parts = {"development": read_development_searches()}
    if options.held_out:
        parts["held out"] = read_held_out_searches()
    with _open_temporary() as system:
        record_corpus(system)
        for name, searches in parts.items():
            _print_quality(name, measure_quality(system, searches))
    if options.samples:
        with _open_temporary() as system:
            _import_samples(system, options.samples)
            _print_quality("samples", measure_quality(system, read_sample_searches()))


@contextmanager
def _open_temporary() -> Iterator[System]:
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/log.db"
        migrate(url)
        with open_system(url) as system:
            yield system


def _import_samples(system: System, folder: Path) -> None:
    for file in sorted(folder.glob("database/commitments-*.csv")):
        import_spreadsheet(LogWriter(system), file.name, file.read_bytes(), _context(system))
    for file in sorted(folder.glob("pages/*.txt")):
        import_page(system, file.name, file.read_bytes(), _context(system), limit_bytes=_MAX_BYTES)
    system.projection.catch_up()


def _context(system: System) -> CommandContext:
    return CommandContext(actor="bench", role="publisher", time=system.clock())


def _print_quality(name: str, quality: Quality) -> None:
    print(
        f"{name}: {quality.searches} searches, recall@{HITS} {quality.recall:.3f}, first hit right {quality.first:.3f}"
    )
    for failure in quality.failures:
        print(f"  {failure}")


if __name__ == "__main__":
    main(sys.argv[1:])
