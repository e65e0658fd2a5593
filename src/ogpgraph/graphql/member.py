"""Members: the governments that take part, with their plans and commitments."""

from __future__ import annotations

from typing import ClassVar

import strawberry

from ogpgraph.domain.vocabulary import MemberStatus
from ogpgraph.graphql.action_plan import ActionPlan
from ogpgraph.graphql.commitment_connection import CommitmentConnection, commitments_of
from ogpgraph.graphql.connection import After, Before, Connection, First, Last, wanted_slice
from ogpgraph.graphql.filters import ActionPlanFilter, CommitmentFilter
from ogpgraph.graphql.lists import list_of, listing_of
from ogpgraph.graphql.orders import ActionPlanOrder, CommitmentOrder
from ogpgraph.graphql.scalars import PartialDate, date_of, word_of
from ogpgraph.graphql.subject import Subject
from ogpgraph.graphql.wordings import Language


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
