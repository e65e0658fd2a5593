"""An IRM summary below the government's text: its sections, the plan's text and milestones it quotes, its ratings."""

from __future__ import annotations

from dataclasses import dataclass, field

from ogpgraph.domain.vocabulary import Indicator, RatingState, Stage
from ogpgraph.importer.dates import partial_date
from ogpgraph.importer.folding import label_key
from ogpgraph.importer.glue import SUMMARY_FIELDS, pieces_of
from ogpgraph.importer.labels import Labels
from ogpgraph.importer.lines import Line, lines_of
from ogpgraph.importer.reading import Facts, Remark, Said, Span
from ogpgraph.importer.summary_lines import FOOTNOTE, MILESTONE, NUMBERED, fields_in, is_heading, key_of, label_of
from ogpgraph.importer.values import institutions_of, ogp_values_of, rating_of

_LONGEST_TITLE = 250
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


def stage_in(line: Line, labels: Labels) -> Stage | None:
    """Return the stage that a line is the summary's heading of."""
    return labels.stages.get(label_key(line.text)) if len(line.text) <= _LONGEST_TITLE else None


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
        lines = self.lines
        begin = 1 if lines and self._title(lines[0]) else 0
        for place, line in enumerate(lines[begin:], begin + 1):
            self._line(line, lines[place] if place < len(lines) else None)
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

    def _title(self, line: Line) -> bool:
        """Read "14. Title" or "Commitment 5. Title", or a title without number when no section begins there."""
        found = NUMBERED.match(line.text)
        if found and (not found["word"] or self.labels.one_of(found["word"], "commitment")):
            number = line.part(found.start("number"), found.end("number"))
            self._say(self.plan, "number", Said(number.text, number.span))
        elif label_of(line, self.labels) or line.text.endswith((".", ";")) or len(line.text) > _LONGEST_TITLE:
            return False
        else:
            self._remark(line, "title-without-number")
        self._say(self.narrative, self._path("narratives", self.stage, "TITLE"), Said(line.text, line.span))
        return True

    def _line(self, line: Line, following: Line | None) -> None:
        if FOOTNOTE.match(line.text) and not self._in("FOOTNOTES"):
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
        """Read "Marginal", or "Access to information: Marginal", where the section asks whether government opened."""
        if not self._in("DID_IT_OPEN_GOVERNMENT_NOTE"):
            return {}
        head, colon, _ = line.text.partition(":")
        words = line.part(len(head) + 1) if colon else line
        rating = rating_of(Indicator.DID_IT_OPEN_GOVERNMENT, words.text, self.labels)
        values, rest = ogp_values_of(head, line.start, self.labels) if colon else ({}, "")
        if rating.state is RatingState.UNRECOGNISED or rest or len(values) > 1:
            return {}
        return {"/".join(("ratings", Indicator.DID_IT_OPEN_GOVERNMENT, self.stage, *values)): Said(rating, words.span)}

    # Milestones

    def _in_milestones(self, line: Line) -> None:
        if MILESTONE.match(line.text):
            self._milestone(line)
        elif self.milestone and line.number == self.milestone[1].number + 1:
            self._continue(*self.milestone, line)
        else:
            self._remark(line, "milestone-without-number")

    def _milestone(self, line: Line) -> None:
        found = MILESTONE.match(line.text)
        assert found is not None
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
            self._milestone(line)

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
