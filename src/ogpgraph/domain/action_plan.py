"""Action plans: what a member hands in each cycle, holding its commitments."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from ogpgraph.domain.aggregate_type import AggregateType, EventType, Path
from ogpgraph.domain.values import PartialDate, TextValue
from ogpgraph.domain.vocabulary import CoCreationValue, PlanStatus

Cycle = Annotated[int, Meta(ge=2000, le=2100, description="The year of submission.")]
Reference = Annotated[str, Meta(min_length=1, max_length=120, description="The id of another subject.")]

PLAN = AggregateType(
    name="plan",
    description="A member's action plan of one cycle; a stub without a title while only its cycle is known.",
    paths=(
        Path("code", str, "The member's code, the cycle, and the delivery window where a year has two."),
        Path("member", Reference, "The member whose plan it is."),
        Path("cycle", Cycle, "The year of submission, which is not always the first year of the plan's name."),
        Path("title/{language}", TextValue, "The plan's name as published."),
        Path("startsOn", PartialDate, "When the plan's period begins."),
        Path("endsOn", PartialDate, "When the plan's period ends, extensions included."),
        Path("number", Annotated[int, Meta(ge=1, le=99)], "Which of the member's plans it is, counted from the first."),
        Path("publishedId", str, "OGP's own id of the plan, such as AP_ALB01."),
        Path("durationYears", Annotated[int, Meta(ge=1, le=10)], "Over how many years it runs."),
        Path(
            "coCreation/{coCreation}",
            CoCreationValue,
            "How the public took part in making the plan and in carrying it out, in the IRM's judgement.",
        ),
        Path("status", PlanStatus, "Whether the plan is running or concluded."),
    ),
    event_types=(
        EventType("ActionPlanRegistered", "An action plan came into the record."),
        EventType(
            "ActionPlanRevised",
            "Something said of the plan changed, or became known.",
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
        EventType("ActionPlanConcluded", "The plan came to its end.", ("status", "endsOn")),
        EventType("ActionPlanSeenEarlier", "An older observation told what was said of the plan then."),
        EventType("ActionPlanCorrected", "Something recorded of the plan was wrong and was put right."),
    ),
)
