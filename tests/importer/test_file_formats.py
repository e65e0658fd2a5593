"""Files of formats that are not read are named, with what to do; everything else is left to the readers."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest

from ogpgraph.importer.file_formats import is_workbook, require_readable_format
from ogpgraph.importer.pages.extraction import UnreadableInput


def build_zip(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "content")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "XLS"),
        (gzip.compress(b"text"), "gzip"),
        (build_zip("pages/one.txt"), "zip archive"),
        (build_zip("[Content_Types].xml", "word/document.xml"), "Word"),
        (build_zip("[Content_Types].xml", "xl/workbook.bin"), "XLSB"),
        (build_zip("mimetype", "content.xml"), "OpenDocument"),
        (build_zip("a")[:30], "damaged zip"),
        (build_zip(), "damaged zip"),
        (b"\x89PNG\r\n\x1a\n", "an image"),
        (b"SQLite format 3\x00" + bytes(84), "SQLite"),
    ],
    ids=lambda each: each if isinstance(each, str) else str(len(each)),
)
def test_a_format_that_is_not_read_is_named_with_advice(data: bytes, named: str) -> None:
    with pytest.raises(UnreadableInput) as refused:
        require_readable_format(data)
    assert named in refused.value.reason
    assert ": " in refused.value.reason
    assert not is_workbook(data)


@pytest.mark.parametrize("data", [b"", b"P", b"PK", b"Packing list", b"<html>", "País,Plan\n".encode("utf-16")])
def test_texts_are_left_to_the_readers(data: bytes) -> None:
    require_readable_format(data)


def test_a_workbook_is_recognized_by_its_content() -> None:
    require_readable_format(build_zip("[Content_Types].xml", "xl/workbook.xml"))
    assert is_workbook(build_zip("[Content_Types].xml", "xl/workbook.xml"))
