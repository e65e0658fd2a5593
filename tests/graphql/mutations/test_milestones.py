"""Milestones are added, revised and withdrawn."""

from __future__ import annotations

from tests.conftest import BOTH_ENGINES
from tests.graphql.mutations.client import SampleSystem, kinds_of

pytestmark = BOTH_ENGINES


def test_milestone_is_added_revised_and_withdrawn(sample: SampleSystem) -> None:
    added = sample.reporter.mutate("addMilestone", commitment="FR0001", number="1.2", title="An app", endsOn="2022-Q3")
    assert kinds_of(added) == ["MilestoneAdded"]
    revised = sample.reporter.mutate("reviseMilestone", commitment="FR0001", number="1.2", endsOn="2023-Q1")
    assert revised["milestone"]["endsOn"] == "2023-Q1"
    withdrawn = sample.reporter.mutate("withdrawMilestone", commitment="FR0001", number="1.2")
    assert withdrawn["milestone"]["status"] == "WITHDRAWN"
    assert kinds_of(withdrawn) == ["MilestoneWithdrawn"]
    taken = sample.reporter.expect_refusal("addMilestone", commitment="FR0001", number="1.2", title="Again")
    assert taken == ("CONFLICT", ["input", "number"])
