"""Members, their plans, commitments, milestones, ratings and narratives: the things people ask about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, TypeVar

import strawberry

from ogpgraph.domain import commitment as commitments
from ogpgraph.domain.subject import Subject as State
from ogpgraph.domain.vocabulary import CommitmentStatus, Indicator, MemberStatus, PlanStatus, Stage
from ogpgraph.domain.vocabulary import Finding as FindingKind
from ogpgraph.graphql.connection import After, Before, Connection, First, Last, connected, wanted_slice
from ogpgraph.graphql.database import (
    CoCreationFact,
    DatabaseColumn,
    Finding,
    PolicyAreasWithout,
    ReportYear,
    areas_without_of,
    co_creation_of,
    columns_of,
    findings_of,
    report_years_of,
)
from ogpgraph.graphql.facets import Dimension, Every, Facet, Period, TimelinePoint, facets_of, timeline_of
from ogpgraph.graphql.filters import ActionPlanFilter, CommitmentFilter, Filter
from ogpgraph.graphql.orders import ActionPlanOrder, CommitmentOrder, order_of
from ogpgraph.graphql.parts import (
    Milestone,
    Narrative,
    Rating,
    date_of,
    narrative_node,
    rating_node,
    rating_order,
    word_of,
)
from ogpgraph.graphql.record import Language, Subject
from ogpgraph.graphql.scalars import Moment, PartialDate
from ogpgraph.readmodel.lists import EVERYONE, Listing
from ogpgraph.readmodel.paging import Slice
from ogpgraph.readmodel.projection import is_starred
from ogpgraph.readmodel.snapshot import Snapshot

S = TypeVar("S", bound=Subject)
_STAGES = list(Stage)


def listing_of(
    kind: str, where: Filter | None, order_by: list[Any] | None, snapshot: Snapshot, parent: str | None = None
) -> Listing:
    """Return the list that the arguments of a connection ask for."""
    return Listing(kind, where.condition(snapshot) if where else EVERYONE, order_of(order_by), parent)


def list_of(node: type[S], snapshot: Snapshot, listing: Listing, parent: State | None, wanted: Slice) -> Connection[S]:
    """Return the connection over a list of subjects, or over a parent's part of it."""
    return Connection(**_connected(node, snapshot, listing, parent, wanted))


def commitments_of(snapshot: Snapshot, listing: Listing, parent: State | None, wanted: Slice) -> CommitmentConnection:
    """Return the connection over a list of commitments, which can be counted too."""
    connected = _connected(Commitment, snapshot, listing, parent, wanted)
    return CommitmentConnection(**connected, snapshot=snapshot, listing=listing, parent=parent)


def _connected(
    node: type[Subject], snapshot: Snapshot, listing: Listing, parent: State | None, wanted: Slice
) -> dict[str, Any]:
    return connected(
        lambda: snapshot.page_of_parent(parent, listing, wanted) if parent else snapshot.page(listing, wanted),
        lambda state: node.of(state, snapshot),
        lambda: snapshot.number(listing, parent),
    )


