"""The header of a page: its fields, where it ends even when headings are lost, and the facts that its fields state."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ogpgraph.domain.values import ReportedRating
from ogpgraph.domain.vocabulary import Indicator, OgpValue, RatingState, RatingValue, Stage
from ogpgraph.importer.pages.extraction import ExtractedFacts, ExtractedValue, Remark
from ogpgraph.importer.pages.labels import (
    HEADINGS,
    RATING_FIELDS,
    LabelMatch,
    Labels,
    guess_label,
    is_field_value,
    match_label,
    split_at_labels,
)
from ogpgraph.importer.pages.text import Line, Span, normalize_policy_area, quote, split_lines
from ogpgraph.importer.pages.values import (
    parse_institutions,
    parse_ogp_values,
    parse_partial_date,
    parse_policy_areas,
    parse_rating,
    parse_report_names,
)

_MAX_LINES = 400  # a header has some thirty, more with long lists of institutions
_LOOK_AHEAD = 3  # lines in which the next label must come, or else the header has ended
_LOOK_AHEAD_IN_SUMMARY = 15
_LOOK_AHEAD_IN_BROKEN_LIST = 12
_SHORTEST_BROKEN_LINE = 60  # characters; a shorter line ends where its text does
_MOST_RATING_WORDS = 5
_LIST_FIELDS = frozenset(("INSTITUTIONS_INVOLVED", "OGP_VALUE", "PRIMARY_POLICY_AREA", "PRIMARY_SECTOR"))
_INSTITUTION_FIELDS = frozenset(("LEAD_INSTITUTION", "SUPPORT_INSTITUTIONS"))
_INSTITUTION_PATHS = (
    ("LEAD_INSTITUTION", "leadInstitutions"),
    ("INSTITUTIONS_INVOLVED", "leadInstitutions"),
    ("SUPPORT_INSTITUTIONS", "supportingInstitutions"),
)
_DESIGN_INDICATORS = frozenset(
    ("VERIFIABLE", "SPECIFICITY", "RELEVANCE", "POTENTIAL_IMPACT", "AMBITION", "POTENTIAL_FOR_RESULTS")
)
_CYCLE = re.compile(r"(?:19|20)\d\d")
_UNSUPPORTED_FIELDS = ("PRIMARY_SECTOR",)  # fields of local pages for which commitments have no path


@dataclass(slots=True)
class HeaderField:
    """A field or heading that was found, and the lines of its value."""

    name: str
    line: Line
    values: list[Line] = field(default_factory=list)

    @property
    def span(self) -> Span | None:
        """The value as written, from its first line to its last, None where it is empty."""
        return Span(self.values[0].start, self.values[-1].end) if self.values else None


@dataclass(slots=True)
class Header:
    """The fields in page order, the text of an inception report's summary, and the position where the body begins."""

    fields: dict[str, HeaderField] = field(default_factory=dict)
    summary: list[Line] = field(default_factory=list)
    body: int = 0
    remarks: list[Remark] = field(default_factory=list)

    def value(self, name: str) -> Span | None:
        """Return the value of a field as written, None where the field is missing or empty."""
        return self.fields[name].span if name in self.fields else None


def parse_header(text: str, start: int, labels: Labels) -> Header:
    """Return the header that begins at `start`, behind the title."""
    lines = split_lines(text, start)[:_MAX_LINES]
    pieces = [piece for line in lines for piece in split_at_labels(line, labels, "header")]
    return _HeaderParser(pieces, labels).parse(len(text))


