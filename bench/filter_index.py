"""Measures the index of 6,000 and of 60,000 commitments, with 16 entries each: `python -m bench.filter_index`.

Processor time, so that other programs on the machine change it little: loading, a filter with three facets and a page,
what a write costs, an order after a write, and the first and the second list with facets at a past position.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ogpgraph.readmodel.batch_rows import STREAM_CODE_COLUMNS, STREAM_COLUMNS, TAG_COLUMNS, TERM_COLUMNS
from ogpgraph.readmodel.dimension_tags import FOREVER
from ogpgraph.readmodel.filters import AllOf, HasAnyValue, HasValue, IdIn, RelatedTo, ValueMatches
from ogpgraph.readmodel.index import Index
from ogpgraph.readmodel.index_cache import IndexKey, PastIndexes, PresentIndexes
from ogpgraph.readmodel.model_change import ModelChange, StreamVersion, TagChange
from ogpgraph.readmodel.sort_keys import BY_CODE, Order, SortStep, encode_order
from ogpgraph.storage.connect import open_database
from ogpgraph.storage.database import Transaction
from ogpgraph.system import migrate

SIZES = (6_000, 60_000)
ENTRIES_PER_COMMITMENT, MEMBERS, ROUNDS = 16, 110, 50
VALUES = {
    "cycle": [str(year) for year in range(2011, 2025)],
    "status": ["ACTIVE", "INACTIVE", "WITHDRAWN"],
    "rating:COMPLETION": ["NOT_STARTED", "LIMITED", "SUBSTANTIAL", "COMPLETE"],
    "policyArea": [f"Area {number}" for number in range(40)],
}
FACETS = ("rating:COMPLETION", "policyArea", "status")
ORDERS: tuple[Order, ...] = (BY_CODE, (SortStep("changed", descending=True),), (SortStep("rating:COMPLETION"),))
TARGET_MILLISECONDS = 10
_ENTRY_COLUMNS = (
    "position",
    "log_position",
    "event_hash",
    "stream",
    "revision",
    "recorded_at",
    "effective_before",
    "name",
    "cause",
    "actor",
    "role",
    "correlation",
    "root",
)


class _Timing(NamedTuple):
    """How long something took."""

    name: str
    milliseconds: float
    longest: float


def measure_filter_and_facets() -> bool:
    """Print all times; returns whether that of the filter is within the target."""
    is_within = True
    for commitments in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            timings = _measure(f"sqlite:///{Path(folder) / 'index.db'}", commitments)
        for timing in timings:
            print(
                f"{commitments:>7,} commitments: {timing.name:45} {timing.milliseconds:9.2f} ms"
                f"  (longest {timing.longest:.2f})"
            )
        is_within &= timings[1].milliseconds < TARGET_MILLISECONDS
    return is_within


def _measure(url: str, commitments: int) -> list[_Timing]:
    migrate(url)
    database = open_database(url)
    try:
        with database.write() as transaction:
            head = _write_rows(transaction, commitments)
        with database.read() as transaction:
            began = time.thread_time()
            present = PresentIndexes.load(transaction, head)
            loading = _summarize("load", [time.thread_time() - began])
            filtering = _time("filter, 3 facets and a page", partial(_filter, present.of_type))
            matching = _time("4 conditions on as many values as commitments", partial(_match_codes, present.of_type))
            writing = _measure_writes(present)
            return [loading, filtering, matching, *writing, *_measure_past(transaction, present)]
    finally:
        database.close()


def _filter(index_of: Callable[[str], Index]) -> None:
    condition = AllOf(
        (HasValue("cycle", ("2015", "2017", "2019")), RelatedTo("member", "member", HasValue("region", ("Europe",))))
    )
    commitments = index_of("commitment")
    mask = condition.evaluate(commitments, index_of).fulfilled
    for dimension in FACETS:
        commitments.count_by_value(dimension, mask)
    commitments.page(mask, BY_CODE, 101, (None, None), backward=False)


def _match_codes(index_of: Callable[[str], Index]) -> None:
    commitments = index_of("commitment")
    codes = tuple(commitments.values("code"))
    ends_with_1 = ValueMatches("code", lambda code: code.endswith("1"), "ends with 1")
    conditions = (HasValue("code", codes), HasAnyValue("code"), ends_with_1, IdIn(frozenset(commitments.streams.ids)))
    mask = AllOf(conditions).evaluate(commitments, index_of).fulfilled
    commitments.count_by_value("code", mask)


def _measure_writes(present: PresentIndexes) -> list[_Timing]:
    """Measure what it costs to follow entries that change one tag each, and then to have an order."""
    rng, values = random.Random(2), VALUES["rating:COMPLETION"]
    advancing: list[float] = []
    ordering: dict[Order, list[float]] = {order: [] for order in ORDERS}
    for order in ORDERS:
        present.of_type("commitment").sort_index(order)
    for _ in range(ROUNDS):
        stream = rng.choice(present.streams.of_type("commitment").ids)
        position, code = present.position + 1, present.streams.code_at(stream, present.position)
        tags = [
            TagChange(position, stream, "rating:COMPLETION", value, is_begun=n == 0)
            for n, value in enumerate(rng.sample(values, len(values)))
        ]
        version = StreamVersion(position, stream, "commitment", code)
        change = ModelChange(position - 1, position, b"", (version,), tuple(tags), {})
        began = time.thread_time()
        present = present.advance(change)
        advancing.append(time.thread_time() - began)
        for order, seconds in ordering.items():
            began = time.thread_time()
            present.of_type("commitment").sort_index(order)
            seconds.append(time.thread_time() - began)
    orders = [_summarize(f"order {encode_order(order)} after an entry", each) for order, each in ordering.items()]
    return [_summarize("follow an entry", advancing), *orders]


def _measure_past(transaction: Transaction, present: PresentIndexes) -> Iterator[_Timing]:
    past = PastIndexes()
    for part in (0.95, 0.5):
        key = IndexKey(int(present.position * part))

        def index_of(aggregate_type: str, key: IndexKey = key) -> Index:
            return past.get(present, transaction, aggregate_type, key)

        name = f"filter, 3 facets and a page at {part:.0%}"
        yield _time(f"{name}, first time", partial(_filter, index_of), rounds=1)
        yield _time(f"{name}, again", partial(_filter, index_of))


def _time(name: str, run: Callable[[], None], rounds: int = ROUNDS) -> _Timing:
    seconds = []
    for _ in range(rounds):
        began = time.thread_time()
        run()
        seconds.append(time.thread_time() - began)
    return _summarize(name, seconds)


def _summarize(name: str, seconds: list[float]) -> _Timing:
    return _Timing(name, statistics.median(seconds) * 1_000, max(seconds) * 1_000)


def _write_rows(transaction: Transaction, commitments: int) -> int:
    """Write rows as the projector does, as far as indexes are read from them; returns the last position."""
    rng = random.Random(1)
    terms: dict[tuple[str, str], int] = {}
    streams, codes, entries, tags = [], [], [], []
    for position, (aggregate_type, stream, code, values) in enumerate(_aggregates(rng, commitments), 1):
        streams.append((position, aggregate_type, stream))
        codes.append((position, position, code))
        entries.append(_entry(position, position, 1))
        tags += [
            (position, terms.setdefault(tag, len(terms) + 1), position, FOREVER, 0, FOREVER) for tag in values.items()
        ]
    started, head = len(streams), len(streams)
    for revision in range(2, ENTRIES_PER_COMMITMENT + 1):
        for key in rng.sample(range(MEMBERS + 1, started + 1), commitments):
            head += 1
            entries.append(_entry(head, key, revision))
            if revision % 4 == 0:  # an area that it loses with the next entry
                term = terms.setdefault(("policyArea", f"Area {revision}"), len(terms) + 1)
                tags.append((key, term, head, head + commitments, 0, FOREVER))
    transaction.insert("stream", STREAM_COLUMNS, streams)
    transaction.insert("stream_code", STREAM_CODE_COLUMNS, codes)
    transaction.insert("term", TERM_COLUMNS, [(key, *tag) for tag, key in terms.items()])
    transaction.insert("entry", _ENTRY_COLUMNS, entries)
    transaction.insert("tag", TAG_COLUMNS, tags)
    return head


def _entry(position: int, stream: int, revision: int) -> tuple[object, ...]:
    return (position, position, position, stream, revision, position, 0, 0, 0, 0, 0, 0, b"")


def _aggregates(rng: random.Random, commitments: int) -> Iterator[tuple[str, str, str, dict[str, str]]]:
    """Yield type, id, code and tags of each aggregate."""
    for number in range(MEMBERS):
        yield "member", f"member-{number}", f"M{number:03}", {"region": ("Europe", "Americas")[number % 2]}
    for number in range(commitments):
        values = {name: rng.choice(each) for name, each in VALUES.items()}
        values |= {"member": f"member-{number % MEMBERS}", "code": f"C{number:05}"}
        yield "commitment", f"commitment-{number}", f"C{number:05}", values


if __name__ == "__main__":
    measure_filter_and_facets()