@strawberry.type(description="A national or local government that takes part in the Open Government Partnership.")
class Member(Subject):
    """A member."""

    KIND: ClassVar[str] = "member"

    @strawberry.field(description="OGP's code of the member, such as FRA, or GBSC for a local government.")
    def code(self) -> str | None:
        """Return the code."""
        return self._text("code")

    @strawberry.field(description="The letters that its commitments' codes begin with, such as FR.")
    def prefix(self) -> str | None:
        """Return the prefix."""
        return self._text("prefix")

    @strawberry.field(description="NATIONAL or LOCAL.")
    def type(self) -> str | None:
        """Return the sort of government."""
        return self._text("type")

    @strawberry.field(
        description="How OGP's database sorts it: National, Legacy Local (the pilots of 2016 to 2020) or Other, as "
        "published."
    )
    def category(self) -> str | None:
        """Return the category."""
        return self._text("category")

    @strawberry.field(description="OGP's region: Europe, Americas, Asia and the Pacific, Africa and the Middle East.")
    def region(self) -> str | None:
        """Return the region."""
        return self._text("region")

    @strawberry.field(description="The member's name.")
    def name(self, language: Language = None) -> str | None:
        """Return the name."""
        return self._wording("name", language)

    @strawberry.field(description="Its standing in the partnership, where a decision is recorded.")
    def status(self) -> MemberStatus | None:
        """Return the status."""
        return word_of(MemberStatus, self._text("status"))

    @strawberry.field(description="Since when it is a member.")
    def joined_on(self) -> PartialDate | None:
        """Return the day of joining."""
        return date_of(self._text("joinedOn"))

    @strawberry.field(description="Its action plans, by cycle.")
    def action_plans(
        self,
        where: ActionPlanFilter | None = None,
        order_by: list[ActionPlanOrder] | None = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[ActionPlan]:
        """Return the member's plans."""
        listing = listing_of("plan", where, order_by, self.snapshot, parent="member")
        wanted = wanted_slice(first, after, last, before, listing.order)
        return list_of(ActionPlan, self.snapshot, listing, self.state, wanted)

    @strawberry.field(description="Its commitments, by code.")
    def commitments(
        self,
        where: CommitmentFilter | None = None,
        order_by: list[CommitmentOrder] | None = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> CommitmentConnection:
        """Return the member's commitments."""
        listing = listing_of("commitment", where, order_by, self.snapshot, parent="member")
        wanted = wanted_slice(first, after, last, before, listing.order)
        return commitments_of(self.snapshot, listing, self.state, wanted)


@strawberry.type(
    description="What a member hands in each cycle: a plan of commitments; without a title while only its cycle is "
    "known."
)
class ActionPlan(Subject):
    """An action plan."""

    KIND: ClassVar[str] = "plan"

    @strawberry.field(description="The plan's key: the member's code and the cycle.")
    def code(self) -> str | None:
        """Return the key."""
        return self._text("code")

    @strawberry.field(description="Which of the member's plans it is, counted from the first.")
    def number(self) -> int | None:
        """Return the number."""
        return _number(self.state.value("number"))

    @strawberry.field(description="OGP's own id of the plan, such as AP_ALB01.")
    def published_id(self) -> str | None:
        """Return OGP's id."""
        return self._text("publishedId")

    @strawberry.field(description="Over how many years it runs, as OGP's database says.")
    def duration_years(self) -> int | None:
        """Return the duration."""
        return _number(self.state.value("durationYears"))

    @strawberry.field(description="The plan's name as published; null while only the cycle is known.")
    def title(self, language: Language = None) -> str | None:
        """Return the title."""
        return self._wording("title", language)

    @strawberry.field(description="The year of submission, which is not always the first year of the name.")
    def cycle(self) -> int | None:
        """Return the cycle."""
        return _number(self.state.value("cycle"))

    @strawberry.field(description="When the plan's period begins.")
    def starts_on(self) -> PartialDate | None:
        """Return the beginning."""
        return date_of(self._text("startsOn"))

    @strawberry.field(description="When the plan's period ends, extensions included.")
    def ends_on(self) -> PartialDate | None:
        """Return the end."""
        return date_of(self._text("endsOn"))

    @strawberry.field(
        description="How the public took part in making the plan and in carrying it out, in the IRM's judgement. What "
        "was never stated is not here."
    )
    def co_creation(self) -> list[CoCreationFact]:
        """Return the facts of co-creation."""
        return co_creation_of(self)

    @strawberry.field(description="Whether it is running or concluded, where that is recorded.")
    def status(self) -> PlanStatus | None:
        """Return the status."""
        return word_of(PlanStatus, self._text("status"))

    @strawberry.field(description="The member whose plan it is.")
    def member(self) -> Member | None:
        """Return the member."""
        return self._related(Member, "member")

    @strawberry.field(description="Its commitments, by code.")
    def commitments(
        self,
        where: CommitmentFilter | None = None,
        order_by: list[CommitmentOrder] | None = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> CommitmentConnection:
        """Return the plan's commitments."""
        listing = listing_of("commitment", where, order_by, self.snapshot, parent="actionPlan")
        wanted = wanted_slice(first, after, last, before, listing.order)
        return commitments_of(self.snapshot, listing, self.state, wanted)


@strawberry.type(description="What a government promised in an action plan, and what became of it.")
class Commitment(Subject):
    """A commitment."""

    KIND: ClassVar[str] = "commitment"

    @strawberry.field(
        description="The commitment's present code, such as FR0043; where it has none, since it is known from files "
        "without codes alone, its `key`. Either finds it."
    )
    def code(self) -> str:
        """Return the code."""
        return self._text("code") or self._text("key") or ""

    @strawberry.field(
        description="The record's own key of a commitment that a file named without a code: the member's code, the "
        "number of the plan, and eight digits made of its title. It keeps its key when its code becomes known."
    )
    def key(self) -> str | None:
        """Return the key."""
        return self._text("key")

    @strawberry.field(description="Codes it had before; they still find it.")
    def former_codes(self) -> list[str]:
        """Return the former codes."""
        return _list(self.state.value("formerCodes"))

    @strawberry.field(description="Its number in the plan, as published; null where only lists of siblings are known.")
    def number(self) -> str | None:
        """Return the number."""
        return self._text("number")

    @strawberry.field(description="Its title.")
    def title(self, language: Language = None) -> str | None:
        """Return the title."""
        return self._wording("title", language)

    @strawberry.field(description="The government's own text.")
    def description(self, language: Language = None) -> str | None:
        """Return the description."""
        return self._wording("description", language)

    @strawberry.field(
        description="The plan's text as the IRM quotes it: the government's words, apart from the IRM's own."
    )
    def commitment_text(self, language: Language = None) -> str | None:
        """Return the quoted text."""
        return self._wording("commitmentText", language)

    @strawberry.field(description="The languages its title or description is known in, as lower-case codes.")
    def languages(self) -> list[str]:
        """Return the languages."""
        return sorted(commitments.languages_of(self.state))

    @strawberry.field(description="Whether it is being worked on, as its page says.")
    def status(self) -> CommitmentStatus | None:
        """Return the status."""
        return word_of(CommitmentStatus, self._text("status"))

    @strawberry.field(description="The year its plan was submitted.")
    def cycle(self) -> int | None:
        """Return the cycle."""
        return _number(self.state.value("cycle"))

    @strawberry.field(description="When work on it begins.")
    def starts_on(self) -> PartialDate | None:
        """Return the beginning."""
        return date_of(self._text("startsOn"))

    @strawberry.field(description="When it is due.")
    def ends_on(self) -> PartialDate | None:
        """Return the end."""
        return date_of(self._text("endsOn"))

    @strawberry.field(description="Whether nothing is known of it but what other pages of its member list.")
    def listed_only(self) -> bool:
        """Tell whether it is known from lists of siblings only."""
        return commitments.is_listed_only(self.state)

    @strawberry.field(description="The plan it belongs to.")
    def action_plan(self) -> ActionPlan | None:
        """Return the plan."""
        return self._related(ActionPlan, "actionPlan")

    @strawberry.field(description="The member that made it.")
    def member(self) -> Member | None:
        """Return the member."""
        return self._related(Member, "member")

    @strawberry.field(description="Who leads it, as published.")
    def lead_institutions(self, language: Language = None) -> list[str]:
        """Return the lead institutions."""
        return self._wordings("leadInstitutions", language)

    @strawberry.field(description="Who supports it, as published; empty where there is nobody.")
    def supporting_institutions(self, language: Language = None) -> list[str]:
        """Return the supporting institutions."""
        return self._wordings("supportingInstitutions", language)

    @strawberry.field(
        description="OGP's policy areas in the vocabulary's words, then those no vocabulary knows, as published."
    )
    def policy_areas(self) -> list[str]:
        """Return the policy areas."""
        return [*_list(self.state.value("policyAreas")), *self._wordings("policyAreasUnrecognised", None)]

    @strawberry.field(
        description="Policy areas of which OGP's database says neither that they are the commitment's nor that they "
        "are not, by why not. An area that is in neither list is said not to be the commitment's, or not asked about."
    )
    def policy_areas_without(self) -> list[PolicyAreasWithout]:
        """Return the policy areas of which nothing is said."""
        return areas_without_of(self)

    @strawberry.field(description="Which of its member's action plans it belongs to, counted from the first.")
    def plan_number(self) -> int | None:
        """Return the number of the plan."""
        return _number(self.state.value("planNumber"))

    @strawberry.field(description="The heading of the plan under which it stands.")
    def theme(self, language: Language = None) -> str | None:
        """Return the theme."""
        return self._wording("theme", language)

    @strawberry.field(description="Its title as OGP's database shortens it.")
    def short_title(self, language: Language = None) -> str | None:
        """Return the short title."""
        return self._wording("shortTitle", language)

    @strawberry.field(
        description="With which commitments of its plan the IRM grouped it in its report, as published: numbers of "
        "commitments, a letter, 0 for none; ND, NR and NA as they stand."
    )
    def cluster(self) -> str | None:
        """Return the cluster."""
        return self._text("cluster")

    @strawberry.field(
        description="The codes of the commitments that the IRM reviewed as one with it, its own among them; what it "
        "found is then said of all of them (action plan reviews, plans since 2020)."
    )
    def cluster_commitments(self) -> list[str]:
        """Return the codes of the cluster."""
        return _list(self.state.value("clusterCommitments"))

    @strawberry.field(description="When the IRM's reports on it came out, by stage.")
    def report_years(self) -> list[ReportYear]:
        """Return the years of the reports."""
        return report_years_of(self)

    @strawberry.field(
        description="What OGP's database states of it besides the IRM's indicators. What was never stated is not here."
    )
    def findings(
        self,
        kind: Annotated[list[FindingKind] | None, strawberry.argument(description="Only these kinds.")] = None,
    ) -> list[Finding]:
        """Return the findings."""
        return findings_of(self, kind)

    @strawberry.field(
        description="Whether the next action plan carries it forward, in the IRM's judgement at the end of its own; "
        "the successor itself, where it is known, is in `successors`."
    )
    def carried_forward(self) -> Finding | None:
        """Return whether it was carried forward."""
        return next(iter(findings_of(self, [FindingKind.CARRIED_FORWARD])), None)

    @strawberry.field(
        description="Columns of OGP's database for which the record has no word of its own, as published; among them "
        "START_DATE and END_DATE where the cell is no date, or one that can be read in two ways."
    )
    def database_columns(self) -> list[DatabaseColumn]:
        """Return the columns as published."""
        return columns_of(self)

    @strawberry.field(description="The IRM reports named for it.")
    def irm_reports(self, language: Language = None) -> list[str]:
        """Return the names of the reports."""
        return self._wordings("irmReports", language)

    @strawberry.field(description="Its milestones, by number.")
    def milestones(self) -> list[Milestone]:
        """Return the milestones."""
        numbers = commitments.milestone_numbers(self.state)
        return [Milestone(number=number, owner=self) for number in numbers]

    @strawberry.field(
        description="What the IRM says of each indicator. An indicator of which nothing was said is not here."
    )
    def ratings(
        self,
        indicator: Annotated[list[Indicator] | None, strawberry.argument(description="Only these indicators.")] = None,
        stage: Annotated[list[Stage] | None, strawberry.argument(description="Only these stages.")] = None,
    ) -> list[Rating]:
        """Return the ratings in the declared order of indicators, stages and OGP values."""
        ratings = (rating_node(self, path, claim) for path, claim in self.state.under("ratings/"))
        chosen = [r for r in ratings if (not indicator or r.indicator in indicator) and (not stage or r.stage in stage)]
        return sorted(chosen, key=rating_order)

    @strawberry.field(description="What the IRM says of one indicator at the latest stage at which it said anything.")
    def rating(
        self, indicator: Annotated[Indicator, strawberry.argument(description="The indicator.")]
    ) -> Rating | None:
        """Return the latest rating of an indicator, the overall one before those about one OGP value."""
        ratings = [
            rating_node(self, path, claim) for path, claim in self.state.under(f"ratings/{Indicator(indicator)}/")
        ]
        return max(ratings, key=lambda r: (_STAGES.index(r.stage), r.ogp_value is None), default=None)

    @strawberry.field(
        description="Whether the IRM starred it: false also while that is pending; the indicator STARRED tells which."
    )
    def starred(self) -> bool:
        """Tell whether the commitment has a star."""
        return is_starred(self.state)

    @strawberry.field(description="What the IRM wrote on it, section by section, in one language.")
    def narratives(self, language: Language = None) -> list[Narrative]:
        """Return the sections of the IRM's text."""
        sections = dict.fromkeys(path.rpartition("/")[0] for path, _ in self.state.under("narratives/"))
        return [narrative for section in sections if (narrative := narrative_node(self, section, language))]

    @strawberry.field(description="The commitments that it carries forward.")
    def predecessors(self) -> list[Commitment]:
        """Return the predecessors."""
        return self._linked("predecessors")

    @strawberry.field(description="The commitments that carry it forward.")
    def successors(self) -> list[Commitment]:
        """Return the successors."""
        return self._linked("successors")

    @strawberry.field(description="The commitment that it turned out to be, where two were merged.")
    def merged_into(self) -> Commitment | None:
        """Return the commitment that remained."""
        return self._related(Commitment, "mergedInto")

    @strawberry.field(description="The commitment that it was a part of, where one was split.")
    def split_from(self) -> Commitment | None:
        """Return the former whole."""
        return self._related(Commitment, "splitFrom")

    @strawberry.field(description="The commitments that it was split into.")
    def split_into(self) -> list[Commitment]:
        """Return the parts."""
        return self._linked("splitInto")

    def _linked(self, path: str) -> list[Commitment]:
        found = self.snapshot.all_related(self.state, lambda each: _list(each.value(path)))
        return [Commitment.of(each, self.snapshot) for each in found]


@strawberry.type(description="A page of a list of commitments, and its counts.")
class CommitmentConnection(Connection[Commitment]):
    """A list of commitments that can be counted by dimensions, now and over time."""

    snapshot: strawberry.Private[Snapshot]
    listing: strawberry.Private[Listing]
    parent: strawberry.Private[State | None]

    @strawberry.field(description="How many commitments of the whole list have each value of some dimensions.")
    def facets(
        self,
        dimensions: Annotated[list[Dimension], strawberry.argument(description="What to count by.")],
        across: Annotated[
            Dimension | None, strawberry.argument(description="Split each count by this dimension too.")
        ] = None,
        except_own: Annotated[
            bool, strawberry.argument(description="Count each dimension as if the list were not filtered by it.")
        ] = False,
    ) -> list[Facet]:
        """Return the counts of the list."""
        owned = self.snapshot.selection(Listing("commitment", parent=self.listing.parent), self.parent)
        return facets_of(self.snapshot, self.listing, owned, dimensions, across, except_own=except_own)

    @strawberry.field(
        description="The list as it was at the ends of past periods and is at the end, counted by a dimension. The "
        "filter is asked anew at each moment, but titles are looked up at the position that is read."
    )
    def timeline(
        self,
        dimension: Annotated[Dimension, strawberry.argument(description="What to count by.")],
        every: Annotated[Every, strawberry.argument(description="How far the moments lie apart.")] = Every.YEAR,
        from_: Annotated[
            Moment | None,
            strawberry.argument(name="from", description="The first period; left out, that of the first entry."),
        ] = None,
        until: Annotated[
            Moment | None,
            strawberry.argument(description="The last moment; left out, that of the position that is read."),
        ] = None,
    ) -> list[TimelinePoint]:
        """Return the counts at past moments."""
        return timeline_of(self.snapshot, self.listing, self.parent, dimension, Period(from_, until, every))


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _list(value: object) -> list[str]:
    return list(value) if isinstance(value, tuple) else []


def types() -> Iterable[type]:
    """Return the types that are reached only through interfaces."""
    return (Member, ActionPlan, Commitment)
