"""Mutations of members and their action plans."""

from __future__ import annotations

import strawberry

from ogpgraph.domain.action_plan import conclude_action_plan, find_action_plan, register_action_plan, revise_action_plan
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.event import Facts
from ogpgraph.domain.member import (
    change_member_status,
    find_member,
    lookup_member,
    region_of,
    register_member,
    revise_member,
)
from ogpgraph.domain.vocabulary import MemberStatus, PlanStatus
from ogpgraph.graphql.context import Info
from ogpgraph.graphql.mutations.context import (
    MutationContext,
    Payload,
    SubjectFinder,
    by_code,
    mutation,
    run_mutation,
)
from ogpgraph.graphql.mutations.inputs import (
    ACTION_PLAN,
    LANGUAGE,
    NOT_RECORDED,
    UNCHANGED,
    MutationInput,
    optional,
    validate_format,
)
from ogpgraph.graphql.scalars import PartialDate
from ogpgraph.graphql.types import ActionPlan, Member
from ogpgraph.readmodel.snapshot import Snapshot

_MEMBER = "The member, by OGP's code (`FRA`) or the prefix of its commitments' codes (`FR`)."
_UNKNOWN_MEMBER = "if the member is unknown"
_UNKNOWN_PLAN = "if the action plan is unknown"
_CYCLES = range(2000, 2101)


@strawberry.type(description="A changed member.")
class MemberPayload(Payload):
    @strawberry.field(description="The member after the mutation; null if it was refused.")
    def member(self) -> Member | None:
        return self.outcome.subject(Member)


@strawberry.type(description="A changed action plan.")
class ActionPlanPayload(Payload):
    @strawberry.field(description="The action plan after the mutation; null if it was refused.")
    def action_plan(self) -> ActionPlan | None:
        return self.outcome.subject(ActionPlan)


@strawberry.input(description="A new member of the Open Government Partnership.")
class RegisterMemberInput(MutationInput):
    code: str = strawberry.field(
        description="OGP's code of the member, two to six letters, such as `FRA`, or `GBSC` for a local government."
    )
    name: str = strawberry.field(description="The name.")
    language: str | None = optional(LANGUAGE)
    prefix: str | None = optional(
        "The capital letters that the codes of its commitments begin with, such as `FR`. Omitted or null: as in OGP's "
        "table of members."
    )
    type: str | None = optional("`NATIONAL` or `LOCAL`. Omitted or null: as in OGP's table of members.")
    region: str | None = optional("OGP's region of the member. Omitted or null: as in OGP's table of members.")
    joined_on: PartialDate | None = optional(f"When it became a member. {NOT_RECORDED}")


@strawberry.input(
    description="A decision on the status of a member in the partnership; `effectiveOn` is the date of the decision."
)
class ChangeMemberStatusInput(MutationInput):
    member: str = strawberry.field(description=_MEMBER)
    status: MemberStatus = strawberry.field(description="The new status.")
    document: str = strawberry.field(description="The address or the title of the document with the decision.")


@strawberry.input(description="The name of a member: a new one, or its name in another language.")
class RenameMemberInput(MutationInput):
    member: str = strawberry.field(description=_MEMBER)
    name: str = strawberry.field(description="The name.")
    language: str | None = optional(LANGUAGE)


@strawberry.input(description="A new action plan of a member.")
class RegisterActionPlanInput(MutationInput):
    member: str = strawberry.field(description=_MEMBER)
    cycle: int = strawberry.field(description="The year of submission, 2000 to 2100.")
    title: str | None = optional(f"The title as published. {NOT_RECORDED}")
    language: str | None = optional(LANGUAGE)
    starts_on: PartialDate | None = optional(f"When the period of the plan begins. {NOT_RECORDED}")
    ends_on: PartialDate | None = optional(f"When the period of the plan ends. {NOT_RECORDED}")


@strawberry.input(description="Changes to an action plan; at least one field is needed.")
class ReviseActionPlanInput(MutationInput):
    action_plan: str = strawberry.field(description=ACTION_PLAN)
    title: str | None = optional(f"The title as published. {UNCHANGED}")
    language: str | None = optional(LANGUAGE)
    starts_on: PartialDate | None = optional(f"When the period of the plan begins. {UNCHANGED}")
    ends_on: PartialDate | None = optional(f"When the period of the plan ends, extensions included. {UNCHANGED}")


@strawberry.input(description="An action plan that has ended.")
class ConcludeActionPlanInput(MutationInput):
    action_plan: str = strawberry.field(description=ACTION_PLAN)
    ends_on: PartialDate | None = optional(f"When it ended, if that differs from the end that is recorded. {UNCHANGED}")


