"""Reversals that would break what other commands rely on are refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import BOTH_ENGINES
from tests.graphql.mutations.client import SampleSystem

pytestmark = BOTH_ENGINES


def correlation_of(payload: Any) -> str:
    """Return the correlation of what a mutation recorded."""
    (correlation,) = {entry["correlationId"] for entry in payload["entries"]}
    return str(correlation)


def record(sample: SampleSystem, mutation: str, **fields: Any) -> str:
    """Send a mutation that is not refused, and return its correlation."""
    payload = sample.admin.send(mutation, "entries { correlationId } errors { message }", **fields)
    assert payload["errors"] == []
    return correlation_of(payload)


def revert(sample: SampleSystem, correlation: str) -> str:
    return record(sample, "revertImport", correlationId=correlation, reason="a slip")


def expect_conflict(sample: SampleSystem, correlation: str) -> None:
    for dry_run in (True, False):
        refusal = sample.admin.expect_refusal("revertImport", correlationId=correlation, reason="-", dryRun=dry_run)
        assert refusal[0] == "CONFLICT"


def milestones(sample: SampleSystem) -> Any:
    query = '{ commitment(code: "FR0002") { milestones { number title status } } }'
    return [tuple(each.values()) for each in sample.admin.execute(query)["commitment"]["milestones"]]


def test_a_reversal_that_would_close_a_cycle_of_links_is_refused(sample: SampleSystem) -> None:
    link = record(sample, "linkCommitments", commitment="FR0002", predecessors=["FR0001"])
    unlink = record(sample, "unlinkCommitments", commitment="FR0002", predecessors=["FR0001"])
    other = record(sample, "linkCommitments", commitment="FR0001", predecessors=["FR0002"])
    expect_conflict(sample, unlink)
    assert revert(sample, other)
    back = revert(sample, unlink)
    assert revert(sample, back)
    # The same by a reversal of a reversal: the link itself is brought back.
    reverted = revert(sample, link)
    revert(sample, unlink)
    record(sample, "linkCommitments", commitment="FR0001", predecessors=["FR0002"])
    expect_conflict(sample, reverted)


def test_a_milestone_does_not_get_a_number_back_that_another_one_has(sample: SampleSystem) -> None:
    record(sample, "addMilestone", commitment="FR0002", number="1", title="One")
    first = record(sample, "renumberMilestone", commitment="FR0002", number="1", newNumber="2")
    record(sample, "addMilestone", commitment="FR0002", number="1", title="Another")
    expect_conflict(sample, first)
    record(sample, "renumberMilestone", commitment="FR0002", number="1", newNumber="3")
    expect_conflict(sample, first)
    record(sample, "renumberMilestone", commitment="FR0002", number="2", newNumber="1")
    assert milestones(sample) == [("1", "One", None), ("3", "Another", None)]


def test_a_milestone_and_its_renumbering_are_reverted_in_either_order(sample: SampleSystem) -> None:
    for is_added_first in (False, True):
        added = record(sample, "addMilestone", commitment="FR0002", number="1", title="One")
        renumbered = record(sample, "renumberMilestone", commitment="FR0002", number="1", newNumber="2")
        for correlation in (added, renumbered) if is_added_first else (renumbered, added):
            revert(sample, correlation)
        assert milestones(sample) == []


@pytest.mark.parametrize("is_back", [False, True])
def test_a_reversed_renumbering_leaves_nothing_behind(sample: SampleSystem, is_back: bool) -> None:
    record(sample, "addMilestone", commitment="FR0002", number="1", title="One")
    renumbered = record(sample, "renumberMilestone", commitment="FR0002", number="1", newNumber="2")
    number = "2"
    if is_back:
        renumbered, number = revert(sample, renumbered), "1"
    completed = record(sample, "completeMilestone", commitment="FR0002", number=number)
    expect_conflict(sample, renumbered)
    assert milestones(sample) == [(number, "One", "COMPLETE")]
    revert(sample, completed)
    revert(sample, renumbered)
    assert milestones(sample) == [("2" if is_back else "1", "One", None)]
