"""Which of several claims is current, and how a sight that comes late leaves the present alone."""

from datetime import datetime
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.domain.aggregate import (
    Aggregate,
    aggregate_type_of,
    all_sources,
    effective_facts,
    evolve,
    narrow_interval,
    own_sources,
    rank,
)
from ogpgraph.domain.event import Facts, Origin
from ogpgraph.domain.values import Rating
from ogpgraph.domain.vocabulary import RatingState, RatingValue
from tests.domain.events import (
    DATABASE,
    HEADER,
    NARRATIVE,
    PERSON,
    REFERENCE,
    SIBLING_LIST,
    build_aggregate,
    day,
    event,
    text_value,
)

Statement = tuple[Facts, dict[str, Any]]
TITLE = "title/en"


def says(value: str | None, origin: Origin = HEADER, on: int = 0, path: str = "status", **given: Any) -> Statement:
    return {path: value}, {"origin": origin, "on": on, **given}


def in_every_order(*statements: Statement) -> set[Any]:
    (path,) = statements[0][0]
    return {build_aggregate(*order).value(path) for order in permutations(statements)}


# The four rules


@pytest.mark.parametrize("own", [HEADER, DATABASE, PERSON, Origin.PLAN, Origin.DESCRIPTION])
def test_rule_1_what_other_pages_list_never_stands_over_what_a_thing_s_own_pages_say(own: Origin) -> None:
    own_page = says("ACTIVE", own, on=1, source="source-page")
    lists = says("INACTIVE", SIBLING_LIST, on=9, source="source-list")
    assert in_every_order(own_page, lists) == {"ACTIVE"}


def test_rule_1_what_other_pages_list_stands_over_our_own_tables() -> None:
    assert in_every_order(says("ACTIVE", SIBLING_LIST, on=1), says("INACTIVE", REFERENCE, on=9)) == {"ACTIVE"}


def test_rule_2_the_language_ogp_publishes_in_stands_over_translations_even_later_ones() -> None:
    english = says("ACTIVE", on=1, source="source-en", language="en")
    spanish = says("INACTIVE", on=9, source="source-es", language="es")
    assert in_every_order(english, spanish) == {"ACTIVE"}


def test_rule_2_is_about_pages_a_person_who_speaks_another_language_is_no_translation() -> None:
    english = says("ACTIVE", on=1, source="source-en", language="en")
    person = says("INACTIVE", PERSON, on=9, language="es")
    assert in_every_order(english, person) == {"INACTIVE"}


def test_rule_1_comes_before_rule_2() -> None:
    lists = says("ACTIVE", SIBLING_LIST, on=9, source="source-list", language="en")
    page = says("INACTIVE", on=1, source="source-es", language="es")
    assert in_every_order(lists, page) == {"INACTIVE"}


def test_rule_3_what_was_first_said_later_stands() -> None:
    assert in_every_order(says("ACTIVE", PERSON, on=1), says("INACTIVE", HEADER, on=2, source="s")) == {"INACTIVE"}
    assert in_every_order(says("ACTIVE", PERSON, on=3), says("INACTIVE", HEADER, on=2, source="s")) == {"ACTIVE"}


def test_rule_3_counts_when_it_was_first_seen_not_when_it_was_recorded() -> None:
    seen_early = says("ACTIVE", HEADER, on=9, source="s", seen=(0, 1))
    said_later = says("INACTIVE", PERSON, on=2)
    assert in_every_order(seen_early, said_later) == {"INACTIVE"}


def test_rule_4_ties_go_by_the_declared_order_of_origins_and_then_by_language() -> None:
    assert in_every_order(says("ACTIVE", PERSON), says("INACTIVE", HEADER, source="s")) == {"ACTIVE"}
    french = says("ACTIVE", source="source-fr", language="fr")
    spanish = says("INACTIVE", source="source-es", language="es")
    assert in_every_order(french, spanish) == {"ACTIVE"}


def test_what_is_current_never_depends_on_the_order_in_which_sources_were_read() -> None:
    statements = [
        says("ACTIVE", HEADER, 1, source="a", language="en"),
        says("INACTIVE", HEADER, 1, source="b", language="en"),
        says("WITHDRAWN", DATABASE, 1, source="c"),
        says("ACTIVE", SIBLING_LIST, 9, source="d"),
    ]
    assert len(in_every_order(*statements)) == 1


# Prose and ratings

RATED = Rating(RatingState.RATED, RatingValue.COMPLETE)
PENDING = Rating(RatingState.PENDING)


