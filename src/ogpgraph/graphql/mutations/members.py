"""Mutations on members and their action plans."""

from __future__ import annotations

import strawberry

from ogpgraph.application.commands import members
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.event import Facts
from ogpgraph.domain.member import lookup_member, region_of
from ogpgraph.domain.vocabulary import MemberStatus, PlanStatus
from ogpgraph.graphql.context import Info
from ogpgraph.graphql.mutations.context import MutationContext, SubjectFinder, by_code, run_mutation
from ogpgraph.graphql.mutations.descriptions import describe_mutation
from ogpgraph.graphql.mutations.inputs import MutationInput, match_format, normalize_language
from ogpgraph.graphql.mutations.payloads import ActionPlanPayload, MemberPayload
from ogpgraph.graphql.scalars import PartialDate
from ogpgraph.readmodel.snapshot import Snapshot

MEMBER = "The member, by OGP's code (FRA) or the prefix of its commitments (FR)."
PLAN = "The plan, by its code (FRA-2021) or its id."
LANGUAGE = "The language of the wordings, as a lower-case code; English where it is left out."


@strawberry.input(description="A new member.")
class RegisterMemberInput(MutationInput):
    code: str = strawberry.field(description="OGP's code of the member, such as FRA, or GBSC for a local government.")
    name: str = strawberry.field(description="The member's name.")
    language: str | None = strawberry.field(default=strawberry.UNSET, description=LANGUAGE)
    prefix: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The letters its commitments' codes begin with, such as FR; those of OGP's table where left out.",
    )
    type: str | None = strawberry.field(
        default=strawberry.UNSET, description="NATIONAL or LOCAL; as OGP's table of members has it where left out."
    )
    region: str | None = strawberry.field(
        default=strawberry.UNSET, description="OGP's region; as OGP's table of members has it where left out."
    )
    joined_on: PartialDate | None = strawberry.field(default=strawberry.UNSET, description="Since when it is a member.")


@strawberry.input(description="A decision on a member's standing.")
class ChangeMemberStatusInput(MutationInput):
    member: str = strawberry.field(description=MEMBER)
    status: MemberStatus = strawberry.field(description="The new status.")
    document: str = strawberry.field(description="The address or title of the document that decided it.")


@strawberry.input(description="Another name of a member, or its name in another language.")
class RenameMemberInput(MutationInput):
    member: str = strawberry.field(description=MEMBER)
    name: str = strawberry.field(description="The name.")
    language: str | None = strawberry.field(default=strawberry.UNSET, description=LANGUAGE)


@strawberry.input(description="A new action plan.")
class RegisterActionPlanInput(MutationInput):
    member: str = strawberry.field(description=MEMBER)
    cycle: int = strawberry.field(description="The year of submission.")
    title: str | None = strawberry.field(default=strawberry.UNSET, description="The plan's name as published.")
    language: str | None = strawberry.field(default=strawberry.UNSET, description=LANGUAGE)
    starts_on: PartialDate | None = strawberry.field(default=strawberry.UNSET, description="When its period begins.")
    ends_on: PartialDate | None = strawberry.field(default=strawberry.UNSET, description="When its period ends.")


@strawberry.input(description="What is newly said of an action plan; what is left out stays as it is.")
class ReviseActionPlanInput(MutationInput):
    action_plan: str = strawberry.field(description=PLAN)
    title: str | None = strawberry.field(default=strawberry.UNSET, description="The plan's name as published.")
    language: str | None = strawberry.field(default=strawberry.UNSET, description=LANGUAGE)
    starts_on: PartialDate | None = strawberry.field(default=strawberry.UNSET, description="When its period begins.")
    ends_on: PartialDate | None = strawberry.field(
        default=strawberry.UNSET, description="When its period ends, an extension included."
    )


@strawberry.input(description="The end of an action plan.")
class ConcludeActionPlanInput(MutationInput):
    action_plan: str = strawberry.field(description=PLAN)
    ends_on: PartialDate | None = strawberry.field(
        default=strawberry.UNSET, description="When it ended, where that differs from what was planned."
    )


