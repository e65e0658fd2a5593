from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from ogpgraph.clock import system_clock
from ogpgraph.demo.example_queries import format_json, load_example_queries, parse_example_query
from ogpgraph.demo.loader import AnotherLog, ScenarioClock, load_demo
from ogpgraph.demo.observations import build_observations
from ogpgraph.demo.scenario import load_scenario
from ogpgraph.domain.member import register_member
from ogpgraph.domain.unit_of_work import CommandContext
from ogpgraph.domain.vocabulary import VALUES_OF, Indicator, RatingValue
from ogpgraph.system import migrate, open_system
from tests.demo.client import ExecuteQuery, open_demo

ROOT = Path(__file__).parents[2]
STARRED = ["FR0004", "FR0009", "FR0015", "FR0018", "FR0026"]


def at(time: str, question: str) -> str:
    return f'{{ at(time: "{time}T00:00:00Z") {{ {question} }} }}'


# Loading


def test_the_demonstration_loads_once_however_often_it_is_loaded(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/demo.db"
    migrate(url)
    assert load_demo(url) > 250
    with open_system(url) as system:
        first = system.digest()
    assert load_demo(url) == 0
    with open_system(url) as system:
        assert system.digest() == first


def test_a_rebuild_gives_the_same_rows(tmp_path: Path) -> None:
    migrate(url := f"sqlite:///{tmp_path}/demo.db")
    load_demo(url)
    with open_system(url) as system:
        before = system.digest()
        system.rebuild()
        assert system.digest() == before


def test_a_loading_that_was_cut_short_goes_on(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/demo.db"
    migrate(url)

    def cut_short(done: int, _all: int) -> None:
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_demo(url, cut_short)
    load_demo(url)
    with open_demo(url) as execute_query:
        assert execute_query("{ commitments { totalCount } meta { recordedAt } }") == {
            "commitments": {"totalCount": 50},
            "meta": {"recordedAt": "2024-02-06T09:45:00.000000Z"},
        }


def test_ids_are_the_same_in_every_demonstration(execute_query: ExecuteQuery, tmp_path: Path) -> None:
    ids = '{ commitment(code: "FR0009") { id history { nodes { id } } } }'
    migrate(url := f"sqlite:///{tmp_path}/demo.db")
    load_demo(url)
    with open_demo(url) as ask_the_other:
        assert execute_query(ids) == ask_the_other(ids)


def test_progress_is_told_scene_by_scene(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    migrate(url := f"sqlite:///{tmp_path}/demo.db")
    load_demo(url, lambda done, every: told.append((done, every)))
    scenes = len(load_scenario().steps)
    assert told == [(n, scenes) for n in range(1, scenes + 1)]


def test_another_log_is_left_alone(tmp_path: Path) -> None:
    migrate(url := f"sqlite:///{tmp_path}/other.db")
    with open_system(url) as system:
        act = CommandContext(actor="somebody", role="publisher", time=system_clock())
        system.execute(act, lambda uow: register_member(uow, "FRA", {"prefix": "FR"}))
        before = system.digest()
    with pytest.raises(AnotherLog, match=r"other\.db holds another log: choose another file with --database"):
        load_demo(url)
    with open_system(url) as system:
        assert system.digest() == before


def test_each_scene_begins_its_ids_anew() -> None:
    first, second, *_ = load_scenario().steps
    stage = ScenarioClock()
    stage.enter(first)
    ids = [stage.new_id(), stage.new_id()]
    stage.enter(second)
    assert stage.new_id() not in ids
    assert stage.clock() == second.at
    stage.enter(first)
    assert [stage.new_id(), stage.new_id()] == ids


# The story


def test_scenes_are_told_in_order_by_the_cast() -> None:
    story = load_scenario()
    assert len({scene.key for scene in story.steps}) == len(story.steps)
    assert {scene.actor for scene in story.steps} == set(story.roles)
    assert story.steps[-1].at - story.steps[0].at > timedelta(days=7 * 365)


def test_every_source_is_seen_and_quoted() -> None:
    story = load_scenario()
    sights = build_observations(story)
    assert {sight.source.code for sight in sights.values()} == {source.code for source in story.sources.values()}
    for sight in sights.values():
        assert all(
            0 < start < end <= len(sight.text) for spans in sight.spans.values() for start, end in spans.values()
        )


def test_every_rating_is_on_its_scale() -> None:
    facts = [fact for scene in load_scenario().steps for said in scene.statements for fact in said.facts.items()]
    ratings = [
        (path.split("/")[1], value["value"]) for path, value in facts if isinstance(value, dict) and "value" in value
    ]
    assert len(ratings) > 50
    for indicator, value in ratings:
        assert RatingValue(value) in VALUES_OF[Indicator(indicator)]


# What it tells


def test_its_counts(execute_query: ExecuteQuery) -> None:
    answer = execute_query(
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
    assert {name: answer[name]["totalCount"] for name in ("all", "first", "second", "listed", "spanish")} == {
        "all": 50,
        "first": 29,
        "second": 21,
        "listed": 37,
        "spanish": 8,
    }
    assert [node["code"] for node in answer["starred"]["nodes"]] == STARRED
    assert [(plan["code"], plan["status"]) for plan in answer["actionPlans"]["nodes"]] == [
        ("FRA-2015", "CONCLUDED"),
        ("FRA-2018", "CONCLUDED"),
    ]
    assert answer["corrections"]["totalCount"] == 3


def test_a_star_goes_with_the_ratings_that_earn_it(execute_query: ExecuteQuery) -> None:
    answer = execute_query(
        """{ commitments(where: {starred: true}) { nodes {
        impact: rating(indicator: POTENTIAL_IMPACT) { value }
        relevance: rating(indicator: RELEVANCE) { value }
        specificity: rating(indicator: SPECIFICITY) { value }
        completion: rating(indicator: COMPLETION) { value }
        } } }"""
    )
    for node in answer["commitments"]["nodes"]:
        assert node["impact"]["value"] == "TRANSFORMATIVE"
        assert node["relevance"]["value"] == "YES"
        assert node["specificity"]["value"] in ("MEDIUM", "HIGH")
        assert node["completion"]["value"] in ("SUBSTANTIAL", "COMPLETE")


@pytest.mark.parametrize(
    ("day", "completion"),
    [("2016-04-05", None), ("2016-05-01", "PENDING"), ("2017-04-01", "RATED"), ("2024-03-01", "RATED")],
)
def test_absent_pending_and_rated_are_three_things(
    execute_query: ExecuteQuery, day: str, completion: str | None
) -> None:
    rating = execute_query(at(day, 'commitment(code: "FR0004") { rating(indicator: COMPLETION) { state } }'))["at"][
        "commitment"
    ]["rating"]
    assert (rating and rating["state"]) == completion


def test_the_past_is_as_it_was(execute_query: ExecuteQuery) -> None:
    question = """
      commitments(where: {starred: true}) { totalCount }
      actionPlans { nodes { status } }
      register: commitment(code: "FR0009") { rating(indicator: COMPLETION) { value } }
      science: commitment(code: "FR0047") { description milestones { number } policyAreas }
      summit: commitment(code: "FR0043") { title(language: "es") }
      tenders: commitment(code: "FR0031") { milestones { endsOn } }
      hearings: commitment(code: "FR0044") { title }
    """
    now, then = execute_query(f"{{ {question} }}"), execute_query(at("2019-11-05", question))["at"]
    differing = {name for name in now if now[name] != then[name]}
    assert differing == {"actionPlans", "science", "summit", "tenders", "hearings"}
    assert then["summit"]["title"] == "Cumbre Govtech"
    assert now["summit"]["title"] == "Cumbre de tecnología cívica"
    assert [each["endsOn"] for each in then["tenders"]["milestones"]] == ["2019-06", "2020-03"]
    assert [each["endsOn"] for each in now["tenders"]["milestones"]] == ["2019-06", "2020-12"]
    before = execute_query(at("2018-11-01", question))["at"]
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
        said = {change["path"]: change["after"] for change in node["corrects"]["changes"]}
        assert all(said[change["path"]] == change["before"] for change in node["changes"])


def test_what_rests_on_a_source_can_be_read_there(execute_query: ExecuteQuery) -> None:
    entries = execute_query(
        "{ entries(first: 100) { nodes { evidence { path quote source { code } } changes { path after } } } }"
    )
    quoted = 0
    for node in entries["entries"]["nodes"]:
        after = {change["path"].removesuffix("/statedAs"): change["after"] for change in node["changes"]}
        for evidence in node["evidence"]:
            said = after.get(evidence["path"], evidence["quote"])
            said = ", ".join(said) if isinstance(said, list) else str(said)
            assert evidence["quote"] == said
            quoted += 1
    assert quoted > 100


def test_what_header_and_prose_say_stands_side_by_side(execute_query: ExecuteQuery) -> None:
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


# The queries worth trying


def test_every_document_is_titled_and_runs(execute_query: ExecuteQuery) -> None:
    files = sorted((ROOT / "schema" / "documents").glob("*.graphql"))
    assert {each.query for each in load_example_queries()} <= {
        parse_example_query(file.read_text("utf-8")).query for file in files
    }
    for file in files:
        document = parse_example_query(file.read_text("utf-8"))
        assert document.title
        assert execute_query(document.query)


def test_an_answer_is_shown_on_as_few_lines_as_fit() -> None:
    value = {"a": [1, 2], "b": {"c": "d" * 20}, "e": [], "f": None}
    assert format_json(value, 80) == json.dumps(value)
    assert (
        format_json(value, 30)
        == f"""{{
  "a": [1, 2],
  "b": {{
    "c": "{"d" * 20}"
  }},
  "e": [],
  "f": null
}}"""
    )
