from __future__ import annotations

from pathlib import Path

import pytest

from ogpgraph.clock import system_clock
from ogpgraph.demo.loader import AnotherLog, ScenarioClock, load_demo, load_example_queries, parse_example_query
from ogpgraph.demo.scenario import load_scenario
from ogpgraph.domain import member as member_commands
from ogpgraph.domain.unit_of_work import CommandContext
from ogpgraph.system import migrate, open_system
from tests.demo.client import ExecuteQuery, open_demo

ROOT = Path(__file__).parents[2]


def test_loading_again_records_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/demo.db"
    migrate(url)
    assert load_demo(url) > 250
    with open_system(url) as system:
        first = system.digest()
    assert load_demo(url) == 0
    with open_system(url) as system:
        assert system.digest() == first


def test_a_rebuild_of_the_demonstration_is_identical(tmp_path: Path) -> None:
    migrate(url := f"sqlite:///{tmp_path}/demo.db")
    load_demo(url)
    with open_system(url) as system:
        before = system.digest()
        system.rebuild()
        assert system.digest() == before


def test_an_interrupted_load_can_be_continued(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/demo.db"
    migrate(url)

    def interrupt(done: int, _total: int) -> None:
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_demo(url, interrupt)
    load_demo(url)
    with open_demo(url) as execute_query:
        assert execute_query("{ commitments { totalCount } meta { recordedAt } }") == {
            "commitments": {"totalCount": 50},
            "meta": {"recordedAt": "2024-02-06T09:45:00.000000Z"},
        }


def test_ids_are_the_same_in_every_demonstration(execute_query: ExecuteQuery, tmp_path: Path) -> None:
    ids = '{ commitment(code: "FR0009") { id history { nodes { id } } } }'
    migrate(url := f"sqlite:///{tmp_path}/demo.db")
    load_demo(url)
    with open_demo(url) as execute_in_other:
        assert execute_query(ids) == execute_in_other(ids)


def test_progress_is_reported_for_each_step(tmp_path: Path) -> None:
    reported: list[tuple[int, int]] = []
    migrate(url := f"sqlite:///{tmp_path}/demo.db")
    load_demo(url, lambda done, total: reported.append((done, total)))
    steps = len(load_scenario().steps)
    assert reported == [(n, steps) for n in range(1, steps + 1)]


def test_another_log_is_not_changed(tmp_path: Path) -> None:
    migrate(url := f"sqlite:///{tmp_path}/other.db")
    with open_system(url) as system:
        context = CommandContext(actor="somebody", role="publisher", time=system_clock())
        system.execute(context, lambda uow: member_commands.register_member(uow, "FRA", {"prefix": "FR"}))
        before = system.digest()
    with pytest.raises(AnotherLog, match=r"other\.db contains another log: choose another with --database"):
        load_demo(url)
    with open_system(url) as system:
        assert system.digest() == before


def test_the_ids_of_a_step_do_not_depend_on_other_steps() -> None:
    first, second, *_ = load_scenario().steps
    clock = ScenarioClock()
    clock.enter(first)
    ids = [clock.new_id(), clock.new_id()]
    clock.enter(second)
    assert clock.new_id() not in ids
    assert clock.clock() == second.at
    clock.enter(first)
    assert [clock.new_id(), clock.new_id()] == ids


def test_every_document_has_a_title_and_runs(execute_query: ExecuteQuery) -> None:
    files = sorted((ROOT / "schema" / "documents").glob("*.graphql"))
    assert {each.query for each in load_example_queries()} <= {
        parse_example_query(file.read_text("utf-8")).query for file in files
    }
    for file in files:
        document = parse_example_query(file.read_text("utf-8"))
        assert document.title
        assert execute_query(document.query)
