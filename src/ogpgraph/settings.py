"""Settings from environment variables; no other module reads the environment.

Each setting is declared once: field, variable, default, parser and description. A test compares the README's table with
these declarations. All errors are reported at start, all at once, and never with a password.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Generic, Self, TypeVar
from urllib.parse import urlsplit

from ogpgraph.host import ANY_HOST, Host, Network, is_loopback, parse_host_pattern

T = TypeVar("T")

_PREFIX = "OGPGRAPH_"
_TEST_PREFIXES = ("OGPGRAPH_TEST_", "OGPGRAPH_BENCH_")
"""Variables for the tests and the measurements, which may be set when one of them starts this program."""


class SettingsError(Exception):
    """The environment is invalid; the message has one line for each invalid variable."""


@dataclass(frozen=True, slots=True)
class Declaration(Generic[T]):
    """The declaration of one setting. `parse` raises ValueError with a message that continues the variable's name."""

    variable: str
    default: str
    parse: Callable[[str], T]
    description: str
    show: Callable[[T], str] = str


def mask_password(database: str) -> str:
    """Return a database URL with `***` in place of passwords; if in doubt, it masks too much."""
    without_userinfo = re.sub(r"(?<=://)([^:@/]*):.*@", r"\1:***@", database, flags=re.DOTALL)
    return re.sub(r"((?:^|[?&])[^=&]*pass[^=&]*)=[^&]*", r"\1=***", without_userinfo, flags=re.IGNORECASE)


def _database(text: str) -> str:
    if not re.match(r"sqlite:///.|postgresql://.", text, flags=re.DOTALL):
        # The message does not repeat the value, which may contain a password.
        raise ValueError("must be sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME")
    return text


def _host(text: str) -> str:
    if not text or re.search(r"[\s/]", text):
        raise ValueError(f"must be a host name or an IP address, not {text!r}")
    return text


def _hosts(text: str) -> tuple[Host, ...]:
    try:
        return tuple(parse_host_pattern(item.strip()) for item in text.split(",") if item.strip())
    except ValueError:
        raise ValueError(f"must be host names or IP addresses, separated by commas, not {text!r}") from None


