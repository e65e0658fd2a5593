"""Dates as people write them, kept as exact as they are: a year, semester, quarter, month or day, or open-ended."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterable
from functools import cache

from ogpgraph.domain.values import PARTIAL_DATE
from ogpgraph.importer.pages.extraction import Line
from ogpgraph.importer.pages.labels import DateWords, load_label_files, load_labels
from ogpgraph.importer.pages.text_normalization import fold

_YEAR = r"(?P<year>(?:19|20)\d\d)"
_LONGEST = 60
_LAST_WORDS = 10  # the longest date has fewer words: "from the second semester of 2018 to 30 June 2019"
_PLAN_MONTH = re.compile(r"\((?P<word>[^()\d]{3,20})\)\s*$")


def parse_partial_date(text: str, language: str) -> str | None:
    """Return a date as `2018`, `2018-S2`, `2018-Q3`, `2019-03`, `2019-03-15` or `2019/..`; None where it is none."""
    if re.fullmatch(PARTIAL_DATE, text):
        return text
    plain = fold(text[: 2 * _LONGEST]).strip(" .")
    if len(plain) > _LONGEST:
        return None
    for pattern, format_parts in _date_formats(language):
        if match := pattern.fullmatch(plain):
            return format_parts(match.groupdict())
    return None


def parse_date_range(text: str, language: str) -> tuple[str, str] | None:
    """Return the first and last date of "January 2019 - March 2020"; a single date is both, an open one only begins."""
    if date := parse_partial_date(text, language):
        return date.removesuffix("/.."), date
    if not (match := _range_pattern(language).fullmatch(fold(text[: 2 * _LONGEST]).strip(" ."))):
        return None
    start, end = parse_partial_date(match["start"], language), parse_partial_date(match["end"], language)
    return (start, end) if start and end and "/" not in start else None


def split_trailing_dates(line: Line, language: str) -> tuple[Line, Line, tuple[str, str]] | None:
    """Split "Hold the summit again 2019 and beyond" into words, words of the date, and first and last date."""
    words = list(re.finditer(r"\S+", line.text))
    for word in words[max(1, len(words) - _LAST_WORDS) :]:
        if dates := parse_date_range(line.text[word.start() :], language):
            return line.slice(0, word.start()), line.slice(word.start()), dates
    return None


DateFormat = Callable[[dict[str, str]], str | None]


@cache
def _date_formats(language: str) -> tuple[tuple[re.Pattern[str], DateFormat], ...]:
    own = load_labels(language).own
    others = (file for name, file in load_label_files().items() if name != language)
    return tuple(format_parts for file in (own, *others) for format_parts in _formats_of(file.dates))


def _formats_of(words: DateWords) -> Iterable[tuple[re.Pattern[str], DateFormat]]:
    months = _number_words(words.months)
    ordinals = _number_words(words.ordinals)
    of = rf"(?:\s*[,./-]\s*|\s+(?:(?:{_alternatives(words.of)})\s+)?|\s*)"
    month, ordinal = _alternatives(months), _alternatives(ordinals)
    day = rf"(?P<day>\d{{1,2}})\s?(?:{_alternatives(words.day_endings)}|\.)?"
    semester, quarter = _alternatives(words.semester), _alternatives(words.quarter)
    vague = rf"(?:(?:{_alternatives(words.vague)}|{_alternatives(words.of)})[\s-]+)*"
    part = r"(?P<part>[1-4])"

    def format_month(found: dict[str, str]) -> str | None:
        return _format_date(found["year"], months[found["month"]], found.get("day"))

    def format_division(kind: str) -> DateFormat:
        last = {"S": 2, "Q": 4}[kind]

        def format_parts(found: dict[str, str]) -> str | None:
            number = int(found.get("part") or ordinals[found["ordinal"]])
            return f"{found['year']}-{kind}{number}" if number <= last else None

        return format_parts

    yield _pattern(_YEAR), lambda found: found["year"]
    yield _pattern(rf"{_YEAR}\s+(?:{_alternatives(words.beyond)})"), lambda found: f"{found['year']}/.."
    yield (
        _pattern(rf"(?:{month})\.?{of}{_YEAR}\s+(?:{_alternatives(words.beyond)})"),
        lambda found: f"{found['year']}/..",
    )
    yield _pattern(rf"{vague}{_YEAR}"), lambda found: found["year"]
    yield _pattern(rf"{vague}(?P<month>{month})\.?{of}{_YEAR}"), format_month
    yield _pattern(rf"{_YEAR}{of}(?P<month>{month})\.?"), format_month
    yield _pattern(rf"{day}{of}(?P<month>{month})\.?{of}{_YEAR}"), format_month
    yield _pattern(rf"(?P<month>{month})\.?\s*{day}(?:\s*,\s*|\s+){_YEAR}"), format_month
    for kind, name in (("S", semester), ("Q", quarter)):
        yield _pattern(rf"(?:{name})\s*{part}{of}{_YEAR}"), format_division(kind)
        yield _pattern(rf"{_YEAR}{of}(?:{name})\s*{part}"), format_division(kind)
        yield _pattern(rf"(?P<ordinal>{ordinal})\s+(?:{name}){of}{_YEAR}"), format_division(kind)
        yield _pattern(rf"{_YEAR}{of}(?P<ordinal>{ordinal})\s+(?:{name})"), format_division(kind)
    yield _pattern(rf"{_YEAR}[-/.](?P<month>\d{{1,2}})(?:[-/.](?P<day>\d{{1,2}}))?"), _parse_numeric_iso
    yield _pattern(rf"(?P<month>\d{{1,2}})[-/.]{_YEAR}"), _parse_numeric_iso
    yield _pattern(rf"(?P<first>\d{{1,2}})[-/.](?P<second>\d{{1,2}})[-/.]{_YEAR}"), _parse_numeric_day_month


def _pattern(expression: str) -> re.Pattern[str]:
    return re.compile(expression)


def _alternatives(words: Iterable[str]) -> str:
    return "|".join(re.escape(fold(word)) for word in sorted(words, key=len, reverse=True))


def _number_words(words: Iterable[Iterable[str]]) -> dict[str, int]:
    return {fold(word): number for number, same in enumerate(words, 1) for word in same}


def _format_date(year: str, month: int, day: str | None) -> str | None:
    if not 1 <= month <= 12:
        return None
    if day is None:
        return f"{year}-{month:02}"
    if not 1 <= int(day) <= monthrange(int(year), month)[1]:
        return None
    return f"{year}-{month:02}-{int(day):02}"


def _parse_numeric_iso(found: dict[str, str]) -> str | None:
    return _format_date(found["year"], int(found["month"]), found.get("day"))


def _parse_numeric_day_month(found: dict[str, str]) -> str | None:
    """Return day and month only where they cannot be mistaken for each other."""
    first, second = found["first"], found["second"]
    readings = {_format_date(found["year"], int(month), day) for day, month in ((first, second), (second, first))} - {
        None
    }
    return readings.pop() if len(readings) == 1 else None


@cache
def _range_pattern(language: str) -> re.Pattern[str]:
    words = [file.dates for file in (load_labels(language).own, *load_label_files().values())]
    begin = _alternatives({word for each in words for word in each.from_})
    to = _alternatives({word for each in words for word in each.to})
    return re.compile(rf"(?:(?:{begin})\s+)?(?P<start>.+?)(?:\s*-\s*|\s+(?:{to})\s+)(?P<end>.+)")


def parse_plan_month(plan_title: str, language: str) -> int | None:
    """Return the month that a plan's name ends in, from 1 to 12, None where it ends otherwise."""
    found = _PLAN_MONTH.search(plan_title)
    return _month_numbers(language).get(fold(found["word"])) if found else None


@cache
def _month_numbers(language: str) -> dict[str, int]:
    tables = (file.dates.months for file in load_labels(language).files)
    return {fold(word): month for months in tables for month, words in enumerate(months, 1) for word in words}
