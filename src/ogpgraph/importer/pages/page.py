"""Reads a published commitment page: bytes to facts with their evidence. Nothing is stored, and nothing is guessed.

A page has zones, each with an origin of its own: the header with the site's fields, the government's description, and
summaries by the IRM, which quote the action plan. At the end it lists the other commitments of the member.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ogpgraph.domain.event import Origin
from ogpgraph.domain.values import ReportedRating
from ogpgraph.domain.vocabulary import RatingState, Stage
from ogpgraph.importer.pages.canonical import CanonicalPage, canonicalize_page, find_title_line
from ogpgraph.importer.pages.extraction import (
    ExtractedFacts,
    ExtractedValue,
    PageReading,
    Remark,
    SiblingListReading,
    UnreadableInput,
    UnrecognizedPage,
)
from ogpgraph.importer.pages.header import INSTITUTION_FIELDS, Header, is_stated_label, parse_header
from ogpgraph.importer.pages.header_facts import read_header
from ogpgraph.importer.pages.irm_summary import find_number, find_stage, read_irm_summary
from ogpgraph.importer.pages.label_matching import RATING_FIELDS, match_label, split_at_labels
from ogpgraph.importer.pages.labels import LabelSet, shipped_labels
from ogpgraph.importer.pages.language import choose_labels, explain_refusal
from ogpgraph.importer.pages.prose import find_prose_ratings
from ogpgraph.importer.pages.roadmap import read_roadmap
from ogpgraph.importer.pages.sibling_list import read_sibling_list
from ogpgraph.importer.pages.text import Line, Span, quote, split_lines
from ogpgraph.importer.pages.top import join_title, read_top
from ogpgraph.importer.pages.values import is_ambiguous_date

READER = "page-6"
"""The version of this reader, stored with each observation; changed whenever the same bytes may be read otherwise."""

_LONGEST_LABEL_PIECE = 40
_YEAR_LENGTH = 4
_LINES_WITH_STRAY_FIELDS = 30
_QUOTES = frozenset(("COMMITMENT_TEXT",))
"""Headings that only a summary by the IRM has: without the summary's own heading, its text is not the government's."""
_COMPLETE_HEADER = frozenset(("ACTION_PLAN", "POLICY_AREAS", "LEAD_INSTITUTION"))
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.\w")
_LOCAL_FIELDS = frozenset(("INCEPTION_REPORT", "COMMITMENT_START", "COMMITMENT_END", "INSTITUTIONS_INVOLVED"))
_REVIEW_FIELDS = RATING_FIELDS | {"IRM_REVIEW", "IRM_REPORT"}


def read_page(data: bytes, *, limit_bytes: int, label_set: LabelSet | None = None) -> PageReading:
    """Read one page; raises UnreadableInput where the bytes are not a commitment page.

    `label_set` are the languages that the page may be in, by default the shipped ones.
    """
    label_set = label_set or shipped_labels()
    try:
        page = canonicalize_page(data, label_set.default, limit_bytes=limit_bytes)
    except UnrecognizedPage as unrecognized:
        raise explain_refusal(unrecognized, label_set) from None
    reader = _PageReader(join_title(page, label_set.default), label_set)
    reading = reader.read()
    if reading.siblings is None and reader.ends_in_header():
        raise UnreadableInput("cut off: it ends in the header, before any text of the commitment")
    return reading


def reread_page(text: str) -> PageReading:
    """Read the canonical text of a page that was accepted before; raises UnreadableInput where this reader refuses it.

    A canonical text lacks the list behind the page, by which a page without a description and one that is cut off are
    distinguished.
    """
    data, label_set = text.encode(), shipped_labels()
    page = canonicalize_page(data, label_set.default, limit_bytes=len(data), is_canonical=True)
    return _PageReader(page, label_set).read()


class _PageReader:
    """Reads one page zone by zone; each adds facts and remarks."""

    def __init__(self, page: CanonicalPage, label_set: LabelSet) -> None:
        self._text = page.text
        self._list_text = page.siblings
        lines = split_lines(page.text)
        title = find_title_line([line.text for line in lines], label_set.default)
        self._above, self._title_line, below = lines[:title], lines[title], lines[title + 1 :]
        # The title line was found with the labels of all languages; only its header shows the page's own language.
        self._labels = choose_labels(below, page.text, label_set)
        self._facts: dict[Origin, ExtractedFacts] = {
            origin: {} for origin in (Origin.HEADER, Origin.DESCRIPTION, Origin.PLAN, Origin.NARRATIVE)
        }
        behind = page.text.count("\n") + 1
        self._remarks = [Remark(behind, "behind-the-list", quote(line.strip())) for line in page.outside]
        if page.repaired:
            self._remarks.append(Remark(0, "encoding", page.repaired))
        self._cleared: set[str] = set()
        self._header = Header()

    def read(self) -> PageReading:
        code, title = self._read_title()
        header = self._header = parse_header(self._text, self._title_line.end, self._labels)
        extracted = read_header(self._text, header, self._labels)
        self._remarks += extracted.remarks
        self._facts[Origin.HEADER].update(extracted.facts)
        if title:
            self._facts[Origin.HEADER][f"title/{self._labels.language}"] = title
        self._facts[Origin.NARRATIVE].update(extracted.narratives)
        # After the header: of two values at a path of the narrative the first counts.
        self._read_body(header.body)
        siblings = self._read_siblings()
        self._check_header_against_prose()
        self._check_personal_data()
        return PageReading(
            text=self._text,
            language=self._labels.language,
            layout=detect_layout(header, self._text[self._title_line.end : header.body]),
            code=code,
            translation_kind=self._labels.translation_kind,
            facts=self._facts,
            country=self._country,
            plan_title=extracted.plan_title,
            cycle=extracted.cycle,
            siblings=siblings,
            remarks=tuple(sorted(self._remarks, key=lambda remark: remark.line)),
            covered=self._determine_coverage(extracted.covered),
            emptied=extracted.emptied,
        )

    def _determine_coverage(self, header: frozenset[str]) -> dict[Origin, frozenset[str]]:
        """Return where each zone says that there is nothing else than what was read.

        In running text nothing is missing: that a sentence, a milestone or a summary is not there says nothing.
        """
        return {Origin.HEADER: header, Origin.PLAN: frozenset(self._cleared)}

    def ends_in_header(self) -> bool:
        """Return whether nothing follows the header of the page that was read, or no more than a piece of a label."""
        body = self._text[self._header.body :].strip()
        fields = self._header.fields
        last = next(reversed(fields), "")
        # A short page may end in its institutions, where those come last.
        if not body and last in INSTITUTION_FIELDS and fields[last].values and fields.keys() >= _COMPLETE_HEADER:
            return False
        return not body or (self._is_header_incomplete and "\n" not in body and len(body) < _LONGEST_LABEL_PIECE)

    @property
    def _is_header_incomplete(self) -> bool:
        return any(remark.kind == "header-incomplete" for remark in self._remarks)

    def _remark(self, kind: str, span: Span) -> None:
        self._remarks.append(Remark(span.line_number(self._text), kind, span.quote(self._text)))

    # Above the header

    def _read_title(self) -> tuple[str, ExtractedValue | None]:
        """Return the code and the title; without the title where a line above it may be part of it or may not."""
        top = read_top(self._above, self._title_line, self._list_text, self._labels.small_words)
        for line in top.unknown:
            self._remark("unknown-line", line.span)
        if top.is_doubtful:
            self._remark("title-doubtful", self._title_line.span)
        self._country = ExtractedValue(top.country.text, top.country.span) if top.country else None
        span = Span(top.title[0].start, top.title[-1].end) if top.title else None
        title = ExtractedValue(span.of(self._text), span) if span and not top.is_doubtful else None
        return top.code, title

    # Below the header

    def _read_body(self, start: int) -> None:
        """Read the government's text and, below it, the IRM's summaries."""
        lines = self._split_at_stage_headings(start)
        headings = [(line, stage) for line in lines if (stage := find_stage(line, self._labels))]
        edges = [*(line.start for line, _ in headings), len(self._text)]
        # Summaries first: the road map in the government's text is matched with the milestones that they quote.
        for (line, stage), end in zip(headings, edges[1:], strict=True):
            self._read_summary(line, stage, end)
        if (span := Span(start, edges[0]).trim(self._text)) and self._is_description(span):
            self._read_description(span)

    def _is_description(self, span: Span) -> bool:
        """Return whether a text is the government's, without fields of the header or the IRM's text in it.

        Where neither a heading nor the end of the header is recognized, nobody knows where it begins.
        """
        if "DESCRIPTION" not in self._header.fields and self._is_header_incomplete:
            self._remark("text-doubtful", span)
            return False
        lines = split_lines(self._text, span.start, span.end)
        stray = [line for line in lines[:_LINES_WITH_STRAY_FIELDS] if self._is_stray_field(line)]
        quoted = [line for line in lines if self._labels.sections.get(self._labels.normalize(line.text)) in _QUOTES]
        for line in (stray if len(stray) > 1 else []) + quoted:
            self._remark("text-doubtful", line.span)
        return len(stray) < 2 and not quoted

    def _is_stray_field(self, line: Line) -> bool:
        match = match_label(line.text, self._labels)
        is_new = match is not None and match.field not in self._header.fields
        return is_new and is_stated_label(line.text, self._labels)

    def _split_at_stage_headings(self, start: int) -> Iterator[Line]:
        for line in split_lines(self._text, start):
            yield from split_at_labels(line, self._labels, "stages")

    def _read_summary(self, heading: Line, stage: Stage, end: int) -> None:
        summary = read_irm_summary(self._text, heading.end, end, stage, self._labels)
        self._cleared |= summary.cleared
        self._merge(Origin.PLAN, summary.plan)
        self._merge(Origin.NARRATIVE, summary.narrative)
        self._remarks += summary.remarks
        for span in summary.prose:
            facts, contradictions = find_prose_ratings(self._text, span, self._labels)
            self._merge(Origin.NARRATIVE, facts)
            for contradiction in contradictions:
                self._remark("contradiction", contradiction)

    def _merge(self, origin: Origin, facts: ExtractedFacts) -> None:
        """Add facts; where two summaries differ on one path the first counts, and the second is remarked."""
        for path, extracted in facts.items():
            earlier = self._facts[origin].setdefault(path, extracted)
            if not _is_equal_value(earlier, extracted):
                self._remark("said-twice", extracted.span)

    def _read_description(self, span: Span) -> None:
        """Read the government's text: the description, the number that it may begin with, and its road map."""
        description = self._facts[Origin.DESCRIPTION]
        description[f"description/{self._labels.language}"] = ExtractedValue(span.of(self._text), span)
        first = split_lines(self._text, span.start, span.end)[0]
        if number := find_number(first, self._labels, with_word=True):
            description["number"] = number
        roadmap, odd_cells = read_roadmap(self._text, span, self._quoted_milestones(), self._labels)
        description.update(roadmap)
        for cell in odd_cells:
            self._remark("odd-date", cell)
        for extracted in roadmap.values():
            if is_ambiguous_date(extracted.span.of(self._text)) and len(str(extracted.value)) == _YEAR_LENGTH:
                self._remark("odd-date", extracted.span)

    def _quoted_milestones(self) -> dict[str, Line]:
        """Return number → title of the milestones that the IRM quotes."""
        milestones = {}
        for path, extracted in self._facts[Origin.PLAN].items():
            parts = path.split("/")
            if parts[0] == "milestones":
                milestones[parts[1]] = Line(extracted.span.of(self._text), extracted.span.start, 0)
        return milestones

    def _read_siblings(self) -> SiblingListReading | None:
        if not self._list_text:
            return None
        reading, remarks = read_sibling_list(self._list_text, self._labels)
        self._remarks += remarks
        return reading

    # Checks

    def _check_header_against_prose(self) -> None:
        """Remark ratings that differ between header and prose; often the site's fields lag behind the IRM's text."""
        for path, stated in self._facts[Origin.NARRATIVE].items():
            header = self._facts[Origin.HEADER].get(path)
            if header is None:
                continue
            field, prose = header.value, stated.value
            if not isinstance(field, ReportedRating) or not isinstance(prose, ReportedRating):
                continue
            if field.value is not prose.value:
                self._remark("header-lags" if field.state is RatingState.PENDING else "contradiction", stated.span)

    def _check_personal_data(self) -> None:
        for line in split_lines(self._text):
            if _EMAIL.search(line.text):
                # A remark is shown to anyone, so it does not quote the address.
                self._remarks.append(Remark(line.number, "personal-data", "an e-mail address"))


def _is_equal_value(one: ExtractedValue, other: ExtractedValue) -> bool:
    if isinstance(one.value, ReportedRating) and isinstance(other.value, ReportedRating):
        return (one.value.state, one.value.value) == (other.value.state, other.value.value)
    return one.value == other.value


def detect_layout(header: Header, zone: str) -> str:
    """Return the layout of a header: L1 to L5 over the years of OGP's site, with b without headings, c without gaps."""
    names = header.fields.keys()
    if names & _LOCAL_FIELDS:
        return "L5"
    if not names & _REVIEW_FIELDS:
        layout = "L4"
    elif "AMBITION" in names or not names & {"STARRED", "POTENTIAL_IMPACT"}:
        layout = "L3"
    else:
        layout = "L1"
    if "\n\n" not in zone.strip("\n"):
        return layout + "c"
    return layout if names & {"OVERVIEW", "AT_A_GLANCE", "INSTITUTIONS"} else layout + "b"