@strawberry.type
class MemberMutations:
    """What is written of members and plans."""

    @strawberry.mutation(
        description=describe_mutation("registerMember", "Records a new member.", "a code that is taken or not OGP's")
    )
    def register_member(self, info: Info, input: RegisterMemberInput) -> MemberPayload:
        """Register a member."""

        def commands(context: MutationContext) -> None:
            context.authorize()
            context.check_is_new()
            code = match_format(input.code.strip().upper(), "member", "code")
            facts = context.facts_from(
                input, "name", "prefix", "type", "region", "joinedOn", language=normalize_language(input.language)
            )
            members.register_member(context.uow, code, _member_table_facts(code) | facts, context.provenance)

        return MemberPayload.of(run_mutation(info, input, by_code("member", input.code), commands))

    @strawberry.mutation(
        description=describe_mutation(
            "changeMemberStatus",
            "Records a decision on a member's standing, with its document; `effectiveOn` is the day of the decision.",
            "a member that is not known",
        )
    )
    def change_member_status(self, info: Info, input: ChangeMemberStatusInput) -> MemberPayload:
        """Change a member's status."""

        def commands(context: MutationContext) -> None:
            context.authorize()
            member = members.find_member(context.uow, input.member)
            context.check_revision(member)
            facts = context.facts_from(input, "status")
            facts |= {"statusDocument": context.text_value(input.document, "document")}
            members.change_member_status(context.uow, member, facts, context.provenance)

        return MemberPayload.of(run_mutation(info, input, by_code("member", input.member), commands))

    @strawberry.mutation(
        description=describe_mutation(
            "renameMember", "Records a member's name; former names stay in its history.", "a member that is not known"
        )
    )
    def rename_member(self, info: Info, input: RenameMemberInput) -> MemberPayload:
        """Rename a member."""

        def commands(context: MutationContext) -> None:
            context.authorize()
            member = members.find_member(context.uow, input.member)
            context.check_revision(member)
            facts = context.facts_from(input, "name", language=normalize_language(input.language))
            members.revise_member(context.uow, member, facts, context.provenance)

        return MemberPayload.of(run_mutation(info, input, by_code("member", input.member), commands))

    @strawberry.mutation(
        description=describe_mutation(
            "registerActionPlan",
            "Records a new action plan of a member.",
            "a member that is not known, and a cycle that the member has a plan for already",
        )
    )
    def register_action_plan(self, info: Info, input: RegisterActionPlanInput) -> ActionPlanPayload:
        """Register an action plan."""

        def commands(context: MutationContext) -> None:
            member = members.find_member(context.uow, input.member)
            context.authorize([member.string("code")])
            context.check_is_new()
            if not 2000 <= input.cycle <= 2100:
                raise Invalid(f"{input.cycle} is no year of submission", "cycle")
            facts = context.facts_from(
                input, "cycle", "title", "startsOn", "endsOn", language=normalize_language(input.language)
            )
            facts |= {"member": member.id, "status": PlanStatus.ACTIVE.value}
            members.register_action_plan(
                context.uow, f"{member.string('code')}-{input.cycle}", facts, context.provenance
            )

        return ActionPlanPayload.of(run_mutation(info, input, _by_member_and_cycle(input), commands))

    @strawberry.mutation(
        description=describe_mutation(
            "reviseActionPlan",
            "Records what is newly said of an action plan: its name, its period, an extension.",
            "a plan that is not known, and an input that says nothing",
        )
    )
    def revise_action_plan(self, info: Info, input: ReviseActionPlanInput) -> ActionPlanPayload:
        """Revise an action plan."""

        def commands(context: MutationContext) -> None:
            plan = members.find_action_plan(context.uow, input.action_plan)
            context.authorize([context.member_code(plan)])
            context.check_revision(plan)
            facts = context.facts_from(
                input, "title", "startsOn", "endsOn", language=normalize_language(input.language)
            )
            if not facts:
                raise Invalid("the input says nothing new of the plan: give a title or a period")
            members.revise_action_plan(context.uow, plan, facts, context.provenance)

        return ActionPlanPayload.of(run_mutation(info, input, by_code("plan", input.action_plan), commands))

    @strawberry.mutation(
        description=describe_mutation(
            "concludeActionPlan", "Records that an action plan came to its end.", "a plan that is not known"
        )
    )
    def conclude_action_plan(self, info: Info, input: ConcludeActionPlanInput) -> ActionPlanPayload:
        """Conclude an action plan."""

        def commands(context: MutationContext) -> None:
            plan = members.find_action_plan(context.uow, input.action_plan)
            context.authorize([context.member_code(plan)])
            context.check_revision(plan)
            facts = {"status": PlanStatus.CONCLUDED.value, **context.facts_from(input, "endsOn")}
            members.conclude_action_plan(context.uow, plan, facts, context.provenance)

        return ActionPlanPayload.of(run_mutation(info, input, by_code("plan", input.action_plan), commands))


def _member_table_facts(code: str) -> Facts:
    """Return what OGP's table says of a member, as far as it knows the code."""
    known, region = lookup_member(code), region_of(code)
    facts: Facts = {"type": known.kind, "prefix": known.prefix} if known and known.code == code else {}
    return facts | ({"region": region} if region else {})


def _by_member_and_cycle(sent: RegisterActionPlanInput) -> SubjectFinder:
    """Return the finder of a plan by its member, whose prefix will do, and its cycle."""

    def find(snapshot: Snapshot) -> Aggregate | None:
        member = snapshot.find_by_code("member", sent.member.strip())
        return snapshot.find_by_code("plan", f"{member.string('code')}-{sent.cycle}") if member else None

    return find
