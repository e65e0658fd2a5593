"""Dates as people write them, kept as exact as they are: a year, semester, quarter, month or day, or open-ended."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterable
from functools import cache

from ogpgraph.domain.values import PARTIAL_DATE
from ogpgraph.importer.folding import fold
from ogpgraph.importer.labels import DateWords, files_by_language, labels_of
from ogpgraph.importer.lines import Line

_YEAR = r"(?P<year>(?:19|20)\d\d)"
_LONGEST = 60
_LAST_WORDS = 10  # the longest date has fewer words: "from the second semester of 2018 to 30 June 2019"


def partial_date(text: str, language: str) -> str | None:
    """Return a date as `2018`, `2018-S2`, `2018-Q3`, `2019-03`, `2019-03-15` or `2019/..`; None where it is none."""
    if re.fullmatch(PARTIAL_DATE, text):
        return text
    plain = fold(text[: 2 * _LONGEST]).strip(" .")
    if len(plain) > _LONGEST:
        return None
    for pattern, form in _forms(language):
        if match := pattern.fullmatch(plain):
            return form(match.groupdict())
    return None


def date_range(text: str, language: str) -> tuple[str, str] | None:
    """Return the first and last date of "January 2019 - March 2020"; a single date is both, an open one only begins."""
    if date := partial_date(text, language):
        return date.removesuffix("/.."), date
    if not (match := _range(language).fullmatch(fold(text[: 2 * _LONGEST]).strip(" ."))):
        return None
    start, end = partial_date(match["start"], language), partial_date(match["end"], language)
    return (start, end) if start and end and "/" not in start else None


def trailing_dates(line: Line, language: str) -> tuple[Line, Line, tuple[str, str]] | None:
    """Split "Hold the summit again 2019 and beyond" into words, words of the date, and first and last date."""
    words = list(re.finditer(r"\S+", line.text))
    for word in words[max(1, len(words) - _LAST_WORDS) :]:
        if dates := date_range(line.text[word.start() :], language):
            return line.part(0, word.start()), line.part(word.start()), dates
    return None


Form = Callable[[dict[str, str]], str | None]


@cache
def _forms(language: str) -> tuple[tuple[re.Pattern[str], Form], ...]:
    own = labels_of(language).own
    others = (file for name, file in files_by_language().items() if name != language)
    return tuple(form for file in (own, *others) for form in _forms_of(file.dates))


def _forms_of(words: DateWords) -> Iterable[tuple[re.Pattern[str], Form]]:
    months = _numbered(words.months)
    ordinals = _numbered(words.ordinals)
    of = rf"(?:\s*[,./-]\s*|\s+(?:(?:{_any(words.of)})\s+)?|\s*)"
    month, ordinal = _any(months), _any(ordinals)
    day = rf"(?P<day>\d{{1,2}})\s?(?:{_any(words.day_endings)}|\.)?"
    semester, quarter = _any(words.semester), _any(words.quarter)
    vague = rf"(?:(?:{_any(words.vague)}|{_any(words.of)})[\s-]+)*"
    part = r"(?P<part>[1-4])"

    def by_month(found: dict[str, str]) -> str | None:
        return _date(found["year"], months[found["month"]], found.get("day"))

    def divided(kind: str) -> Form:
        last = {"S": 2, "Q": 4}[kind]

        def form(found: dict[str, str]) -> str | None:
            number = int(found.get("part") or ordinals[found["ordinal"]])
            return f"{found['year']}-{kind}{number}" if number <= last else None

        return form

    yield _pattern(_YEAR), lambda found: found["year"]
    yield _pattern(rf"{_YEAR}\s+(?:{_any(words.beyond)})"), lambda found: f"{found['year']}/.."
    yield _pattern(rf"(?:{month})\.?{of}{_YEAR}\s+(?:{_any(words.beyond)})"), lambda found: f"{found['year']}/.."
    yield _pattern(rf"{vague}{_YEAR}"), lambda found: found["year"]
    yield _pattern(rf"{vague}(?P<month>{month})\.?{of}{_YEAR}"), by_month
    yield _pattern(rf"{_YEAR}{of}(?P<month>{month})\.?"), by_month
    yield _pattern(rf"{day}{of}(?P<month>{month})\.?{of}{_YEAR}"), by_month
    yield _pattern(rf"(?P<month>{month})\.?\s*{day}(?:\s*,\s*|\s+){_YEAR}"), by_month
    for kind, name in (("S", semester), ("Q", quarter)):
        yield _pattern(rf"(?:{name})\s*{part}{of}{_YEAR}"), divided(kind)
        yield _pattern(rf"{_YEAR}{of}(?:{name})\s*{part}"), divided(kind)
        yield _pattern(rf"(?P<ordinal>{ordinal})\s+(?:{name}){of}{_YEAR}"), divided(kind)
        yield _pattern(rf"{_YEAR}{of}(?P<ordinal>{ordinal})\s+(?:{name})"), divided(kind)
    yield _pattern(rf"{_YEAR}[-/.](?P<month>\d{{1,2}})(?:[-/.](?P<day>\d{{1,2}}))?"), _numeric_iso
    yield _pattern(rf"(?P<month>\d{{1,2}})[-/.]{_YEAR}"), _numeric_iso
    yield _pattern(rf"(?P<first>\d{{1,2}})[-/.](?P<second>\d{{1,2}})[-/.]{_YEAR}"), _numeric


def _pattern(expression: str) -> re.Pattern[str]:
    return re.compile(expression)


def _any(words: Iterable[str]) -> str:
    return "|".join(re.escape(fold(word)) for word in sorted(words, key=len, reverse=True))


def _numbered(words: Iterable[Iterable[str]]) -> dict[str, int]:
    return {fold(word): number for number, same in enumerate(words, 1) for word in same}


def _date(year: str, month: int, day: str | None) -> str | None:
    if not 1 <= month <= 12:
        return None
    if day is None:
        return f"{year}-{month:02}"
    if not 1 <= int(day) <= monthrange(int(year), month)[1]:
        return None
    return f"{year}-{month:02}-{int(day):02}"


def _numeric_iso(found: dict[str, str]) -> str | None:
    return _date(found["year"], int(found["month"]), found.get("day"))


def _numeric(found: dict[str, str]) -> str | None:
    """Return day and month only where they cannot be mistaken for each other."""
    first, second = found["first"], found["second"]
    readings = {_date(found["year"], int(month), day) for day, month in ((first, second), (second, first))} - {None}
    return readings.pop() if len(readings) == 1 else None


@cache
def _range(language: str) -> re.Pattern[str]:
    words = [file.dates for file in (labels_of(language).own, *files_by_language().values())]
    begin = _any({word for each in words for word in each.from_})
    to = _any({word for each in words for word in each.to})
    return re.compile(rf"(?:(?:{begin})\s+)?(?P<start>.+?)(?:\s*-\s*|\s+(?:{to})\s+)(?P<end>.+)")
