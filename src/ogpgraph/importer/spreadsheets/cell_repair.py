"""Repairs cells that a spreadsheet program changed: dates, numbers and encodings.

A cell is repaired only where the original text is certain. The result describes every repair and every doubt, so that
the report can list them. No cell raises an error.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from ogpgraph.domain.text import clean_published_text
from ogpgraph.importer.encoding import MOJIBAKE, repair_mojibake
from ogpgraph.importer.pages.labels import shipped_labels
from ogpgraph.importer.pages.values import DateOrder, order_shown_by, parse_partial_date

_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_SLASHED = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4}|\d\d)(?:\s+\d{1,2}:\d\d(?::\d\d)?)?")
_HYPHENED = re.compile(r"(\d{1,2})-(\d{1,2})-(\d{4})")
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?")
_MONTH_YEAR = re.compile(r"([A-Za-z]{3,9})-(\d\d)")
_DAY_MONTH_YEAR = re.compile(r"(\d{1,2})-([A-Za-z]{3,9})-(\d\d)")
_QUARTER = re.compile(
    r"(?:(?P<before>I{1,3}|IV|[1-4])\.?\s+quarter|quarter\s+(?P<after>I{1,3}|IV|[1-4]))\s*(?:of\b|,)?\s*(?P<year>\d{4})",
    re.IGNORECASE,
)
_QUARTERS = {"i": 1, "ii": 2, "iii": 3, "iv": 4}
_SERIAL = re.compile(r"\d{5}(?:\.0+)?")
_YEAR = re.compile(r"((?:19|20)\d\d)\.0+")
_FLOAT = re.compile(r"\d+\.\d{9,}")
_WHOLE = re.compile(r"(-?\d+)\.0+")
_ERROR = re.compile(r"#(?:REF!|N/A|VALUE!|NAME\?|DIV/0!|NUM!|NULL!|SPILL!|CALC!|GETTING_DATA|#+)", re.IGNORECASE)
_FORMULA = re.compile(r"=[-+(]*(?:[A-Z][A-Z.]*\(|\$?[A-Z]{1,3}\$?\d|'|\d)", re.IGNORECASE)
_MAX_QUOTED = 40
_MONTH_NAMES = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
# Serial number 0 of a spreadsheet's dates. It is not 31 December 1899 because Lotus 1-2-3 took 1900 for a leap year and
# the others copied that.
_DAY_ZERO = date(1899, 12, 30)
_PLAUSIBLE_YEARS = range(2000, 2041)  # the partnership was founded in 2011


@dataclass(frozen=True, slots=True)
class RepairedCell:
    """A cell's text, None where it cannot be read; what was repaired, and what remains doubtful, both may be empty."""

    text: str | None
    repair: str = ""
    doubt: str = ""


@lru_cache(maxsize=4096)
def clean_short_cell(cell: str) -> RepairedCell:
    """Return `clean_cell` from a cache: short cells repeat the same few codes thousands of times."""
    return clean_cell(cell)


def clean_cell(cell: str) -> RepairedCell:
    r"""Return a cell with `\n` as its line end, without surrounding white space, and with its encoding repaired."""
    # "_x000D_" is how XLSX escapes a carriage return; some converters leave it in the CSV.
    text = cell.replace("\ufeff", "").replace("_x000D_", "")
    # Before control characters go: browsers decode some bytes of accented letters as such.
    repaired = repair_mojibake(text)
    text = clean_published_text(_BREAK.sub("\n", repaired or text)).strip(" \t\n\u00a0")
    if MOJIBAKE.search(text):
        return RepairedCell(text, doubt="seems to have been decoded with a wrong encoding")
    if repaired:
        return RepairedCell(text, repair="UTF-8 had been decoded as another encoding")
    if _ERROR.fullmatch(text):
        return RepairedCell(None, doubt=f"spreadsheet error {text}")
    if _FORMULA.match(text):
        return RepairedCell(None, doubt=f"the formula {text[:_MAX_QUOTED]} in place of its value")
    return RepairedCell(text)


def drop_fraction_of_zero(text: str) -> str:
    """Return a whole number as it was typed, where a program that counts in fractions made `1.0` of it."""
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def repair_number(text: str) -> RepairedCell:
    """Return a number as it was typed: `2.3` for the binary fraction `2.2999999999999998`, `5` for `5.0`."""
    if _WHOLE.fullmatch(text):
        return _replaced(text, drop_fraction_of_zero(text))
    if _FLOAT.fullmatch(text):
        return _replaced(text, f"{float(text):.10g}")
    return RepairedCell(text)


