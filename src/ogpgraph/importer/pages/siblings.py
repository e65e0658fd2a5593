"""The list of the member's commitments at the end of each page: titles, cycles, first policy areas and stars.

An entry ends in a line with the code; its title is above that line, or before the code on it.
"""

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
    Span,
    split_lines,
)
from ogpgraph.importer.pages.labels import Labels
from ogpgraph.importer.pages.text_normalization import normalize_policy_area

_CODE_LINE = re.compile(
    r"(?<![A-Z0-9])(?P<code>[A-Z]{2,4}\d{4}),\s*(?P<cycle>(?:19|20)\d\d)\s*(?:,\s*(?P<area>.{0,100}))?$"
)
_LONGEST_CODE_LINE = 400
_CODE = re.compile(r"\b[A-Z]{2,4}\d{4}\b")
_RUNNING_NUMBER = re.compile(r"^\d+\s*[.)]\s+")
_MAX_ENTRY_LINES = 3  # a title may be broken over two lines


def _match_code_line(text: str) -> re.Match[str] | None:
    return _CODE_LINE.search(text) if len(text) <= _LONGEST_CODE_LINE else None


# Finding the list


def split_sibling_list(lines: list[str], labels: Labels) -> tuple[list[str], list[str], list[str]]:
    """Split a page's lines into the page's own, those of the list, and those around the list's entries."""
    filled = [index for index, line in enumerate(lines) if line.strip()]
    code_lines = [place for place, index in enumerate(filled) if _match_code_line(lines[index].strip())]
    end = _find_page_end(lines, len(lines), labels)
    listed: list[list[str]] = []
    outside: list[list[str]] = []
    while run := _last_run(code_lines):
        begin = _find_list_start(lines, filled, run[0], labels)
        if len(run) == 1 and not (begin and labels.is_listed(lines[filled[begin - 1]], "list_heading")):
            break  # one such line in prose is no list
        last = filled[run[-1]] + 1
        listed.insert(0, lines[filled[begin] : last])
        outside.insert(0, [line for line in lines[last:end] if line.strip()])
        end = _find_page_end(lines, filled[begin], labels)
        code_lines = code_lines[: bisect_left(code_lines, begin)]
    return lines[:end], [line for part in listed for line in part], [line for part in outside for line in part]


def _last_run(places: list[int]) -> list[int]:
    """Return the last of the places that follow each other closely enough to be one list."""
    first = len(places) - 1
    while first > 0 and places[first] - places[first - 1] <= _MAX_ENTRY_LINES:
        first -= 1
    return places[max(first, 0) :]


def _find_list_start(lines: list[str], filled: list[int], first: int, labels: Labels) -> int:
    """Return the place of the line that the title of the first entry begins in."""
    found = _match_code_line(lines[filled[first]].strip())
    if found and found.start():
        return first
    for back in range(1, _MAX_ENTRY_LINES):
        if first - back > 0 and labels.is_listed(lines[filled[first - back - 1]], "list_heading"):
            return first - back
    return max(first - 1, 0)


def _find_page_end(lines: list[str], end: int, labels: Labels) -> int:
    """Return where the page's own text ends, before blank lines, the site's lines and the heading of the list."""
    while end and (
        not lines[end - 1].strip()
        or labels.is_site_line(lines[end - 1])
        or labels.is_listed(lines[end - 1], "list_heading")
    ):
        end -= 1
    return end


# Reading the list


def read_sibling_list(text: str, labels: Labels) -> tuple[SiblingListReading, tuple[Remark, ...]]:
    """Read the canonical text of the list."""
    return _SiblingListReader(text, labels).read()


def find_codes(list_text: str) -> set[str]:
    """Return the codes in the canonical text of a list."""
    return set(_CODE.findall(list_text))


def find_code_and_cycle(list_text: str, code: str) -> tuple[Span, Span] | None:
    """Return where the canonical text of a list has a commitment's code, and the cycle behind it."""
    found = re.search(rf"\b({code})\b\D*(\d{{4}})", list_text)
    return (Span(*found.span(1)), Span(*found.span(2))) if found else None


class _SiblingListReader:
    """Reads one list: collects the lines of a title until the line with the code."""

    def __init__(self, text: str, labels: Labels) -> None:
        self._text = text
        self._labels = labels
        self._remarks: list[Remark] = []

    def read(self) -> tuple[SiblingListReading, tuple[Remark, ...]]:
        entries: dict[str, Sibling] = {}
        above: list[Line] = []
        for line in split_lines(self._text):
            found = _match_code_line(line.text)
            if not found:
                above.append(line)
                continue
            if found.start():
                above.append(line.slice(0, found.start()))
            if found["code"] in entries:
                self._remark(line, "sibling-twice")
            else:
                entries[found["code"]] = self._read_entry(above, line, found)
            above = []
        return SiblingListReading(self._text, tuple(entries.values())), tuple(self._remarks)

    def _remark(self, line: Line, kind: str) -> None:
        self._remarks.append(Remark(line.number, kind, line.text))

    def _read_entry(self, above: list[Line], code_line: Line, found: re.Match[str]) -> Sibling:
        facts: ExtractedFacts = {}
        title = self._find_title(above)
        if title is None:
            self._remark(code_line, "sibling-without-title")
        else:
            self._add_title(title, facts)
        if found["area"]:
            self._add_policy_area(code_line.slice(found.start("area")), facts)
        return Sibling(found["code"], int(found["cycle"]), facts)

    def _find_title(self, above: list[Line]) -> Line | None:
        """Return the title without its running number, which is not the commitment's number.

        The title begins in the last line with a running number; lines above that belong to no entry.
        """
        begin = next((place for place in range(len(above) - 1, -1, -1) if _RUNNING_NUMBER.match(above[place].text)), 0)
        for line in above[:begin]:
            self._remark(line, "unknown-line")
        lines = above[begin:]
        if not lines:
            return None
        number = _RUNNING_NUMBER.match(lines[0].text)
        first = lines[0].slice(number.end()) if number else lines[0].strip_bullet()
        start = first.start if first.text else lines[min(1, len(lines) - 1)].start
        return Line(self._text[start : lines[-1].end], start, first.number)

    def _add_title(self, title: Line, facts: ExtractedFacts) -> None:
        star = self._labels.prefix_length(title.text, "starred")
        if star and title.text[star:].strip():
            stated = title.slice(0, star)
            rating = ExtractedRating(RatingState.RATED, RatingValue.YES, stated.text)
            facts["ratings/STARRED/RESULTS"] = ExtractedValue(rating, stated.span)
            title = title.slice(star)
        facts[f"title/{self._labels.language}"] = ExtractedValue(title.text, title.span)

    def _add_policy_area(self, area: Line, facts: ExtractedFacts) -> None:
        canonical = self._labels.policy_areas.meanings.get(normalize_policy_area(area.text))
        if canonical:
            facts["policyAreas"] = ExtractedValue((canonical,), area.span)
            return
        facts[f"policyAreasUnrecognised/{self._labels.language}"] = ExtractedValue((area.text,), area.span)
        self._remark(area, "sibling-unknown-policy-area")
