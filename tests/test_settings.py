"""Settings: defaults, environment variables, and the errors of invalid ones."""

import re
from dataclasses import fields, replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from ogpgraph.host import Host
from ogpgraph.settings import Settings, SettingsError, declarations, mask_password

ROOT = Path(__file__).parents[1]


def error_message(environ: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as raised:
        Settings.from_environment(environ)
    return str(raised.value)


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environment({}) == Settings()
    assert Settings() == Settings(
        database="sqlite:///ogpgraph.db",
        host="127.0.0.1",
        port=8000,
        log_level="info",
        log_format="console",
        max_body_bytes=1024 * 1024,
        max_response_bytes=16 * 1024 * 1024,
        max_import_bytes=20 * 1024 * 1024,
        writes_per_minute=120,
        max_cost=500_000,
        max_trusted_cost=2_000_000,
        cost_per_minute=20_000_000,
        deadline_seconds=10,
        trusted_proxies=(),
        oidc_issuer="",
        oidc_audience="",
        oidc_jwks="",
        oidc_algorithms=("RS256", "ES256"),
        oidc_skew_seconds=30,
        state="",
    )


def test_every_setting_is_read_from_its_variable() -> None:
    environ = {
        "OGPGRAPH_DATABASE": "postgresql://u:p@h/d",
        "OGPGRAPH_HOST": "::1",
        "OGPGRAPH_PORT": "0",
        "OGPGRAPH_WORKERS": "3",
        "OGPGRAPH_LOG_LEVEL": "DEBUG",
        "OGPGRAPH_LOG_FORMAT": "json",
        "OGPGRAPH_MAX_BODY_BYTES": "2",
        "OGPGRAPH_MAX_RESPONSE_BYTES": "16",
        "OGPGRAPH_MAX_IMPORT_BYTES": "3",
        "OGPGRAPH_WRITES_PER_MINUTE": "4",
        "OGPGRAPH_MAX_COST": "6",
        "OGPGRAPH_MAX_TRUSTED_COST": "7",
        "OGPGRAPH_COST_PER_MINUTE": "8",
        "OGPGRAPH_DEADLINE_SECONDS": "9",
        "OGPGRAPH_MAX_LIVE": "11",
        "OGPGRAPH_MAX_LIVE_EACH": "12",
        "OGPGRAPH_MAX_LIVE_COST": "13",
        "OGPGRAPH_EXECUTION": "graphql-core",
        "OGPGRAPH_COMPARE_ONE_IN": "16",
        "OGPGRAPH_HOSTS": "Ogp.example, *.ogp.example:8443, ::1",
        "OGPGRAPH_ORIGINS": "https://One.example, http://two.example:81, https://three.example:443, http://[::1]:80",
        "OGPGRAPH_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
        "OGPGRAPH_OIDC_ISSUER": "https://id.example",
        "OGPGRAPH_OIDC_AUDIENCE": "ogpgraph",
        "OGPGRAPH_OIDC_JWKS": "/etc/keys.json",
        "OGPGRAPH_OIDC_ALGORITHMS": "ES384, EdDSA",
        "OGPGRAPH_OIDC_SKEW_SECONDS": "5",
        "OGPGRAPH_MAX_CLOCK_LAG_SECONDS": "14",
        "OGPGRAPH_MAX_CLOCK_LEAD_SECONDS": "15",
        "OGPGRAPH_STATE": str(Path(__file__).parent),
    }
    assert environ.keys() == {declared.variable for declared in declarations().values()}
    first = Settings("postgresql://u:p@h/d", "::1", 0, 3, "debug", "json", 2, 16, 3)
    expected = replace(
        first,
        writes_per_minute=4,
        max_cost=6,
        max_trusted_cost=7,
        cost_per_minute=8,
        deadline_seconds=9,
        max_live=11,
        max_live_each=12,
        max_live_cost=13,
        execution="graphql-core",
        compare_one_in=16,
        hosts=(Host("ogp.example"), Host("*.ogp.example", 8443), Host("::1")),
        origins=("https://one.example", "http://two.example:81", "https://three.example", "http://[::1]"),
        trusted_proxies=(ip_network("10.0.0.0/8"), ip_network("::1")),
        oidc_issuer="https://id.example",
        oidc_audience="ogpgraph",
        oidc_jwks="/etc/keys.json",
        oidc_algorithms=("ES384", "EdDSA"),
        oidc_skew_seconds=5,
        max_clock_lag_seconds=14,
        max_clock_lead_seconds=15,
        state=str(Path(__file__).parent),
    )
    assert Settings.from_environment(environ) == expected


def test_without_an_argument_the_environment_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OGPGRAPH_PORT", "8123")
    assert Settings.from_environment().port == 8123


def test_every_field_is_declared_under_a_variable_of_its_name() -> None:
    declared = declarations()
    assert list(declared) == [each.name for each in fields(Settings)]
    assert all(each.variable == f"OGPGRAPH_{name.upper()}" for name, each in declared.items())


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OGPGRAPH_PORT", "http"),
        ("OGPGRAPH_PORT", "65536"),
        ("OGPGRAPH_PORT", "-1"),
        ("OGPGRAPH_PORT", "8_000"),
        ("OGPGRAPH_PORT", "٨"),
        ("OGPGRAPH_PORT", ""),
        ("OGPGRAPH_HOST", ""),
        ("OGPGRAPH_HOST", "http://127.0.0.1"),
        ("OGPGRAPH_LOG_LEVEL", "loud"),
        ("OGPGRAPH_LOG_FORMAT", "xml"),
        ("OGPGRAPH_STATE", "/there/is/no/such/folder"),
        ("OGPGRAPH_MAX_BODY_BYTES", "0"),
        ("OGPGRAPH_MAX_IMPORT_BYTES", "20 MiB"),
        ("OGPGRAPH_MAX_IMPORT_BYTES", "9" * 5000),
        ("OGPGRAPH_ORIGINS", ""),
        ("OGPGRAPH_ORIGINS", "dashboard.example"),
        ("OGPGRAPH_ORIGINS", "https://dashboard.example/page"),
        ("OGPGRAPH_OIDC_ALGORITHMS", "none"),
        ("OGPGRAPH_OIDC_ALGORITHMS", "RS256,HS256"),
        ("OGPGRAPH_OIDC_ISSUER", "https://id.example and more"),
        ("OGPGRAPH_OIDC_JWKS", "http://id.example/keys"),
        ("OGPGRAPH_OIDC_JWKS", "ftp://id.example/keys"),
        ("OGPGRAPH_OIDC_JWKS", "https://"),
        ("OGPGRAPH_DATABASE", ""),
        ("OGPGRAPH_DATABASE", "sqlite:///"),
        ("OGPGRAPH_DATABASE", "ogpgraph.db"),
    ],
)
def test_an_invalid_value_is_reported_with_its_variable(variable: str, value: str) -> None:
    assert error_message({variable: value}).startswith(f"{variable} must be ")


