"""Mutations on members and their action plans."""

from __future__ import annotations

import strawberry

from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.event import Facts
from ogpgraph.domain.members import member_by, region_of
from ogpgraph.domain.subject import Subject
from ogpgraph.domain.vocabulary import MemberStatus, PlanStatus
from ogpgraph.graphql.context import Info
from ogpgraph.graphql.desk import Desk, Find, carry_out, coded
from ogpgraph.graphql.mutations.describing import described
from ogpgraph.graphql.payloads import ActionPlanPayload, MemberPayload
from ogpgraph.graphql.scalars import PartialDate
from ogpgraph.graphql.write_inputs import WriteInput, formed, language_of
from ogpgraph.readmodel.snapshot import Snapshot

MEMBER = "The member, by OGP's code (FRA) or the prefix of its commitments (FR)."
PLAN = "The plan, by its code (FRA-2021) or its id."
LANGUAGE = "The language of the wordings, as a lower-case code; English where it is left out."


@strawberry.input(description="A new member.")
class RegisterMemberInput(WriteInput):
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
class ChangeMemberStatusInput(WriteInput):
    member: str = strawberry.field(description=MEMBER)
    status: MemberStatus = strawberry.field(description="The new status.")
    document: str = strawberry.field(description="The address or title of the document that decided it.")


@strawberry.input(description="Another name of a member, or its name in another language.")
class RenameMemberInput(WriteInput):
    member: str = strawberry.field(description=MEMBER)
    name: str = strawberry.field(description="The name.")
    language: str | None = strawberry.field(default=strawberry.UNSET, description=LANGUAGE)


@strawberry.input(description="A new action plan.")
class RegisterActionPlanInput(WriteInput):
    member: str = strawberry.field(description=MEMBER)
    cycle: int = strawberry.field(description="The year of submission.")
    title: str | None = strawberry.field(default=strawberry.UNSET, description="The plan's name as published.")
    language: str | None = strawberry.field(default=strawberry.UNSET, description=LANGUAGE)
    starts_on: PartialDate | None = strawberry.field(default=strawberry.UNSET, description="When its period begins.")
    ends_on: PartialDate | None = strawberry.field(default=strawberry.UNSET, description="When its period ends.")


@strawberry.input(description="What is newly said of an action plan; what is left out stays as it is.")
class ReviseActionPlanInput(WriteInput):
    action_plan: str = strawberry.field(description=PLAN)
    title: str | None = strawberry.field(default=strawberry.UNSET, description="The plan's name as published.")
    language: str | None = strawberry.field(default=strawberry.UNSET, description=LANGUAGE)
    starts_on: PartialDate | None = strawberry.field(default=strawberry.UNSET, description="When its period begins.")
    ends_on: PartialDate | None = strawberry.field(
        default=strawberry.UNSET, description="When its period ends, an extension included."
    )


@strawberry.input(description="The end of an action plan.")
class ConcludeActionPlanInput(WriteInput):
    action_plan: str = strawberry.field(description=PLAN)
    ends_on: PartialDate | None = strawberry.field(
        default=strawberry.UNSET, description="When it ended, where that differs from what was planned."
    )


