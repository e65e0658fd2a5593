"""What an operator may set, each thing declared once: the only module that reads the environment.

A setting's variable, default, parser and meaning stand beside its field, so the README's table is made from the code
and cannot forget one. Whatever is wrong is said at start, all of it at once, and never with a password in it.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")
Network = IPv4Network | IPv6Network

_PREFIX = "OGPGRAPH_"
_NOT_OURS = "OGPGRAPH_TEST_"  # speaks to the tests, which may start us with it set


class SettingsError(Exception):
    """The environment cannot be used; the message has a line for each variable that is wrong."""


@dataclass(frozen=True, slots=True)
class Declaration(Generic[T]):
    """All there is to know of one setting. `parse` refuses by ValueError, in words that follow the variable's name."""

    variable: str
    default: str
    parse: Callable[[str], T]
    description: str
    show: Callable[[T], str] = str


def mask_password(database: str) -> str:
    """A database URL as it may be shown: with `***` for passwords. In doubt it hides too much."""
    without_userinfo = re.sub(r"(?<=://)([^:@/]*):.*@", r"\1:***@", database, flags=re.DOTALL)
    return re.sub(r"((?:^|[?&])[^=&]*pass[^=&]*)=[^&]*", r"\1=***", without_userinfo, flags=re.IGNORECASE)


def _database(text: str) -> str:
    if not re.match(r"sqlite:///.|postgresql://.", text, flags=re.DOTALL):
        # Not told what it says instead: it may hold a password.
        raise ValueError("must be sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME")
    return text


def _host(text: str) -> str:
    if not text or re.search(r"[\s/]", text):
        raise ValueError(f"must be a name or an address, not {text!r}")
    return text


def _whole_number(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", text) or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}, not {text!r}")
        return int(text)

    return parse


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"must be one of {', '.join(words)}, not {text!r}")
        return text.lower()

    return parse


def _several_of(*words: str) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        chosen = tuple(word.strip() for word in text.split(","))
        if not set(chosen) <= set(words):
            raise ValueError(f"must be some of {', '.join(words)}, with commas between, not {text!r}")
        return chosen

    return parse


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(each.strip()) for each in text.split(",") if each.strip())
    except ValueError:
        raise ValueError(f"must be addresses or networks, with commas between, not {text!r}") from None


def _origins(text: str) -> tuple[str, ...]:
    given = tuple(each.strip().lower() for each in text.split(",") if each.strip())
    wrong = [each for each in given if each != "*" and not re.fullmatch(r"https?://[^\s/@?#,]+", each)]
    if wrong or not given:
        raise ValueError(f"must be * or origins as https://example.org, with commas between, not {text!r}")
    return tuple(re.sub(r"^(http://.*):80$|^(https://.*):443$", r"\1\2", each) for each in given)


def _no_spaces(text: str) -> str:
    if re.search(r"\s", text):
        raise ValueError(f"must be without spaces, not {text!r}")
    return text


def _setting(
    variable: str, default: str, parse: Callable[[str], T], meaning: str, *, shown: Callable[[T], str] = str
) -> T:
    declaration = Declaration(variable, default, parse, meaning, shown)
    made: T = field(default=parse(default), metadata={"declaration": declaration})
    return made


