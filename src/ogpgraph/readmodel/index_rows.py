"""Reads from the tables what indexes have: all tags of the present, those of one dimension, or what changed."""

from __future__ import annotations

from collections import defaultdict
from operator import itemgetter
from typing import Final

from ogpgraph.readmodel.bitsets import Posting
from ogpgraph.readmodel.dimension_tags import FOREVER
from ogpgraph.readmodel.index import PRESENT_DAY, Checkpoint, Index, Values
from ogpgraph.readmodel.model_change import ModelChange, StreamVersion, TagChange
from ogpgraph.readmodel.persistent_map import PersistentMap
from ogpgraph.readmodel.stream_rows import parse_numbers
from ogpgraph.readmodel.streams import PostingReader, StreamTable
from ogpgraph.readmodel.tag_history import TagHistory
from ogpgraph.storage.database import Transaction

CHECKED_KEYS: Final = 10_000
"""After so many tags, the checkpoint is called: they take about two milliseconds."""
_VALID: Final = "t.since <= :at and :at < t.until and t.first_day <= :day and :day < t.end_day"
_SELECT_POSTINGS: Final = (
    "select m.dimension, m.value, g.streams from (select t.term, group_concat(t.stream) as streams from tag t "
    f"where {_VALID} group by t.term) g join term m on m.key = g.term"
)
_POSTINGS: Final = itemgetter("dimension", "value", "streams")
_SELECT_VALUES: Final = (
    "select m.value, group_concat(t.stream) as streams from term m join tag t on t.term = m.key "
    f"where m.dimension = :dimension and {_VALID} group by m.value"
)
_SELECT_HISTORY: Final = (
    "select m.value, group_concat(t.stream) as streams, group_concat(t.since) as since, group_concat(t.until) as until "
    "from term m join tag t on t.term = m.key where m.dimension = :dimension and t.since <= :at "
    f"and t.first_day <= {PRESENT_DAY} and {PRESENT_DAY} < t.end_day group by m.value"
)
_SELECT_DIMENSIONS: Final = "select distinct dimension from term where dimension not like 'entry/%'"
_SELECT_VERSIONS: Final = (
    "select e.position, s.id, s.aggregate_type, v.code from entry e join stream s on s.key = e.stream "
    "join version v on v.position = e.position where e.position > :then and e.position <= :at order by e.position"
)
_SELECT_CHANGED_TAGS: Final = (
    "select s.id, m.dimension, m.value, max(case when t.since <= :at and :at < t.until then 1 else 0 end) as is_begun "
    "from (select distinct e.stream from entry e where e.position > :then and e.position <= :at) c "
    "join stream s on s.key = c.stream join tag t on t.stream = c.stream join term m on m.key = t.term "
    f"where t.end_day = {FOREVER} and t.until > :then and t.since <= :at group by s.id, m.dimension, m.value "
    "having max(case when t.since <= :at and :at < t.until then 1 else 0 end) "
    "<> max(case when t.since <= :then then 1 else 0 end)"
)


def read_postings(transaction: Transaction, position: int, streams: StreamTable) -> dict[str, dict[str, Values]]:
    """Return type → dimension → the values that aggregates of the type have at a position, as of PRESENT_DAY."""
    found: defaultdict[str, defaultdict[str, dict[str, Posting]]] = defaultdict(lambda: defaultdict(dict))
    reader = PostingReader(streams)
    rows = transaction.stream(_SELECT_POSTINGS, at=position, day=PRESENT_DAY)
    for dimension, value, keys in map(_POSTINGS, rows):
        for aggregate_type, posting in reader.read(keys):
            found[aggregate_type][dimension][value] = posting
    return {
        aggregate_type: {dimension: PersistentMap(values.items()) for dimension, values in dimensions.items()}
        for aggregate_type, dimensions in found.items()
    }


def read_values(
    transaction: Transaction, streams: StreamTable, index: Index, dimension: str, checkpoint: Checkpoint
) -> dict[str, Posting]:
    """Return the values of a dimension that aggregates have at the position of an index, and as of its day."""
    values: dict[str, Posting] = {}
    count = 0
    bounds = {"dimension": dimension, "at": index.position, "day": index.day}
    reader = PostingReader(streams)
    for row in transaction.stream(_SELECT_VALUES, **bounds):
        for aggregate_type, posting in reader.read(keys := row["streams"]):
            if aggregate_type == index.aggregate_type:
                values[row["value"]] = posting
        if (count := count + keys.count(",") + 1) > CHECKED_KEYS:
            count = 0
            checkpoint()
    return values


def read_history(
    transaction: Transaction, streams: StreamTable, dimension: str, position: int, checkpoint: Checkpoint
) -> TagHistory:
    """Return all tags of a dimension, as of PRESENT_DAY, that there were at any position up to one."""
    history = TagHistory(position)
    count = 0
    for row in transaction.stream(_SELECT_HISTORY, dimension=dimension, at=position):
        keys = parse_numbers(row["streams"])
        history.add(row["value"], streams.slots_of(keys), parse_numbers(row["since"]), parse_numbers(row["until"]))
        if (count := count + len(keys)) > CHECKED_KEYS:
            count = 0
            checkpoint()
    return history


def read_dimensions(transaction: Transaction) -> list[str]:
    """Return the dimensions that have had a tag at any position."""
    return [row["dimension"] for row in transaction.fetch_all(_SELECT_DIMENSIONS)]


def read_change(transaction: Transaction, before: int, after: int) -> ModelChange:
    """Return what the entries after one position and up to another change, without states."""
    bounds: dict[str, object] = {"then": before, "at": after}
    versions = (
        StreamVersion(row["position"], row["id"], row["aggregate_type"], row["code"])
        for row in transaction.fetch_all(_SELECT_VERSIONS, **bounds)
    )
    tags = (
        TagChange(after, row["id"], row["dimension"], row["value"], bool(row["is_begun"]))
        for row in transaction.fetch_all(_SELECT_CHANGED_TAGS, **bounds)
    )
    root = transaction.fetch_value("select root from entry where position = :after", after=after)
    return ModelChange(before, after, bytes(root), tuple(versions), tuple(sorted(tags)), {})
