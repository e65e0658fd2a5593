"""What the fields of the header zone say, as facts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ogpgraph.domain.vocabulary import Indicator, OgpValue, RatingState, RatingValue, Stage
from ogpgraph.importer.pages.dates import parse_partial_date
from ogpgraph.importer.pages.extraction import ExtractedFacts, ExtractedRating, ExtractedValue, Remark, Span
from ogpgraph.importer.pages.header import Header
from ogpgraph.importer.pages.header_labels import RATING_FIELDS
from ogpgraph.importer.pages.heading_splitter import HEADINGS
from ogpgraph.importer.pages.labels import Labels
from ogpgraph.importer.pages.values import (
    parse_institutions,
    parse_ogp_values,
    parse_policy_areas,
    parse_rating,
    parse_report_names,
)

_AT_DESIGN = frozenset(
    ("VERIFIABLE", "SPECIFICITY", "RELEVANCE", "POTENTIAL_IMPACT", "AMBITION", "POTENTIAL_FOR_RESULTS")
)
_CYCLE = re.compile(r"(?:19|20)\d\d")
_UNSUPPORTED_FIELDS = ("PRIMARY_SECTOR",)  # fields of local pages that the record has no path for


def stage_of_indicator(indicator: str) -> Stage:
    """Return the stage that the header speaks of: what is read off the plan is design, the rest are results."""
    return Stage.DESIGN if indicator in _AT_DESIGN else Stage.RESULTS


@dataclass(slots=True)
class HeaderFacts:
    """Collects facts and remarks from one header."""

    text: str
    header: Header
    labels: Labels
    facts: ExtractedFacts = field(default_factory=dict)
    narratives: ExtractedFacts = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    plan_title: ExtractedValue | None = None
    cycle: ExtractedValue | None = None

    def read(self) -> HeaderFacts:
        self.remarks.extend(self.header.remarks)
        self._read_plan()
        self._read_status()
        for name, path in _INSTITUTION_PATHS:
            self._read_institutions(name, path)
        for name in ("POLICY_AREAS", "PRIMARY_POLICY_AREA"):
            self._read_policy_areas(name)
        for name in ("IRM_REPORT", "INCEPTION_REPORT", "END_OF_COMMITMENT_REPORT"):
            self._read_reports(name)
        for name in sorted(RATING_FIELDS):
            self._read_rating(name)
        self._read_ogp_values()
        self._read_date("COMMITMENT_START", "startsOn")
        self._read_date("COMMITMENT_END", "endsOn")
        self._read_summary()
        self._attribute_ratings()
        self._remark_oddities()
        return self

    def _text_of(self, span: Span) -> str:
        return self.text[span.start : span.end]

    def _add_fact(self, path: str, value: str | tuple[str, ...] | ExtractedRating, span: Span) -> None:
        self.facts[path] = ExtractedValue(value, span)

    def _remark(self, kind: str, span: Span) -> None:
        self.remarks.append(Remark(self.text.count("\n", 0, span.start) + 1, kind, self._text_of(span)[:200]))

    def _read_plan(self) -> None:
        if (span := self.header.value("ACTION_PLAN")) and not self.labels.is_listed(self._text_of(span), "not_a_plan"):
            self.plan_title = ExtractedValue(self._text_of(span), span)
        if not (span := self.header.value("ACTION_PLAN_CYCLE")):
            return
        if year := _CYCLE.search(self._text_of(span)):
            self.cycle = ExtractedValue(int(year.group()), Span(span.start + year.start(), span.start + year.end()))
        if not year or len(year.group()) < span.end - span.start:
            self._remark("odd-cycle", span)

    def _read_status(self) -> None:
        if not (span := self.header.value("STATUS")):
            return
        meanings = {found.meaning for found in self.labels.statuses.match_all(self._text_of(span)) or ()}
        if len(meanings) == 1:
            self._add_fact("status", str(*meanings), span)
        else:
            self._remark("unknown-status", span)

    def _read_institutions(self, name: str, path: str) -> None:
        if not (span := self.header.value(name)) or path in self.facts:
            return
        names = parse_institutions(self.header.fields[name].values, self._text_of(span), self.labels)
        self._add_fact(f"{path}/{self.labels.language}", names, span)
        if name == "INSTITUTIONS_INVOLVED":
            self._remark("institutions-undivided", span)

    def _read_policy_areas(self, name: str) -> None:
        if not (span := self.header.value(name)) or "policyAreas" in self.facts:
            return
        known, unknown = parse_policy_areas(self._text_of(span), self.labels)
        if known:
            self._add_fact("policyAreas", known, span)
        if unknown:
            self._add_fact(f"policyAreasUnrecognised/{self.labels.language}", unknown, span)
        for words in unknown:
            at = span.start + self._text_of(span).index(words)
            self._remark("unknown-policy-area", Span(at, at + len(words)))

    def _read_reports(self, name: str) -> None:
        path = f"irmReports/{self.labels.language}"
        if not (span := self.header.value(name)) or path in self.facts:
            return
        words = self._text_of(span)
        if self.labels.is_listed(words, "unspecified") or self.labels.is_listed(words, "nobody"):
            return
        if parse_rating(Indicator.VERIFIABLE, words, self.labels).state is not RatingState.UNRECOGNISED:
            return  # "Pending IRM Review": no report yet
        names = parse_report_names(words, self.labels) if name == "IRM_REPORT" else (words,)
        self._add_fact(path, names, span)
        if not self.labels.report_noun.search(words.casefold()):
            self._remark("odd-irm-report", span)

    def _read_rating(self, name: str) -> None:
        if not (span := self.header.value(name)):
            return
        indicator, words = Indicator(name), self._text_of(span)
        rating = parse_rating(indicator, words, self.labels)
        if rating.state is RatingState.UNRECOGNISED and name == "RELEVANCE" and self._add_ogp_value_ratings(span):
            return
        self._add_fact(f"ratings/{name}/{stage_of_indicator(name)}", rating, span)
        if rating.state is RatingState.UNRECOGNISED:
            self._remark("unknown-rating", span)

    def _add_ogp_value_ratings(self, span: Span) -> bool:
        """Say one rating for each OGP value in a list; tell whether there is any."""
        ratings, rest = parse_ogp_values(self._text_of(span), span.start, self.labels)
        for value, extracted in ratings.items():
            self.facts[f"ratings/RELEVANCE/DESIGN/{OgpValue(value)}"] = extracted
        if ratings and rest:
            self._remark("unknown-ogp-value", span)
        return bool(ratings)

    def _read_ogp_values(self) -> None:
        if (span := self.header.value("OGP_VALUE")) and not self._add_ogp_value_ratings(span):
            self._remark("unknown-ogp-value", span)

    def _read_date(self, name: str, path: str) -> None:
        if not (span := self.header.value(name)) or self.labels.is_listed(self._text_of(span), "unspecified"):
            return
        if date := parse_partial_date(self._text_of(span), self.labels.language):
            self._add_fact(path, date, span)
        else:
            self._remark("odd-date", span)

    def _read_summary(self) -> None:
        """Keep the sentences of an inception report's summary, which are the IRM's words."""
        if lines := self.header.summary:
            span = Span(lines[0].start, lines[-1].end)
            self.narratives[f"narratives/DESIGN/INCEPTION_REPORT_SUMMARY/{self.labels.language}"] = ExtractedValue(
                self._text_of(span), span
            )

    def _attribute_ratings(self) -> None:
        """Where the review names one report, its ratings are that report's."""
        reports = self.facts.get(f"irmReports/{self.labels.language}")
        if reports is None or not isinstance(reports.value, tuple) or len(reports.value) != 1:
            return
        for path, extracted in self.facts.items():
            rating = extracted.value
            if isinstance(rating, ExtractedRating) and rating.state is RatingState.RATED:
                attributed = ExtractedRating(rating.state, rating.value, rating.stated_as, reports.value[0])
                self.facts[path] = ExtractedValue(attributed, extracted.span)

    def _remark_oddities(self) -> None:
        """Remark what is well-formed and still doubtful."""
        relevance = self.facts.get("ratings/RELEVANCE/DESIGN")
        said_no = relevance and isinstance(relevance.value, ExtractedRating) and relevance.value.value is RatingValue.NO
        if relevance and said_no and f"irmReports/{self.labels.language}" not in self.facts:
            self._remark("site-default", relevance.span)  # "Not Relevant" while nothing was reviewed yet
        if not self.header.fields.keys() & {"POLICY_AREAS", "PRIMARY_POLICY_AREA"}:
            self._remark("header-incomplete", Span(self.header.body, self.header.body))
        for name in _UNSUPPORTED_FIELDS:
            if span := self.header.value(name):
                self._remark("field-without-place", span)
        for name, found in self.header.fields.items():
            if name in HEADINGS - {"POLICY_AREAS"} and found.span:
                self._remark("value-of-heading", found.span)


_INSTITUTION_PATHS = (
    ("LEAD_INSTITUTION", "leadInstitutions"),
    ("INSTITUTIONS_INVOLVED", "leadInstitutions"),
    ("SUPPORT_INSTITUTIONS", "supportingInstitutions"),
)
