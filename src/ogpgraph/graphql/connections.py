"""Connections: paged lists as the GraphQL Cursor Connections Specification defines them.

A cursor is the sort key of a node, so a page continues at the same place although nodes before it were added or
removed. Cursors are opaque to clients; they are validated against the order of the list that they are used with.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Generic, TypeVar

import msgspec
import strawberry

from ogpgraph.graphql.scalars import MAX_POSITION, client_error
from ogpgraph.readmodel.index import Order, encode_order
from ogpgraph.readmodel.queries import MAX_PAGE_SIZE, Page, PageKey, PageRequest

NodeT = TypeVar("NodeT")
RowT = TypeVar("RowT")

First = Annotated[
    int | None,
    strawberry.argument(
        description=f"The number of nodes to return from the start of the list: 0 to {MAX_PAGE_SIZE}. "
        f"If neither `first` nor `last` is given: {MAX_PAGE_SIZE}."
    ),
]
After = Annotated[str | None, strawberry.argument(description="Return only nodes after this cursor.")]
Last = Annotated[
    int | None,
    strawberry.argument(
        description=f"The number of nodes to return from the end of the list: 0 to {MAX_PAGE_SIZE}. "
        "Not together with `first`."
    ),
]
Before = Annotated[str | None, strawberry.argument(description="Return only nodes before this cursor.")]


@strawberry.type(description="The position of a page in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether the list has nodes after this page.")
    has_previous_page: bool = strawberry.field(description="Whether the list has nodes before this page.")
    start_cursor: str | None = strawberry.field(
        description="The cursor of the first node of the page; null if the page is empty."
    )
    end_cursor: str | None = strawberry.field(
        description="The cursor of the last node of the page; null if the page is empty."
    )


@strawberry.type(description="A node of a list, with its cursor.")
class Edge(Generic[NodeT]):
    node: NodeT = strawberry.field(description="The node.")
    cursor: str = strawberry.field(
        description="The node's place in the list, for `after` and `before`. It is opaque, and valid only for lists of "
        "the same type and order."
    )


@strawberry.type(description="A page of a list, and the length of the whole list.")
class Connection(Generic[NodeT]):
    """A page and a count. Each is read only if one of its fields is selected."""

    fetch_page: strawberry.Private[Callable[[], Page[Any]]]
    build_node: strawberry.Private[Callable[[Any], NodeT]]
    count: strawberry.Private[Callable[[], int]]

    @strawberry.field(description="The nodes of the page.")
    def nodes(self) -> list[NodeT]:
        return [self.build_node(row) for _, row in self.fetch_page().items]

    @strawberry.field(description="The nodes of the page, each with its cursor.")
    def edges(self) -> list[Edge[NodeT]]:
        return [Edge(node=self.build_node(row), cursor=encode_cursor(key)) for key, row in self.fetch_page().items]

    @strawberry.field(description="The number of nodes in the whole list.")
    def total_count(self) -> int:
        return self.count()

    @strawberry.field(description="The position of the page in the list.")
    def page_info(self) -> PageInfo:
        page = self.fetch_page()
        cursors = [encode_cursor(page.items[index][0]) for index in (0, -1)] if page.items else [None, None]
        return PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=cursors[0],
            end_cursor=cursors[1],
        )


def build_connection(
    fetch_page: Callable[[], Page[RowT]], build_node: Callable[[RowT], NodeT], count: Callable[[], int]
) -> Connection[NodeT]:
    """Return the connection over a page, which is fetched at most once."""
    return Connection(fetch_page=cache(fetch_page), build_node=build_node, count=count)


def parse_page_request(
    first: int | None, after: str | None, last: int | None, before: str | None, order: Order | None = None
) -> PageRequest:
    """Return the page that the arguments of a connection select; `order` is None for a list of entries.

    Raises:
        GraphQLError: BAD_PAGE for a wrong number of nodes, BAD_CURSOR for a cursor of another list or order.
    """
    if first is not None and last is not None:
        raise client_error("give either `first` or `last`", "BAD_PAGE")
    for name, number in (("first", first), ("last", last)):
        if number is not None and not 0 <= number <= MAX_PAGE_SIZE:
            raise client_error(f"`{name}` is {number}, but a page has 0 to {MAX_PAGE_SIZE} nodes", "BAD_PAGE")
    limit = next((number for number in (first, last) if number is not None), MAX_PAGE_SIZE)
    return PageRequest(
        limit, _decode_cursor("after", after, order), _decode_cursor("before", before, order), backward=last is not None
    )


def encode_cursor(key: PageKey) -> str:
    """Return the cursor of a key."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


_EntryKey = tuple[Annotated[int, msgspec.Meta(ge=0, le=MAX_POSITION)]]


def _decode_cursor(name: str, cursor: str | None, order: Order | None) -> PageKey | None:
    if cursor is None:
        return None
    key_type: Any = _EntryKey if order is None else _aggregate_key_type(len(order))
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        key: PageKey = msgspec.json.decode(data, type=key_type)
    except (binascii.Error, msgspec.MsgspecError, UnicodeError, ValueError):
        raise client_error(f"`{name}` is not a cursor of this list", "BAD_CURSOR") from None
    if order is not None and key[0] != encode_order(order):
        raise client_error(f"`{name}` is not a cursor of this list", "BAD_CURSOR")
    return key


def _aggregate_key_type(steps: int) -> Any:
    # The encoded order, a value for each step of it, and the code and id that break ties.
    return tuple.__class_getitem__((str,) * (steps + 3))