@strawberry.type
class MemberMutations:
    @mutation(
        "Records a new member.",
        invalid="if the code is not two to six letters, or the type is neither `NATIONAL` nor `LOCAL`",
        conflict="if the code is taken",
    )
    def register_member(self, info: Info, input: RegisterMemberInput) -> MemberPayload:
        return MemberPayload(outcome=run_mutation(info, input, by_code("member", input.code), _register_member))

    @mutation(
        "Records a decision on the status of a member, with the document that it is published in.",
        not_found=_UNKNOWN_MEMBER,
    )
    def change_member_status(self, info: Info, input: ChangeMemberStatusInput) -> MemberPayload:
        return MemberPayload(outcome=run_mutation(info, input, by_code("member", input.member), _change_member_status))

    @mutation(
        "Records the name of a member in a language. Former names stay in the history.",
        not_found=_UNKNOWN_MEMBER,
    )
    def rename_member(self, info: Info, input: RenameMemberInput) -> MemberPayload:
        return MemberPayload(outcome=run_mutation(info, input, by_code("member", input.member), _rename_member))

    @mutation(
        "Records a new action plan of a member, with the status `ACTIVE`. Its code is the member's code and the cycle, "
        "such as `FRA-2021`.",
        not_found=_UNKNOWN_MEMBER,
        invalid="if the cycle is not a year from 2000 to 2100",
        conflict="if the member has an action plan of this cycle",
    )
    def register_action_plan(self, info: Info, input: RegisterActionPlanInput) -> ActionPlanPayload:
        find = _by_member_and_cycle(input.member, input.cycle)
        return ActionPlanPayload(outcome=run_mutation(info, input, find, _register_action_plan))

    @mutation(
        "Records changes to the title or the period of an action plan. Earlier values stay in the history.",
        not_found=_UNKNOWN_PLAN,
        invalid="if no field is set",
    )
    def revise_action_plan(self, info: Info, input: ReviseActionPlanInput) -> ActionPlanPayload:
        find = by_code("plan", input.action_plan)
        return ActionPlanPayload(outcome=run_mutation(info, input, find, _revise_action_plan))

    @mutation(
        "Records that an action plan has ended. Its status becomes `CONCLUDED`.",
        not_found=_UNKNOWN_PLAN,
    )
    def conclude_action_plan(self, info: Info, input: ConcludeActionPlanInput) -> ActionPlanPayload:
        find = by_code("plan", input.action_plan)
        return ActionPlanPayload(outcome=run_mutation(info, input, find, _conclude_action_plan))


def _register_member(context: MutationContext, input: RegisterMemberInput) -> None:
    context.authorize()
    context.check_is_new()
    code = validate_format(input.code.strip().upper(), "member", "code")
    fields = ("name", "prefix", "type", "region", "joined_on")
    facts = _facts_of_known_member(code) | context.facts("member", input, *fields, language=input.language)
    register_member(context.uow, code, facts, context.provenance)


def _change_member_status(context: MutationContext, input: ChangeMemberStatusInput) -> None:
    member = _open_member(context, input.member)
    facts = context.facts("member", input, "status")
    facts |= {"statusDocument": context.text_value(input.document, "document")}
    change_member_status(context.uow, member, facts, context.provenance)


def _rename_member(context: MutationContext, input: RenameMemberInput) -> None:
    member = _open_member(context, input.member)
    facts = context.facts("member", input, "name", language=input.language)
    revise_member(context.uow, member, facts, context.provenance)


def _register_action_plan(context: MutationContext, input: RegisterActionPlanInput) -> None:
    member = find_member(context.uow, input.member)
    member_code = member.string("code")
    context.authorize([member_code])
    context.check_is_new()
    if input.cycle not in _CYCLES:
        raise Invalid(f"{input.cycle} is not a year of submission", "cycle")
    facts = context.facts("plan", input, "cycle", "title", "starts_on", "ends_on", language=input.language)
    facts |= {"member": member.id, "status": PlanStatus.ACTIVE.value}
    register_action_plan(context.uow, f"{member_code}-{input.cycle}", facts, context.provenance)


def _revise_action_plan(context: MutationContext, input: ReviseActionPlanInput) -> None:
    plan = _open_action_plan(context, input.action_plan)
    facts = context.facts("plan", input, "title", "starts_on", "ends_on", language=input.language)
    if not facts:
        raise Invalid("the input changes nothing: send a title, startsOn or endsOn")
    revise_action_plan(context.uow, plan, facts, context.provenance)


def _conclude_action_plan(context: MutationContext, input: ConcludeActionPlanInput) -> None:
    plan = _open_action_plan(context, input.action_plan)
    facts: Facts = {"status": PlanStatus.CONCLUDED.value}
    conclude_action_plan(context.uow, plan, facts | context.facts("plan", input, "ends_on"), context.provenance)


def _open_member(context: MutationContext, code: str) -> Aggregate:
    """Return a member, authorized and at the expected revision."""
    context.authorize()
    member = find_member(context.uow, code)
    context.check_revision(member)
    return member


def _open_action_plan(context: MutationContext, key: str) -> Aggregate:
    """Return an action plan, authorized for its member and at the expected revision."""
    plan = find_action_plan(context.uow, key)
    context.authorize([context.member_code(plan)])
    context.check_revision(plan)
    return plan


def _facts_of_known_member(code: str) -> Facts:
    """Return what OGP's table of members states, as far as it has the code."""
    known, region = lookup_member(code), region_of(code)
    facts: Facts = {"type": known.kind, "prefix": known.prefix} if known and known.code == code else {}
    return facts | ({"region": region} if region else {})


def _by_member_and_cycle(member_key: str, cycle: int) -> SubjectFinder:
    """Return a finder of an action plan by the code or the prefix of its member, and its cycle."""

    def find(snapshot: Snapshot) -> Aggregate | None:
        member = snapshot.find_by_code("member", member_key.strip())
        return snapshot.find_by_code("plan", f"{member.string('code')}-{cycle}") if member else None

    return find
