"""Which of the ratings of an indicator stands for it without a stage, and what the later ones say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.domain.event import Facts
from ogpgraph.domain.review import choose_rating, later_without_data, rating_path, rating_tags, ratings_of
from ogpgraph.domain.values import Rating
from ogpgraph.domain.vocabulary import VALUES_OF, Indicator, OgpValue, RatingState, RatingValue, Stage
from tests.domain.events import build_aggregate

LIMITED, COMPLETE = Rating(RatingState.RATED, RatingValue.LIMITED), Rating(RatingState.RATED, RatingValue.COMPLETE)
NO_DATA, PENDING = Rating(RatingState.NO_DATA), Rating(RatingState.PENDING)


def completion(**stages: Rating) -> Facts:
    return {rating_path(Indicator.COMPLETION, Stage[name.upper()]): rating for name, rating in stages.items()}


def chosen(facts: Facts, indicator: Indicator = Indicator.COMPLETION) -> tuple[Stage, str, list[str]] | None:
    ratings = ratings_of(build_aggregate((facts, {})), indicator)
    found = choose_rating(ratings)
    return found and (found.stage, found.finding, [str(each) for each in later_without_data(found, ratings)])


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (completion(), None),
        (completion(midterm=LIMITED), (Stage.MIDTERM, "LIMITED", [])),
        (completion(midterm=LIMITED, end_of_term=NO_DATA), (Stage.MIDTERM, "LIMITED", ["NO_DATA"])),
        (completion(midterm=LIMITED, end_of_term=COMPLETE), (Stage.END_OF_TERM, "COMPLETE", [])),
        (completion(midterm=NO_DATA, end_of_term=COMPLETE), (Stage.END_OF_TERM, "COMPLETE", [])),
        (
            completion(midterm=LIMITED, end_of_term=NO_DATA, results=PENDING),
            (Stage.MIDTERM, "LIMITED", ["NO_DATA", "PENDING"]),
        ),
        (completion(midterm=NO_DATA, end_of_term=PENDING), (Stage.END_OF_TERM, "PENDING", [])),
    ],
)
def test_without_a_stage_the_latest_value_counts_and_what_is_missing_later_is_told(
    facts: Facts, expected: tuple[Stage, str, list[str]] | None
) -> None:
    assert chosen(facts) == expected


def test_a_rating_about_one_ogp_value_counts_only_if_none_is_about_the_whole_commitment() -> None:
    indicator = Indicator.RELEVANCE
    yes, no = Rating(RatingState.RATED, RatingValue.YES), Rating(RatingState.RATED, RatingValue.NO)
    one: Facts = {rating_path(indicator, Stage.RESULTS, OgpValue.CIVIC_PARTICIPATION): yes}
    assert chosen(one, indicator) == (Stage.RESULTS, "YES", [])
    assert chosen({**one, rating_path(indicator, Stage.DESIGN): no}, indicator) == (Stage.DESIGN, "NO", [])
    assert chosen({**one, rating_path(indicator, Stage.DESIGN): PENDING}, indicator) == (Stage.DESIGN, "PENDING", [])


@st.composite
def ratings(draw: st.DrawFn) -> Facts:
    """Return ratings of two indicators at some stages, some about an OGP value."""
    facts: Facts = {}
    for indicator in (Indicator.COMPLETION, Indicator.RELEVANCE):
        for stage in Stage:
            for ogp_value in (None, OgpValue.CIVIC_PARTICIPATION, OgpValue.PUBLIC_ACCOUNTABILITY):
                if (state := draw(st.sampled_from([None, *RatingState]))) is not None:
                    is_rated = state is RatingState.RATED
                    value = draw(st.sampled_from(VALUES_OF[indicator])) if is_rated else None
                    facts[rating_path(indicator, stage, ogp_value)] = Rating(state, value)
    return facts


@given(ratings())
def test_the_tag_of_an_indicator_is_the_chosen_rating_as_told_by_the_words_of_the_rule(facts: Facts) -> None:
    tags = set(rating_tags(build_aggregate((facts, {}))))
    for indicator in (Indicator.COMPLETION, Indicator.RELEVANCE):
        told: Rating | None = None
        whole = [rating_path(indicator, stage) for stage in Stage]
        if any(path in facts for path in whole):
            paths = whole
        else:  # of several OGP values at one stage the first counts, so it is looked at last
            paths = [rating_path(indicator, stage, each) for stage in Stage for each in reversed(OgpValue)]
        for path in paths:
            rating = facts.get(path)
            if isinstance(rating, Rating) and (rating.value is not None or told is None or told.value is None):
                told = rating
        expected = {told.value or told.state} if told else set()
        assert {value for dimension, value in tags if dimension == f"rating:{indicator}"} == expected
