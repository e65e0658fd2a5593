"""An IRM summary below the government's text: its sections, the plan's text and milestones it quotes, and status lines."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ogpgraph.domain.vocabulary import Indicator, RatingState, Stage
from ogpgraph.importer.dates import partial_date
from ogpgraph.importer.folding import fold, label_key
from ogpgraph.importer.labels import Labels
from ogpgraph.importer.lines import Line, lines_of
from ogpgraph.importer.reading import Facts, Remark, Said, Span
from ogpgraph.importer.values import institutions_of, ogp_values_of, rating_of

_LONGEST_HEADING = 120
_HEADING_WORDS = 9
_NUMBERED = re.compile(
    r"^(?:✪\s*)?(?:(?P<word>[^\W\d]+)\s+)?(?P<number>\d{1,3}[a-z]?)(?:\s*[.:)–-]+\s*|\s+)(?P<title>\S.*)$",
    re.IGNORECASE,
)
_STARRED_NUMBERED = re.compile(r"^✪\s*")
MILESTONE = re.compile(r"^(?P<number>\d{1,3}(?:\.\d{1,3})+)(?:\s*[.:)–-]+\s*|\s+|(?=[^\W\d]))(?P<title>\S.*)$")
_FOOTNOTE = re.compile(r"^\[\d*\]")
_NOT_IN_KEY = re.compile(r"[^A-Z0-9]+")
_PLAIN = frozenset(
    ["COMMITMENT_AIM", "CONTEXT_AND_OBJECTIVES", "NEXT_STEPS", "DID_IT_OPEN_GOVERNMENT_NOTE", "CARRIED_FORWARD", "EDITORIAL_NOTE", "FOOTNOTES"]
)
_DATES = {"START_DATE": "startsOn", "END_DATE": "endsOn"}
_INSTITUTIONS = {"LEAD_INSTITUTION": "leadInstitutions", "SUPPORT_INSTITUTIONS": "supportingInstitutions"}
_STATUSES = {"MIDTERM": Stage.MIDTERM, "END_OF_TERM": Stage.END_OF_TERM}
UNTITLED = "UNTITLED"


@dataclass(slots=True)
class Section:
    """A run of lines below one heading."""

    key: str
    lines: list[Line] = field(default_factory=list)


def stage_in(line: Line, labels: Labels) -> Stage | None:
    """Return the stage that a line is the summary's heading of."""
    return labels.stages.get(label_key(line.text)) if len(line.text) <= _LONGEST_HEADING else None


