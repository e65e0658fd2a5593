"""`ogpgraph account`: accounts are made, given rights and tokens, and shut, from the command line."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ogpgraph.cli import app
from ogpgraph.clock import system_clock
from ogpgraph.domain.account import Rights, rights_of
from ogpgraph.domain.roles import Role
from ogpgraph.storage.accounts import InvalidToken
from ogpgraph.system import migrate, open_system


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    monkeypatch.setenv("OGPGRAPH_DATABASE", url)
    migrate(url)
    return url


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["account", *arguments])


def told(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def test_an_account_is_created_with_a_role_and_its_name_stays_outside_the_log(url: str) -> None:
    account = told("create", "--name", "Ana [Secret]", "--email", "ana@secret.example", "--role", "reviewer")
    assert re.fullmatch(r"account-[0-9a-f]{32}", account)
    assert "Ana [Secret], ana@secret.example" in told("list")
    with open_system(url) as system:
        assert rights_of(system.executor.load(account)) == Rights((Role.REVIEWER,))
        with system.database.read() as transaction:
            stored = str(
                [
                    dict(row)
                    for table in ("event", "entry", "version")
                    for row in transaction.fetch_all(f"select * from {table}")
                ]
            )
    assert "ecret" not in stored


def test_rights_are_granted_and_revoked(url: str) -> None:
    with open_system(url) as system:
        from tests.graphql.mutations.client import SampleSystem

        SampleSystem(system)
    account = told("create")
    assert told("grant", account, "reporter", "--member", "fra", "--member", "GBR").endswith(": reporter of FRA, GBR")
    assert told("revoke", account, "--role", "reporter", "--member", "GBR").endswith("reporter of FRA")
    refused = run("grant", account, "reporter", "--member", "XYZ")
    assert (refused.exit_code, refused.stderr.strip()) == (1, "NOT_FOUND: there is no member XYZ")
    assert run("grant", account, "reporter").exit_code == 1
    assert run("grant", "account-none", "reviewer").exit_code == 1


def test_a_token_is_shown_once_opens_the_account_and_is_revoked_with_it(url: str) -> None:
    account = told("create", "--role", "administrator")
    token, other = told("token", account, "--label", "laptop"), told("token", account, "--days", "1")
    assert re.fullmatch(r"ogp_[0-9a-f]{12}_[0-9a-f]{64}", token)
    listed = told("list")
    assert token.split("_")[1] in listed
    assert token.split("_")[2] not in listed
    assert "laptop" in listed
    assert told("revoke", account, "--token", token.split("_")[1]).splitlines() == [
        "1 tokens revoked",
        f"{account}: administrator",
    ]
    with open_system(url) as system:
        assert system.accounts.authenticate_token(other, system_clock()) == account
        with pytest.raises(InvalidToken, match="revoked"):
            system.accounts.authenticate_token(token, system_clock())
    assert told("revoke", account).endswith(f"{account}: reader")
    with open_system(url) as system, pytest.raises(InvalidToken, match="revoked"):
        system.accounts.authenticate_token(other, system_clock())


def test_what_would_revoke_nothing_is_refused(url: str) -> None:
    account = told("create", "--role", "administrator")
    token = told("token", account).split("_")[1]
    assert run("revoke", account, "--token", "000000000000").exit_code == 2
    assert run("revoke", account, "--role", "administrator", "--token", token).exit_code == 2
    told("revoke", account, "--token", token)
    assert run("revoke", account, "--token", token).exit_code == 2
    with open_system(url) as system:
        assert rights_of(system.executor.load(account)).roles


def test_a_token_needs_an_account_and_a_login_an_issuer(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("token", "account-none").exit_code == 2
    assert run("create", "--login", "ana").exit_code == 2
    for name, value in {"ISSUER": "https://id.example", "AUDIENCE": "ogpgraph", "JWKS": "/keys.json"}.items():
        monkeypatch.setenv(f"OGPGRAPH_OIDC_{name}", value)
    account = told("create", "--login", "ana")
    with open_system(url) as system:
        assert system.accounts.find_linked_account("https://id.example", "ana") == account
    assert run("create", "--login", "ana").exit_code == 2
    told("revoke", account)
    with open_system(url) as system:
        assert system.accounts.find_linked_account("https://id.example", "ana") is None
