"""Reads the tables of a file: delimited text in any usual encoding, or the sheets of an XLSX workbook.

Nothing is guessed. A text whose encoding is not certain is refused, as is a workbook that cannot be read; the messages
say how to convert them. A cell that has no value because something is wrong with it is given as what is wrong with it.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time
from typing import Final, Protocol

import openpyxl
from openpyxl.cell.cell import Cell, MergedCell
from openpyxl.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from ogpgraph.domain.text import clean_published_text
from ogpgraph.importer.encoding import detect_by_mark, detect_unmarked_utf_16, has_lost_letters
from ogpgraph.importer.file_formats import is_workbook
from ogpgraph.importer.pages.extraction import Remark, UnreadableInput
from ogpgraph.importer.report import create_cell_remark

DELIMITERS: Final = (",", ";", "\t", "|")
MAX_EXPANSION: Final = 10
"""How many times larger than its file a workbook may be when it is unpacked."""
_MIN_UNPACKED_BYTES: Final = 10_000_000
"""What any workbook may have unpacked: small ones compress best."""
_MAX_CELL_LENGTH: Final = 1_000_000
_IN_CELL_BREAK: Final = "\x0b"
"""Stands for a line feed inside of a cell, while a file whose rows end with carriage returns is divided into rows."""
_UTF8: Final = "utf-8-sig"
"""UTF-8 with a byte order mark or without one."""
_SAVE_AS_UTF8: Final = "save it as “CSV UTF-8” in the program that it comes from"

Record = tuple[int, list[str]]
"""A row's number as a spreadsheet program counts, and its cells."""


class Table(Protocol):
    """A table whose records can be iterated any number of times; raises UnreadableInput where it cannot be divided."""

    @property
    def name(self) -> str:
        """Return the name of the sheet, empty for a text."""

    @property
    def is_hidden(self) -> bool:
        """Return whether the program that it was saved by does not show it."""

    def records(self) -> Iterator[Record]:
        """Yield all rows from the first one on."""


@dataclass(frozen=True)
class DelimitedText:
    """A text under one delimiter. Its rows are divided anew each time, so that only one of them is in memory."""

    text: str
    delimiter: str
    name: str = ""
    is_hidden: bool = False

    def records(self) -> Iterator[Record]:
        """Yield the rows of the text."""
        csv.field_size_limit(_MAX_CELL_LENGTH)
        reader = csv.reader(io.StringIO(self.text, newline=""), delimiter=self.delimiter)
        try:
            for number, cells in enumerate(reader, 1):
                yield number, _clean_cells(cells)
        except csv.Error as error:
            raise UnreadableInput(f"line {reader.line_num}: {error}") from error


def _clean_cells(cells: list[str]) -> list[str]:
    """Return the cells as published texts, with the line breaks that they have."""
    row = "".join(cells)
    if row.isascii() and row.isprintable():  # then each cell is, as in most rows
        return cells
    return [clean_published_text(cell.replace(_IN_CELL_BREAK, "\n")) for cell in cells]


@dataclass(frozen=True)
class WorkbookSheet:
    """A sheet of a workbook, with the cells as texts."""

    name: str
    rows: tuple[tuple[str, ...], ...]
    is_hidden: bool = False

    def records(self) -> Iterator[Record]:
        """Yield the rows of the sheet."""
        return ((number, list(cells)) for number, cells in enumerate(self.rows, 1))


def read_tables(data: bytes, *, is_cut: bool = False) -> tuple[list[Table], list[Remark]]:
    """Return the tables that the bytes of a file may be, with remarks on how they were decoded.

    A text is one table for each delimiter that it contains; `is_cut` says that it may end within a character.

    Raises:
        UnreadableInput: if the encoding is not certain, or the workbook cannot be read.
    """
    if is_workbook(data):
        return list(_read_workbook(data)), []
    text, remarks = _decode(data, is_cut=is_cut)
    if has_lost_letters(text):
        raise UnreadableInput(f"its accented letters are lost (? or \ufffd in their place): {_SAVE_AS_UTF8}")
    text = _end_rows_with_line_feeds(text)
    return [DelimitedText(text, each) for each in DELIMITERS if each in text], remarks


# Texts


def _decode(data: bytes, *, is_cut: bool) -> tuple[str, list[Remark]]:
    errors = "ignore" if is_cut else "strict"
    encoding = detect_by_mark(data) or detect_unmarked_utf_16(data) or _UTF8
    if encoding != _UTF8:
        try:
            return data.decode(encoding, errors), []
        except UnicodeDecodeError as error:
            raise UnreadableInput(f"damaged {encoding.upper()} at byte {error.start:,}: {_SAVE_AS_UTF8}") from error
    try:
        return data.decode(_UTF8, errors), []
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        for western, name in (("cp1252", "Windows-1252"), ("mac_roman", "Mac Roman")):
            if text := _decode_if_certain(data, western):
                note = f"not UTF-8 (line {line} of the file); decoded as {name}"
                return text, [create_cell_remark(0, "", "encoding", note)]
        raise UnreadableInput(f"line {line} is in an unknown encoding: {_SAVE_AS_UTF8}") from error