_A_GIBIBYTE = 1 << 30
SIGNATURE_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""What an issuer may sign tokens with: never `none`, nor a secret that whoever checks would have to know."""


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """How this process runs. `Settings()` is the defaults; `repr` and `describe` hide passwords."""

    database: str = _setting(
        "OGPGRAPH_DATABASE",
        "sqlite:///ogpgraph.db",
        _database,
        "Where the log and the read model lie: `sqlite:///PATH` (a path from `/` has four slashes) or `postgresql://…`.",
        shown=mask_password,
    )
    host: str = _setting("OGPGRAPH_HOST", "127.0.0.1", _host, "The address to listen on.")
    port: int = _setting(
        "OGPGRAPH_PORT", "8000", _whole_number(0, 65535), "The port to listen on; 0 takes any that is free."
    )
    workers: int = _setting(
        "OGPGRAPH_WORKERS", "1", _whole_number(1, 256), "How many processes `serve` answers with, on this machine."
    )
    log_level: str = _setting(
        "OGPGRAPH_LOG_LEVEL",
        "info",
        _one_of("debug", "info", "warning", "error", "critical"),
        "The least serious message to log: `debug`, `info`, `warning`, `error` or `critical`.",
    )
    log_format: str = _setting(
        "OGPGRAPH_LOG_FORMAT", "console", _one_of("console", "json"), "`console` for people, `json` for collectors."
    )
    max_body_bytes: int = _setting(
        "OGPGRAPH_MAX_BODY_BYTES", "1048576", _whole_number(1, _A_GIBIBYTE), "The largest request body; more is a 413."
    )
    max_import_bytes: int = _setting(
        "OGPGRAPH_MAX_IMPORT_BYTES",
        "20971520",
        _whole_number(1, _A_GIBIBYTE),
        "The largest file that an import reads; larger ones are refused.",
    )
    writes_per_minute: int = _setting(
        "OGPGRAPH_WRITES_PER_MINUTE",
        "120",
        _whole_number(1, 1_000_000),
        "How many mutations an account, and an address, may send to one process within a minute.",
    )
    max_cost: int = _setting(
        "OGPGRAPH_MAX_COST",
        "500000",
        _whole_number(1, 10**12),
        "The most that one operation may cost; `extensions.cost` of every answer says what it asked for.",
    )
    max_trusted_cost: int = _setting(
        "OGPGRAPH_MAX_TRUSTED_COST",
        "2000000",
        _whole_number(1, 10**12),
        "The most that an operation of a trusted document may cost, one that is named by its `documentId`.",
    )
    cost_per_minute: int = _setting(
        "OGPGRAPH_COST_PER_MINUTE",
        "20000000",
        _whole_number(1, 10**12),
        "What an account, and an address, may ask one process for within a minute, in units of cost; more is a 429.",
    )
    max_live: int = _setting(
        "OGPGRAPH_MAX_LIVE",
        "10000",
        _whole_number(1, 1_000_000),
        "How many live connections (event streams and WebSockets) one process takes.",
    )
    max_live_each: int = _setting(
        "OGPGRAPH_MAX_LIVE_EACH",
        "200",
        _whole_number(1, 1_000_000),
        "How many of them an address, and an account, may have; more are refused (429, or 4429 on a WebSocket).",
    )
    max_live_cost: int = _setting(
        "OGPGRAPH_MAX_LIVE_COST",
        "10000",
        _whole_number(1, 10**12),
        "The most that a subscription may cost with each entry, in the same units as other operations.",
    )
    deadline_seconds: int = _setting(
        "OGPGRAPH_DEADLINE_SECONDS",
        "10",
        _whole_number(1, 3600),
        "How long a query may run before it is stopped, and a subscription for each entry.",
    )
    origins: tuple[str, ...] = _setting(
        "OGPGRAPH_ORIGINS",
        "*",
        _origins,
        "The origins (`https://example.org`) whose pages may ask and follow from a browser, with commas between; the "
        "server's own may always, `*` lets all.",
        shown=",".join,
    )
    trusted_proxies: tuple[Network, ...] = _setting(
        "OGPGRAPH_TRUSTED_PROXIES",
        "",
        _networks,
        "The addresses or networks of proxies whose `X-Forwarded-For` is believed, with commas between; none if empty.",
        shown=lambda networks: ",".join(map(str, networks)),
    )
    oidc_issuer: str = _setting(
        "OGPGRAPH_OIDC_ISSUER",
        "",
        _no_spaces,
        "The OpenID Connect issuer whose tokens are accepted, exactly as their `iss` says it; empty for none.",
    )
    oidc_audience: str = _setting(
        "OGPGRAPH_OIDC_AUDIENCE", "", _no_spaces, "The `aud` that the issuer's tokens must have; needed with an issuer."
    )
    oidc_jwks: str = _setting(
        "OGPGRAPH_OIDC_JWKS",
        "",
        _no_spaces,
        "The issuer's keys: the address of its JSON Web Key Set (`https://…`) or a file; needed with an issuer.",
    )
    oidc_algorithms: tuple[str, ...] = _setting(
        "OGPGRAPH_OIDC_ALGORITHMS",
        "RS256,ES256",
        _several_of(*SIGNATURE_ALGORITHMS),
        "What the issuer's tokens may be signed with; others are refused.",
        shown=",".join,
    )
    oidc_skew_seconds: int = _setting(
        "OGPGRAPH_OIDC_SKEW_SECONDS",
        "30",
        _whole_number(0, 600),
        "By how much the issuer's clock may differ from ours.",
    )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """The settings that the environment asks for (the process's own, unless told another)."""
        environ = os.environ if environ is None else environ
        problems = list(_unknown_variables(environ))
        values: dict[str, Any] = {}
        for name, declared in declarations().items():
            if declared.variable in environ:
                try:
                    values[name] = declared.parse(environ[declared.variable])
                except ValueError as refusal:
                    problems.append(f"{declared.variable} {refusal}")
        problems += _missing_issuer_settings(values)
        if problems:
            raise SettingsError("\n".join(problems))
        return cls(**values)

    def describe(self) -> dict[str, str]:
        """Every variable with its value as it may be shown and logged."""
        return {d.variable: d.show(getattr(self, name)) for name, d in declarations().items()}

    def __repr__(self) -> str:
        shown = (f"{name}={d.show(getattr(self, name))!r}" for name, d in declarations().items())
        return f"Settings({', '.join(shown)})"


def declarations() -> dict[str, Declaration[Any]]:
    """The declaration of every field of `Settings`, in order."""
    return {each.name: each.metadata["declaration"] for each in fields(Settings)}


def settings_table() -> str:
    """The README's table of settings, in Markdown."""
    defaults = {d.variable: f"`{d.default}`" if d.default else "" for d in declarations().values()}
    rows = (f"| `{d.variable}` | {defaults[d.variable]} | {d.description} |" for d in declarations().values())
    return "\n".join(["| Variable | Default | Meaning |", "| --- | --- | --- |", *rows]) + "\n"


def _missing_issuer_settings(values: Mapping[str, Any]) -> Iterator[str]:
    """Tokens of an issuer cannot be checked without keys, and must not be accepted whoever they are meant for."""
    if values.get("oidc_issuer"):
        for name in ("oidc_audience", "oidc_jwks"):
            if not values.get(name):
                yield f"{_PREFIX}{name.upper()} must be set where OGPGRAPH_OIDC_ISSUER is"


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """A misspelt variable would be obeyed by nobody; say so, with the one that was likely meant."""
    known = [declared.variable for declared in declarations().values()]
    for variable in sorted(environ):
        if variable.startswith(_PREFIX) and not variable.startswith(_NOT_OURS) and variable not in known:
            nearest = get_close_matches(variable, known, n=1, cutoff=0)[0]
            yield f"{variable} is not a setting; did you mean {nearest}?"
