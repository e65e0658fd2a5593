"""A row of a sheet as it was parsed: facts by path, each with its column and its span in the row's canonical text."""

from __future__ import annotations

from dataclasses import dataclass, field

from ogpgraph.domain.values import ReportedRating
from ogpgraph.domain.vocabulary import RatingState, RatingValue
from ogpgraph.importer.pages.extraction import ExtractedFacts, Remark
from ogpgraph.importer.pages.text import Span
from ogpgraph.importer.report import create_cell_remark
from ogpgraph.importer.spreadsheets.cell_repair import RepairedCell

_MAX_REMARK_LENGTH = 80


class RowTextBuilder:
    """Builds the canonical text of a row, `Column: cell` on a line for each column that is read."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0

    def add(self, column: str, cell: str) -> Span:
        """Append a cell and return its span in the text."""
        start = self._length + len(column) + 2
        part = f"{column}: {cell}\n"
        self._parts.append(part)
        self._length += len(part)
        return Span(start, start + len(cell))

    def build(self) -> str:
        """Return the text."""
        return "".join(self._parts)


@dataclass
class ParsedRow:
    """The facts of a row by path, the span and column of each, the row's canonical text, and remarks on its cells.

    `imprecise_paths` are the dates of which only the year is certain; `unread_paths` are those whose cells could not be
    read, so that the row says nothing there.
    """

    row_number: int
    text: str = ""
    facts: ExtractedFacts = field(default_factory=dict)
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    imprecise_paths: set[str] = field(default_factory=set)
    unread_paths: set[str] = field(default_factory=set)

    def rating_at(self, path: str) -> RatingState | RatingValue | None:
        """Return the value of a rating, its state where it has no value, None where the row has no such rating."""
        extracted = self.facts.get(path)
        if extracted is None or not isinstance(extracted.value, ReportedRating):
            return None
        return extracted.value.value or extracted.value.state

    def record_span(self, path: str, column: str, span: Span) -> None:
        """Record the column and span from which the fact at a path was read."""
        self.spans[path], self.columns[path] = (span.start, span.end), column

    def add_remark(self, column: str, kind: str, text: str) -> None:
        """Add a remark on a cell."""
        self.remarks.append(create_cell_remark(self.row_number, column, kind, text))

    def report_repair(self, column: str, cell: RepairedCell, *, kind_prefix: str = "") -> str | None:
        """Add remarks on what was repaired in a cell and what remains doubtful; returns the cell's text."""
        if cell.repair:
            self.add_remark(column, f"{kind_prefix}repaired", cell.repair)
        if cell.doubt:
            self.add_remark(column, f"{kind_prefix}doubtful", cell.doubt)
        return cell.text

    @property
    def misfit_columns(self) -> list[str]:
        """Return the columns whose cells are of no kind that such a column has."""
        return [remark.column for remark in self.remarks if remark.kind == "unrecognised"]

    def report_unrecognised(self, column: str, cell: str) -> None:
        """Add a remark that the codebook and the vocabulary do not have a cell's value."""
        self.add_remark(column, "unrecognised", " ".join(cell.split())[:_MAX_REMARK_LENGTH])