_WORD_LETTERS = re.compile(r"[^\W\d_]+")
_TYPOGRAPHIC = frozenset("‘’“”„‚«»‹›–—…•·°ºª§€£©®™¿¡\u00a0\u00ad´¨²³½¼¾±×")
_LATIN = re.compile("[À-ÖØ-öø-ÿŒœŠšŽžŸ]")


def _decode_if_certain(data: bytes, encoding: str) -> str | None:
    """Return the text under a Western encoding, None where that is not plausible for nearly all of its characters.

    Plausible are accented letters in words of mostly plain ones, and typographic characters.
    """
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    special = [character for character in text if ord(character) > 127 and character not in _TYPOGRAPHIC]
    words = [word for word in _WORD_LETTERS.findall(text) if not word.isascii()]
    strange = sum(1 for character in special if not _LATIN.match(character))
    unlikely = sum(len(word) for word in words if _is_unlikely(word))
    return text if (strange + unlikely) * 20 <= len(special) else None


def _is_unlikely(word: str) -> bool:
    """Return whether a word has mostly accented letters, or a capital among small letters: é in Mac Roman is then Ž."""
    accented = len(_LATIN.findall(word))
    is_mixed = word[1:] != word[1:].lower() and word != word.upper()
    return is_mixed or (accented > 2 and accented * 2 > len(word))


def _end_rows_with_line_feeds(text: str) -> str:
    """Return a text whose rows end with carriage returns alone with line feeds instead.

    A line feed in such a text is within a cell.
    """
    end = re.search(r"\r\n|\n|\r", text)
    if end is None or end[0] != "\r" or "\r\n" in text:
        return text
    return text.replace("\n", _IN_CELL_BREAK).replace("\r", "\n")


# Workbooks


def _read_workbook(data: bytes) -> Iterator[Table]:
    workbook, formulas = (_load_workbook(data, has_values=has_values) for has_values in (True, False))
    for sheet, source in zip(workbook.worksheets, formulas.worksheets, strict=True):
        yield WorkbookSheet(sheet.title, tuple(_sheet_rows(sheet, source)), sheet.sheet_state != "visible")


def _load_workbook(data: bytes, *, has_values: bool) -> Workbook:
    """Return a workbook with the values of its cells, or with their formulas.

    openpyxl parses XML with expat, which limits the expansion of entities.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(each.file_size for each in archive.infolist())
        if unpacked > max(_MIN_UNPACKED_BYTES, MAX_EXPANSION * len(data)):
            raise UnreadableInput(f"the workbook unpacks to {unpacked:,} bytes, which is too much: save it as CSV")
        return openpyxl.load_workbook(io.BytesIO(data), data_only=has_values)
    except UnreadableInput:
        raise
    except Exception as error:  # openpyxl lets through whatever its parts raise at damaged workbooks
        raise UnreadableInput(
            f"the workbook is damaged or protected by a password ({type(error).__name__}): save it again as XLSX or CSV"
        ) from error


def _sheet_rows(sheet: Worksheet, formulas: Worksheet) -> Iterator[tuple[str, ...]]:
    """Yield the rows down to the last one with a value; formats and sizes that reach further cost nothing."""
    found: dict[int, dict[int, str]] = {}
    # The cells that exist: to iterate over rows and columns would make one for each place up to the last.
    cells, sources = sheet._cells, formulas._cells  # noqa: SLF001 - openpyxl has no other access to them
    for (row, column), cell in cells.items():
        if text := _cell_text(cell, sources.get((row, column))):
            found.setdefault(row, {})[column] = text
    for area in sheet.merged_cells.ranges:
        # A cell that extends over several rows applies to each of them.
        above = found.get(area.min_row, {}).get(area.min_col, "")
        for row in range(area.min_row + 1, area.max_row + 1) if above else ():
            found.setdefault(row, {}).setdefault(area.min_col, above)
    width = max((max(cells) for cells in found.values()), default=0)
    for row in range(1, max(found, default=0) + 1):
        texts = found.get(row, {})
        yield tuple(texts.get(column, "") for column in range(1, width + 1)) if texts else ()


def _cell_text(cell: Cell | MergedCell, formula: Cell | MergedCell | None) -> str:
    """Return a cell's value as CSV has it; where a formula was never computed, the formula."""
    value = cell.value
    if value is None:
        source = formula.value if formula else None
        return source if isinstance(source, str) and source.startswith("=") else ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "seconds")
    return clean_published_text(str(value))
