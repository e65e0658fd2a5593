"""The facts that the fields of a page's header state, and at which paths it says that there is nothing.

A value that was not understood, or not wholly, is left out and remarked: it neither replaces nor withdraws what was
stated before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ogpgraph.domain.values import ReportedRating
from ogpgraph.domain.vocabulary import Indicator, OgpValue, RatingState, RatingValue, Stage
from ogpgraph.importer.pages.extraction import ExtractedFacts, ExtractedValue, Remark
from ogpgraph.importer.pages.header import REPORT_FIELDS, Header
from ogpgraph.importer.pages.label_matching import HEADINGS, RATING_FIELDS
from ogpgraph.importer.pages.labels import Labels
from ogpgraph.importer.pages.text import Span, fold, is_cut_in_year, is_cut_off, normalize_policy_area
from ogpgraph.importer.pages.values import (
    YEAR,
    parse_institutions,
    parse_ogp_values,
    parse_partial_date,
    parse_policy_areas,
    parse_rating,
    parse_report_names,
)

_INSTITUTION_PATHS = (
    ("LEAD_INSTITUTION", "leadInstitutions"),
    ("INSTITUTIONS_INVOLVED", "leadInstitutions"),
    ("SUPPORT_INSTITUTIONS", "supportingInstitutions"),
)
_DESIGN_INDICATORS = frozenset(
    ("VERIFIABLE", "SPECIFICITY", "RELEVANCE", "POTENTIAL_IMPACT", "AMBITION", "POTENTIAL_FOR_RESULTS")
)
_RELEVANCE = "ratings/RELEVANCE/DESIGN"
_GLUED = re.compile(r"[a-zà-ÿ]{3}[A-Z]")
"""A heading, damaged itself, that is joined to a value."""
_ITEMS = re.compile(r"[^,;\n•]+")
_UNSUPPORTED_FIELDS = ("PRIMARY_SECTOR",)  # fields of local pages for which commitments have no path


def stage_of_indicator(indicator: str) -> Stage:
    """Return the stage of a rating in the header: what is rated of the plan is design, all else results."""
    return Stage.DESIGN if indicator in _DESIGN_INDICATORS else Stage.RESULTS


_PATHS = {
    "STATUS": ("status",),
    "LEAD_INSTITUTION": ("leadInstitutions/",),
    "INSTITUTIONS_INVOLVED": ("leadInstitutions/",),
    "SUPPORT_INSTITUTIONS": ("supportingInstitutions/",),
    "POLICY_AREAS": ("policyAreas", "policyAreasUnrecognised/"),
    "PRIMARY_POLICY_AREA": ("policyAreas", "policyAreasUnrecognised/"),
    "IRM_REPORT": ("irmReports/",),
    "INCEPTION_REPORT": ("irmReports/",),
    "END_OF_COMMITMENT_REPORT": ("irmReports/",),
    "COMMITMENT_START": ("startsOn",),
    "COMMITMENT_END": ("endsOn",),
    **{name: (f"ratings/{name}/{stage_of_indicator(name)}",) for name in RATING_FIELDS},
}
"""Field of a header → the paths at which it states something; "/" at the end stands for all paths below."""


@dataclass(slots=True)
class HeaderFacts:
    """The facts that a header states; `narratives` are those in the words of the IRM.

    `covered` are the beginnings of the paths at which it says that there is nothing else; `emptied` those of them whose
    fields are there and have no value.
    """

    facts: ExtractedFacts = field(default_factory=dict)
    narratives: ExtractedFacts = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    plan_title: ExtractedValue | None = None
    cycle: ExtractedValue | None = None
    covered: frozenset[str] = frozenset()
    emptied: frozenset[str] = frozenset()


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
        self._unclear: set[str] = set()

    def read(self) -> HeaderFacts:
        self._read_plan()
        self._read_status()
        for name, path in _INSTITUTION_PATHS:
            self._read_institutions(name, path)
        for name in ("POLICY_AREAS", "PRIMARY_POLICY_AREA"):
            self._read_policy_areas(name)
        for name in REPORT_FIELDS:
            self._read_reports(name)
        for name in sorted(RATING_FIELDS):  # in a fixed order, since that of a set varies
            self._read_rating(name)
        self._read_ogp_values()
        self._read_date("COMMITMENT_START", "startsOn")
        self._read_date("COMMITMENT_END", "endsOn")
        self._read_summary()
        self._check_site_default()
        self._check_fields()
        self._determine_coverage()
        return self._result

    def _remark(self, kind: str, span: Span) -> None:
        self._result.remarks.append(Remark(span.line_number(self._text), kind, span.quote(self._text)))

    def _leave_out(self, name: str, kind: str, span: Span) -> None:
        """Remark a value that was not understood, so that the header says nothing in its place."""
        self._unclear.add(name)
        self._remark(kind, span)

    def _clear_value(self, name: str) -> Span | None:
        """Return the value of a field with a free text, None where it is empty, or where its end may be missing."""
        if not (span := self._header.value(name)):
            return None
        text = span.of(self._text)
        has_cut_year = name in (*REPORT_FIELDS, "ACTION_PLAN") and is_cut_in_year(text)
        if self._header.fields[name].is_doubtful or is_cut_off(text) or has_cut_year:
            self._leave_out(name, "value-doubtful", span)
            return None
        return span

    def _determine_coverage(self) -> None:
        """Find where the header says that there is nothing: at a field that is there and was understood, or is empty.

        An empty field counts only where every line was understood: its value may be on another one. The status never
        does: since 2023 the site shows it as an icon.
        """
        stated, emptied = set[str](), set[str]()
        for name, paths in _PATHS.items():
            if name not in self._header.fields or name in self._unclear:
                continue
            if self._header.value(name):
                stated.update(paths)
            elif self._header.is_clear and name not in HEADINGS and name != "STATUS":
                emptied.update(paths)
        # Another field may state something of the same kind that was not understood.
        unclear = {path for name in self._unclear for path in _PATHS.get(name, ())}
        stated |= self._contradicted_ratings()
        self._result.covered = frozenset((stated | emptied) - unclear)
        self._result.emptied = frozenset(emptied - stated - unclear)

    def _contradicted_ratings(self) -> set[str]:
        """Return where a rating cannot stand beside what is stated: relevance to no value of OGP, and to some."""
        relevance = self._facts.get(_RELEVANCE)
        rating = relevance.value if relevance else None
        if isinstance(rating, ReportedRating) and rating.value is RatingValue.NO:
            return {f"{_RELEVANCE}/"}
        # Only where the list stands in the place of the rating: pages of local members have both.
        is_list = self._header.value("RELEVANCE") is not None and rating is None
        return {_RELEVANCE} if is_list and any(path.startswith(f"{_RELEVANCE}/") for path in self._facts) else set()

    def _read_plan(self) -> None:
        span = self._clear_value("ACTION_PLAN")
        if span and not self._labels.is_listed(span.of(self._text), "no_plan"):
            if self._labels.plan_word.search(fold(span.of(self._text))):
                self._result.plan_title = ExtractedValue(span.of(self._text), span)
            else:
                self._remark("odd-plan-title", span)
        if not (span := self._header.value("ACTION_PLAN_CYCLE")):
            return
        if year := YEAR.search(span.of(self._text)):
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
            self._leave_out("STATUS", "unknown-status", span)

    def _read_institutions(self, name: str, path: str) -> None:
        if path in self._facts or not (span := self._clear_value(name)):
            return
        names = parse_institutions(self._header.fields[name].values, span.of(self._text), self._labels)
        if any(map(self._labels.begins_label, names)):  # what is left of a label such as "Other actors involved"
            self._leave_out(name, "cut-off", span)
            return
        self._facts[f"{path}/{self._labels.language}"] = ExtractedValue(names, span)
        if name == "INSTITUTIONS_INVOLVED":
            self._remark("institutions-undivided", span)

    def _read_policy_areas(self, name: str) -> None:
        if not (span := self._header.value(name)) or "policyAreas" in self._facts:
            return
        known, unknown = parse_policy_areas(span.of(self._text), self._labels)
        # Only the last one may be cut off.
        is_cut = bool(unknown) and (
            self._labels.policy_areas.is_beginning(normalize_policy_area(unknown[-1]))
            or _GLUED.search(unknown[-1]) is not None
        )
        if is_cut or is_cut_off(span.of(self._text)):
            self._leave_out(name, "value-doubtful", span)
            return
        if known:
            self._facts["policyAreas"] = ExtractedValue(known, span)
        if unknown:
            self._facts[f"policyAreasUnrecognised/{self._labels.language}"] = ExtractedValue(unknown, span)
        for area in unknown:
            start = span.start + span.of(self._text).index(area)
            self._remark("unknown-policy-area", Span(start, start + len(area)))

    def _read_reports(self, name: str) -> None:
        path = f"irmReports/{self._labels.language}"
        if path in self._facts or not (span := self._clear_value(name)):
            return
        value = span.of(self._text)
        if self._labels.is_listed(value, "unspecified") or self._labels.is_listed(value, "no_institution"):
            return
        if parse_rating(Indicator.VERIFIABLE, value, self._labels).state is not RatingState.UNRECOGNISED:
            return  # "Pending IRM Review": there is no report yet
        names = parse_report_names(value, self._labels) if name == "IRM_REPORT" else (value,)
        if not self._labels.report_noun.search(fold(names[-1])):
            self._leave_out(name, "odd-irm-report", span)
            return
        self._facts[path] = ExtractedValue(names, span)

    def _read_rating(self, name: str) -> None:
        if not (span := self._header.value(name)):
            return
        rating = parse_rating(Indicator(name), span.of(self._text), self._labels)
        if rating.state is RatingState.UNRECOGNISED and name == "RELEVANCE" and self._add_ogp_value_ratings(span):
            return
        if rating.state is RatingState.UNRECOGNISED:
            self._remark("unknown-rating", span)
            words = self._labels.ratings[Indicator(name)]
            rest = words.find(span.of(self._text))[1]
            # A word that nobody knows is recorded as it stands; a damaged one of those that are known is none.
            is_value = name == "RELEVANCE" and self._labels.ogp_values.is_beginning(rest)
            is_damaged = is_value or words.is_beginning(rest) or words.is_nearly(rest)
            if is_damaged or self._header.fields[name].is_doubtful:
                self._unclear.add(name)
                return
        self._facts[f"ratings/{name}/{stage_of_indicator(name)}"] = ExtractedValue(rating, span)

    def _add_ogp_value_ratings(self, span: Span) -> bool:
        """Add one rating for each OGP value in a list, and return whether there is any.

        An item counts as a whole only: "Innovation for Transparency" is not transparency.
        """
        is_clear, found = not is_cut_off(span.of(self._text)), False
        for item in _ITEMS.finditer(span.of(self._text)):
            ratings, rest = parse_ogp_values(item.group(), span.start + item.start(), self._labels)
            is_clear, found = is_clear and not rest, found or bool(ratings)
            for value, extracted in () if rest else ratings.items():
                self._facts.setdefault(f"{_RELEVANCE}/{OgpValue(value)}", extracted)
        if found and not is_clear:
            self._leave_out("RELEVANCE", "unknown-ogp-value", span)
        return found

    def _read_ogp_values(self) -> None:
        if (span := self._header.value("OGP_VALUE")) and not self._add_ogp_value_ratings(span):
            self._leave_out("OGP_VALUE", "unknown-ogp-value", span)

    def _read_date(self, name: str, path: str) -> None:
        if not (span := self._header.value(name)) or self._labels.is_listed(span.of(self._text), "unspecified"):
            return
        if date := parse_partial_date(span.of(self._text), self._labels):
            self._facts[path] = ExtractedValue(date, span)
        else:
            self._leave_out(name, "odd-date", span)

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
