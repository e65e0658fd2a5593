"""Mutations on accounts. Accounts and tokens are made on the command line, where what is secret stays."""

from __future__ import annotations

import strawberry

from ogpgraph.domain.account import Role
from ogpgraph.graphql.context import Info
from ogpgraph.graphql.desk import Desk, carry_out, identified
from ogpgraph.graphql.mutations.describing import described
from ogpgraph.graphql.payloads import AccountPayload
from ogpgraph.graphql.write_inputs import MOST_ITEMS, WriteInput, given

_ACCOUNT = "The account, by its id."


@strawberry.input(description="A role for an account.")
class GrantRightsInput(WriteInput):
    account: strawberry.ID = strawberry.field(description=_ACCOUNT)
    role: Role = strawberry.field(description="The role.")
    members: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="For a reporter: the codes of the members that it may report for."
    )


@strawberry.input(description="A role that an account loses.")
class RevokeRightsInput(WriteInput):
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
        description=described(
            "grantRights",
            "Lets an account act in a role; everyone can read that it may, nobody who it is.",
            "an account or a member that is not known, a reporter without members",
        )
    )
    def grant_rights(self, info: Info, input: GrantRightsInput) -> AccountPayload:
        """Grant rights."""

        def commands(desk: Desk) -> None:
            desk.permit()
            account = desk.session.find_account(input.account)
            desk.expect(account)
            desk.session.grant_rights(account.id, input.role, _members(input), desk.basis)

        return AccountPayload.of(carry_out(info, input, identified(input.account), commands))

    @strawberry.mutation(
        description=described(
            "revokeRights",
            "Takes a role from an account, or some members from a reporter; it holds from the next request on.",
            "an account that is not known",
        )
    )
    def revoke_rights(self, info: Info, input: RevokeRightsInput) -> AccountPayload:
        """Revoke rights."""

        def commands(desk: Desk) -> None:
            desk.permit()
            account = desk.session.find_account(input.account)
            desk.expect(account)
            role = input.role if given(input.role) else None
            desk.session.revoke_rights(account.id, role, _members(input), desk.basis)

        return AccountPayload.of(carry_out(info, input, identified(input.account), commands))


def _members(sent: GrantRightsInput | RevokeRightsInput) -> tuple[str, ...]:
    members = sent.members if given(sent.members) else None
    return tuple(code.strip().upper() for code in (members or [])[:MOST_ITEMS])