class _HeaderParser:
    """Assigns each line to a field, once, in page order.

    A line that is neither label nor value is remarked, or begins the body where no label follows it closely.
    """

    def __init__(self, pieces: list[Line], labels: Labels) -> None:
        self._pieces = pieces
        self._labels = labels
        self._header = Header()
        self._current: HeaderField | None = None

    def parse(self, end: int) -> Header:
        self._header.body = end
        for place, piece in enumerate(self._pieces):
            match = self._match_field(piece)
            if match and self._is_new(match):
                self._start_field(piece, match)
                if match.field == "DESCRIPTION":
                    self._header.body = self._pieces[place + 1].start if place + 1 < len(self._pieces) else end
                    return self._header
            elif self._current and self._continues_value(self._current, piece, place):
                self._current.values.append(piece)
            elif not self._header_continues(place, match):
                self._header.body = piece.start
                return self._header
            else:
                self._add_unassigned(piece, match)
        return self._header

    def _match_field(self, piece: Line) -> LabelMatch | None:
        return match_label(piece.text, self._labels) or guess_label(piece.text, self._labels)

    def _is_new(self, match: LabelMatch) -> bool:
        return match.field not in self._header.fields

    def _start_field(self, piece: Line, match: LabelMatch) -> None:
        self._current = HeaderField(match.field, piece)
        value = piece.slice(match.value_start)
        if value.text:
            self._current.values.append(value)
        if match.guessed:
            self._remark(piece, "label-guessed")
        self._header.fields[match.field] = self._current

    def _continues_value(self, current: HeaderField, piece: Line, place: int) -> bool:
        """Return whether a line without a label belongs to the value of the field before it."""
        name, values = current.name, current.values
        if name in HEADINGS - {"POLICY_AREAS"}:
            return False
        # A rating is one line, a list may be several, and whether a line belongs to it depends on the kind of list.
        if name in RATING_FIELDS or name == "STATUS":
            return not values and self._may_be_rating(name, piece, place)
        if name in _LIST_FIELDS:
            return not values or values[-1].is_bullet == piece.is_bullet
        if not values:
            return name == "POLICY_AREAS" or (
                self._is_label_ahead(place, _LOOK_AHEAD) and _may_be_value(current, piece)
            )
        if name in _INSTITUTION_FIELDS and values[-1].is_bullet and piece.is_bullet:
            return True
        return piece.number == values[-1].number + 1 and self._continues_list(current, piece, place)

    def _may_be_rating(self, name: str, piece: Line, place: int) -> bool:
        known = is_field_value(name, piece.text, self._labels)
        return known or (len(piece.text.split()) <= _MOST_RATING_WORDS and self._is_label_ahead(place, 1))

    def _continues_list(self, current: HeaderField, piece: Line, place: int) -> bool:
        last = current.values[-1]
        if current.name == "POLICY_AREAS":
            last_area = last.text.rpartition(",")[2]
            return self._are_policy_areas(piece.text) or self._are_policy_areas(f"{last_area} {piece.text}")
        if current.name == "IRM_REPORT":
            return bool(self._labels.report_noun.search(piece.text.casefold()))
        # A long list whose lines were broken goes on for longer.
        before = current.line if last.number == current.line.number else last
        is_broken = len(before.text) >= _SHORTEST_BROKEN_LINE
        look_ahead = _LOOK_AHEAD_IN_BROKEN_LIST if is_broken else _LOOK_AHEAD
        return current.name in _INSTITUTION_FIELDS and self._is_label_ahead(place, look_ahead)

    def _are_policy_areas(self, text: str) -> bool:
        spellings = [normalize_policy_area(part) for part in text.split(",")]
        # Half of them: crawls contain new areas that are not listed yet.
        known = sum(spelling in self._labels.policy_areas.meanings for spelling in spellings)
        return 2 * known >= len(spellings)

    def _is_label_ahead(self, place: int, distance: int) -> bool:
        ahead = (self._match_field(piece) for piece in self._pieces[place + 1 : place + 1 + distance])
        return any(match and self._is_new(match) for match in ahead)

    def _header_continues(self, place: int, match: LabelMatch | None) -> bool:
        in_summary = "INCEPTION_REPORT_SUMMARY" in self._header.fields and match is None
        return self._is_label_ahead(place, _LOOK_AHEAD_IN_SUMMARY if in_summary else _LOOK_AHEAD)

    def _add_unassigned(self, piece: Line, match: LabelMatch | None) -> None:
        if match is None and "INCEPTION_REPORT_SUMMARY" in self._header.fields:
            self._header.summary.append(piece)
            return
        self._remark(piece, "label-twice" if match else "unknown-line")

    def _remark(self, piece: Line, kind: str) -> None:
        self._header.remarks.append(Remark(piece.number, kind, quote(piece.text)))


