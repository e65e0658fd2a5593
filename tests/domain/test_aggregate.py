"""Which of several claims is current, and the effect of late observations and repeated statements."""

from datetime import datetime
from itertools import permutations
from typing import Any

import pytest

from ogpgraph.domain.aggregate import (
    Aggregate,
    aggregate_type_of,
    all_sources,
    own_sources,
    rank,
)
from ogpgraph.domain.event import Facts, Origin
from ogpgraph.domain.fold import effective_facts, evolve
from ogpgraph.domain.live_statements import no_events
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


def states(value: str | None, origin: Origin = HEADER, on: int = 0, path: str = "status", **given: Any) -> Statement:
    return {path: value}, {"origin": origin, "on": on, **given}


def in_every_order(*statements: Statement) -> set[Any]:
    (path,) = statements[0][0]
    return {build_aggregate(*order).value(path) for order in permutations(statements)}


# The four rules


@pytest.mark.parametrize("own", [HEADER, DATABASE, PERSON, Origin.PLAN, Origin.DESCRIPTION])
def test_rule_1_own_pages_take_precedence_over_lists_on_other_pages(own: Origin) -> None:
    own_page = states("ACTIVE", own, on=1, source="source-page")
    lists = states("INACTIVE", SIBLING_LIST, on=9, source="source-list")
    assert in_every_order(own_page, lists) == {"ACTIVE"}


def test_rule_1_lists_on_other_pages_take_precedence_over_the_program_s_tables() -> None:
    assert in_every_order(states("ACTIVE", SIBLING_LIST, on=1), states("INACTIVE", REFERENCE, on=9)) == {"ACTIVE"}


def test_rule_2_ogp_s_own_language_takes_precedence_over_later_translations() -> None:
    english = states("ACTIVE", on=1, source="source-en", language="en")
    spanish = states("INACTIVE", on=9, source="source-es", language="es")
    assert in_every_order(english, spanish) == {"ACTIVE"}


def test_rule_2_a_person_s_statement_in_another_language_is_not_a_translation() -> None:
    english = states("ACTIVE", on=1, source="source-en", language="en")
    person = states("INACTIVE", PERSON, on=9, language="es")
    assert in_every_order(english, person) == {"INACTIVE"}


def test_rule_1_applies_before_rule_2() -> None:
    lists = states("ACTIVE", SIBLING_LIST, on=9, source="source-list", language="en")
    page = states("INACTIVE", on=1, source="source-es", language="es")
    assert in_every_order(lists, page) == {"INACTIVE"}


def test_rule_3_a_value_that_was_first_stated_later_takes_precedence() -> None:
    assert in_every_order(states("ACTIVE", PERSON, on=1), states("INACTIVE", HEADER, on=2, source="s")) == {"INACTIVE"}
    assert in_every_order(states("ACTIVE", PERSON, on=3), states("INACTIVE", HEADER, on=2, source="s")) == {"ACTIVE"}


def test_rule_3_the_time_of_the_first_observation_counts_not_that_of_recording() -> None:
    observed_early = states("ACTIVE", HEADER, on=9, source="s", seen=(0, 1))
    stated_later = states("INACTIVE", PERSON, on=2)
    assert in_every_order(observed_early, stated_later) == {"INACTIVE"}


def test_rule_4_ties_are_broken_by_the_order_of_origins_and_then_by_language() -> None:
    assert in_every_order(states("ACTIVE", PERSON), states("INACTIVE", HEADER, source="s")) == {"ACTIVE"}
    french = states("ACTIVE", source="source-fr", language="fr")
    spanish = states("INACTIVE", source="source-es", language="es")
    assert in_every_order(french, spanish) == {"ACTIVE"}


def test_the_current_claim_does_not_depend_on_the_order_in_which_sources_are_read() -> None:
    statements = [
        states("ACTIVE", HEADER, 1, source="a", language="en"),
        states("INACTIVE", HEADER, 1, source="b", language="en"),
        states("WITHDRAWN", DATABASE, 1, source="c"),
        states("ACTIVE", SIBLING_LIST, 9, source="d"),
    ]
    assert len(in_every_order(*statements)) == 1


