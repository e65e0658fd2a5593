"""Action plans: the aggregate type. A member submits one in each cycle, and its commitments belong to it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_type import AggregateType, EventType, Path
from ogpgraph.domain.errors import NotFound
from ogpgraph.domain.event import Cause, Facts, NewEvent
from ogpgraph.domain.unit_of_work import REPORTED_BY_PERSON, Provenance, UnitOfWork, changed_facts
from ogpgraph.domain.values import (
    PartialDate,
    TextValue,
    is_translated,
)
from ogpgraph.domain.vocabulary import CoCreationValue, PlanStatus

Cycle = Annotated[int, Meta(ge=2000, le=2100, description="The year of submission.")]
Reference = Annotated[str, Meta(min_length=1, max_length=120, description="The id of another aggregate.")]

PLAN = AggregateType(
    name="plan",
    description="A member's action plan of one cycle; without a title as long as only its cycle is known.",
    paths=(
        Path("code", str, "The member's code, the cycle, and the month where a year has two plans."),
        Path("member", Reference, "The member whose plan it is."),
        Path("cycle", Cycle, "The year of submission, which is not always the first year of the plan's name."),
        Path("title/{language}", TextValue, "The plan's name as published."),
        Path("startsOn", PartialDate, "The first day of the plan's period."),
        Path("endsOn", PartialDate, "The last day of the plan's period, including extensions."),
        Path("number", Annotated[int, Meta(ge=1, le=99)], "The plan's number among the member's plans."),
        Path("publishedId", str, "OGP's own id of the plan, such as AP_ALB01."),
        Path("durationYears", Annotated[int, Meta(ge=1, le=10)], "The length of the plan's period in years."),
        Path(
            "coCreation/{coCreation}",
            CoCreationValue,
            "The IRM's finding on the public's participation in the plan.",
        ),
        Path("status", PlanStatus, "Whether the plan is active or concluded."),
    ),
    event_types=(
        EventType("ActionPlanRegistered", "An action plan was registered."),
        EventType(
            "ActionPlanRevised",
            "Facts of the plan changed or became known.",
            (
                "title/",
                "startsOn",
                "endsOn",
                "status",
                "cycle",
                "code",
                "number",
                "publishedId",
                "durationYears",
                "coCreation/",
            ),
        ),
        EventType("ActionPlanTranslated", "The plan's name became known in another language.", ("title/",)),
        EventType("ActionPlanConcluded", "The plan was concluded.", ("status", "endsOn")),
        EventType("ActionPlanSeenEarlier", "Facts from an older observation of a source were added to the history."),
        EventType("ActionPlanCorrected", "Facts that had been recorded wrongly were corrected."),
    ),
)


def languages_of(aggregate: Aggregate) -> frozenset[str]:
    """Return the languages in which the title or description of a commitment or plan is known."""
    return frozenset(
        path.partition("/")[2] for path in aggregate.current_claims if path.startswith(("title/", "description/"))
    )


def find_action_plan(uow: UnitOfWork, key: str) -> Aggregate:
    """Return the plan with a code such as FRA-2021, or with an id; raises NotFound."""
    stream = key if key.startswith("plan-") else uow.resolve_code("plan", key)
    plan = uow.aggregate(stream) if stream else None
    if plan is None or not plan.revision:
        raise NotFound(f"there is no action plan {key}", "actionPlan")
    return plan


def register_action_plan(
    uow: UnitOfWork, code: str, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON
) -> Aggregate:
    """Record a new action plan; raises Conflict if its code is taken."""
    stream = uow.new_stream("plan")
    uow.reserve_code("plan", code, stream)
    uow.append(stream, "ActionPlanRegistered", {"code": code, **facts}, provenance)
    return uow.aggregate(stream)


def revise_action_plan(
    uow: UnitOfWork, plan: Aggregate, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Record changed facts of a plan; a translated title in a language that is new to it is a translation."""
    changed = changed_facts(plan, facts)
    known = languages_of(plan)
    translated = {
        path: value
        for path, value in changed.items()
        if known and is_translated(value) and path.partition("/")[2] not in known
    }
    revised = {path: value for path, value in changed.items() if path not in translated}
    translation = NewEvent("ActionPlanTranslated", translated, Cause.TRANSLATION)
    uow.append_all(plan.id, [translation, NewEvent("ActionPlanRevised", revised)], provenance)


def conclude_action_plan(
    uow: UnitOfWork, plan: Aggregate, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Record that a plan has ended."""
    uow.append(plan.id, "ActionPlanConcluded", changed_facts(plan, facts), provenance)
