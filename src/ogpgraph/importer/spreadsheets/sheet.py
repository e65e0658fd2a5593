"""Finds the table of the commitment database in a file: rows whose cells have the column names of a codebook.

It is recognized by its header, not by its name: the header may be below other lines, and its columns in any order.
Anything that resembles no known layout is refused. A row that does not have as many cells as the header is damaged: it
would put values into wrong columns, or withdraw them, so it is left out and reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from ogpgraph.importer.pages.extraction import Remark, UnreadableInput
from ogpgraph.importer.report import create_cell_remark
from ogpgraph.importer.spreadsheets.codebook import AREA_PATHS, Codebook, column_key, find_other_form, load_codebooks
from ogpgraph.importer.spreadsheets.tables import DelimitedText, Table, read_tables

_MAX_HEADER_ROW = 10
_FEWEST_ROWS = 2
_MIN_NAMED_SHARE = 0.02
"""The share of a layout's columns that a header must have for the layout to be named in the refusal."""
_MIN_SHEET_SHARE = 0.3
"""The share of a layout's columns that distinguishes a file of the database from any other text."""
_SNIFFED_BYTES = 65_536
_MAX_LISTED_COLUMNS = 8
_COMPARED_HEADER_CELLS = 5


@dataclass(frozen=True)
class SheetRow:
    """A row of the file: its number as a spreadsheet program counts, and its cells by the codebook's column names."""

    number: int
    cells: dict[str, str]


@dataclass(frozen=True)
class SheetSurvey:
    """The number of rows of a sheet, the known columns that are empty in all of them, and whether areas have zeros."""

    row_count: int
    empty_columns: frozenset[str]
    has_zeros: bool


