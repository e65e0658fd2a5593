"""`ogpgraph account …`: who may write. What is secret is made and shown here, and goes nowhere else."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ogpgraph.cli.database import Database, opened, settings_of
from ogpgraph.cli.terminal import err, out
from ogpgraph.domain.account import Role, rights_of

if TYPE_CHECKING:
    from ogpgraph.application import Session
    from ogpgraph.storage.accounts import TokenRow
    from ogpgraph.system import System

account_app = typer.Typer(no_args_is_help=True, help="Accounts, their rights and their tokens.")

DAYS = 90
MOST_DAYS = 730
Account = Annotated[str, typer.Argument(help="The account's id, account-….")]
RoleOption = Annotated[Role | None, typer.Option("--role", case_sensitive=False, help="The role.")]
Members = Annotated[
    list[str] | None, typer.Option("--member", help="For a reporter: a member's code, such as FRA; may be repeated.")
]
Reason = Annotated[str | None, typer.Option(help="Why, kept with the event for everyone to read.")]


@account_app.command()
def create(
    name: Annotated[str | None, typer.Option(help="Who is behind it; kept outside the log.")] = None,
    email: Annotated[str | None, typer.Option(help="Their address; kept outside the log.")] = None,
    login: Annotated[
        str | None, typer.Option(help="How the OpenID Connect issuer knows them (`sub`); kept outside the log.")
    ] = None,
    role: RoleOption = None,
    member: Members = None,
    reason: Reason = None,
    database: Database = None,
) -> None:
    """Open an account and print its id; with a role it may write at once."""

    def commands(session: Session) -> str:
        account = session.open_account().id
        if role:
            session.grant_rights(account, role, _codes(member))
        return account

    settings = settings_of(database)
    if login and not settings.oidc_issuer:
        raise typer.BadParameter("there is no issuer: set OGPGRAPH_OIDC_ISSUER", param_hint="--login")
    with opened(settings) as system:
        if login and system.accounts.linked(settings.oidc_issuer, login):
            raise typer.BadParameter("somebody with this login has an account already", param_hint="--login")
        account = _record(system, reason, commands)
        system.accounts.set_person(account, name, email)
        if login:
            system.accounts.link(settings.oidc_issuer, login, account)
    out.print(account, soft_wrap=True)


@account_app.command()
def grant(
    account: Account,
    role: Annotated[Role, typer.Argument(case_sensitive=False, help="The role.")],
    member: Members = None,
    reason: Reason = None,
    database: Database = None,
) -> None:
    """Let an account act in a role."""
    with opened(settings_of(database)) as system:
        _record(system, reason, lambda session: session.grant_rights(account, role, _codes(member)))
        _print_rights(system, account)


@account_app.command()
def revoke(
    account: Account,
    role: RoleOption = None,
    member: Members = None,
    token: Annotated[
        str | None, typer.Option(help="Revoke only this token, by the twelve characters after `ogp_`.")
    ] = None,
    reason: Reason = None,
    database: Database = None,
) -> None:
    """Take a role from an account; without a role and a token, shut it: all roles, all tokens, its login."""
    if role is not None and token is not None:
        raise typer.BadParameter("take a role or a token, one at a time", param_hint="--token")
    with opened(settings_of(database)) as system:
        if token is None:
            _record(system, reason, lambda session: session.revoke_rights(account, role, _codes(member)))
        if token is None and role is None:
            system.accounts.unlink(account)
        if role is None:
            revoked = system.accounts.revoke(account, now=system.clock(), prefix=token)
            if token is not None and not revoked:
                raise typer.BadParameter(f"{account} has no such token that is not revoked", param_hint="--token")
            out.print(f"{revoked} tokens revoked")
        _print_rights(system, account)


@account_app.command("list")
def list_command(database: Database = None) -> None:
    """List accounts with their rights and tokens; names and addresses are shown here and nowhere else."""
    from rich.table import Table

    table = Table("account", "who", "rights", "token", "expires", "last used")
    with opened(settings_of(database)) as system:
        for account, person in system.accounts.people().items():
            who = ", ".join(filter(None, (person.name, person.email)))
            tokens: list[TokenRow | None] = [*system.accounts.tokens(account)]
            for token in tokens or [None]:
                table.add_row(account, who, _rights(system, account), *_token_cells(token))
    wide = Console(highlight=False, markup=False, width=max(out.width, 160)) if not out.is_terminal else out
    wide.print(table)


@account_app.command()
def token(
    account: Account,
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="How long it is good for.")] = DAYS,
    label: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    database: Database = None,
) -> None:
    """Make a token of an account and print it: this once, since only its hash is kept."""
    with opened(settings_of(database)) as system:
        if not system.register.load(account).revision:
            raise typer.BadParameter(f"there is no account {account}")
        made = system.accounts.issue(
            account, now=system.clock(), lasts=timedelta(days=days), random_hex=secrets.token_hex, label=label
        )
    err.print(f"Good for {days} days. It is shown this once:")
    out.print(made, soft_wrap=True)


def _record(system: System, reason: str | None, commands: Callable[[Session], str | None]) -> str:
    from ogpgraph.application import Act
    from ogpgraph.domain.errors import Refusal

    act = Act(actor="operator", role="administrator", time=system.clock(), reason=reason)
    try:
        return system.record(act, commands).answer or ""
    except Refusal as refusal:
        err.print(f"{refusal.code}: {refusal.message}", soft_wrap=True)
        raise typer.Exit(1) from refusal


def _codes(members: list[str] | None) -> tuple[str, ...]:
    return tuple(code.strip().upper() for code in members or ())


def _rights(system: System, account: str) -> str:
    rights = rights_of(system.register.load(account))
    reports = f" of {', '.join(rights.reporter_of)}"
    words = [role.lower() + (reports if role is Role.REPORTER else "") for role in rights.roles]
    return "; ".join(words) or "reader"


def _print_rights(system: System, account: str) -> None:
    out.print(f"{account}: {_rights(system, account)}", soft_wrap=True)


def _token_cells(token: TokenRow | None) -> tuple[str, str, str]:
    if token is None:
        return "", "", ""
    named = f"ogp_{token.prefix}… {token.label or ''}".strip()
    until = "revoked" if token.revoked_at else token.expires_at[:10]
    return named, until, (token.last_used_at or "never")[:16]
