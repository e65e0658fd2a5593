"""What the fields of the header zone say, as facts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ogpgraph.domain.vocabulary import Indicator, OgpValue, RatingState, RatingValue, Stage
from ogpgraph.importer.dates import partial_date
from ogpgraph.importer.fields import RATINGS
from ogpgraph.importer.glue import HEADINGS
from ogpgraph.importer.header import Header
from ogpgraph.importer.labels import Labels
from ogpgraph.importer.reading import Facts, RatingSaid, Remark, Said, Span
from ogpgraph.importer.values import institutions_of, ogp_values_of, policy_areas_of, rating_of, reports_of

_AT_DESIGN = frozenset(
    ("VERIFIABLE", "SPECIFICITY", "RELEVANCE", "POTENTIAL_IMPACT", "AMBITION", "POTENTIAL_FOR_RESULTS")
)
_CYCLE = re.compile(r"(?:19|20)\d\d")
_WITHOUT_PLACE = ("PRIMARY_SECTOR",)  # fields of local pages that the record has no path for


def stage_of(indicator: str) -> Stage:
    """Return the stage that the header speaks of: what is read off the plan is design, the rest are results."""
    return Stage.DESIGN if indicator in _AT_DESIGN else Stage.RESULTS


@dataclass(slots=True)
class HeaderFacts:
    """Collects facts and remarks from one header."""

    text: str
    header: Header
    labels: Labels
    facts: Facts = field(default_factory=dict)
    narratives: Facts = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    plan_title: Said | None = None
    cycle: Said | None = None

    def read(self) -> HeaderFacts:
        self.remarks.extend(self.header.remarks)
        self._plan()
        self._status()
        for name, path in _INSTITUTION_PATHS:
            self._institutions(name, path)
        for name in ("POLICY_AREAS", "PRIMARY_POLICY_AREA"):
            self._policy_areas(name)
        for name in ("IRM_REPORT", "INCEPTION_REPORT", "END_OF_COMMITMENT_REPORT"):
            self._reports(name)
        for name in sorted(RATINGS):
            self._rating(name)
        self._ogp_values()
        self._date("COMMITMENT_START", "startsOn")
        self._date("COMMITMENT_END", "endsOn")
        self._summary()
        self._attribute()
        self._remark_oddities()
        return self

    def _words(self, span: Span) -> str:
        return self.text[span.start : span.end]

    def _say(self, path: str, value: str | tuple[str, ...] | RatingSaid, span: Span) -> None:
        self.facts[path] = Said(value, span)

    def _remark(self, kind: str, span: Span) -> None:
        self.remarks.append(Remark(self.text.count("\n", 0, span.start) + 1, kind, self._words(span)[:200]))

    def _plan(self) -> None:
        if (span := self.header.value("ACTION_PLAN")) and not self.labels.one_of(self._words(span), "not_a_plan"):
            self.plan_title = Said(self._words(span), span)
        if not (span := self.header.value("ACTION_PLAN_CYCLE")):
            return
        if year := _CYCLE.search(self._words(span)):
            self.cycle = Said(int(year.group()), Span(span.start + year.start(), span.start + year.end()))
        if not year or len(year.group()) < span.end - span.start:
            self._remark("odd-cycle", span)

    def _status(self) -> None:
        if not (span := self.header.value("STATUS")):
            return
        meanings = {found.meaning for found in self.labels.statuses.all_of(self._words(span)) or ()}
        if len(meanings) == 1:
            self._say("status", str(*meanings), span)
        else:
            self._remark("unknown-status", span)

    def _institutions(self, name: str, path: str) -> None:
        if not (span := self.header.value(name)) or path in self.facts:
            return
        names = institutions_of(self.header.fields[name].values, self._words(span), self.labels)
        self._say(f"{path}/{self.labels.language}", names, span)
        if name == "INSTITUTIONS_INVOLVED":
            self._remark("institutions-undivided", span)

    def _policy_areas(self, name: str) -> None:
        if not (span := self.header.value(name)) or "policyAreas" in self.facts:
            return
        known, unknown = policy_areas_of(self._words(span), self.labels)
        if known:
            self._say("policyAreas", known, span)
        if unknown:
            self._say(f"policyAreasUnrecognised/{self.labels.language}", unknown, span)
        for words in unknown:
            at = span.start + self._words(span).index(words)
            self._remark("unknown-policy-area", Span(at, at + len(words)))

    def _reports(self, name: str) -> None:
        path = f"irmReports/{self.labels.language}"
        if not (span := self.header.value(name)) or path in self.facts:
            return
        words = self._words(span)
        if self.labels.one_of(words, "unspecified") or self.labels.one_of(words, "nobody"):
            return
        if rating_of(Indicator.VERIFIABLE, words, self.labels).state is not RatingState.UNRECOGNISED:
            return  # "Pending IRM Review": no report yet
        names = reports_of(words, self.labels) if name == "IRM_REPORT" else (words,)
        self._say(path, names, span)
        if not self.labels.report_noun.search(words.casefold()):
            self._remark("odd-irm-report", span)

    def _rating(self, name: str) -> None:
        if not (span := self.header.value(name)):
            return
        indicator, words = Indicator(name), self._words(span)
        rating = rating_of(indicator, words, self.labels)
        if rating.state is RatingState.UNRECOGNISED and name == "RELEVANCE" and self._values_of(span):
            return
        self._say(f"ratings/{name}/{stage_of(name)}", rating, span)
        if rating.state is RatingState.UNRECOGNISED:
            self._remark("unknown-rating", span)

    def _values_of(self, span: Span) -> bool:
        """Say one rating for each OGP value in a list; tell whether there is any."""
        ratings, rest = ogp_values_of(self._words(span), span.start, self.labels)
        for value, said in ratings.items():
            self.facts[f"ratings/RELEVANCE/DESIGN/{OgpValue(value)}"] = said
        if ratings and rest:
            self._remark("unknown-ogp-value", span)
        return bool(ratings)

    def _ogp_values(self) -> None:
        if (span := self.header.value("OGP_VALUE")) and not self._values_of(span):
            self._remark("unknown-ogp-value", span)

    def _date(self, name: str, path: str) -> None:
        if not (span := self.header.value(name)) or self.labels.one_of(self._words(span), "unspecified"):
            return
        if date := partial_date(self._words(span), self.labels.language):
            self._say(path, date, span)
        else:
            self._remark("odd-date", span)

    def _summary(self) -> None:
        """Keep the sentences of an inception report's summary, which are the IRM's words."""
        if lines := self.header.summary:
            span = Span(lines[0].start, lines[-1].end)
            self.narratives[f"narratives/DESIGN/INCEPTION_REPORT_SUMMARY/{self.labels.language}"] = Said(
                self._words(span), span
            )

    def _attribute(self) -> None:
        """Where the review names one report, its ratings are that report's."""
        reports = self.facts.get(f"irmReports/{self.labels.language}")
        if reports is None or not isinstance(reports.value, tuple) or len(reports.value) != 1:
            return
        for path, said in self.facts.items():
            rating = said.value
            if isinstance(rating, RatingSaid) and rating.state is RatingState.RATED:
                attributed = RatingSaid(rating.state, rating.value, rating.stated_as, reports.value[0])
                self.facts[path] = Said(attributed, said.span)

    def _remark_oddities(self) -> None:
        """Remark what is well-formed and still doubtful."""
        relevance = self.facts.get("ratings/RELEVANCE/DESIGN")
        said_no = relevance and isinstance(relevance.value, RatingSaid) and relevance.value.value is RatingValue.NO
        if relevance and said_no and f"irmReports/{self.labels.language}" not in self.facts:
            self._remark("site-default", relevance.span)  # "Not Relevant" while nothing was reviewed yet
        if not self.header.fields.keys() & {"POLICY_AREAS", "PRIMARY_POLICY_AREA"}:
            self._remark("header-incomplete", Span(self.header.body, self.header.body))
        for name in _WITHOUT_PLACE:
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
