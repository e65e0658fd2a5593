"""Action plans: what a member hands in each cycle, with how it came about and its commitments."""

from __future__ import annotations

from typing import ClassVar, cast

import strawberry

from ogpgraph.domain.vocabulary import CoCreation, CoCreationValue, PlanStatus
from ogpgraph.graphql.commitment_connection import CommitmentConnection, commitments_of
from ogpgraph.graphql.connection import After, Before, First, Last, wanted_slice
from ogpgraph.graphql.filters import CommitmentFilter
from ogpgraph.graphql.lists import listing_of
from ogpgraph.graphql.node import LazyMember
from ogpgraph.graphql.orders import CommitmentOrder
from ogpgraph.graphql.scalars import PartialDate, date_of, word_of
from ogpgraph.graphql.subject import Subject
from ogpgraph.graphql.wordings import Language


@strawberry.type(description="One thing that is known of how the public took part in an action plan.")
class CoCreationFact:
    """A fact of co-creation."""

    kind: CoCreation = strawberry.field(description="What is stated.")
    value: CoCreationValue = strawberry.field(description="What it is, or why nothing is said.")


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
        return self._number("number")

    @strawberry.field(description="OGP's own id of the plan, such as AP_ALB01.")
    def published_id(self) -> str | None:
        """Return OGP's id."""
        return self._text("publishedId")

    @strawberry.field(description="Over how many years it runs, as OGP's database says.")
    def duration_years(self) -> int | None:
        """Return the duration."""
        return self._number("durationYears")

    @strawberry.field(description="The plan's name as published; null while only the cycle is known.")
    def title(self, language: Language = None) -> str | None:
        """Return the title."""
        return self._wording("title", language)

    @strawberry.field(description="The year of submission, which is not always the first year of the name.")
    def cycle(self) -> int | None:
        """Return the cycle."""
        return self._number("cycle")

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
        """Return the facts of co-creation in the declared order."""
        said = ((kind, self._text(f"coCreation/{kind}")) for kind in CoCreation)
        return [CoCreationFact(kind=kind, value=CoCreationValue(word)) for kind, word in said if word]

    @strawberry.field(description="Whether it is running or concluded, where that is recorded.")
    def status(self) -> PlanStatus | None:
        """Return the status."""
        return word_of(PlanStatus, self._text("status"))

    @strawberry.field(description="The member whose plan it is.")
    def member(self) -> LazyMember | None:
        """Return the member."""
        return cast("LazyMember | None", self._related(Subject, "member"))

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