def test_all_errors_are_reported_at_once() -> None:
    message = error_message({"OGPGRAPH_PORT": "x", "OGPGRAPH_LOG_FORMAT": "y", "OGPGRAPH_HOTS": "z"})
    assert len(message.splitlines()) == 3


def test_an_issuer_without_an_audience_or_keys_is_invalid() -> None:
    lines = error_message({"OGPGRAPH_OIDC_ISSUER": "https://id.example"}).splitlines()
    assert [line.split()[0] for line in lines] == ["OGPGRAPH_OIDC_AUDIENCE", "OGPGRAPH_OIDC_JWKS"]


def test_an_unknown_variable_is_reported_with_the_most_similar_setting() -> None:
    assert (
        error_message({"OGPGRAPH_DATABSE": "x"}) == "OGPGRAPH_DATABSE is not a setting; did you mean OGPGRAPH_DATABASE?"
    )


def test_variables_of_the_tests_and_of_other_programs_are_ignored() -> None:
    others = {"OGPGRAPH_TEST_SAMPLES": "w", "OGPGRAPH_BENCH_DATA": "x", "PATH": "y", "OGP_GRAPH": "z"}
    assert Settings.from_environment(others) == Settings()


def test_an_invalid_database_url_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.from_environment({"OGPGRAPH_DATABASE": "mysql://me:hunter2@host/db"})
    assert "hunter2" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("postgresql://u:hunter2@h:5432/d", "postgresql://u:***@h:5432/d"),
        ("postgresql://u:hunter2@hunter2/hunter2:hunter2@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u:hun\nter2@h/d", "postgresql://u:***@h/d"),
        ("postgresql:///d?user=u&password=hunter2&a=b", "postgresql:///d?user=u&password=***&a=b"),
        ("postgresql://h/d?sslPassword=hunter2", "postgresql://h/d?sslPassword=***"),
        ("postgresql://h:5432/d", "postgresql://h:5432/d"),
        ("sqlite:////var/lib/ogp:graph.db", "sqlite:////var/lib/ogp:graph.db"),
    ],
)
def test_only_passwords_are_masked(url: str, masked: str) -> None:
    assert mask_password(url) == masked
    assert Settings(database=url).describe()["OGPGRAPH_DATABASE"] == masked
    assert "hunter2" not in repr(Settings(database=url))


def test_no_other_module_reads_the_environment() -> None:
    reading = re.compile(r"\bos\.(environ|getenv)|from os import .*\b(environ|getenv)")
    sources = (ROOT / "src").rglob("*.py")
    assert [path.name for path in sources if reading.search(path.read_text("utf-8"))] == ["settings.py"]
