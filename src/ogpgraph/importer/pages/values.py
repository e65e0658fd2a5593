"""Reading the values of fields: dates, ratings, OGP values, policy areas, institutions and names of reports.

Nothing is guessed. A date is as exact as its text (a year, semester, quarter, month or day, or open-ended), and a text
that may mean two things has no value.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Literal

from ogpgraph.domain.values import PARTIAL_DATE, ReportedRating
from ogpgraph.domain.vocabulary import Indicator, OgpValue, RatingState, RatingValue
from ogpgraph.importer.pages.extraction import ExtractedValue
from ogpgraph.importer.pages.labels import Labels
from ogpgraph.importer.pages.page_words import DateWords
from ogpgraph.importer.pages.text import Line, Span, fold, fold_with_positions, normalize_policy_area

_LONGEST_INSTITUTION = 150  # a longer part is prose, in which a semicolon divides no list
_SENTENCE_END = re.compile(r"[a-z)]{3}[.!?] +[A-ZÀ-Ý]")
_INLINE_BULLET = re.compile(r"(?:^|(?<=\s))[•·▪◦‣○●■□✓➢❖\ue000-\uf8ff](?=\s|\w)")
_INLINE_NUMBER = re.compile(r"(?:^|(?<=[\s;,]))(\d{1,2})[.)]\s+(?=[^\W\d])")
_AROUND_ITEMS = " ;:,"
_AREA_SEPARATOR = re.compile(r"[,;|•·]")
YEAR = re.compile(r"(?:19|20)\d\d")
_YEAR_GROUP = r"(?P<year>(?:19|20)\d\d)"
_LONGEST_DATE = 60
_MOST_DATE_WORDS = 10  # the longest date, "from the second semester of 2018 to 30 June 2019", has fewer
_PLAN_YEARS = re.compile(r"\b(20\d\d)\s*[-\u2013\u2014]\s*((?:20)?\d\d)\b")
_PLAN_MONTH = re.compile(r"\((?P<word>[^()\d]{3,20})\)\s*$")

# Ratings and OGP values


def parse_rating(indicator: Indicator, text: str, labels: Labels) -> ReportedRating:
    """Return the rating in a field; a repeated value ("Major Major") counts once, different values are unrecognised."""
    found = labels.ratings[indicator].match_all(text)
    meanings = {each.meaning for each in found or ()}
    if not meanings and labels.is_pending(text):
        meanings = {RatingState.PENDING}
    if len(meanings) != 1:
        return ReportedRating(RatingState.UNRECOGNISED, None, text)
    (meaning,) = meanings
    if isinstance(meaning, RatingState):  # pending, no data, not applicable: none of these is a value
        return ReportedRating(meaning, None, text)
    return ReportedRating(RatingState.RATED, meaning, text)


def parse_ogp_values(text: str, start: int, labels: Labels) -> tuple[dict[OgpValue, ExtractedValue], str]:
    """Return a rating for each OGP value named in a text, which begins at `start`, and the rest of the text."""
    found, rest = labels.ogp_values.find(text)
    ratings: dict[OgpValue, ExtractedValue] = {}
    for each in found:
        rating = ReportedRating(RatingState.RATED, RatingValue.YES, text[each.start : each.end])
        ratings.setdefault(each.meaning, ExtractedValue(rating, Span(start + each.start, start + each.end)))
    return ratings, rest


def parse_open_government_rating(line: Line, labels: Labels) -> tuple[OgpValue | None, ExtractedValue] | None:
    """Return whether government opened, as in "Marginal", or in "Access to information: Marginal" for one OGP value."""
    head, colon, _ = line.text.partition(":")
    value_line = line.slice(len(head) + 1) if colon else line
    rating = parse_rating(Indicator.DID_IT_OPEN_GOVERNMENT, value_line.text, labels)
    values, rest = parse_ogp_values(head, line.start, labels) if colon else ({}, "")
    if rating.state is RatingState.UNRECOGNISED or rest or len(values) > 1:
        return None
    return next(iter(values), None), ExtractedValue(rating, value_line.span)


# Lists


def parse_policy_areas(text: str, labels: Labels) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the policy areas in a list, in its order, and the parts of it that are none."""
    known: dict[str, None] = {}
    unknown: dict[str, None] = {}
    for part in filter(None, (part.strip() for part in _split_policy_areas(text, labels))):
        areas = _find_policy_areas(part, labels)
        known.update(dict.fromkeys(areas))
        if not areas:
            unknown[part] = None
    return tuple(known), tuple(unknown)