def _may_be_value(current: HeaderField, piece: Line) -> bool:
    """Return whether a line may be a value, and has no unlisted label of its own; right below a label it is a value."""
    head, colon, _ = piece.text.partition(":")
    return not colon or len(head.split()) > _MOST_RATING_WORDS or piece.number <= current.line.number + 1


# Facts


def stage_of_indicator(indicator: str) -> Stage:
    """Return the stage of a rating in the header: what is rated of the plan is design, all else results."""
    return Stage.DESIGN if indicator in _DESIGN_INDICATORS else Stage.RESULTS


@dataclass(slots=True)
class HeaderFacts:
    """The facts that a header states; `narratives` are those in the words of the IRM."""

    facts: ExtractedFacts = field(default_factory=dict)
    narratives: ExtractedFacts = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    plan_title: ExtractedValue | None = None
    cycle: ExtractedValue | None = None


def read_header(text: str, header: Header, labels: Labels) -> HeaderFacts:
    """Return the facts that the fields of a header state."""
    return _HeaderReader(text, header, labels).read()


class _HeaderReader:
    """Reads the fields of one header, one after the other."""

    def __init__(self, text: str, header: Header, labels: Labels) -> None:
        self._text = text
        self._header = header
        self._labels = labels
        self._result = HeaderFacts(remarks=list(header.remarks))
        self._facts = self._result.facts

    def read(self) -> HeaderFacts:
        self._read_plan()
        self._read_status()
        for name, path in _INSTITUTION_PATHS:
            self._read_institutions(name, path)
        for name in ("POLICY_AREAS", "PRIMARY_POLICY_AREA"):
            self._read_policy_areas(name)
        for name in ("IRM_REPORT", "INCEPTION_REPORT", "END_OF_COMMITMENT_REPORT"):
            self._read_reports(name)
        for name in sorted(RATING_FIELDS):  # in a fixed order, since that of a set varies
            self._read_rating(name)
        self._read_ogp_values()
        self._read_date("COMMITMENT_START", "startsOn")
        self._read_date("COMMITMENT_END", "endsOn")
        self._read_summary()
        self._check_site_default()
        self._check_fields()
        return self._result

    def _remark(self, kind: str, span: Span) -> None:
        self._result.remarks.append(Remark(span.line_number(self._text), kind, span.quote(self._text)))

    def _read_plan(self) -> None:
        span = self._header.value("ACTION_PLAN")
        if span and not self._labels.is_listed(span.of(self._text), "no_plan"):
            self._result.plan_title = ExtractedValue(span.of(self._text), span)
        if not (span := self._header.value("ACTION_PLAN_CYCLE")):
            return
        if year := _CYCLE.search(span.of(self._text)):
            year_span = Span(span.start + year.start(), span.start + year.end())
            self._result.cycle = ExtractedValue(int(year.group()), year_span)
        if not year or len(year.group()) < span.end - span.start:
            self._remark("odd-cycle", span)

    def _read_status(self) -> None:
        if not (span := self._header.value("STATUS")):
            return
        meanings = {found.meaning for found in self._labels.statuses.match_all(span.of(self._text)) or ()}
        if len(meanings) == 1:
            self._facts["status"] = ExtractedValue(str(*meanings), span)
        else:
            self._remark("unknown-status", span)

    def _read_institutions(self, name: str, path: str) -> None:
        if not (span := self._header.value(name)) or path in self._facts:
            return
        names = parse_institutions(self._header.fields[name].values, span.of(self._text), self._labels)
        self._facts[f"{path}/{self._labels.language}"] = ExtractedValue(names, span)
        if name == "INSTITUTIONS_INVOLVED":
            self._remark("institutions-undivided", span)

    def _read_policy_areas(self, name: str) -> None:
        if not (span := self._header.value(name)) or "policyAreas" in self._facts:
            return
        known, unknown = parse_policy_areas(span.of(self._text), self._labels)
        if known:
            self._facts["policyAreas"] = ExtractedValue(known, span)
        if unknown:
            self._facts[f"policyAreasUnrecognised/{self._labels.language}"] = ExtractedValue(unknown, span)
        for area in unknown:
            start = span.start + span.of(self._text).index(area)
            self._remark("unknown-policy-area", Span(start, start + len(area)))

    def _read_reports(self, name: str) -> None:
        path = f"irmReports/{self._labels.language}"
        if not (span := self._header.value(name)) or path in self._facts:
            return
        value = span.of(self._text)
        if self._labels.is_listed(value, "unspecified") or self._labels.is_listed(value, "no_institution"):
            return
        if parse_rating(Indicator.VERIFIABLE, value, self._labels).state is not RatingState.UNRECOGNISED:
            return  # "Pending IRM Review": there is no report yet
        names = parse_report_names(value, self._labels) if name == "IRM_REPORT" else (value,)
        self._facts[path] = ExtractedValue(names, span)
        if not self._labels.report_noun.search(value.casefold()):
            self._remark("odd-irm-report", span)

    def _read_rating(self, name: str) -> None:
        if not (span := self._header.value(name)):
            return
        rating = parse_rating(Indicator(name), span.of(self._text), self._labels)
        if rating.state is RatingState.UNRECOGNISED and name == "RELEVANCE" and self._add_ogp_value_ratings(span):
            return
        self._facts[f"ratings/{name}/{stage_of_indicator(name)}"] = ExtractedValue(rating, span)
        if rating.state is RatingState.UNRECOGNISED:
            self._remark("unknown-rating", span)

    def _add_ogp_value_ratings(self, span: Span) -> bool:
        """Add one rating for each OGP value in a list; return whether there is any."""
        ratings, rest = parse_ogp_values(span.of(self._text), span.start, self._labels)
        for value, extracted in ratings.items():
            self._facts[f"ratings/RELEVANCE/DESIGN/{OgpValue(value)}"] = extracted
        if ratings and rest:
            self._remark("unknown-ogp-value", span)
        return bool(ratings)

    def _read_ogp_values(self) -> None:
        if (span := self._header.value("OGP_VALUE")) and not self._add_ogp_value_ratings(span):
            self._remark("unknown-ogp-value", span)

    def _read_date(self, name: str, path: str) -> None:
        if not (span := self._header.value(name)) or self._labels.is_listed(span.of(self._text), "unspecified"):
            return
        if date := parse_partial_date(span.of(self._text), self._labels):
            self._facts[path] = ExtractedValue(date, span)
        else:
            self._remark("odd-date", span)

    def _read_summary(self) -> None:
        if lines := self._header.summary:
            span = Span(lines[0].start, lines[-1].end)
            path = f"narratives/DESIGN/INCEPTION_REPORT_SUMMARY/{self._labels.language}"
            self._result.narratives[path] = ExtractedValue(span.of(self._text), span)

    def _check_site_default(self) -> None:
        """Remark "Not Relevant" while nothing was reviewed: the site shows it where nobody has rated anything."""
        relevance = self._facts.get("ratings/RELEVANCE/DESIGN")
        if relevance is None or f"irmReports/{self._labels.language}" in self._facts:
            return
        if isinstance(relevance.value, ReportedRating) and relevance.value.value is RatingValue.NO:
            self._remark("site-default", relevance.span)

    def _check_fields(self) -> None:
        if not self._header.fields.keys() & {"POLICY_AREAS", "PRIMARY_POLICY_AREA"}:
            self._remark("header-incomplete", Span(self._header.body, self._header.body))
        for name in _UNSUPPORTED_FIELDS:
            if span := self._header.value(name):
                self._remark("field-without-place", span)
        for name, found in self._header.fields.items():
            if name in HEADINGS - {"POLICY_AREAS"} and found.span:
                self._remark("value-of-heading", found.span)
