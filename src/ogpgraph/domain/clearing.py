"""Changed facts of an aggregate by source, and clearing: a person's null takes away what people stated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from msgspec import structs

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.errors import Conflict
from ogpgraph.domain.event import Facts, Origin
from ogpgraph.domain.unit_of_work import Provenance, UnitOfWork, changed_facts


def append_changes(uow: UnitOfWork, aggregate: Aggregate, name: str, facts: Facts, provenance: Provenance) -> None:
    """Append the facts that differ from the current ones, an event for each source; raises as `changes_by_source`."""
    for changes, stated_by in changes_by_source(aggregate, facts, provenance):
        uow.append(aggregate.id, name, changes, stated_by)


def changes_by_source(aggregate: Aggregate, facts: Facts, provenance: Provenance) -> Iterator[tuple[Facts, Provenance]]:
    """Yield the facts that `changed_facts` returns, grouped by the source under which they are to be appended.

    People cite various sources, and each statement is withdrawn under the source that it cited. Facts of other origins
    stay together. Raises Conflict for a person's null where a published source states a value: people can replace that
    value, but only the source can withdraw it.
    """
    grouped: dict[str | None, Facts] = defaultdict(dict)
    for path, value in changed_facts(aggregate, facts, provenance).items():
        if value is not None or provenance.origin is not Origin.PERSON:
            grouped[provenance.source][path] = value
            continue
        for claim in aggregate.claims[path]:
            if claim.value is None:
                continue
            if claim.origin is not Origin.PERSON:
                raise Conflict(f"a published source states {path}: record another value instead of clearing it", path)
            grouped[claim.source][path] = None
    for source, changes in grouped.items():
        yield changes, structs.replace(provenance, source=source)
