"""Reads a published commitment page: bytes in, facts with their evidence out; nothing is stored, nothing guessed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ogpgraph.domain.event import Origin
from ogpgraph.domain.vocabulary import RatingState, Stage
from ogpgraph.importer.pages.canonical import TITLE_PATTERN, canonicalize_page, find_title_line
from ogpgraph.importer.pages.extraction import (
    ExtractedFacts,
    ExtractedRating,
    ExtractedValue,
    Line,
    PageReading,
    Remark,
    SiblingListReading,
    Span,
    UnreadableInput,
    split_lines,
    trim_span,
)
from ogpgraph.importer.pages.header import Header, read_header
from ogpgraph.importer.pages.header_facts import HeaderFacts
from ogpgraph.importer.pages.header_labels import RATING_FIELDS, match_label
from ogpgraph.importer.pages.heading_splitter import split_at_headings
from ogpgraph.importer.pages.labels import Labels, load_labels, supported_languages
from ogpgraph.importer.pages.prose_ratings import find_prose_ratings
from ogpgraph.importer.pages.roadmap import read_roadmap
from ogpgraph.importer.pages.sections import SECTIONS_WITHOUT_FINDINGS, SummaryReader
from ogpgraph.importer.pages.siblings import read_sibling_list
from ogpgraph.importer.pages.summary_lines import find_number, find_stage

LONGEST_LABEL = 40
__all__ = ["READER", "UnreadableInput", "read_page"]

READER = "page-1"  # changes whenever the same bytes may be read otherwise
_LONGEST_NAME = 60
_NO_NAME = re.compile(r"[\d:/|@!?]|\.$")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.\w")


def read_page(data: bytes, *, limit_bytes: int) -> PageReading:
    """Read one page; raises UnreadableInput with the reason where the bytes are not a commitment page."""
    page = canonicalize_page(data, limit_bytes=limit_bytes)
    return _Page(page.text, page.siblings, page.outside).read()


class _Page:
    """One reading: the zones in page order, each adding facts and remarks."""

    def __init__(self, text: str, listed: str, outside: tuple[str, ...]) -> None:
        self.text = text
        self.listed = listed
        lines = split_lines(text)
        place = find_title_line([line.text for line in lines], load_labels(supported_languages()[0]))
        self.before, self.title, self.below = lines[:place], lines[place], lines[place + 1 :]
        self.labels = self._detect_labels()
        self.facts: dict[Origin, ExtractedFacts] = {
            origin: {} for origin in (Origin.HEADER, Origin.DESCRIPTION, Origin.PLAN, Origin.NARRATIVE)
        }
        self.remarks = [Remark(text.count("\n") + 1, "behind-the-list", line.strip()[:200]) for line in outside]

    def _is_cut_off(self, rest: str) -> bool:
        """Tell whether nothing, or no more than a piece of a label, follows the header."""
        unfinished = any(remark.kind == "header-incomplete" for remark in self.remarks)
        return not rest or (unfinished and "\n" not in rest and len(rest) < LONGEST_LABEL)

    def read(self) -> PageReading:
        code, title = self._read_code()
        header = read_header(self.text, self.title.end, self.labels)
        extracted = HeaderFacts(self.text, header, self.labels).read()
        self.remarks += extracted.remarks
        self.facts[Origin.HEADER].update(extracted.facts)
        if title.text:
            self.facts[Origin.HEADER][f"title/{self.labels.language}"] = ExtractedValue(title.text, title.span)
        self.facts[Origin.NARRATIVE].update(extracted.narratives)
        self._read_body(header.body)
        siblings = self._read_siblings()
        if siblings is None and self._is_cut_off(self.text[header.body :].strip()):
            raise UnreadableInput("cut off: it ends in the header, before any text of the commitment")
        self._check_header_against_prose()
        self._check_personal_data()
        return PageReading(
            text=self.text,
            language=self.labels.language,
            layout=detect_layout(header, self.text[self.title.end : header.body]),
            code=code,
            translation_kind=self.labels.translation_kind,
            facts=self.facts,
            country=self._read_country(),
            plan_title=extracted.plan_title,
            cycle=extracted.cycle,
            siblings=siblings,
            remarks=tuple(sorted(self.remarks, key=lambda remark: remark.line)),
        )

    def _detect_labels(self) -> Labels:
        """Return the labels of the language that knows most of the header's labels as its own."""
        near = self.below[:40]
        found = {
            line.text: match
            for line in near
            if (match := match_label(line.text, load_labels(supported_languages()[0])))
        }

        def own(language: str) -> int:
            labels = load_labels(language)
            return sum(labels.has_header_label(text[: match.value_start]) for text, match in found.items())

        return load_labels(max(supported_languages(), key=own))

    def _read_code(self) -> tuple[str, Line]:
        found = TITLE_PATTERN.match(self.title.text)
        assert found is not None
        title = self.title.slice(found.start("title"), found.end("title"))
        if not title.text and self.before:
            title = self.before.pop()  # the code stands on a line of its own
        return found["code"].upper(), title

    def _read_country(self) -> ExtractedValue | None:
        """Return the line above the title, where it can be a name."""
        names = [
            line for line in self.before[-1:] if len(line.text) <= _LONGEST_NAME and not _NO_NAME.search(line.text)
        ]
        self.remarks += [
            Remark(line.number, "unknown-line", line.text[:200]) for line in self.before if line not in names
        ]
        return ExtractedValue(names[0].text, names[0].span) if names else None

    def _read_body(self, start: int) -> None:
        """Read the government's text and, below it, the IRM's summaries."""
        headings = [(line, stage) for line in self._split_headings(start) if (stage := find_stage(line, self.labels))]
        edges = [line.start for line, _ in headings] + [len(self.text)]
        for (line, stage), end in zip(headings, edges[1:], strict=True):
            self._read_summary(line, stage, end)
        if span := trim_span(self.text, start, edges[0]):
            description = self.facts[Origin.DESCRIPTION]
            description[f"description/{self.labels.language}"] = ExtractedValue(self.text[span.start : span.end], span)
            self._read_number(split_lines(self.text, span.start, span.end)[0])
            description.update(read_roadmap(self.text, span.start, span.end, self._milestones(), self.labels))

    def _read_number(self, first: Line) -> None:
        """Read the number where the government's text begins with it: "Commitment 4: ..."."""
        if at := find_number(first.text, self.labels, named=True):
            number = first.slice(*at)
            self.facts[Origin.DESCRIPTION]["number"] = ExtractedValue(number.text, number.span)

    def _split_headings(self, start: int) -> Iterator[Line]:
        for line in split_lines(self.text, start):
            yield from split_at_headings(line, self.labels, "stages")

    def _read_summary(self, heading: Line, stage: Stage, end: int) -> None:
        summary = SummaryReader(self.text, heading.end, end, stage, self.labels).read()
        self._merge(Origin.PLAN, summary.plan)
        self._merge(Origin.NARRATIVE, summary.narrative)
        self.remarks += summary.remarks
        for section in summary.sections:
            if section.lines and section.key not in SECTIONS_WITHOUT_FINDINGS:
                self._read_prose_ratings(section.lines[0].start, section.lines[-1].end)

    def _read_prose_ratings(self, start: int, end: int) -> None:
        facts, contradictions = find_prose_ratings(self.text, start, end, self.labels)
        self._merge(Origin.NARRATIVE, facts)
        for span in contradictions:
            self._remark("contradiction", span)

    def _merge(self, origin: Origin, facts: ExtractedFacts) -> None:
        """Add facts; where two summaries differ on one path the first counts, and the other is remarked."""
        for path, extracted in facts.items():
            earlier = self.facts[origin].setdefault(path, extracted)
            if not _is_equal_value(earlier, extracted):
                self._remark("said-twice", extracted.span)

    def _milestones(self) -> dict[str, Line]:
        found = {}
        for path, extracted in self.facts[Origin.PLAN].items():
            parts = path.split("/")
            if parts[0] == "milestones":
                found[parts[1]] = Line(self.text[extracted.span.start : extracted.span.end], extracted.span.start, 0)
        return found

    def _read_siblings(self) -> SiblingListReading | None:
        if not self.listed:
            return None
        reading, remarks = read_sibling_list(self.listed, self.labels)
        self.remarks += remarks
        return reading

    def _check_header_against_prose(self) -> None:
        """Remark where the site's fields and the IRM's prose differ: often the fields lag behind the prose."""
        for path, extracted in self.facts[Origin.NARRATIVE].items():
            header = self.facts[Origin.HEADER].get(path)
            if (
                header is None
                or not isinstance(header.value, ExtractedRating)
                or not isinstance(extracted.value, ExtractedRating)
            ):
                continue
            if header.value.value is not extracted.value.value:
                lags = header.value.state is RatingState.PENDING
                self._remark("header-lags" if lags else "contradiction", extracted.span)

    def _check_personal_data(self) -> None:
        for line in split_lines(self.text):
            if _EMAIL.search(line.text):
                self.remarks.append(Remark(line.number, "personal-data", "an e-mail address"))

    def _remark(self, kind: str, span: Span) -> None:
        line = self.text.count("\n", 0, span.start) + 1
        self.remarks.append(Remark(line, kind, self.text[span.start : span.end][:200]))


def _is_equal_value(one: ExtractedValue, other: ExtractedValue) -> bool:
    if isinstance(one.value, ExtractedRating) and isinstance(other.value, ExtractedRating):
        return (one.value.state, one.value.value) == (other.value.state, other.value.value)
    return one.value == other.value


def detect_layout(header: Header, zone: str) -> str:
    """Return which of OGP's layouts over the years a header has (b: headings lost, c: no blank lines)."""
    names = header.fields.keys()
    if names & {"INCEPTION_REPORT", "COMMITMENT_START", "COMMITMENT_END", "INSTITUTIONS_INVOLVED"}:
        return "L5"
    if not names & (RATING_FIELDS | {"IRM_REVIEW", "IRM_REPORT"}):
        layout = "L4"
    elif "AMBITION" in names or not names & {"STARRED", "POTENTIAL_IMPACT"}:
        layout = "L3"
    else:
        layout = "L1"
    if "\n\n" not in zone.strip("\n"):
        return layout + "c"
    return layout if names & {"OVERVIEW", "AT_A_GLANCE", "INSTITUTIONS"} else layout + "b"