def repair_numbers(text: str) -> RepairedCell:
    """Return a list of numbers as it was typed; a spreadsheet converts `12, 21` to 21 December of the current year."""
    if match := _SLASHED.fullmatch(text):
        return _replaced(text, f"{int(match[1])}, {int(match[2])}")
    if match := _ISO.fullmatch(text):  # of a workbook, in which dates are no texts
        return _replaced(text, f"{int(match[2])}, {int(match[3])}")
    return repair_number(text)


def repair_date(text: str, order: DateOrder | None) -> RepairedCell:
    """Return a cell as a partial date.

    Without an order, a date that is ambiguous between day and month keeps only its year.
    """
    if match := _YEAR.fullmatch(text):
        return _replaced(text, match[1])
    if match := _SLASHED.fullmatch(text) or _HYPHENED.fullmatch(text):
        return _repair_slashed_date(text, match, order)
    if match := _ISO.fullmatch(text):
        return _check_date(text, *(int(part) for part in match.groups()))
    if match := _QUARTER.fullmatch(text):
        number = (match["before"] or match["after"]).lower()
        return RepairedCell(f"{match['year']}-Q{_QUARTERS.get(number, number)}")
    if match := _MONTH_YEAR.fullmatch(text):
        return _repair_named_month(text, match[1], match[2], None)
    if match := _DAY_MONTH_YEAR.fullmatch(text):
        return _repair_named_month(text, match[2], match[3], int(match[1]))
    if _SERIAL.fullmatch(text):
        day = _DAY_ZERO + timedelta(days=int(float(text)))
        return _replaced(text, day.isoformat()) if day.year in _PLAUSIBLE_YEARS else RepairedCell(None)
    return RepairedCell(parse_partial_date(text, shipped_labels().get("en")))


def find_shown_order(text: str) -> DateOrder | None:
    """Return the order of day and month that the date in a cell shows; None for dates with points, and other texts."""
    match = _SLASHED.fullmatch(text.strip()) or _HYPHENED.fullmatch(text.strip())
    return None if match is None or "." in text else order_shown_by(match[1], match[2])


def _replaced(text: str, original: str) -> RepairedCell:
    return RepairedCell(original, repair=f"{text} was read as {original}")


def _repair_slashed_date(text: str, match: re.Match[str], order: DateOrder | None) -> RepairedCell:
    first, second, year = int(match[1]), int(match[2]), int(match[3])
    is_short = len(match[3]) == 2
    year += 2000 if is_short else 0
    by_order = {"month first": (first, second), "day first": (second, first)}
    order = "day first" if "." in text else order  # wherever days and months are divided by points
    possible = {how: (month, day) for how, (month, day) in by_order.items() if _is_date(year, month, day)}
    if not possible:
        return RepairedCell(None, doubt=f"{text} is not a date")
    chosen = possible.get(order or "") or (next(iter(possible.values())) if len(set(possible.values())) == 1 else None)
    if chosen is None:
        return RepairedCell(str(year), doubt=f"{text} is ambiguous (day or month first); only its year is used")
    found = _check_date(text, year, *chosen)
    if not is_short or not found.text:
        return found
    return RepairedCell(found.text, repair=f"{text} was read as {found.text}", doubt=found.doubt)


def _check_date(text: str, year: int, month: int, day: int) -> RepairedCell:
    if not _is_date(year, month, day):
        return RepairedCell(None, doubt=f"{text} is not a date")
    if year in _PLAUSIBLE_YEARS:
        return RepairedCell(f"{year}-{month:02}-{day:02}")
    if (original := _serial_year(year, month, day)) is not None:
        return RepairedCell(str(original), repair=f"{text} was read as the year {original}")
    return RepairedCell(None, doubt=f"{text} is outside {_PLAUSIBLE_YEARS[0]} to {_PLAUSIBLE_YEARS[-1]}")


def _repair_named_month(text: str, month: str, year: str, day: int | None) -> RepairedCell:
    names = [name for name in _MONTH_NAMES if name.startswith(month.lower())]
    number = _MONTH_NAMES.index(names[0]) + 1 if names else None
    full_year = 2000 + int(year)
    if number is None or full_year not in _PLAUSIBLE_YEARS:
        return RepairedCell(None)
    if day is not None and not _is_date(full_year, number, day):
        return RepairedCell(None)
    return _replaced(text, f"{full_year}-{number:02}" + (f"-{day:02}" if day is not None else ""))


def _is_date(year: int, month: int, day: int) -> bool:
    return 1 <= month <= 12 and year >= 1 and 1 <= day <= monthrange(year, month)[1]


def _serial_year(year: int, month: int, day: int) -> int | None:
    """Return the year that a spreadsheet took for a serial number: 2022 became day 2022, 15 July 1905."""
    number = (date(year, month, day) - _DAY_ZERO).days
    return number if number in _PLAUSIBLE_YEARS else None
