"""Mutations of the rights of accounts.

Accounts are opened and tokens issued on the command line, because no secret and no name may pass through the log.
"""

from __future__ import annotations

import strawberry

from ogpgraph.application.translation import MAX_LIST_ITEMS
from ogpgraph.domain.account import find_account, grant_rights, revoke_rights
from ogpgraph.domain.roles import Role
from ogpgraph.graphql.context import Info
from ogpgraph.graphql.mutations.context import MutationContext, Payload, by_id, mutation, run_mutation
from ogpgraph.graphql.mutations.inputs import MutationInput, none_if_unset, optional
from ogpgraph.graphql.types import Account

_ACCOUNT = "The account, by its id (`account-…`)."


@strawberry.type(description="An account with changed rights.")
class AccountPayload(Payload):
    @strawberry.field(description="The account after the mutation; null if it was refused.")
    def account(self) -> Account | None:
        return self.outcome.subject(Account)


@strawberry.input(description="A role that an account is granted.")
class GrantRightsInput(MutationInput):
    account: strawberry.ID = strawberry.field(description=_ACCOUNT)
    role: Role = strawberry.field(description="The role.")
    members: list[str] | None = optional(
        "For `REPORTER`, which needs at least one: the codes of the members that the account may report for, such as "
        "`FRA`; they are added to those it has. Omitted or null for other roles."
    )


@strawberry.input(description="A role, or all roles, that an account loses.")
class RevokeRightsInput(MutationInput):
    account: strawberry.ID = strawberry.field(description=_ACCOUNT)
    role: Role | None = optional("The role. Omitted or null: all roles.")
    members: list[str] | None = optional(
        "For `REPORTER`: the codes of the members that the account may no longer report for. Omitted or null: all."
    )


@strawberry.type
class AccountMutations:
    @mutation(
        "Grants an account a role. Everyone can read the rights of an account; nobody can read from the log whose "
        "account it is.",
        not_found="if the account or a member is unknown",
        invalid="if a reporter has no members, or another role has some",
    )
    def grant_rights(self, info: Info, input: GrantRightsInput) -> AccountPayload:
        return AccountPayload(outcome=run_mutation(info, input, by_id(input.account), _grant_rights))

    @mutation(
        "Revokes a role of an account, some members of a reporter, or all rights. What the account sent before and is "
        "not recorded yet is refused.",
        not_found="if the account is unknown",
        invalid="if members are named with a role other than `REPORTER`",
    )
    def revoke_rights(self, info: Info, input: RevokeRightsInput) -> AccountPayload:
        return AccountPayload(outcome=run_mutation(info, input, by_id(input.account), _revoke_rights))


def _grant_rights(context: MutationContext, input: GrantRightsInput) -> None:
    context.authorize()
    account = find_account(context.uow, input.account)
    context.check_revision(account)
    grant_rights(context.uow, account, input.role, _member_codes(input.members), context.provenance)


def _revoke_rights(context: MutationContext, input: RevokeRightsInput) -> None:
    context.authorize()
    account = find_account(context.uow, input.account)
    context.check_revision(account)
    role, members = none_if_unset(input.role), _member_codes(input.members)
    revoke_rights(context.uow, account, role, members, context.provenance)


def _member_codes(codes: list[str] | None) -> tuple[str, ...]:
    return tuple(code.strip().upper() for code in (none_if_unset(codes) or [])[:MAX_LIST_ITEMS])
