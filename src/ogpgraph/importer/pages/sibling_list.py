"""The list of the member's commitments, which ends each page: a source of its own with its own canonical text.

The list says of each commitment its title, cycle, first policy area and star. Where its lines are not in order, an
entry has no title: that of another commitment would be worse than none.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

from ogpgraph.domain.values import ReportedRating
from ogpgraph.domain.vocabulary import RatingState, RatingValue
from ogpgraph.importer.pages.canonical import CODE_FORM, match_code_line
from ogpgraph.importer.pages.extraction import ExtractedFacts, ExtractedValue, Remark, Sibling, SiblingListReading
from ogpgraph.importer.pages.labels import Labels
from ogpgraph.importer.pages.text import Line, Span, is_continued, normalize_policy_area, split_lines

_RUNNING_NUMBER = re.compile(r"^(?P<number>\d+)\s*[.)]\s+")
_DISORDER = frozenset(("unknown-line", "sibling-without-title", "sibling-twice"))
_BROKEN_CODE_LINE = re.compile(rf"^{CODE_FORM}\b")


def read_sibling_list(text: str, labels: Labels) -> tuple[SiblingListReading, tuple[Remark, ...]]:
    """Read the canonical text of the list."""
    return _SiblingListReader(text, labels).read()


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
        self._is_first_numbered = False
        self._number: int | None = None
        """The running number of the entry before, None above the first one and where entries have none."""

    def read(self) -> tuple[SiblingListReading, tuple[Remark, ...]]:
        entries: dict[str, Sibling] = {}
        above: list[Line] = []
        for line in split_lines(self._text):
            found = match_code_line(line.text)
            if not found:
                above.append(line)
                continue
            if found.start():
                above.append(line.slice(0, found.start()))
            entry = self._read_entry(above, line, found, is_first=not entries)
            if entry.code in entries:
                self._remark(line, "sibling-twice")
            else:
                entries[entry.code] = entry
            above = []
        if self._number is not None and not self._is_first_numbered:
            # The line above the first code is another one, since all other entries have a number.
            first = next(iter(entries))
            entries[first] = replace(entries[first], facts=_without_title(entries[first].facts))
        is_in_order = self._number == len(entries) and not any(each.kind in _DISORDER for each in self._remarks)
        return SiblingListReading(self._text, tuple(entries.values()), is_in_order), tuple(self._remarks)

    def _remark(self, line: Line, kind: str) -> None:
        self._remarks.append(Remark(line.number, kind, line.text))

    def _read_entry(self, above: list[Line], code_line: Line, found: re.Match[str], *, is_first: bool) -> Sibling:
        facts: ExtractedFacts = {}
        title = self._find_title(above, is_first=is_first)
        if title is None:
            self._remark(code_line, "sibling-without-title")
        else:
            self._add_title(title, facts)
        if found["area"]:
            self._add_policy_area(code_line.slice(found.start("area")), facts)
        return Sibling(found["code"], int(found["cycle"]), facts)

    def _find_title(self, above: list[Line], *, is_first: bool) -> Line | None:
        """Return the title without its running number, which is not the commitment's number; None if it is doubtful.

        The title begins in the last line with a running number. Lines above it belong to no entry; but for the first
        one they belong to an entry whose code was lost, so that the title may be that one's.
        """
        begin = next((place for place in range(len(above) - 1, -1, -1) if _RUNNING_NUMBER.match(above[place].text)), 0)
        for line in above[:begin]:
            self._remark(line, "unknown-line")
        lines = above[begin:]
        if not lines:
            return None
        found = _RUNNING_NUMBER.match(lines[0].text)
        number, before = int(found["number"]) if found else None, self._number
        self._is_first_numbered = number is not None if is_first else self._is_first_numbered
        self._number = number
        is_in_order = is_first or (not begin and (before is None if number is None else before in (None, number - 1)))
        is_whole = all(is_continued(one.text, other.text, self._labels.small_words) for one, other in pairwise(lines))
        first = lines[0].slice(found.end()) if found else lines[0].strip_bullet()
        lines = [first, *lines[1:]] if first.text else lines[1:]
        if not lines or not is_in_order or not is_whole or _BROKEN_CODE_LINE.match(lines[0].text):
            return None
        return Line(self._text[lines[0].start : lines[-1].end], lines[0].start, lines[0].number)

    def _add_title(self, title: Line, facts: ExtractedFacts) -> None:
        star = self._labels.prefix_length(title.text, "starred")
        if star and title.text[star:].strip():
            stated = title.slice(0, star)
            rating = ReportedRating(RatingState.RATED, RatingValue.YES, stated.text)
            facts["ratings/STARRED/RESULTS"] = ExtractedValue(rating, stated.span)
            title = title.slice(star)
        facts[f"title/{self._labels.language}"] = ExtractedValue(title.text, title.span)

    def _add_policy_area(self, area: Line, facts: ExtractedFacts) -> None:
        canonical = self._labels.policy_areas.meanings.get(normalize_policy_area(area.text))
        if canonical:
            facts["policyAreas"] = ExtractedValue((canonical,), area.span)
            return
        if self._labels.policy_areas.is_beginning(normalize_policy_area(area.text)):
            self._remark(area, "value-doubtful")  # cut off
            return
        facts[f"policyAreasUnrecognised/{self._labels.language}"] = ExtractedValue((area.text,), area.span)
        self._remark(area, "sibling-unknown-policy-area")


def _without_title(facts: ExtractedFacts) -> ExtractedFacts:
    return {path: found for path, found in facts.items() if not path.startswith(("title/", "ratings/"))}
