"""The roles of accounts, and the sets of roles that may record a field or use a command."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A role of an account; if several roles permit a mutation, the first of them is recorded."""

    REPORTER = "REPORTER"
    REVIEWER = "REVIEWER"
    ADMINISTRATOR = "ADMINISTRATOR"


Roles = frozenset[Role]

WRITERS: Roles = frozenset(Role)
GOVERNMENT: Roles = frozenset({Role.REPORTER, Role.ADMINISTRATOR})
IRM: Roles = frozenset({Role.REVIEWER, Role.ADMINISTRATOR})
ADMINISTRATORS: Roles = frozenset({Role.ADMINISTRATOR})
NOBODY: Roles = frozenset()
