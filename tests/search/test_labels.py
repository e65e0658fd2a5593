"""The corpus is recorded as it is written, and the labels of the searches are about it."""

from __future__ import annotations

from collections import Counter

import pytest

from ogpgraph.domain.vocabulary import POLICY_AREAS
from ogpgraph.system import System
from tests.graphql.client import execute_query
from tests.search.corpus import read_plans
from tests.search.labels import (
    Kind,
    LabelledSearch,
    judge,
    read_development_searches,
    read_held_out_searches,
)

PLANS = read_plans()
COMMITMENTS = [commitment for plan in PLANS for commitment in plan.commitment]
CODES = {plan.code for plan in PLANS} | {plan.member for plan in PLANS} | {each.code for each in COMMITMENTS}
SEARCHES = read_development_searches() + read_held_out_searches()


def test_the_corpus_has_commitments_of_many_plans_in_several_languages() -> None:
    assert len(COMMITMENTS) == len({commitment.code for commitment in COMMITMENTS}) >= 150
    assert len({plan.member for plan in PLANS}) >= 15
    languages = Counter(plan.language for plan in PLANS for _ in plan.commitment)
    assert languages.keys() == {"en", "es", "fr", "pt", "id"}
    assert {language for each in COMMITMENTS for language in each.titles} >= {"en", "es", "fr", "ka", "ar"}
    assert {area for each in COMMITMENTS for area in each.areas} <= set(POLICY_AREAS)


def test_the_corpus_is_recorded_as_it_is_written(corpus_system: System) -> None:
    lists = "members { totalCount } actionPlans { totalCount } commitments { totalCount }"
    counts = execute_query(corpus_system, f"{{ {lists} }}")
    query = """{ commitment(code: "CA0101") { title french: title(language: "fr") leadInstitutions
        milestones { number title } actionPlan { code } member { code } } }"""
    recorded = execute_query(corpus_system, query)["commitment"]
    members = {plan.member for plan in PLANS}
    assert [each["totalCount"] for each in counts.values()] == [len(members), len(PLANS), len(COMMITMENTS)]
    written = next(each for each in COMMITMENTS if each.code == "CA0101")
    assert recorded == {
        "title": written.title,
        "french": written.titles["fr"],
        "leadInstitutions": list(written.lead),
        "milestones": [{"number": f"1.{n}", "title": title} for n, title in enumerate(written.milestones, start=1)],
        "actionPlan": {"code": "CAN-2018"},
        "member": {"code": "CAN"},
    }


def test_forty_searches_are_for_development_and_twenty_are_held_out() -> None:
    assert (len(read_development_searches()), len(read_held_out_searches())) == (40, 20)
    assert len({search.query.casefold() for search in SEARCHES}) == len(SEARCHES)


@pytest.mark.parametrize("searches", [read_development_searches(), read_held_out_searches()], ids=["dev", "held-out"])
def test_searches_of_each_part_are_of_all_kinds_and_languages(searches: tuple[LabelledSearch, ...]) -> None:
    languages = Counter(search.language for search in searches)
    assert min(languages[each] for each in ("en", "es", "fr")) >= len(searches) * 0.3
    assert Counter(search.kind for search in searches).keys() == set(Kind)


@pytest.mark.parametrize("search", SEARCHES, ids=[search.query for search in SEARCHES])
def test_a_label_names_codes_of_the_corpus(search: LabelledSearch) -> None:
    assert search.relevant | search.excluded <= CODES
    assert search.first
    assert search.first <= search.relevant
    assert search.relevant.isdisjoint(search.excluded)


def test_quality_is_judged_by_the_first_ten_hits_and_the_first_one() -> None:
    first, second = read_development_searches()[:2]
    best = {each: [*each.first, *(each.relevant - each.first)] for each in (first, second)}
    assert (judge(best).recall, judge(best).first, judge(best).failures) == (1, 1, ())
    late = best | {second: [*"ABCDEFGHIJ", *second.relevant]}
    assert (judge(late).recall, judge(late).first, len(judge(late).failures)) == (0.5, 0.5, 1)


def test_an_answer_with_an_excluded_hit_is_not_right() -> None:
    search = next(each for each in SEARCHES if each.excluded)
    found = [*search.first, *(search.relevant - search.first)]
    assert judge({search: found}).first == 1
    assert judge({search: [*found, *search.excluded]}).first == 0
