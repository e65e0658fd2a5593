"""Sheets: the rows of a CSV file as a spreadsheet shows them, under the codebook that its header names."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from ogpgraph.importer.pages.extraction import Remark, UnreadableInput
from ogpgraph.importer.report import create_cell_remark
from ogpgraph.importer.spreadsheets.codebook import Codebook, column_key, load_codebooks

_HEADER_WITHIN = 10
_NEAR = 0.02  # the share above which the nearest form is worth naming
_DELIMITERS = (",", ";", "\t")
_ENOUGH = 0.3  # the share of a form's columns that tells a file of the database from any other
_TOLD = 8
_LONGEST_CELL = 1_000_000


@dataclass(frozen=True)
class SheetRow:
    """A row of the file: its number as a spreadsheet counts, and its cells by the codebook's names of the columns."""

    number: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Sheet:
    """A file that is one of the known forms; rows are read from its text again whenever they are asked for."""

    text: str
    delimiter: str
    codebook: Codebook
    header: tuple[str, ...]
    header_row: int
    columns_by_position: dict[int, str]
    remarks: tuple[Remark, ...]

    def rows(self) -> Iterator[SheetRow]:
        """Yield the rows that hold anything, headers that are repeated among them left out."""
        for number, cells in self._lines():
            if len(cells) == len(self.header) or not any(cells[len(self.header) :]):
                yield SheetRow(
                    number,
                    {name: cells[place] for place, name in self.columns_by_position.items() if place < len(cells)},
                )

    def layout_remarks(self) -> Iterator[Remark]:
        """Yield remarks on rows that are no rows of the table: headers again, too many or too few cells."""
        for number, cells in _records(self.text, self.delimiter):
            if number > self.header_row and self._is_header(cells):
                yield create_cell_remark(number, "", "header-repeated", "the header stands here again; left out")
        for number, cells in self._lines():
            if len(cells) > len(self.header) and any(cells[len(self.header) :]):
                yield create_cell_remark(
                    number, "", "row-too-long", f"{len(cells)} cells for {len(self.header)}; left out"
                )
            elif len(cells) < len(self.header):
                yield create_cell_remark(number, "", "row-too-short", f"{len(cells)} cells for {len(self.header)}")

    def duplicate_columns(self) -> dict[str, list[int]]:
        """Return the columns that the header names more than once, with all their places."""
        places: dict[str, list[int]] = {}
        for place, cell in enumerate(self.header):
            name = self.codebook.spellings.get(column_key(cell)) if cell.strip() else None
            if name is not None:
                places.setdefault(name, []).append(place)
        return {name: found for name, found in places.items() if len(found) > 1}

    def duplicate_column_remarks(self) -> Iterator[Remark]:
        """Yield remarks on rows in which two columns of one name say different things."""
        repeated = self.duplicate_columns()
        for number, cells in self._lines() if repeated else ():
            for name, places in repeated.items():
                said = {cells[place].strip() for place in places if place < len(cells)}
                if len(said) > 1:
                    yield create_cell_remark(
                        number, name, "twins-disagree", f"two columns of this name say {sorted(said)}"
                    )

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        for number, cells in _records(self.text, self.delimiter):
            if number > self.header_row and any(cell.strip() for cell in cells) and not self._is_header(cells):
                yield number, cells

    def _is_header(self, cells: list[str]) -> bool:
        return len(cells) > 1 and [column_key(cell) for cell in cells[:5]] == [
            column_key(cell) for cell in self.header[:5]
        ]


def parse_sheet(data: bytes) -> Sheet:
    """Return the sheet that some bytes are; raises UnreadableInput with the nearest known form where they are none."""
    text, remarks = _decoded(data)
    best = max(_candidates(text), key=lambda each: each[0], default=None)
    if best is None or best[0] < _NEAR:
        raise UnreadableInput(
            "not a file of OGP's commitment database: no line of it names the columns of a known form"
        )
    _, delimiter, row, header, codebook = best
    names = codebook.match_header(header)
    missing = [name for name in codebook.required if name not in names.values()]
    unknown = [cell.strip() for cell in header if cell.strip() and column_key(cell) not in codebook.spellings]
    if missing:
        raise UnreadableInput(
            f"a layout that is not known; the nearest is that of {codebook.version} (header in row {row}), "
            f"but it lacks {_some(missing)}" + (f" and has {_some(unknown)}" if unknown else "")
        )
    remarks += [
        create_cell_remark(row, name, "column-unknown", "no codebook has this column; not read") for name in unknown
    ]
    return Sheet(text, delimiter, codebook, tuple(header), row, names, tuple(remarks))


def is_sheet(data: bytes) -> bool:
    """Tell whether the first lines of some bytes name columns of a form of the database."""
    text, _ = _decoded(data[:65536], cut=True)
    try:
        return max((share for share, *_ in _candidates(text)), default=0) >= _ENOUGH
    except UnreadableInput:
        return False


Candidate = tuple[float, str, int, list[str], Codebook]


def _candidates(text: str) -> Iterator[Candidate]:
    for delimiter in _DELIMITERS:
        for number, cells in islice(_records(text, delimiter), _HEADER_WITHIN):
            for codebook in reversed(load_codebooks()):
                found = set(codebook.match_header(cells).values())
                share = len(found.intersection(codebook.required)) / len(codebook.required)
                yield share, delimiter, number, cells, codebook


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        yield from enumerate(reader, 1)
    except csv.Error as error:
        raise UnreadableInput(f"line {reader.line_num}: {error}") from error


def _decoded(data: bytes, *, cut: bool = False) -> tuple[str, list[Remark]]:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace"), []
    try:
        return data.decode("utf-8-sig", errors="ignore" if cut else "strict"), []
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        remark = create_cell_remark(0, "", "encoding", f"not UTF-8 (line {line} of the file): read as Windows-1252")
        return data.decode("cp1252", errors="replace"), [remark]


def _some(names: list[str]) -> str:
    shown = ", ".join(f"“{' '.join(name.split())[:60]}”" for name in names[:_TOLD])
    return shown + (f" and {len(names) - _TOLD} more" if len(names) > _TOLD else "")