@strawberry.type
class MemberMutations:
    """What is written of members and plans."""

    @strawberry.mutation(
        description=described("registerMember", "Records a new member.", "a code that is taken or not OGP's")
    )
    def register_member(self, info: Info, input: RegisterMemberInput) -> MemberPayload:
        """Register a member."""

        def commands(desk: Desk) -> None:
            desk.permit()
            desk.expect_nothing()
            code = formed(input.code.strip().upper(), "member", "code")
            facts = desk.facts(
                input, "name", "prefix", "type", "region", "joinedOn", language=language_of(input.language)
            )
            desk.session.register_member(code, _from_table(code) | facts, desk.basis)

        return MemberPayload.of(carry_out(info, input, coded("member", input.code), commands))

    @strawberry.mutation(
        description=described(
            "changeMemberStatus",
            "Records a decision on a member's standing, with its document; `effectiveOn` is the day of the decision.",
            "a member that is not known",
        )
    )
    def change_member_status(self, info: Info, input: ChangeMemberStatusInput) -> MemberPayload:
        """Change a member's status."""

        def commands(desk: Desk) -> None:
            desk.permit()
            member = desk.session.find_member(input.member)
            desk.expect(member)
            facts = desk.facts(input, "status")
            facts |= {"statusDocument": desk.wording(input.document, "document")}
            desk.session.change_member_status(member.text("code") or "", facts, desk.basis)

        return MemberPayload.of(carry_out(info, input, coded("member", input.member), commands))

    @strawberry.mutation(
        description=described(
            "renameMember", "Records a member's name; former names stay in its history.", "a member that is not known"
        )
    )
    def rename_member(self, info: Info, input: RenameMemberInput) -> MemberPayload:
        """Rename a member."""

        def commands(desk: Desk) -> None:
            desk.permit()
            member = desk.session.find_member(input.member)
            desk.expect(member)
            facts = desk.facts(input, "name", language=language_of(input.language))
            desk.session.revise_member(member.id, facts, desk.basis)

        return MemberPayload.of(carry_out(info, input, coded("member", input.member), commands))

    @strawberry.mutation(
        description=described(
            "registerActionPlan",
            "Records a new action plan of a member.",
            "a member that is not known, and a cycle that the member has a plan for already",
        )
    )
    def register_action_plan(self, info: Info, input: RegisterActionPlanInput) -> ActionPlanPayload:
        """Register an action plan."""

        def commands(desk: Desk) -> None:
            member = desk.session.find_member(input.member)
            desk.permit([member.text("code")])
            desk.expect_nothing()
            if not 2000 <= input.cycle <= 2100:
                raise Invalid(f"{input.cycle} is no year of submission", "cycle")
            facts = desk.facts(input, "cycle", "title", "startsOn", "endsOn", language=language_of(input.language))
            facts |= {"member": member.id, "status": PlanStatus.ACTIVE.value}
            desk.session.register_action_plan(f"{member.text('code')}-{input.cycle}", facts, desk.basis)

        return ActionPlanPayload.of(carry_out(info, input, _new_plan(input), commands))

    @strawberry.mutation(
        description=described(
            "reviseActionPlan",
            "Records what is newly said of an action plan: its name, its period, an extension.",
            "a plan that is not known, and an input that says nothing",
        )
    )
    def revise_action_plan(self, info: Info, input: ReviseActionPlanInput) -> ActionPlanPayload:
        """Revise an action plan."""

        def commands(desk: Desk) -> None:
            plan = desk.session.find_action_plan(input.action_plan)
            desk.permit([desk.member_of(plan)])
            desk.expect(plan)
            facts = desk.facts(input, "title", "startsOn", "endsOn", language=language_of(input.language))
            if not facts:
                raise Invalid("the input says nothing new of the plan: give a title or a period")
            desk.session.revise_action_plan(plan.id, facts, desk.basis)

        return ActionPlanPayload.of(carry_out(info, input, coded("plan", input.action_plan), commands))

    @strawberry.mutation(
        description=described(
            "concludeActionPlan", "Records that an action plan came to its end.", "a plan that is not known"
        )
    )
    def conclude_action_plan(self, info: Info, input: ConcludeActionPlanInput) -> ActionPlanPayload:
        """Conclude an action plan."""

        def commands(desk: Desk) -> None:
            plan = desk.session.find_action_plan(input.action_plan)
            desk.permit([desk.member_of(plan)])
            desk.expect(plan)
            facts = {"status": PlanStatus.CONCLUDED.value, **desk.facts(input, "endsOn")}
            desk.session.conclude_action_plan(plan.text("code") or "", facts, desk.basis)

        return ActionPlanPayload.of(carry_out(info, input, coded("plan", input.action_plan), commands))


def _from_table(code: str) -> Facts:
    """Return what OGP's table says of a member, as far as it knows the code."""
    known, region = member_by(code), region_of(code)
    facts: Facts = {"type": known.kind, "prefix": known.prefix} if known and known.code == code else {}
    return facts | ({"region": region} if region else {})


def _new_plan(sent: RegisterActionPlanInput) -> Find:
    """Return the finder of a plan by its member, whose prefix will do, and its cycle."""

    def find(snapshot: Snapshot) -> Subject | None:
        member = snapshot.by_code("member", sent.member.strip())
        return snapshot.by_code("plan", f"{member.text('code')}-{sent.cycle}") if member else None

    return find