def _split_policy_areas(text: str, labels: Labels) -> Iterator[str]:
    """Yield the parts of a list. A line break divides it, too, unless it is within the name of one area."""
    for part in _AREA_SEPARATOR.split(text):
        yield from [part] if normalize_policy_area(part) in labels.policy_areas.meanings else part.split("\n")


def _find_policy_areas(part: str, labels: Labels) -> list[str]:
    spelling = normalize_policy_area(part)
    if spelling in labels.policy_areas.meanings:
        return [labels.policy_areas.meanings[spelling]]
    found = labels.policy_areas.match_all(spelling)  # "Open Data Public Participation": the separator is missing
    return [each.meaning for each in found or ()]


def parse_institutions(lines: list[Line], raw: str, labels: Labels) -> tuple[str, ...]:
    """Return institutions. Bullets, numbers, line ends, safe semicolons and labels such as "Other actors involved"
    divide them; a comma does not, since it may be part of a name.
    """
    if labels.is_listed(raw, "no_institution"):
        return ()
    items = [item for line in lines for item in _divide_institutions(line.strip_bullet().text, labels)]
    if len(lines) == 1 and len(items) == 1:
        parts = [part.strip() for part in items[0].split(";")]
        items = parts if _are_names(parts) else items
    # What is left of a label that is cut off has a bracket that does not end.
    whole = (item for item in items if item and not (item.startswith("(") and ")" not in item))
    return tuple(dict.fromkeys(item for item in whole if not labels.is_listed(item, "no_institution")))


def _divide_institutions(text: str, labels: Labels) -> Iterator[str]:
    """Yield the parts of a line that labels, bullets and running numbers divide, without these."""
    folded = fold_with_positions(text)
    spans = [folded.span(*found.span()) for found in labels.other_actors.finditer(folded.text)]
    spans += [found.span() for found in _INLINE_BULLET.finditer(text)]
    numbers = list(_INLINE_NUMBER.finditer(text))
    if len(numbers) > 1 and [int(found[1]) for found in numbers] == list(range(1, len(numbers) + 1)):
        spans += [found.span() for found in numbers]
    position = 0
    for start, end in sorted(spans):
        if start >= position:
            yield text[position:start].strip(_AROUND_ITEMS)
            position = end
    # What labels leave has the form of a list again; without them the text stays as it is.
    rest = text[position:].strip(_AROUND_ITEMS) if spans else text
    parts = [part.strip() for part in rest.split(";")] if spans else [rest]
    yield from parts if _are_names(parts) else [rest]


def _are_names(items: list[str]) -> bool:
    return all(items) and all(len(item) <= _LONGEST_INSTITUTION and not _SENTENCE_END.search(item) for item in items)


def parse_report_names(text: str, labels: Labels) -> tuple[str, ...]:
    """Return the names of IRM reports; "Kaduna State, Nigeria Design Report" is one name, in spite of its comma."""
    names: list[str] = []
    beginning = ""
    for part in (part.strip() for part in text.split(",")):
        has_noun = bool(labels.report_noun.search(fold(part)))
        if not has_noun and names and not beginning and not YEAR.search(names[-1]):
            names[-1] += f", {part}"  # "Informe de Buenos Aires, Argentina 2018-2020": the noun comes first
        elif not has_noun:
            beginning = f"{beginning}, {part}" if beginning else part
        else:
            names.append(f"{beginning}, {part}" if beginning else part)
            beginning = ""
    return tuple(dict.fromkeys((*names, beginning) if beginning else names))


# Dates


def parse_partial_date(text: str, labels: Labels) -> str | None:
    """Return a date as `2018`, `2018-S2`, `2018-Q3`, `2019-03`, `2019-03-15` or `2019/..`, None for any other text."""
    if re.fullmatch(PARTIAL_DATE, text):
        return text
    folded = _fold_date(text)
    if len(folded) > _LONGEST_DATE:
        return None
    for grammar in _date_grammars(labels):
        if match := grammar.match(folded):
            return grammar.interpret(match.groupdict())
    return None


def parse_date_range(text: str, labels: Labels) -> tuple[str, str] | None:
    """Return the first and last date of "January 2019 - March 2020". A single date is both, unless it is open-ended."""
    # A single date first: "2019-03-15" contains dashes, too.
    if date := parse_partial_date(text, labels):
        return date.removesuffix("/.."), date
    if not (match := _date_range_pattern(labels).fullmatch(_fold_date(text))):
        return None
    start, end = parse_partial_date(match["start"], labels), parse_partial_date(match["end"], labels)
    return (start, end) if start and end and "/" not in start else None


