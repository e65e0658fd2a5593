"""The road map in the government's text: the dates of its milestones, matched with those the IRM numbers."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from ogpgraph.importer.dates import trailing_dates
from ogpgraph.importer.folding import fold
from ogpgraph.importer.labels import Labels
from ogpgraph.importer.lines import Line, lines_of
from ogpgraph.importer.reading import Facts, Said
from ogpgraph.importer.sections import MILESTONE

_ALIKE = 0.75  # a machine translates the same sentence twice and chooses other verb forms
_LONGEST = 400
_MOST = 200
_CELL = re.compile(r"\s*[|\t]\s*")


def roadmap_of(text: str, start: int, end: int, milestones: dict[str, Line], labels: Labels) -> Facts:
    """Return the facts of milestones in text[start:end]; `milestones` are the numbers and titles that the IRM gives."""
    facts: Facts = {}
    lines = [line for line in lines_of(text, start, end) if len(line.text) <= _LONGEST]
    rest = []
    for line in lines:
        if not _numbered(line, facts, milestones, labels):
            rest.append(line)
    open_titles = {n: title for n, title in milestones.items() if f"milestones/{n}/startsOn" not in facts}
    _matched(rest, open_titles, facts, labels)
    return facts


def _numbered(line: Line, facts: Facts, milestones: dict[str, Line], labels: Labels) -> bool:
    """Read "21.1. What is to be done 2019"; a title is said only where the IRM gives none."""
    found = MILESTONE.match(line.text)
    if not found or len(found["number"]) > 16 or (milestones and found["number"] not in milestones):
        return False
    title = line.part(found.start("title"))
    if dated := trailing_dates(_first_cell_and_dates(title), labels.language):
        title = dated[0]
        _date(found["number"], dated[1], dated[2], facts)
    if not milestones:
        title = title.part(0, cell.start()) if (cell := _CELL.search(title.text)) else title
        facts.setdefault(f"milestones/{found['number']}/title/{labels.language}", Said(title.text, title.span))
    return True


def _first_cell_and_dates(line: Line) -> Line:
    return line


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
