"""Mutations on accounts. Accounts and tokens are made on the command line, where what is secret stays."""

from __future__ import annotations

import strawberry

from ogpgraph.application.commands import accounts
from ogpgraph.domain.account import Role
from ogpgraph.graphql.context import Info
from ogpgraph.graphql.mutations.context import MutationContext, by_id, run_mutation
from ogpgraph.graphql.mutations.descriptions import describe_mutation
from ogpgraph.graphql.mutations.inputs import MAX_ITEMS, MutationInput, is_set
from ogpgraph.graphql.mutations.payloads import AccountPayload

_ACCOUNT = "The account, by its id."


@strawberry.input(description="A role for an account.")
class GrantRightsInput(MutationInput):
    account: strawberry.ID = strawberry.field(description=_ACCOUNT)
    role: Role = strawberry.field(description="The role.")
    members: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="For a reporter: the codes of the members that it may report for."
    )


@strawberry.input(description="A role that an account loses.")
class RevokeRightsInput(MutationInput):
    account: strawberry.ID = strawberry.field(description=_ACCOUNT)
    role: Role | None = strawberry.field(
        default=strawberry.UNSET, description="The role; all of them where it is left out."
    )
    members: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="For a reporter: only these members; all where it is left out."
    )


@strawberry.type
class AccountMutations:
    """What is written of accounts."""

    @strawberry.mutation(
        description=describe_mutation(
            "grantRights",
            "Lets an account act in a role; everyone can read that it may, nobody who it is.",
            "an account or a member that is not known, a reporter without members",
        )
    )
    def grant_rights(self, info: Info, input: GrantRightsInput) -> AccountPayload:
        """Grant rights."""

        def commands(context: MutationContext) -> None:
            context.authorize()
            account = accounts.find_account(context.uow, input.account)
            context.check_revision(account)
            accounts.grant_rights(context.uow, account, input.role, _members(input), context.provenance)

        return AccountPayload.of(run_mutation(info, input, by_id(input.account), commands))

    @strawberry.mutation(
        description=describe_mutation(
            "revokeRights",
            "Takes a role from an account, or some members from a reporter; it holds from the next request on.",
            "an account that is not known",
        )
    )
    def revoke_rights(self, info: Info, input: RevokeRightsInput) -> AccountPayload:
        """Revoke rights."""

        def commands(context: MutationContext) -> None:
            context.authorize()
            account = accounts.find_account(context.uow, input.account)
            context.check_revision(account)
            role = input.role if is_set(input.role) else None
            accounts.revoke_rights(context.uow, account, role, _members(input), context.provenance)

        return AccountPayload.of(run_mutation(info, input, by_id(input.account), commands))


def _members(sent: GrantRightsInput | RevokeRightsInput) -> tuple[str, ...]:
    members = sent.members if is_set(sent.members) else None
    return tuple(code.strip().upper() for code in (members or [])[:MAX_ITEMS])
