"""The member's list of commitments at the end of each page: titles, cycles, first policy areas and stars."""

from __future__ import annotations

import re
from bisect import bisect_left

from ogpgraph.domain.vocabulary import RatingState, RatingValue
from ogpgraph.importer.pages.extraction import (
    ExtractedFacts,
    ExtractedRating,
    ExtractedValue,
    Line,
    Remark,
    Sibling,
    SiblingListReading,
    split_lines,
)
from ogpgraph.importer.pages.labels import Labels
from ogpgraph.importer.pages.text_normalization import normalize_policy_area

_CODE_LINE = re.compile(
    r"(?<![A-Z0-9])(?P<code>[A-Z]{2,4}\d{4}),\s*(?P<cycle>(?:19|20)\d\d)\s*(?:,\s*(?P<area>.{0,100}))?$"
)
_LONGEST = 400
_NUMBER = re.compile(r"^\d+\s*[.)]\s+")
_MAX_GAP = 3  # lines of one entry: a title may be broken over two


def match_code_line(text: str) -> re.Match[str] | None:
    """Return what a line of the list says of code, cycle and area; the title may stand before it on the same line."""
    return _CODE_LINE.search(text) if len(text) <= _LONGEST else None


def split_sibling_list(lines: list[str], labels: Labels) -> tuple[list[str], list[str], list[str]]:
    """Split a page's lines into the page's own, those of the list, and those around the list's entries."""
    full = [index for index, line in enumerate(lines) if line.strip()]
    coded = [place for place, index in enumerate(full) if match_code_line(lines[index].strip())]
    end = _find_page_end(lines, len(lines), labels)
    listed: list[list[str]] = []
    outside: list[list[str]] = []
    while run := _last_run(coded):
        begin = _find_list_start(lines, full, run[0], labels)
        if len(run) == 1 and not (begin and labels.is_listed(lines[full[begin - 1]], "siblings")):
            break  # one such line in prose is no list
        last = full[run[-1]] + 1
        listed.insert(0, lines[full[begin] : last])
        outside.insert(0, [line for line in lines[last:end] if line.strip()])
        end = _find_page_end(lines, full[begin], labels)
        coded = coded[: bisect_left(coded, begin)]
    return lines[:end], [line for part in listed for line in part], [line for part in outside for line in part]


def _last_run(places: list[int]) -> list[int]:
    """Return the last of the places that follow each other closely."""
    first = len(places) - 1
    while first > 0 and places[first] - places[first - 1] <= _MAX_GAP:
        first -= 1
    return places[max(first, 0) :]


def _find_list_start(lines: list[str], full: list[int], first: int, labels: Labels) -> int:
    """Return the place of the line that the first entry's title begins in."""
    found = match_code_line(lines[full[first]].strip())
    if found and found.start():
        return first
    for back in range(1, _MAX_GAP):
        if first - back > 0 and labels.is_listed(lines[full[first - back - 1]], "siblings"):
            return first - back
    return max(first - 1, 0)


def _find_page_end(lines: list[str], end: int, labels: Labels) -> int:
    """Return where the page's own text ends: before blank lines, the site's, and the heading of the list."""
    while end and (
        not lines[end - 1].strip()
        or labels.is_site_line(lines[end - 1])
        or labels.is_listed(lines[end - 1], "siblings")
    ):
        end -= 1
    return end


def read_sibling_list(text: str, labels: Labels) -> tuple[SiblingListReading, tuple[Remark, ...]]:
    """Read the canonical text of the list; the running number in it is not the commitment's number."""
    return _List(text, labels).read()


class _List:
    """One reading of a list: lines gather to a title until the line with the code comes."""

    def __init__(self, text: str, labels: Labels) -> None:
        self.text = text
        self.labels = labels
        self.remarks: list[Remark] = []

    def read(self) -> tuple[SiblingListReading, tuple[Remark, ...]]:
        entries: dict[str, Sibling] = {}
        above: list[Line] = []
        for line in split_lines(self.text):
            found = match_code_line(line.text)
            if not found:
                above.append(line)
                continue
            if found.start():
                above.append(line.slice(0, found.start()))
            if found["code"] in entries:
                self.add_remark(line, "sibling-twice")
            else:
                entries[found["code"]] = self.read_entry(above, line, found)
            above = []
        return SiblingListReading(self.text, tuple(entries.values())), tuple(self.remarks)

    def add_remark(self, line: Line, kind: str) -> None:
        self.remarks.append(Remark(line.number, kind, line.text))

    def read_entry(self, above: list[Line], line: Line, found: re.Match[str]) -> Sibling:
        facts: ExtractedFacts = {}
        title = self.read_title(above)
        if title is None:
            self.add_remark(line, "sibling-without-title")
        else:
            self.add_title(title, facts)
        if found["area"]:
            self.add_policy_area(line.slice(found.start("area")), facts)
        return Sibling(found["code"], int(found["cycle"]), facts)

    def read_title(self, above: list[Line]) -> Line | None:
        """Return the title without its running number, from the last numbered line on; lines above are strays."""
        begin = next((place for place in range(len(above) - 1, -1, -1) if _NUMBER.match(above[place].text)), 0)
        for line in above[:begin]:
            self.add_remark(line, "unknown-line")
        lines = above[begin:]
        if not lines:
            return None
        number = _NUMBER.match(lines[0].text)
        first = lines[0].slice(number.end()) if number else lines[0].strip_bullet()
        start = first.start if first.text else lines[min(1, len(lines) - 1)].start
        return Line(self.text[start : lines[-1].end], start, first.number)

    def add_title(self, title: Line, facts: ExtractedFacts) -> None:
        star = self.labels.prefix_length(title.text, "starred")
        if star and title.text[star:].strip():
            stated = title.slice(0, star)
            extracted = ExtractedRating(RatingState.RATED, RatingValue.YES, stated.text)
            facts["ratings/STARRED/RESULTS"] = ExtractedValue(extracted, stated.span)
            title = title.slice(star)
        facts[f"title/{self.labels.language}"] = ExtractedValue(title.text, title.span)

    def add_policy_area(self, area: Line, facts: ExtractedFacts) -> None:
        known = self.labels.policy_areas.meanings.get(normalize_policy_area(area.text))
        if known:
            facts["policyAreas"] = ExtractedValue((known,), area.span)
            return
        facts[f"policyAreasUnrecognised/{self.labels.language}"] = ExtractedValue((area.text,), area.span)
        self.add_remark(area, "sibling-unknown-policy-area")
