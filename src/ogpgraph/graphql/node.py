"""Anything with an id, and the GraphQL types that are named before they are there.

A commitment has entries, and an entry has a commitment as its subject: the modules of the two cannot both import the
other. So one of them names the other's type by where it is, and `node_of` makes its objects, by the kind of a state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import strawberry

from ogpgraph.domain.subject import Subject as State
from ogpgraph.readmodel.snapshot import Snapshot

if TYPE_CHECKING:
    from ogpgraph.graphql.action_plan import ActionPlan
    from ogpgraph.graphql.member import Member
    from ogpgraph.graphql.source import Source
    from ogpgraph.graphql.subject import Subject

LazySubject = Annotated["Subject", strawberry.lazy("ogpgraph.graphql.subject")]
LazySource = Annotated["Source", strawberry.lazy("ogpgraph.graphql.source")]
LazyMember = Annotated["Member", strawberry.lazy("ogpgraph.graphql.member")]
LazyActionPlan = Annotated["ActionPlan", strawberry.lazy("ogpgraph.graphql.action_plan")]

TYPES: dict[str, type[Subject]] = {}
"""The GraphQL type of each kind of subject, which puts itself here."""


@strawberry.interface(description="Anything with an id.")
class Node:
    """Anything with an id."""

    id: strawberry.ID = strawberry.field(description="The id: opaque, and the same for ever.")


def node_of(state: State, snapshot: Snapshot) -> Subject:
    """Return the GraphQL object of a state, of the type its kind has; raises LookupError where that has none."""
    kind = TYPES.get(state.kind)
    if kind is None:
        raise LookupError(f"{state.id} is nothing that the schema has")
    return kind(id=strawberry.ID(state.id), state=state, snapshot=snapshot)


def source_node(state: State, snapshot: Snapshot) -> Source:
    """Return the GraphQL object of a source."""
    return cast("Source", node_of(state, snapshot))
