"""The member's list of commitments at the end of each page: titles, cycles, first policy areas and stars."""

from __future__ import annotations

import re

from ogpgraph.domain.vocabulary import RatingState, RatingValue
from ogpgraph.importer.folding import area_key
from ogpgraph.importer.labels import Labels
from ogpgraph.importer.lines import Line, lines_of
from ogpgraph.importer.reading import Facts, RatingSaid, Remark, Said, Sibling, SiblingReading

_CODE_LINE = re.compile(
    r"(?<![A-Z0-9])(?P<code>[A-Z]{2,4}\d{4}),\s*(?P<cycle>(?:19|20)\d\d)\s*(?:,\s*(?P<area>.{0,100}))?$"
)
_LONGEST = 400
_NUMBER = re.compile(r"^\d+\s*[.)]\s+")
_APART = 3  # lines of one entry: a title may be broken over two


def code_line(text: str) -> re.Match[str] | None:
    """Return what a line of the list says of code, cycle and area; the title may stand before it on the same line."""
    return _CODE_LINE.search(text) if len(text) <= _LONGEST else None


def list_in(lines: list[str], labels: Labels) -> tuple[list[str], list[str], list[str]]:
    """Split a page's lines into the page's own, those of the list, and what comes behind the list."""
    full = [index for index, line in enumerate(lines) if line.strip()]
    coded = [place for place, index in enumerate(full) if code_line(lines[index].strip())]
    run = coded[-1:]
    for place in reversed(coded[:-1]):
        if run[0] - place > _APART:
            break
        run.insert(0, place)
    if not run:
        return _without_heading(lines, labels), [], []
    begin = _beginning(lines, full, run[0], labels)
    if len(run) == 1 and not (begin and labels.one_of(lines[full[begin - 1]], "siblings")):
        return lines, [], []  # one such line in prose is no list
    own, last = lines[: full[begin]], full[run[-1]] + 1
    return _without_heading(own, labels), lines[full[begin] : last], [line for line in lines[last:] if line.strip()]


def _beginning(lines: list[str], full: list[int], first: int, labels: Labels) -> int:
    """Return the place of the line that the first entry's title begins in."""
    found = code_line(lines[full[first]].strip())
    if found and found.start():
        return first
    for back in range(1, _APART):
        if first - back > 0 and labels.one_of(lines[full[first - back - 1]], "siblings"):
            return first - back
    return max(first - 1, 0)


def _without_heading(lines: list[str], labels: Labels) -> list[str]:
    last = next((index for index in range(len(lines) - 1, -1, -1) if lines[index].strip()), None)
    return lines[:last] if last is not None and labels.one_of(lines[last], "siblings") else lines


def read_siblings(text: str, labels: Labels) -> tuple[SiblingReading, tuple[Remark, ...]]:
    """Read the canonical text of the list; the running number in it is not the commitment's number."""
    entries: dict[str, Sibling] = {}
    remarks: list[Remark] = []
    title: list[Line] = []
    for line in lines_of(text):
        found = code_line(line.text)
        if not found:
            title.append(line)
            continue
        if found.start():
            title.append(line.part(0, found.start()))
        if found["code"] in entries:
            remarks.append(Remark(line.number, "sibling-twice", line.text))
        else:
            entries[found["code"]] = _sibling(text, title, line, found, labels, remarks)
        title = []
    return SiblingReading(text, tuple(entries.values())), tuple(remarks)


def _sibling(
    text: str, title: list[Line], line: Line, found: re.Match[str], labels: Labels, remarks: list[Remark]
) -> Sibling:
    facts: Facts = {}
    if title:
        _say_title(text, title, labels, facts)
    else:
        remarks.append(Remark(line.number, "sibling-without-title", line.text))
    if found["area"]:
        _say_area(line.part(found.start("area")), labels, facts, remarks)
    return Sibling(found["code"], int(found["cycle"]), facts)


def _say_title(text: str, title: list[Line], labels: Labels, facts: Facts) -> None:
    number = _NUMBER.match(title[0].text)
    first = title[0].part(number.end()) if number else title[0].without_bullet()
    star = labels.begins_with(first.text, "starred")
    if star and first.text[star:].strip():
        stated = first.part(0, star)
        said = RatingSaid(RatingState.RATED, RatingValue.YES, stated.text)
        facts["ratings/STARRED/RESULTS"] = Said(said, stated.span)
        first = first.part(star)
    whole = Line(text[first.start : title[-1].end], first.start, first.number)
    facts[f"title/{labels.language}"] = Said(whole.text, whole.span)


def _say_area(area: Line, labels: Labels, facts: Facts, remarks: list[Remark]) -> None:
    known = labels.policy_areas.meanings.get(area_key(area.text))
    if known:
        facts["policyAreas"] = Said((known,), area.span)
        return
    facts[f"policyAreasUnrecognised/{labels.language}"] = Said((area.text,), area.span)
    remarks.append(Remark(area.number, "sibling-unknown-policy-area", area.text))
