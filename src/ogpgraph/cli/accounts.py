"""`ogpgraph account …`: manages the accounts that may write, their rights and their tokens.

Tokens are generated and shown here and nowhere else. Names, e-mail addresses and logins are stored outside the log.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from ogpgraph.cli.shared import (
    DatabaseOption,
    ExitCode,
    SafeConsole,
    err,
    load_settings,
    normalize_reason,
    open_migrated,
    out,
)
from ogpgraph.domain.roles import OPERATOR, Role

if TYPE_CHECKING:
    from ogpgraph.domain.unit_of_work import UnitOfWork
    from ogpgraph.storage.accounts import TokenRow
    from ogpgraph.system import System

account_app = typer.Typer(no_args_is_help=True, help="Manage accounts, their rights and their tokens.")

DEFAULT_TOKEN_DAYS = 90
MAX_TOKEN_DAYS = 730
MIN_TABLE_WIDTH = 160
"""The width of the table outside a terminal, where rich would assume 80 columns and break ids."""
AccountArgument = Annotated[str, typer.Argument(help="The id of the account, account-….")]
RoleOption = Annotated[Role | None, typer.Option("--role", case_sensitive=False, help="The role.")]
MembersOption = Annotated[
    list[str] | None,
    typer.Option("--member", help="For a reporter: the code of a member, such as FRA; may be repeated."),
]
ReasonOption = Annotated[
    str | None, typer.Option(callback=normalize_reason, help="The reason, which is public like the event.")
]


@account_app.command()
def create(
    name: Annotated[str | None, typer.Option(help="The name of the person; stored outside the log.")] = None,
    email: Annotated[str | None, typer.Option(help="The person's e-mail address; stored outside the log.")] = None,
    login: Annotated[
        str | None,
        typer.Option(help="The person's subject (`sub`) at the OpenID Connect issuer; stored outside the log."),
    ] = None,
    role: RoleOption = None,
    member: MembersOption = None,
    reason: ReasonOption = None,
    database: DatabaseOption = None,
) -> None:
    """Create an account, with the rights of a role if one is given, and print its id."""
    from ogpgraph.domain.account import grant_rights, open_account

    def commands(uow: UnitOfWork) -> str:
        account = open_account(uow)
        if role:
            grant_rights(uow, account, role, _parse_member_codes(member))
        return account.id

    settings = load_settings(database)
    if login and not settings.oidc_issuer:
        raise typer.BadParameter("no issuer is configured: set OGPGRAPH_OIDC_ISSUER", param_hint="--login")
    with open_migrated(settings) as system:
        if login and system.accounts.find_linked_account(settings.oidc_issuer, login):
            raise typer.BadParameter("another account has this login", param_hint="--login")
        account_id = _run_commands(system, reason, commands)
        system.accounts.set_person(account_id, name, email)
        if login:
            system.accounts.link(settings.oidc_issuer, login, account_id)
    out.print(account_id, soft_wrap=True)


@account_app.command()
def grant(
    account: AccountArgument,
    role: Annotated[Role, typer.Argument(case_sensitive=False, help="The role.")],
    member: MembersOption = None,
    reason: ReasonOption = None,
    database: DatabaseOption = None,
) -> None:
    """Grant an account the rights of a role."""
    from ogpgraph.domain.account import find_account, grant_rights

    def commands(uow: UnitOfWork) -> None:
        grant_rights(uow, find_account(uow, account), role, _parse_member_codes(member))

    with open_migrated(load_settings(database)) as system:
        _run_commands(system, reason, commands)
        _print_rights(system, account)


@account_app.command()
def revoke(
    account: AccountArgument,
    role: RoleOption = None,
    member: MembersOption = None,
    token: Annotated[
        str | None, typer.Option(help="Revoke only this token, given as `account list` shows it: `ogp_7307ef38a522`.")
    ] = None,
    reason: ReasonOption = None,
    database: DatabaseOption = None,
) -> None:
    """Revoke a role or a token; without either, all roles, tokens and the login of the account."""
    from ogpgraph.domain.account import find_account, revoke_rights
    from ogpgraph.storage.accounts import parse_prefix

    def commands(uow: UnitOfWork) -> None:
        revoke_rights(uow, find_account(uow, account), role, _parse_member_codes(member))

    if role is not None and token is not None:
        raise typer.BadParameter("give either a role or a token", param_hint="--token")
    with open_migrated(load_settings(database)) as system:
        if token is None:
            _run_commands(system, reason, commands)
        if token is None and role is None:
            system.accounts.unlink(account)
        if role is None:
            prefix = parse_prefix(token) if token is not None else None
            revoked = system.accounts.revoke_tokens(account, now=system.clock(), prefix=prefix)
            if token is not None and not revoked:
                raise typer.BadParameter(f"{account} has no valid token with this prefix", param_hint="--token")
            out.print(f"{revoked} tokens revoked")
        _print_rights(system, account)


@account_app.command()
def erase(account: AccountArgument, database: DatabaseOption = None) -> None:
    """Erase the name, e-mail address and logins of an account, and its tokens' labels; it keeps its id and rights."""
    from ogpgraph.storage.database import LockTimeout

    with open_migrated(load_settings(database)) as system:
        _require_account(system, account)
        try:
            system.accounts.erase_person(account)
        except LockTimeout as error:
            err.print(f"{error}: run the command again to empty it", soft_wrap=True)
            raise typer.Exit(ExitCode.FAILED) from error
        _print_rights(system, account)


