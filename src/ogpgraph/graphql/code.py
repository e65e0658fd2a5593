"""Codes: each is reserved for what it means, so that it never means anything else."""

from __future__ import annotations

from typing import ClassVar

import strawberry

from ogpgraph.graphql.subject import Subject


@strawberry.type(description="A code, reserved for what it means.")
class Code(Subject):
    """A reservation."""

    KIND: ClassVar[str] = "code"

    @strawberry.field(description="The code.")
    def code(self) -> str:
        """Return the code."""
        return self.state.id.split("-", 2)[2]

    @strawberry.field(description="What the code means.")
    def means(self) -> Subject | None:
        """Return the subject."""
        return self._related(Subject, "means")
