"""Action plans: the aggregate type. A member submits one in each cycle, and its commitments belong to it."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_type import AggregateType, EventType, Period
from ogpgraph.domain.clearing import append_changes, changes_by_source
from ogpgraph.domain.command import Command, CommandType, Language, ReferenceTo, Refusals
from ogpgraph.domain.errors import Invalid, NotFound
from ogpgraph.domain.event import Cause, Facts, NewEvent
from ogpgraph.domain.field import Field, Filter, FilterKind, fields_by_name
from ogpgraph.domain.member import UNKNOWN_MEMBER, MemberReference
from ogpgraph.domain.roles import ADMINISTRATORS, GOVERNMENT, IRM, NOBODY
from ogpgraph.domain.state_id import require_plain_id
from ogpgraph.domain.unit_of_work import REPORTED_BY_PERSON, Provenance, UnitOfWork
from ogpgraph.domain.values import AggregateId, PartialDate, TextValue, is_translated
from ogpgraph.domain.vocabulary import CoCreationValue, PlanStatus

_CYCLES = range(2000, 2101)
Cycle = Annotated[int, Meta(ge=_CYCLES[0], le=_CYCLES[-1], description="The year of submission.")]

PLAN_FIELDS = (
    Field(
        "code",
        str,
        "Code",
        "The plan's key: the member's code and the year of submission, such as `FRA-2018`, with the delivery "
        "window if a year has two.",
        written_by=GOVERNMENT,
        corrected_by=NOBODY,
        is_required=True,
        filter=Filter("code", FilterKind.CODE, "Its code, such as `FRA-2018`, in any case."),
        is_sortable=True,
    ),
    Field(
        "member",
        AggregateId,
        "Member",
        "The member that submitted the plan.",
        refers_to="member",
        is_required=True,
        written_by=GOVERNMENT,
        corrected_by=ADMINISTRATORS,
        dimension="member",
    ),
    Field(
        "cycle",
        Cycle,
        "Year of submission",
        "The year in which the plan was submitted. It is not always the first year in the title.",
        is_required=True,
        written_by=GOVERNMENT,
        corrected_by=ADMINISTRATORS,
        filter=Filter("cycle"),
        is_sortable=True,
    ),
    Field(
        "title/{language}",
        TextValue,
        "Title",
        "The plan's title as published, such as `France Action Plan 2018-2020`; null while only its cycle is known.",
        is_required=True,
        written_by=GOVERNMENT,
        search_weight=10,
    ),
    Field(
        "startsOn",
        PartialDate,
        "Start date",
        "When the plan's period begins.",
        written_by=GOVERNMENT,
        is_clearable=True,
        dimension="startsOn",
    ),
    Field(
        "endsOn",
        PartialDate,
        "End date",
        "When the plan's period ends, including extensions.",
        written_by=GOVERNMENT,
        is_clearable=True,
    ),
    Field(
        "number",
        Annotated[int, Meta(ge=1, le=99)],
        "Number",
        "The plan's place among the plans of its member, counted from 1.",
        corrected_by=ADMINISTRATORS,
    ),
    Field(
        "publishedId",
        Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")],
        "OGP's id",
        "OGP's own id of the plan, such as `AP_ALB01`.",
        corrected_by=ADMINISTRATORS,
    ),
    Field(
        "durationYears",
        Annotated[int, Meta(ge=1, le=10)],
        "Duration in years",
        "The length of the plan's period in years, according to OGP's database.",
        corrected_by=ADMINISTRATORS,
    ),
    Field(
        "coCreation/{coCreation}",
        CoCreationValue,
        "Participation of the public",
        "The IRM's finding on one aspect of the public's participation in the plan.",
        corrected_by=IRM,
    ),
    Field(
        "status",
        PlanStatus,
        "Status",
        "Whether the plan is being implemented.",
        is_required=True,
        written_by=GOVERNMENT,
        filter=Filter("status"),
    ),
)
_FIELDS = fields_by_name(PLAN_FIELDS)

PLAN = AggregateType(
    name="plan",
    description="A member's action plan of one cycle; without a title as long as only its cycle is known.",
    fields=PLAN_FIELDS,
    event_types=(
        EventType("ActionPlanRegistered", "An action plan was registered."),
        EventType(
            "ActionPlanRevised",
            "Facts of the plan changed or became known.",
            tuple(field.group for field in PLAN_FIELDS),
        ),
        EventType("ActionPlanTranslated", "The plan's name became known in another language.", ("title/",)),
        EventType("ActionPlanConcluded", "The plan was concluded.", ("status", "endsOn")),
        EventType("ActionPlanSeenEarlier", "Facts from an older observation of a source were added to the history."),
        EventType("ActionPlanCorrected", "Facts that had been recorded wrongly were corrected.", amends=True),
        EventType("ActionPlanReverted", "What an import or request had recorded was withdrawn.", amends=True),
    ),
    periods=(Period("startsOn", "endsOn"),),
)


def languages_of(aggregate: Aggregate) -> frozenset[str]:
    """Return the languages in which the title or description of a commitment or plan is known."""
    return frozenset(
        path.partition("/")[2] for path in aggregate.current_claims if path.startswith(("title/", "description/"))
    )


def find_action_plan(uow: UnitOfWork, key: str) -> Aggregate:
    """Return the plan with a code such as FRA-2021, or with an id; raises NotFound."""
    is_id = key.startswith("plan-")
    stream = require_plain_id(key, "actionPlan") if is_id else uow.resolve_code("plan", key)
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
    known = languages_of(plan)
    for changed, stated_by in changes_by_source(plan, facts, provenance):
        translated = {
            path: value
            for path, value in changed.items()
            if known and is_translated(value) and path.partition("/")[2] not in known
        }
        revised = {path: value for path, value in changed.items() if path not in translated}
        translation = NewEvent("ActionPlanTranslated", translated, Cause.TRANSLATION)
        uow.append_all(plan.id, [translation, NewEvent("ActionPlanRevised", revised)], stated_by)


def conclude_action_plan(
    uow: UnitOfWork, plan: Aggregate, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Record that a plan has ended."""
    append_changes(uow, plan, "ActionPlanConcluded", facts, provenance)


