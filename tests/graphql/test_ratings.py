"""A rating without a stage is the same in `rating`, filters, facets and orders, at every position."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from ogpgraph.domain import review
from ogpgraph.domain.unit_of_work import Provenance, UnitOfWork
from ogpgraph.domain.values import Rating
from ogpgraph.domain.vocabulary import VALUES_OF, Indicator, OgpValue, RatingState, RatingValue, Stage
from ogpgraph.system import System
from tests.graphql.client import execute_query, expect_error
from tests.graphql.example_log import command_context
from tests.support.writers import register_commitment

CODES = [f"FR{number:04}" for number in range(1, 13)]
SCALE = [value.value for value in VALUES_OF[Indicator.COMPLETION]]
STATES = [state.value for state in RatingState if state is not RatingState.RATED]


def record_ratings(system: System, seed: int) -> None:
    """Record ratings of the completion of most commitments at random stages, a few of them about one OGP value."""
    rng = random.Random(seed)

    def record(uow: UnitOfWork) -> None:
        for code in CODES[1:]:
            for stage in rng.sample(list(Stage), rng.randint(0, 3)):
                state = rng.choice([RatingState.RATED, *RatingState])
                value = rng.choice(VALUES_OF[Indicator.COMPLETION]) if state is RatingState.RATED else None
                ogp_value = rng.choice([None, None, None, *OgpValue])
                commitment = uow.require_by_code("commitment", code)
                rating = Rating(state, value)
                review.record_rating(uow, commitment, Indicator.COMPLETION, stage, rating, ogp_value)

    system.execute(command_context(seed + 1), record)


def read_codes(system: System, position: int, arguments: str) -> list[str]:
    query = f"{{ at(position: {position}) {{ commitments({arguments}) {{ nodes {{ code }} }} }} }}"
    return [each["code"] for each in execute_query(system, query)["at"]["commitments"]["nodes"]]


def read_findings(system: System, position: int) -> dict[str, str]:
    """Return code → value or state of the rating without a stage, of those commitments that have one."""
    rating = "rating(indicator: COMPLETION) { state value }"
    query = f"{{ at(position: {position}) {{ commitments {{ nodes {{ code {rating} }} }} }} }}"
    nodes = execute_query(system, query)["at"]["commitments"]["nodes"]
    return {each["code"]: each["rating"]["value"] or each["rating"]["state"] for each in nodes if each["rating"]}


@pytest.fixture
def positions(system: System) -> list[int]:
    """Return positions of a record in which more and more commitments get ratings."""
    found = []
    for code in CODES:
        register_commitment(system, code)
    for seed in range(4):
        record_ratings(system, seed)
        found.append(execute_query(system, "{ meta { position } }")["meta"]["position"])
    return [*found, found[-1] - 5]


def test_the_facet_counts_what_rating_returns(system: System, positions: list[int]) -> None:
    for position in positions:
        facets = "facets(dimensions: [COMPLETION]) { values { value count } }"
        query = f"{{ at(position: {position}) {{ commitments {{ {facets} }} }} }}"
        (facet,) = execute_query(system, query)["at"]["commitments"]["facets"]
        expected = Counter(read_findings(system, position).values())
        assert {each["value"]: each["count"] for each in facet["values"]} == expected
        assert len(expected) > 1


def test_the_filter_finds_what_rating_returns(system: System, positions: list[int]) -> None:
    for position in positions:
        findings = read_findings(system, position)
        for name, words in (("value", SCALE), ("state", STATES)):
            for word in words:
                where = f"where: {{rating: {{indicator: COMPLETION, {name}: [{word}]}}}}"
                assert read_codes(system, position, where) == [code for code in CODES if findings.get(code) == word]


def test_the_order_is_that_of_the_scale_and_what_has_no_value_comes_last_or_first(
    system: System, positions: list[int]
) -> None:
    for position in positions:
        findings = read_findings(system, position)
        unrated = [code for code in CODES if findings.get(code) not in SCALE]
        for direction, sign in (("ASC", 1), ("DESC", -1)):
            rated = sorted(set(CODES) - set(unrated), key=lambda code: (sign * SCALE.index(findings[code]), code))
            order = f"field: COMPLETION, direction: {direction}"
            assert read_codes(system, position, f"orderBy: [{{{order}}}]") == rated + unrated
            assert read_codes(system, position, f"orderBy: [{{{order}, nulls: FIRST}}]") == unrated + rated


@pytest.mark.parametrize(
    ("condition", "message", "code"),
    [
        (
            "indicator: COMPLETION, value: [LIMITED, HIGH]",
            "`value`: COMPLETION cannot be HIGH: its scale",
            "UNKNOWN_VALUE",
        ),
        ("indicator: RELEVANCE, ogpValue: CIVIC_PARTICIPATION", "`ogpValue` needs a `stage`", "INVALID"),
    ],
)
def test_a_condition_that_no_rating_can_fulfil_is_refused(
    system: System, condition: str, message: str, code: str
) -> None:
    found = expect_error(system, f"{{ commitments(where: {{rating: {{{condition}}}}}) {{ totalCount }} }}")
    assert found[0].startswith(message)
    assert found[1] == code


# ----------------------------------------------------------------------------------------------------- as of a past day


def record_dated_ratings(system: System) -> None:
    """Record a rating at midterm in 2018, and one at the end of term that became known some time in 2020."""

    def record(uow: UnitOfWork) -> None:
        commitment = uow.require_by_code("commitment", "FR0001")
        for stage, value, date in (
            (Stage.MIDTERM, RatingValue.LIMITED, "2018-03-01"),
            (Stage.END_OF_TERM, RatingValue.COMPLETE, "2020"),
        ):
            rating = Rating(RatingState.RATED, value)
            provenance = Provenance(effective_on=date)
            review.record_rating(uow, commitment, Indicator.COMPLETION, stage, rating, provenance=provenance)

    register_commitment(system, "FR0001")
    system.execute(command_context(1), record)


@pytest.mark.parametrize(
    ("date", "finding"),
    [("2019-06", "LIMITED"), ("2020-06", None), ("2020-12-31", "COMPLETE"), ("2021", "COMPLETE")],
)
def test_a_rating_is_unknown_where_filters_and_facets_say_that_it_is(
    system: System, date: str, finding: str | None
) -> None:
    record_dated_ratings(system)
    where = "where: {rating: {indicator: COMPLETION, unknown: true}}"
    query = f"""{{ asOf(date: "{date}") {{
        commitments {{
          nodes {{
            rating(indicator: COMPLETION) {{ value }}
            midterm: rating(indicator: COMPLETION, stage: MIDTERM) {{ value }}
          }}
          facets(dimensions: [COMPLETION]) {{ values {{ value }} }} }}
        unknown: commitments({where}) {{ totalCount }} }} }}"""
    found = execute_query(system, query)["asOf"]
    (node,) = found["commitments"]["nodes"]
    assert node["rating"] == (finding and {"value": finding})
    assert node["midterm"] == {"value": "LIMITED"}
    assert found["commitments"]["facets"][0]["values"] == [{"value": finding or "UNKNOWN"}]
    assert found["unknown"]["totalCount"] == (finding is None)
