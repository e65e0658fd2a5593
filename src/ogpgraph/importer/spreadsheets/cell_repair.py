"""Undoing what spreadsheets do to cells, where it is certain what had been typed; saying so in every case."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Literal

from ogpgraph.importer.pages.dates import parse_partial_date

DateOrder = Literal["day first", "month first"]

_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_SLASHED = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4}|\d\d)(?:\s+\d{1,2}:\d\d(?::\d\d)?)?")
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ]\d\d:\d\d(?::\d\d)?)?")
_MONTH_YEAR = re.compile(r"([A-Za-z]{3})-(\d\d)")
_DAY_MONTH_YEAR = re.compile(r"(\d{1,2})-([A-Za-z]{3})-(\d\d)")
_SERIAL = re.compile(r"\d{5}(?:\.0+)?")
_YEAR = re.compile(r"((?:19|20)\d\d)\.0+")
_FLOAT = re.compile(r"\d+\.\d{9,}")
_WHOLE = re.compile(r"(\d+)\.0+")
_ERROR = re.compile(r"#(?:REF!|N/A|VALUE!|NAME\?|DIV/0!|NUM!|NULL!)")
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: n for n, name in enumerate(_MONTH_NAMES, 1)}
_DAY_ZERO = date(1899, 12, 30)  # the day that spreadsheets number 0
_YEARS = range(2000, 2041)  # what a date of the partnership, founded in 2011, may lie in
_MOJIBAKE = re.compile("Ã[\u0080-¿ƒ-™]|â€|Â[\u00a0-¿]")


@dataclass(frozen=True, slots=True)
class RepairedCell:
    """What a cell says; `repair` tells what was undone to know it, `doubt` why it is not known whole."""

    text: str | None
    repair: str = ""
    doubt: str = ""


@lru_cache(maxsize=4096)
def clean_short_cell(cell: str) -> RepairedCell:
    """Return the same as `clean_cell`: most cells are short, and say again what others say."""
    return clean_cell(cell)


def clean_cell(cell: str) -> RepairedCell:
    """Return a cell's words with plain line ends and no blanks around them; letters torn apart are joined again."""
    text = cell.replace("\r\n", "\n").replace("\r", "\n").replace("\ufeff", "").replace("\x00", "")
    text = _BREAK.sub("\n", text.replace("_x000D_", "")).strip(" \t\n\u00a0\u200b")
    if _MOJIBAKE.search(text):
        try:
            return RepairedCell(text.encode("cp1252").decode("utf-8"), repair="letters that had been decoded wrongly")
        except UnicodeError:
            return RepairedCell(text, doubt="letters look decoded wrongly")
    if _ERROR.fullmatch(text):
        return RepairedCell("", doubt=f"the spreadsheet's error {text}")
    return RepairedCell(text)


def repair_number(text: str) -> RepairedCell:
    """Return a number as it was typed: `2.2999999999999998` was 2.3, `5.0` was 5."""
    if match := _WHOLE.fullmatch(text):
        return RepairedCell(match[1], repair=f"{text} was {match[1]}")
    if _FLOAT.fullmatch(text):
        typed = f"{float(text):.10g}"
        return RepairedCell(typed, repair=f"{text} was {typed}")
    return RepairedCell(text)


def repair_numbers(text: str) -> RepairedCell:
    """Return a list of numbers as it was typed: a spreadsheet takes `12, 21` for a day of the year it is typed in."""
    match = _SLASHED.fullmatch(text)
    if match is None:
        return repair_number(text)
    typed = f"{int(match[1])}, {int(match[2])}"
    return RepairedCell(typed, repair=f"{text} was {typed}")


def detect_date_orders(cells: Iterable[str]) -> set[DateOrder]:
    """Return in which orders day and month stand, by the cells that can be read in one order only."""
    orders: set[DateOrder] = set()
    for cell in cells:
        if (match := _SLASHED.fullmatch(cell.strip())) is None:
            continue
        first, second = int(match[1]), int(match[2])
        if first > 12 >= second:
            orders.add("day first")
        elif second > 12 >= first and not _is_serial_year(int(match[3]), first, second):
            orders.add("month first")
    return orders


def repair_date(text: str, order: DateOrder | None) -> RepairedCell:
    """Return a cell as a partial date; without an order, one that can be read in two ways is known to the year only."""
    if match := _YEAR.fullmatch(text):
        return RepairedCell(match[1], repair=f"{text} was {match[1]}")
    if match := _SLASHED.fullmatch(text):
        return _slashed(text, match, order)
    if match := _ISO.fullmatch(text):
        return _checked(text, *(int(part) for part in match.groups()))
    if match := _MONTH_YEAR.fullmatch(text):
        return _short(text, match[1], match[2], None)
    if match := _DAY_MONTH_YEAR.fullmatch(text):
        return _short(text, match[2], match[3], int(match[1]))
    if _SERIAL.fullmatch(text):
        day = _DAY_ZERO + timedelta(days=int(float(text)))
        return RepairedCell(day.isoformat(), repair=f"{text} was {day}") if day.year in _YEARS else RepairedCell(None)
    return RepairedCell(parse_partial_date(text, "en"))


def _slashed(text: str, match: re.Match[str], order: DateOrder | None) -> RepairedCell:
    first, second, year = int(match[1]), int(match[2]), int(match[3])
    short = len(match[3]) == 2
    year += 2000 if short else 0
    by_order = {"month first": (first, second), "day first": (second, first)}
    readings = {how: (month, day) for how, (month, day) in by_order.items() if _is_day(year, month, day)}
    if not readings:
        return RepairedCell(None, doubt=f"{text} is no day")
    chosen = readings.get(order or "") or (next(iter(readings.values())) if len(set(readings.values())) == 1 else None)
    if chosen is None:
        return RepairedCell(str(year), doubt=f"{text} can be read in two ways; the year is certain")
    found = _checked(text, year, *chosen)
    return (
        RepairedCell(found.text, repair=f"{text} was {found.text}", doubt=found.doubt)
        if short and found.text
        else found
    )


def _checked(text: str, year: int, month: int, day: int) -> RepairedCell:
    if not _is_day(year, month, day):
        return RepairedCell(None, doubt=f"{text} is no day")
    if year in _YEARS:
        return RepairedCell(f"{year}-{month:02}-{day:02}")
    if (meant := _serial_year(year, month, day)) is not None:
        return RepairedCell(str(meant), repair=f"{text} was the year {meant}")
    return RepairedCell(None, doubt=f"{text} lies outside {_YEARS[0]} to {_YEARS[-1]}")


def _short(text: str, month: str, year: str, day: int | None) -> RepairedCell:
    number = _MONTHS.get(month.lower())
    whole = 2000 + int(year)
    if number is None or whole not in _YEARS or (day is not None and not _is_day(whole, number, day)):
        return RepairedCell(None)
    found = f"{whole}-{number:02}" + (f"-{day:02}" if day is not None else "")
    return RepairedCell(found, repair=f"{text} was {found}")


def _is_day(year: int, month: int, day: int) -> bool:
    return 1 <= month <= 12 and year >= 1 and 1 <= day <= monthrange(year, month)[1]


def _serial_year(year: int, month: int, day: int) -> int | None:
    """Return the year that a spreadsheet took for the number of a day: 15 July 1905 has the number 2022."""
    number = (date(year, month, day) - _DAY_ZERO).days
    return number if number in _YEARS else None


def _is_serial_year(year: int, month: int, day: int) -> bool:
    return year == 1905 and _is_day(year, month, day) and _serial_year(year, month, day) is not None