def split_trailing_dates(line: Line, labels: Labels) -> tuple[Line, Line, tuple[str, str]] | None:
    """Split "Hold the summit again 2019 and beyond" into the text, the text of the date, and first and last date."""
    words = list(re.finditer(r"\S+", line.text))
    # The longest end of the line that is a date counts. Its first word is never part of it: a line must have text, too.
    for word in words[max(1, len(words) - _MOST_DATE_WORDS) :]:
        if dates := parse_date_range(line.text[word.start() :], labels):
            return line.slice(0, word.start()), line.slice(word.start()), dates
    return None


def find_plan_years(plan_title: str) -> tuple[tuple[str, Span], tuple[str, Span]] | None:
    """Return the first and last year in a plan's title, and where they are in it: "2018-2020", "2014-16"."""
    if (match := _PLAN_YEARS.search(plan_title)) is None:
        return None
    first, last = match.groups()
    last = last if len(last) == 4 else first[:2] + last
    return (first, Span(*match.span(1))), (last, Span(*match.span(2)))


def parse_plan_month(plan_title: str, labels: Labels) -> int | None:
    """Return the month, from 1 to 12, that ends a plan's title, None where it ends otherwise."""
    found = _PLAN_MONTH.search(plan_title)
    return _month_numbers(labels).get(fold(found["word"])) if found else None


class _DateGrammar:
    """The forms of dates in one language. The first form that a text has decides, even where it gives no date."""

    def __init__(self, words: DateWords) -> None:
        self._months = _number_words(words.months)
        self._ordinals = _number_words(words.ordinals)
        self._patterns = [re.compile(form) for form in self._forms(words)]

    def _forms(self, words: DateWords) -> Iterator[str]:
        of = rf"(?:\s*[,./-]\s*|\s+(?:(?:{_alternatives(words.of)})\s+)?|\s*)"
        month = rf"(?P<month>{_alternatives(self._months)})"
        # "1st", "1er", "1.": with or without an ordinal ending.
        day = rf"(?P<day>\d{{1,2}})\s?(?:{_alternatives(words.day_endings)}|\.)?"
        vague = rf"(?:(?:{_alternatives(words.vague)}|{_alternatives(words.of)})[\s-]+)*"
        beyond = rf"(?P<beyond>{_alternatives(words.beyond)})"
        ordinal = rf"(?P<ordinal>{_alternatives(self._ordinals)})"
        semester = rf"(?P<semester>{_alternatives(words.semester)})"
        quarter = rf"(?P<quarter>{_alternatives(words.quarter)})"
        yield _YEAR_GROUP
        yield rf"{_YEAR_GROUP}\s+{beyond}"
        yield rf"{month}\.?{of}{_YEAR_GROUP}\s+{beyond}"
        yield rf"{vague}{_YEAR_GROUP}"
        yield rf"{vague}{month}\.?{of}{_YEAR_GROUP}"
        yield rf"{_YEAR_GROUP}{of}{month}\.?"
        yield rf"{day}{of}{month}\.?{of}{_YEAR_GROUP}"
        yield rf"{month}\.?\s*{day}(?:\s*,\s*|\s+){_YEAR_GROUP}"
        # "Semester 2 2018", "2018 Semester 2", "second semester of 2018", "2018, second semester".
        for part in (semester, quarter):
            yield rf"{part}\s*(?P<number>[1-4]){of}{_YEAR_GROUP}"
            yield rf"{_YEAR_GROUP}{of}{part}\s*(?P<number>[1-4])"
            yield rf"{ordinal}\s+{part}{of}{_YEAR_GROUP}"
            yield rf"{_YEAR_GROUP}{of}{ordinal}\s+{part}"
        yield rf"{_YEAR_GROUP}[-/.](?P<month_number>\d{{1,2}})(?:[-/.](?P<day>\d{{1,2}}))?"
        yield rf"(?P<month_number>\d{{1,2}})[-/.]{_YEAR_GROUP}"
        yield rf"(?P<first>\d{{1,2}})[-/.](?P<second>\d{{1,2}})[-/.]{_YEAR_GROUP}"

    def match(self, folded: str) -> re.Match[str] | None:
        """Return the match of the first form that a folded text has."""
        return next(filter(None, (pattern.fullmatch(folded) for pattern in self._patterns)), None)

    def interpret(self, groups: Mapping[str, str | None]) -> str | None:
        """Return the partial date of a match's groups, None where there is no such day, month, quarter or semester."""
        year, day = str(groups["year"]), groups.get("day")
        if groups.get("beyond"):
            return f"{year}/.."
        if month := groups.get("month"):
            return _format_date(year, self._months[month], day)
        if month_number := groups.get("month_number"):
            return _format_date(year, int(month_number), day)
        if groups.get("semester"):
            return self._format_part(year, "S", 2, groups)
        if groups.get("quarter"):
            return self._format_part(year, "Q", 4, groups)
        if (first := groups.get("first")) and (second := groups.get("second")):
            return _unambiguous_day(year, first, second)
        return year

    def _format_part(self, year: str, letter: str, last: int, groups: Mapping[str, str | None]) -> str | None:
        number, ordinal = groups.get("number"), groups.get("ordinal")
        place = int(number) if number else self._ordinals[str(ordinal)]
        return f"{year}-{letter}{place}" if place <= last else None


