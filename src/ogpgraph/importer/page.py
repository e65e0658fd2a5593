"""Reads a published commitment page: bytes in, facts with their evidence out; nothing is stored, nothing guessed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ogpgraph.domain.event import Origin
from ogpgraph.domain.vocabulary import RatingState, Stage
from ogpgraph.importer.canonical import TITLE, canonical, title_line
from ogpgraph.importer.claims import claims_in
from ogpgraph.importer.fields import RATINGS, label_in
from ogpgraph.importer.glue import pieces_of
from ogpgraph.importer.header import Header, header_of
from ogpgraph.importer.header_facts import HeaderFacts
from ogpgraph.importer.labels import Labels, labels_of, languages
from ogpgraph.importer.lines import Line, lines_of, trimmed
from ogpgraph.importer.reading import (
    Facts,
    PageReading,
    RatingSaid,
    Remark,
    Said,
    SiblingReading,
    Span,
    UnreadableInput,
)
from ogpgraph.importer.roadmap import roadmap_of
from ogpgraph.importer.sections import NO_FINDINGS, Summary
from ogpgraph.importer.siblings import read_siblings
from ogpgraph.importer.summary_lines import number_in, stage_in

LONGEST_LABEL = 40
__all__ = ["READER", "UnreadableInput", "read_page"]

READER = "page-1"  # changes whenever the same bytes may be read otherwise
_LONGEST_NAME = 60
_NO_NAME = re.compile(r"[\d:/|@!?]|\.$")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.\w")


def read_page(data: bytes, *, limit_bytes: int) -> PageReading:
    """Read one page; raises UnreadableInput with the reason where the bytes are not a commitment page."""
    page = canonical(data, limit_bytes=limit_bytes)
    return _Page(page.text, page.siblings, page.outside).read()


class _Page:
    """One reading: the zones in page order, each adding facts and remarks."""

    def __init__(self, text: str, listed: str, outside: tuple[str, ...]) -> None:
        self.text = text
        self.listed = listed
        lines = lines_of(text)
        place = title_line([line.text for line in lines], labels_of(languages()[0]))
        self.before, self.title, self.below = lines[:place], lines[place], lines[place + 1 :]
        self.labels = self._language()
        self.facts: dict[Origin, Facts] = {
            origin: {} for origin in (Origin.HEADER, Origin.DESCRIPTION, Origin.PLAN, Origin.NARRATIVE)
        }
        self.remarks = [Remark(text.count("\n") + 1, "behind-the-list", line.strip()[:200]) for line in outside]

    def _is_cut_off(self, rest: str) -> bool:
        """Tell whether nothing, or no more than a piece of a label, follows the header."""
        unfinished = any(remark.kind == "header-incomplete" for remark in self.remarks)
        return not rest or (unfinished and "\n" not in rest and len(rest) < LONGEST_LABEL)

    def read(self) -> PageReading:
        code, title = self._code()
        header = header_of(self.text, self.title.end, self.labels)
        said = HeaderFacts(self.text, header, self.labels).read()
        self.remarks += said.remarks
        self.facts[Origin.HEADER].update(said.facts)
        if title.text:
            self.facts[Origin.HEADER][f"title/{self.labels.language}"] = Said(title.text, title.span)
        self.facts[Origin.NARRATIVE].update(said.narratives)
        self._body(header.body)
        siblings = self._siblings()
        if siblings is None and self._is_cut_off(self.text[header.body :].strip()):
            raise UnreadableInput("cut off: it ends in the header, before any text of the commitment")
        self._disagreements()
        self._personal_data()
        return PageReading(
            text=self.text,
            language=self.labels.language,
            layout=layout_of(header, self.text[self.title.end : header.body]),
            code=code,
            made_by=self.labels.made_by,
            facts=self.facts,
            country=self._country(),
            plan_title=said.plan_title,
            cycle=said.cycle,
            siblings=siblings,
            remarks=tuple(sorted(self.remarks, key=lambda remark: remark.line)),
        )

    def _language(self) -> Labels:
        """Return the labels of the language that knows most of the header's labels as its own."""
        near = self.below[:40]
        found = {line.text: match for line in near if (match := label_in(line.text, labels_of(languages()[0])))}

        def own(language: str) -> int:
            labels = labels_of(language)
            return sum(labels.knows(text[: match.value_start]) for text, match in found.items())

        return labels_of(max(languages(), key=own))

    def _code(self) -> tuple[str, Line]:
        found = TITLE.match(self.title.text)
        assert found is not None
        title = self.title.part(found.start("title"), found.end("title"))
        if not title.text and self.before:
            title = self.before.pop()  # the code stands on a line of its own
        return found["code"].upper(), title

    def _country(self) -> Said | None:
        """Return the line above the title, where it can be a name."""
        names = [
            line for line in self.before[-1:] if len(line.text) <= _LONGEST_NAME and not _NO_NAME.search(line.text)
        ]
        self.remarks += [
            Remark(line.number, "unknown-line", line.text[:200]) for line in self.before if line not in names
        ]
        return Said(names[0].text, names[0].span) if names else None

    def _body(self, start: int) -> None:
        """Read the government's text and, below it, the IRM's summaries."""
        headings = [(line, stage) for line in self._pieces(start) if (stage := stage_in(line, self.labels))]
        edges = [line.start for line, _ in headings] + [len(self.text)]
        for (line, stage), end in zip(headings, edges[1:], strict=True):
            self._summary(line, stage, end)
        if span := trimmed(self.text, start, edges[0]):
            description = self.facts[Origin.DESCRIPTION]
            description[f"description/{self.labels.language}"] = Said(self.text[span.start : span.end], span)
            self._number(lines_of(self.text, span.start, span.end)[0])
            description.update(roadmap_of(self.text, span.start, span.end, self._milestones(), self.labels))

    def _number(self, first: Line) -> None:
        """Read the number where the government's text begins with it: "Commitment 4: ..."."""
        if at := number_in(first.text, self.labels, named=True):
            number = first.part(*at)
            self.facts[Origin.DESCRIPTION]["number"] = Said(number.text, number.span)

    def _pieces(self, start: int) -> Iterator[Line]:
        for line in lines_of(self.text, start):
            yield from pieces_of(line, self.labels, "stages")

    def _summary(self, heading: Line, stage: Stage, end: int) -> None:
        summary = Summary(self.text, heading.end, end, stage, self.labels).read()
        self._merge(Origin.PLAN, summary.plan)
        self._merge(Origin.NARRATIVE, summary.narrative)
        self.remarks += summary.remarks
        for section in summary.sections:
            if section.lines and section.key not in NO_FINDINGS:
                self._claims(section.lines[0].start, section.lines[-1].end)

    def _claims(self, start: int, end: int) -> None:
        facts, contradictions = claims_in(self.text, start, end, self.labels)
        self._merge(Origin.NARRATIVE, facts)
        for span in contradictions:
            self._remark("contradiction", span)

    def _merge(self, origin: Origin, facts: Facts) -> None:
        """Add facts; where two summaries differ on one path the first counts, and the other is remarked."""
        for path, said in facts.items():
            earlier = self.facts[origin].setdefault(path, said)
            if not _agree(earlier, said):
                self._remark("said-twice", said.span)

    def _milestones(self) -> dict[str, Line]:
        found = {}
        for path, said in self.facts[Origin.PLAN].items():
            parts = path.split("/")
            if parts[0] == "milestones":
                found[parts[1]] = Line(self.text[said.span.start : said.span.end], said.span.start, 0)
        return found

    def _siblings(self) -> SiblingReading | None:
        if not self.listed:
            return None
        reading, remarks = read_siblings(self.listed, self.labels)
        self.remarks += remarks
        return reading

    def _disagreements(self) -> None:
        """Remark where the site's fields and the IRM's prose differ: often the fields lag behind the prose."""
        for path, said in self.facts[Origin.NARRATIVE].items():
            header = self.facts[Origin.HEADER].get(path)
            if header is None or not isinstance(header.value, RatingSaid) or not isinstance(said.value, RatingSaid):
                continue
            if header.value.value is not said.value.value:
                lags = header.value.state is RatingState.PENDING
                self._remark("header-lags" if lags else "contradiction", said.span)

    def _personal_data(self) -> None:
        for line in lines_of(self.text):
            if _EMAIL.search(line.text):
                self.remarks.append(Remark(line.number, "personal-data", "an e-mail address"))

    def _remark(self, kind: str, span: Span) -> None:
        line = self.text.count("\n", 0, span.start) + 1
        self.remarks.append(Remark(line, kind, self.text[span.start : span.end][:200]))


def _agree(one: Said, other: Said) -> bool:
    if isinstance(one.value, RatingSaid) and isinstance(other.value, RatingSaid):
        return (one.value.state, one.value.value) == (other.value.state, other.value.value)
    return one.value == other.value


def layout_of(header: Header, zone: str) -> str:
    """Return which of OGP's layouts over the years a header has (b: headings lost, c: no blank lines)."""
    names = header.fields.keys()
    if names & {"INCEPTION_REPORT", "COMMITMENT_START", "COMMITMENT_END", "INSTITUTIONS_INVOLVED"}:
        return "L5"
    if not names & (RATINGS | {"IRM_REVIEW", "IRM_REPORT"}):
        layout = "L4"
    elif "AMBITION" in names or not names & {"STARRED", "POTENTIAL_IMPACT"}:
        layout = "L3"
    else:
        layout = "L1"
    if "\n\n" not in zone.strip("\n"):
        return layout + "c"
    return layout if names & {"OVERVIEW", "AT_A_GLANCE", "INSTITUTIONS"} else layout + "b"
