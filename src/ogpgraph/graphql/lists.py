"""The lists of things that the arguments of a field select, and the connections over them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.graphql.connections import Connection, build_connection, parse_page_request
from ogpgraph.graphql.filters import AggregateFilter, CommitmentFilter, list_condition
from ogpgraph.graphql.orders import build_order
from ogpgraph.graphql.subject import SubjectT
from ogpgraph.readmodel.filters import Condition
from ogpgraph.readmodel.queries import MATCH_ALL, AggregateQuery, Page, PageRequest
from ogpgraph.readmodel.read_caches import QueryKey
from ogpgraph.readmodel.snapshot import Snapshot


def build_query(
    aggregate_type: str,
    where: AggregateFilter | None,
    order_by: Iterable[Any] | None,
    snapshot: Snapshot,
    parent: str | None = None,
) -> AggregateQuery:
    """Return the query for the list that the arguments of a field select; `parent` is the dimension of its owner.

    It is kept for whoever uses the same filter at the same position: requests with equal variables share theirs.
    """
    kept, order = snapshot.session.caches.queries, build_order(list(order_by or ()))
    version = snapshot.session.log_identity.redaction_version
    key = QueryKey(aggregate_type, parent, order, id(where), snapshot.position, snapshot.day, version)
    found = kept.get(key)
    if found is not None and found[0] is where:  # while it is kept, no other filter has its id
        return found[1]
    query = AggregateQuery(aggregate_type, _build_condition(aggregate_type, where, snapshot), order, parent)
    if query.is_portable:
        kept.add({key: (where, query)})
    return query


def _build_condition(aggregate_type: str, where: AggregateFilter | None, snapshot: Snapshot) -> Condition:
    if aggregate_type == "commitment":
        return list_condition(where if isinstance(where, CommitmentFilter) else None, snapshot)
    return where.condition(snapshot) if where else MATCH_ALL


def select_part(
    aggregate_type: str,
    parent: str,
    snapshot: Snapshot,
    where: AggregateFilter | None = None,
    order_by: Iterable[Any] | None = None,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> tuple[AggregateQuery, PageRequest]:
    """Return the query and the page that the arguments of a list of a thing's things select.

    They are the same for all things of a list; `parent` is the dimension of their owner.
    """
    query = build_query(aggregate_type, where, order_by, snapshot, parent)
    return query, parse_page_request(snapshot.session, first, after, last, before, query)


def aggregate_connection(
    node_type: type[SubjectT],
    snapshot: Snapshot,
    query: AggregateQuery,
    parent: Aggregate | None,
    page_request: PageRequest,
) -> Connection[SubjectT]:
    """Return the connection over a list of aggregates, or over the part of it that belongs to a parent."""
    return build_connection(
        snapshot,
        lambda: page_aggregates(snapshot, query, parent, page_request),
        lambda state: node_type.of(state, snapshot),
        lambda: snapshot.count(query, parent),
        lambda: find_versions(snapshot, query, parent, page_request),
        lambda: query.dimensions,
    )


def page_aggregates(
    snapshot: Snapshot, query: AggregateQuery, parent: Aggregate | None, page_request: PageRequest
) -> Page[Aggregate]:
    """Return a page of a list of aggregates, or of the part of it that belongs to a parent."""
    return snapshot.page_for_parent(parent, query, page_request) if parent else snapshot.page(query, page_request)


def find_versions(
    snapshot: Snapshot, query: AggregateQuery, parent: Aggregate | None, page_request: PageRequest
) -> Sequence[int] | None:
    """Return the positions of the versions on such a page; None where no fragments are kept of them."""
    if snapshot.date is not None:
        return None
    return snapshot.page_versions(query, page_request, parent.id if parent else None)
