"""The number of SQL statements of a query depends on its shape, not on the number of objects it returns."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ogpgraph.domain.link import link_commitments
from ogpgraph.domain.member_table import known_members
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.system import System, migrate, open_system
from tests.conftest import TickingClock
from tests.graphql.client import COMMITMENT_FIELDS, QueryResult
from tests.graphql.example_log import command_context, sequential_ids
from tests.importer.sample_pages import Page, Sibling, import_sample_page

FEW, MANY = 3, 12
SUBJECT = """subject { id revision since lastObservedAt sources { code lastObservedAt } localizedTexts { text }
  blame { path value entry { position kind } evidence { quote } changedBetween { before } }
  claims { path value source { code } entry { position } }
  history(first: 2) { totalCount nodes { position changes { after } subject { revision } } }
  ... on Commitment { title number milestones { title updates { text } } leadInstitutions narratives { text }
    ratings { statedAs irmReport entry { position } } predecessors { title } successors { title }
    member { name } actionPlan { title member { name } } }
  ... on ActionPlan { title member { name } } ... on Member { name }
  ... on Source { type observations { observedAt } } ... on Code { identifies { id revision } } }"""
QUERIES = {
    "commitments": f"commitments {{ totalCount nodes {{ {COMMITMENT_FIELDS} }} }}",
    "filtered": f"commitments(where: {{cycle: {{eq: 2018}}}}) {{ totalCount nodes {{ {COMMITMENT_FIELDS} }} }}",
    "plans": "actionPlans { nodes { title member { name } "
    f"commitments(first: 2) {{ nodes {{ {COMMITMENT_FIELDS} }} }} }} }}",
    "members": f"members {{ nodes {{ name blame {{ path value entry {{ kind }} }} history(last: 2) {{ totalCount }} "
    f"commitments(last: 2) {{ totalCount nodes {{ {COMMITMENT_FIELDS} }} }} }} }}",
    "entries": "entries(last: %(entries)s) { totalCount nodes { position kind reason changes { path before after } "
    "source { code lastObservedAt } evidence { quote source { code } } causedBy { id } corrects { id kind } } }",
    "subjects": f"entries(last: 30, where: {{kind: [CommitmentLinked]}}) {{ nodes {{ position {SUBJECT} }} }}",
    "registered": f"entries(where: {{kind: [CommitmentRegistered]}}) {{ nodes {{ {SUBJECT} }} }}",
    "subjects of subjects": "entries(where: {kind: [CommitmentRevised]}) { nodes { subject { history(last: 2) { "
    "nodes { subject { revision ... on Commitment { title member { name } } } source { code } } } } } }",
    "present objects": "entries(last: 60) { nodes { current { id ... on Commitment { title member { name } } } } }",
    "entries of blame": 'commitments { nodes { blame(path: "title") { entry { subject { ... on Commitment { title '
    "member { name } } } source { code observations { observedAt } } evidence { quote } changes { after } } } } }",
}


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[System, System]]:
    folder = tmp_path_factory.mktemp("statements")
    urls = [f"sqlite:///{folder}/{number}.db" for number in (FEW, MANY)]
    for url in urls:
        migrate(url)
    with (
        open_system(urls[0], new_id=sequential_ids()) as few,
        open_system(urls[1], new_id=sequential_ids(), clock=TickingClock()) as many,
    ):
        record_pages(few, FEW)
        record_pages(many, MANY)
        yield few, many


def record_pages(system: System, number: int) -> None:
    """Record for each of some members two commitments from three observations of a page, and a link between them."""
    prefixes = [member.prefix for member in known_members().values() if len(member.prefix) == 2][:number]
    for prefix in prefixes:
        one, other = f"{prefix}0001", f"{prefix}0002"
        page = Page(
            one, f"Ferries of {prefix}", country=prefix, plan=f"{prefix} Action Plan 2018-2020", prose="[1] So."
        )
        page = page.with_changes(
            siblings=[Sibling(one, "Ferries"), Sibling(other, f"Maps of {prefix}"), Sibling(one, "F", 2016)]
        )
        import_sample_page(system, page.with_changes(lead="Harbours"), 1, f"For {prefix}")
        import_sample_page(system, page, 3)
        import_sample_page(system, page.with_changes(status="Inactive"), 2)

        def link(uow: UnitOfWork, one: str = one, other: str = other) -> None:
            link_commitments(
                uow, uow.require_by_code("commitment", one), [uow.require_by_code("commitment", other)], []
            )

        system.execute(command_context(4, f"Linked for {prefix}"), link)


@pytest.mark.parametrize("name", QUERIES)
def test_few_objects_take_as_many_statements_as_many(systems: tuple[System, System], name: str) -> None:
    few, many = (count_statements(system, QUERIES[name] % {"entries": 100}) for system in systems)
    assert few == many
    assert many < 40


@pytest.mark.parametrize("name", ["filtered", "entries", "registered"])
def test_the_past_takes_as_many_statements_as_the_present(systems: tuple[System, System], name: str) -> None:
    fields = QUERIES[name] % {"entries": 100}
    few, many = (count_statements(system, fields, past=True) for system in systems)
    assert few == many == count_statements(systems[1], fields)


def count_statements(system: System, fields: str, *, past: bool = False) -> int:
    head = QueryResult(system, "{ meta { position } }", {}).data["meta"]["position"]
    query = f"{{ at(position: {head - 1}) {{ {fields} }} }}" if past else f"{{ {fields} }}"
    QueryResult(system, query, {})  # fills the caches that a process has for all requests
    result = QueryResult(system, query, {})
    assert result.errors == []
    return result.statements


def test_a_hundred_entries_of_all_kinds_take_few_statements(systems: tuple[System, System]) -> None:
    _, many = systems
    assert count_statements(many, f"entries(last: 100) {{ nodes {{ position kind {SUBJECT} }} }}") < 60
