"""Measures importing a file of 2,000 rows in the layout of 2016, and importing it again.

    python bench/database_import.py [sqlite:///file.db | postgresql://…] [rows]

The file is generated: members, plans and columns are OGP's, all texts are invented. Targets on two cores: one minute on
SQLite, three on PostgreSQL, and at most a tenth of that for the same file again.
"""

from __future__ import annotations

import csv
import io
import random
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime

from ogpgraph.domain.unit_of_work import CommandContext
from ogpgraph.importer.spreadsheets.codebook import find_codebook
from ogpgraph.importer.spreadsheets.run import import_spreadsheet
from ogpgraph.importer.writer import LogWriter
from ogpgraph.system import migrate, open_system

ROWS = 2000
MEMBERS = [
    "Albania",
    "Brazil",
    "Bulgaria",
    "Canada",
    "Chile",
    "Croatia",
    "Estonia",
    "Georgia",
    "Ghana",
    "Greece",
    "Italy",
    "Kenya",
    "Latvia",
    "Mexico",
]
CELLS = {
    "Specificity": ("a. low", "b. medium", "c. high", "NR"),
    "Potential impact": ("None", "Minor", "Moderate", "Transformative", "ND"),
    "Completion (progress report)": ("a. Not started", "b. Limited", "c. Substantial", "d. Complete", "NR"),
    "Completion (end of term)": ("b. Limited", "c. Substantial", "ND"),
    "Change in completion": ("No Change", "Increase", "ND"),
    "Did it open government (end of term only)": ("b. None", "c. Marginal", "ND"),
    "Report publication year (end of term)": ("2016", "ND"),
    "Start Date": ("2012", "01/07/2014", "Not Specified", "Unclear"),
    "End Date": ("2014", "31/12/2016", "Continuous"),
    "Report publication year (progress report)": ("2014", "2016", "NR"),
}
WORDS = [
    "the",
    "ministry",
    "will",
    "publish",
    "open",
    "data",
    "on",
    "budgets",
    "procurement",
    "courts",
    "and",
    "schools",
    "with",
    "citizens",
    "every",
    "year",
]


def build_csv(rows: int) -> bytes:
    """Return a file in the layout of 2016 with a number of rows."""
    book, random_source = find_codebook("2016"), random.Random(2016)
    assert book is not None
    out = io.StringIO()
    writer = csv.writer(out)
    header = list(book.required)
    writer.writerow(header)
    for row in range(rows):
        text = " ".join(random_source.choices(WORDS, k=160))
        cells = {
            "Country": MEMBERS[row % len(MEMBERS)],
            "Action Plan Number": str(1 + row % 2),
            "Year of submission": str(2012 + 2 * (row % 2)),
            "Comm No": str(row // (2 * len(MEMBERS)) + 1),
            "Commitment Title": f"{row}. {text[:60]} {row}",
            "Short Title": text[:60],
            "Full Text": text,
            "Lead Institution": "Ministry of Examples",
            "Supporting Institution(s)": "None specified",
            "Theme": "NA",
        }
        cells |= {name: random_source.choice(choice) for name, choice in CELLS.items()}
        writer.writerow([cells.get(name, random_source.choice(("0", "0", "1"))) for name in header])
    return out.getvalue().encode()


def main() -> None:
    url = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{tempfile.mkdtemp()}/bench.db"
    data = build_csv(int(sys.argv[2]) if len(sys.argv) > 2 else ROWS)
    migrate(url)
    print(f"{len(data):,} bytes into {url.partition(':')[0]}")
    with open_system(url) as system:
        for name, day in (("first", 1), ("again", 2)):
            context = CommandContext(actor="bench", role="publisher", time=datetime(2016, 6, day, tzinfo=UTC))
            began = time.perf_counter()
            report = import_spreadsheet(LogWriter(system), "bench.csv", data, context)
            seconds = time.perf_counter() - began
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            events = report.recorded.total()
            print(f"{name}: {seconds:6.2f} s, {report.rows:,} rows, {events:,} events, {report.outcome}, {memory} MiB")


if __name__ == "__main__":
    main()
