"""The scenario, and what can be read in the log into which it is loaded."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ogpgraph.demo.observations import build_observations
from ogpgraph.demo.scenario import load_scenario
from ogpgraph.domain.vocabulary import VALUES_OF, Indicator, RatingValue
from tests.demo.client import ExecuteQuery

STARRED = ["FR0004", "FR0009", "FR0015", "FR0018", "FR0026"]


def test_every_step_has_a_key_of_its_own_and_every_actor_a_role() -> None:
    scenario = load_scenario()
    assert len({step.key for step in scenario.steps}) == len(scenario.steps)
    assert {step.actor for step in scenario.steps} == set(scenario.roles)
    assert scenario.steps[-1].at - scenario.steps[0].at > timedelta(days=7 * 365)


def test_every_source_is_observed_and_has_a_passage_for_each_value() -> None:
    scenario = load_scenario()
    observations = build_observations(scenario).values()
    assert {observation.source.code for observation in observations} == {
        source.code for source in scenario.sources.values()
    }
    for observation in observations:
        assert all(
            0 < start < end <= len(observation.text)
            for spans in observation.spans.values()
            for start, end in spans.values()
        )


def test_every_rating_has_a_value_of_its_indicator() -> None:
    facts = [fact for step in load_scenario().steps for each in step.statements for fact in each.facts.items()]
    ratings = [
        (path.split("/")[1], value["value"]) for path, value in facts if isinstance(value, dict) and "value" in value
    ]
    assert len(ratings) > 50
    for indicator, value in ratings:
        assert RatingValue(value) in VALUES_OF[Indicator(indicator)]


# The log


def at(time: str, selection: str) -> str:
    return f'{{ at(time: "{time}T00:00:00Z") {{ {selection} }} }}'


def test_the_numbers_of_plans_commitments_and_corrections(execute_query: ExecuteQuery) -> None:
    result = execute_query(
        """{
        all: commitments { totalCount }
        first: commitments(where: {cycle: {eq: 2015}}) { totalCount }
        second: commitments(where: {cycle: {eq: 2018}}) { totalCount }
        listed: commitments(where: {listedOnly: true}) { totalCount }
        spanish: commitments(where: {language: {eq: "es"}}) { totalCount }
        starred: commitments(where: {starred: true}) { nodes { code } }
        actionPlans { nodes { code status } }
        corrections: entries(where: {cause: [CORRECTION]}) { totalCount }
        }"""
    )
    assert {name: result[name]["totalCount"] for name in ("all", "first", "second", "listed", "spanish")} == {
        "all": 50,
        "first": 29,
        "second": 21,
        "listed": 38,  # with FR0044: what a list stated of it was corrected, and stays the list's statement
        "spanish": 8,
    }
    assert [node["code"] for node in result["starred"]["nodes"]] == STARRED
    assert [(plan["code"], plan["status"]) for plan in result["actionPlans"]["nodes"]] == [
        ("FRA-2015", "CONCLUDED"),
        ("FRA-2018", "CONCLUDED"),
    ]
    assert result["corrections"]["totalCount"] == 3


def test_a_starred_commitment_has_the_ratings_required_for_a_star(execute_query: ExecuteQuery) -> None:
    result = execute_query(
        """{ commitments(where: {starred: true}) { nodes {
        impact: rating(indicator: POTENTIAL_IMPACT) { value }
        relevance: rating(indicator: RELEVANCE) { value }
        specificity: rating(indicator: SPECIFICITY) { value }
        completion: rating(indicator: COMPLETION) { value }
        } } }"""
    )
    for node in result["commitments"]["nodes"]:
        assert node["impact"]["value"] == "TRANSFORMATIVE"
        assert node["relevance"]["value"] == "YES"
        assert node["specificity"]["value"] in ("MEDIUM", "HIGH")
        assert node["completion"]["value"] in ("SUBSTANTIAL", "COMPLETE")


@pytest.mark.parametrize(
    ("day", "completion"),
    [("2016-04-05", None), ("2016-05-01", "PENDING"), ("2017-04-01", "RATED"), ("2024-03-01", "RATED")],
)
def test_a_rating_is_absent_then_pending_then_rated(
    execute_query: ExecuteQuery, day: str, completion: str | None
) -> None:
    rating = execute_query(at(day, 'commitment(code: "FR0004") { rating(indicator: COMPLETION) { state } }'))["at"][
        "commitment"
    ]["rating"]
    assert (rating and rating["state"]) == completion


def test_the_past_differs_from_the_present_where_something_changed(execute_query: ExecuteQuery) -> None:
    query = """
      commitments(where: {starred: true}) { totalCount }
      actionPlans { nodes { status } }
      register: commitment(code: "FR0009") { rating(indicator: COMPLETION) { value } }
      science: commitment(code: "FR0047") { description milestones { number } policyAreas }
      summit: commitment(code: "FR0043") { title(language: "es") }
      tenders: commitment(code: "FR0031") { milestones { endsOn } }
      hearings: commitment(code: "FR0044") { title }
    """
    now, then = execute_query(f"{{ {query} }}"), execute_query(at("2019-11-05", query))["at"]
    differences = {name for name in now if now[name] != then[name]}
    assert differences == {"actionPlans", "science", "summit", "tenders", "hearings"}
    assert then["summit"]["title"] == "Cumbre Govtech"
    assert now["summit"]["title"] == "Cumbre de tecnología cívica"
    assert [each["endsOn"] for each in then["tenders"]["milestones"]] == ["2019-06", "2020-03"]
    assert [each["endsOn"] for each in now["tenders"]["milestones"]] == ["2019-06", "2020-12"]
    before = execute_query(at("2018-11-01", query))["at"]
    assert before["commitments"]["totalCount"] == 0
    assert before["register"]["rating"]["value"] == "LIMITED"
    assert before["science"] is None


def test_a_correction_names_the_entry_it_corrects(execute_query: ExecuteQuery) -> None:
    for node in execute_query(
        """{ entries(where: {cause: [CORRECTION]}) { nodes { reason recordedAt changes { path before after }
        corrects { recordedAt changes { path after } } } } }"""
    )["entries"]["nodes"]:
        assert node["reason"]
        assert node["corrects"]["recordedAt"] < node["recordedAt"]
        corrected = {change["path"]: change["after"] for change in node["corrects"]["changes"]}
        assert all(corrected[change["path"]] == change["before"] for change in node["changes"])


def test_every_quote_is_the_value_recorded_from_it(execute_query: ExecuteQuery) -> None:
    entries = execute_query(
        "{ entries(first: 100) { nodes { evidence { path quote source { code } } changes { path after } } } }"
    )
    quoted = 0
    for node in entries["entries"]["nodes"]:
        after = {change["path"].removesuffix("/statedAs"): change["after"] for change in node["changes"]}
        for evidence in node["evidence"]:
            value = after.get(evidence["path"], evidence["quote"])
            assert evidence["quote"] == (", ".join(value) if isinstance(value, (list, tuple)) else str(value))
            quoted += 1
    assert quoted > 100


def test_header_and_narrative_make_claims_of_their_own(execute_query: ExecuteQuery) -> None:
    claims = execute_query(
        at(
            "2020-01-01",
            'commitment(code: "FR0043") { claims(path: "ratings/RELEVANCE") { statedIn isCurrent value } }',
        )
    )
    assert [
        (each["statedIn"], each["isCurrent"], each["value"]["state"]) for each in claims["at"]["commitment"]["claims"]
    ] == [
        ("HEADER", True, "PENDING"),
        ("NARRATIVE", False, "RATED"),
    ]
