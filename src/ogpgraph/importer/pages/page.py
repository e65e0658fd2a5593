"""Reads a published commitment page: bytes to facts with their evidence. Nothing is stored, and nothing is guessed.

A page has zones, each with an origin of its own: the header with the site's fields, the government's description, and
summaries by the IRM, which quote the action plan. At the end it lists the other commitments of the member.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ogpgraph.domain.event import Origin
from ogpgraph.domain.values import ReportedRating
from ogpgraph.domain.vocabulary import RatingState, RatingValue, Stage
from ogpgraph.importer.pages.canonical import (
    TITLE_PATTERN,
    CanonicalPage,
    canonicalize_page,
    find_title_line,
    match_code_line,
)
from ogpgraph.importer.pages.extraction import (
    ExtractedFacts,
    ExtractedValue,
    PageReading,
    Remark,
    Sibling,
    SiblingListReading,
    UnreadableInput,
)
from ogpgraph.importer.pages.header import Header, parse_header, read_header
from ogpgraph.importer.pages.irm_summary import find_number, find_stage, read_irm_summary
from ogpgraph.importer.pages.labels import RATING_FIELDS, Labels, LabelSet, shipped_labels, split_at_labels
from ogpgraph.importer.pages.prose import find_prose_ratings, read_roadmap
from ogpgraph.importer.pages.text import Line, Span, normalize_policy_area, quote, split_lines

READER = "page-1"
"""The version of this reader, stored with each observation; changed whenever the same bytes may be read otherwise."""

_LONGEST_COUNTRY = 60
_NOT_IN_COUNTRY = re.compile(r"[\d:/|@!?]|\.$")
_LONGEST_LABEL_PIECE = 40
_CODE = re.compile(r"\b[A-Z]{2,4}\d{4}\b")
_RUNNING_NUMBER = re.compile(r"^\d+\s*[.)]\s+")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.\w")
_LOCAL_FIELDS = frozenset(("INCEPTION_REPORT", "COMMITMENT_START", "COMMITMENT_END", "INSTITUTIONS_INVOLVED"))
_REVIEW_FIELDS = RATING_FIELDS | {"IRM_REVIEW", "IRM_REPORT"}


def read_page(data: bytes, *, limit_bytes: int, label_set: LabelSet | None = None) -> PageReading:
    """Read one page; raises UnreadableInput where the bytes are not a commitment page.

    `label_set` are the languages that the page may be in, by default the shipped ones.
    """
    label_set = label_set or shipped_labels()
    page = canonicalize_page(data, label_set.default, limit_bytes=limit_bytes)
    reader = _PageReader(page, label_set)
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
    return _PageReader(canonicalize_page(data, label_set.default, limit_bytes=len(data)), label_set).read()


class _PageReader:
    """Reads one page zone by zone; each adds facts and remarks."""

    def __init__(self, page: CanonicalPage, label_set: LabelSet) -> None:
        self._text = page.text
        self._list_text = page.siblings
        lines = split_lines(page.text)
        title = find_title_line([line.text for line in lines], label_set.default)
        self._above, self._title_line, below = lines[:title], lines[title], lines[title + 1 :]
        # The title line was found with the labels of all languages; only its header shows the page's own language.
        self._labels = label_set.detect(below)
        self._facts: dict[Origin, ExtractedFacts] = {
            origin: {} for origin in (Origin.HEADER, Origin.DESCRIPTION, Origin.PLAN, Origin.NARRATIVE)
        }
        behind = page.text.count("\n") + 1
        self._remarks = [Remark(behind, "behind-the-list", quote(line.strip())) for line in page.outside]
        self._body = 0

    def read(self) -> PageReading:
        code, title = self._read_title()
        header = parse_header(self._text, self._title_line.end, self._labels)
        extracted = read_header(self._text, header, self._labels)
        self._remarks += extracted.remarks
        self._facts[Origin.HEADER].update(extracted.facts)
        if title.text:
            self._facts[Origin.HEADER][f"title/{self._labels.language}"] = ExtractedValue(title.text, title.span)
        self._facts[Origin.NARRATIVE].update(extracted.narratives)
        # After the header: of two values at a path of the narrative the first counts.
        self._read_body(header.body)
        self._body = header.body
        siblings = self._read_siblings()
        self._check_header_against_prose()
        self._check_personal_data()
        country = self._read_country()
        return PageReading(
            text=self._text,
            language=self._labels.language,
            layout=detect_layout(header, self._text[self._title_line.end : header.body]),
            code=code,
            translation_kind=self._labels.translation_kind,
            facts=self._facts,
            country=country,
            plan_title=extracted.plan_title,
            cycle=extracted.cycle,
            siblings=siblings,
            remarks=tuple(sorted(self._remarks, key=lambda remark: remark.line)),
        )

    def ends_in_header(self) -> bool:
        """Return whether nothing follows the header of the page that was read, or no more than a piece of a label."""
        body = self._text[self._body :].strip()
        is_unfinished = any(remark.kind == "header-incomplete" for remark in self._remarks)
        return not body or (is_unfinished and "\n" not in body and len(body) < _LONGEST_LABEL_PIECE)

    def _remark(self, kind: str, span: Span) -> None:
        self._remarks.append(Remark(span.line_number(self._text), kind, span.quote(self._text)))

    # Above the header

    def _read_title(self) -> tuple[str, Line]:
        found = TITLE_PATTERN.match(self._title_line.text)
        assert found is not None  # find_title_line chose the line by this pattern
        title = self._title_line.slice(found.start("title"), found.end("title"))
        if not title.text and self._above:
            title = self._above.pop()  # the code is on a line of its own
        return found["code"].upper(), title

    def _read_country(self) -> ExtractedValue | None:
        """Return the line above the title if it can be the name of a country; remark all other lines there."""
        last = self._above[-1] if self._above else None
        is_name = last and len(last.text) <= _LONGEST_COUNTRY and not _NOT_IN_COUNTRY.search(last.text)
        for line in self._above[:-1] if is_name else self._above:
            self._remark("unknown-line", line.span)
        return ExtractedValue(last.text, last.span) if last and is_name else None

    # Below the header

    def _read_body(self, start: int) -> None:
        """Read the government's text and, below it, the IRM's summaries."""
        lines = self._split_at_stage_headings(start)
        headings = [(line, stage) for line in lines if (stage := find_stage(line, self._labels))]
        edges = [*(line.start for line, _ in headings), len(self._text)]
        # Summaries first: the road map in the government's text is matched with the milestones that they quote.
        for (line, stage), end in zip(headings, edges[1:], strict=True):
            self._read_summary(line, stage, end)
        if span := Span(start, edges[0]).trim(self._text):
            self._read_description(span)

    def _split_at_stage_headings(self, start: int) -> Iterator[Line]:
        for line in split_lines(self._text, start):
            yield from split_at_labels(line, self._labels, "stages")

    def _read_summary(self, heading: Line, stage: Stage, end: int) -> None:
        summary = read_irm_summary(self._text, heading.end, end, stage, self._labels)
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
        description.update(read_roadmap(self._text, span, self._quoted_milestones(), self._labels))

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


# The list of the member's commitments


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
            found = match_code_line(line.text)
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
            rating = ReportedRating(RatingState.RATED, RatingValue.YES, stated.text)
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
