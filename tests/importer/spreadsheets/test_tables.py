"""The same table is read from every form in which spreadsheet programs save it; what is not certain is refused."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.importer.pages.extraction import UnreadableInput
from ogpgraph.importer.spreadsheets.sheet import SheetRow, parse_sheet
from ogpgraph.importer.spreadsheets.tables import read_tables
from tests.importer.spreadsheets.spreadsheet_files import build_csv, codebook_header, row_2016

Cell = object


def build_workbook(**sheets: Sequence[Sequence[Cell]]) -> bytes:
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.worksheets[0])
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    return save(workbook)


def save(workbook: Any) -> bytes:
    buffer = io.BytesIO()
    workbook.save(buffer)
    return buffer.getvalue()


def read_first_table(data: bytes) -> list[list[str]]:
    return [cells for _, cells in read_tables(data)[0][0].records()]


ROWS = [codebook_header("2016"), list(row_2016(Full_Text="Öffnen – día a día,\nçà et là; “ñ”").values())]


def quote(delimiter: str, end: str) -> str:
    return "".join(delimiter.join('"' + cell.replace('"', '""') + '"' for cell in row) + end for row in ROWS)


FORMS: dict[str, Callable[[], bytes]] = {
    "UTF-8": lambda: quote(",", "\n").encode(),
    "UTF-8 with BOM": lambda: quote(",", "\r\n").encode("utf-8-sig"),
    "UTF-16": lambda: quote("\t", "\r\n").encode("utf-16"),
    "UTF-16 without BOM": lambda: quote(";", "\n").encode("utf-16-le"),
    "UTF-16 big-endian": lambda: quote(",", "\n").encode("utf-16-be"),
    "Windows-1252": lambda: quote(";", "\r\n").encode("cp1252"),
    "Mac Roman, rows end with CR": lambda: quote(";", "\r").encode("mac_roman"),
    "rows end with CR": lambda: quote(",", "\r").encode(),
    "pipes": lambda: quote("|", "\n").encode(),
    "XLSX": lambda: build_workbook(Notes=[["Read me"], []], Data=[[], *ROWS]),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_table_is_the_same_in_every_form(form: str) -> None:
    (row,) = parse_sheet(FORMS[form]()).rows()
    (expected,) = parse_sheet(FORMS["UTF-8"]()).rows()
    assert row.cells == expected.cells


def test_a_line_feed_without_quotes_is_in_a_cell_where_rows_end_with_carriage_returns() -> None:
    assert read_first_table(b"a,b\r1,two\nlines\r") == [["a", "b"], ["1", "two\nlines"]]


@pytest.mark.parametrize("encoding", ["shift_jis", "cp1251", "koi8-r", "gb18030", "big5"])
def test_a_text_in_another_encoding_is_refused_with_advice(encoding: str) -> None:
    texts = {"shift_jis": "公開データの登録簿", "gb18030": "开放数据登记册", "big5": "開放資料登記冊"}
    text = texts.get(encoding, "Открытые данные и реестр")
    with pytest.raises(UnreadableInput, match="CSV UTF-8"):
        parse_sheet(build_csv("2016", [row_2016()]) + f"{text},{text}\n".encode(encoding))


def test_a_damaged_utf16_text_is_refused() -> None:
    with pytest.raises(UnreadableInput, match="UTF-16"):
        parse_sheet(quote(",", "\n").encode("utf-16")[:-1])


def test_cells_of_a_workbook_are_texts_as_in_csv() -> None:
    moment = datetime.fromisoformat("2014-07-01 09:30")
    values = [True, False, 4, 2.0, 2.5, date(2014, 7, 1), moment, None, " a ", "#N/A", "=A1"]
    (row,) = read_first_table(build_workbook(Data=[values]))
    expected = ["TRUE", "FALSE", "4", "2", "2.5", "2014-07-01", "2014-07-01 09:30:00", "", " a ", "#N/A", "=A1"]
    assert row == expected


def test_a_cell_over_several_rows_applies_to_each_and_one_over_columns_to_the_first() -> None:
    workbook = openpyxl.load_workbook(io.BytesIO(build_workbook(Data=[["Uruguay", 1, 2], [None, 3, None], ["x"]])))
    workbook["Data"].merge_cells("A1:A2")
    workbook["Data"].merge_cells("B2:C2")
    assert read_first_table(save(workbook)) == [["Uruguay", "1", "2"], ["Uruguay", "3", ""], ["x", "", ""]]


def test_a_cell_at_the_end_of_a_sheet_takes_no_room_for_those_before() -> None:
    workbook = openpyxl.load_workbook(io.BytesIO(build_workbook(Data=ROWS)))
    workbook["Data"]["XFD9"] = None
    workbook["Data"].row_dimensions[1_048_576].height = 3
    assert len(read_first_table(save(workbook))) == len(ROWS)


def test_every_sheet_is_looked_at_and_two_tables_are_refused() -> None:
    assert len(list(parse_sheet(build_workbook(A=[["x"]], B=ROWS)).rows())) == 1
    with pytest.raises(UnreadableInput, match="“One”, “Two”"):
        parse_sheet(build_workbook(One=ROWS, Two=ROWS))


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9])
def test_a_workbook_that_is_cut_off_is_refused(keep: float) -> None:
    data = build_workbook(Data=ROWS)
    with pytest.raises(UnreadableInput):
        parse_sheet(data[: int(len(data) * keep)])


def test_a_workbook_that_unpacks_to_too_much_is_refused() -> None:
    with pytest.raises(UnreadableInput, match="unpacks to"):
        parse_sheet(build_workbook(Data=[["x" * 30_000] * 10] * 100))


@given(st.binary(max_size=300))
def test_no_bytes_raise_another_error(data: bytes) -> None:
    for start in (b"", b"PK\x03\x04", b"\xff\xfe"):
        try:
            rows: list[SheetRow] = list(parse_sheet(start + data).rows())
        except UnreadableInput:
            continue
        assert rows == []


def test_a_hidden_sheet_is_read_only_where_no_other_one_is_of_the_database() -> None:
    workbook = openpyxl.load_workbook(io.BytesIO(build_workbook(Old=[*ROWS, *ROWS[1:]], Data=ROWS)))
    workbook["Old"].sheet_state = "hidden"
    sheet = parse_sheet(save(workbook))
    assert sheet.table.name == "Data"
    assert [(each.kind, each.text) for each in sheet.remarks] == [
        ("sheet-hidden", "the sheet “Old” is hidden, and not read")
    ]
    workbook["Data"].delete_rows(1)
    assert parse_sheet(save(workbook)).table.name == "Old"
