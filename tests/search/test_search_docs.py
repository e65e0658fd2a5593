"""The examples of `docs/search.md` have the answers shown, of the corpus."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ogpgraph.cli.server import format_json
from ogpgraph.readmodel.search_index import SEARCHED_FIELDS
from ogpgraph.search.points import CODE_POINTS, MAX_BREVITY, MAX_FREQUENCY, PAIR, Form
from ogpgraph.system import System
from tests.graphql.client import execute_query

PAGE = (Path(__file__).parents[2] / "docs" / "search.md").read_text("utf-8")
EXAMPLES = re.findall(r"```graphql\n(.*?)```\n\n```json\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("query", "answer"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_has_the_answer_shown(corpus_system: System, query: str, answer: str) -> None:
    actual = execute_query(corpus_system, query)
    assert json.loads(answer) == actual, f"the answer is now\n{format_json(actual, 100)}"


def test_every_query_has_an_answer() -> None:
    assert PAGE.count("```graphql") == len(EXAMPLES) >= 7


def test_the_figures_of_the_scores_are_those_of_the_rule() -> None:
    def figures(name: str) -> list[int]:
        (row,) = re.findall(rf"^\| {name} \| (.*) \|$", PAGE, re.MULTILINE)
        return [int(figure) for figure in re.findall(r"\b\d+\b", row)]

    assert set(figures("weight")) == set(SEARCHED_FIELDS.weights.tolist())
    assert figures("form") == sorted(Form, reverse=True)
    assert (figures("frequency"), figures("brevity")) == ([MAX_FREQUENCY], [MAX_BREVITY])
    assert f"A code gets {CODE_POINTS:,}." in PAGE
    assert f"get {PAIR} times the weight" in PAGE
