"""`id` identifies a state: a client that keeps objects by id never shows the past as the present."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLInterfaceType, GraphQLList, GraphQLObjectType, get_named_type, get_nullable_type

from ogpgraph.domain import action_plan, commitment, member
from ogpgraph.domain.event import Facts
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.domain.values import Rating
from ogpgraph.domain.vocabulary import RatingState, RatingValue
from ogpgraph.system import System, migrate, open_system
from tests.conftest import TickingClock
from tests.graphql.client import execute_query, expect_error, read_position
from tests.graphql.example_log import command_context, record_example, sequential_ids
from tests.graphql.whole_record import CORE, NormalizedCache, select_everything

NODE = "query ($id: ID!) { node(id: $id) { __typename id stableId } }"
REVISION = "query ($id: ID!) { node(id: $id) { ... on Subject { revision } } }"
RATED = Rating(RatingState.RATED, RatingValue.SUBSTANTIAL)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The example, and a commitment of which every list has an item."""
    url = f"sqlite:///{tmp_path_factory.mktemp('whole') / 'log.db'}"
    migrate(url)
    with open_system(url, clock=TickingClock(), new_id=sequential_ids()) as system:
        record_example(system)
        system.execute(command_context(20), record_whole)
        yield system


def record_whole(uow: UnitOfWork) -> None:
    owner = member.register_member(uow, "FRA", {"prefix": "FR"}).id
    plan: Facts = {"member": owner, "cycle": 2018, "coCreation/OPENNESS_DURING_DEVELOPMENT": "YES"}
    facts: Facts = {
        "member": owner,
        "actionPlan": action_plan.register_action_plan(uow, "FRA-2018", plan).id,
        "milestones/1/title/en": uow.text_value("A step"),
        "milestones/1/updates/2019-01-01T00:00:00Z/en": uow.text_value("Done soon."),
        "ratings/COMPLETION/RESULTS": RATED,
        "findings/CARRIED_FORWARD": RATED,
        "narratives/RESULTS/NEXT_STEPS/en": uow.text_value("Go on."),
        "narratives/RESULTS/NEXT_STEPS/fr": uow.text_value("Continuez."),
        "reportYears/RESULTS": 2020,
        "policyAreasUndetermined/NO_DATA": ("Justice",),
        "database/CHALLENGE": uow.text_value("Tides"),
    }
    commitment.register_commitment(uow, "FR0001", facts)


def read_whole(system: System, *positions: int, depth: int, page: int) -> NormalizedCache:
    """Return what a client has after it has read everything to a depth, at present, at the head and at positions."""
    head = read_position(system)
    views = {"present": "", "dated": 'asOf(date: "2021-03-10")'}
    views |= {f"at{each}": f"at(position: {each})" for each in (*positions, head)}
    cache = NormalizedCache()
    cache.write(execute_query(system, select_everything(views, depth, page)))
    return cache


@pytest.fixture(scope="module")
def cache(whole: System) -> NormalizedCache:
    return read_whole(whole, 60, depth=2, page=1)


# one state


def test_two_objects_with_one_id_agree_in_every_field(cache: NormalizedCache) -> None:
    assert len(cache.objects) > 300
    assert cache.conflicts == []


@pytest.mark.long
def test_two_objects_with_one_id_agree_however_they_are_reached(whole: System) -> None:
    assert read_whole(whole, 20, 60, depth=3, page=2).conflicts == []


def test_ids_are_unique_over_all_types(cache: NormalizedCache) -> None:
    assert len({id_ for _, id_ in cache.objects}) == len(cache.objects)


def test_every_list_of_a_thing_has_items_with_ids(cache: NormalizedCache) -> None:
    values = {"Change", "Evidence"}  # an entry's, which never changes, or computed; they identify nothing
    subject = CORE.get_type("Subject")
    assert isinstance(subject, GraphQLInterfaceType)
    seen, pending = set[str](), list(CORE.get_possible_types(subject))
    while pending:
        owner = pending.pop()
        for field in owner.fields.values():
            item = get_named_type(field.type)
            is_list = isinstance(get_nullable_type(field.type), GraphQLList)
            if is_list and isinstance(item, GraphQLObjectType) and item.name not in seen | values:
                seen.add(item.name)
                pending.append(item)
                assert "Node" in {each.name for each in item.interfaces}, f"{owner.name}: {item.name} has no id"
    nodes = CORE.get_type("Node")
    assert isinstance(nodes, GraphQLInterfaceType)
    assert {name for name, _ in cache.objects} == {each.name for each in CORE.get_possible_types(nodes)} - {"Account"}


