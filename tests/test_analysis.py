"""The questions of an analyst, each answered by one query, with the answers that `docs/analysis.md` shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ogpgraph.cli.server import format_json
from ogpgraph.system import System, migrate, open_system
from tests.analysis_record import import_analysis_record
from tests.demo.client import ExecuteQuery, create_demo_database, open_demo
from tests.graphql.client import execute_query

PAGE = Path(__file__).parents[1] / "docs" / "analysis.md"
EXAMPLES = re.findall(r"## ([^\n]+)\n\n```graphql\n(.*?)```\n\n```json\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    url = f"sqlite:///{tmp_path_factory.mktemp('analysis')}/log.db"
    migrate(url)
    with open_system(url) as system:
        import_analysis_record(system)
        yield system


@pytest.mark.parametrize(("query", "answer"), [example[1:] for example in EXAMPLES], ids=[each[0] for each in EXAMPLES])
def test_a_question_has_the_answer_shown(record: System, query: str, answer: str) -> None:
    actual = execute_query(record, query)
    assert json.loads(answer) == actual, f"the answer is now\n{format_json(actual, 100)}"


def test_every_heading_is_a_question_with_its_answer() -> None:
    assert len(EXAMPLES) == PAGE.read_text("utf-8").count("\n## ") == 8


MOMENT = "2021-01-01T00:00:00.000000Z"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExecuteQuery]:
    with open_demo(create_demo_database(tmp_path_factory.mktemp("demo"))) as execute:
        yield execute


@pytest.mark.parametrize("view", ["", 'asOf(date: "2016-01-01")', 'asOf(date: "2019-01-01")', "at(position: 20)"])
def test_filters_find_what_the_fields_of_their_names_say(demo: ExecuteQuery, view: str) -> None:
    query = f"""all: commitments {{ nodes {{ code overdue {{ basis }} lastObservedAt unknown {{ path }} }} }}
        overdue: commitments(where: {{overdue: true}}) {{ nodes {{ code }} }}
        others: commitments(where: {{overdue: false}}) {{ nodes {{ code }} }}
        since: commitments(where: {{lastObserved: {{from: "{MOMENT}"}}}}) {{ nodes {{ code }} }}
        until: commitments(where: {{lastObserved: {{until: "{MOMENT}"}}}}) {{ nodes {{ code }} }}"""
    found = demo(f"{{ {view} {{ {query} }} }}" if view else f"{{ {query} }}")
    lists = found[view.partition("(")[0]] if view else found
    for node in lists["all"]["nodes"]:
        code, observed = {"code": node["code"]}, node["lastObservedAt"]
        if not node["unknown"]:
            assert (code in lists["overdue"]["nodes"], code in lists["others"]["nodes"]) == (
                node["overdue"] is not None,
                node["overdue"] is None,
            )
        if not view.startswith("asOf"):
            is_since = observed is not None and observed >= MOMENT
            assert (code in lists["since"]["nodes"], code in lists["until"]["nodes"]) == (
                is_since,
                observed is not None and not is_since,
            )
