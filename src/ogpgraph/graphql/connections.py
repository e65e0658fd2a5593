"""Connections: paged lists as the GraphQL Cursor Connections Specification defines them.

A cursor is the sort key of a node, so a page continues at the same place although nodes before it were added or
removed. It holds the position that was read and its root, too, so that a log with another history refuses it. The
cursor of an entry is the bookmark of its position, which subscriptions and the feed resume after. Cursors are opaque to
clients; they are validated against the order of the list that they are used with.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Annotated, Any, Generic, TypeVar

import msgspec
import strawberry

from ogpgraph.graphql.dependence import OWN
from ogpgraph.graphql.errors import FieldErrorCode, client_error, other_history
from ogpgraph.graphql.input_errors import show_value
from ogpgraph.graphql.scalars import MAX_POSITION
from ogpgraph.graphql.weights import computed
from ogpgraph.readmodel.bookmark import Bookmark, OtherHistory, parse_bookmark
from ogpgraph.readmodel.entry import Entry
from ogpgraph.readmodel.error_codes import ReadErrorCode
from ogpgraph.readmodel.index import Dimensions
from ogpgraph.readmodel.queries import MAX_PAGE_SIZE, AggregateQuery, Page, PageKey, PageRequest
from ogpgraph.readmodel.session import PositionError
from ogpgraph.readmodel.snapshot import RecordReader, Snapshot
from ogpgraph.readmodel.sort_keys import encode_order

NodeT = TypeVar("NodeT")
RowT = TypeVar("RowT")
ParseCursor = Callable[[str], tuple[Bookmark, PageKey]]
"""Returns what is in a cursor; raises ValueError for a text that is none of the list."""

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
    node: NodeT | None = strawberry.field(description="The node; null only if one of its fields failed.")
    cursor: str = strawberry.field(
        description="The node's place in the list, for `after` and `before`. It is opaque, and valid only for lists of "
        "the same type and order, and in the history of the log that it comes from (`OTHER_HISTORY`)."
    )


@strawberry.type(
    description="A page of a list, and the length of the whole list. Below `at(position:)` the pages of a list have "
    "every node once, whatever is recorded meanwhile."
)
class Connection(Generic[NodeT]):
    """A page and a count. Each is read only if one of its fields is selected, and depends on what the list depends on.

    `find_versions` returns the positions of the versions of the nodes, or of the entries that are nodes; it reads none,
    and returns None where that is not possible. `find_dimensions` returns the dimensions that decide which these are,
    and how many there are of things that are none of entries; None if these are not known.
    """

    snapshot: strawberry.Private[Snapshot]
    fetch_page: strawberry.Private[Callable[[], Page[Any]]]
    build_node: strawberry.Private[Callable[[Any], NodeT]]
    count: strawberry.Private[Callable[[], int]]
    find_versions: strawberry.Private[Callable[[], Sequence[int] | None]]
    find_dimensions: strawberry.Private[Callable[[], Dimensions | None]]

    @strawberry.field(metadata=OWN, description="The nodes of the page; one of which a field failed may be null.")
    def nodes(self) -> list[NodeT | None]:
        return [self.build_node(row) for _, row in self.fetch_page().items]

    @strawberry.field(metadata=OWN, description="The nodes of the page, each with its cursor.")
    def edges(self) -> list[Edge[NodeT]]:
        return [Edge(node=self.build_node(row), cursor=self._cursor(key, row)) for key, row in self.fetch_page().items]

    @strawberry.field(metadata=computed(2) | OWN, description="The number of nodes in the whole list.")
    def total_count(self) -> int:
        return self.count()

    @strawberry.field(metadata=OWN, description="The position of the page in the list.")
    def page_info(self) -> PageInfo:
        page = self.fetch_page()
        cursors = [self._cursor(*page.items[index]) for index in (0, -1)] if page.items else [None, None]
        return PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=cursors[0],
            end_cursor=cursors[1],
        )

    def _cursor(self, key: PageKey, row: Any) -> str:
        return str(row.bookmark) if isinstance(row, Entry) else encode_cursor(key, self.snapshot.bookmark)


def build_connection(
    snapshot: Snapshot,
    fetch_page: Callable[[], Page[RowT]],
    build_node: Callable[[RowT], NodeT],
    count: Callable[[], int],
    find_versions: Callable[[], Sequence[int] | None],
    find_dimensions: Callable[[], Dimensions | None],
) -> Connection[NodeT]:
    """Return the connection over a page of a list at a snapshot, which is fetched at most once."""
    return Connection(
        snapshot=snapshot,
        fetch_page=cache(fetch_page),
        build_node=build_node,
        count=count,
        find_versions=find_versions,
        find_dimensions=find_dimensions,
    )


def find_none() -> None:
    """Return None: it is not known which nodes there are without reading them, or on which dimensions that depends."""


def parse_page_request(
    session: RecordReader,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    query: AggregateQuery | None = None,
    parse_cursor: ParseCursor | None = None,
) -> PageRequest:
    """Return the page that the arguments of a connection select.

    `query` is that of a list of aggregates; it is None for a list of entries, and for one whose cursors `parse_cursor`
    reads.

    Raises:
        GraphQLError: BAD_PAGE for a wrong number of nodes, BAD_CURSOR for a cursor of another type or order,
            OTHER_HISTORY for one of another history than the session's.
    """
    if first is not None and last is not None:
        raise client_error("give either `first` or `last`", FieldErrorCode.BAD_PAGE)
    for name, number in (("first", first), ("last", last)):
        if number is not None and not 0 <= number <= MAX_PAGE_SIZE:
            raise client_error(
                f"`{name}` is {number}, but a page has 0 to {MAX_PAGE_SIZE} nodes", FieldErrorCode.BAD_PAGE
            )
    limit = next((number for number in (first, last) if number is not None), MAX_PAGE_SIZE)
    parse = parse_cursor or (_parse_entry_cursor if query is None else partial(_parse_aggregate_cursor, query=query))
    return PageRequest(
        limit,
        after=_decode_cursor(session, "after", after, parse),
        before=_decode_cursor(session, "before", before, parse),
        backward=last is not None,
    )


def encode_cursor(key: PageKey, bookmark: Bookmark) -> str:
    """Return the cursor of an aggregate's key in a list that was read at a bookmark."""
    return base64.urlsafe_b64encode(msgspec.json.encode([*bookmark, *key])).decode().rstrip("=")