def test_node_finds_every_object_by_its_id_and_by_its_stable_id(whole: System, cache: NormalizedCache) -> None:
    by_type: dict[str, list[dict[str, Any]]] = {}
    for (name, _), found in cache.objects.items():
        by_type.setdefault(name, []).append(found)
    for found in (each for objects in by_type.values() for each in (*objects[:3], *objects[-3:])):
        expected = {name: found[name] for name in ("__typename", "id", "stableId")}
        assert execute_query(whole, NODE, id=found["id"])["node"] == expected
        stable = execute_query(whole, NODE, id=found["stableId"])["node"]
        assert stable is None or stable == expected | {"id": found["stableId"]}


def test_a_part_that_the_present_no_longer_has_is_found_at_its_position_only(system: System) -> None:
    system.execute(command_context(1), record_whole)
    position = read_position(system)
    rating = '{ commitment(code: "FR0001") { ratings { id } } }'
    ((plain,),) = (execute_query(system, rating)["commitment"]["ratings"],)
    withdrawn: Facts = {"ratings/COMPLETION/RESULTS": None}
    system.execute(
        command_context(2),
        lambda uow: uow.append(uow.require_by_code("commitment", "FR0001").id, "RatingWithdrawn", withdrawn),
    )
    assert execute_query(system, NODE, id=plain["id"]) == {"node": None}
    then = plain["id"].replace("/", f"@{position}/", 1)
    assert execute_query(system, NODE, id=then)["node"]["id"] == then


# what carries a position

IDS = 'commitment(code: "UY0901") { id stableId member { id } milestones { id number } sources { id } }'


def test_the_present_has_plain_ids(whole: System) -> None:
    found = execute_query(whole, f"{{ {IDS} }}")["commitment"]
    assert found["id"] == found["stableId"]
    assert found["milestones"][0]["id"] == f"{found['id']}/milestones/{found['milestones'][0]['number']}"
    assert "@" not in str(found)


def test_below_at_every_id_has_the_position_that_was_read_also_at_the_head(whole: System) -> None:
    head = read_position(whole)
    for position in (80, head):
        found = execute_query(whole, f"{{ at(position: {position}) {{ {IDS} }} }}")["at"]["commitment"]
        assert found["id"] == f"{found['stableId']}@{position}"
        assert found["milestones"][0]["id"] == f"{found['id']}/milestones/{found['milestones'][0]['number']}"
        assert all(each["id"].endswith(f"@{position}") for each in (found["member"], *found["sources"]))


@pytest.mark.parametrize("fields", ["now: {0} at(position: {1}) {{ {0} }}", "at(position: {1}) {{ {0} }} now: {0}"])
def test_reading_the_head_by_position_and_without_one_in_one_operation_keeps_them_apart(
    whole: System, fields: str
) -> None:
    found = execute_query(whole, f"{{ {fields.format(IDS, read_position(whole))} }}")
    assert found["now"]["id"] == found["now"]["stableId"]
    assert found["now"]["member"]["id"] + f"@{read_position(whole)}" == found["at"]["commitment"]["member"]["id"]


def test_what_an_entry_leads_to_has_the_position_of_the_entry(whole: System) -> None:
    fields = """entries(last: 40) { nodes { position subject { id stableId } source { id stableId }
      evidence { source { id stableId } } } }"""
    now, then = (execute_query(whole, text % fields) for text in ("{ %s }", "{ at(position: 91) { %s } }"))
    reached = 0
    for entry in (*now["entries"]["nodes"], *then["at"]["entries"]["nodes"]):
        for each in (entry["subject"], entry["source"], *(passage["source"] for passage in entry["evidence"])):
            if each:
                reached += 1
                assert each["id"] == f"{each['stableId']}@{entry['position']}"
    assert reached > 100


def test_both_sides_of_a_comparison_have_their_positions(whole: System) -> None:
    query = "query ($to: Position) { compare(from: 60, to: $to) { nodes { before { id } after { id stableId } } } }"
    for to in (80, None):
        for node in execute_query(whole, query, to=to)["compare"]["nodes"]:
            stable = node["after"]["stableId"]
            assert node["after"]["id"] == f"{stable}@{to or read_position(whole)}"
            assert node["before"] in (None, {"id": f"{stable}@60"})


def test_the_present_object_of_an_entry_has_a_plain_id_at_every_position(whole: System) -> None:
    fields = "entries(last: 40) { nodes { current { id stableId revision } subject { stableId } } }"
    for text in ("{ %s }", "{ at(position: 60) { %s } }"):
        found = execute_query(whole, text % fields)
        for entry in found.get("at", found)["entries"]["nodes"]:
            current = entry["current"]
            assert current["id"] == current["stableId"] == entry["subject"]["stableId"]
            present = execute_query(
                whole, "query ($id: ID!) { node(id: $id) { ... on Subject { revision } } }", id=current["id"]
            )
            assert present["node"]["revision"] == current["revision"]


# `node`