# Commands

UNKNOWN_PLAN = "if the action plan is unknown"

ActionPlanReference = Annotated[
    Aggregate,
    Meta(description="The action plan, by its code, such as `FRA-2021`, or by its id (`plan-…`)."),
    ReferenceTo("plan", find_action_plan),
]
Title = Annotated[TextValue | UnsetType, _FIELDS["title"], Meta(description="The title as published.")]
StartsOn = Annotated[
    PartialDate | UnsetType | None, _FIELDS["startsOn"], Meta(description="When the period of the plan begins.")
]


class RegisterActionPlan(Command, frozen=True):
    """A new action plan of a member."""

    member: MemberReference
    cycle: Annotated[int, _FIELDS["cycle"], Meta(description="The year of submission, 2000 to 2100.")]
    title: Title = UNSET
    language: Language = "en"
    starts_on: StartsOn = UNSET
    ends_on: Annotated[
        PartialDate | UnsetType | None, _FIELDS["endsOn"], Meta(description="When the period of the plan ends.")
    ] = UNSET

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Record the plan; raises Invalid for an impossible cycle, and Conflict if the member has a plan of it."""
        if self.cycle not in _CYCLES:
            raise Invalid(f"{self.cycle} is not a year of submission", "cycle")
        facts = self.stated_facts() | {"member": self.member.id, "status": PlanStatus.ACTIVE.value}
        register_action_plan(uow, f"{self.member.string('code')}-{self.cycle}", facts, provenance)


REGISTER_ACTION_PLAN = CommandType(
    command=RegisterActionPlan,
    description="Records a new action plan of a member, with the status `ACTIVE`. Its code is the member's code and "
    "the cycle, such as `FRA-2021`.",
    permitted=GOVERNMENT,
    events=("CodeAssigned", "ActionPlanRegistered"),
    returns="actionPlan",
    registers="plan",
    refusals=Refusals(
        not_found=UNKNOWN_MEMBER,
        invalid="if the cycle is not a year from 2000 to 2100",
        conflict="if the member has an action plan of this cycle",
    ),
)


class ReviseActionPlan(Command, frozen=True):
    """Changes to an action plan; at least one field is needed."""

    action_plan: ActionPlanReference
    title: Title = UNSET
    language: Language = "en"
    starts_on: StartsOn = UNSET
    ends_on: Annotated[
        PartialDate | UnsetType | None,
        _FIELDS["endsOn"],
        Meta(description="When the period of the plan ends, extensions included."),
    ] = UNSET

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Record what has changed; raises Invalid without any field."""
        facts = self.stated_facts()
        if not facts:
            raise Invalid("the input changes nothing: send a title, startsOn or endsOn")
        revise_action_plan(uow, self.action_plan, facts, provenance)


REVISE_ACTION_PLAN = CommandType(
    command=ReviseActionPlan,
    description="Records changes to the title or the period of an action plan. Earlier values stay in the history.",
    permitted=GOVERNMENT,
    events=("ActionPlanRevised",),
    returns="actionPlan",
    refusals=Refusals(not_found=UNKNOWN_PLAN, invalid="if no field is set"),
)


class ConcludeActionPlan(Command, frozen=True):
    """An action plan that has ended."""

    action_plan: ActionPlanReference
    ends_on: Annotated[
        PartialDate | UnsetType | None,
        _FIELDS["endsOn"],
        Meta(description="When it ended, if that differs from the end that is recorded."),
    ] = UNSET

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Record the end, unless it is recorded."""
        facts: Facts = {"status": PlanStatus.CONCLUDED.value}
        conclude_action_plan(uow, self.action_plan, facts | self.stated_facts(), provenance)


CONCLUDE_ACTION_PLAN = CommandType(
    command=ConcludeActionPlan,
    description="Records that an action plan has ended. Its status becomes `CONCLUDED`.",
    permitted=GOVERNMENT,
    events=("ActionPlanConcluded",),
    returns="actionPlan",
    refusals=Refusals(not_found=UNKNOWN_PLAN),
)

ACTION_PLAN_COMMANDS = (REGISTER_ACTION_PLAN, REVISE_ACTION_PLAN, CONCLUDE_ACTION_PLAN)
