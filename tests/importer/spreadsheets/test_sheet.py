"""Files of the database are recognized by their column names; any other file is refused."""

from __future__ import annotations

import random

import pytest

from ogpgraph.importer.pages.extraction import UnreadableInput
from ogpgraph.importer.spreadsheets.sheet import is_sheet, parse_sheet
from tests.importer.spreadsheets.spreadsheet_files import build_csv, codebook_header, row_2015, row_2016, row_2024

ROWS_BY_LAYOUT = {"2015": row_2015, "2016": row_2016, "2024": row_2024}


@pytest.mark.parametrize("version", ROWS_BY_LAYOUT)
def test_each_layout_is_recognized_by_its_header(version: str) -> None:
    sheet = parse_sheet(build_csv(version, [ROWS_BY_LAYOUT[version]()]))
    assert (sheet.codebook.version, sheet.header_row, len(list(sheet.rows()))) == (version, 1, 1)


def test_the_header_may_be_below_other_lines_and_repeated_among_the_rows() -> None:
    names = codebook_header("2016")
    again = dict(zip(names, names, strict=True))
    above = [[str(n) for n in range(len(names))], ["", "Themes"]]
    sheet = parse_sheet(build_csv("2016", [row_2016(), again, row_2016("2. Piers")], above=above))
    assert [row.number for row in sheet.rows()] == [4, 6]
    assert [(remark.line, remark.kind) for remark in sheet.layout_remarks()] == [(5, "header-repeated")]


@pytest.mark.parametrize("start", [b"\xef\xbb\xbf", b""])
def test_a_byte_order_mark_is_not_part_of_the_first_column(start: bytes) -> None:
    assert parse_sheet(start + build_csv("2024", [row_2024()])).columns_by_position[0] == "Commitment Unique Identifier"


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_the_delimiter_may_be_a_semicolon_or_a_tab(delimiter: str) -> None:
    lines = [codebook_header("2016"), list(row_2016().values())]
    data = "\n".join(delimiter.join(f'"{cell}"' for cell in line) for line in lines).encode()
    assert len(list(parse_sheet(data).rows())) == 1


def test_columns_are_found_in_any_order_and_spelling() -> None:
    names = codebook_header("2024")
    random.Random(1).shuffle(names)
    spelled = {name: name.upper().replace(" ", "<br/>", 1).replace("&", "and") for name in names}
    row = {spelled[name]: cell for name, cell in row_2024(Specificity="High").items()}
    (read,) = parse_sheet(build_csv("2024", [row], header=[spelled[name] for name in names])).rows()
    assert read.cells["Specificity"] == "High"


def test_quoted_cells_hold_line_ends_and_delimiters() -> None:
    text = 'first, "second"\r\nthird;\nfourth'
    (read,) = parse_sheet(build_csv("2024", [row_2024(Full_Text=text)])).rows()
    assert read.cells["Full Text"] == text.replace("\r\n", "\n")


def test_an_unknown_layout_is_refused_with_the_nearest_one_and_what_differs() -> None:
    names = ["Exactness" if name == "Specificity" else name for name in codebook_header("2016")]
    with pytest.raises(UnreadableInput) as refused:
        parse_sheet(build_csv("2016", [row_2016()], header=names))
    assert "nearest is that of 2016" in refused.value.reason
    assert "“Specificity”" in refused.value.reason
    assert "“Exactness”" in refused.value.reason


@pytest.mark.parametrize("data", [b"", b"a,b\n1,2\n", b"\x00\x01\x02", b'"', "ä;ö\n".encode("utf-16")])
def test_any_other_file_is_refused(data: bytes) -> None:
    assert not is_sheet(data)
    with pytest.raises(UnreadableInput):
        parse_sheet(data)


def test_an_unknown_column_is_reported_and_not_read() -> None:
    names = [*codebook_header("2024"), "DELETE THIS COLUMN"]
    sheet = parse_sheet(build_csv("2024", [row_2024()], header=names))
    assert [(remark.kind, remark.column) for remark in sheet.remarks] == [("column-unknown", "DELETE THIS COLUMN")]


def test_a_row_with_too_many_cells_is_skipped_and_reported() -> None:
    data = build_csv("2016", [row_2016(), row_2016("2. Piers")]) + b"x," * 200 + b"x\r\n"
    sheet = parse_sheet(data)
    assert [row.number for row in sheet.rows()] == [2, 3]
    assert [(remark.line, remark.kind) for remark in sheet.layout_remarks()] == [(4, "row-too-long")]


def test_a_row_with_too_few_cells_is_left_out_and_reported() -> None:
    data = build_csv("2016", [row_2016(), row_2016("2. Piers")]).rstrip()
    sheet = parse_sheet(data[:-40])
    assert [row.number for row in sheet.rows()] == [2]
    (remark,) = sheet.layout_remarks()
    assert (remark.line, remark.kind) == (3, "row-too-short")
    assert "not recorded" in remark.text


def test_a_row_that_swallows_others_says_so() -> None:
    data = build_csv("2016", [row_2016(), row_2016("2. Piers"), row_2016("3. Buoys")])
    (remark,) = parse_sheet(data.replace(b"1. Ferry", b'"1. Ferry', 1)).layout_remarks()
    assert "quotation mark" in remark.text


def test_a_file_that_is_not_utf_8_is_decoded_as_windows_1252() -> None:
    data = build_csv("2016", [row_2016("1. Año")]).decode().encode("cp1252")
    sheet = parse_sheet(data)
    assert next(iter(sheet.rows())).cells["Commitment Title"] == "1. Año"
    assert [remark.kind for remark in sheet.remarks] == ["encoding"]


def test_columns_of_the_same_name_that_differ_are_reported() -> None:
    data = build_csv("2015", [row_2015()], header=[*codebook_header("2015"), "Action Plan No."])
    assert list(parse_sheet(data).duplicate_column_remarks()) == []
    disagreeing = data.replace(b",1\r\n", b",2\r\n")
    assert [(r.line, r.column, r.kind) for r in parse_sheet(disagreeing).duplicate_column_remarks()] == [
        (2, "Action Plan No.", "twins-disagree")
    ]


def test_another_form_of_ogp_is_named_with_advice() -> None:
    header = "Country,Cycle,IAP2 level during development,Regular forum\nUruguay,2014,Inform,Yes\n"
    with pytest.raises(UnreadableInput, match=r"this is OGP's database of processes.*import the file of commitments"):
        parse_sheet(header.encode())


def test_ignored_columns_are_named_with_their_reasons() -> None:
    names = [*codebook_header("2016"), "Checksum"]
    assert parse_sheet(build_csv("2016", [row_2016()], header=names)).ignored_columns == {
        "Checksum": "the sum of the policy areas"
    }
