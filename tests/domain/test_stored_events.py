"""Every stored form there ever was is still read: one of each event and version, in `tests/stored_events.jsonl`.

`python -m tests.domain.test_stored_events` adds the forms that are missing. A line that is there is never changed: that
is what lies in somebody's log.
"""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import find, settings
from hypothesis import strategies as st

from ogpgraph.clock import timestamp
from ogpgraph.domain.event import VERSION, Event, encode
from ogpgraph.domain.noun import Kind, Noun
from ogpgraph.domain.nouns import read
from ogpgraph.domain.subject import Subject, evolve
from ogpgraph.merkle import leaf_hash
from ogpgraph.storage.log import canonical_bytes
from tests.domain.values import ALL_KINDS, envelopes, paths_of, values_at

FILE = Path(__file__).parents[1] / "stored_events.jsonl"
Line = dict[str, Any]


def lines() -> list[Line]:
    return [json.loads(line) for line in FILE.read_text().splitlines()] if FILE.exists() else []


def covered(line: Line) -> bytes:
    name, version = line["topic"].split(".")
    payload = line["payload"].encode()
    return canonical_bytes(line["stream"], line["revision"], name, int(version), line["recordedAt"], payload)


def stored_in(line: Line) -> Event:
    name, version = line["topic"].split(".")
    return read(line["stream"], line["revision"], name, int(version), line["payload"].encode())


LINES = lines()
EACH = pytest.mark.parametrize("line", LINES, ids=[line["topic"] for line in LINES])


@EACH
def test_a_stored_event_has_the_leaf_that_it_was_recorded_with(line: Line) -> None:
    assert leaf_hash(covered(line)).hex() == line["leaf"]


@EACH
def test_a_stored_event_is_still_read_and_tells_what_it_told(line: Line) -> None:
    event = stored_in(line)
    told = evolve(Subject(line["stream"]), event)
    assert told.revision == line["revision"]
    assert event.facts
    assert {path: told.value(path) for path in told.present} == {p: v for p, v in event.facts.items() if v is not None}


@EACH
def test_a_stored_event_of_this_version_is_written_today_as_it_was(line: Line) -> None:
    if line["topic"].endswith(f".{VERSION}"):
        assert encode(stored_in(line)).decode() == line["payload"]


@pytest.mark.parametrize("topic", [f"{kind.name}.{VERSION}" for _, kind in ALL_KINDS])
def test_there_is_a_stored_form_of_every_event(topic: str) -> None:
    assert topic in {line["topic"] for line in LINES}, f"run `python -m {__name__}`"


# Adding what is missing


def sample(strategy: st.SearchStrategy[Any], seed: str) -> Any:
    """The simplest value that is not the first one thought of, the same on every run."""
    return find(strategy, lambda _: True, random=random.Random(seed), settings=settings(database=None, max_examples=20))


def facts_of(noun: Noun, kind: Kind) -> dict[str, Any]:
    """Something at every path that the kind may tell."""
    may = [path for path in noun.paths if path.pattern.startswith(kind.says)]
    paths = [(sample(paths_of(path), path.pattern), path) for path in may]
    return {path: sample(values_at(path, declared), path) for path, declared in paths}


def missing() -> Iterator[Line]:
    known = {line["topic"] for line in LINES}
    for number, (noun, kind) in enumerate(ALL_KINDS):
        topic = f"{kind.name}.{VERSION}"
        if topic in known:
            continue
        envelope = sample(envelopes.filter(lambda e: e.evidence and e.idempotency and e.changed_between), topic)
        event = Event(f"{noun.kind}-{number}", number + 1, kind.name, envelope, facts_of(noun, kind))
        recorded_at = timestamp(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number, microseconds=number))
        line = {"stream": event.stream, "revision": event.revision, "topic": topic, "recordedAt": recorded_at}
        line |= {"payload": encode(event).decode()}
        yield line | {"leaf": leaf_hash(covered(line)).hex()}


if __name__ == "__main__":
    with FILE.open("a") as file:
        for each in missing():
            file.write(json.dumps(each, ensure_ascii=False) + "\n")
