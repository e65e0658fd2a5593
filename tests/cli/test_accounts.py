"""`ogpgraph account`."""

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
from tests.graphql.mutations.client import SampleSystem
from tests.support.writers import register_commitment


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    monkeypatch.setenv("OGPGRAPH_DATABASE", url)
    migrate(url)
    return url


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["account", *arguments])


def succeed(*arguments: str) -> str:
    """Run a subcommand that must succeed; returns what it prints."""
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def test_a_new_account_has_a_role_and_a_name_that_is_not_in_the_log(url: str) -> None:
    account = succeed("create", "--name", "Ana [Secret]", "--email", "ana@secret.example", "--role", "reviewer")
    assert re.fullmatch(r"account-[0-9a-f]{32}", account)
    assert "Ana [Secret], ana@secret.example" in succeed("list")
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


def test_control_characters_of_a_name_or_a_label_are_shown(url: str) -> None:
    account = succeed("create", "--name", "Ana\x1b[31m\u202e", "--email", "a\x9b@b.example")
    succeed("token", account, "--label", "\x1b]0;owned\x07")
    listed = succeed("list")
    assert not set(listed) & set("\x1b\x07\x9b\u202e")
    assert r"Ana\u001b[31m\u202e, a\u009b@b.example" in listed
    assert r"\u001b]0;owned\u0007" in listed
    assert url


def test_rights_are_granted_and_revoked(url: str) -> None:
    with open_system(url) as system:
        SampleSystem(system)
    account = succeed("create")
    assert succeed("grant", account, "reporter", "--member", "fra", "--member", "GBR").endswith(
        ": reporter of FRA, GBR"
    )
    assert succeed("revoke", account, "--role", "reporter", "--member", "GBR").endswith("reporter of FRA")
    refusal = run("grant", account, "reporter", "--member", "XYZ")
    assert (refusal.exit_code, refusal.stderr.strip()) == (1, "NOT_FOUND: there is no member XYZ")
    assert run("grant", account, "reporter").exit_code == 1
    assert run("grant", "account-none", "reviewer").exit_code == 1


def test_a_token_is_printed_once_authenticates_and_is_revoked_with_its_account(url: str) -> None:
    account = succeed("create", "--role", "reviewer")
    token, other = (
        succeed("token", account, "--label", "laptop"),
        succeed("token", account, "--days", "1"),
    )
    assert re.fullmatch(r"ogp_[0-9a-f]{12}_[0-9a-f]{64}", token)
    listed = succeed("list")
    assert token.split("_")[1] in listed
    assert token.split("_")[2] not in listed
    assert "laptop" in listed
    assert succeed("revoke", account, "--token", token.split("_")[1]).splitlines() == [
        "1 tokens revoked",
        f"{account}: reviewer",
    ]
    with open_system(url) as system:
        assert system.accounts.authenticate_token(other, system_clock()) == account
        with pytest.raises(InvalidToken, match="revoked"):
            system.accounts.authenticate_token(token, system_clock())
    assert succeed("revoke", account).endswith(f"{account}: reader")
    with open_system(url) as system, pytest.raises(InvalidToken, match="revoked"):
        system.accounts.authenticate_token(other, system_clock())


def test_revoking_nothing_is_an_error(url: str) -> None:
    account = succeed("create", "--role", "administrator")
    token = succeed("token", account).split("_")[1]
    assert run("revoke", account, "--token", "000000000000").exit_code == 2
    assert run("revoke", account, "--role", "administrator", "--token", token).exit_code == 2
    succeed("revoke", account, "--token", token)
    assert run("revoke", account, "--token", token).exit_code == 2
    with open_system(url) as system:
        assert rights_of(system.executor.load(account)).roles


@pytest.mark.usefixtures("url")
@pytest.mark.parametrize("form", ["ogp_{}", "{}", "ogp_{}…", " ogp_{}"])
def test_a_token_is_revoked_by_what_the_list_shows(form: str) -> None:
    account = succeed("create", "--role", "administrator")
    prefix = succeed("token", account, "--label", "laptop").split("_")[1]
    assert f"ogp_{prefix}… laptop" in succeed("list")
    assert succeed("revoke", account, "--token", form.format(prefix)).startswith("1 tokens revoked")


