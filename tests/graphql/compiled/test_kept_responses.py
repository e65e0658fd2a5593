"""A kept response is used for as long as it is what would be read, by readers without an account, and is charged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from graphql import parse

from ogpgraph.auth.authentication import Caller
from ogpgraph.clock import format_timestamp
from ogpgraph.domain.lineage import recode_commitment
from ogpgraph.domain.member import register_member, revise_member
from ogpgraph.graphql.compiled.operation import CompiledOperations
from ogpgraph.graphql.context import Context, WriteAccess
from ogpgraph.graphql.executor import CoreExecutor, Executor
from ogpgraph.graphql.schema import build_schema
from ogpgraph.readmodel.kept_responses import KeptData
from ogpgraph.system import System
from tests.graphql.example_log import command_context, record_example
from tests.graphql.random_writes import SetClock

SCHEMA = build_schema()
TREE = "{ members { totalCount nodes { code name joinedOn commitments { nodes { title description } } } } }"
PAST = 'query ($p: Position!) { at(position: $p) { member(code: "URY") { id joinedOn } } }'


class Reader:
    """Sends requests, with the compiled operations of their documents."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.objects: list[int] = []
        self.characters: list[int] = []
        self._compiled: dict[str, CompiledOperations] = {}

    def compiled(self, text: str) -> CompiledOperations:
        return self._compiled.setdefault(text, CompiledOperations())

    def prepare(self, text: str, **variables: Any) -> Executor:
        return Executor.prepare(SCHEMA, parse(text), variables, compiled=self.compiled(text))

    def read(self, text: str, write_access: WriteAccess | None = None, **variables: Any) -> bytes:
        self.objects, self.characters = [], []
        with self.system.read_session() as session:
            session.count_characters = self.characters.append
            return self.prepare(text, **variables).run_compiled(
                Context(session, "1", write_access),
                check_deadline=lambda: self.objects.append(1),
                count_objects=self.objects.append,
            )

    def find(self, text: str, **variables: Any) -> KeptData | None:
        """Return what is kept, found without a session."""
        view = self.system.model.refresh()
        return self.prepare(text, **variables).find_kept(view.state, view.progress.record_version)

    def read_by_core(self, text: str) -> bytes:
        with self.system.read_session() as session:
            result = CoreExecutor.prepare(SCHEMA, parse(text)).run(Context(session, "1"), check_deadline=lambda: None)
        assert result.errors is None
        return msgspec.json.encode(result.data)

    def revise(self, year: str) -> None:
        self.system.execute(
            command_context(9), lambda uow: revise_member(uow, uow.require_by_code("member", "URY"), {"joinedOn": year})
        )

    def head(self) -> int:
        with self.system.read_session() as session:
            return session.head


@pytest.fixture
def reader(make_system: Callable[..., System]) -> Reader:
    system = make_system()
    record_example(system)
    reader = Reader(system)
    reader.read("{ members { totalCount } }")  # has the model loaded
    return reader


def access_of(account: str | None) -> WriteAccess:
    return WriteAccess(None, Caller(account), "", None, None, None)  # type: ignore[arg-type]  # nothing is written


def test_a_response_is_kept_with_what_it_counts_as_each_time(reader: Reader) -> None:
    first = reader.read(TREE)
    objects, characters = sum(reader.objects), sum(reader.characters)
    kept = reader.find(TREE)
    assert kept is not None
    assert (kept.data, kept.objects, kept.characters) == (first, objects, characters)
    assert reader.read(TREE) == first
    assert (reader.objects, reader.characters) == ([objects], [characters])


def test_equal_requests_share_a_response_and_others_do_not(reader: Reader) -> None:
    text = "query ($code: String!) { member(code: $code) { name } }"
    reader.read(text, code="URY")
    assert reader.find(text, code="URY") is not None
    assert reader.find(text, code="FRA") is None
    assert reader.find(text.replace("name", "code"), code="URY") is None


def test_what_changes_is_read_anew_after_a_write(reader: Reader) -> None:
    before = reader.read(TREE)
    reader.revise("2012")
    assert reader.find(TREE) is None
    after = reader.read(TREE)
    assert after != before
    kept = reader.find(TREE)
    assert kept is not None
    assert kept.data == after


UNCONCERNED = {
    "a list by what did not change": """{ commitments(where: {member: {region: {eq: "Americas"}}}) {
        totalCount nodes { code title actionPlan { title } } } }""",
    "facets": "{ commitments { facets(dimensions: [STATUS], across: CYCLE) { values { value across { count } } } } }",
    "a count": "{ members { totalCount } commitments(orderBy: [{field: STARTS_ON}]) { totalCount } }",
    "another thing by its code": '{ commitment(code: "uy0901 ") { id title history(first: 2) { nodes { kind } } } }',
    "a part of a list": '{ actionPlan(code: "URY-2018") { commitments(first: 3) { nodes { code status } } } }',
    "the first entries": "{ entries(first: 3) { nodes { position subject { code } } } }",
    "a past entry and a past state": "{ entry(position: 2) { kind } at(position: 3) { members { nodes { name } } } }",
}
"""What does not show the member that is revised, by what it is."""
CONCERNED = {
    "the position": "{ members { totalCount } meta { position } }",
    "the last entries": "{ entries(last: 3) { nodes { position } } }",
    "cursors, which have the position": "{ commitments(first: 1) { pageInfo { endCursor } } }",
    "a field that is evaluated for each reader": "{ commitments(first: 1) { nodes { lastObservedAt } } }",
    "what is not there yet": '{ commitment(code: "UY0999") { title } }',
    "what changed since": "{ commitments(where: {changedSince: 1}) { totalCount } }",
    "what is overdue today": "{ commitments(where: {overdue: true}) { totalCount } }",
    "the order of changes": "{ commitments(orderBy: [{field: CHANGED}]) { nodes { code } } }",
    "a list as of a date": '{ asOf(date: "2021") { commitments { nodes { code } } } }',
    "the thing itself, linked": '{ commitment(code: "UY0901") { actionPlan { member { joinedOn } } } }',
}
"""What shows it, or may change with any entry."""