# Ratings in narratives

RATED = Rating(RatingState.RATED, RatingValue.COMPLETE)
PENDING = Rating(RatingState.PENDING)


def test_a_rating_in_a_narrative_is_never_current() -> None:
    path = "ratings/COMPLETION/DESIGN"
    subject = build_aggregate(
        ({path: PENDING}, {"origin": HEADER, "source": "s", "on": 1}),
        ({path: RATED}, {"origin": NARRATIVE, "source": "s", "on": 2}),
    )
    assert subject.value(path) == PENDING
    assert subject.value_from(path, NARRATIVE, "s") == RATED
    assert build_aggregate(({path: RATED}, {"origin": NARRATIVE, "source": "s"})).value(path) is None


def test_other_facts_in_a_narrative_can_be_current() -> None:
    path = "narratives/DESIGN/SUMMARY/en"
    assert build_aggregate(({path: text_value("a")}, {"origin": NARRATIVE, "source": "s"})).value(path) == text_value(
        "a"
    )


# Withdrawn claims


def test_a_withdrawn_claim_leaves_those_of_other_sources() -> None:
    subject = build_aggregate(
        states("ACTIVE", PERSON, on=1),
        states("INACTIVE", HEADER, on=2, source="s"),
        states(None, HEADER, on=3, source="s"),
    )
    assert subject.value("status") == "ACTIVE"
    assert subject.value_from("status", HEADER, "s") is None


def test_a_value_without_claims_is_gone_until_it_is_stated_again() -> None:
    gone = build_aggregate(states("ACTIVE", HEADER, on=1, source="s"), states(None, HEADER, on=2, source="s"))
    assert gone.value("status") is None
    assert gone.current_claims == {}
    assert evolve(gone, event(3, {"status": "ACTIVE"}, on=3, origin=HEADER, source="s")).value("status") == "ACTIVE"


def test_an_empty_list_is_a_value() -> None:
    subject = build_aggregate(({"policyAreas": ()}, {"on": 1}))
    assert subject.value("policyAreas") == ()
    assert list(subject.current_claims) == ["policyAreas"]


# Late observations


def late(value: str | None, on: int, **given: Any) -> Statement:
    return {"status": value}, {"origin": HEADER, "source": "s", "on": on, "seen": (None, on), **given}


def interval(subject: Aggregate) -> tuple[datetime | None, datetime]:
    claim = subject.current_claim("status")
    assert claim
    return claim.after, claim.before


OBSERVED_ON_10 = states("ACTIVE", HEADER, on=10, source="s", seen=(None, 10))


def test_a_late_observation_of_the_same_value_moves_the_end_of_the_interval() -> None:
    assert interval(build_aggregate(OBSERVED_ON_10, late("ACTIVE", 4))) == (None, day(4))


def test_a_late_observation_of_another_value_moves_the_start_of_the_interval() -> None:
    subject = build_aggregate(OBSERVED_ON_10, late("INACTIVE", 4))
    assert interval(subject) == (day(4), day(10))
    assert subject.value("status") == "ACTIVE"


def test_a_late_observation_without_a_value_moves_the_start_of_the_interval() -> None:
    assert interval(build_aggregate(OBSERVED_ON_10, late(None, 4))) == (day(4), day(10))


def test_late_observations_have_the_same_effect_in_any_order() -> None:
    observations = [late("INACTIVE", 2), late("INACTIVE", 4), late("ACTIVE", 6), late("ACTIVE", 8)]
    assert {interval(build_aggregate(OBSERVED_ON_10, *order)) for order in permutations(observations)} == {
        (day(4), day(6))
    }


def test_a_late_observation_of_the_same_value_is_what_set_it() -> None:
    claim = build_aggregate(OBSERVED_ON_10, late("ACTIVE", 4)).current_claim("status")
    assert claim
    assert claim.revision == 2


def test_a_first_late_observation_of_a_source_makes_a_claim_of_its_time() -> None:
    subject = build_aggregate(states("ACTIVE", PERSON, on=6), late("INACTIVE", 4))
    assert subject.value("status") == "ACTIVE"
    assert subject.value_from("status", HEADER, "s") == "INACTIVE"


