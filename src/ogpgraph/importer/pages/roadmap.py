"""The road map in the government's text: the dates of its milestones, matched with those the IRM numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import pairwise

from ogpgraph.importer.pages.dates import parse_partial_date, split_trailing_dates
from ogpgraph.importer.pages.extraction import ExtractedFacts, ExtractedValue, Line, split_lines
from ogpgraph.importer.pages.labels import Labels
from ogpgraph.importer.pages.summary_lines import MILESTONE_LINE, NUMBERED_LINE
from ogpgraph.importer.pages.text_normalization import fold

_MIN_SIMILARITY = 0.75  # a machine translates the same sentence twice and chooses other verb forms
_MAX_LINE_LENGTH = 400
_MAX_LINES = 200
_MIN_BROKEN_LINE = 50  # characters; a shorter line was not broken for want of room
_CELL = re.compile(r"\s*[|\t]\s*")


def read_roadmap(text: str, start: int, end: int, milestones: dict[str, Line], labels: Labels) -> ExtractedFacts:
    """Return the facts of milestones in text[start:end]; `milestones` are the numbers and titles that the IRM gives."""
    facts: ExtractedFacts = {}
    lines = [line for line in split_lines(text, start, end) if len(line.text) <= _MAX_LINE_LENGTH]
    rest = [line for line in lines if not _read_numbered_line(line, facts, milestones, labels)]
    undated = {n: title for n, title in milestones.items() if f"milestones/{n}/startsOn" not in facts}
    _match_undated([*rest, *_join_broken_lines(text, rest, labels)], undated, facts, labels)
    return facts


def _join_broken_lines(text: str, lines: list[Line], labels: Labels) -> Iterator[Line]:
    """Yield what a date at a line's end may belong to where lines were broken: the line with the long one before it."""
    for before, line in pairwise(lines):
        follows = line.number == before.number + 1 and len(before.text) >= _MIN_BROKEN_LINE
        if follows and not split_trailing_dates(before, labels.language):
            yield Line(text[before.start : line.end], before.start, before.number)


def _read_numbered_line(line: Line, facts: ExtractedFacts, milestones: dict[str, Line], labels: Labels) -> bool:
    """Read "21.1. What is to be done 2019"; the title is said only where the IRM quotes no milestones."""
    cells = _CELL.search(line.text)
    found = MILESTONE_LINE.match(line.text) or (NUMBERED_LINE.match(line.text) if cells else None)
    if not found or (found["number"] not in milestones if milestones else not found["title"][0].isupper()):
        return False  # "2.5 million people" is no milestone
    title = line.slice(found.start("title"))
    cells = _CELL.search(title.text)
    if cells:
        _read_cell_dates(found["number"], title, facts, labels)
        title = title.slice(0, cells.start())
    elif dated := split_trailing_dates(title, labels.language):
        title = dated[0]
        _add_dates(found["number"], dated[1], dated[2], facts)
    if not milestones:
        facts.setdefault(
            f"milestones/{found['number']}/title/{labels.language}", ExtractedValue(title.text, title.span)
        )
    return True


def _read_cell_dates(number: str, row: Line, facts: ExtractedFacts, labels: Labels) -> None:
    """Read the dates of a table's row, the last two cells: when the milestone begins and when it is due."""
    edges = [0, *(edge for cell in _CELL.finditer(row.text) for edge in cell.span()), len(row.text)]
    cells = [row.slice(*edge) for edge in zip(edges[::2], edges[1::2], strict=True)]
    dates = [(cell, date) for cell in cells[1:][-2:] if (date := parse_partial_date(cell.text, labels.language))]
    for (cell, date), path in zip(dates, ("startsOn", "endsOn"), strict=False):
        if len(dates) == 2:
            facts.setdefault(f"milestones/{number}/{path}", ExtractedValue(date, cell.span))


def _add_dates(number: str, words: Line, dates: tuple[str, str], facts: ExtractedFacts) -> None:
    facts.setdefault(f"milestones/{number}/startsOn", ExtractedValue(dates[0], words.span))
    facts.setdefault(f"milestones/{number}/endsOn", ExtractedValue(dates[1], words.span))


def _match_undated(lines: list[Line], titles: dict[str, Line], facts: ExtractedFacts, labels: Labels) -> None:
    """Give each milestone the dates of the line most like its title; a line serves once, and a title is no schedule."""
    same = {fold(title.text) for title in titles.values()}
    dated = [
        (line, split)
        for line in lines
        if fold(line.text) not in same and (split := split_trailing_dates(line, labels.language))
    ]
    likeness = [
        (ratio, -place, number)
        for place, (_, split) in enumerate(dated[:_MAX_LINES])
        for number, title in list(titles.items())[:_MAX_LINES]
        if (ratio := _similarity(fold(split[0].text), fold(title.text))) >= _MIN_SIMILARITY
    ]
    used: set[int] = set()
    for _, place, number in sorted(likeness, reverse=True):
        if place not in used and f"milestones/{number}/startsOn" not in facts:
            used.add(place)
            _, (_, words, dates) = dated[-place]
            _add_dates(number, words, dates, facts)


def _similarity(one: str, other: str) -> float:
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return (
        matcher.ratio()
        if matcher.real_quick_ratio() >= _MIN_SIMILARITY and matcher.quick_ratio() >= _MIN_SIMILARITY
        else 0.0
    )