@pytest.mark.parametrize("text", UNCONCERNED.values(), ids=UNCONCERNED)
def test_a_response_is_kept_across_writes_that_concern_nothing_that_it_was_read_from(reader: Reader, text: str) -> None:
    before = reader.read(text)
    for year in ("2012", "2013"):
        reader.revise(year)
        kept = reader.find(text)
        assert kept is not None
        assert kept.data == before == reader.read_by_core(text)


@pytest.mark.parametrize("text", CONCERNED.values(), ids=CONCERNED)
def test_a_response_is_read_anew_after_a_write_that_may_concern_it(reader: Reader, text: str) -> None:
    reader.read(text)
    assert reader.find(text) is not None
    reader.revise("2012")
    assert reader.find(text) is None


def test_a_list_is_read_anew_when_one_of_its_things_gets_another_code(reader: Reader) -> None:
    text = "{ commitments { totalCount } }"
    reader.read(text)
    reader.system.execute(
        command_context(9),
        lambda uow: recode_commitment(uow, uow.require_by_code("commitment", "UY0901"), "UY0913"),
    )
    assert reader.find(text) is None


def test_a_list_is_read_anew_when_a_thing_of_its_type_begins(reader: Reader) -> None:
    text = "{ sources: commitments { totalCount } members { nodes { code } } }"
    before = reader.read(text)
    reader.system.execute(command_context(9), lambda uow: register_member(uow, "XYZ", {}))
    assert reader.find(text) is None
    assert reader.read(text) == reader.read_by_core(text) != before


def test_a_response_of_named_positions_is_kept_across_writes(reader: Reader) -> None:
    head = reader.head()
    before = reader.read(PAST, p=head)
    for year in ("2012", "2013"):
        reader.revise(year)
        kept = reader.find(PAST, p=head)
        assert kept is not None
        assert kept.data == before
    assert reader.read(PAST, p=reader.head()) != before


def test_a_field_that_is_read_at_the_head_is_read_anew_below_a_position(reader: Reader) -> None:
    text = (
        "query ($p: Position!) { at(position: $p) { entry(position: 1) { current { ... on Member { joinedOn } } } } }"
    )
    reader.read(text, p=1)
    reader.revise("2012")
    assert reader.find(text, p=1) is None


def test_the_progress_of_the_projection_is_not_kept(reader: Reader) -> None:
    text = "{ meta { position projector { state } } }"
    reader.read(text)
    assert reader.find(text) is None


def test_a_removed_text_is_in_no_kept_response(reader: Reader) -> None:
    head = reader.head()
    text = 'query ($p: Position!) { at(position: $p) { commitment(code: "UY0901") { title } } }'
    before = reader.read(TREE), reader.read(text, p=head)
    with reader.system.database.write() as transaction:
        transaction.execute("delete from stored_text")
        transaction.execute("update log set redaction_version = redaction_version + 1")
    assert reader.find(TREE) is reader.find(text, p=head) is None
    after = reader.read(TREE), reader.read(text, p=head)
    assert after[0] != before[0]
    assert after[1] != before[1]


def test_whoever_signs_in_gets_no_kept_response_and_leaves_none(reader: Reader) -> None:
    first = reader.read(TREE, access_of("ana"))
    assert reader.find(TREE) is None
    assert reader.read(TREE, access_of(None)) == first
    assert reader.find(TREE) is not None
    reader.read(TREE, access_of("ana"))
    assert len(reader.objects) > 1


def test_an_operation_that_was_disabled_has_no_kept_response(reader: Reader) -> None:
    reader.read(TREE)
    prepared = reader.prepare(TREE)
    reader.compiled(TREE).disable()
    progress = reader.system.model.confirm()
    assert prepared.find_kept(reader.system.model.state, progress.record_version) is None


def test_what_is_read_by_the_clock_is_not_kept(make_system: Callable[..., System]) -> None:
    clock = SetClock(datetime(2026, 1, 1, tzinfo=UTC))
    reader = Reader(make_system(clock=clock))
    record_example(reader.system)
    reader.read("{ members { totalCount } }")
    clock.now -= timedelta(hours=2)  # the log is ahead of it, so what it has is the present
    text = f'{{ at(time: "{format_timestamp(clock.now)}") {{ members {{ totalCount }} }} }}'
    reader.read(text)
    assert reader.find(text) is None
