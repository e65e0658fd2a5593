"""A search finds what a naive one finds in the states themselves, and at a position always the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count, pairwise
from typing import Any, NamedTuple

import pytest
from hypothesis import Phase, given, settings

from ogpgraph.domain.commitment import register_commitment, revise_commitment
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.domain.values import value_text_references
from ogpgraph.readmodel import search_index
from ogpgraph.readmodel.index import PRESENT_DAY
from ogpgraph.readmodel.search import Hit, Search, TextMatches
from ogpgraph.readmodel.searched_texts import find_searched_field
from ogpgraph.readmodel.session import ReadSession
from ogpgraph.readmodel.snapshot import Snapshot
from ogpgraph.search.points import Form
from ogpgraph.search.stems import find_stemmer
from ogpgraph.search.words import fold_accents, normalize_word, split_words
from ogpgraph.storage.database import StorageUnavailable
from ogpgraph.system import System
from tests.application.in_memory_log import command_context
from tests.conftest import BOTH_ENGINES, SystemFactory
from tests.readmodel.histories import Step, histories, record_history
from tests.readmodel.sample_log import code_of_number, record_commitments
from tests.search.test_privacy import remove_texts

pytestmark = pytest.mark.slow
NAMES = count()
TYPES = ("commitment", "plan", "member")
PARTS = ("milestones", "narratives")
QUERIES: dict[str, tuple[list[str], list[str]]] = {
    "open": (["open"], []),
    "opened": (["opened"], []),
    "donnees": (["donnees"], []),
    "données": (["données"], []),
    "donnée": (["donnée"], []),
    "closed donnees": (["closed", "donnees"], []),
    "ministry agency": (["ministry", "agency"], []),
    "open -closed": (["open"], ["closed"]),
    "closed closed": (["closed"], []),
    "france": (["france"], []),
}
"""Queries of words → those that are required, and those that are excluded."""
OTHERS = (
    "opne",
    "minis*",
    '"a b"',
    "title:open",
    "fr0001",
    "institution:ministry",
    "Ministre",
    "",
    "-open",
    "xyz open closed",
)


class Text(NamedTuple):
    """A text of an object: its field with the weight, its language and the forms of its words."""

    field: str
    weight: int
    language: str
    forms: list[str]


Objects = dict[tuple[str, str], list[Text]]
"""The id of an aggregate and the path of a part → its texts."""


@BOTH_ENGINES
@settings(max_examples=3, phases=[Phase.generate])
@given(history=histories)
def test_what_is_found_is_what_the_naive_search_finds_and_stays_so(
    make_system: SystemFactory, history: list[Step]
) -> None:
    system = make_system(f"log-{next(NAMES)}")
    early: dict[int, list[Any]] = {}

    def search_head() -> None:
        with system.read_session() as session:
            early[session.head] = [describe(session.at_head(), query) for query in (*QUERIES, *OTHERS)]

    record_history(system, history, search_head)
    with system.read_session() as session:
        for position, answers in early.items():
            if position:
                assert [describe(session.at(position), query) for query in (*QUERIES, *OTHERS)] == answers
        check_against_naive_search(session)
    answers = list(early.items())
    system.rebuild()
    with system.read_session() as session:
        for position, found in answers:
            if position:
                assert [describe(session.at(position), query) for query in (*QUERIES, *OTHERS)] == found


def check_against_naive_search(session: ReadSession) -> None:
    for position in range(1, session.head + 1, 2):
        for day in (PRESENT_DAY, *_some_days(session, position)):
            snapshot = session.at(position, day)
            objects = _objects_of(snapshot)
            for query, (required, excluded) in QUERIES.items():
                if not search_all(snapshot, query).suggestions:  # the naive search knows no similar words
                    assert found_scores(snapshot, query) == naive_scores(objects, required, excluded), (position, query)


def _some_days(session: ReadSession, position: int) -> list[int]:
    rows = session.transaction.fetch_all(
        "select distinct first_day from searched_text where since <= :at and first_day > 0 order by 1", at=position
    )
    return [row["first_day"] for row in rows][:: max(1, len(rows) // 2)]


def search_all(snapshot: Snapshot, query: str) -> Search:
    return Search(query, None, snapshot.session, snapshot.index)


def describe(snapshot: Snapshot, query: str) -> Any:
    """Everything that a search says."""
    search = search_all(snapshot, query)
    found = search.find({name: snapshot.index(name).universe for name in TYPES}, TYPES, PARTS)
    whole: list[Hit] = search.page(found, 1_000)
    paged: list[Hit] = []
    while (page := search.page(found, 2, paged[-1].key if paged else None)) and len(paged) < 10:
        paged += page
    assert paged == whole[: len(paged)]
    condition = TextMatches(query, snapshot.session)
    matches = condition.evaluate(snapshot.index("commitment"), snapshot.index)
    return whole, search.suggestions, len(found), matches.fulfilled.bit_count()


def found_scores(snapshot: Snapshot, query: str) -> dict[tuple[str, str], int]:
    search = search_all(snapshot, query)
    found = search.find({name: snapshot.index(name).universe for name in TYPES}, TYPES, PARTS)
    return {(hit.key.stream, hit.key.part): hit.key.score for hit in search.page(found, 1_000)}


# The naive search


def _objects_of(snapshot: Snapshot) -> Objects:
    objects: Objects = defaultdict(list)
    for name in TYPES:
        index = snapshot.index(name)
        for state in snapshot.find_many(index.iter_ids(index.universe)).values():
            for path, claim in state.current_claims.items():
                if (field := find_searched_field(state.type, path)) is None:
                    continue
                for text in snapshot.session.read_texts(set(value_text_references(claim.value))).values():
                    forms = [normalize_word(word) for word in split_words(text)]
                    found = Text(field.pattern, field.search_weight, path.rpartition("/")[2], forms)
                    for part in _parts_of(path):
                        objects[state.id, part].append(found)
    return objects


def _parts_of(path: str) -> Iterator[str]:
    yield ""
    if path.startswith("milestones/"):
        yield "/".join(path.split("/")[:2])
    elif path.startswith("narratives/"):
        yield path


def naive_scores(objects: Objects, required: Sequence[str], excluded: Sequence[str]) -> dict[tuple[str, str], int]:
    accented = {
        (form, text.language)
        for texts in objects.values()
        for text in texts
        for form in text.forms
        if not form.isascii()
    }
    scores = {}
    for key, texts in objects.items():
        points = [_points(word, texts, accented) for word in required]
        if all(points) and not any(_points(word, texts, accented) for word in excluded):
            scores[key] = sum(points) + sum(_pair_points(pair, texts, accented) for pair in pairwise(required))
    return scores


def _points(word: str, texts: Sequence[Text], accented: set[tuple[str, str]]) -> int:
    best: defaultdict[str, int] = defaultdict(int)
    for text in texts:
        relations = [found for form in text.forms if (found := _relate(word, form, text.language, accented))]
        if relations:
            brevity = max(0, 8 - len(text.forms).bit_length())
            points = text.weight * (max(relations) + min(len(relations), 4) + brevity)
            best[text.field] = max(best[text.field], points)
    return sum(best.values())


def _relate(word: str, form: str, language: str, accented: set[tuple[str, str]]) -> Form | None:
    if form == word:
        return Form.EXACT
    if fold_accents(form) == word:
        return Form.ACCENTS
    if (stemmer := find_stemmer(language)) is None:
        return None
    spelled = [word, *(each for each, of in accented if of == language and fold_accents(each) == word)]
    return Form.STEM if stemmer.stem(form) in {stemmer.stem(each) for each in spelled} else None


def _pair_points(pair: tuple[str, str], texts: Sequence[Text], accented: set[tuple[str, str]]) -> int:
    first, second = pair
    return max(
        (
            6 * text.weight
            for text in texts
            if any(
                _relate(first, one, text.language, accented) and _relate(second, other, text.language, accented)
                for one, other in pairwise(text.forms)
            )
        ),
        default=0,
    )


@BOTH_ENGINES
def test_searches_of_the_past_find_the_same_while_texts_are_added(system: System) -> None:
    record_commitments(system, 5)
    with system.read_session() as session:
        head = session.head
        expected = [describe(session.at(head), query) for query in OTHERS]

    def search_again(_number: int) -> bool:
        with system.read_session() as session:
            return [describe(session.at(head), query) for query in OTHERS] == expected

    with ThreadPoolExecutor(3) as threads:
        found = threads.map(search_again, range(12))
        for number in range(6, 12):
            register(system, code_of_number(100 + number), "Open, closed")
        assert all(found)


def test_a_search_that_is_stopped_while_texts_are_loaded_leaves_them_to_the_next(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_commitments(system, 5)
    expected = describe_head(system)
    system.rebuild()
    monkeypatch.setattr(search_index, "LOADED_POSITIONS", 3)
    stop_while_loading(system)
    assert describe_head(system) == expected


def stop_while_loading(system: System) -> None:
    """Have a search begin to load the texts, and stop it."""
    with system.read_session() as session:
        session.checkpoint = _Stop()
        with pytest.raises(TimeoutError):
            describe(session.at_head(), "open")


@BOTH_ENGINES
def test_an_older_session_loads_the_texts_as_it_sees_them_and_the_next_one_what_is_newer(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_commitments(system, 5)
    system.rebuild()
    monkeypatch.setattr(search_index, "LOADED_POSITIONS", 3)
    with system.read_session() as older:
        head = older.head
        older.transaction.fetch_all("select 1 as one")  # what it sees stays as it is
        rename(system, code_of_number(3), "Open, closed")
        register(system, code_of_number(99), "Open, closed")
        stop_while_loading(system)
        found = [describe(older.at_head(), query) for query in OTHERS]
    expected_head = describe_head(system)
    system.rebuild()
    with system.read_session() as session:
        assert [describe(session.at(head), query) for query in OTHERS] == found
    assert describe_head(system) == expected_head


def describe_head(system: System) -> list[Any]:
    with system.read_session() as session:
        return [describe(session.at_head(), query) for query in OTHERS]


def test_a_session_from_before_the_removal_of_a_text_does_not_load_it(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_commitments(system, 5)
    rename(system, code_of_number(3), "Lighthouses")
    system.rebuild()
    monkeypatch.setattr(search_index, "LOADED_POSITIONS", 3)
    with system.read_session() as older:
        older.transaction.fetch_all("select 1 as one")
        remove_texts(system, "Lighthouses")
        stop_while_loading(system)
        with pytest.raises(StorageUnavailable, match="search again"):
            describe(older.at_head(), "lighthouses")
    with system.read_session() as session:
        assert not search_all(session.at_head(), "lighthouses").select("commitment")


def register(system: System, code: str, title: str) -> None:
    system.execute(command_context(), lambda uow: register_commitment(uow, code, {"title/en": uow.text_value(title)}))


def rename(system: System, code: str, title: str) -> None:
    def change(uow: UnitOfWork) -> None:
        revise_commitment(uow, uow.require_by_code("commitment", code), {"title/en": uow.text_value(title)})

    system.execute(command_context(), change)


class _Stop:
    """A checkpoint that stops the reader the third time."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1
        if self.calls == 3:
            raise TimeoutError