DateOrder = Literal["day first", "month first"]
_SLASHED_DATE = re.compile(r"(?<![\d/.-])(\d{1,2})[-/.](\d{1,2})[-/.]((?:19|20)\d\d)(?![\d/.-])")


def find_date_order(text: str) -> DateOrder | None:
    """Return the order of day and month in the dates of a text by those that have one only; None if they differ."""
    shown = (order_shown_by(found[1], found[2]) for found in _SLASHED_DATE.finditer(text))
    orders = {each for each in shown if each}
    return orders.pop() if len(orders) == 1 else None


def order_shown_by(first: str, second: str) -> DateOrder | None:
    """Return the order of day and month that two numbers of a date show, because only one of them can be a month."""
    if (int(first) > 12) == (int(second) > 12):
        return None
    return "day first" if int(first) > 12 else "month first"


def parse_ambiguous_date(text: str, order: DateOrder | None) -> str | None:
    """Return the day of "01/06/2024" in an order, only the year where none is known; None for any other text."""
    found = _SLASHED_DATE.fullmatch(text.strip())
    if found is None:
        return None
    first, second, year = found.groups()
    if order is None:
        return year
    day, month = (first, second) if order == "day first" else (second, first)
    return _format_date(year, int(month), day)


def is_ambiguous_date(text: str) -> bool:
    """Return whether a text is a date in which day and month may be either way around."""
    found = _SLASHED_DATE.fullmatch(text.strip())
    return found is not None and _unambiguous_day(found[3], found[1], found[2]) is None


def _unambiguous_day(year: str, first: str, second: str) -> str | None:
    """Return the day of "13.05.2016", in either order of day and month, None where both orders give a day."""
    readings = {_format_date(year, int(month), day) for day, month in ((first, second), (second, first))} - {None}
    return readings.pop() if len(readings) == 1 else None


def _format_date(year: str, month: int, day: str | None) -> str | None:
    if not 1 <= month <= 12:
        return None
    if day is None:
        return f"{year}-{month:02}"
    if not 1 <= int(day) <= monthrange(int(year), month)[1]:
        return None
    return f"{year}-{month:02}-{int(day):02}"


def _fold_date(text: str) -> str:
    # Folding may shorten a text, so twice the length is folded, and the rest of a long text is not.
    return fold(text[: 2 * _LONGEST_DATE]).strip(" .")


def _alternatives(words: Iterable[str]) -> str:
    return "|".join(re.escape(fold(word)) for word in sorted(words, key=len, reverse=True))


def _number_words(words: Iterable[Iterable[str]]) -> dict[str, int]:
    return {fold(word): number for number, same in enumerate(words, 1) for word in same}


@cache
def _date_grammars(labels: Labels) -> tuple[_DateGrammar, ...]:
    return tuple(_DateGrammar(file.dates) for file in labels.files)


@cache
def _date_range_pattern(labels: Labels) -> re.Pattern[str]:
    begin = _alternatives({word for file in labels.files for word in file.dates.from_})
    to = _alternatives({word for file in labels.files for word in file.dates.to})
    return re.compile(rf"(?:(?:{begin})\s+)?(?P<start>.+?)(?:\s*-\s*|\s+(?:{to})\s+)(?P<end>.+)")


@cache
def _month_numbers(labels: Labels) -> dict[str, int]:
    return {word: month for file in labels.files for word, month in _number_words(file.dates.months).items()}
