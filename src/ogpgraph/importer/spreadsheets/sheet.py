"""Parses CSV files of the commitment database into rows whose cells have the column names of a codebook.

A file is recognized by its header, not by its name: the header may be below other lines, its columns in any order, the
delimiter a comma, semicolon or tab. Anything that resembles no known layout is refused.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from ogpgraph.domain.text import clean_published_text
from ogpgraph.importer.pages.extraction import Remark, UnreadableInput
from ogpgraph.importer.report import create_cell_remark
from ogpgraph.importer.spreadsheets.codebook import Codebook, column_key, load_codebooks

_DELIMITERS = (",", ";", "\t")
_MAX_HEADER_ROW = 10
_MIN_NAMED_SHARE = 0.02
"""The share of a layout's columns that a header must have for the layout to be named in the refusal."""
_MIN_SHEET_SHARE = 0.3
"""The share of a layout's columns that distinguishes a file of the database from any other text."""
_SNIFFED_BYTES = 65_536
_MAX_CELL_LENGTH = 1_000_000
_MAX_LISTED_COLUMNS = 8
_COMPARED_HEADER_CELLS = 5


@dataclass(frozen=True)
class SheetRow:
    """A row of the file: its number as a spreadsheet program counts, and its cells by the codebook's column names."""

    number: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Sheet:
    """A file that has a known layout.

    Rows are parsed from the text each time they are iterated, so that only one of them is in memory.
    """

    text: str
    delimiter: str
    codebook: Codebook
    header: tuple[str, ...]
    header_row: int
    columns_by_position: dict[int, str]
    remarks: tuple[Remark, ...]

    def rows(self) -> Iterator[SheetRow]:
        """Yield the rows below the header, without empty rows, repeated headers, and rows that have too many cells."""
        for number, cells in self._records_below_header():
            if not self._is_too_long(cells):
                columns = self.columns_by_position.items()
                yield SheetRow(number, {name: cells[place] for place, name in columns if place < len(cells)})

    def layout_remarks(self) -> Iterator[Remark]:
        """Yield a remark on each repeated header and each row that has too many or too few cells."""
        for number, cells in _records(self.text, self.delimiter):
            if number > self.header_row and self._is_header(cells):
                yield create_cell_remark(number, "", "header-repeated", "repeats the header; skipped")
        for number, cells in self._records_below_header():
            count = f"{len(cells)} cells instead of {len(self.header)}"
            if self._is_too_long(cells):
                yield create_cell_remark(number, "", "row-too-long", f"{count}; skipped")
            elif len(cells) < len(self.header):
                yield create_cell_remark(number, "", "row-too-short", count)

    def duplicate_column_remarks(self) -> Iterator[Remark]:
        """Yield a remark on each row in which columns of the same name have different cells."""
        duplicates = self._duplicate_columns()
        for number, cells in self._records_below_header() if duplicates else ():
            for name, positions in duplicates.items():
                distinct = {cells[position].strip() for position in positions if position < len(cells)}
                if len(distinct) > 1:
                    text = f"columns of the same name contain {', '.join(map(repr, sorted(distinct)))}"
                    yield create_cell_remark(number, name, "twins-disagree", text)

    def _duplicate_columns(self) -> dict[str, list[int]]:
        positions: dict[str, list[int]] = {}
        for position, cell in enumerate(self.header):
            name = self.codebook.spellings.get(column_key(cell)) if cell.strip() else None
            if name is not None:
                positions.setdefault(name, []).append(position)
        return {name: found for name, found in positions.items() if len(found) > 1}

    def _records_below_header(self) -> Iterator[tuple[int, list[str]]]:
        for number, cells in _records(self.text, self.delimiter):
            if number > self.header_row and any(cell.strip() for cell in cells) and not self._is_header(cells):
                yield number, cells

    def _is_too_long(self, cells: list[str]) -> bool:
        return any(cells[len(self.header) :])

    def _is_header(self, cells: list[str]) -> bool:
        return len(cells) > 1 and _header_start(cells) == _header_start(self.header)


class _HeaderCandidate(NamedTuple):
    share: float
    delimiter: str
    row: int
    cells: list[str]
    codebook: Codebook


def parse_sheet(data: bytes) -> Sheet:
    """Return the bytes of a file as a sheet.

    Raises UnreadableInput if they have no known layout; its reason names the nearest one and the columns that differ.
    """
    text, remarks = _decode(data)
    best = max(_header_candidates(text), key=lambda candidate: candidate.share, default=None)
    if best is None or best.share < _MIN_NAMED_SHARE:
        raise UnreadableInput("not a file of OGP's commitment database: no line has the column names of a known layout")
    codebook, columns = best.codebook, best.codebook.match_header(best.cells)
    missing = [name for name in codebook.required if name not in columns.values()]
    unknown = [cell.strip() for cell in best.cells if cell.strip() and column_key(cell) not in codebook.spellings]
    if missing:
        raise UnreadableInput(
            f"unknown layout; the nearest is that of {codebook.version} (header in row {best.row}), "
            f"but it lacks {_list_columns(missing)}" + (f" and has {_list_columns(unknown)}" if unknown else "")
        )
    remarks += [
        create_cell_remark(best.row, name, "column-unknown", "not in the codebook; not read") for name in unknown
    ]
    return Sheet(text, best.delimiter, codebook, tuple(best.cells), best.row, columns, tuple(remarks))


def is_sheet(data: bytes) -> bool:
    """Return whether the beginning of a file has the header of a known layout, judging by its column names."""
    text, _ = _decode(data[:_SNIFFED_BYTES], is_cut=True)
    try:
        return max((candidate.share for candidate in _header_candidates(text)), default=0) >= _MIN_SHEET_SHARE
    except UnreadableInput:
        return False


def _header_candidates(text: str) -> Iterator[_HeaderCandidate]:
    """Yield the first lines under each delimiter and codebook, with the share of the codebook's columns they name."""
    for delimiter in _DELIMITERS:
        for number, cells in islice(_records(text, delimiter), _MAX_HEADER_ROW):
            # The newest first: of equal shares `max` returns the first.
            for codebook in reversed(load_codebooks()):
                found = set(codebook.match_header(cells).values())
                share = len(found.intersection(codebook.required)) / len(codebook.required)
                yield _HeaderCandidate(share, delimiter, number, cells, codebook)


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(_MAX_CELL_LENGTH)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for number, cells in enumerate(reader, 1):
            yield number, [clean_published_text(cell) for cell in cells]
    except csv.Error as error:
        raise UnreadableInput(f"line {reader.line_num}: {error}") from error


def _decode(data: bytes, *, is_cut: bool = False) -> tuple[str, list[Remark]]:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace"), []
    try:
        # A cut may divide a character; that does not make the file anything but UTF-8.
        return data.decode("utf-8-sig", errors="ignore" if is_cut else "strict"), []
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        remark = create_cell_remark(0, "", "encoding", f"not UTF-8 (line {line} of the file); decoded as Windows-1252")
        return data.decode("cp1252", errors="replace"), [remark]


def _header_start(cells: list[str] | tuple[str, ...]) -> list[str]:
    return [column_key(cell) for cell in cells[:_COMPARED_HEADER_CELLS]]


def _list_columns(names: list[str]) -> str:
    shown = ", ".join(f"“{' '.join(name.split())[:60]}”" for name in names[:_MAX_LISTED_COLUMNS])
    return shown + (f" and {len(names) - _MAX_LISTED_COLUMNS} more" if len(names) > _MAX_LISTED_COLUMNS else "")
