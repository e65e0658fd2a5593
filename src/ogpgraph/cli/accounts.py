"""`ogpgraph account …`: who may write. What is secret is made and shown here, and goes nowhere else."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ogpgraph.cli.database import DatabaseOption, load_settings, open_migrated
from ogpgraph.cli.terminal import err, out
from ogpgraph.domain.account import find_account, grant_rights, open_account, revoke_rights, rights_of
from ogpgraph.domain.roles import Role

if TYPE_CHECKING:
    from ogpgraph.domain.unit_of_work import UnitOfWork
    from ogpgraph.storage.accounts import TokenRow
    from ogpgraph.system import System

account_app = typer.Typer(no_args_is_help=True, help="Accounts, their rights and their tokens.")

DEFAULT_TOKEN_DAYS = 90
MAX_TOKEN_DAYS = 730
AccountArgument = Annotated[str, typer.Argument(help="The account's id, account-….")]
RoleOption = Annotated[Role | None, typer.Option("--role", case_sensitive=False, help="The role.")]
MembersOption = Annotated[
    list[str] | None, typer.Option("--member", help="For a reporter: a member's code, such as FRA; may be repeated.")
]
ReasonOption = Annotated[str | None, typer.Option(help="Why, kept with the event for everyone to read.")]


@account_app.command()
def create(
    name: Annotated[str | None, typer.Option(help="Who is behind it; kept outside the log.")] = None,
    email: Annotated[str | None, typer.Option(help="Their address; kept outside the log.")] = None,
    login: Annotated[
        str | None, typer.Option(help="How the OpenID Connect issuer knows them (`sub`); kept outside the log.")
    ] = None,
    role: RoleOption = None,
    member: MembersOption = None,
    reason: ReasonOption = None,
    database: DatabaseOption = None,
) -> None:
    """Open an account and print its id; with a role it may write at once."""

    def commands(uow: UnitOfWork) -> str:
        account = open_account(uow).id
        if role:
            grant_rights(uow, find_account(uow, account), role, _parse_member_codes(member))
        return account

    settings = load_settings(database)
    if login and not settings.oidc_issuer:
        raise typer.BadParameter("there is no issuer: set OGPGRAPH_OIDC_ISSUER", param_hint="--login")
    with open_migrated(settings) as system:
        if login and system.accounts.find_linked_account(settings.oidc_issuer, login):
            raise typer.BadParameter("somebody with this login has an account already", param_hint="--login")
        account = _run_commands(system, reason, commands)
        system.accounts.set_person(account, name, email)
        if login:
            system.accounts.link(settings.oidc_issuer, login, account)
    out.print(account, soft_wrap=True)


@account_app.command()
def grant(
    account: AccountArgument,
    role: Annotated[Role, typer.Argument(case_sensitive=False, help="The role.")],
    member: MembersOption = None,
    reason: ReasonOption = None,
    database: DatabaseOption = None,
) -> None:
    """Let an account act in a role."""
    with open_migrated(load_settings(database)) as system:
        _run_commands(
            system,
            reason,
            lambda uow: grant_rights(uow, find_account(uow, account), role, _parse_member_codes(member)),
        )
        _print_rights(system, account)


@account_app.command()
def revoke(
    account: AccountArgument,
    role: RoleOption = None,
    member: MembersOption = None,
    token: Annotated[
        str | None, typer.Option(help="Revoke only this token, by the twelve characters after `ogp_`.")
    ] = None,
    reason: ReasonOption = None,
    database: DatabaseOption = None,
) -> None:
    """Take a role from an account; without a role and a token, shut it: all roles, all tokens, its login."""
    if role is not None and token is not None:
        raise typer.BadParameter("take a role or a token, one at a time", param_hint="--token")
    with open_migrated(load_settings(database)) as system:
        if token is None:
            _run_commands(
                system,
                reason,
                lambda uow: revoke_rights(uow, find_account(uow, account), role, _parse_member_codes(member)),
            )
        if token is None and role is None:
            system.accounts.unlink(account)
        if role is None:
            revoked = system.accounts.revoke_tokens(account, now=system.clock(), prefix=token)
            if token is not None and not revoked:
                raise typer.BadParameter(f"{account} has no such token that is not revoked", param_hint="--token")
            out.print(f"{revoked} tokens revoked")
        _print_rights(system, account)


@account_app.command("list")
def list_accounts(database: DatabaseOption = None) -> None:
    """List accounts with their rights and tokens; names and addresses are shown here and nowhere else."""
    from rich.table import Table

    table = Table("account", "who", "rights", "token", "expires", "last used")
    with open_migrated(load_settings(database)) as system:
        for account, person in system.accounts.list_people().items():
            who = ", ".join(filter(None, (person.name, person.email)))
            tokens: list[TokenRow | None] = [*system.accounts.list_tokens(account)]
            for token in tokens or [None]:
                table.add_row(account, who, _describe_rights(system, account), *_format_token(token))
    wide = Console(highlight=False, markup=False, width=max(out.width, 160)) if not out.is_terminal else out
    wide.print(table)


@account_app.command()
def token(
    account: AccountArgument,
    days: Annotated[int, typer.Option(min=1, max=MAX_TOKEN_DAYS, help="How long it is good for.")] = DEFAULT_TOKEN_DAYS,
    label: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    database: DatabaseOption = None,
) -> None:
    """Make a token of an account and print it: this once, since only its hash is kept."""
    with open_migrated(load_settings(database)) as system:
        if not system.executor.load(account).revision:
            raise typer.BadParameter(f"there is no account {account}")
        made = system.accounts.issue_token(
            account, now=system.clock(), lifetime=timedelta(days=days), random_hex=secrets.token_hex, label=label
        )
    err.print(f"Good for {days} days. It is shown this once:")
    out.print(made, soft_wrap=True)


def _run_commands(system: System, reason: str | None, commands: Callable[[UnitOfWork], str | None]) -> str:
    from ogpgraph.domain.errors import Refusal
    from ogpgraph.domain.unit_of_work import CommandContext

    act = CommandContext(actor="operator", role="administrator", time=system.clock(), reason=reason)
    try:
        return system.execute(act, commands).result or ""
    except Refusal as refusal:
        err.print(f"{refusal.code}: {refusal.message}", soft_wrap=True)
        raise typer.Exit(1) from refusal


def _parse_member_codes(members: list[str] | None) -> tuple[str, ...]:
    return tuple(code.strip().upper() for code in members or ())


def _describe_rights(system: System, account: str) -> str:
    rights = rights_of(system.executor.load(account))
    reports = f" of {', '.join(rights.reporter_of)}"
    words = [role.lower() + (reports if role is Role.REPORTER else "") for role in rights.roles]
    return "; ".join(words) or "reader"


def _print_rights(system: System, account: str) -> None:
    out.print(f"{account}: {_describe_rights(system, account)}", soft_wrap=True)


def _format_token(token: TokenRow | None) -> tuple[str, str, str]:
    if token is None:
        return "", "", ""
    named = f"ogp_{token.prefix}… {token.label or ''}".strip()
    until = "revoked" if token.revoked_at else token.expires_at[:10]
    return named, until, (token.last_used_at or "never")[:16]
