"""The record as of a date, as known now or at a position: worked examples, with answers written by hand beforehand.

The log is in `dated_log.py`. A date stands for the last instant of its period, in UTC, and crawls were made at midnight
when a month began: what a page said then is so on that day, unless the next crawl found something else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import SystemFactory
from tests.graphql.client import execute_query
from tests.graphql.dated_log import FERRIES, FIELDS, HEAD, KENYA, MAPS, NEXT, DatedLog, Observe, record_observations

MINISTRY, BOARD, OFFICE, NOBODY = ["Ministry of Ferries"], ["Harbour Board"], ["Harbour Office"], ["Nobody"]
LEAD, RESULTS, END_OF_TERM = "leadInstitutions/en", "ratings/COMPLETION/RESULTS", "ratings/COMPLETION/END_OF_TERM"


# ----------------------------------------------------------------------------------------- successive crawls of a page


@pytest.mark.parametrize(
    ("known", "date", "status", "unknown"),
    [
        # The plan began in 2018; the page was first seen on 2019-03-01. A status is never null: it reads the next.
        ("crawls", "2018", "ACTIVE", (None, "2019-03-01", [None, "ACTIVE"])),
        ("crawls", "2019-03-01", "ACTIVE", None),
        ("crawls", "2019-08", "ACTIVE", None),
        # Active on 2019-09-01, inactive on 2020-06-01: the last value that is certain is read.
        ("crawls", "2019-12", "ACTIVE", ("2019-09-01", "2020-06-01", ["ACTIVE", "INACTIVE"])),
        ("crawls", "2020-02", "ACTIVE", ("2019-09-01", "2020-06-01", ["ACTIVE", "INACTIVE"])),
        ("crawls", "2020-06-01", "INACTIVE", None),
        ("crawls", "2021-03", "INACTIVE", None),
        # Two crawls of January and March 2020 that were found later say: active.
        (HEAD, "2019-12", "ACTIVE", None),
        (HEAD, "2020-02", "ACTIVE", None),
        (HEAD, "2020-03-01", "ACTIVE", ("2020-03-01", "2020-06-01", ["ACTIVE", "INACTIVE"])),
        (HEAD, "2020-05", "ACTIVE", ("2020-03-01", "2020-06-01", ["ACTIVE", "INACTIVE"])),
        (HEAD, "2020-06-01", "INACTIVE", None),
        # The wrong page of 2020-12-01 said active, until its import was reverted.
        ("wrong", "2020-12", "ACTIVE", ("2020-12-01", "2021-03-01", ["ACTIVE", "INACTIVE"])),
        (HEAD, "2020-12", "INACTIVE", None),
    ],
)
def test_a_status_as_of_a_date(dated_log: DatedLog, known: str, date: str, status: str, unknown: object) -> None:
    assert dated_log.commitment("UY0901", date, known)["status"] == status
    assert dated_log.unknown("UY0901", date, "status", known) == unknown


@pytest.mark.parametrize(
    ("known", "date", "lead", "unknown"),
    [
        ("crawls", "2019-08", MINISTRY, None),
        ("crawls", "2020-02", MINISTRY, None),  # on both sides of it the page said so
        ("crawls", "2020-12", [], ("2020-09-01", "2021-03-01", [MINISTRY, OFFICE])),
        ("crawls", "2021-03-01", OFFICE, None),
        (HEAD, "2018", [], (None, "2019-03-01", [None, MINISTRY])),
        (HEAD, "2019-08", MINISTRY, None),
        (HEAD, "2019-10", [], ("2019-09-01", "2020-01-01", [MINISTRY, BOARD])),
        (HEAD, "2020-02", BOARD, None),
        (HEAD, "2020-04", [], ("2020-03-01", "2020-06-01", [BOARD, MINISTRY])),
        (HEAD, "2020-08", MINISTRY, None),
        ("wrong", "2020-11", [], ("2020-09-01", "2020-12-01", [MINISTRY, NOBODY])),
        ("wrong", "2020-12", [], ("2020-12-01", "2021-03-01", [NOBODY, OFFICE])),
        (HEAD, "2020-12", [], ("2020-09-01", "2021-03-01", [MINISTRY, OFFICE])),
        (HEAD, "2021-03", OFFICE, None),
    ],
)
def test_an_institution_as_of_a_date(
    dated_log: DatedLog, known: str, date: str, lead: list[str], unknown: object
) -> None:
    assert dated_log.commitment("UY0901", date, known)["leadInstitutions"] == lead
    assert dated_log.unknown("UY0901", date, LEAD, known) == unknown


# ---------------------------------------------------------------------------------------------- what people say was so

PENDING = {"stage": "RESULTS", "state": "PENDING", "value": None}
LIMITED = {"stage": "RESULTS", "state": "RATED", "value": "LIMITED"}
SUBSTANTIAL = {"stage": "END_OF_TERM", "state": "RATED", "value": "SUBSTANTIAL"}


@pytest.mark.parametrize(
    ("known", "date", "ratings", "unknown"),
    [
        (HEAD, "2019-08", [PENDING], set()),
        (HEAD, "2020-02", [PENDING], set()),
        (HEAD, "2020-04", [], {RESULTS}),
        # The rating by a person became so in the second half of 2020: not before, and at its end certainly.
        (HEAD, "2020-06", [LIMITED], set()),
        (HEAD, "2020-10", [LIMITED], {END_OF_TERM}),
        (HEAD, "2020-12-30", [LIMITED], {END_OF_TERM}),
        (HEAD, "2020-12-31", [SUBSTANTIAL, LIMITED], set()),
        (HEAD, "2020-S2", [SUBSTANTIAL, LIMITED], set()),
        (HEAD, "2020", [SUBSTANTIAL, LIMITED], set()),
        ("files", "2020", [LIMITED], set()),  # before it was recorded
    ],
)
def test_ratings_as_of_a_date(
    dated_log: DatedLog, known: str, date: str, ratings: list[dict[str, object]], unknown: set[str]
) -> None:
    found = dated_log.commitment("UY0901", date, known)
    assert found["ratings"] == ratings
    assert {each["path"] for each in found["unknown"] if each["path"].startswith("ratings/COMPLETION")} == unknown


def test_an_unknown_rating_has_its_candidates_as_other_fields_show_ratings(dated_log: DatedLog) -> None:
    after, before, candidates = dated_log.unknown("UY0901", "2020-10", END_OF_TERM) or ("", "", [])
    assert (after, before) == ("2020-06-30", "2020-12-31")
    assert [candidates[0], candidates[1]["state"], candidates[1]["value"]] == [None, "RATED", "SUBSTANTIAL"]


@pytest.mark.parametrize(
    ("date", "milestones", "unknown"),
    [
        ("2019-03", [], None),
        ("2019-04-15", [], None),
        ("2019-04", [("1.1", "2019-12", None)], None),
        ("2019-09", [("1.1", "2019-12", None)], None),
        ("2019-11", [("1.1", "2019-12", None)], ("2019-09-30", "2019-12-31", [None, "COMPLETE"])),
        ("2019-12", [("1.1", "2019-12", "COMPLETE")], None),
        ("2022", [("1.1", "2019-12", "COMPLETE")], None),
    ],
)
def test_milestones_as_of_a_date(
    dated_log: DatedLog, date: str, milestones: list[tuple[object, ...]], unknown: object
) -> None:
    found = dated_log.commitment("UY0901", date)["milestones"]
    assert [(each["number"], each["endsOn"], each["status"]) for each in found] == milestones
    assert dated_log.unknown("UY0901", date, "milestones/1.1/status") == unknown


def test_a_milestone_of_which_it_is_not_known_whether_it_was_there_is_not_listed_but_unknown(
    dated_log: DatedLog,
) -> None:
    assert dated_log.unknown("UY0901", "2019-04-15", "milestones/1.1/title/en") == (
        "2019-03-31",
        "2019-04-30",
        [None, "A first table"],
    )


def test_what_a_person_states_without_a_date_may_always_have_been_so(dated_log: DatedLog) -> None:
    assert dated_log.unknown("KE0002", "2018", "status") == (None, "2021-06-01", [None, "ACTIVE"])
    found = dated_log.commitment("KE0002", "2018")
    assert (found["title"], found["status"]) == ("Water for KE0002", "ACTIVE")
    assert dated_log.commitment("KE0002", "2021-06-01")["unknown"] == []


# -------------------------------------------------------------- three states of the database, imported on one afternoon


@pytest.mark.parametrize(
    ("known", "date", "value", "unknown"),
    [
        ("late", "2018", None, (None, "2020-01-01", [None, "LIMITED"])),
        ("late", "2020-06", None, ("2020-01-01", "2021-01-01", ["LIMITED", "SUBSTANTIAL"])),
        ("late", "2021-06", None, ("2021-01-01", "2022-01-01", ["SUBSTANTIAL", "COMPLETE"])),
        ("late", "2022", "COMPLETE", None),
        # What the second file was read to say was corrected.
        (HEAD, "2020-06", None, ("2020-01-01", "2021-01-01", ["LIMITED", "NOT_STARTED"])),
        (HEAD, "2021-06", None, ("2021-01-01", "2022-01-01", ["NOT_STARTED", "COMPLETE"])),
        (HEAD, "2022-01-01", "COMPLETE", None),
    ],
)
def test_a_rating_of_the_database_as_of_a_date(
    dated_log: DatedLog, known: str, date: str, value: str | None, unknown: tuple[Any, ...] | None
) -> None:
    ratings = {each["stage"]: each["value"] for each in dated_log.commitment("UY0801", date, known)["ratings"]}
    assert ratings.get("END_OF_TERM") == value
    found = dated_log.unknown("UY0801", date, END_OF_TERM, known)
    assert (found and (*found[:2], [each and each["value"] for each in found[2]])) == unknown


@pytest.mark.parametrize(
    ("date", "ends_on", "unknown"),
    [
        ("2020-06", None, ("2020-01-01", "2021-01-01", ["2019-12-31", "2020-12-31"])),
        ("2021-06", "2020-12-31", None),  # the files of 2021 and 2022 say the same
        ("2022", "2020-12-31", None),
    ],
)
def test_a_date_of_the_database_as_of_a_date(
    dated_log: DatedLog, date: str, ends_on: str | None, unknown: tuple[Any, ...] | None
) -> None:
    assert dated_log.commitment("UY0801", date)["endsOn"] == ends_on
    assert dated_log.unknown("UY0801", date, "endsOn") == unknown


# ---------------------------------------------------------------------------------------------------------- what exists


@pytest.mark.parametrize(
    ("known", "date", "codes"),
    [
        (HEAD, "2015-12-31", []),
        (HEAD, "2016-01-01", KENYA),  # its plan began in 2016
        (HEAD, "2017", KENYA),
        (HEAD, "2018-01-01", KENYA + MAPS + FERRIES),  # their plan began in 2018, in whatever year they were first seen
        (HEAD, "2020-12-31", KENYA + MAPS + FERRIES),
        (HEAD, "2021-01-01", KENYA + MAPS + FERRIES + NEXT),  # of its plan no begin is known: since it was first seen
        (HEAD, "2022-06-30", KENYA + MAPS + FERRIES + NEXT),
        (HEAD, "2022-07-01", ["KE0001", *KENYA, *MAPS, *FERRIES, *NEXT]),
        ("crawls", "2022-07-01", FERRIES),
        ("files", "2018", MAPS + FERRIES),
    ],
)
def test_the_commitments_as_of_a_date_are_those_whose_plan_had_begun(
    dated_log: DatedLog, known: str, date: str, codes: list[str]
) -> None:
    assert dated_log.codes("", date, known) == codes
    for code in ("KE0001", "KE0002", "UY0801", "UY0901", "UY1001"):
        assert (dated_log.commitment(code, date, known) is not None) == (code in codes)


@pytest.mark.parametrize(
    ("date", "plans"),
    [
        ("2015", []),
        ("2016", ["KEN-2016"]),
        ("2018", ["KEN-2016", "URY-2018"]),
        ("2021", ["KEN-2016", "URY-2018", "URY-2020"]),
        ("2022-07", ["KEN-2016", "KEN-2022", "URY-2018", "URY-2020"]),
    ],
)
def test_the_action_plans_as_of_a_date_are_those_that_had_begun(
    dated_log: DatedLog, date: str, plans: list[str]
) -> None:
    found = dated_log.read("actionPlans { totalCount nodes { code } }", date)["actionPlans"]
    assert ([each["code"] for each in found["nodes"]], found["totalCount"]) == (plans, len(plans))


def test_members_exist_at_any_date_and_have_what_existed_then(dated_log: DatedLog) -> None:
    fields = """members { nodes { code actionPlans { nodes { code commitments { totalCount nodes { code } } } }
        commitments { totalCount nodes { code member { code } actionPlan { code } } } } }"""
    found = {each["code"]: each for each in dated_log.read(fields, "2022-06")["members"]["nodes"]}
    assert [*found] == ["KEN", "URY"]
    assert found["KEN"]["actionPlans"]["nodes"] == [
        {"code": "KEN-2016", "commitments": {"totalCount": 1, "nodes": [{"code": "KE0002"}]}}
    ]
    commitments = found["URY"]["commitments"]
    assert commitments["totalCount"] == 4
    assert [(each["code"], each["actionPlan"]["code"]) for each in commitments["nodes"]] == [
        ("UY0801", "URY-2018"),
        ("UY0802", "URY-2018"),
        ("UY0901", "URY-2018"),
        ("UY1001", "URY-2020"),
    ]
    assert dated_log.read("members { totalCount }", "2011") == {"members": {"totalCount": 2}}


def test_what_is_reached_from_a_commitment_is_read_at_the_same_date(dated_log: DatedLog) -> None:
    fields = """commitment(code: "UY0901") { actionPlan { commitments(first: 3) { nodes {
        code status milestones { status } ratings(indicator: [COMPLETION], stage: [END_OF_TERM]) { value } } } } }"""
    found = dated_log.read(fields, "2020-03")["commitment"]["actionPlan"]["commitments"]["nodes"]
    assert found == [
        {"code": "UY0801", "status": "ACTIVE", "milestones": [], "ratings": []},
        {"code": "UY0802", "status": "ACTIVE", "milestones": [], "ratings": [{"value": "LIMITED"}]},
        {"code": "UY0901", "status": "ACTIVE", "milestones": [{"status": "COMPLETE"}], "ratings": []},
    ]


# ------------------------------------------------------------------------------------------------------- the other axis


def test_at_the_end_of_time_everything_is_as_at_the_position(dated_log: DatedLog) -> None:
    fields = "commitments { totalCount nodes { code title status endsOn leadInstitutions ratings { stage value } } }"
    for position in dated_log.positions.values():
        query = f'{{ at(position: {position}) {{ {fields} asOf(date: "2100") {{ {fields} }} }} }}'
        found = execute_query(dated_log.system, query)["at"]
        assert found.pop("asOf") == found


def test_a_date_on_the_query_and_on_the_newest_position_is_the_same(dated_log: DatedLog) -> None:
    fields = f"commitments {{ nodes {{ {FIELDS} }} }}"
    for date in ("2018", "2019-10", "2020-06", "2022"):
        query = f'{{ at(position: {dated_log.positions[HEAD]}) {{ asOf(date: "{date}") {{ {fields} }} }} }}'
        assert execute_query(dated_log.system, query)["at"]["asOf"] == dated_log.read(fields, date)


def test_the_order_in_which_observations_are_imported_makes_no_difference_at_any_date(
    make_system: SystemFactory,
) -> None:
    fields = f"actionPlans {{ nodes {{ code title startsOn endsOn }} }} commitments {{ nodes {{ {FIELDS} }} }}"
    dates = ("2018", "2019-08", "2019-10", "2020-02", "2020-06", "2021-01-01", "2021-06", "2022")
    query = "{" + " ".join(f'd{place}: asOf(date: "{date}") {{ {fields} }}' for place, date in enumerate(dates)) + "}"
    orders: dict[str, Callable[[list[Observe]], list[Observe]]] = {
        "by time": list,
        "backwards": lambda observations: observations[::-1],
        "mixed": lambda observations: observations[1::2] + observations[::2],
    }
    found = {}
    for name, order in orders.items():
        record_observations(system := make_system(name.replace(" ", "-")), order)
        # Of an unknown action plan the candidates are ids, which differ from log to log.
        found[name] = re.sub(r"plan-\w+", "plan", str(execute_query(system, query)))
    assert found["backwards"] == found["by time"]
    assert found["mixed"] == found["by time"]