class Summary:
    """Reads one IRM summary; `plan` are facts of the plan as the IRM quotes it, `narrative` is what the IRM says."""

    def __init__(self, text: str, start: int, end: int, stage: Stage, labels: Labels) -> None:
        self.text = text
        self.stage = stage
        self.labels = labels
        self.lines = lines_of(text, start, end)
        self.plan: Facts = {}
        self.narrative: Facts = {}
        self.sections: list[Section] = []
        self.remarks: list[Remark] = []
        self.open: Section | None = None
        self.milestone: Line | None = None

    def read(self) -> Summary:
        lines = self.lines
        if lines and self._title(lines[0]):
            lines = lines[1:]
        for place, line in enumerate(lines):
            self._line(line, lines[place + 1] if place + 1 < len(lines) else None)
        for section in self.sections:
            self._close(section)
        return self

    def _path(self, *parts: str) -> str:
        return "/".join((*parts, self.labels.language))

    def _say(self, facts: Facts, path: str, said: Said) -> None:
        if path not in facts:
            facts[path] = said
        elif facts[path].value != said.value:
            self._remark(self._line_at(said.span), "said-twice")

    def _line_at(self, span: Span) -> Line:
        return Line(self.text[span.start : span.end], span.start, self.text.count("\n", 0, span.start) + 1)

    def _remark(self, line: Line, kind: str) -> None:
        self.remarks.append(Remark(line.number, kind, line.text[:200]))

    def _title(self, line: Line) -> bool:
        """Read "14. Title" or "Commitment 5. Title", or a title without number when no section begins there."""
        found = _NUMBERED.match(line.text)
        if found and found["word"] and not self.labels.one_of(found["word"], "commitment"):
            found = None
        if found:
            number = line.part(found.start("number"), found.end("number"))
            self._say(self.plan, "number", Said(number.text, number.span))
        elif self._labelled(line) or line.text.endswith((".", ";")) or len(line.text) > 2 * _LONGEST_HEADING:
            return False
        else:
            self._remark(line, "title-without-number")
        self._say(self.narrative, self._path("narratives", self.stage, "TITLE"), Said(line.text, line.span))
        return True

    def _labelled(self, line: Line) -> tuple[str, Line] | None:
        """Return the section or field that a line begins, and what stands behind its label."""
        if len(line.text) <= _LONGEST_HEADING and (key := self.labels.sections.get(label_key(line.text))):
            return key, line.part(len(line.text))
        for colon in [found.start() for found in re.finditer("[:：?]", line.text[:_LONGEST_HEADING])][:3]:
            if key := self.labels.sections.get(label_key(line.text[:colon])):
                return key, line.part(colon + 1)
        return None

    def _line(self, line: Line, following: Line | None) -> None:
        if _FOOTNOTE.match(line.text) and self._in("FOOTNOTES") is False:
            self._begin("FOOTNOTES")
        if self._in("FOOTNOTES"):
            self._add(line)
        elif labelled := self._labelled(line):
            self._label(line, *labelled)
        elif self._in("MILESTONES"):
            self._in_milestones(line)
        elif self._rating_of_value(line):
            self._add(line)
        elif self._is_heading(line, following):
            self._begin(self._key_of(line))
            self._remark(line, "unknown-section")
        else:
            self._add(line)

    def _in(self, key: str) -> bool:
        return self.open is not None and self.open.key == key

    def _begin(self, key: str) -> None:
        self.open = Section(key)
        self.sections.append(self.open)
        self.milestone = None

    def _add(self, line: Line) -> None:
        if self.open is None:
            self._begin(UNTITLED)
        assert self.open is not None
        self.open.lines.append(line)

    def _label(self, line: Line, key: str, rest: Line) -> None:
        if key in _DATES:
            self._dates(line)
        elif key in _INSTITUTIONS:
            self._institutions(key, rest)
        elif key in _STATUSES:
            self._status_line(line)
        elif key == "STATUS":
            self._begin("COMPLETION_NOTE")
            if rest.text and not self._status_line(rest):
                self._add(rest)
        else:
            self._begin(key)
            if rest.text:
                self._in_milestones(rest) if key == "MILESTONES" else self._after_label(rest)

    def _after_label(self, rest: Line) -> None:
        self._rating_of_value(rest)
        self._add(rest)

    def _dates(self, line: Line) -> None:
        """Read the dates of a line, which may hold both: "Start date: Not specified   End date: June 2015"."""
        ends = [*(start for _, start, _ in self._date_labels(line)), len(line.text)]
        for (key, _, behind), end in zip(self._date_labels(line), ends[1:], strict=True):
            value = line.part(behind, end)
            if not value.text or self.labels.one_of(value.text, "unspecified"):
                continue
            if date := partial_date(value.text, self.labels.language):
                self._say(self.plan, _DATES[key], Said(date, value.span))
            else:
                self._remark(line, "odd-date")
        self.open = None if self.open is None or self.open.key != "COMMITMENT_TEXT" else self.open

    def _date_labels(self, line: Line) -> list[tuple[str, int, int]]:
        found = []
        begin = 0
        for colon in re.finditer("[:：]", line.text):
            words = list(re.finditer(r"\S+", line.text[begin : colon.start()]))
            for word in words[-4:]:
                key = self.labels.sections.get(label_key(line.text[begin + word.start() : colon.start()]))
                if key in _DATES:
                    found.append((key, begin + word.start(), colon.end()))
                    break
            begin = colon.end()
        return found

    def _institutions(self, key: str, rest: Line) -> None:
        if rest.text:
            names = institutions_of([rest], rest.text, self.labels)
            self._say(self.plan, self._path(_INSTITUTIONS[key]), Said(names, rest.span))
        else:
            self._remark(rest, "institution-without-value")

    def _status_line(self, line: Line) -> bool:
        """Read "Midterm: Substantial   End of term: Complete"; tell whether there was any such status."""
        self._begin("COMPLETION_NOTE") if not self._in("COMPLETION_NOTE") else None
        pieces = [(colon.start(), colon.end()) for colon in re.finditer("[:：]", line.text)]
        begin, said = 0, False
        for (colon, behind), following in zip(pieces, [*pieces[1:], None], strict=True):
            stage = _STATUSES.get(self._last_label(line.text[begin:colon]))
            end = self._before_label(line, behind, following[0]) if following else len(line.text)
            said = (stage is not None and self._completion(stage, line.part(behind, end))) or said
            begin = behind
        if not said and not pieces:
            said = self._completion(self.stage, line)
        return said

    def _last_label(self, text: str) -> str:
        words = list(re.finditer(r"\S+", text))
        keys = (self.labels.sections.get(label_key(text[word.start() :])) for word in words[-4:])
        return next((key for key in keys if key in _STATUSES), "")

    def _before_label(self, line: Line, begin: int, colon: int) -> int:
        words = list(re.finditer(r"\S+", line.text[begin:colon]))
        for word in words[-4:]:
            if self.labels.sections.get(label_key(line.text[begin + word.start() : colon])) in _STATUSES:
                return begin + word.start()
        return colon

    def _completion(self, stage: Stage, words: Line) -> bool:
        if not words.text:
            return False
        rating = rating_of(Indicator.COMPLETION, words.text, self.labels)
        if rating.state is RatingState.UNRECOGNISED:
            self._remark(words, "unknown-rating")
            return False
        self._say(self.narrative, f"ratings/COMPLETION/{stage}", Said(rating, words.span))
        return True

    def _rating_of_value(self, line: Line) -> bool:
        """Read "Marginal", or "Access to information: Marginal", where the section asks whether government opened."""
        if not self._in("DID_IT_OPEN_GOVERNMENT_NOTE"):
            return False
        head, colon, _ = line.text.partition(":")
        words = line.part(len(head) + 1) if colon else line
        rating = rating_of(Indicator.DID_IT_OPEN_GOVERNMENT, words.text, self.labels)
        if rating.state is RatingState.UNRECOGNISED:
            return False
        values, rest = ogp_values_of(head, line.start, self.labels) if colon else ({}, "")
        if rest or len(values) > 1:
            return False
        path = "/".join(("ratings", Indicator.DID_IT_OPEN_GOVERNMENT, self.stage, *values))
        self._say(self.narrative, path, Said(rating, words.span))
        return True

    def _in_milestones(self, line: Line) -> None:
        if MILESTONE.match(line.text):
            self._add(line)
            self._milestone(line)
        elif self.milestone is not None and line.number == self.lines_before(line):
            self._continue_milestone(line)
        else:
            self._remark(line, "milestone-without-number")

    def lines_before(self, line: Line) -> int:
        """Return the number that a line has when it follows the open milestone without a blank line between."""
        assert self.milestone is not None
        return self.milestone.number + self.milestone.text.count("\n") + 1 if line.start > self.milestone.end else 0

    def _continue_milestone(self, line: Line) -> None:
        assert self.milestone is not None
        found = MILESTONE.match(self.milestone.text.split("\n")[0])
        assert found is not None
        start = self.milestone.start
        self.milestone = Line(self.text[start : line.end], start, self.milestone.number)
        title = Line(self.text[start + found.start("title") : line.end], start + found.start("title"), line.number)
        self.plan[self._path("milestones", found["number"], "title")] = Said(title.text, title.span)

    def _milestone(self, line: Line) -> None:
        found = MILESTONE.match(line.text)
        if not found or len(found["number"]) > 16:
            return
        title = line.part(found.start("title"))
        self.milestone = line
        self._say(self.plan, self._path("milestones", found["number"], "title"), Said(title.text, title.span))

    def _is_heading(self, line: Line, following: Line | None) -> bool:
        """Tell a heading that no list knows: short, a line of its own with a blank line around, followed by text."""
        if following is None or self._in("COMMITMENT_TEXT") or line.is_bullet or MILESTONE.match(line.text):
            return False
        words = line.text.split()
        if (
            len(words) > _HEADING_WORDS
            or not words[0][0].isupper()
            or line.text.endswith((".", ",", ";", "!", "…", ")"))
        ):
            return False
        alone = self.text[: line.start].endswith("\n\n") and self.text[line.end : line.end + 2] == "\n\n"
        return (alone or line.text.endswith(":")) and len(following.text.split()) > len(words)

    def _key_of(self, line: Line) -> str:
        key = _NOT_IN_KEY.sub("_", fold(line.text).upper()).strip("_")[:60]
        key = key if key[:1].isalpha() else f"SECTION_{key}".strip("_")
        taken = {section.key for section in self.sections} | {"TITLE"}
        return next(name for name in (key, *(f"{key}_{n}" for n in range(2, 10_000))) if name not in taken)

    def _close(self, section: Section) -> None:
        if not section.lines or section.key == "MILESTONES":
            return
        span = Span(section.lines[0].start, section.lines[-1].end)
        said = Said(self.text[span.start : span.end], span)
        if section.key == "COMMITMENT_TEXT":
            self._say(self.plan, self._path("commitmentText"), said)
            for line in section.lines:
                self._quoted_milestone(line)
            return
        if section.key == UNTITLED:
            self._remark(section.lines[0], "text-without-heading")
        self._say(self.narrative, self._path("narratives", self.stage, section.key), said)

    def _quoted_milestone(self, line: Line) -> None:
        """Read a milestone that the plan's text numbers; it counts when its number is the commitment's."""
        number = self.plan.get("number")
        found = MILESTONE.match(line.text)
        if found and number is not None and found["number"].partition(".")[0] == number.value:
            self._milestone(line)


def is_plain(key: str) -> bool:
    """Tell whether a section's prose may be searched for what the IRM finds."""
    return key not in (
        "NEXT_STEPS",
        "CARRIED_FORWARD",
        "EDITORIAL_NOTE",
        "FOOTNOTES",
        "COMMITMENT_TEXT",
        "MILESTONES",
        "TITLE",
    )
