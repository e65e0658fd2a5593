"""Commitments: what a government promised, what the IRM says of it, and which others it came from or became."""

from __future__ import annotations

from typing import Annotated, ClassVar, cast

import strawberry

from ogpgraph.domain import commitment as commitments
from ogpgraph.domain.subject import Subject as State
from ogpgraph.domain.vocabulary import CommitmentStatus, Indicator, Stage
from ogpgraph.graphql.database import InDatabase
from ogpgraph.graphql.milestone import Milestone
from ogpgraph.graphql.narrative import Narrative, narrative_node
from ogpgraph.graphql.node import LazyActionPlan, LazyMember
from ogpgraph.graphql.rating import Rating, rating_node, rating_order
from ogpgraph.graphql.scalars import PartialDate, date_of, word_of
from ogpgraph.graphql.subject import Subject
from ogpgraph.graphql.wordings import Language
from ogpgraph.readmodel.projection import is_starred

_STAGES = list(Stage)


@strawberry.type(description="What a government promised in an action plan, and what became of it.")
class Commitment(InDatabase):
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
        return self._list("formerCodes")

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
        return self._number("cycle")

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
    def action_plan(self) -> LazyActionPlan | None:
        """Return the plan."""
        return cast("LazyActionPlan | None", self._related(Subject, "actionPlan"))

    @strawberry.field(description="The member that made it.")
    def member(self) -> LazyMember | None:
        """Return the member."""
        return cast("LazyMember | None", self._related(Subject, "member"))

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
        return [*self._list("policyAreas"), *self._wordings("policyAreasUnrecognised", None)]

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
        found = self.snapshot.all_related(self.state, lambda each: _streams_at(path, each))
        return [Commitment.of(each, self.snapshot) for each in found]


def _streams_at(path: str, state: State) -> tuple[str, ...]:
    value = state.value(path)
    return value if isinstance(value, tuple) else ()