@account_app.command("list")
def list_accounts(database: DatabaseOption = None) -> None:
    """List the accounts with their rights and tokens, and with names and e-mail addresses."""
    from rich.table import Table

    table = Table("account", "person", "rights", "token", "expires", "last used")
    with open_migrated(load_settings(database)) as system:
        for account_id, person in system.accounts.list_people().items():
            described = ", ".join(filter(None, (person.name, person.email)))
            tokens: list[TokenRow | None] = [*system.accounts.list_tokens(account_id)]
            for token in tokens or [None]:
                table.add_row(account_id, described, _describe_rights(system, account_id), *_format_token(token))
    width = max(out.width, MIN_TABLE_WIDTH)
    console = out if out.is_terminal else SafeConsole(width=width)
    console.print(table)


@account_app.command()
def token(
    account: AccountArgument,
    days: Annotated[int, typer.Option(min=1, max=MAX_TOKEN_DAYS, help="The days until it expires.")] = (
        DEFAULT_TOKEN_DAYS
    ),
    label: Annotated[str | None, typer.Option(help="The purpose of the token, shown in the list.")] = None,
    database: DatabaseOption = None,
) -> None:
    """Issue a token for an account and print it; it cannot be shown again, because only its hash is stored."""
    with open_migrated(load_settings(database)) as system:
        _require_account(system, account)
        issued = system.accounts.issue_token(
            account, now=system.clock(), lifetime=timedelta(days=days), random_hex=secrets.token_hex, label=label
        )
    err.print(f"The token expires in {days} days. It is shown only this once:")
    out.print(issued, soft_wrap=True)


def _require_account(system: System, account: str) -> None:
    """Raise BadParameter for what is no account: other things have ids, too."""
    if not account.startswith("account-") or not system.executor.load(account).revision:
        raise typer.BadParameter(f"there is no account {account}")


def _run_commands(system: System, reason: str | None, commands: Callable[[UnitOfWork], str | None]) -> str:
    """Run commands as the operator; a refusal is printed and exits with 1."""
    from ogpgraph.domain.errors import Refusal
    from ogpgraph.domain.unit_of_work import CommandContext

    context = CommandContext(actor=OPERATOR, role=Role.ADMINISTRATOR.lower(), time=system.clock(), reason=reason)
    try:
        return system.execute(context, commands).result or ""
    except Refusal as refusal:
        err.print(f"{refusal.code}: {refusal.message}", soft_wrap=True)
        raise typer.Exit(ExitCode.FAILED) from refusal


def _parse_member_codes(members: list[str] | None) -> tuple[str, ...]:
    return tuple(code.strip().upper() for code in members or ())


def _print_rights(system: System, account_id: str) -> None:
    out.print(f"{account_id}: {_describe_rights(system, account_id)}", soft_wrap=True)


def _describe_rights(system: System, account_id: str) -> str:
    from ogpgraph.domain.account import rights_of

    rights = rights_of(system.executor.load(account_id))
    members = f" of {', '.join(rights.reporter_of)}"
    roles = [role.lower() + (members if role is Role.REPORTER else "") for role in rights.roles]
    return "; ".join(roles) or "reader"


def _format_token(token: TokenRow | None) -> tuple[str, str, str]:
    """Return a token's prefix and label, its expiry, and its last use."""
    if token is None:
        return "", "", ""
    described = f"ogp_{token.prefix}… {token.label or ''}".strip()
    expires = "revoked" if token.revoked_at else token.expires_at[:10]
    return described, expires, (token.last_used_at or "never")[:16]