def test_the_last_administrator_keeps_the_role_the_tokens_and_the_login(url: str) -> None:
    account, reviewer = succeed("create", "--role", "administrator"), succeed("create", "--role", "reviewer")
    token = succeed("token", account)
    for arguments in ([], ["--role", "administrator"]):
        refused = run("revoke", account, *arguments)
        assert (refused.exit_code, refused.stderr.split(":")[0]) == (1, "CONFLICT")
    with open_system(url) as system:
        assert system.accounts.authenticate_token(token, system_clock()) == account
    succeed("grant", reviewer, "administrator")
    assert succeed("revoke", account).endswith(f"{account}: reader")
    assert run("revoke", reviewer).exit_code == 1


def test_an_erased_person_is_in_no_file_of_the_database(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ISSUER": "https://id.example", "AUDIENCE": "ogpgraph", "JWKS": "/keys.json"}.items():
        monkeypatch.setenv(f"OGPGRAPH_OIDC_{name}", value)
    account = succeed(
        "create",
        "--name",
        "Ana Sécret",
        "--email",
        "ana@secret.example",
        "--login",
        "login-of-ana",
        "--role",
        "reviewer",
    )
    token = succeed("token", account, "--label", "Label of Ana")
    # The others fill pages, so that rows have moved between pages.
    with open_system(url) as system:
        for number in range(200):
            system.accounts.set_person(f"account-{number:032}", f"Person {number}", f"{number}@example.org")
        assert succeed("erase", account) == f"{account}: reviewer"
        folder = Path(url.removeprefix("sqlite:///")).parent
        stored = b"".join(file.read_bytes() for file in folder.iterdir())
        for text in ("Ana Sécret", "ana@secret.example", "login-of-ana", "Label of Ana"):
            assert text.encode() not in stored
        assert b"Person 199" in stored
        assert system.accounts.authenticate_token(token, system_clock()) == account
        assert len(system.executor.events(account)) == 2
    assert account in succeed("list")
    assert succeed("erase", account) == f"{account}: reviewer"
    assert run("erase", "account-none").exit_code == 2


def test_a_token_requires_an_account_and_a_login_requires_an_issuer(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("token", "account-none").exit_code == 2
    assert run("create", "--login", "ana").exit_code == 2
    for name, value in {"ISSUER": "https://id.example", "AUDIENCE": "ogpgraph", "JWKS": "/keys.json"}.items():
        monkeypatch.setenv(f"OGPGRAPH_OIDC_{name}", value)
    account = succeed("create", "--login", "ana")
    with open_system(url) as system:
        assert system.accounts.find_linked_account("https://id.example", "ana") == account
    assert run("create", "--login", "ana").exit_code == 2
    succeed("revoke", account)
    with open_system(url) as system:
        assert system.accounts.find_linked_account("https://id.example", "ana") is None


def test_what_is_no_account_gets_no_token(url: str) -> None:
    with open_system(url) as system:
        commitment = register_commitment(system, "FR0001")
    for command in ("token", "erase"):
        result = run(command, commitment)
        assert (result.exit_code, "there is no account" in result.output) == (2, True)


@pytest.mark.parametrize(
    ("reason", "message"),
    [("", "reason"), ("\u200b", "reason"), ("a\x1b[31m", "reason"), ("http://u:p@x.example", "URL")],
)
def test_a_reason_that_mutations_refuse_is_refused(url: str, reason: str, message: str) -> None:
    for arguments in (("account", "create", "--reason", reason), ("revert", "any", "--reason", reason)):
        result = CliRunner().invoke(app, arguments)
        assert (result.exit_code, message in result.output) == (2, True), result.output
    with open_system(url) as system, system.read_session() as session:
        assert session.head == 0
