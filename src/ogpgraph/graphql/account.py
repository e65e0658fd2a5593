"""Accounts as everyone sees them: a pseudonymous id and rights. Who is behind one is not in the record."""

from __future__ import annotations

from typing import ClassVar

import strawberry

from ogpgraph.domain.account import Role, rights_of
from ogpgraph.graphql.subject import Subject


@strawberry.type(description="Somebody who may write, known by a pseudonymous id and by their rights alone.")
class Account(Subject):
    """An account."""

    KIND: ClassVar[str] = "account"

    @strawberry.field(description="As what it may act; an account without roles is a reader, as everyone is.")
    def roles(self) -> list[Role]:
        """Return the roles."""
        return list(rights_of(self.state).roles)

    @strawberry.field(description="The codes of the members that it may report for.")
    def reporter_of(self) -> list[str]:
        """Return the members' codes."""
        return list(rights_of(self.state).reporter_of)
