"""What a site's robots.txt allows (RFC 9309): the longest rule counts, and of two as long the allowing one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, unquote


@dataclass
class _Group:
    """The rules for some agents: whether each allows, and for which paths."""

    agents: list[str] = field(default_factory=list)
    rules: list[tuple[bool, str]] = field(default_factory=list)


def allows(robots: str, agent: str, path: str) -> bool:
    """Tell whether a robots.txt lets an agent, by its product's name, have a path (query included)."""
    groups = list(_groups(robots))
    ours = [group for group in groups if agent.casefold() in group.agents]
    rules = [rule for group in ours or [each for each in groups if "*" in each.agents] for rule in group.rules]
    wanted = _normal(path)
    matching = [(len(pattern), allowed) for allowed, pattern in rules if _matches(pattern, wanted)]
    return max(matching, default=(0, True))[1]


def _groups(robots: str) -> Iterator[_Group]:
    group = _Group()
    for line in robots.lstrip("\ufeff").splitlines():
        name, _, value = line.partition("#")[0].partition(":")
        key, value = name.strip().casefold(), value.strip()
        if key == "user-agent":
            if group.rules:
                yield group
                group = _Group()
            group.agents.append(value.casefold())
        elif key in ("allow", "disallow") and value and group.agents:
            group.rules.append((key == "allow", _normal(value)))
    yield group


def _normal(path: str) -> str:
    return quote(unquote(path), safe="/*$?=&:;,+@!~'()")


def _matches(pattern: str, path: str) -> bool:
    """Tell whether a path begins as a pattern says, in which `*` is anything and `$` at its end the path's end."""
    ends = pattern.endswith("$")
    first, *parts = (pattern[:-1] if ends else pattern).split("*")
    if not path.startswith(first):
        return False
    if not parts:
        return not ends or path == first
    at = len(first)
    for part in parts[:-1] if ends else parts:
        found = path.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return not ends or (path.endswith(parts[-1]) and len(path) - len(parts[-1]) >= at)
