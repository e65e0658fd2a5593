"""The road map in the government's text: titles and dates of milestones, in lines and in the rows of tables.

It is read with caution: a date belongs to a milestone only by the milestone's number or a very similar title. Which
cells of a row are dates is what the names of the columns say; without these it is the last two, where both are dates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice, pairwise
from typing import NamedTuple

from ogpgraph.domain.milestone_number import normalize_milestone_number
from ogpgraph.importer.pages.extraction import ExtractedFacts, ExtractedValue
from ogpgraph.importer.pages.irm_summary import MILESTONE_LINE, NUMBERED_LINE
from ogpgraph.importer.pages.labels import Labels
from ogpgraph.importer.pages.text import Line, Span, fold, split_cells, split_lines
from ogpgraph.importer.pages.values import (
    find_date_order,
    parse_ambiguous_date,
    parse_date_range,
    parse_partial_date,
    split_trailing_dates,
)

_MIN_SIMILARITY = 0.75  # a machine translates the same sentence twice and chooses other verb forms
_LONGEST_LINE = 400
_LONGEST_ROW = 4000
_MOST_COMPARED = 200  # titles and lines; each is compared with each
_SHORTEST_BROKEN_LINE = 50  # characters; a shorter line ends where its text does
_NUMBER = re.compile(r"\d{1,3}[A-Za-z]?(?:\.\d{1,3}){0,3}\.?")
_LETTER = re.compile(r"\w")
_PATHS = {"START_DATE": ("startsOn",), "END_DATE": ("endsOn",), "START_AND_END": ("startsOn", "endsOn")}


class _Entry(NamedTuple):
    """What a line or row says of a milestone: its number, if it has one, its title, and its dates by `startsOn`, …"""

    number: str | None
    title: Line
    dates: ExtractedFacts


def read_roadmap(
    text: str, span: Span, titles: dict[str, Line], labels: Labels
) -> tuple[ExtractedFacts, tuple[Span, ...]]:
    """Return the facts of milestones in a span of the government's text, and the cells that are no dates but should be.

    `titles` are those that the IRM quotes, by number. Only where it quotes none are titles read from the text.
    """
    reader = _RoadmapReader(text, titles, labels)
    reader.read(split_lines(text, span.start, span.end))
    return reader.facts, tuple(reader.odd_cells)


@dataclass(frozen=True, slots=True)
class _DateColumns:
    """The fields of the cells that are dates, by their places in the rows of a table of some width."""

    fields: dict[int, str]
    width: int


class _RoadmapReader:
    """Reads the lines of a text one by one: by number first, which is certain, and by title only what is left."""

    def __init__(self, text: str, titles: dict[str, Line], labels: Labels) -> None:
        self._text = text
        self._titles = titles
        self._labels = labels
        self._date_order = find_date_order(text)
        self._columns = _DateColumns({}, 0)
        self.facts: ExtractedFacts = {}
        self.odd_cells: list[Span] = []

    def read(self, lines: list[Line]) -> None:
        rows: list[_Entry] = []
        rest: list[Line] = []
        for line in lines:
            cells = split_cells(line)
            if len(cells) == 1:
                self._columns = _DateColumns({}, 0)  # the table ends
                if len(line.text) <= _LONGEST_LINE and not self._add(self._read_line(line)):
                    rest.append(line)
            elif len(line.text) <= _LONGEST_ROW and not self._read_column_names(cells):
                entry = self._read_row(cells)
                if not self._add(entry):
                    rows += [entry] if entry.dates else []
                    rest += [] if entry.dates else [line]
        self._match_by_title([*rows, *self._split_dates([*rest, *self._join_broken_lines(rest)])])

    def _add(self, entry: _Entry | None) -> bool:
        """Add what a line says of the milestone whose number it has; return whether it has one."""
        if entry is None or entry.number is None or not entry.title.text:
            return False
        # Without the IRM's numbers a capital letter tells a milestone from "2.5 million people".
        if entry.number not in self._titles if self._titles else not entry.title.text[0].isupper():
            return False
        self._add_dates(entry.number, entry.dates)
        if not self._titles:
            path = f"milestones/{entry.number}/title/{self._labels.language}"
            self.facts.setdefault(path, ExtractedValue(entry.title.text, entry.title.span))
        return True

    def _add_dates(self, number: str, dates: ExtractedFacts) -> None:
        for path, date in dates.items():
            self.facts.setdefault(f"milestones/{number}/{path}", date)

    # Lines

    def _read_line(self, line: Line) -> _Entry | None:
        """Return what a line such as "21.1. Build the archive 2019" says; None for any other line."""
        if (found := MILESTONE_LINE.match(line.text)) is None:
            return None
        number, title = normalize_milestone_number(found["number"]), line.slice(found.start("title"))
        dated = split_trailing_dates(title, self._labels)
        return _Entry(number, dated[0], _as_dates(*dated[1:])) if dated else _Entry(number, title, {})

    def _join_broken_lines(self, lines: list[Line]) -> Iterator[Line]:
        """Yield each line joined to the long line before it: a date at its end may belong to both."""
        for before, line in pairwise(lines):
            is_continued = line.number == before.number + 1 and len(before.text) >= _SHORTEST_BROKEN_LINE
            if is_continued and not split_trailing_dates(before, self._labels):
                yield Line(self._text[before.start : line.end], before.start, before.number)

    def _split_dates(self, lines: list[Line]) -> Iterator[_Entry]:
        titles = {fold(title.text) for title in self._titles.values()}
        for line in lines:
            is_none = len(line.text) > _LONGEST_LINE or fold(line.text) in titles
            if not is_none and (dated := split_trailing_dates(line, self._labels)):
                yield _Entry(None, dated[0], _as_dates(*dated[1:]))

    # Rows of tables

    def _read_column_names(self, cells: list[Line]) -> bool:
        """Read the names of the columns of a table; return whether cells are such names."""
        names = self._labels.date_columns
        fields: dict[int, str] = {}
        for place, cell in enumerate(cells):
            field = names.get(self._labels.normalize(cell.text))
            if field and field not in fields.values():
                fields[place] = field
        if fields:
            self._columns = _DateColumns(fields, len(cells))
        return bool(fields)

    def _read_row(self, cells: list[Line]) -> _Entry:
        dates = self._read_dates(cells)
        texts = [cell for cell in cells if cell.text and self._parse_date(cell) is None]
        for cell in texts:
            is_first = cell is cells[0]
            found = MILESTONE_LINE.match(cell.text) or (NUMBERED_LINE.match(cell.text) if is_first else None)
            if found:
                number = normalize_milestone_number(found["number"])
                return _Entry(number, cell.slice(found.start("title")), dates)
        if len(texts) > 1 and texts[0] is cells[0] and dates and _NUMBER.fullmatch(texts[0].text):
            return _Entry(normalize_milestone_number(texts[0].text), texts[1], dates)
        return _Entry(None, texts[0] if texts else cells[0], dates)

    def _read_dates(self, cells: list[Line]) -> ExtractedFacts:
        if self._columns.width != len(cells):
            last = [ExtractedValue(date, cell.span) for cell in cells[1:][-2:] if (date := self._parse_date(cell))]
            return dict(zip(_PATHS["START_AND_END"], last, strict=True)) if len(last) == 2 else {}
        dates: ExtractedFacts = {}
        for place, field in self._columns.fields.items():
            cell = cells[place]
            if found := self._parse_dates(field, cell):
                values = (ExtractedValue(date, cell.span) for date in found)
                dates |= zip(_PATHS[field], values, strict=True)
            elif _LETTER.search(cell.text) and not self._labels.is_listed(cell.text, "unspecified"):
                self.odd_cells.append(cell.span)
        return dates

    def _parse_dates(self, field: str, cell: Line) -> tuple[str, ...] | None:
        if field == "START_AND_END":
            return parse_date_range(cell.text, self._labels)
        date = self._parse_date(cell)
        return (date,) if date else None

    def _parse_date(self, cell: Line) -> str | None:
        """Return a date; whether the day or the month comes first is what the other dates of the page show."""
        return parse_partial_date(cell.text, self._labels) or parse_ambiguous_date(cell.text, self._date_order)

    # Titles

    def _match_by_title(self, dated: list[_Entry]) -> None:
        """Add to each milestone without dates those of the entry most similar to its title; an entry serves one."""
        titles = ((number, fold(title.text)) for number, title in self._titles.items() if not self._is_dated(number))
        undated = list(islice(titles, _MOST_COMPARED))
        dated = [each for each in dated if len(each.title.text) <= _LONGEST_LINE]
        candidates = [
            (similarity, -place, number)
            for place, entry in enumerate(dated[:_MOST_COMPARED])
            for number, title in undated
            if (similarity := _similarity(fold(entry.title.text), title)) >= _MIN_SIMILARITY
        ]
        # The best pair first; of two as good, the line that comes first.
        used: set[int] = set()
        for _, place, number in sorted(candidates, reverse=True):
            if place not in used and not self._is_dated(number):
                used.add(place)
                self._add_dates(number, dated[-place].dates)

    def _is_dated(self, number: str) -> bool:
        return any(f"milestones/{number}/{path}" in self.facts for path in ("startsOn", "endsOn"))


def _as_dates(date_line: Line, dates: tuple[str, str]) -> ExtractedFacts:
    values = (ExtractedValue(date, date_line.span) for date in dates)
    return dict(zip(_PATHS["START_AND_END"], values, strict=True))


def _similarity(one: str, other: str) -> float:
    """Return how similar two texts are, 0 where it is less than the minimum; the quick upper bounds come first."""
    matcher = SequenceMatcher(None, one, other, autojunk=False)  # autojunk drops frequent letters of long titles
    if matcher.real_quick_ratio() < _MIN_SIMILARITY or matcher.quick_ratio() < _MIN_SIMILARITY:
        return 0.0
    return matcher.ratio()