def test_prose_is_evidence_of_a_rating_and_never_the_rating() -> None:
    path = "ratings/COMPLETION/DESIGN"
    subject = build_aggregate(
        ({path: PENDING}, {"origin": HEADER, "source": "s", "on": 1}),
        ({path: RATED}, {"origin": NARRATIVE, "source": "s", "on": 2}),
    )
    assert subject.value(path) == PENDING
    assert subject.value_from(path, NARRATIVE, "s") == RATED
    assert build_aggregate(({path: RATED}, {"origin": NARRATIVE, "source": "s"})).value(path) is None


def test_prose_may_be_current_for_everything_else() -> None:
    path = "narratives/DESIGN/SUMMARY/en"
    assert build_aggregate(({path: text_value("a")}, {"origin": NARRATIVE, "source": "s"})).value(path) == text_value(
        "a"
    )


# What is no longer said


def test_what_a_source_no_longer_says_leaves_what_others_say() -> None:
    subject = build_aggregate(
        says("ACTIVE", PERSON, on=1),
        says("INACTIVE", HEADER, on=2, source="s"),
        says(None, HEADER, on=3, source="s"),
    )
    assert subject.value("status") == "ACTIVE"
    assert subject.value_from("status", HEADER, "s") is None


def test_what_nobody_says_any_more_is_gone_and_comes_back_when_it_is_said_again() -> None:
    gone = build_aggregate(says("ACTIVE", HEADER, on=1, source="s"), says(None, HEADER, on=2, source="s"))
    assert gone.value("status") is None
    assert gone.current_claims == {}
    assert evolve(gone, event(3, {"status": "ACTIVE"}, on=3, origin=HEADER, source="s")).value("status") == "ACTIVE"


def test_an_empty_list_is_said_and_is_not_nothing() -> None:
    subject = build_aggregate(({"policyAreas": ()}, {"on": 1}))
    assert subject.value("policyAreas") == ()
    assert list(subject.current_claims) == ["policyAreas"]


# Sights that come late


def late(value: str | None, on: int, **given: Any) -> Statement:
    return {"status": value}, {"origin": HEADER, "source": "s", "late": True, "on": on, "seen": (None, on), **given}


def interval(subject: Aggregate) -> tuple[datetime | None, datetime]:
    claim = subject.current_claim("status")
    assert claim
    return claim.after, claim.before


SEEN_ON_10 = says("ACTIVE", HEADER, on=10, source="s", seen=(None, 10))


def test_a_late_sight_of_the_same_value_tells_that_it_was_so_already() -> None:
    assert interval(build_aggregate(SEEN_ON_10, late("ACTIVE", 4))) == (None, day(4))


def test_a_late_sight_of_another_value_tells_since_when_it_can_be_so() -> None:
    subject = build_aggregate(SEEN_ON_10, late("INACTIVE", 4))
    assert interval(subject) == (day(4), day(10))
    assert subject.value("status") == "ACTIVE"


def test_a_late_sight_that_nothing_was_said_narrows_too() -> None:
    assert interval(build_aggregate(SEEN_ON_10, late(None, 4))) == (day(4), day(10))


def test_late_sights_tell_the_same_in_any_order() -> None:
    sights = [late("INACTIVE", 2), late("INACTIVE", 4), late("ACTIVE", 6), late("ACTIVE", 8)]
    assert {interval(build_aggregate(SEEN_ON_10, *order)) for order in permutations(sights)} == {(day(4), day(6))}


def test_a_late_sight_leaves_what_set_the_value_as_it_was() -> None:
    claim = build_aggregate(SEEN_ON_10, late("ACTIVE", 4)).current_claim("status")
    assert claim
    assert claim.revision == 1


def test_a_late_sight_of_what_the_source_never_said_since_makes_no_claim() -> None:
    subject = build_aggregate(says("ACTIVE", PERSON, on=1), late("INACTIVE", 4))
    assert subject.value("status") == "ACTIVE"
    assert subject.value_from("status", HEADER, "s") is None
    assert build_aggregate(late("INACTIVE", 4)).current_claims == {}


@given(st.lists(st.tuples(st.sampled_from(["ACTIVE", "INACTIVE", None]), st.integers(-2, 14)), max_size=8))
def test_late_sights_narrow_an_interval_and_never_widen_it(sights: list[tuple[str | None, int]]) -> None:
    subject = build_aggregate(says("ACTIVE", HEADER, on=10, source="s", seen=(1, 10)))
    for revision, (value, on) in enumerate(sights, start=2):
        before = interval(subject)
        facts, given_ = late(value, on)
        subject = evolve(subject, event(revision, facts, **given_))
        after = interval(subject)
        assert subject.value("status") == "ACTIVE"
        assert before[0] is not None
        assert after[0] is not None
        assert before[0] <= after[0] <= after[1] <= before[1]


