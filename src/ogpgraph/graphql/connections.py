"""Connections: lists in pages, by keyset cursors (GraphQL Cursor Connections Specification), never by offsets."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any, Generic, TypeVar

import msgspec
import strawberry

from ogpgraph.graphql.errors import client_error
from ogpgraph.graphql.scalars import MAX_POSITION
from ogpgraph.readmodel.index import Order, encode_order
from ogpgraph.readmodel.queries import MAX_PAGE_SIZE, Page, PageKey, PageRequest

_CursorPosition = Annotated[int, msgspec.Meta(ge=0, le=MAX_POSITION)]
NodeT = TypeVar("NodeT")
RowT = TypeVar("RowT")

First = Annotated[
    int | None,
    strawberry.argument(description=f"How many to return from the beginning, {MAX_PAGE_SIZE} at most and by default."),
]
After = Annotated[str | None, strawberry.argument(description="Return those that follow this cursor.")]
Last = Annotated[
    int | None, strawberry.argument(description=f"How many to return from the end, {MAX_PAGE_SIZE} at most.")
]
Before = Annotated[str | None, strawberry.argument(description="Return those that come before this cursor.")]


@strawberry.type(description="Where a page of a list begins and ends, and whether there is more.")
class PageInfo:
    """Relay's page information."""

    has_next_page: bool = strawberry.field(description="Whether more follow.")
    has_previous_page: bool = strawberry.field(description="Whether more come before.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first node.")
    end_cursor: str | None = strawberry.field(description="The cursor of the last node.")


@strawberry.type(description="A node of a list, with its cursor.")
class Edge(Generic[NodeT]):
    """A node and its place in the list."""

    node: NodeT = strawberry.field(description="The node.")
    cursor: str = strawberry.field(
        description="The node's place in the list, for `after` and `before`; its form is private."
    )


@strawberry.type(description="A page of a list.")
class Connection(Generic[NodeT]):
    """A page, fetched when its nodes are asked for, and a count, taken when it is asked for."""

    fetch: strawberry.Private[Callable[[], list[tuple[PageKey, NodeT]]]]
    page: strawberry.Private[Callable[[], Page[object]]]
    count: strawberry.Private[Callable[[], int]]

    @strawberry.field(description="The nodes of the page.")
    def nodes(self) -> list[NodeT]:
        """Return the nodes."""
        return [node for _, node in self.fetch()]

    @strawberry.field(description="The nodes of the page with their cursors.")
    def edges(self) -> list[Edge[NodeT]]:
        """Return the nodes with their cursors."""
        return [Edge(node=node, cursor=encode_cursor(key)) for key, node in self.fetch()]

    @strawberry.field(description="How many nodes the whole list has.")
    def total_count(self) -> int:
        """Return the length of the list."""
        return self.count()

    @strawberry.field(description="Where the page begins and ends.")
    def page_info(self) -> PageInfo:
        """Return the page information."""
        page, keys = self.page(), [key for key, _ in self.fetch()]
        return PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=encode_cursor(keys[0]) if keys else None,
            end_cursor=encode_cursor(keys[-1]) if keys else None,
        )


def build_connection(
    page: Callable[[], Page[RowT]], node: Callable[[RowT], NodeT], count: Callable[[], int]
) -> Connection[NodeT]:
    """Return the connection over a page that is fetched when first needed."""
    return Connection(**connection_arguments(page, node, count))


def connection_arguments(
    page: Callable[[], Page[RowT]], node: Callable[[RowT], NodeT], count: Callable[[], int]
) -> dict[str, Any]:
    """Return what a connection is made with; the page is fetched once, when it is first needed."""
    once = lru_cache(page)
    return {"fetch": lambda: [(key, node(row)) for key, row in once().items], "page": once, "count": count}


def parse_slice(
    first: int | None, after: str | None, last: int | None, before: str | None, order: Order | None = None
) -> PageRequest:
    """Return the slice that the arguments of a connection ask for, of subjects in an order or else of entries.

    Raises a refusal that names the argument.
    """
    if first is not None and last is not None:
        raise client_error("ask for `first` or for `last`, not for both", "BAD_PAGE")
    for name, number in (("first", first), ("last", last)):
        if number is not None and not 0 <= number <= MAX_PAGE_SIZE:
            raise client_error(f"`{name}` is {number}, and pages hold 0 to {MAX_PAGE_SIZE} nodes", "BAD_PAGE")
    limit = next((number for number in (first, last) if number is not None), MAX_PAGE_SIZE)
    return PageRequest(
        limit, _decode_cursor("after", after, order), _decode_cursor("before", before, order), backward=last is not None
    )


def encode_cursor(key: PageKey) -> str:
    """Return the cursor of a key."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def _decode_cursor(name: str, cursor: str | None, order: Order | None) -> PageKey | None:
    if cursor is None:
        return None
    form: Any = tuple[_CursorPosition] if order is None else tuple.__class_getitem__((str,) * (len(order) + 3))
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        key: PageKey = msgspec.json.decode(data, type=form)
    except (binascii.Error, msgspec.MsgspecError, UnicodeError, ValueError):
        raise client_error(f"`{name}` is not a cursor of this list", "BAD_CURSOR") from None
    if order is not None and key[0] != encode_order(order):
        raise client_error(f"`{name}` is not a cursor of this list", "BAD_CURSOR")
    return key
