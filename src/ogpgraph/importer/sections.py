"""An IRM summary below the government's text: its sections, the plan's text and milestones it quotes, its ratings."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import takewhile

from ogpgraph.domain.vocabulary import Indicator, RatingState, Stage
from ogpgraph.importer.dates import date_range, partial_date
from ogpgraph.importer.glue import SUMMARY_FIELDS, pieces_of
from ogpgraph.importer.labels import Labels
from ogpgraph.importer.lines import Line, lines_of
from ogpgraph.importer.reading import Facts, Remark, Said, Span
from ogpgraph.importer.summary_lines import (
    FOOTNOTE,
    MILESTONE,
    fields_in,
    is_heading,
    key_of,
    label_of,
    milestone_in,
    number_in,
)
from ogpgraph.importer.values import institutions_of, opened_of, rating_of

_LONGEST_TITLE = 250
_TITLE_WITHIN = 3  # lines; a theme may stand above the title
_DATES = {"START_DATE": "startsOn", "END_DATE": "endsOn"}
_INSTITUTIONS = {"LEAD_INSTITUTION": "leadInstitutions", "SUPPORT_INSTITUTIONS": "supportingInstitutions"}
_STATUSES = {"MIDTERM": Stage.MIDTERM, "END_OF_TERM": Stage.END_OF_TERM}
NOT_THE_IRMS = frozenset(("COMMITMENT_TEXT", "MILESTONES"))
# What these say is advice, or not the IRM's: a claim found there is no finding.
NO_FINDINGS = NOT_THE_IRMS | {"NEXT_STEPS", "CARRIED_FORWARD", "EDITORIAL_NOTE", "FOOTNOTES"}


@dataclass(slots=True)
class Section:
    """A run of lines below one heading."""

    key: str
    lines: list[Line] = field(default_factory=list)


class Summary:
    """Reads one IRM summary; `plan` are facts of the plan as the IRM quotes it, `narrative` is what the IRM says."""

    def __init__(self, text: str, start: int, end: int, stage: Stage, labels: Labels) -> None:
        self.text = text
        self.stage = stage
        self.labels = labels
        self.lines = [piece for line in lines_of(text, start, end) for piece in pieces_of(line, labels, "sections")]
        self.plan: Facts = {}
        self.narrative: Facts = {}
        self.sections: list[Section] = []
        self.remarks: list[Remark] = []
        self.open: Section | None = None
        self.milestone: tuple[str, Line] | None = None

    def read(self) -> Summary:
        begin = self._title()
        for place, line in enumerate(self.lines[begin:], begin + 1):
            self._line(line, self.lines[place] if place < len(self.lines) else None)
        for section in self.sections:
            self._close(section)
        return self

    # Saying

    def _path(self, *parts: str) -> str:
        return "/".join((*parts, self.labels.language))

    def _say(self, facts: Facts, path: str, said: Said) -> None:
        if facts.setdefault(path, said).value != said.value:
            line = self.text.count("\n", 0, said.span.start) + 1
            self.remarks.append(Remark(line, "said-twice", self.text[said.span.start : said.span.end][:200]))

    def _remark(self, line: Line, kind: str) -> None:
        self.remarks.append(Remark(line.number, kind, line.text[:200]))

    # Lines

    def _title(self) -> int:
        """Read the summary's own title, with the number if it has one; returns how many lines it takes."""
        top = list(takewhile(lambda line: not label_of(line, self.labels), self.lines[:_TITLE_WITHIN]))
        for place, line in enumerate(top):
            if at := number_in(line.text, self.labels):
                number = line.part(*at)
                self._say(self.plan, "number", Said(number.text, number.span))
                for other in top[:place]:
                    self._remark(other, "unknown-line")
                return self._say_title(line, place + 1)
        if not top or top[0].text.endswith((".", ";")) or len(top[0].text) > _LONGEST_TITLE:
            return 0
        self._remark(top[0], "title-without-number")
        return self._say_title(top[0], 1)

    def _say_title(self, line: Line, taken: int) -> int:
        self._say(self.narrative, self._path("narratives", self.stage, "TITLE"), Said(line.text, line.span))
        return taken

    def _line(self, line: Line, following: Line | None) -> None:
        if not self._in("FOOTNOTES") and self._is_footnote(line):
            self._begin("FOOTNOTES")
        if self._in("FOOTNOTES"):
            self._add(line)
        elif labelled := label_of(line, self.labels):
            self._label(line, *labelled)
        elif self._in("MILESTONES"):
            self._in_milestones(line)
        elif following and self._is_unknown_heading(line, following):
            self._begin(key_of(line.text, {section.key for section in self.sections} | {"TITLE"}))
            self._remark(line, "unknown-section")
        else:
            self._text(line)

    def _is_footnote(self, line: Line) -> bool:
        """Tell a footnote from a mark in the text that a line was broken before: headings may still follow that."""
        found = FOOTNOTE.match(line.text)
        if not found or found.end() < len(line.text):
            return bool(found)
        return not any(label_of(each, self.labels) for each in self.lines if each.start > line.start)

    def _in(self, key: str) -> bool:
        return self.open is not None and self.open.key == key

    def _is_unknown_heading(self, line: Line, following: Line) -> bool:
        if self._in("COMMITMENT_TEXT") or line.is_bullet or self._opened(line):
            return False  # the plan's own text may have headings of its own
        return is_heading(self.text, line, following)

    def _begin(self, key: str) -> None:
        self.milestone = None
        if self._in(key):
            return
        taken = {section.key for section in self.sections} - NOT_THE_IRMS
        self.open = Section(key_of(key, taken) if key in taken else key)
        self.sections.append(self.open)

    def _add(self, line: Line) -> None:
        if self.open is None:
            self._begin("UNTITLED")
            self._remark(line, "text-without-heading")
        assert self.open is not None
        self.open.lines.append(line)

    def _text(self, line: Line) -> None:
        if self._in("COMPLETION_NOTE"):
            self._completion(self.stage, line, quiet=True)
        for path, said in self._opened(line).items():
            self._say(self.narrative, path, said)
        self._add(line)

    def _label(self, line: Line, key: str, rest: Line) -> None:
        if key in SUMMARY_FIELDS or key == "STATUS":
            for name, value in fields_in(line, self.labels) or [(key, rest)]:
                self._field(name, value, line)
            return
        self._begin(key)
        if rest.text and key == "MILESTONES":
            self._in_milestones(rest)
        elif rest.text:
            self._text(rest)

    # Fields

    def _field(self, key: str, value: Line, line: Line) -> None:
        if key in ("STATUS", *_STATUSES):
            self._begin("COMPLETION_NOTE")
        elif not self._in("COMMITMENT_TEXT"):
            self.open = None
        if key in _DATES:
            self._date(_DATES[key], value)
        elif key == "START_AND_END":
            self._period(value)
        elif key in _INSTITUTIONS:
            self._institutions(_INSTITUTIONS[key], value, line)
        elif value.text and not self._completion(_STATUSES.get(key, self.stage), value, quiet=key == "STATUS"):
            self._add(value)

    def _date(self, path: str, value: Line) -> None:
        if not value.text or self.labels.one_of(value.text, "unspecified"):
            return
        if date := partial_date(value.text, self.labels.language):
            self._say(self.plan, path, Said(date, value.span))
        else:
            self._remark(value, "odd-date")

    def _period(self, value: Line) -> None:
        if dates := date_range(value.text, self.labels.language):
            self._say(self.plan, "startsOn", Said(dates[0], value.span))
            self._say(self.plan, "endsOn", Said(dates[1], value.span))
        elif value.text:
            self._remark(value, "odd-date")

    def _institutions(self, path: str, value: Line, line: Line) -> None:
        if not value.text:
            self._remark(line, "institution-without-value")
            return
        names = institutions_of([value], value.text, self.labels)
        self._say(self.plan, self._path(path), Said(names, value.span))

    def _completion(self, stage: Stage, words: Line, *, quiet: bool) -> bool:
        """Say how complete the commitment is, where the words are of that scale; tell whether they are."""
        rating = rating_of(Indicator.COMPLETION, words.text, self.labels)
        if rating.state is RatingState.UNRECOGNISED:
            if not quiet:
                self._remark(words, "unknown-rating")
            return False
        self._say(self.narrative, f"ratings/COMPLETION/{stage}", Said(rating, words.span))
        return True

    def _opened(self, line: Line) -> Facts:
        """Read the answer, overall or for one OGP value, where the section asks whether government opened."""
        answer = opened_of(line, self.labels) if self._in("DID_IT_OPEN_GOVERNMENT_NOTE") else None
        if answer is None:
            return {}
        value, said = answer
        path = f"ratings/{Indicator.DID_IT_OPEN_GOVERNMENT}/{self.stage}"
        return {f"{path}/{value}" if value else path: said}

    # Milestones

    def _in_milestones(self, line: Line) -> None:
        if found := milestone_in(line.text, self.labels):
            self._milestone(line, found)
        elif self.milestone and line.number == self.milestone[1].number + 1:
            self._continue(*self.milestone, line)
        else:
            self._remark(line, "milestone-without-number")

    def _milestone(self, line: Line, found: re.Match[str]) -> None:
        title = line.part(found.start("title"))
        self.milestone = (found["number"], title)
        self._say(self.plan, self._path("milestones", found["number"], "title"), Said(title.text, title.span))

    def _continue(self, number: str, title: Line, line: Line) -> None:
        """Let a milestone's title run on over the next line."""
        whole = self.text[title.start : line.end]
        self.milestone = (number, Line(whole, title.start, line.number))
        self.plan[self._path("milestones", number, "title")] = Said(whole, Span(title.start, line.end))

    def _quoted_milestone(self, line: Line) -> None:
        """Read a milestone that the plan's text numbers; it counts when its number is the commitment's."""
        number = self.plan.get("number")
        found = MILESTONE.match(line.text)
        if found and number is not None and found["number"].partition(".")[0] == number.value:
            self._milestone(line, found)

    # Sections

    def _close(self, section: Section) -> None:
        if not section.lines:
            return
        span = Span(section.lines[0].start, section.lines[-1].end)
        said = Said(self.text[span.start : span.end], span)
        if section.key == "COMMITMENT_TEXT":
            self._say(self.plan, self._path("commitmentText"), said)
            for line in section.lines:
                self._quoted_milestone(line)
        else:
            self._say(self.narrative, self._path("narratives", self.stage, section.key), said)
