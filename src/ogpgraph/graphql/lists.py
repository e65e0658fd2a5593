"""Lists of subjects: what is in them and in which order, as the arguments of a connection ask for it."""

from __future__ import annotations

from typing import Any, TypeVar

from ogpgraph.domain.subject import Subject as State
from ogpgraph.graphql.connection import Connection, connected
from ogpgraph.graphql.filters import Filter
from ogpgraph.graphql.orders import order_of
from ogpgraph.graphql.subject import Subject
from ogpgraph.readmodel.lists import EVERYONE, Listing
from ogpgraph.readmodel.paging import Slice
from ogpgraph.readmodel.snapshot import Snapshot

S = TypeVar("S", bound=Subject)


def listing_of(
    kind: str, where: Filter | None, order_by: list[Any] | None, snapshot: Snapshot, parent: str | None = None
) -> Listing:
    """Return the list that the arguments of a connection ask for."""
    return Listing(kind, where.condition(snapshot) if where else EVERYONE, order_of(order_by), parent)


def list_of(node: type[S], snapshot: Snapshot, listing: Listing, parent: State | None, wanted: Slice) -> Connection[S]:
    """Return the connection over a list of subjects, or over a parent's part of it."""
    return Connection(**subjects_connected(node, snapshot, listing, parent, wanted))


def subjects_connected(
    node: type[Subject], snapshot: Snapshot, listing: Listing, parent: State | None, wanted: Slice
) -> dict[str, Any]:
    """Return what a connection over a list of subjects, or over a parent's part of it, is made with."""
    return connected(
        lambda: snapshot.page_of_parent(parent, listing, wanted) if parent else snapshot.page(listing, wanted),
        lambda state: node.of(state, snapshot),
        lambda: snapshot.number(listing, parent),
    )
