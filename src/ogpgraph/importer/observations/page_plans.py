"""Records what a page and its list state of action plans, and finds the plan that a page belongs to.

A plan is known by its member and cycle. It keeps its name where a page has only the beginning of that.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import partial

from msgspec import structs

from ogpgraph.domain.action_plan import register_action_plan
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.event import Facts, Origin
from ogpgraph.domain.unit_of_work import Provenance, UnitOfWork
from ogpgraph.domain.values import Interval, Observation, TextValue
from ogpgraph.importer.observations.differences import IsCutOff, IsSame, SourceStatements, says_none
from ogpgraph.importer.observations.observation import ObservationOutcome
from ogpgraph.importer.observations.page_quotes import page_says, plan_spans, quote_page_again
from ogpgraph.importer.observations.shared_facts import record_shared_facts
from ogpgraph.importer.observations.value_equivalence import TextLookup, is_cut_off_in_page, is_equal_in_layout
from ogpgraph.importer.pages.extraction import PageReading, Remark
from ogpgraph.importer.pages.labels import shipped_labels
from ogpgraph.importer.pages.values import parse_plan_month

_LAYOUT_WITHOUT_CYCLE = "L5"


def cut_off_remarks(paths: Iterable[str], about: str) -> list[Remark]:
    """Return a remark for each path at which the end of what was stated before is missing."""
    return [
        Remark(0, "cut-off", f"{about}{path}: the end of what was stated before is missing; not recorded")
        for path in paths
    ]


class PagePlans:
    """Records the plans of one page; `remarks` gets what is not recorded."""

    def __init__(
        self,
        uow: UnitOfWork,
        page: PageReading,
        stored_text: TextLookup,
        lookup_text: TextLookup,
        remarks: list[Remark],
    ) -> None:
        self._uow = uow
        self._page = page
        self._stored_text = stored_text
        self._lookup_text = lookup_text
        self._remarks = remarks
        self._is_same: IsSame = partial(is_equal_in_layout, lookup_text)
        self._is_cut_off: IsCutOff = partial(is_cut_off_in_page, lookup_text)

    def reconcile(self, member: Aggregate, facts: Facts, outcome: ObservationOutcome) -> str | None:
        """Record what the page states of its plan; return its stream, None where the page names no cycle or year."""
        title, cycle = self._page.plan_title, self._page.cycle
        year = str(cycle.value) if cycle else self._plan_year_without_cycle(member, facts)
        if year is None:
            if title:
                text = f"{title.value}: the page names no cycle, by which a plan is known; not recorded"
                self._remarks.append(Remark(title.span.line_number(self._page.text), "plan-unknown", text))
            return None
        if cycle:
            facts["cycle"] = int(str(cycle.value))
        month = parse_plan_month(str(title.value), shipped_labels().get(self._page.language)) if title else None
        provenance = outcome.provenance(Origin.HEADER, plan_spans(self._page))
        return self.find_or_register(member, str(year), facts, provenance, outcome, month)

    def _plan_year_without_cycle(self, member: Aggregate, facts: Facts) -> str | None:
        """Return the year of the plan of a page whose header names no cycle: pages of local members have none.

        On others the line is lost. The first year of a title is often another one than the cycle: where the plan of
        the commitment is known, it counts only if there is such a plan.
        """
        entry = self._page.siblings.find_entry(self._page.code) if self._page.siblings else None
        first = facts.get("startsOn")
        is_local = self._page.layout.startswith(_LAYOUT_WITHOUT_CYCLE)
        if entry and not is_local:
            return str(entry.cycle)
        if not first or is_local or self._uow.resolve_code("plan", f"{member.string('code')}-{first}"):
            return str(first) if first else None
        commitment = self._uow.resolve_code("commitment", self._page.code)
        has_plan = commitment is not None and self._uow.aggregate(commitment).string("actionPlan") is not None
        return None if has_plan else str(first)

    def find_or_register(
        self,
        member: Aggregate,
        year: str,
        facts: Facts,
        provenance: Provenance,
        outcome: ObservationOutcome,
        month: int | None = None,
    ) -> str:
        """Record what a page or list states of the plan of a year, which may be a new one; return its stream."""
        code = f"{member.string('code')}-{year}"
        stream = self._uow.resolve_code("plan", code)
        if stream and month and self._plan_month(stream) not in (month, None):
            code = f"{code}-{month:02}"  # the second plan of a year
            stream = self._uow.resolve_code("plan", code)
        facts = {"member": member.id, **facts}
        if stream is None:
            first_stated = structs.replace(provenance, changed_between=Interval(before=outcome.moment))
            return register_action_plan(self._uow, code, facts, first_stated).id
        if self._uow.aggregate(stream).string("code") in (None, code):
            facts = {"code": code, **facts}
        says = says_none if provenance.origin is Origin.SIBLING_LIST else partial(self._named_plan, outcome, stream)
        again = partial(quote_page_again, self._stored_text, plan_spans)
        cut_off = self._cut_off_titles(self._uow.aggregate(stream), facts)
        facts = {path: value for path, value in facts.items() if path not in cut_off}
        cut_off += record_shared_facts(
            self._uow,
            stream,
            facts,
            provenance,
            outcome,
            self._is_same,
            says,
            quote_again=again,
            is_cut_off=self._is_cut_off,
        )
        self._remarks += cut_off_remarks(cut_off, f"{code} ")
        return stream

    def _cut_off_titles(self, plan: Aggregate, facts: Facts) -> tuple[str, ...]:
        """Return the paths of titles that are the beginning of what other pages call the plan."""
        titles = {path: value for path, value in facts.items() if path.startswith("title/") and value is not None}
        current = {path: plan.value(path) for path in titles}
        return tuple(
            path for path, value in titles.items() if (known := current[path]) and self._is_cut_off(path, value, known)
        )

    def _named_plan(
        self, outcome: ObservationOutcome, plan: str, path: str, time: datetime, recorded: Observation
    ) -> bool:
        """Return whether the page, observed at a time, stated something at a path of a plan: that it had then."""
        commitment = self._uow.resolve_code("commitment", self._page.code)
        if commitment is None or not page_says(self._stored_text, plan_spans, path, time, recorded):
            return False
        return SourceStatements(self._uow, commitment, Origin.HEADER, outcome).value_at("actionPlan", time) == plan

    def _plan_month(self, plan: str) -> int | None:
        """Return the month that a plan's title ends in, in whatever language the title is known."""
        for path, claim in self._uow.aggregate(plan).claims_under("title/"):
            title = self._lookup_text(claim.value.text) if isinstance(claim.value, TextValue) else None
            if month := parse_plan_month(title or "", shipped_labels().get(path.rpartition("/")[2])):
                return month
        return None
