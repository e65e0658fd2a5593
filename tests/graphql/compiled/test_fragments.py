"""Fragments serve readers at all positions, are made anew for what was written, and count as what they have."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
import pytest
from graphql import parse

from ogpgraph.domain.member import revise_member
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.graphql.compiled.operation import CompiledOperations
from ogpgraph.graphql.context import Context
from ogpgraph.graphql.executor import CoreExecutor, Executor
from ogpgraph.graphql.schema import build_schema
from ogpgraph.readmodel.snapshot import Snapshot
from ogpgraph.system import System
from tests.graphql.example_log import command_context, record_example

SCHEMA = build_schema()
TREE = """
{ members { totalCount nodes { id name commitments(first: 1) { totalCount nodes { id code milestones { id number } }
  again: nodes { title } } actionPlans { nodes { id title member { id code } } all: totalCount } } } }
"""
MANY_ATTEMPTS = 50
ENTRIES = "{ entries(last: 9) { nodes { position subject { id code } changes { path after } } } }"


class Responses:
    """The responses of compiled operations on a system, with the number of the objects of each."""

    def __init__(self, system: System) -> None:
        self.system = system
        self._compiled: dict[str, CompiledOperations] = {}

    def read(self, text: str, **variables: Any) -> tuple[Any, int]:
        objects: list[int] = []
        compiled = self._compiled.setdefault(text, CompiledOperations())
        executor = Executor.prepare(SCHEMA, parse(text), variables, compiled=compiled)
        with self.system.read_session() as session:
            data = executor.run_compiled(
                Context(session, "1"), check_deadline=lambda: objects.append(1), count_objects=objects.append
            )
        return msgspec.json.decode(data), sum(objects)

    def count_made(self, text: str, **variables: Any) -> int:
        """Return how many objects are made, if the response is not kept."""
        made: list[None] = []
        executor = Executor.prepare(SCHEMA, parse(text), variables, compiled=self._compiled[text])
        with self.system.read_session() as session:
            session.caches.responses.clear()
            executor.run_compiled(Context(session, "1"), check_deadline=lambda: made.append(None))
        return len(made)

    def attempt(self, text: str, objects: int) -> Any:
        """Return the response if no more objects than a number are made for it, otherwise None."""
        compiled, left = self._compiled.setdefault(text, CompiledOperations()), [None] * objects
        executor = Executor.prepare(SCHEMA, parse(text), {}, compiled=compiled)
        with self.system.read_session() as session, suppress(IndexError):
            return msgspec.json.decode(executor.run_compiled(Context(session, "1"), check_deadline=left.pop))
        return None

    def read_by_core(self, text: str, **variables: Any) -> Any:
        with self.system.read_session() as session:
            executor = CoreExecutor.prepare(SCHEMA, parse(text), variables)
            result = executor.run(Context(session, "1"), check_deadline=lambda: None)
        assert result.errors is None
        return msgspec.json.decode(msgspec.json.encode(result.data))


@pytest.fixture
def responses(make_system: Callable[..., System]) -> Responses:
    system = make_system()
    record_example(system)
    return Responses(system)


def join_in(year: str, uow: UnitOfWork) -> None:
    revise_member(uow, uow.require_by_code("member", "URY"), {"joinedOn": year})


def below(text: str) -> str:
    return "query ($p: Position!) { at(position: $p) " + text.strip() + " }"


@pytest.mark.parametrize("text", [TREE, ENTRIES])
def test_the_response_and_the_number_of_its_objects_are_the_same_from_fragments(
    responses: Responses, text: str
) -> None:
    first = responses.read(text)
    assert first[0] == responses.read_by_core(text)
    with responses.system.read_session() as session:
        session.caches.responses.clear()
    assert responses.read(text) == first


def test_a_fragment_serves_every_position_at_which_its_version_is_read(responses: Responses) -> None:
    with responses.system.read_session() as session:
        head = session.head
    text = below(TREE)
    for position in (head, head - 1, head - 9):
        assert responses.read(text, p=position)[0] == responses.read_by_core(text, p=position)
    made = responses.count_made(text, p=head - 2)
    assert made < responses.read(text, p=head - 2)[1] / 2


def test_an_attempt_goes_on_from_what_one_before_it_had_made_when_its_time_ended(responses: Responses) -> None:
    expected, attempts = responses.read_by_core(TREE), 1
    while (data := responses.attempt(TREE, objects=6)) is None and attempts < MANY_ATTEMPTS:
        attempts += 1
    assert data == expected
    assert 1 < attempts < MANY_ATTEMPTS


def test_a_write_makes_anew_what_it_changes_only(responses: Responses) -> None:
    responses.read(TREE)
    before = responses.count_made(TREE)
    responses.system.execute(
        command_context(9), lambda uow: revise_member(uow, uow.require_by_code("member", "URY"), {"joinedOn": "2012"})
    )
    assert responses.count_made(TREE) == before + 2  # the member is selected twice
    assert responses.read(TREE)[0] == responses.read_by_core(TREE)


def test_a_link_leads_to_its_thing_as_it_was_at_the_position(responses: Responses) -> None:
    text = "{ commitments { nodes { code member { joinedOn } actionPlan { member { joinedOn } } } } }"
    with responses.system.read_session() as session:
        head = session.head
    for year in ("2012", "2013"):
        responses.system.execute(command_context(9), partial(join_in, year))
        for _ in range(2):
            assert responses.read(text)[0] == responses.read_by_core(text)
            for position in (head, head + 1):
                past = responses.read(below(text), p=position)[0]
                assert past == responses.read_by_core(below(text), p=position)
    assert year in str(responses.read(text)[0])
    assert year not in str(responses.read(below(text), p=head)[0])


def test_a_text_that_was_removed_is_in_no_fragment_at_any_position(responses: Responses) -> None:
    text = """{ commitment(code: "UY0901") { title milestones { title } actionPlan { title } }
      entries(last: 9) { nodes { reason changes { after } } } }"""
    with responses.system.read_session() as session:
        head = session.head
    shown = responses.read(text)[0], responses.read(below(text), p=head)[0]
    assert shown[0]["commitment"]["title"]
    with responses.system.database.write() as transaction:
        transaction.execute("delete from stored_text")
        transaction.execute("update log set redaction_version = redaction_version + 1")
    for _ in range(2):
        assert responses.read(text)[0] == responses.read_by_core(text)
        assert responses.read(below(text), p=head)[0] == responses.read_by_core(below(text), p=head)
    assert responses.read(text)[0]["commitment"]["title"] is None


def test_a_text_that_was_removed_is_shown_again_once_it_is_stored_again(responses: Responses) -> None:
    text = '{ commitment(code: "UY0901") { title milestones { title } } members { nodes { name } } }'
    database = responses.system.database
    with database.write() as transaction:
        rows = transaction.fetch_all("select reference, salt, content, marks from stored_text")
        transaction.execute("delete from stored_text")
        transaction.execute("update log set redaction_version = redaction_version + 1")
    assert responses.read(text)[0]["commitment"]["title"] is None
    with database.write() as transaction:
        for row in rows:
            values = ":reference, :salt, :content, :marks"
            transaction.execute(f"insert into stored_text (reference, salt, content, marks) values ({values})", **row)
    assert responses.read(text)[0] == responses.read_by_core(text)
    assert responses.read(text)[0]["commitment"]["title"]


def test_what_is_read_in_another_session_than_the_first_counts_its_characters(responses: Responses) -> None:
    text = '{ commitment(code: "UY0901") { title } }'

    class Reopening(Context):
        """A context whose session is another one once the operation has begun, as that of a mutation."""

        def head(self) -> Snapshot:
            return other.at_head()

    with responses.system.read_session() as session, responses.system.read_session() as other:
        executor = Executor.prepare(SCHEMA, parse(text), {}, compiled=CompiledOperations())
        executor.run_compiled(Reopening(session, "1"), check_deadline=lambda: None)
        other.caches.responses.clear()
        counted: list[int] = []
        other.count_characters = counted.append
        executor.run_compiled(Context(other, "1"), check_deadline=lambda: None)
    assert sum(counted) > 0
