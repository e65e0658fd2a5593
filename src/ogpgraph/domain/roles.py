"""The roles of accounts, and the sets of roles that may record a field or use a command."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A role of an account; if several roles permit a mutation, the first of them is recorded."""

    REPORTER = "REPORTER"
    REVIEWER = "REVIEWER"
    ADMINISTRATOR = "ADMINISTRATOR"


IMPORTER = "importer"
"""The actor of imports, which have no account."""
PUBLISHER = "publisher"
"""The role in which imports record what is published."""
OPERATOR = "operator"
"""The actor of commands on accounts: whoever may use the database."""
RECORDED_ROLES = (*(role.value.lower() for role in Role), PUBLISHER)
"""The roles as entries have them."""

Roles = frozenset[Role]

WRITERS: Roles = frozenset(Role)
GOVERNMENT: Roles = frozenset({Role.REPORTER, Role.ADMINISTRATOR})
IRM: Roles = frozenset({Role.REVIEWER, Role.ADMINISTRATOR})
ADMINISTRATORS: Roles = frozenset({Role.ADMINISTRATOR})
NOBODY: Roles = frozenset()
