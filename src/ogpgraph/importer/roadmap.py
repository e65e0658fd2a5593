"""The road map in the government's text: the dates of its milestones, matched with those the IRM numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import pairwise

from ogpgraph.importer.dates import partial_date, trailing_dates
from ogpgraph.importer.folding import fold
from ogpgraph.importer.labels import Labels
from ogpgraph.importer.lines import Line, lines_of
from ogpgraph.importer.reading import Facts, Said
from ogpgraph.importer.summary_lines import LISTED, MILESTONE

_ALIKE = 0.75  # a machine translates the same sentence twice and chooses other verb forms
_LONGEST = 400
_MOST = 200
_BROKEN = 50  # characters; a shorter line was not broken for want of room
_CELL = re.compile(r"\s*[|\t]\s*")


def roadmap_of(text: str, start: int, end: int, milestones: dict[str, Line], labels: Labels) -> Facts:
    """Return the facts of milestones in text[start:end]; `milestones` are the numbers and titles that the IRM gives."""
    facts: Facts = {}
    lines = [line for line in lines_of(text, start, end) if len(line.text) <= _LONGEST]
    rest = [line for line in lines if not _numbered(line, facts, milestones, labels)]
    undated = {n: title for n, title in milestones.items() if f"milestones/{n}/startsOn" not in facts}
    _matched([*rest, *_put_together(text, rest, labels)], undated, facts, labels)
    return facts


def _put_together(text: str, lines: list[Line], labels: Labels) -> Iterator[Line]:
    """Yield what a date at a line's end may belong to where lines were broken: the line with the long one before it."""
    for before, line in pairwise(lines):
        follows = line.number == before.number + 1 and len(before.text) >= _BROKEN
        if follows and not trailing_dates(before, labels.language):
            yield Line(text[before.start : line.end], before.start, before.number)


def _numbered(line: Line, facts: Facts, milestones: dict[str, Line], labels: Labels) -> bool:
    """Read "21.1. What is to be done 2019"; the title is said only where the IRM quotes no milestones."""
    cells = _CELL.search(line.text)
    found = MILESTONE.match(line.text) or (LISTED.match(line.text) if cells else None)
    if not found or (found["number"] not in milestones if milestones else not found["title"][0].isupper()):
        return False  # "2.5 million people" is no milestone
    title = line.part(found.start("title"))
    cells = _CELL.search(title.text)
    if cells:
        _dates_of_cells(found["number"], title, facts, labels)
        title = title.part(0, cells.start())
    elif dated := trailing_dates(title, labels.language):
        title = dated[0]
        _date(found["number"], dated[1], dated[2], facts)
    if not milestones:
        facts.setdefault(f"milestones/{found['number']}/title/{labels.language}", Said(title.text, title.span))
    return True


def _dates_of_cells(number: str, row: Line, facts: Facts, labels: Labels) -> None:
    """Read the dates of a table's row, the last two cells: when the milestone begins and when it is due."""
    edges = [0, *(edge for cell in _CELL.finditer(row.text) for edge in cell.span()), len(row.text)]
    cells = [row.part(*edge) for edge in zip(edges[::2], edges[1::2], strict=True)]
    dates = [(cell, date) for cell in cells[1:][-2:] if (date := partial_date(cell.text, labels.language))]
    for (cell, date), path in zip(dates, ("startsOn", "endsOn"), strict=False):
        if len(dates) == 2:
            facts.setdefault(f"milestones/{number}/{path}", Said(date, cell.span))


def _date(number: str, words: Line, dates: tuple[str, str], facts: Facts) -> None:
    facts.setdefault(f"milestones/{number}/startsOn", Said(dates[0], words.span))
    facts.setdefault(f"milestones/{number}/endsOn", Said(dates[1], words.span))


def _matched(lines: list[Line], titles: dict[str, Line], facts: Facts, labels: Labels) -> None:
    """Give each milestone the dates of the line most like its title; a line serves once, and a title is no schedule."""
    same = {fold(title.text) for title in titles.values()}
    dated = [
        (line, split)
        for line in lines
        if fold(line.text) not in same and (split := trailing_dates(line, labels.language))
    ]
    likeness = [
        (ratio, -place, number)
        for place, (_, split) in enumerate(dated[:_MOST])
        for number, title in list(titles.items())[:_MOST]
        if (ratio := _alike(fold(split[0].text), fold(title.text))) >= _ALIKE
    ]
    used: set[int] = set()
    for _, place, number in sorted(likeness, reverse=True):
        if place not in used and f"milestones/{number}/startsOn" not in facts:
            used.add(place)
            _, (_, words, dates) = dated[-place]
            _date(number, words, dates, facts)


def _alike(one: str, other: str) -> float:
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.ratio() if matcher.real_quick_ratio() >= _ALIKE and matcher.quick_ratio() >= _ALIKE else 0.0