def test_a_late_sight_may_show_that_another_has_said_otherwise_since_whichever_was_read_first() -> None:
    first, person = says("ACTIVE", HEADER, on=10, source="s", seen=(None, 10)), says("INACTIVE", PERSON, on=8)
    assert build_aggregate(first, person).value("status") == "ACTIVE"
    assert build_aggregate(first, person, late("ACTIVE", 5)).value("status") == "INACTIVE"
    assert (
        build_aggregate(says("ACTIVE", HEADER, on=5, source="s", seen=(None, 5)), person).value("status") == "INACTIVE"
    )


def test_a_late_sight_of_no_claim_is_none() -> None:
    claim = build_aggregate(SEEN_ON_10).current_claim("status")
    assert claim
    assert narrow_interval(None, claim) is None


# Saying a thing again


def test_saying_a_thing_again_is_no_news() -> None:
    subject = build_aggregate(says("ACTIVE", HEADER, on=1, source="s"))
    assert effective_facts(subject, event(2, {"status": "ACTIVE"}, on=2, origin=HEADER, source="s")) == {}
    assert effective_facts(subject, event(2, {"status": None}, on=2, origin=PERSON)) == {}


def test_another_source_that_says_the_same_is_news_of_that_source() -> None:
    subject = build_aggregate(says("ACTIVE", HEADER, on=1, source="s"))
    assert effective_facts(subject, event(2, {"status": "ACTIVE"}, on=2, origin=PERSON)) == {"status": "ACTIVE"}


def test_saying_a_thing_again_is_news_where_another_has_said_otherwise_since() -> None:
    subject = build_aggregate(says("ACTIVE", PERSON, on=1), says("INACTIVE", HEADER, on=2, source="s"))
    assert effective_facts(subject, event(3, {"status": "ACTIVE"}, on=3, origin=PERSON)) == {"status": "ACTIVE"}
    assert effective_facts(subject, event(3, {"status": "ACTIVE"}, on=1, origin=PERSON)) == {}


# The rest


def test_a_source_says_one_thing_at_a_path_at_a_time() -> None:
    subject = build_aggregate(
        says("ACTIVE", on=1, source="s"), says("INACTIVE", on=2, source="s"), says("ACTIVE", on=2, source="t")
    )
    assert len(subject.claims["status"]) == 2
    assert subject.value_from("status", HEADER, "s") == "INACTIVE"
    assert {path: claim.value for path, claim in subject.claims_from(HEADER, "t").items()} == {"status": "ACTIVE"}


def test_evolving_leaves_the_former_state_as_it_was() -> None:
    before = build_aggregate(says("ACTIVE", on=1))
    evolve(before, event(2, {"status": "INACTIVE", TITLE: text_value("a")}, on=2))
    assert before.value("status") == "ACTIVE"
    assert before.value(TITLE) is None
    assert before.revision == 1


def test_what_is_present_is_in_the_order_of_the_paths() -> None:
    subject = build_aggregate(({"title/fr": text_value("a"), "status": "ACTIVE", "title/en": text_value("b")}, {}))
    assert list(subject.current_claims) == ["status", "title/en", "title/fr"]
    assert [path for path, _ in subject.claims_under("title/")] == ["title/en", "title/fr"]
    assert subject.string("status") == "ACTIVE"
    assert subject.string("title/en") is None


def test_lists_of_siblings_are_sources_of_a_thing_only_where_there_are_no_others() -> None:
    listed = says("ACTIVE", SIBLING_LIST, source="list")
    assert own_sources(build_aggregate(listed)) == ["list"]
    both = build_aggregate(listed, says("ACTIVE", HEADER, source="page"))
    assert own_sources(both) == ["page"]
    assert sorted(all_sources(both)) == ["list", "page"]


def test_the_kind_of_a_stream_is_the_word_before_the_first_dash() -> None:
    assert aggregate_type_of("commitment-1-2") == "commitment"
    assert Aggregate("code-commitment-FR0043").type == "code"


def test_ranks_of_claims_can_always_be_compared() -> None:
    claims = [
        claim
        for origin in Origin
        for source, language in (("s", "en"), ("t", None), (None, "fr"))
        for claim in build_aggregate(says("ACTIVE", origin, source=source, language=language)).claims["status"]
    ]
    assert max(claims, key=rank).origin is PERSON
