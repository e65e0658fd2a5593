"""Recognizes files of formats that are not read, by their first bytes, and says what to do with each."""

from __future__ import annotations

import io
import zipfile
from typing import Final

from ogpgraph.importer.pages.extraction import UnreadableInput

_ZIP: Final = b"PK\x03\x04"
_EMPTY_ZIP: Final = b"PK\x05\x06"
_SAVE_PAGE: Final = "save the page itself as HTML or text, and import that"
_SAVE_SHEET: Final = "save it as XLSX or CSV, and import that"
_UNPACK: Final = "unpack it, and import the files in it"
_BY_FIRST_BYTES: Final = (
    (b"%PDF", "a PDF", _SAVE_PAGE),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an older Office document (XLS or DOC)", _SAVE_SHEET),
    (b"\x1f\x8b", "a gzip archive", _UNPACK),
    (b"BZh", "a bzip2 archive", _UNPACK),
    (b"\xfd7zXZ", "an xz archive", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!", "a RAR archive", _UNPACK),
    (b"{\\rtf", "an RTF document", _SAVE_PAGE),
    (b"\x89PNG", "an image", _SAVE_PAGE),
    (b"\xff\xd8\xff", "an image", _SAVE_PAGE),
    (b"GIF8", "an image", _SAVE_PAGE),
    (b"SQLite format 3\x00", "a SQLite database", "open it as --database, or copy it with `ogpgraph copy`"),
)
_BY_ZIP_ENTRY: Final = (
    ("xl/workbook.bin", "a binary workbook (XLSB)", _SAVE_SHEET),
    ("word/", "a Word document", _SAVE_PAGE),
    ("ppt/", "a presentation", _SAVE_PAGE),
    ("content.xml", "an OpenDocument file", _SAVE_SHEET),
)
_WORKBOOK_ENTRY: Final = "xl/workbook.xml"


def describe_excess(size: int, limit_bytes: int) -> str:
    """Return what to say of an input that is too large."""
    return f"{size:,} bytes are more than the limit of {limit_bytes:,}, which OGPGRAPH_MAX_IMPORT_BYTES sets"


def is_workbook(data: bytes) -> bool:
    """Return whether the bytes are those of an XLSX workbook."""
    return any(name.lstrip("/").lower() == _WORKBOOK_ENTRY for name in _zip_names(data))


def require_readable_format(data: bytes) -> None:
    """Raise UnreadableInput if the bytes are those of a format that is not read; it names the format."""
    for start, name, advice in _BY_FIRST_BYTES:
        if data.startswith(start):
            raise UnreadableInput(f"this is {name}, which is not read: {advice}")
    if not data.startswith((_ZIP, _EMPTY_ZIP)) or is_workbook(data):
        return
    names = _zip_names(data)
    for entry, name, advice in _BY_ZIP_ENTRY:
        if any(each.startswith(entry) for each in names):
            raise UnreadableInput(f"this is {name}, which is not read: {advice}")
    raise UnreadableInput(f"this is a {'zip archive' if names else 'damaged zip archive or workbook'}: {_UNPACK}")


def _zip_names(data: bytes) -> list[str]:
    if not data.startswith((_ZIP, _EMPTY_ZIP)):
        return []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return []
