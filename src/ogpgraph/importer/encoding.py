"""The encodings of texts that people and programs saved: what is read is certain, all else is refused or reported."""

from __future__ import annotations

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks; UTF-32 before UTF-16, of whose mark its own is a continuation."""
_DECLARED = re.compile(rb"""(?:charset\s*=|encoding\s*=)\s*["']?\s*([A-Za-z0-9][A-Za-z0-9_.:-]{1,40})""")
_DECLARED_WITHIN = 4096
_SINGLE_BYTE = "cp1252"
# UTF-8 bytes decoded as Windows-1252, Latin-1 or Mac Roman: "é" becomes "Ã©" or "√©", a curly quote "â€œ" or "‚Äú", a
# no-break space "Â ".
MOJIBAKE = re.compile("Ã[\u0080-¿ƒ-™]|â€|Â[\u00a0-¿]|Å[\u0080-¿“-™]|ï[€\u0081‚ƒ]|√[^\\x00-\\x7f]|‚Ä")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_WINDOWS_1252 = {
    ord(bytes([byte]).decode("cp1252")): byte for byte in range(0x80, 0xA0) if byte not in b"\x81\x8d\x8f\x90\x9d"
}
"""Its characters that are not in Latin-1. The five bytes without one are decoded by browsers as control characters."""
# Letters of the languages of Western Europe, inside words, and typographic signs outside of them: in a text in another
# encoding a letter stands alone or a sign inside a word sooner or later.
_WESTERN_LETTERS = "ÀÁÂÃÄÇÈÉÊËÌÍÎÏÑÒÓÔÕÖÙÚÛÜŒàáâãäçèéêëìíîïñòóôõöùúûüœß"
_WESTERN_SIGNS = "‘’“”–—…•«»°ºª€£¿¡§\u00a0"
_NOT_WESTERN = re.compile(
    rf"[^\x00-\x7f{_WESTERN_LETTERS}{_WESTERN_SIGNS}]|[^\W\d_][–—…•«»€£¿¡§“‘][^\W\d_]|[a-zà-ÿ][À-Ý]|[ÂÃ][a-zà-ÿ]"
)
_LOST_LETTER = re.compile(r"(?<=[a-z])[?\ufffd](?=[a-z])|\ufffd(?=[a-z])|(?<=[a-z])\ufffd")
_URL = re.compile(r"\bhttps?:\S*|\bwww\.\S*")  # it may have a query
_FEWEST_LOST_LETTERS = 5
_UTF_8 = re.compile(rb"[\xc2-\xc3][\x80-\xbf]")


def detect_by_mark(data: bytes) -> str | None:
    """Return the encoding that the byte order mark of a text stands for, None where it has none."""
    return next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)


def detect_unmarked_utf_16(data: bytes) -> str | None:
    """Return the byte order of UTF-16 without a mark: nearly every second byte is zero in a text in Latin letters."""
    sample = data[:4096]
    sample = sample[: len(sample) // 2 * 2]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if half < 8:  # too short to tell
        return None
    if odd > 0.7 * half and even < 0.05 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.7 * half and odd < 0.05 * half else None


def decode_declared(data: bytes) -> str | None:
    """Return the text in the encoding that markup declares, None where it declares none or is not in it."""
    found = _DECLARED.search(data[:_DECLARED_WITHIN])
    if not found:
        return None
    name = found[1].decode("ascii")
    # Browsers read Latin-1 as Windows-1252, which has characters in place of its control characters.
    name = _SINGLE_BYTE if name.lower() in ("iso-8859-1", "latin-1", "latin1", "us-ascii", "ascii") else name
    try:
        return data.decode(name)
    except (LookupError, UnicodeError):
        return None


def decode_western(data: bytes) -> str | None:
    """Return the text of Windows-1252 bytes where that is certain: all accents are in words of Western languages."""
    try:
        text = data.decode(_SINGLE_BYTE)
    except UnicodeDecodeError:
        return None
    if _UTF_8.search(data):  # it is UTF-8, and broken
        return None
    return None if _NOT_WESTERN.search(text) else text


def repair_mojibake(text: str) -> str | None:
    """Return a text whose UTF-8 had been decoded as Windows-1252, Latin-1 or Mac Roman.

    None where there is nothing to repair, or where less than half of what is no ASCII can be repaired.
    """
    if not MOJIBAKE.search(text):
        return None
    runs = _NOT_ASCII.findall(text)
    repaired = {run: _repair_run(run) for run in set(runs)}
    if 2 * sum(repaired[run] != run for run in runs) < len(runs):
        return None
    return _NOT_ASCII.sub(lambda run: repaired[run.group()], text)


def _repair_run(run: str) -> str:
    """Return the characters whose bytes in UTF-8 a run of characters is, or the run itself."""
    for encoding, characters in (("latin-1", run.translate(_WINDOWS_1252)), ("mac-roman", run)):
        try:
            return characters.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
    return run


def has_lost_letters(text: str) -> bool:
    """Return whether a text has the signs in words that programs put in place of letters that they cannot write.

    A few do not count, nor some in a text that has more letters with accents: they were published so.
    """
    lost = len(_LOST_LETTER.findall(_URL.sub("", text)))
    return lost >= _FEWEST_LOST_LETTERS and lost > sum(each.isalpha() for each in "".join(_NOT_ASCII.findall(text)))
