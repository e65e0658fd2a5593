"""Invented files of the commitment database; cells that a test does not set have plausible values."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from ogpgraph.domain.unit_of_work import CommandContext
from ogpgraph.importer.report import Report
from ogpgraph.importer.spreadsheets.codebook import Codebook, find_codebook
from ogpgraph.importer.spreadsheets.run import (
    DEFAULT_OPTIONS,
    FileOptions,
    import_spreadsheet,
)
from ogpgraph.importer.writer import LogWriter
from ogpgraph.storage.database import ProgressCallback
from ogpgraph.system import System
from tests.graphql.client import execute_query

Cells = dict[str, str]


def require_codebook(version: str) -> Codebook:
    found = find_codebook(version)
    assert found is not None
    return found


def codebook_header(version: str) -> list[str]:
    book = require_codebook(version)
    return [*book.columns, *book.numeric_twins, *book.areas]


def row_2024(code: str = "UY0901", **changed: str) -> Cells:
    """Return a row in the layout of 2024; keywords are column names with `_` for each character that is no letter."""
    cells = dict.fromkeys(codebook_header("2024"), "ND") | dict.fromkeys(require_codebook("2024").areas, "0")
    cells |= {
        "Commitment Unique Identifier": code,
        "Country/Locality": "Uruguay",
        "Code": "URY",
        "Region": "Americas",
        "National Or Local": "National",
        "Action Plan Number": "4",
        "Action Plan ID": "AP_URY04",
        "Year Of Submission": "2018",
        "Action Plan End Year": "2020",
        "Action Plan Duration (Years)": "2",
        "Commitment Number": code[-2:].lstrip("0"),
        "Commitment Title": f"Ferry tables {code}",
        "Full Text": f"Print the tables of all ferries ({code}).",
        "Lead Institution": "Ministry of Ferries",
        "Supporting Institution(s)": "NA",
        "URL": "https://example.org",
        "Active Commitment": "1",
    }
    return _with_cells("2024", cells, changed)


def row_2016(title: str = "1. Ferry tables", **changed: str) -> Cells:
    """Return a row in the layout of 2016."""
    cells = dict.fromkeys(codebook_header("2016"), "NR") | dict.fromkeys(require_codebook("2016").areas, "0")
    cells |= {
        "Country": "Uruguay",
        "Action Plan Number": "1",
        "Year of submission": "2012",
        "Comm No": title.partition(".")[0],
        "Commitment Title": title,
        "Short Title": title,
        "Theme": "NA",
        "Full Text": f"Print them all: {title}",
        "Lead Institution": "Ministry of Ferries",
        "Supporting Institution(s)": "None specified",
        "Start Date": "2012",
        "End Date": "2013",
    }
    return _with_cells("2016", cells, changed)


def row_2015(title: str = "1: Ferry tables", **changed: str) -> Cells:
    """Return a row in the layout of 2015."""
    cells = dict.fromkeys(codebook_header("2015"), "NR") | dict.fromkeys(require_codebook("2015").areas, "0")
    cells |= {
        "Country": "Uruguay",
        "Action Plan No.": "1",
        "Commitment Title": title,
        "Full Text": "Print them all: 1. Ferry tables",
        "Lead institution (Responsible Instutitution)": "Ministry of Ferries",
        "Supporting Institution": "None specified",
        "Start": "2012",
        "End": "2013",
    }
    return _with_cells("2015", cells, changed)


def _with_cells(version: str, cells: Cells, changed: dict[str, str]) -> Cells:
    names = {_normalized_name(name): name for name in codebook_header(version)}
    return cells | {names[_normalized_name(name)]: value for name, value in changed.items()}


def _normalized_name(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum() or (letter == "_" and name.startswith("_")))


def build_csv(
    version: str, rows: Sequence[Cells], *, header: Sequence[str] | None = None, above: Sequence[Sequence[str]] = ()
) -> bytes:
    """Return a file with these rows, and with lines above its header."""
    names = list(header or codebook_header(version))
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerows([*above, names, *([row.get(name, "") for name in names] for row in rows)])
    return out.getvalue().encode()


def import_file(
    system: System,
    data: bytes,
    year: int,
    month: int = 1,
    progress: ProgressCallback | None = None,
    options: FileOptions = DEFAULT_OPTIONS,
) -> Report:
    """Import a file observed on the first day of a month."""
    context = CommandContext(actor="importer", role="publisher", time=datetime(year, month, 1, tzinfo=UTC))
    return import_spreadsheet(LogWriter(system), "file.csv", data, context, progress, options)


def remark_kinds(report: Report) -> set[str]:
    return {remark.kind for remark in report.remarks}


def count_recorded_events(report: Report) -> dict[tuple[str, str], int]:
    """Return the events of a report by kind and cause, without the observation and the end, which every import has."""
    return {
        (name, cause): number
        for (name, cause), number in report.recorded.items()
        if name not in ("SourceObserved", "SourceRegistered", "SourceReadCompletely")
    }


RECORD_QUERY = """{
  members { nodes { code name region category type } }
  actionPlans { nodes { code number cycle publishedId endsOn durationYears } }
  commitments {
    nodes {
      code key number planNumber title description status cycle startsOn endsOn leadInstitutions cluster
      clusterCommitments policyAreas undeterminedPolicyAreas { state areas } reportYears { stage year state }
      findings { kind state value statedAs } databaseColumns { name value }
      ratings { indicator stage ogpValue state value statedAs }
      blame { path value changedBetween { after before } entry { cause } }
    }
  }
}"""


def dump_record(system: System) -> Any:
    """Return the whole record as JSON, with types for ids, which differ from log to log."""
    answer = msgspec.json.encode(execute_query(system, RECORD_QUERY)).decode()
    return msgspec.json.decode(re.sub(r'"(member|plan|commitment)-[0-9a-f]+"', r'"\1"', answer))
