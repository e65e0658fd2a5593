"""What a file of the database has of each member and cycle, as a table that can be checked against the file by eye."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from ogpgraph.importer.database.report import DatabaseReport


def totals_of(report: DatabaseReport) -> Table:
    """Return the table of rows by member and cycle."""
    table = Table(title=f"{report.rows:,} rows", show_footer=True, header_style="bold", box=None, pad_edge=False)
    table.add_column("Member", f"{len({total.member for total in report.totals}):,} members")
    table.add_column("Cycle")
    table.add_column("Rows", f"{sum(total.rows for total in report.totals):,}", justify="right")
    table.add_column("Recorded", f"{sum(total.recorded for total in report.totals):,}", justify="right")
    for total in report.totals:
        table.add_row(Text(f"{total.member} {total.name}"), total.cycle, f"{total.rows:,}", f"{total.recorded:,}")
    return table
