"""What a row of the database says: its facts with the words they stand in, and remarks on what is damaged in it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ogpgraph.domain.vocabulary import RatingState, RatingValue
from ogpgraph.importer.database.report import CellRemark, remark_on
from ogpgraph.importer.reading import Facts, RatingSaid, Span


@dataclass
class RowReading:
    """All that one row says; `text` is its canonical text, `Column: cell` for each column that is read.

    `doubtful` are the paths of dates that are known to the year only, though the cell says more.
    """

    row: int
    text: str = ""
    facts: Facts = field(default_factory=dict)
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    remarks: list[CellRemark] = field(default_factory=list)
    doubtful: set[str] = field(default_factory=set)

    def place(self, path: str, column: str, span: Span) -> None:
        """Note where in the row the words stand that a path was read from."""
        self.spans[path], self.columns[path] = (span.start, span.end), column

    def remark(self, column: str, kind: str, text: str) -> None:
        """Add a remark on a cell."""
        self.remarks.append(remark_on(self.row, column, kind, text))

    def value(self, path: str) -> RatingState | RatingValue | None:
        """Return what a rating says: its value, or why it has none; None where nothing is said."""
        said = self.facts.get(path)
        if said is None or not isinstance(said.value, RatingSaid):
            return None
        return said.value.value or said.value.state


class RowText:
    """The canonical text of a row, grown cell by cell; each cell knows where in it its words stand."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0

    def add(self, column: str, cell: str) -> Span:
        """Add a cell and return where its words stand."""
        start = self._length + len(column) + 2
        part = f"{column}: {cell}\n"
        self._parts.append(part)
        self._length += len(part)
        return Span(start, start + len(cell))

    def whole(self) -> str:
        """Return the text."""
        return "".join(self._parts)
