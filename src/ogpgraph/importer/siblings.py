"""The member's list of commitments at the end of each page: titles, cycles, first policy areas and stars."""

from __future__ import annotations

import re
from bisect import bisect_left

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
    """Split a page's lines into the page's own, those of the list, and those around the list's entries."""
    full = [index for index, line in enumerate(lines) if line.strip()]
    coded = [place for place, index in enumerate(full) if code_line(lines[index].strip())]
    end = _end_of_own(lines, len(lines), labels)
    listed: list[list[str]] = []
    outside: list[list[str]] = []
    while run := _last_run(coded):
        begin = _beginning(lines, full, run[0], labels)
        if len(run) == 1 and not (begin and labels.one_of(lines[full[begin - 1]], "siblings")):
            break  # one such line in prose is no list
        last = full[run[-1]] + 1
        listed.insert(0, lines[full[begin] : last])
        outside.insert(0, [line for line in lines[last:end] if line.strip()])
        end = _end_of_own(lines, full[begin], labels)
        coded = coded[: bisect_left(coded, begin)]
    return lines[:end], [line for part in listed for line in part], [line for part in outside for line in part]


def _last_run(places: list[int]) -> list[int]:
    """Return the last of the places that follow each other closely."""
    first = len(places) - 1
    while first > 0 and places[first] - places[first - 1] <= _APART:
        first -= 1
    return places[max(first, 0) :]


def _beginning(lines: list[str], full: list[int], first: int, labels: Labels) -> int:
    """Return the place of the line that the first entry's title begins in."""
    found = code_line(lines[full[first]].strip())
    if found and found.start():
        return first
    for back in range(1, _APART):
        if first - back > 0 and labels.one_of(lines[full[first - back - 1]], "siblings"):
            return first - back
    return max(first - 1, 0)


def _end_of_own(lines: list[str], end: int, labels: Labels) -> int:
    """Return where the page's own text ends: before blank lines, the site's, and the heading of the list."""
    while end and (
        not lines[end - 1].strip() or labels.is_site(lines[end - 1]) or labels.one_of(lines[end - 1], "siblings")
    ):
        end -= 1
    return end


def read_siblings(text: str, labels: Labels) -> tuple[SiblingReading, tuple[Remark, ...]]:
    """Read the canonical text of the list; the running number in it is not the commitment's number."""
    return _List(text, labels).read()


class _List:
    """One reading of a list: lines gather to a title until the line with the code comes."""

    def __init__(self, text: str, labels: Labels) -> None:
        self.text = text
        self.labels = labels
        self.remarks: list[Remark] = []

    def read(self) -> tuple[SiblingReading, tuple[Remark, ...]]:
        entries: dict[str, Sibling] = {}
        above: list[Line] = []
        for line in lines_of(self.text):
            found = code_line(line.text)
            if not found:
                above.append(line)
                continue
            if found.start():
                above.append(line.part(0, found.start()))
            if found["code"] in entries:
                self.remark(line, "sibling-twice")
            else:
                entries[found["code"]] = self.entry(above, line, found)
            above = []
        return SiblingReading(self.text, tuple(entries.values())), tuple(self.remarks)

    def remark(self, line: Line, kind: str) -> None:
        self.remarks.append(Remark(line.number, kind, line.text))

    def entry(self, above: list[Line], line: Line, found: re.Match[str]) -> Sibling:
        facts: Facts = {}
        title = self.title(above)
        if title is None:
            self.remark(line, "sibling-without-title")
        else:
            self.say_title(title, facts)
        if found["area"]:
            self.say_area(line.part(found.start("area")), facts)
        return Sibling(found["code"], int(found["cycle"]), facts)

    def title(self, above: list[Line]) -> Line | None:
        """Return the title without its running number, from the last numbered line on; lines above are strays."""
        begin = next((place for place in range(len(above) - 1, -1, -1) if _NUMBER.match(above[place].text)), 0)
        for line in above[:begin]:
            self.remark(line, "unknown-line")
        lines = above[begin:]
        if not lines:
            return None
        number = _NUMBER.match(lines[0].text)
        first = lines[0].part(number.end()) if number else lines[0].without_bullet()
        start = first.start if first.text else lines[min(1, len(lines) - 1)].start
        return Line(self.text[start : lines[-1].end], start, first.number)

    def say_title(self, title: Line, facts: Facts) -> None:
        star = self.labels.begins_with(title.text, "starred")
        if star and title.text[star:].strip():
            stated = title.part(0, star)
            said = RatingSaid(RatingState.RATED, RatingValue.YES, stated.text)
            facts["ratings/STARRED/RESULTS"] = Said(said, stated.span)
            title = title.part(star)
        facts[f"title/{self.labels.language}"] = Said(title.text, title.span)

    def say_area(self, area: Line, facts: Facts) -> None:
        known = self.labels.policy_areas.meanings.get(area_key(area.text))
        if known:
            facts["policyAreas"] = Said((known,), area.span)
            return
        facts[f"policyAreasUnrecognised/{self.labels.language}"] = Said((area.text,), area.span)
        self.remark(area, "sibling-unknown-policy-area")
