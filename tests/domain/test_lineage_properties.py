"""Whatever is registered, recoded, merged, split and linked in whatever order, nothing is lost or double."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.code import all_codes, code_stream
from ogpgraph.domain.errors import Refusal
from ogpgraph.domain.field import items_of
from ogpgraph.domain.link import INVERSE, unlink_commitments
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.domain.vocabulary import RatingValue, Stage
from tests.application.in_memory_log import Command, InMemoryLog
from tests.domain.lineage_log import add_milestone, link, merge, rate, recode, record_members, register, split

CODES = [f"FR000{number}" for number in range(1, 9)]
codes = st.sampled_from(CODES)
registered = st.sampled_from(CODES[:4])
some_codes = st.lists(registered, max_size=2, unique=True).map(tuple)
values = st.sampled_from([RatingValue.LIMITED, RatingValue.COMPLETE])
stages = st.sampled_from([Stage.MIDTERM, Stage.RESULTS])


def unlink_successors(code: str) -> Command:
    def command(uow: UnitOfWork) -> None:
        commitment = uow.require_by_code("commitment", code)
        unlink_commitments(uow, commitment, [], [uow.aggregate(each) for each in items_of(commitment, "successors")])

    return command


commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(register, codes),
    st.builds(recode, codes, codes),
    st.builds(lambda code, into: merge(code, into=into), codes, codes),
    st.builds(split, codes, codes, codes),
    st.builds(lambda code, p, s: link(code, predecessors=p, successors=s), registered, some_codes, some_codes),
    st.builds(unlink_successors, registered),
    st.builds(rate, codes, values, stages),
    st.builds(add_milestone, codes, st.sampled_from(["1", "2"]), st.sampled_from(["A law", "A portal"])),
)
histories = st.lists(commands, max_size=25)


def new_log() -> InMemoryLog:
    """Return a log in which half of the codes mean a commitment."""
    return InMemoryLog().given(record_members, *map(register, CODES[:4]))


def check(log: InMemoryLog, known_before: set[str]) -> set[str]:
    """Assert what always holds, and return what is known: paths of ratings and milestones, each with its values."""
    everything = {event.stream: log.load(event.stream) for event in log.recorded}
    commitments = {stream: each for stream, each in everything.items() if each.type == "commitment"}
    listed = {stream: each for stream, each in commitments.items() if not each.string("mergedInto")}
    check_codes(everything, listed)
    check_links(commitments, listed)
    known = {path for each in listed.values() for path in each.current_claims if path.startswith(("ratings/", "mile"))}
    assert known_before <= known
    return known


def check_codes(everything: dict[str, Aggregate], listed: dict[str, Aggregate]) -> None:
    """Each code means the one commitment that has it, and no other code means one."""
    owners = [(code, stream) for stream, each in listed.items() for code in all_codes(each)]
    assert len(owners) == len(dict(owners))
    meanings = {
        code: everything.get(code_stream("commitment", code), Aggregate("")).string("aggregate") for code in CODES
    }
    assert {code: stream for code, stream in meanings.items() if stream} == dict(owners)


def check_links(commitments: dict[str, Aggregate], listed: dict[str, Aggregate]) -> None:
    """Links are recorded at both ends, between listed commitments, and lead to no commitment back."""
    for stream, each in commitments.items():
        for path, inverse in INVERSE.items():
            for other in items_of(each, path):
                assert stream in items_of(listed[other], inverse)
    reached = {stream: set(items_of(each, "successors")) for stream, each in commitments.items()}
    for _ in commitments:
        reached = {stream: ends.union(*(reached[end] for end in ends)) for stream, ends in reached.items()}
    assert all(stream not in ends for stream, ends in reached.items())


def run(history: list[Command]) -> None:
    log, known = new_log(), set[str]()
    for number, command in enumerate(history):
        with suppress(Refusal):
            log.when(command, on=number)
        known = check(log, known)


@settings(deadline=None)
@given(histories)
def test_codes_links_and_what_was_known_stay_consistent(history: list[Command]) -> None:
    run(history)


@pytest.mark.long
@settings(deadline=None, max_examples=2_000)
@given(st.lists(commands, min_size=10, max_size=60))
def test_they_stay_consistent_in_long_histories(history: list[Command]) -> None:
    run(history)


def test_the_strategy_reaches_every_command() -> None:
    counted: dict[str, Any] = {}

    # The same histories each time: a command that is rare would now and then be in none of them.
    @settings(deadline=None, max_examples=200, database=None, derandomize=True)
    @given(st.lists(commands, min_size=10, max_size=25))
    def count(history: list[Command]) -> None:
        log = new_log()
        for command in history:
            with suppress(Refusal):
                for event in log.when(command):
                    counted[event.name] = counted.get(event.name, 0) + 1

    count()
    events = {f"Commitment{name}" for name in ("Recoded", "Merged", "Split", "Linked", "Unlinked")}
    assert events <= counted.keys()
