"""Whether a plan or a commitment existed on a day: the rule, for one of them and for all of a type at once.

A plan and its commitments exist once the plan has begun: where it is not known when, from their first observation on. A
member, and what is of another type, always does.
"""

from __future__ import annotations

from typing import Final

from ogpgraph.domain.values import first_day
from ogpgraph.readmodel.index import Index
from ogpgraph.readmodel.tags import OBSERVED

TYPES: Final = frozenset({"plan", "commitment"})
"""The types whose aggregates do not exist on every day."""


def existed(begin: str | None, day: int, *, is_observed: bool) -> bool:
    """Return whether one existed on a day whose plan begins at a partial date, if that is known."""
    return is_observed if begin is None else first_day(begin) <= day


def select_existing(index: Index, plans: Index) -> int:
    """Return the bitset of those in an index of plans or commitments that existed on its day.

    `plans` is the index of the plans at the same position, with all that was stated.
    """
    begins = list(plans.values("startsOn"))
    begun = plans.select("startsOn", (each for each in begins if existed(each, index.day, is_observed=False)))
    dated, observed = plans.select("startsOn", begins), index.select(OBSERVED[0], [OBSERVED[1]])
    if index.aggregate_type == "commitment":
        begun, dated = (index.select("actionPlan", plans.iter_ids(mask)) for mask in (begun, dated))
    return begun | observed & ~dated
