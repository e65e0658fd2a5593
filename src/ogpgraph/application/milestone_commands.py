"""Commands on milestones: what a government delivers, and how far it has come."""

from __future__ import annotations

from ogpgraph.application.acts import BY_PERSON, Basis
from ogpgraph.application.speaking import Speaking, news_of
from ogpgraph.domain import commitment as commitments
from ogpgraph.domain.errors import Conflict
from ogpgraph.domain.event import Facts
from ogpgraph.domain.vocabulary import MilestoneStatus


class MilestoneCommands(Speaking):
    """What can be recorded of a commitment's milestones; paths are relative to the milestone (`status`, `title/en`)."""

    def add_milestone(self, code: str, number: str, facts: Facts, basis: Basis = BY_PERSON) -> None:
        """Record a new milestone; raises NotFound, and Conflict where there is one of that number."""
        commitment = self.require("commitment", code)
        if number in commitments.milestone_numbers(commitment):
            raise Conflict(f"{commitment.text('code')} already has a milestone {number}", "number")
        self.say(commitment.id, "MilestoneAdded", {f"milestones/{number}/{p}": v for p, v in facts.items()}, basis)

    def revise_milestone(self, code: str, number: str, facts: Facts, basis: Basis = BY_PERSON) -> None:
        """Record what is newly said of a milestone; raises NotFound."""
        commitment = self.require("commitment", code)
        said = commitments.on_milestone(commitment, number, facts)
        self.say(commitment.id, "MilestoneRevised", news_of(commitment, said), basis)

    def complete_milestone(self, code: str, number: str, basis: Basis = BY_PERSON) -> None:
        """Record that a milestone is complete; completing it again records nothing. Raises NotFound."""
        commitment = self.require("commitment", code)
        change = commitments.complete_milestone(commitment, number)
        self.record(commitment.id, [change] if change else [], basis)

    def report_milestone(self, code: str, number: str, facts: Facts, basis: Basis = BY_PERSON) -> None:
        """Record progress on a milestone; paths are relative to it (`status`, `updates/…`). Raises NotFound."""
        commitment = self.require("commitment", code)
        self.record(commitment.id, [commitments.report_milestone(commitment, number, facts)], basis)

    def withdraw_milestone(self, code: str, number: str, basis: Basis = BY_PERSON) -> None:
        """Record that a milestone was withdrawn; doing so again records nothing. Raises NotFound."""
        commitment = self.require("commitment", code)
        said = commitments.on_milestone(commitment, number, {"status": MilestoneStatus.WITHDRAWN.value})
        self.say(commitment.id, "MilestoneWithdrawn", news_of(commitment, said), basis)