def test_node_reads_an_id_at_the_position_that_it_names(whole: System) -> None:
    id_ = execute_query(whole, f"{{ {IDS} }}")["commitment"]["id"]
    query = "query ($id: ID!) { node(id: $id) { ... on Commitment { since title member { id } } } }"
    for position in (20, 60):
        fields = "since title member { id }"
        then = execute_query(whole, f'{{ at(position: {position}) {{ commitment(code: "UY0901") {{ {fields} }} }} }}')
        assert execute_query(whole, query, id=f"{id_}@{position}")["node"] == then["at"]["commitment"]
        below = execute_query(whole, query.replace("node(", f"at(position: {position}) {{ node(") + "}", id=id_)
        assert below["at"]["node"] == then["at"]["commitment"]
    assert execute_query(whole, NODE, id=f"{id_}@1") == {"node": None}  # it was not recorded yet


@pytest.mark.parametrize(
    "id_", ["", "@5", "x@", "x@0", "x@05", "x@five", "x@5@6", "x@5 ", "~", "x~2016", "x~2016-08-01@5", "x/", "x@5/a@6"]
)
def test_a_malformed_id_is_an_error(whole: System, id_: str) -> None:
    assert expect_error(whole, NODE, id=id_) == (f"{id_!r} is not an id", "INVALID")


def test_an_id_of_another_position_than_the_one_that_is_read_is_an_error(whole: System) -> None:
    head = read_position(whole)
    assert expect_error(whole, NODE, id=f"x@{head + 1}") == (
        f"position {head + 1} is past the head, which is {head}",
        "BAD_POSITION",
    )
    at = "query ($id: ID!) { at(position: 60) { node(id: $id) { id } } }"
    message = "x@20 is the id of another state (@20) than the one that is read here (@60)"
    assert expect_error(whole, at, id="x@20") == (message, "BAD_POSITION")
    assert expect_error(whole, at, id="x@60~2016-08-01")[1] == "BAD_POSITION"
    as_of = 'query ($id: ID!) { asOf(date: "2016") { node(id: $id) { id } } }'
    assert expect_error(whole, as_of, id="x~2016-08-01")[1] == "BAD_POSITION"


def test_a_day_that_the_calendar_does_not_have_is_in_no_id(whole: System) -> None:
    message = "'x~2016-02-30' is not an id: there is no 2016-02-30"
    assert expect_error(whole, NODE, id="x~2016-02-30") == (message, "INVALID")


@pytest.mark.parametrize(
    ("field", "qualifier"),
    [
        ('asOf(date: "2021-04-02") { %s }', "~2021-04-02"),
        ('asOf(date: "2021-04") { %s }', "~2021-04-30"),
        ('at(position: 60) { asOf(date: "2021-04-02") { %s } }', "@60~2021-04-02"),
    ],
)
def test_below_as_of_every_id_has_the_day_and_below_at_the_position_too(
    whole: System, field: str, qualifier: str
) -> None:
    found = execute_query(whole, f"{{ {field % IDS} }}")
    while "commitment" not in found:
        (found,) = found.values()
    dated = found["commitment"]
    assert dated["id"] == dated["stableId"] + qualifier
    assert all(each["id"].endswith(qualifier) for each in (dated["member"], *dated["sources"]))
    for each in (dated, dated["member"], *dated["milestones"], *dated["sources"]):
        assert execute_query(whole, NODE, id=each["id"])["node"]["id"] == each["id"]


def test_what_an_entry_leads_to_is_the_same_below_as_of(whole: System) -> None:
    fields = "entries(last: 40) { nodes { id subject { id revision } source { id } current { id } } }"
    then = execute_query(whole, f'{{ asOf(date: "1999") {{ {fields} }} }}')
    assert then["asOf"] == execute_query(whole, f"{{ {fields} }}")


def test_the_two_sides_of_a_comparison_of_dates_have_their_days(whole: System) -> None:
    query = '{ compare(fromDate: "2021-03-03", toDate: "2021-04") { nodes { before { id } after { id stableId } } } }'
    nodes = execute_query(whole, query)["compare"]["nodes"]
    assert nodes
    for node in nodes:
        assert node["after"]["id"] == node["after"]["stableId"] + "~2021-04-30"
        assert node["before"] in (None, {"id": node["after"]["stableId"] + "~2021-03-03"})


def test_a_plan_and_a_source_are_found_by_the_ids_of_their_states(whole: System) -> None:
    query = "query ($p: ID!, $s: ID!) { actionPlan(id: $p) { id } source(id: $s) { id } }"
    fields = 'commitment(code: "UY0901") { actionPlan { id } sources { id } }'
    found = execute_query(whole, f"{{ at(position: 60) {{ {fields} }} }}")["at"]["commitment"]
    plan, source = found["actionPlan"], found["sources"][0]
    assert execute_query(whole, query, p=plan["id"], s=source["id"]) == {"actionPlan": plan, "source": source}
