"""The parts that the descriptions of all mutations share: who may call them, and when they are refused."""

from __future__ import annotations

from collections.abc import Iterable

from ogpgraph.auth.authorization import COMMON_FIELDS, PERMISSIONS
from ogpgraph.domain.account import Role

_ROLE_NAMES = {
    Role.REPORTER: "reporters, for their members",
    Role.REVIEWER: "reviewers",
    Role.ADMINISTRATOR: "administrators",
}


_COMMON_REFUSALS = "a stale `expectedRevision`, an idempotency key that came with other content, and whoever may not"


def describe_mutation(mutation: str, records: str, refuses: str) -> str:
    """Return the description of a mutation."""
    return f"{records} {describe_rights(mutation)} Refused: {refuses}; {_COMMON_REFUSALS}."


def describe_rights(mutation: str) -> str:
    """Return in words who may use a mutation, field by field where they differ."""
    fields = {
        name: roles for name, roles in PERMISSIONS[mutation].items() if name not in COMMON_FIELDS and "/" not in name
    }
    everywhere = frozenset(Role).intersection(*fields.values())
    return f"May: {_format_roles(everywhere)}."


def _format_roles(roles: Iterable[Role]) -> str:
    return "; ".join(_ROLE_NAMES[role] for role in Role if role in set(roles))
