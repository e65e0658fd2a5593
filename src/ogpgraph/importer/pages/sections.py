"""An IRM summary below the government's text: its sections, the plan's text and milestones it quotes, its ratings."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import takewhile

from ogpgraph.domain.vocabulary import Indicator, RatingState, Stage
from ogpgraph.importer.pages.dates import parse_date_range, parse_partial_date
from ogpgraph.importer.pages.extraction import ExtractedFacts, ExtractedValue, Line, Remark, Span, split_lines
from ogpgraph.importer.pages.heading_splitter import SUMMARY_FIELDS, split_at_headings
from ogpgraph.importer.pages.labels import Labels
from ogpgraph.importer.pages.summary_lines import (
    FOOTNOTE_MARK,
    MILESTONE_LINE,
    find_number,
    is_heading,
    make_section_key,
    match_milestone,
    split_fields,
    split_label,
)
from ogpgraph.importer.pages.values import parse_institutions, parse_open_government_rating, parse_rating

_LONGEST_TITLE = 250
_TITLE_WITHIN = 3  # lines; a theme may stand above the title
_DATES = {"START_DATE": "startsOn", "END_DATE": "endsOn"}
_INSTITUTIONS = {"LEAD_INSTITUTION": "leadInstitutions", "SUPPORT_INSTITUTIONS": "supportingInstitutions"}
_STATUSES = {"MIDTERM": Stage.MIDTERM, "END_OF_TERM": Stage.END_OF_TERM}
GOVERNMENT_SECTIONS = frozenset(("COMMITMENT_TEXT", "MILESTONES"))
# What these say is advice, or not the IRM's: a claim found there is no finding.
SECTIONS_WITHOUT_FINDINGS = GOVERNMENT_SECTIONS | {"NEXT_STEPS", "CARRIED_FORWARD", "EDITORIAL_NOTE", "FOOTNOTES"}


@dataclass(slots=True)
class Section:
    """A run of lines below one heading."""

    key: str
    lines: list[Line] = field(default_factory=list)


class SummaryReader:
    """Reads one IRM summary; `plan` are facts of the plan as the IRM quotes it, `narrative` is what the IRM says."""

    def __init__(self, text: str, start: int, end: int, stage: Stage, labels: Labels) -> None:
        self.text = text
        self.stage = stage
        self.labels = labels
        self.lines = [
            piece for line in split_lines(text, start, end) for piece in split_at_headings(line, labels, "sections")
        ]
        self.plan: ExtractedFacts = {}
        self.narrative: ExtractedFacts = {}
        self.sections: list[Section] = []
        self.remarks: list[Remark] = []
        self.open: Section | None = None
        self.milestone: tuple[str, Line] | None = None

    def read(self) -> SummaryReader:
        begin = self._title()
        for place, line in enumerate(self.lines[begin:], begin + 1):
            self._read_line(line, self.lines[place] if place < len(self.lines) else None)
        for section in self.sections:
            self._close_section(section)
        return self

    # Saying

    def _path(self, *parts: str) -> str:
        return "/".join((*parts, self.labels.language))

    def _add_fact(self, facts: ExtractedFacts, path: str, extracted: ExtractedValue) -> None:
        if facts.setdefault(path, extracted).value != extracted.value:
            line = self.text.count("\n", 0, extracted.span.start) + 1
            self.remarks.append(Remark(line, "said-twice", self.text[extracted.span.start : extracted.span.end][:200]))

    def _remark(self, line: Line, kind: str) -> None:
        self.remarks.append(Remark(line.number, kind, line.text[:200]))

    # Lines

    def _title(self) -> int:
        """Read the summary's own title, with the number if it has one; returns how many lines it takes."""
        top = list(takewhile(lambda line: not split_label(line, self.labels), self.lines[:_TITLE_WITHIN]))
        for place, line in enumerate(top):
            if at := find_number(line.text, self.labels):
                number = line.slice(*at)
                self._add_fact(self.plan, "number", ExtractedValue(number.text, number.span))
                for other in top[:place]:
                    self._remark(other, "unknown-line")
                return self._add_title(line, place + 1)
        if not top or top[0].text.endswith((".", ";")) or len(top[0].text) > _LONGEST_TITLE:
            return 0
        self._remark(top[0], "title-without-number")
        return self._add_title(top[0], 1)

    def _add_title(self, line: Line, taken: int) -> int:
        self._add_fact(
            self.narrative, self._path("narratives", self.stage, "TITLE"), ExtractedValue(line.text, line.span)
        )
        return taken

    def _read_line(self, line: Line, following: Line | None) -> None:
        if not self._is_in("FOOTNOTES") and self._is_footnote(line):
            self._open_section("FOOTNOTES")
        if self._is_in("FOOTNOTES"):
            self._append_line(line)
        elif labelled := split_label(line, self.labels):
            self._read_label(line, *labelled)
        elif self._is_in("MILESTONES"):
            self._read_milestone_line(line)
        elif following and self._is_unknown_heading(line, following):
            self._open_section(make_section_key(line.text, {section.key for section in self.sections} | {"TITLE"}))
            self._remark(line, "unknown-section")
        else:
            self._read_text(line)

    def _is_footnote(self, line: Line) -> bool:
        """Tell a footnote from a mark in the text that a line was broken before: headings may still follow that."""
        found = FOOTNOTE_MARK.match(line.text)
        if not found or found.end() < len(line.text):
            return bool(found)
        return not any(split_label(each, self.labels) for each in self.lines if each.start > line.start)

    def _is_in(self, key: str) -> bool:
        return self.open is not None and self.open.key == key

    def _is_unknown_heading(self, line: Line, following: Line) -> bool:
        if self._is_in("COMMITMENT_TEXT") or line.is_bullet or self._read_open_government(line):
            return False  # the plan's own text may have headings of its own
        return is_heading(self.text, line, following)

    def _open_section(self, key: str) -> None:
        self.milestone = None
        if self._is_in(key):
            return
        taken = {section.key for section in self.sections} - GOVERNMENT_SECTIONS
        self.open = Section(make_section_key(key, taken) if key in taken else key)
        self.sections.append(self.open)

    def _append_line(self, line: Line) -> None:
        if self.open is None:
            self._open_section("UNTITLED")
            self._remark(line, "text-without-heading")
        assert self.open is not None
        self.open.lines.append(line)

    def _read_text(self, line: Line) -> None:
        if self._is_in("COMPLETION_NOTE"):
            self._read_completion(self.stage, line, quiet=True)
        for path, extracted in self._read_open_government(line).items():
            self._add_fact(self.narrative, path, extracted)
        self._append_line(line)

    def _read_label(self, line: Line, key: str, rest: Line) -> None:
        if key in SUMMARY_FIELDS or key == "STATUS":
            for name, value in split_fields(line, self.labels) or [(key, rest)]:
                self._read_field(name, value, line)
            return
        self._open_section(key)
        if rest.text and key == "MILESTONES":
            self._read_milestone_line(rest)
        elif rest.text:
            self._read_text(rest)

    # Fields

    def _read_field(self, key: str, value: Line, line: Line) -> None:
        if key in ("STATUS", *_STATUSES):
            self._open_section("COMPLETION_NOTE")
        elif not self._is_in("COMMITMENT_TEXT"):
            self.open = None
        if key in _DATES:
            self._read_date(_DATES[key], value)
        elif key == "START_AND_END":
            self._read_period(value)
        elif key in _INSTITUTIONS:
            self._read_institutions(_INSTITUTIONS[key], value, line)
        elif value.text and not self._read_completion(_STATUSES.get(key, self.stage), value, quiet=key == "STATUS"):
            self._append_line(value)

    def _read_date(self, path: str, value: Line) -> None:
        if not value.text or self.labels.is_listed(value.text, "unspecified"):
            return
        if date := parse_partial_date(value.text, self.labels.language):
            self._add_fact(self.plan, path, ExtractedValue(date, value.span))
        else:
            self._remark(value, "odd-date")

    def _read_period(self, value: Line) -> None:
        if dates := parse_date_range(value.text, self.labels.language):
            self._add_fact(self.plan, "startsOn", ExtractedValue(dates[0], value.span))
            self._add_fact(self.plan, "endsOn", ExtractedValue(dates[1], value.span))
        elif value.text:
            self._remark(value, "odd-date")

    def _read_institutions(self, path: str, value: Line, line: Line) -> None:
        if not value.text:
            self._remark(line, "institution-without-value")
            return
        names = parse_institutions([value], value.text, self.labels)
        self._add_fact(self.plan, self._path(path), ExtractedValue(names, value.span))

    def _read_completion(self, stage: Stage, words: Line, *, quiet: bool) -> bool:
        """Say how complete the commitment is, where the words are of that scale; tell whether they are."""
        rating = parse_rating(Indicator.COMPLETION, words.text, self.labels)
        if rating.state is RatingState.UNRECOGNISED:
            if not quiet:
                self._remark(words, "unknown-rating")
            return False
        self._add_fact(self.narrative, f"ratings/COMPLETION/{stage}", ExtractedValue(rating, words.span))
        return True

    def _read_open_government(self, line: Line) -> ExtractedFacts:
        """Read the answer, overall or for one OGP value, where the section asks whether government opened."""
        answer = parse_open_government_rating(line, self.labels) if self._is_in("DID_IT_OPEN_GOVERNMENT_NOTE") else None
        if answer is None:
            return {}
        value, extracted = answer
        path = f"ratings/{Indicator.DID_IT_OPEN_GOVERNMENT}/{self.stage}"
        return {f"{path}/{value}" if value else path: extracted}

    # Milestones

    def _read_milestone_line(self, line: Line) -> None:
        if found := match_milestone(line.text, self.labels):
            self._add_milestone(line, found)
        elif self.milestone and line.number == self.milestone[1].number + 1:
            self._extend_milestone(*self.milestone, line)
        else:
            self._remark(line, "milestone-without-number")

    def _add_milestone(self, line: Line, found: re.Match[str]) -> None:
        title = line.slice(found.start("title"))
        self.milestone = (found["number"], title)
        self._add_fact(
            self.plan, self._path("milestones", found["number"], "title"), ExtractedValue(title.text, title.span)
        )

    def _extend_milestone(self, number: str, title: Line, line: Line) -> None:
        """Let a milestone's title run on over the next line."""
        whole = self.text[title.start : line.end]
        self.milestone = (number, Line(whole, title.start, line.number))
        self.plan[self._path("milestones", number, "title")] = ExtractedValue(whole, Span(title.start, line.end))

    def _read_quoted_milestone(self, line: Line) -> None:
        """Read a milestone that the plan's text numbers; it counts when its number is the commitment's."""
        number = self.plan.get("number")
        found = MILESTONE_LINE.match(line.text)
        if found and number is not None and found["number"].partition(".")[0] == number.value:
            self._add_milestone(line, found)

    # Sections

    def _close_section(self, section: Section) -> None:
        if not section.lines:
            return
        span = Span(section.lines[0].start, section.lines[-1].end)
        extracted = ExtractedValue(self.text[span.start : span.end], span)
        if section.key == "COMMITMENT_TEXT":
            self._add_fact(self.plan, self._path("commitmentText"), extracted)
            for line in section.lines:
                self._read_quoted_milestone(line)
        else:
            self._add_fact(self.narrative, self._path("narratives", self.stage, section.key), extracted)
