"""Action plans: the aggregate type. A member submits one in each cycle, and its commitments belong to it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from ogpgraph.domain.aggregate_type import AggregateType, EventType, Path
from ogpgraph.domain.values import PartialDate, TextValue
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