def _integer(minimum: int, maximum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", text) or not minimum <= int(text) <= maximum:
            raise ValueError(f"must be a whole number from {minimum} to {maximum}, not {text!r}")
        return int(text)

    return parse


def _one_of(*values: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in values:
            raise ValueError(f"must be one of {', '.join(values)}, not {text!r}")
        return text.lower()

    return parse


def _some_of(*values: str) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        chosen = tuple(value.strip() for value in text.split(","))
        if not set(chosen) <= set(values):
            raise ValueError(f"must be some of {', '.join(values)}, separated by commas, not {text!r}")
        return chosen

    return parse


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(item.strip()) for item in text.split(",") if item.strip())
    except ValueError:
        raise ValueError(f"must be IP addresses or networks, separated by commas, not {text!r}") from None


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(item.strip().lower() for item in text.split(",") if item.strip())
    if not origins or not all(each == "*" or re.fullmatch(r"https?://[^\s/@?#,]+", each) for each in origins):
        raise ValueError(f"must be * or origins such as https://example.org, separated by commas, not {text!r}")
    # Browsers leave out the default port of a scheme.
    return tuple(re.sub(r"^(http://.*):80$|^(https://.*):443$", r"\1\2", origin) for origin in origins)


def _folder(text: str) -> str:
    # Not created: a mount that is missing would be taken for a folder that remembers nothing.
    if text and not Path(text).is_dir():
        raise ValueError(f"must be a folder that exists, not {text!r}")
    return text


def _no_spaces(text: str) -> str:
    if re.search(r"\s", text):
        raise ValueError(f"must be a string without spaces, not {text!r}")
    return text


def _key_location(text: str) -> str:
    parts = urlsplit(_no_spaces(text))
    if parts.scheme == "http" and is_loopback(parts.hostname or ""):
        return text  # it does not leave this machine
    if "://" in text and not (parts.scheme == "https" and parts.hostname):
        raise ValueError(
            "must be https://… or a file: what comes over http can be replaced on its way, by keys with which anybody "
            f"signs tokens; not {text!r}"
        )
    return text


def _setting(
    variable: str, default: str, parse: Callable[[str], T], description: str, *, show: Callable[[T], str] = str
) -> T:
    declaration = Declaration(variable, default, parse, description, show)
    # Defaults are parsed as values from the environment are, so an invalid one fails at import.
    setting: T = field(default=parse(default), metadata={"declaration": declaration})
    return setting


_GIBIBYTE = 1 << 30
SIGNATURE_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""The algorithms with which an issuer may sign tokens: neither `none` nor one with a shared secret."""


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """The settings of this process. `Settings()` has the defaults; `repr` and `describe` mask passwords."""

    database: str = _setting(
        "OGPGRAPH_DATABASE",
        "sqlite:///ogpgraph.db",
        _database,
        "The database of the log and the read model: `sqlite:///PATH` (four slashes for an absolute path) or `postgresql://…`.",
        show=mask_password,
    )
    host: str = _setting("OGPGRAPH_HOST", "127.0.0.1", _host, "The address to listen on.")
    port: int = _setting("OGPGRAPH_PORT", "8000", _integer(0, 65535), "The port to listen on; 0 for any free port.")
    workers: int = _setting("OGPGRAPH_WORKERS", "1", _integer(1, 256), "The number of processes that `serve` starts.")
    log_level: str = _setting(
        "OGPGRAPH_LOG_LEVEL",
        "info",
        _one_of("debug", "info", "warning", "error", "critical"),
        "The lowest level of messages to log: `debug`, `info`, `warning`, `error` or `critical`.",
    )
    log_format: str = _setting(
        "OGPGRAPH_LOG_FORMAT", "console", _one_of("console", "json"), "The format of log messages: `console` or `json`."
    )
    max_body_bytes: int = _setting(
        "OGPGRAPH_MAX_BODY_BYTES", "1048576", _integer(1, _GIBIBYTE), "The largest request body; larger ones get a 413."
    )
    max_response_bytes: int = _setting(
        "OGPGRAPH_MAX_RESPONSE_BYTES",
        "16777216",
        _integer(1, _GIBIBYTE),
        "The largest response to a query; larger ones are refused.",
    )
    max_import_bytes: int = _setting(
        "OGPGRAPH_MAX_IMPORT_BYTES",
        "20971520",
        _integer(1, _GIBIBYTE),
        "The largest file that an import reads; larger ones are refused.",
    )
    writes_per_minute: int = _setting(
        "OGPGRAPH_WRITES_PER_MINUTE",
        "120",
        _integer(1, 1_000_000),
        "The mutations that an account may send to one process within a minute; as many are refused to an address "
        "without one.",
    )
    max_cost: int = _setting(
        "OGPGRAPH_MAX_COST",
        "500000",
        _integer(1, 10**12),
        "The largest cost of one operation; `extensions.cost` of every response contains the cost.",
    )
    max_trusted_cost: int = _setting(
        "OGPGRAPH_MAX_TRUSTED_COST",
        "2000000",
        _integer(1, 10**12),
        "The largest cost of an operation of a persisted document, which a request names by its `documentId`.",
    )
    cost_per_minute: int = _setting(
        "OGPGRAPH_COST_PER_MINUTE",
        "20000000",
        _integer(1, 10**12),
        "The total cost of the operations that an account, and an address, may send to one process within a minute; "
        "others get a 429.",
    )
    max_live: int = _setting(
        "OGPGRAPH_MAX_LIVE",
        "10000",
        _integer(1, 1_000_000),
        "The live connections (event streams and WebSockets) that one process accepts.",
    )
    max_live_each: int = _setting(
        "OGPGRAPH_MAX_LIVE_EACH",
        "200",
        _integer(1, 1_000_000),
        "The live connections of one address, and of one account; others get a 429 (4429 on a WebSocket).",
    )
    max_live_cost: int = _setting(
        "OGPGRAPH_MAX_LIVE_COST",
        "10000",
        _integer(1, 10**12),
        "The largest cost of a subscription for each entry.",
    )
    deadline_seconds: int = _setting(
        "OGPGRAPH_DEADLINE_SECONDS",
        "10",
        _integer(1, 3600),
        "The time after which a query is cancelled, and a subscription while it executes an entry.",
    )
    execution: str = _setting(
        "OGPGRAPH_EXECUTION",
        "compiled",
        _one_of("compiled", "graphql-core"),
        "How operations are executed: by functions that are compiled for them, or by graphql-core alone, which is "
        "slower and gives the same responses.",
    )
    compare_one_in: int = _setting(
        "OGPGRAPH_COMPARE_ONE_IN",
        "1000",
        _integer(0, 10**9),
        "One of so many compiled queries is executed by graphql-core, too, within 1 % of the processor time: if the "
        "responses differ, that is logged, and graphql-core executes its document from then on. 0 for none.",
    )
    hosts: tuple[Host, ...] = _setting(
        "OGPGRAPH_HOSTS",
        "",
        _hosts,
        "The hosts that the server answers to, as `Host` headers name them (`ogp.example.org`, `*.example.org`, "
        "`[::1]:8000`), separated by commas; `*` for all. By default all, but on this machine, without "
        "`OGPGRAPH_TRUSTED_PROXIES`, only `localhost` and IP addresses: see docs/production.md.",
        show=lambda hosts: ",".join(map(str, hosts)),
    )
    origins: tuple[str, ...] = _setting(
        "OGPGRAPH_ORIGINS",
        "*",
        _origins,
        "The origins (`https://example.org`) whose pages may send requests from a browser, separated by commas; `*` "
        "for all. The server's own is always allowed.",
        show=",".join,
    )
    trusted_proxies: tuple[Network, ...] = _setting(
        "OGPGRAPH_TRUSTED_PROXIES",
        "",
        _networks,
        "The addresses or networks of proxies whose `X-Forwarded-For` header is used, separated by commas.",
        show=lambda networks: ",".join(map(str, networks)),
    )
    max_clock_lag_seconds: int = _setting(
        "OGPGRAPH_MAX_CLOCK_LAG_SECONDS",
        "3600",
        _integer(0, 10**10),
        "How far the clock may be behind the last entry of the log; beyond it nothing is recorded (see "
        "docs/production.md).",
    )
    max_clock_lead_seconds: int = _setting(
        "OGPGRAPH_MAX_CLOCK_LEAD_SECONDS",
        "3600",
        _integer(0, 10**10),
        "How far the clock may be ahead of the time that has passed; beyond it nothing is recorded (see "
        "docs/production.md).",
    )
    oidc_issuer: str = _setting(
        "OGPGRAPH_OIDC_ISSUER",
        "",
        _no_spaces,
        "The OpenID Connect issuer whose tokens are accepted, exactly as in their `iss`; empty for none.",
    )
    oidc_audience: str = _setting(
        "OGPGRAPH_OIDC_AUDIENCE",
        "",
        _no_spaces,
        "The `aud` that the issuer's tokens must have; required with an issuer.",
    )
    oidc_jwks: str = _setting(
        "OGPGRAPH_OIDC_JWKS",
        "",
        _key_location,
        "The URL of the issuer's JSON Web Key Set (`https://…`; `http://` on this machine only), or a file with it; "
        "required with an issuer.",
    )
    oidc_algorithms: tuple[str, ...] = _setting(
        "OGPGRAPH_OIDC_ALGORITHMS",
        "RS256,ES256",
        _some_of(*SIGNATURE_ALGORITHMS),
        "The algorithms with which the issuer may sign tokens.",
        show=",".join,
    )
    oidc_skew_seconds: int = _setting(
        "OGPGRAPH_OIDC_SKEW_SECONDS",
        "30",
        _integer(0, 600),
        "The tolerated difference between the issuer's clock and this machine's.",
    )
    state: str = _setting(
        "OGPGRAPH_STATE",
        "",
        _folder,
        "A folder in which the last acknowledged position of a log on PostgreSQL is remembered; with SQLite, a file "
        "beside the database has it.",
    )

    @property
    def max_clock_lag(self) -> timedelta:
        """Return how far the clock may be behind the last entry of the log."""
        return timedelta(seconds=self.max_clock_lag_seconds)

    @property
    def max_clock_lead(self) -> timedelta:
        """Return how far the clock may be ahead of the time that has passed."""
        return timedelta(seconds=self.max_clock_lead_seconds)

    @property
    def checked_hosts(self) -> tuple[Host, ...] | None:
        """Return the hosts that the server answers to; none for the default on this machine, None for all."""
        if ANY_HOST in self.hosts or (not self.hosts and (self.trusted_proxies or not is_loopback(self.host))):
            return None
        return self.hosts

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None, **defaults: Any) -> Self:
        """Return the settings from an environment, by default the process's own; raises SettingsError.

        `defaults` take the place of those that are declared.
        """
        environ = os.environ if environ is None else environ
        problems = list(_unknown_variables(environ))
        values: dict[str, Any] = {}
        for name, declared in declarations().items():
            if declared.variable in environ:
                try:
                    values[name] = declared.parse(environ[declared.variable])
                except ValueError as error:
                    problems.append(f"{declared.variable} {error}")
        problems += _missing_issuer_settings(values)
        if problems:
            raise SettingsError("\n".join(problems))
        return cls(**{**defaults, **values})

    def describe(self) -> dict[str, str]:
        """Return variable → value, masked so that it may be displayed and logged."""
        return {d.variable: d.show(getattr(self, name)) for name, d in declarations().items()}

    def __repr__(self) -> str:
        shown = (f"{name}={d.show(getattr(self, name))!r}" for name, d in declarations().items())
        return f"Settings({', '.join(shown)})"


def declarations() -> dict[str, Declaration[Any]]:
    """Return field → declaration of all settings, in order."""
    return {each.name: each.metadata["declaration"] for each in fields(Settings)}


def _missing_issuer_settings(values: Mapping[str, Any]) -> Iterator[str]:
    # Without keys no token can be checked; without an audience, tokens issued for other services would be accepted.
    if values.get("oidc_issuer"):
        for name in ("oidc_audience", "oidc_jwks"):
            if not values.get(name):
                yield f"{_PREFIX}{name.upper()} must be set if OGPGRAPH_OIDC_ISSUER is"


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    # A misspelt variable would have no effect, and nobody would notice.
    known = [declared.variable for declared in declarations().values()]
    for variable in sorted(environ):
        if variable.startswith(_PREFIX) and not variable.startswith(_TEST_PREFIXES) and variable not in known:
            nearest = get_close_matches(variable, known, n=1, cutoff=0)[0]
            yield f"{variable} is not a setting; did you mean {nearest}?"