def _decode_cursor(session: RecordReader, name: str, cursor: str | None, parse: ParseCursor) -> PageKey | None:
    if cursor is None:
        return None
    try:
        bookmark, key = parse(cursor)
    except ValueError:  # of this module, base64, UTF-8 and msgspec
        raise client_error(
            f"`{name}` is {show_value(cursor)}, which is not a cursor of this list", FieldErrorCode.BAD_CURSOR
        ) from None
    try:
        session.require(bookmark)
    except OtherHistory as error:
        raise other_history(error) from error
    except PositionError as error:
        raise client_error(str(error), ReadErrorCode.BAD_POSITION) from error
    return key


def _parse_entry_cursor(cursor: str) -> tuple[Bookmark, PageKey]:
    bookmark = parse_bookmark(cursor)
    if not bookmark.root:
        raise ValueError("a position is not a cursor")
    return bookmark, (bookmark.position,)


def _parse_aggregate_cursor(cursor: str, query: AggregateQuery) -> tuple[Bookmark, PageKey]:
    # The encoded order, a value for each step of it, and the code and id that break ties.
    bookmark, key = parse_cursor(cursor, (str,) * (len(query.order) + 3))
    if key[0] != encode_order(query.order):
        raise ValueError("the cursor is of another order")
    if not str(key[-1]).startswith(f"{query.aggregate_type}-"):
        raise ValueError("the cursor is of another type")
    return bookmark, key


def parse_cursor(cursor: str, key_types: tuple[type, ...]) -> tuple[Bookmark, PageKey]:
    """Return the bookmark and the key in a cursor that `encode_cursor` made; raises ValueError for any other one."""
    data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    position, root, *key = msgspec.json.decode(data, type=_cursor_type(key_types))
    return parse_bookmark(f"{position}-{root}"), tuple(key)


def _cursor_type(key_types: tuple[type, ...]) -> Any:
    position = Annotated[int, msgspec.Meta(ge=0, le=MAX_POSITION)]
    return tuple.__class_getitem__((position, str, *key_types))