@dataclass(frozen=True)
class Sheet:
    """A file that has a known layout.

    Its rows are iterated several times.
    """

    table: Table
    codebook: Codebook
    header: tuple[str, ...]
    header_row: int
    columns_by_position: dict[int, str]
    remarks: tuple[Remark, ...]

    @property
    def ignored_columns(self) -> dict[str, str]:
        """Return the columns that are known and not read, with the reasons."""
        names = self.columns_by_position.values()
        return {name: reason for name, reason in self.codebook.ignored.items() if name in names}

    def rows(self) -> Iterator[SheetRow]:
        """Yield the rows below the header, without empty rows, repeated headers and damaged rows."""
        for number, cells in self._records_below_header():
            if self._is_complete(cells):
                yield SheetRow(number, {name: cells[place] for place, name in self.columns_by_position.items()})

    @cached_property
    def survey(self) -> SheetSurvey:
        """Return what no row shows alone; reads all of them."""
        row_count, empty, has_zeros = 0, set(self.columns_by_position.values()), False
        for row in self.rows():
            row_count += 1
            empty -= {name for name in empty if row.cells[name].strip()}
            has_zeros = has_zeros or any(row.cells.get(area, "").strip() == "0" for area in self.codebook.areas)
        return SheetSurvey(row_count, frozenset(empty), has_zeros)

    @cached_property
    def silent_paths(self) -> frozenset[str]:
        """The paths at which the file says nothing, because a column that states something there was emptied.

        Of a single row nobody knows. Where a policy area that a commitment does not have is left empty, a whole column
        may be.
        """
        survey, codebook = self.survey, self.codebook
        if survey.row_count < _FEWEST_ROWS:
            return frozenset()
        areas = survey.empty_columns & codebook.areas.keys()
        are_areas_emptied = areas and (survey.has_zeros or len(areas) == len(codebook.areas))
        columns = [column for name, column in codebook.columns.items() if name in survey.empty_columns]
        return frozenset().union(*(column.own_paths for column in columns), AREA_PATHS if are_areas_emptied else ())

    def layout_remarks(self) -> Iterator[Remark]:
        """Yield a remark on each repeated header and each row that has too many or too few cells."""
        for number, cells in self.table.records():
            if number > self.header_row and self._is_header(cells):
                yield create_cell_remark(number, "", "header-repeated", "repeats the header; skipped")
        for number, cells in self._records_below_header():
            if not self._is_complete(cells):
                kind = "row-too-long" if len(cells) > len(self.header) else "row-too-short"
                text = f"{len(cells)} cells instead of {len(self.header)}; not recorded{self._find_open_quote(cells)}"
                yield create_cell_remark(number, "", kind, text)

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
        for number, cells in self.table.records():
            if number > self.header_row and any(cell.strip() for cell in cells) and not self._is_header(cells):
                yield number, cells

    def _is_complete(self, cells: list[str]) -> bool:
        return len(cells) >= self._named_length and not any(cells[len(self.header) :])

    @cached_property
    def _named_length(self) -> int:
        """Return the number of columns up to the last one that has a name."""
        return max((place + 1 for place, name in enumerate(self.header) if name.strip()), default=0)

    def _find_open_quote(self, cells: list[str]) -> str:
        """Return what a row says that has swallowed others, because a quotation mark is not closed; empty if none."""
        swallowed = max((cell.count("\n") for cell in cells), default=0)
        is_likely = any(cell.count(self._delimiter) >= len(self.header) // 2 > 0 for cell in cells)
        return f"; a quotation mark may not be closed, and {swallowed} more lines are in this row" if is_likely else ""

    @property
    def _delimiter(self) -> str:
        return self.table.delimiter if isinstance(self.table, DelimitedText) else "\t"

    def _is_header(self, cells: list[str]) -> bool:
        return len(cells) > 1 and _header_start(cells) == _header_start(self.header)


class _HeaderCandidate(NamedTuple):
    share: float
    table: Table
    row: int
    cells: list[str]
    codebook: Codebook


def parse_sheet(data: bytes) -> Sheet:
    """Return the bytes of a file as a sheet.

    Raises UnreadableInput if they have no known layout; its reason names the nearest one and the columns that differ.
    """
    tables, remarks = read_tables(data)
    candidates, hidden = _pass_over_hidden([each for table in tables for each in _header_candidates(table)])
    remarks += [
        create_cell_remark(0, "", "sheet-hidden", f"the sheet “{name}” is hidden, and not read") for name in hidden
    ]
    best = max(candidates, key=lambda candidate: candidate.share, default=None)
    other = next(filter(None, (find_other_form(candidate.cells) for candidate in candidates)), None)
    if other and (best is None or best.share < 1):
        nearest = f"; the nearest form that is read is that of {best.codebook.version}" if best and best.share else ""
        raise UnreadableInput(f"this is {other.name}, which is not read{nearest}: {other.advice}")
    if best is None or best.share < _MIN_NAMED_SHARE:
        raise UnreadableInput("not a file of OGP's commitment database: no line has the column names of a known layout")
    codebook, columns = best.codebook, best.codebook.match_header(best.cells)
    missing = [name for name in codebook.required if name not in columns.values()]
    unknown = [cell.strip() for cell in best.cells if cell.strip() and column_key(cell) not in codebook.spellings]
    if missing:
        raise UnreadableInput(
            f"unknown layout; the nearest is that of {codebook.version} (header in row {best.row}"
            f"{f' of sheet “{best.table.name}”' if best.table.name else ''}), "
            f"but it lacks {_list_columns(missing)}" + (f" and has {_list_columns(unknown)}" if unknown else "")
        )
    _require_one_sheet(candidates)
    remarks += [
        create_cell_remark(best.row, name, "column-unknown", "not in the codebook; not read") for name in unknown
    ]
    return Sheet(best.table, codebook, tuple(best.cells), best.row, columns, tuple(remarks))


def is_sheet(data: bytes) -> bool:
    """Return whether the beginning of a file has the header of a known layout, judging by its column names."""
    try:
        tables, _ = read_tables(data[:_SNIFFED_BYTES], is_cut=True)
        shares = [candidate.share for table in tables for candidate in _header_candidates(table)]
    except UnreadableInput:
        return False
    return max(shares, default=0) >= _MIN_SHEET_SHARE


def _pass_over_hidden(candidates: list[_HeaderCandidate]) -> tuple[list[_HeaderCandidate], tuple[str, ...]]:
    """Return the candidates without hidden sheets, and the names of those of the database: nobody sees what they have.

    Where only hidden sheets are of the database, they stay.
    """
    of_database = [each.table for each in candidates if each.share >= _MIN_SHEET_SHARE]
    if all(table.is_hidden for table in of_database):
        return candidates, ()
    hidden = dict.fromkeys(table.name for table in of_database if table.is_hidden)
    return [each for each in candidates if not each.table.is_hidden], tuple(hidden)


def _require_one_sheet(candidates: list[_HeaderCandidate]) -> None:
    """Raise UnreadableInput if several sheets of a workbook are files of the database: each would be an observation."""
    names = dict.fromkeys(each.table.name for each in candidates if each.share == 1 and each.table.name)
    if len(names) > 1:
        listed = ", ".join(f"“{name}”" for name in names)
        raise UnreadableInput(f"the sheets {listed} all have the columns of a known layout: save each as a file")


def _header_candidates(table: Table) -> Iterator[_HeaderCandidate]:
    """Yield the first lines of a table under each codebook, with the share of the codebook's columns they name."""
    for number, cells in islice(table.records(), _MAX_HEADER_ROW):
        # The newest first: of equal shares `max` returns the first.
        for codebook in reversed(load_codebooks()):
            found = set(codebook.match_header(cells).values())
            share = len(found.intersection(codebook.required)) / len(codebook.required)
            yield _HeaderCandidate(share, table, number, cells, codebook)


def _header_start(cells: list[str] | tuple[str, ...]) -> list[str]:
    return [column_key(cell) for cell in cells[:_COMPARED_HEADER_CELLS]]


def _list_columns(names: list[str]) -> str:
    shown = ", ".join(f"“{' '.join(name.split())[:60]}”" for name in names[:_MAX_LISTED_COLUMNS])
    return shown + (f" and {len(names) - _MAX_LISTED_COLUMNS} more" if len(names) > _MAX_LISTED_COLUMNS else "")
