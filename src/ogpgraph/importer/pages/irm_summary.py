"""An IRM summary below the government's text: its sections, the plan that it quotes, and its ratings of completion.

The IRM quotes from the action plan (number, dates, institutions, commitment text, milestones) and writes the rest
itself, so a summary gives facts of two origins.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import takewhile
from typing import NamedTuple

from ogpgraph.domain.milestone_number import normalize_milestone_number
from ogpgraph.domain.vocabulary import Indicator, RatingState, Stage
from ogpgraph.importer.pages.extraction import ExtractedFacts, ExtractedValue, Remark
from ogpgraph.importer.pages.label_matching import SUMMARY_FIELDS, split_at_labels
from ogpgraph.importer.pages.labels import DATE_FIELDS, Labels
from ogpgraph.importer.pages.summary_labels import has_form_of_heading, make_section_key, split_fields, split_label
from ogpgraph.importer.pages.text import Line, Span, fold, is_continued, split_cells, split_lines
from ogpgraph.importer.pages.values import (
    parse_date_range,
    parse_institutions,
    parse_open_government_rating,
    parse_partial_date,
    parse_rating,
)

_LONGEST_STAGE_HEADING = 90
_LONGEST_TITLE = 250
_TITLE_LINES = 3  # a theme may be above the title
_DATES = {"START_DATE": "startsOn", "END_DATE": "endsOn"}
_INSTITUTIONS = {"LEAD_INSTITUTION": "leadInstitutions", "SUPPORT_INSTITUTIONS": "supportingInstitutions"}
_STATUS_STAGES = {"MIDTERM": Stage.MIDTERM, "END_OF_TERM": Stage.END_OF_TERM}
_QUOTED_SECTIONS = frozenset(("COMMITMENT_TEXT", "MILESTONES"))
_SECTIONS_WITHOUT_FINDINGS = _QUOTED_SECTIONS | {"NEXT_STEPS", "CARRIED_FORWARD", "EDITORIAL_NOTE", "FOOTNOTES"}
"""Sections of advice, or not by the IRM: a rating stated there is no finding."""

_SEPARATOR = r"(?:\s*[.:)–-]+\s*|\s+|(?=[^\W\d]))"
MILESTONE_LINE = re.compile(rf"^(?P<number>\d{{1,3}}(?:\.\d{{1,3}}){{1,3}}){_SEPARATOR}(?P<title>\S.*)$")
NUMBERED_LINE = re.compile(r"^(?:(?P<word>[^\W\d]+)\s+)?(?P<number>\d{1,3}[a-z]?)\s*[.:)–-]+\s*(?P<title>[^\d\s].*)$")
_COMMITMENT_LINE = re.compile(
    r"^(?:✪\s*)?(?:(?P<word>[^\W\d]+)\s+)?(?P<number>\d{1,3}[a-z]?)(?:\s*[.:)–-]+\s*|\s+)(?P<title>[^\d\s].*)$",
    re.IGNORECASE,
)
_FOOTNOTE_MARK = re.compile(r"^\[\d*\]")


@dataclass(slots=True)
class IrmSummary:
    """The facts of one summary; `prose` are the sections in which the IRM states findings.

    `cleared` are the paths of the plan at which it says in words that nothing is specified.
    """

    plan: ExtractedFacts = field(default_factory=dict)
    narrative: ExtractedFacts = field(default_factory=dict)
    prose: list[Span] = field(default_factory=list)
    cleared: set[str] = field(default_factory=set)
    remarks: list[Remark] = field(default_factory=list)


def read_irm_summary(text: str, start: int, end: int, stage: Stage, labels: Labels) -> IrmSummary:
    """Read the summary in text[start:end], which begins behind its heading."""
    return _SummaryReader(text, start, end, stage, labels).read()


def find_stage(line: Line, labels: Labels) -> Stage | None:
    """Return the stage of the summary of which a line is the heading, None where it is no such heading."""
    if len(line.text) > _LONGEST_STAGE_HEADING:
        return None
    return labels.stages.get(labels.normalize(line.text)) or labels.infer_stage(line.text.rstrip(":"))


def find_number(line: Line, labels: Labels, *, with_word: bool = False) -> ExtractedValue | None:
    """Return the number of "14. Title" or "Commitment 5. Title"; `with_word` requires the word before it."""
    found = _COMMITMENT_LINE.match(line.text)
    if found is None or (with_word and not found["word"]):
        return None
    if found["word"] and not labels.is_listed(found["word"], "commitment"):
        return None
    number = line.slice(*found.span("number"))
    return ExtractedValue(number.text, number.span)


@dataclass(slots=True)
class _Section:
    """The lines below one heading."""

    key: str
    lines: list[Line] = field(default_factory=list)

    @property
    def span(self) -> Span:
        return Span(self.lines[0].start, self.lines[-1].end)


class _OpenField(NamedTuple):
    """A field whose value is not on the line of its label, or not the whole of it: the next line may have it."""

    name: str
    value: Line
    label: Line


class _SummaryReader:
    """Reads one summary, line by line; a heading closes the section above it."""

    def __init__(self, text: str, start: int, end: int, stage: Stage, labels: Labels) -> None:
        self._text = text
        self._stage = stage
        self._labels = labels
        lines = split_lines(text, start, end)
        self._lines = [piece for line in lines for piece in split_at_labels(line, labels, "sections")]
        self._result = IrmSummary()
        self._sections: list[_Section] = []
        self._open: _Section | None = None
        self._milestone: tuple[str, Line] | None = None
        """The number and title of a milestone that the next line may continue."""
        self._open_field: _OpenField | None = None

    def read(self) -> IrmSummary:
        begin = self._read_title()
        for place, line in enumerate(self._lines[begin:], begin + 1):
            if not self._complete_field(line):
                self._read_line(line, self._lines[place] if place < len(self._lines) else None)
        self._close_field()
        # Only now, because a milestone quoted in a section is recognized by the commitment's number.
        for section in self._sections:
            if section.lines:
                self._add_section(section)
        return self._result

    def _path(self, *parts: str) -> str:
        return "/".join((*parts, self._labels.language))

    def _add_fact(self, facts: ExtractedFacts, path: str, extracted: ExtractedValue) -> None:
        if facts.setdefault(path, extracted).value != extracted.value:
            self._remark(extracted.span, "said-twice")

    def _remark(self, span: Span, kind: str) -> None:
        self._result.remarks.append(Remark(span.line_number(self._text), kind, span.quote(self._text)))

    # Title

    def _read_title(self) -> int:
        """Read the summary's title, with the commitment's number if it has one; return the number of its lines."""
        top = list(takewhile(lambda line: not split_label(line, self._labels), self._lines[:_TITLE_LINES]))
        for place, line in enumerate(top):
            if number := find_number(line, self._labels):
                self._add_fact(self._result.plan, "number", number)
                for other in top[:place]:
                    self._remark(other.span, "unknown-line")
                self._add_title(line)
                return place + 1
        if not top or top[0].text.endswith((".", ";")) or len(top[0].text) > _LONGEST_TITLE:
            return 0
        self._remark(top[0].span, "title-without-number")
        self._add_title(top[0])
        return 1

    def _add_title(self, line: Line) -> None:
        path = self._path("narratives", self._stage, "TITLE")
        self._add_fact(self._result.narrative, path, ExtractedValue(line.text, line.span))

    # Lines

    def _read_line(self, line: Line, following: Line | None) -> None:
        if not self._is_in("FOOTNOTES") and self._is_footnote(line):
            self._open_section("FOOTNOTES")
        if self._is_in("FOOTNOTES"):
            self._append_line(line)
        elif label := split_label(line, self._labels):
            self._read_label(line, *label)
        elif self._is_in("MILESTONES"):
            self._read_milestone_line(line)
        elif following and self._is_unlisted_heading(line, following):
            taken = {section.key for section in self._sections} | {"TITLE"}
            self._open_section(make_section_key(line.text, taken))
            self._remark(line.span, "unknown-section")
        else:
            self._read_text(line)

    def _is_footnote(self, line: Line) -> bool:
        """Return whether a line is a footnote, and not a mark in the text that a line break put on its own line.

        Labels may still follow such a mark, but no footnote.
        """
        found = _FOOTNOTE_MARK.match(line.text)
        if not found or found.end() < len(line.text):
            return bool(found)
        return not any(split_label(each, self._labels) for each in self._lines if each.start > line.start)

    def _is_in(self, key: str) -> bool:
        return self._open is not None and self._open.key == key

    def _is_unlisted_heading(self, line: Line, following: Line) -> bool:
        if self._is_in("COMMITMENT_TEXT") or line.is_bullet or self._read_open_government(line):
            return False  # the plan's own text may have headings of its own
        return not MILESTONE_LINE.match(line.text) and has_form_of_heading(self._text, line, following)

    def _open_section(self, key: str) -> None:
        self._milestone = None
        # A label that is repeated within its own section continues it.
        if self._is_in(key):
            return
        taken = {section.key for section in self._sections} - _QUOTED_SECTIONS
        self._open = _Section(make_section_key(key, taken) if key in taken else key)
        self._sections.append(self._open)

    def _append_line(self, line: Line) -> None:
        if self._open is None:
            self._open_section("UNTITLED")
            self._remark(line.span, "text-without-heading")
        assert self._open is not None
        self._open.lines.append(line)

    def _read_text(self, line: Line) -> None:
        if self._is_in("COMPLETION_NOTE"):
            self._read_completion(self._stage, line, quiet=True)
        for path, extracted in self._read_open_government(line).items():
            self._add_fact(self._result.narrative, path, extracted)
        self._append_line(line)

    def _read_label(self, line: Line, key: str, rest: Line) -> None:
        # STATUS is a field where its value follows on the line, and a heading otherwise.
        if key in SUMMARY_FIELDS or key == "STATUS":
            *others, last = split_fields(line, self._labels) or [(key, rest)]
            for each in others:
                self._read_field(*each, line)
            self._open_field = _OpenField(*last, line)
            if not self._may_go_on(*last):
                self._close_field()
            return
        self._open_section(key)
        if rest.text and key == "MILESTONES":
            self._read_milestone_line(rest)
        elif rest.text:
            self._read_text(rest)

    def _add_section(self, section: _Section) -> None:
        extracted = ExtractedValue(section.span.of(self._text), section.span)
        if section.key == "COMMITMENT_TEXT":
            self._add_fact(self._result.plan, self._path("commitmentText"), extracted)
            for line in section.lines:
                self._read_quoted_milestone(line)
            return
        self._add_fact(self._result.narrative, self._path("narratives", self._stage, section.key), extracted)
        if section.key not in _SECTIONS_WITHOUT_FINDINGS:
            self._result.prose.append(section.span)

    # Fields

    def _may_go_on(self, key: str, value: Line) -> bool:
        """Return whether the next line may have the value of a field or, of a date, the rest of it."""
        return key != "STATUS" and (not value.text or (key in DATE_FIELDS and not self._is_value(key, value)))

    def _complete_field(self, line: Line) -> bool:
        """Read the field that is open with a line that its value ends in; return whether the line is one."""
        if self._open_field is None:
            return False
        name, value, label = self._open_field
        whole = Line(self._text[value.start : line.end], value.start, value.number) if value.text else line
        is_complete = split_label(line, self._labels) is None and self._is_value(name, whole)
        if is_complete:
            self._open_field = _OpenField(name, whole, label)
        self._close_field()
        return is_complete

    def _close_field(self) -> None:
        """Read the field that is open, with what it has."""
        if self._open_field is not None:
            self._read_field(*self._open_field)
        self._open_field = None

    def _is_value(self, key: str, value: Line) -> bool:
        """Return whether a text is, by its words, a value of a field and nothing else."""
        if key in _DATES:
            is_date = parse_partial_date(value.text, self._labels) is not None
            return is_date or self._labels.is_listed(value.text, "unspecified")
        if key == "START_AND_END":
            return parse_date_range(value.text, self._labels) is not None
        if key in _INSTITUTIONS:
            is_prose = value.is_bullet or value.text.endswith(".") or len(value.text) > _LONGEST_TITLE
            is_name = bool(self._labels.organisation.search(fold(value.text))) and not is_prose
            return is_name or self._labels.is_listed(value.text, "no_institution")
        return parse_rating(Indicator.COMPLETION, value.text, self._labels).state is not RatingState.UNRECOGNISED

    def _read_field(self, key: str, value: Line, label: Line) -> None:
        if key in ("STATUS", *_STATUS_STAGES):
            self._open_section("COMPLETION_NOTE")
        # The quoted text of a plan may contain dates and institutions, and goes on below them.
        elif not self._is_in("COMMITMENT_TEXT"):
            self._open = None
        if key in _DATES:
            self._read_date(_DATES[key], value)
        elif key == "START_AND_END":
            self._read_period(value)
        elif key in _INSTITUTIONS:
            self._read_institutions(_INSTITUTIONS[key], value, label)
        elif value.text:
            stage = _STATUS_STAGES.get(key, self._stage)
            if not self._read_completion(stage, value, quiet=key == "STATUS"):
                self._append_line(value)

    def _read_date(self, path: str, value: Line) -> None:
        if not value.text:
            return
        if self._labels.is_listed(value.text, "unspecified"):
            self._result.cleared.add(path)
            return
        if date := parse_partial_date(value.text, self._labels):
            self._add_fact(self._result.plan, path, ExtractedValue(date, value.span))
        else:
            self._remark(value.span, "odd-date")

    def _read_period(self, value: Line) -> None:
        if dates := parse_date_range(value.text, self._labels):
            self._add_fact(self._result.plan, "startsOn", ExtractedValue(dates[0], value.span))
            self._add_fact(self._result.plan, "endsOn", ExtractedValue(dates[1], value.span))
        elif value.text:
            self._remark(value.span, "odd-date")

    def _read_institutions(self, path: str, value: Line, label: Line) -> None:
        if not value.text:
            self._remark(label.span, "institution-without-value")
            return
        names = parse_institutions([value], value.text, self._labels)
        self._add_fact(self._result.plan, self._path(path), ExtractedValue(names, value.span))

    def _read_completion(self, stage: Stage, value: Line, *, quiet: bool) -> bool:
        """Add the rating of completion and return whether the text is one; remark other text unless `quiet`."""
        rating = parse_rating(Indicator.COMPLETION, value.text, self._labels)
        if rating.state is RatingState.UNRECOGNISED:
            if not quiet:
                self._remark(value.span, "unknown-rating")
            return False
        self._add_fact(self._result.narrative, f"ratings/COMPLETION/{stage}", ExtractedValue(rating, value.span))
        return True

    def _read_open_government(self, line: Line) -> ExtractedFacts:
        """Return the rating, overall or for one OGP value, in the section on whether government opened."""
        if not self._is_in("DID_IT_OPEN_GOVERNMENT_NOTE"):
            return {}
        if (answer := parse_open_government_rating(line, self._labels)) is None:
            return {}
        ogp_value, extracted = answer
        path = f"ratings/{Indicator.DID_IT_OPEN_GOVERNMENT}/{self._stage}"
        return {f"{path}/{ogp_value}" if ogp_value else path: extracted}

    # Milestones

    def _read_milestone_line(self, line: Line) -> None:
        if found := _match_milestone(line.text, self._labels):
            self._add_milestone(line, found)
        elif self._milestone and self._goes_on(self._milestone[1], line):
            self._extend_milestone(*self._milestone, line)
        else:
            self._remark(line.span, "milestone-without-number")

    def _goes_on(self, title: Line, line: Line) -> bool:
        return line.number == title.number + 1 and is_continued(title.text, line.text, self._labels.small_words)

    def _add_milestone(self, line: Line, found: re.Match[str]) -> None:
        number, rest = normalize_milestone_number(found["number"]), line.slice(found.start("title"))
        # In the row of a table the cell with the title comes first.
        title = next((cell for cell in split_cells(rest) if cell.text), rest)
        self._milestone = (number, title)
        path = self._path("milestones", number, "title")
        self._add_fact(self._result.plan, path, ExtractedValue(title.text, title.span))

    def _extend_milestone(self, number: str, title: Line, line: Line) -> None:
        """Extend the title of a milestone by the next line, since its line was broken."""
        span = Span(title.start, line.end)
        self._milestone = (number, Line(span.of(self._text), title.start, line.number))
        self._result.plan[self._path("milestones", number, "title")] = ExtractedValue(span.of(self._text), span)

    def _read_quoted_milestone(self, line: Line) -> None:
        """Read a milestone within the plan's text, if its number belongs to the commitment's."""
        number = self._result.plan.get("number")
        found = MILESTONE_LINE.match(line.text)
        if found and number is not None and found["number"].partition(".")[0] == number.value:
            self._add_milestone(line, found)


def _match_milestone(text: str, labels: Labels) -> re.Match[str] | None:
    """Return number and title of a line in a list of milestones: "14.1 Title", "1. Title", "Milestone 2: Title"."""
    if found := MILESTONE_LINE.match(text):
        return found
    listed = NUMBERED_LINE.match(text)
    if listed and listed["word"] and labels.sections.get(labels.normalize(listed["word"])) != "MILESTONES":
        return None
    return listed
