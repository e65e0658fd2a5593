"""The object types of codes and accounts."""

from __future__ import annotations

from typing import ClassVar

import strawberry

from ogpgraph.domain.account import rights_of
from ogpgraph.domain.roles import Role
from ogpgraph.graphql.dependence import OWN
from ogpgraph.graphql.subject import Subject

# Codes and accounts


@strawberry.type(description="The reservation of a code. It ensures that a code identifies one thing only.")
class Code(Subject):
    AGGREGATE_TYPE: ClassVar[str] = "code"

    @strawberry.field(metadata=OWN, description="The code, in upper case. Never null.")
    def code(self) -> str | None:
        return self.state.id.split("-", 2)[2]

    @strawberry.field(description="The thing that the code identifies; null while it identifies none.")
    def identifies(self) -> Subject | None:
        return self._related(Subject, "aggregate")


@strawberry.type(
    description="An account that may record entries. The record has its pseudonymous id and its rights, but no name "
    "or address."
)
class Account(Subject):
    AGGREGATE_TYPE: ClassVar[str] = "account"

    @strawberry.field(
        metadata=OWN, description="The roles that it may act in; empty for an account that may only read."
    )
    def roles(self) -> list[Role]:
        return list(rights_of(self.state).roles)

    @strawberry.field(metadata=OWN, description="The codes of the members for which it may act as a REPORTER.")
    def reporter_of(self) -> list[str]:
        return list(rights_of(self.state).reporter_of)
