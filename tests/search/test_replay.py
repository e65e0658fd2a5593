"""What a search of the past finds, in which order and with which points, depends on the record until then alone."""

from __future__ import annotations

import random
from collections.abc import Mapping
from itertools import count
from pathlib import Path

import pytest

from ogpgraph import maintenance
from ogpgraph.system import System, migrate, open_system
from tests.conftest import ONLY_POSTGRES, DatabaseFactory
from tests.search.client import search_at
from tests.search.corpus import record_corpus
from tests.search.random_searches import choose_searches
from tests.search.skewed_entries import record_skewed_entries
from tests.support.records import no_track

REPETITIONS = count(1)
MANY_COMMITMENTS = 50_500
MANY_ENTRIES = 100_000
Answers = Mapping[tuple[str, int], bytes]


def answer_searches(system: System, number: int) -> Answers:
    """Return the answers to random searches, each at a random position of the corpus."""
    source, head = random.Random(number), system.log.max_notification_id() or 0
    asked = [(query, source.randint(head // 3, head)) for query in choose_searches(number, number)]
    return {each: search_at(system, *each) for each in asked}


def find_changed(system: System, answers: Answers) -> list[tuple[str, int]]:
    """Return the searches that have another answer now, when they are evaluated again.

    Blanks at the end mean nothing in a query, but with them no response that was kept answers it.
    """
    blanks = " " * next(REPETITIONS)
    return [(text, at) for (text, at), answer in answers.items() if search_at(system, text + blanks, at) != answer]


def record_and_search(url: str, searches: int, later_commitments: int) -> Answers:
    """Record the corpus, answer searches, and record what follows; returns the answers, which have stayed the same."""
    migrate(url)
    with open_system(url) as system:
        record_corpus(system)
        answers = answer_searches(system, searches)
        record_skewed_entries(system, later_commitments)
        assert find_changed(system, answers) == []
    return answers


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of one record for all tests."""
    return f"sqlite:///{tmp_path_factory.mktemp('replay') / 'log.db'}"


@pytest.fixture(scope="module")
def answers(recorded: str) -> Answers:
    """Its old searches, which were answered before most of it was recorded."""
    return record_and_search(recorded, searches=120, later_commitments=100)


def test_most_old_searches_find_something(answers: Answers) -> None:
    assert sum(b'"totalCount":0' not in answer for answer in answers.values()) > len(answers) / 2


def test_old_searches_find_the_same_after_later_entries_a_restart_and_a_rebuild(
    recorded: str, answers: Answers
) -> None:
    with open_system(recorded) as system:
        assert find_changed(system, answers) == []
        system.rebuild()
        assert find_changed(system, answers) == []


@ONLY_POSTGRES
def test_old_searches_find_the_same_on_the_other_engine(
    recorded: str, answers: Answers, new_database: DatabaseFactory
) -> None:
    maintenance.copy(recorded, new_database(), no_track)
    with open_system(new_database()) as system:
        assert find_changed(system, answers) == []


@pytest.mark.long
def test_thousands_of_old_searches_find_the_same_after_very_many_entries(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/log.db"
    answers = record_and_search(url, searches=5_000, later_commitments=MANY_COMMITMENTS)
    with open_system(url) as system:
        assert (system.log.max_notification_id() or 0) > MANY_ENTRIES
        system.rebuild()
        assert find_changed(system, answers) == []
