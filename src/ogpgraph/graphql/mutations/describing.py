"""Every mutation's description: what it records, who may (from the table of rights itself), what it refuses."""

from __future__ import annotations

from collections.abc import Iterable

from ogpgraph.auth.rights import COMMON, RIGHTS
from ogpgraph.domain.account import Role

_WHO = {
    Role.REPORTER: "reporters, for their members",
    Role.REVIEWER: "reviewers",
    Role.ADMINISTRATOR: "administrators",
}
_ALWAYS = "a stale `expectedRevision`, an idempotency key that came with other content, and whoever may not"


def described(mutation: str, records: str, refuses: str) -> str:
    """Return the description of a mutation."""
    return f"{records} {who_may(mutation)} Refused: {refuses}; {_ALWAYS}."


def who_may(mutation: str) -> str:
    """Return in words who may use a mutation, field by field where they differ."""
    fields = {name: roles for name, roles in RIGHTS[mutation].items() if name not in COMMON and "/" not in name}
    everywhere = frozenset(Role).intersection(*fields.values())
    return f"May: {_words(everywhere)}."


def _words(roles: Iterable[Role]) -> str:
    return "; ".join(_WHO[role] for role in Role if role in set(roles))
