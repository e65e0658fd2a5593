"""`at`: any past state can be read in every respect, and a position or time that names no state is an error."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from ogpgraph.domain.errors import Refusal
from ogpgraph.domain.unit_of_work import CommandContext
from ogpgraph.graphql.input_errors import show_value
from ogpgraph.graphql.subject import Entry, Subject
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES, SystemFactory
from tests.domain.events import day
from tests.graphql.client import RECORD_FIELDS, dump_state, execute_query, expect_error, read_position
from tests.graphql.example_log import record_example
from tests.graphql.random_writes import draw_steps
from tests.importer.sample_pages import Page, Sibling, import_sample_page

pytestmark = BOTH_ENGINES

AT = "query ($p: Position, $t: DateTime) { at(position: $p, time: $t) { %s } }"


def read_at(system: System, fields: str, position: int | None = None, time: str | None = None) -> Any:
    return execute_query(system, AT % fields, p=position, t=time)["at"]


def error_at(system: System, **variables: Any) -> tuple[str, object]:
    return expect_error(system, AT % "meta { position }", **variables)


# ---------------------------------------------------------------------------------------------- the state at a position


@pytest.mark.slow
def test_a_position_shows_exactly_what_the_entries_up_to_it_state(example_system: System) -> None:
    head = read_position(example_system)
    entries = execute_query(example_system, "{ entries { nodes { position recordedAt } } }")["entries"]["nodes"]
    for entry in entries[::2]:
        found = read_at(example_system, RECORD_FIELDS, entry["position"])
        assert found["meta"]["position"] == entry["position"]
        assert found["meta"]["recordedAt"] == entry["recordedAt"]
        assert found["entries"]["totalCount"] == entry["position"]
        assert found["entries"]["nodes"][-1]["position"] == entry["position"]
        for subject in (node for kind in ("members", "actionPlans", "commitments") for node in found[kind]["nodes"]):
            assert subject["since"] <= entry["position"]
            assert_nothing_later(subject, entry["position"])
    assert read_at(example_system, RECORD_FIELDS, head) == execute_query(example_system, f"{{ {RECORD_FIELDS} }}")


def assert_nothing_later(value: Any, position: int) -> None:
    """Assert that no position in a response is later than the one that is read."""
    if isinstance(value, dict):
        assert value.get("position", 0) <= position
        for each in value.values():
            assert_nothing_later(each, position)
    elif isinstance(value, list):
        for each in value:
            assert_nothing_later(each, position)


def test_nested_fields_are_read_at_the_same_position(example_system: System) -> None:
    fields = """commitment(code: "UY0901") { status lastObservedAt predecessors { code } milestones { status }
                  actionPlan { status } member { status joinedOn }
                  history { totalCount } blame(path: "status") { value entry { changes { after } } }
                  claims(path: "status") { value isCurrent } sources { language observations { observedAt } } }
                old: commitment(code: "UY0802") { code formerCodes } new: commitment(code: "UY0812") { code }"""
    completed = last_position_of(example_system, "MilestoneCompleted")
    then = read_at(example_system, fields, completed - 1)
    now = execute_query(example_system, f"{{ {fields} }}")
    assert then["commitment"]["status"] == "ACTIVE"
    assert then["commitment"]["milestones"] == [{"status": None}, {"status": None}]
    assert then["commitment"]["predecessors"] == []
    assert then["commitment"]["actionPlan"] == {"status": None}
    assert then["commitment"]["member"] == {"status": None, "joinedOn": None}
    assert then["commitment"]["lastObservedAt"] == "2021-03-03T00:00:00.000000Z"
    assert then["commitment"]["claims"] == [{"value": "ACTIVE", "isCurrent": True}]
    assert [each["value"] for each in then["commitment"]["blame"]] == ["ACTIVE"]
    assert (then["old"], then["new"]) == ({"code": "UY0802", "formerCodes": []}, None)
    assert now["commitment"]["status"] == "INACTIVE"
    assert now["commitment"]["milestones"] == [{"status": "COMPLETE"}, {"status": "LIMITED"}]
    assert now["commitment"]["predecessors"] == [{"code": "UY0801"}]
    assert now["commitment"]["history"]["totalCount"] > then["commitment"]["history"]["totalCount"]
    assert (now["old"], now["new"]["code"]) == ({"code": "UY0812", "formerCodes": ["UY0802"]}, "UY0812")


def last_position_of(system: System, kind: str) -> int:
    query = "query ($kind: [EntryKind!]!) { entries(where: {kind: $kind}, last: 1) { nodes { position } } }"
    return int(execute_query(system, query, kind=[kind])["entries"]["nodes"][0]["position"])


def test_the_subject_of_an_entry_and_everything_below_is_read_at_the_position_of_the_entry(
    example_system: System,
) -> None:
    query = """{ entries(last: 60) { nodes { position kind subject { __typename id revision since
        ... on Commitment { code title status member { revision name status } actionPlan { title status }
          sources { lastObservedAt } milestones { number status } history(last: 1) { nodes { position } } } } } } }"""
    entries = execute_query(example_system, query)["entries"]["nodes"]
    for entry in entries:
        subject = entry["subject"]
        assert subject["since"] == entry["position"]
        if subject["__typename"] != "Commitment":
            continue
        assert subject["history"]["nodes"] == [{"position": entry["position"]}]
        code = subject["code"]
        fields = f"""commitment(code: "{code}") {{ __typename id revision since code title status
            member {{ revision name status }} actionPlan {{ title status }} sources {{ lastObservedAt }}
            milestones {{ number status }} history(last: 1) {{ nodes {{ position }} }} }}"""
        assert subject == read_at(example_system, fields, entry["position"])["commitment"]


@pytest.mark.parametrize("seed", range(3))
def test_the_code_of_what_an_entry_is_about_is_that_of_its_state_there(system: System, seed: int) -> None:
    record_example(system)
    for step in draw_steps(seed, 60):
        context = CommandContext(actor="someone", role="publisher", time=day(step.day), reason=step.reason)
        with suppress(Refusal):
            system.execute(context, step.run)
    with system.read_session() as session:
        head = session.at_head()
        stored = filter(None, head.find_entries(range(1, session.head + 1)))
        subjects = [Entry.of(entry, head).subject() for entry in stored]
        codes = [subject.code() for subject in subjects]
        assert codes == [Subject.of(subject.state, subject.snapshot).code() for subject in subjects]
        assert len(set(zip((each.stream for each in subjects), codes, strict=True))) > len(
            {each.stream for each in subjects}
        )  # some got another code


def test_the_source_of_an_entry_is_read_at_the_position_of_the_entry(example_system: System) -> None:
    query = """{ entries(where: {kind: [CommitmentRevised]}) { nodes { position source { id revision } } } }"""
    for entry in execute_query(example_system, query)["entries"]["nodes"]:
        if entry["source"]:
            id_ = entry["source"]["id"]
            then = read_at(example_system, f'source(id: "{id_}") {{ id revision }}', entry["position"])["source"]
            assert then == entry["source"]


# -------------------------------------------------------------------------------------------------- the state at a time


def test_a_time_selects_the_last_entry_recorded_until_then(example_system: System) -> None:
    entries = execute_query(example_system, "{ entries { nodes { position recordedAt } } }")["entries"]["nodes"]
    for entry, after in pairwise(entries):
        moment = datetime.fromisoformat(entry["recordedAt"])
        just_before = datetime.fromisoformat(after["recordedAt"]) - timedelta(microseconds=1)
        for time in (moment, just_before):
            assert (
                read_at(example_system, "meta { position }", time=time.isoformat())["meta"]["position"]
                == entry["position"]
            )
    assert [each["recordedAt"] for each in entries] == sorted({each["recordedAt"] for each in entries})


@pytest.mark.parametrize("written", ["2026-01-01T12:00:30Z", "2026-01-01T14:00:30+02:00", "2026-01-01T12:00:30.0Z"])
def test_a_time_may_have_any_offset(example_system: System, written: str) -> None:
    expected = read_at(example_system, "meta { position }", time="2026-01-01T12:00:30.000000+00:00")
    assert read_at(example_system, "meta { position }", time=written) == expected


# --------------------------------------------------------------------------------------------------------------- errors


def test_a_position_that_names_no_state_is_an_error(example_system: System) -> None:
    head = read_position(example_system)
    both, neither = {"p": 1, "t": "2026-01-01T12:00:30Z"}, dict[str, Any]()
    assert error_at(example_system, p=head + 1) == (
        f"position {head + 1} is past the head, which is {head}",
        "BAD_POSITION",
    )
    assert error_at(example_system, p=0) == ("position 0 is before the first entry, which is 1", "BAD_POSITION")
    assert error_at(example_system, **both) == ("give either `position` or `time`", "BAD_POSITION")
    assert error_at(example_system, **neither) == ("give either `position` or `time`", "BAD_POSITION")
    assert error_at(example_system, p=None, t=None) == ("give either `position` or `time`", "BAD_POSITION")


@pytest.mark.parametrize(
    "time", ["2025-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "0999-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"]
)
def test_a_time_before_the_first_entry_is_an_error(example_system: System, time: str) -> None:
    message, code = error_at(example_system, t=time)
    assert message.endswith("is before the first entry")
    assert code == "BAD_POSITION"


@pytest.mark.parametrize("time", ["2999-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-14:00"])
def test_a_time_in_the_future_is_an_error(example_system: System, time: str) -> None:
    message, code = error_at(example_system, t=time)
    assert message.endswith("is in the future")
    assert code == "BAD_POSITION"


@pytest.mark.parametrize(
    "time",
    [
        "2026-01-01T12:00:30",
        "2026-01-01",
        "yesterday",
        "",
        "1",
    ],
)
def test_a_time_without_an_offset_or_in_another_format_is_an_error(example_system: System, time: str) -> None:
    message, _ = error_at(example_system, t=time)
    assert f"The variable `$t` is {show_value(time)}, but has to be a time with a UTC offset" in message


@pytest.mark.parametrize("position", [-1, 1.5, True, "3", 2**53])
def test_a_value_that_is_not_a_position_is_an_error(example_system: System, position: object) -> None:
    message, _ = error_at(example_system, p=position)
    assert f"The variable `$p` is {show_value(position)}, but has to be a whole number, 0 or greater" in message


def test_an_empty_log_has_no_past(system: System) -> None:
    assert error_at(system, p=0) == ("position 0 is before the first entry, which is 1", "BAD_POSITION")
    assert error_at(system, p=1)[1] == "BAD_POSITION"
    assert error_at(system, t="2025-06-01T00:00:00Z")[1] == "BAD_POSITION"


# ------------------------------------------------------------------------------------------------------------ stability


@pytest.mark.slow
def test_the_past_is_unchanged_after_later_writes_a_restart_and_a_rebuild(make_system: SystemFactory) -> None:
    system = make_system()
    ferry = Page(siblings=[Sibling("UY0902", "Map Lending")])
    import_sample_page(system, ferry, 1)
    positions = range(1, read_position(system) + 1)
    before = [read_at(system, RECORD_FIELDS, position) for position in positions]
    state = dump_state(system)
    import_sample_page(system, ferry.with_changes(status="Inactive", title="Ferries"), 5)
    import_sample_page(system, ferry.with_changes(lead="Harbour Office"), 3)
    assert [read_at(system, RECORD_FIELDS, position) for position in positions] == before
    restarted = make_system()
    assert [read_at(restarted, RECORD_FIELDS, position) for position in positions] == before
    assert restarted.rebuild() == read_position(restarted)
    assert [read_at(restarted, RECORD_FIELDS, position) for position in positions] == before
    assert dump_state(restarted, positions[-1]) == state


def test_many_positions_can_be_read_in_one_query(example_system: System) -> None:
    head = read_position(example_system)
    aliases = " ".join(f"p{p}: at(position: {p}) {{ ...C }}" for p in range(1, head + 1))
    query = f"{{ {aliases} }} fragment C on Snapshot {{ commitments {{ nodes {{ code status title since }} }} }}"
    all_at_once = execute_query(example_system, query)
    for position in range(1, head + 1):
        separately = read_at(example_system, "commitments { nodes { code status title since } }", position)
        assert all_at_once[f"p{position}"] == separately
