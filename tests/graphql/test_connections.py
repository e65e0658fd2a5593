"""Connections: pages of every list, forward and backward."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from ogpgraph.domain.commitment import register_commitment
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES, SystemFactory
from tests.graphql.client import execute_query, expect_error
from tests.graphql.example_log import command_context
from tests.importer.sample_pages import Page, Sibling, import_sample_page
from tests.readmodel.sample_log import ensure_commitment, record_commitments, withdraw

pytestmark = BOTH_ENGINES

PAGE_INFO = "hasNextPage hasPreviousPage startCursor endCursor"
PAGE = f"{{ totalCount nodes {{ id }} edges {{ cursor node {{ id }} }} pageInfo {{ {PAGE_INFO} }} }}"
ARGUMENTS = "(first: $first, after: $after, last: $last, before: $before)"
VARIABLES = "$first: Int, $after: String, $last: Int, $before: String"
LISTS = {
    "members": f"found: members{ARGUMENTS} {PAGE}",
    "actionPlans": f"found: actionPlans{ARGUMENTS} {PAGE}",
    "commitments": f"found: commitments{ARGUMENTS} {PAGE}",
    "entries": f"found: entries{ARGUMENTS} {PAGE}",
    "filtered": f"found: commitments(where: {{cycle: {{eq: 2018}}}}, {ARGUMENTS[1:]} {PAGE}",
    "ofMember": f'found: member(code: "URY") {{ found: commitments{ARGUMENTS} {PAGE} }}',
    "plansOfMember": f'found: member(code: "URY") {{ found: actionPlans{ARGUMENTS} {PAGE} }}',
    "history": f'found: commitment(code: "UY0901") {{ found: history{ARGUMENTS} {PAGE} }}',
    "then": f"found: at(position: 60) {{ found: commitments{ARGUMENTS} {PAGE} }}",
    "entriesThen": f"found: at(position: 60) {{ found: entries{ARGUMENTS} {PAGE} }}",
}
EVERY_LIST = pytest.mark.parametrize("name", LISTS)


def page(system: System, name: str, **variables: Any) -> Any:
    found = execute_query(system, f"query ({VARIABLES}) {{ {LISTS[name]} }}", **variables)["found"]
    return found.get("found", found)


def page_error(system: System, name: str, **variables: Any) -> tuple[str, object]:
    return expect_error(system, f"query ({VARIABLES}) {{ {LISTS[name]} }}", **variables)


def ids(found: Any) -> list[str]:
    return [each["id"] for each in found["nodes"]]


@EVERY_LIST
@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_pages_in_either_direction_add_up_to_the_whole_list(example_system: System, name: str, size: int) -> None:
    whole = page(example_system, name)
    assert whole["totalCount"] == len(ids(whole)) >= 1
    assert (whole["pageInfo"]["hasNextPage"], whole["pageInfo"]["hasPreviousPage"]) == (False, False)

    forward: list[str] = []
    after = None
    while True:
        found = page(example_system, name, first=size, after=after)
        forward += ids(found)
        assert found["totalCount"] == whole["totalCount"]
        assert found["pageInfo"]["hasPreviousPage"] is (after is not None)
        after = found["pageInfo"]["endCursor"]
        assert found["pageInfo"]["hasNextPage"] is (len(forward) < whole["totalCount"])
        if not found["pageInfo"]["hasNextPage"]:
            break
    assert forward == ids(whole)

    backward: list[str] = []
    before = None
    while True:
        found = page(example_system, name, last=size, before=before)
        backward = ids(found) + backward
        assert found["pageInfo"]["hasNextPage"] is (before is not None)
        before = found["pageInfo"]["startCursor"]
        if not found["pageInfo"]["hasPreviousPage"]:
            break
    assert backward == ids(whole)


@EVERY_LIST
def test_edges_have_the_nodes_and_their_cursors(example_system: System, name: str) -> None:
    found = page(example_system, name)
    assert [each["node"]["id"] for each in found["edges"]] == ids(found)
    cursors = [each["cursor"] for each in found["edges"]]
    assert len(set(cursors)) == len(cursors)
    assert (found["pageInfo"]["startCursor"], found["pageInfo"]["endCursor"]) == (cursors[0], cursors[-1])


@EVERY_LIST
def test_a_page_between_two_cursors_has_the_nodes_between_them(example_system: System, name: str) -> None:
    whole = page(example_system, name)
    cursors = [each["cursor"] for each in whole["edges"]]
    between = page(example_system, name, after=cursors[0], before=cursors[-1])
    assert ids(between) == ids(whole)[1:-1]
    if len(cursors) > 3:
        assert ids(page(example_system, name, first=1, after=cursors[0], before=cursors[-1])) == ids(whole)[1:2]
        assert ids(page(example_system, name, last=1, after=cursors[0], before=cursors[-1])) == ids(whole)[-2:-1]
    assert ids(page(example_system, name, after=cursors[-1])) == []
    assert ids(page(example_system, name, before=cursors[0])) == []


@EVERY_LIST
def test_a_page_may_have_no_nodes(example_system: System, name: str) -> None:
    found = page(example_system, name, first=0)
    assert (ids(found), found["edges"], found["pageInfo"]["hasNextPage"]) == ([], [], True)
    assert (found["pageInfo"]["startCursor"], found["pageInfo"]["endCursor"]) == (None, None)


@EVERY_LIST
@pytest.mark.parametrize(("argument", "number"), [("first", 101), ("last", 101), ("first", -1), ("last", -1)])
def test_a_page_has_0_to_100_nodes(example_system: System, name: str, argument: str, number: int) -> None:
    message = f"`{argument}` is {number}, but a page has 0 to 100 nodes"
    assert page_error(example_system, name, **{argument: number}) == (message, "BAD_PAGE")


@EVERY_LIST
def test_first_and_last_cannot_be_combined(example_system: System, name: str) -> None:
    assert page_error(example_system, name, first=1, last=1) == ("give either `first` or `last`", "BAD_PAGE")


def cursor(value: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).decode().rstrip("=")


INVALID_CURSORS = [
    "",
    "x",
    "5",
    "5-",
    "5-abc",
    "%",
    "é",
    "\ud7ff",
    "A" * 5001,
    "_-_-",
    cursor(None),
    cursor([]),
    cursor([1, 2]),
    cursor(["a"]),
    cursor(["a", "b", "c", "d"]),
    cursor([1.5]),
    cursor([True]),
    cursor({"position": 1}),
    cursor([2**70]),
    cursor([-(2**70)]),
    base64.urlsafe_b64encode(b'["\\ud800","x"]').decode(),
    base64.urlsafe_b64encode(b"[\xff]").decode(),
]


@pytest.mark.parametrize("name", ["commitments", "entries", "history", "ofMember", "then"])
@pytest.mark.parametrize("argument", ["after", "before"])
def test_an_invalid_cursor_is_an_error(example_system: System, name: str, argument: str) -> None:
    for wrong in INVALID_CURSORS:
        message, code = page_error(example_system, name, **{argument: wrong})
        assert code == "BAD_CURSOR", wrong
        assert message.startswith(f'`{argument}` is "')
        assert message.endswith(", which is not a cursor of this list")


def test_the_cursor_of_another_list_is_an_error(example_system: System) -> None:
    entry = page(example_system, "entries")["pageInfo"]["endCursor"]
    commitment = page(example_system, "commitments")["pageInfo"]["endCursor"]
    assert page_error(example_system, "commitments", after=entry)[1] == "BAD_CURSOR"
    assert page_error(example_system, "entries", after=commitment)[1] == "BAD_CURSOR"


@pytest.mark.parametrize("name", ["members", "actionPlans", "commitments"])
def test_the_cursor_of_a_list_of_another_type_is_an_error_though_all_are_in_the_order_of_codes(
    example_system: System, name: str
) -> None:
    for other in {"members", "actionPlans", "commitments"} - {name}:
        of_other_type = page(example_system, other)["pageInfo"]["endCursor"]
        assert page_error(example_system, name, after=of_other_type)[1] == "BAD_CURSOR", other


def test_a_cursor_may_belong_to_a_node_that_is_not_in_the_list(example_system: System) -> None:
    whole = page(example_system, "commitments")
    first, second = (edge["cursor"] for edge in whole["edges"][:2])
    filtered = page(example_system, "filtered")
    assert ids(page(example_system, "filtered", after=first)) == ids(filtered), (
        "the cursor's own node is of another cycle"
    )
    assert ids(page(example_system, "filtered", before=second)) == []
    assert (
        ids(page(example_system, "entriesThen", after=page(example_system, "entries")["pageInfo"]["endCursor"])) == []
    )


def test_pages_repeat_and_skip_nothing_when_the_list_grows_in_between(make_system: SystemFactory) -> None:
    system = make_system()
    import_sample_page(system, Page("UY0905", siblings=[Sibling("UY0901", "A"), Sibling("UY0909", "Z")]))
    query = "query ($after: String) { commitments(first: 2, after: $after) { nodes { code } pageInfo { endCursor } } }"
    first = execute_query(system, query)["commitments"]
    import_sample_page(system, Page("UY0903"))
    import_sample_page(system, Page("UY0907"))
    second = execute_query(system, query, after=first["pageInfo"]["endCursor"])["commitments"]
    assert [each["code"] for each in first["nodes"] + second["nodes"]] == ["UY0901", "UY0905", "UY0907", "UY0909"]


def test_a_page_at_a_position_is_unchanged_by_later_writes(make_system: SystemFactory) -> None:
    system = make_system()
    import_sample_page(system, Page("UY0905", siblings=[Sibling("UY0901", "A"), Sibling("UY0909", "Z")]))
    query = """query ($at: Position!, $after: String) { at(position: $at) {
                 commitments(first: 2, after: $after) { nodes { code title } pageInfo { endCursor } } } }"""
    position = execute_query(system, "{ meta { position } }")["meta"]["position"]
    first = execute_query(system, query, at=position)
    import_sample_page(system, Page("UY0903"))
    import_sample_page(system, Page("UY0901", "Another Title"))
    assert execute_query(system, query, at=position) == first
    after = first["at"]["commitments"]["pageInfo"]["endCursor"]
    found = execute_query(system, query, at=position, after=after)["at"]["commitments"]["nodes"]
    assert [each["code"] for each in found] == ["UY0909"]


def test_a_list_of_more_than_a_hundred_nodes_has_several_pages(make_system: SystemFactory) -> None:
    system = make_system()

    def register(uow: UnitOfWork) -> None:
        for number in range(130):
            register_commitment(uow, f"UY{number:04}", {"title/en": uow.text_value(f"Number {number}")})

    system.execute(command_context(1), register)
    found = execute_query(system, "{ commitments { totalCount nodes { code } pageInfo { hasNextPage endCursor } } }")[
        "commitments"
    ]
    assert (found["totalCount"], len(found["nodes"]), found["pageInfo"]["hasNextPage"]) == (130, 100, True)
    query = "query ($after: String) { commitments(after: $after) { nodes { code } pageInfo { hasNextPage } } }"
    rest = execute_query(system, query, after=found["pageInfo"]["endCursor"])["commitments"]
    assert [each["code"] for each in found["nodes"] + rest["nodes"]] == [f"UY{number:04}" for number in range(130)]
    assert rest["pageInfo"]["hasNextPage"] is False


@pytest.mark.parametrize("name", ["commitments(orderBy: {field: CHANGED, direction: DESC}", "commitments(where: {}"])
def test_pages_below_a_position_have_every_node_once_although_more_is_recorded_meanwhile(
    system: System, name: str
) -> None:
    record_commitments(system, 7)
    root = execute_query(system, "{ meta { position rootHash } }")["meta"]
    query = f"""query ($position: Position!, $root: String!, $after: String) {{ at(position: $position, root: $root) {{
      {name}, first: 2, after: $after) {{ totalCount nodes {{ code }} pageInfo {{ endCursor hasNextPage }} }} }} }}"""
    found: list[str] = []
    page: Any = {"pageInfo": {"endCursor": None, "hasNextPage": True}}
    while page["pageInfo"]["hasNextPage"]:
        after = page["pageInfo"]["endCursor"]
        page = execute_query(system, query, position=root["position"], root=root["rootHash"][:16], after=after)["at"][
            "commitments"
        ]
        found += [node["code"] for node in page["nodes"]]
        assert page["totalCount"] == 7
        withdraw(system, found[-1])  # it changes its place in the present
        ensure_commitment(system, f"FR01{len(found):02}")
    assert sorted(found) == [f"FR{number:04}" for number in range(1, 8)]