def test_a_late_observation_can_make_another_source_s_claim_current() -> None:
    first, person = states("ACTIVE", HEADER, on=10, source="s", seen=(None, 10)), states("INACTIVE", PERSON, on=8)
    assert build_aggregate(first, person).value("status") == "ACTIVE"
    assert build_aggregate(first, person, late("ACTIVE", 5)).value("status") == "INACTIVE"
    assert (
        build_aggregate(states("ACTIVE", HEADER, on=5, source="s", seen=(None, 5)), person).value("status")
        == "INACTIVE"
    )


# Repeated statements


def test_a_repeated_statement_has_no_effect() -> None:
    subject = build_aggregate(states("ACTIVE", HEADER, on=1, source="s"))
    assert effective_facts(subject, event(2, {"status": "ACTIVE"}, on=2, origin=HEADER, source="s"), no_events) == {}
    assert effective_facts(subject, event(2, {"status": None}, on=2, origin=PERSON), no_events) == {}


def test_the_same_statement_by_another_source_has_an_effect() -> None:
    subject = build_aggregate(states("ACTIVE", HEADER, on=1, source="s"))
    assert effective_facts(subject, event(2, {"status": "ACTIVE"}, on=2, origin=PERSON), no_events) == {
        "status": "ACTIVE"
    }


def test_a_repeated_statement_has_an_effect_if_another_source_contradicted_it_since() -> None:
    subject = build_aggregate(states("ACTIVE", PERSON, on=1), states("INACTIVE", HEADER, on=2, source="s"))
    assert effective_facts(subject, event(3, {"status": "ACTIVE"}, on=3, origin=PERSON), no_events) == {
        "status": "ACTIVE"
    }
    assert effective_facts(subject, event(3, {"status": "ACTIVE"}, on=1, origin=PERSON), no_events) == {}


# Other properties of aggregates


def test_a_source_has_one_claim_at_a_path() -> None:
    subject = build_aggregate(
        states("ACTIVE", on=1, source="s"), states("INACTIVE", on=2, source="s"), states("ACTIVE", on=2, source="t")
    )
    assert len(subject.claims["status"]) == 2
    assert subject.value_from("status", HEADER, "s") == "INACTIVE"
    assert subject.value_from("status", HEADER, "t") == "ACTIVE"


def test_evolve_does_not_change_the_former_state() -> None:
    before = build_aggregate(states("ACTIVE", on=1))
    evolve(before, event(2, {"status": "INACTIVE", TITLE: text_value("a")}, on=2))
    assert before.value("status") == "ACTIVE"
    assert before.value(TITLE) is None
    assert before.revision == 1


def test_current_claims_are_sorted_by_path() -> None:
    subject = build_aggregate(({"title/fr": text_value("a"), "status": "ACTIVE", "title/en": text_value("b")}, {}))
    assert list(subject.current_claims) == ["status", "title/en", "title/fr"]
    assert [path for path, _ in subject.claims_under("title/")] == ["title/en", "title/fr"]
    assert subject.string("status") == "ACTIVE"
    assert subject.string("title/en") is None


def test_lists_of_siblings_are_own_sources_only_if_there_are_no_others() -> None:
    listed = states("ACTIVE", SIBLING_LIST, source="list")
    assert own_sources(build_aggregate(listed)) == ["list"]
    both = build_aggregate(listed, states("ACTIVE", HEADER, source="page"))
    assert own_sources(both) == ["page"]
    assert sorted(all_sources(both)) == ["list", "page"]


def test_the_type_of_an_aggregate_is_the_part_before_the_first_dash() -> None:
    assert aggregate_type_of("commitment-1-2") == "commitment"
    assert Aggregate("code-commitment-FR0043").type == "code"


def test_ranks_of_claims_can_always_be_compared() -> None:
    claims = [
        claim
        for origin in Origin
        for source, language in (("s", "en"), ("t", None), (None, "fr"))
        for claim in build_aggregate(states("ACTIVE", origin, source=source, language=language)).claims["status"]
    ]
    assert max(claims, key=rank).origin is PERSON
