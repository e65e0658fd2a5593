"""The record from which the questions of `docs/analysis.md` are answered: three states of an invented file."""

from __future__ import annotations

from datetime import UTC, datetime

from ogpgraph.domain.unit_of_work import CommandContext
from ogpgraph.importer.spreadsheets.run import import_spreadsheet
from ogpgraph.importer.writer import LogWriter
from ogpgraph.system import System
from tests.importer.spreadsheets.spreadsheet_files import Cells, build_csv, row_2024

YEARS = (2016, 2020, 2024)


def import_analysis_record(system: System) -> None:
    """Import the three states, observed on 1 June of their years."""
    for year in YEARS:
        context = CommandContext(actor="importer", role="publisher", time=datetime(year, 6, 1, tzinfo=UTC))
        import_spreadsheet(LogWriter(system), "file.csv", build_csv("2024", _rows(year)), context)


def _rows(year: int) -> list[Cells]:
    rows = [
        _row("UY0101", 2014, "Ferry tables", midterm="Limited", end="Complete", star="1"),
        _row("UY0102", 2014, "Open lighthouses", midterm="Substantial", end="ND"),
        _row("KE0101", 2016, "Register of piers", midterm="Limited", end="Limited" if year < 2024 else "Complete"),
    ]
    if year >= 2020:
        rows.append(_row("KE0102", 2018, "Harbour budget", midterm="Not Started", end="ND"))
    return [row for row in rows if year < 2024 or row["Commitment Unique Identifier"] != "UY0102"]


def _row(code: str, cycle: int, title: str, *, midterm: str, end: str, star: str = "0") -> Cells:
    member = {
        "UY": {"Country/Locality": "Uruguay", "Code": "URY", "Region": "Americas"},
        "KE": {"Country/Locality": "Kenya", "Code": "KEN", "Region": "Africa and the Middle East"},
    }[code[:2]]
    number = str(cycle // 2 - 1005)
    cells = row_2024(
        code,
        Commitment_Title=title,
        Full_Text=f"{title}: all of it.",
        Completion_Progress_Report=midterm,
        Completion_End_Of_Term=end,
        Start_Date=f"7/1/{cycle}",
        End_Date=f"{cycle + 2}-06-30",
        Action_Plan_Number=number,
        Action_Plan_ID=f"AP_{member['Code']}{int(number):02}",
        Year_Of_Submission=str(cycle),
        Action_Plan_End_Year=str(cycle + 2),
    )
    return cells | member | {"Starred (Current Formula) End of Term": star}
