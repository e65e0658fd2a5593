"""The record as of a date, as known now or at a position: worked examples, with answers written by hand beforehand.

The log is in `dated_log.py`. A date stands for the last instant of its period, in UTC, and crawls were made at midnight
when a month began: what a page said then is so on that day, unless the next crawl found something else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ogpgraph.system import System, migrate, open_system
from tests.conftest import TickingClock
from tests.graphql.client import execute_query
from tests.graphql.dated_log import record_dated_log
from tests.graphql.example_log import sequential_ids

HEAD = "reverted"
"""The last part of the log."""
FIELDS = """code title status endsOn leadInstitutions milestones { number title endsOn status }
  ratings(indicator: [COMPLETION]) { stage state value } unknown { path after before candidates }"""
MINISTRY, BOARD, OFFICE, NOBODY = ["Ministry of Ferries"], ["Harbour Board"], ["Harbour Office"], ["Nobody"]
LEAD, RESULTS, END_OF_TERM = "leadInstitutions/en", "ratings/COMPLETION/RESULTS", "ratings/COMPLETION/END_OF_TERM"


class DatedLog:
    """The log of `dated_log.py`, read at a date, as known after one of its parts."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.positions = record_dated_log(system)

    def read(self, fields: str, date: str, known: str = HEAD) -> Any:
        """Return fields of the snapshot at a date, as known after a part of the log."""
        as_of = f'asOf(date: "{date}") {{ {fields} }}'
        if known == HEAD:
            return execute_query(self.system, f"{{ {as_of} }}")["asOf"]
        return execute_query(self.system, f"{{ at(position: {self.positions[known]}) {{ {as_of} }} }}")["at"]["asOf"]

    def commitment(self, code: str, date: str, known: str = HEAD) -> Any:
        """Return a commitment at a date."""
        return self.read(f'commitment(code: "{code}") {{ {FIELDS} }}', date, known)["commitment"]

    def unknown(self, code: str, date: str, path: str, known: str = HEAD) -> tuple[Any, ...] | None:
        """Return the days between which a field of a commitment changed, and its candidates; None if it is known."""
        found = {each["path"]: each for each in self.commitment(code, date, known)["unknown"]}
        if path not in found:
            return None
        after, before = found[path]["after"], found[path]["before"]
        return after and after[:10], before[:10], found[path]["candidates"]

    def codes(self, arguments: str, date: str, known: str = HEAD) -> list[str]:
        """Return the codes of a list of commitments, which it has as many of as it says."""
        arguments = f"({arguments})" if arguments else ""
        found = self.read(f"commitments{arguments} {{ totalCount nodes {{ code }} }}", date, known)["commitments"]
        assert found["totalCount"] == len(found["nodes"])
        return [each["code"] for each in found["nodes"]]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatedLog]:
    url = f"sqlite:///{tmp_path_factory.mktemp('dated') / 'log.db'}"
    clock, new_id = TickingClock(), sequential_ids()
    migrate(url, clock=clock, new_id=new_id)
    with open_system(url, clock=clock, new_id=new_id) as system:
        yield DatedLog(system)


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
def test_a_status_as_of_a_date(log: DatedLog, known: str, date: str, status: str, unknown: object) -> None:
    assert log.commitment("UY0901", date, known)["status"] == status
    assert log.unknown("UY0901", date, "status", known) == unknown


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
def test_an_institution_as_of_a_date(log: DatedLog, known: str, date: str, lead: list[str], unknown: object) -> None:
    assert log.commitment("UY0901", date, known)["leadInstitutions"] == lead
    assert log.unknown("UY0901", date, LEAD, known) == unknown


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
    log: DatedLog, known: str, date: str, ratings: list[dict[str, object]], unknown: set[str]
) -> None:
    found = log.commitment("UY0901", date, known)
    assert found["ratings"] == ratings
    assert {each["path"] for each in found["unknown"] if each["path"].startswith("ratings/COMPLETION")} == unknown


def test_an_unknown_rating_has_its_candidates_as_other_fields_show_ratings(log: DatedLog) -> None:
    after, before, candidates = log.unknown("UY0901", "2020-10", END_OF_TERM) or ("", "", [])
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
    log: DatedLog, date: str, milestones: list[tuple[object, ...]], unknown: object
) -> None:
    found = log.commitment("UY0901", date)["milestones"]
    assert [(each["number"], each["endsOn"], each["status"]) for each in found] == milestones
    assert log.unknown("UY0901", date, "milestones/1.1/status") == unknown


def test_a_milestone_of_which_it_is_not_known_whether_it_was_there_is_not_listed_but_unknown(log: DatedLog) -> None:
    assert log.unknown("UY0901", "2019-04-15", "milestones/1.1/title/en") == (
        "2019-03-31",
        "2019-04-30",
        [None, "A first table"],
    )


def test_what_a_person_states_without_a_date_may_always_have_been_so(log: DatedLog) -> None:
    assert log.unknown("KE0002", "2018", "status") == (None, "2021-06-01", [None, "ACTIVE"])
    found = log.commitment("KE0002", "2018")
    assert (found["title"], found["status"]) == ("Water for KE0002", "ACTIVE")
    assert log.commitment("KE0002", "2021-06-01")["unknown"] == []


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
    log: DatedLog, known: str, date: str, value: str | None, unknown: tuple[Any, ...] | None
) -> None:
    ratings = {each["stage"]: each["value"] for each in log.commitment("UY0801", date, known)["ratings"]}
    assert ratings.get("END_OF_TERM") == value
    found = log.unknown("UY0801", date, END_OF_TERM, known)
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
    log: DatedLog, date: str, ends_on: str | None, unknown: tuple[Any, ...] | None
) -> None:
    assert log.commitment("UY0801", date)["endsOn"] == ends_on
    assert log.unknown("UY0801", date, "endsOn") == unknown


# ---------------------------------------------------------------------------------------------------------- what exists

KENYA, FERRIES, MAPS, NEXT = ["KE0002"], ["UY0901"], ["UY0801", "UY0802"], ["UY1001"]


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
    log: DatedLog, known: str, date: str, codes: list[str]
) -> None:
    assert log.codes("", date, known) == codes
    for code in ("KE0001", "KE0002", "UY0801", "UY0901", "UY1001"):
        assert (log.commitment(code, date, known) is not None) == (code in codes)


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
def test_the_action_plans_as_of_a_date_are_those_that_had_begun(log: DatedLog, date: str, plans: list[str]) -> None:
    found = log.read("actionPlans { totalCount nodes { code } }", date)["actionPlans"]
    assert ([each["code"] for each in found["nodes"]], found["totalCount"]) == (plans, len(plans))


def test_members_exist_at_any_date_and_have_what_existed_then(log: DatedLog) -> None:
    fields = """members { nodes { code actionPlans { nodes { code commitments { totalCount nodes { code } } } }
        commitments { totalCount nodes { code member { code } actionPlan { code } } } } }"""
    found = {each["code"]: each for each in log.read(fields, "2022-06")["members"]["nodes"]}
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
    assert log.read("members { totalCount }", "2011") == {"members": {"totalCount": 2}}


def test_what_is_reached_from_a_commitment_is_read_at_the_same_date(log: DatedLog) -> None:
    fields = """commitment(code: "UY0901") { actionPlan { commitments(first: 3) { nodes {
        code status milestones { status } ratings(indicator: [COMPLETION], stage: [END_OF_TERM]) { value } } } } }"""
    found = log.read(fields, "2020-03")["commitment"]["actionPlan"]["commitments"]["nodes"]
    assert found == [
        {"code": "UY0801", "status": "ACTIVE", "milestones": [], "ratings": []},
        {"code": "UY0802", "status": "ACTIVE", "milestones": [], "ratings": [{"value": "LIMITED"}]},
        {"code": "UY0901", "status": "ACTIVE", "milestones": [{"status": "COMPLETE"}], "ratings": []},
    ]


# ---------------------------------------------------------------------------------------------- filters, orders, facets


@pytest.mark.parametrize(
    ("where", "codes"),
    [
        # On 2020-06-30: UY0901 is inactive, UY0801 and UY0802 are active; of KE0002 it is not known whether it had one.
        ("{status: {in: [ACTIVE]}}", MAPS),
        ("{status: {in: [INACTIVE]}}", FERRIES),
        ("{status: {in: [ACTIVE, INACTIVE]}}", MAPS + FERRIES),
        ("{status: {unknown: true}}", KENYA),
        ("{status: {unknown: false}}", MAPS + FERRIES),
        ("{status: {isNull: true}}", []),
        ("{status: {isNull: false}}", MAPS + FERRIES),
        ("{status: {notIn: [INACTIVE]}}", MAPS),
        ("{not: [{status: {in: [INACTIVE]}}]}", MAPS),
        ("{not: [{status: {isNull: true}}]}", MAPS + FERRIES),
        ("{not: [{status: {unknown: true}}]}", MAPS + FERRIES),
        ("{or: [{status: {unknown: true}}, {status: {in: [INACTIVE]}}]}", KENYA + FERRIES),
        ("{and: [{status: {in: [ACTIVE]}}, {endsOn: {unknown: true}}]}", ["UY0801"]),
        ("{not: [{status: {in: [ACTIVE]}, endsOn: {unknown: false}}]}", ["UY0801", "UY0901"]),
        # UY0802 is due at the end of 2021, UY0801 at the end of 2019 or 2020, the others without a date.
        ('{endsOn: {from: "2021"}}', ["UY0802"]),
        ('{endsOn: {until: "2020"}}', []),
        ("{endsOn: {isNull: true}}", KENYA + FERRIES),
        ('{not: [{endsOn: {until: "2020"}}]}', [*KENYA, "UY0802", *FERRIES]),
        ("{endsOn: {unknown: true}}", ["UY0801"]),
        # The completion of UY0801 is limited or not started.
        ("{rating: {indicator: COMPLETION, value: [LIMITED]}}", ["UY0802", *FERRIES]),
        ("{rating: {indicator: COMPLETION, stage: END_OF_TERM, value: [LIMITED]}}", ["UY0802"]),
        ("{not: [{rating: {indicator: COMPLETION, value: [LIMITED]}}]}", KENYA),
        ("{rating: {indicator: COMPLETION, unknown: true}}", ["UY0801"]),
        ("{rating: {indicator: COMPLETION, stage: END_OF_TERM, unknown: true}}", ["UY0801"]),
        ("{milestone: {status: [COMPLETE]}}", FERRIES),
    ],
)
def test_filters_are_three_valued(log: DatedLog, where: str, codes: list[str]) -> None:
    assert log.codes(f"where: {where}", "2020-06") == codes


def test_a_filter_finds_at_each_date_what_is_so_then(log: DatedLog) -> None:
    found = {
        date: log.codes("where: {milestone: {status: [COMPLETE]}}", date) for date in ("2019-09", "2019-11", "2019-12")
    }
    assert found == {"2019-09": [], "2019-11": [], "2019-12": FERRIES}
    where = "where: {rating: {indicator: COMPLETION, stage: END_OF_TERM, value: [SUBSTANTIAL, NOT_STARTED]}}"
    assert [log.codes(where, date) for date in ("2020-10", "2020", "2021-01")] == [[], FERRIES, FERRIES]
    assert log.codes(where, "2021-01-01", "late") == FERRIES


@pytest.mark.parametrize(
    ("order", "codes"),
    [
        ("[{field: ENDS_ON}]", ["UY0802", "KE0002", "UY0801", "UY0901"]),
        ("[{field: STATUS}]", ["UY0801", "UY0802", "UY0901", "KE0002"]),
        ("[{field: STATUS, direction: DESC}]", ["UY0901", "UY0801", "UY0802", "KE0002"]),
    ],
)
def test_an_order_places_what_is_unknown_with_what_has_no_value(log: DatedLog, order: str, codes: list[str]) -> None:
    assert log.codes(f"orderBy: {order}", "2020-06") == codes


@pytest.mark.parametrize(
    ("known", "date", "dimension", "counts"),
    [
        (HEAD, "2020-06", "STATUS", {"ACTIVE": 2, "INACTIVE": 1, "UNKNOWN": 1}),
        (HEAD, "2020-05", "STATUS", {"ACTIVE": 2, "UNKNOWN": 2}),
        ("crawls", "2020-02", "STATUS", {"UNKNOWN": 1}),
        (HEAD, "2020-06", "COMPLETION", {"LIMITED": 2, "UNKNOWN": 1}),
        (HEAD, "2022", "COMPLETION", {"COMPLETE": 1, "LIMITED": 2, "NO_DATA": 1}),
        (HEAD, "2020-06", "MEMBER", {"URY": 3, "KEN": 1}),
    ],
)
def test_a_facet_counts_apart_what_is_unknown(
    log: DatedLog, known: str, date: str, dimension: str, counts: dict[str, int]
) -> None:
    fields = f"commitments {{ facets(dimensions: [{dimension}]) {{ values {{ value count }} }} }}"
    (facet,) = log.read(fields, date, known)["commitments"]["facets"]
    assert {each["value"]: each["count"] for each in facet["values"]} == counts


# -------------------------------------------------------------------------------------------- comparisons and timelines


def test_a_comparison_of_two_dates_has_what_changed_between_them(log: DatedLog) -> None:
    fields = "nodes { before { code } after { code } changes { path before after } }"
    where = 'where: {code: {eq: "UY0901"}}'
    query = f'{{ compare(fromDate: "2019-08", toDate: "2020-06", {where}) {{ {fields} }} }}'
    (found,) = execute_query(log.system, query)["compare"]["nodes"]
    changes = {each["path"]: (each["before"], each["after"]) for each in found["changes"]}
    assert changes == {
        "milestones/1.1/status": (None, "COMPLETE"),
        f"{RESULTS}/state": ("PENDING", "RATED"),
        f"{RESULTS}/statedAs": ("Pending IRM Review", "Limited"),
        f"{RESULTS}/value": (None, "LIMITED"),
        "status": ("ACTIVE", "INACTIVE"),
    }


def test_a_comparison_of_two_dates_has_the_commitments_that_changed_or_began(log: DatedLog) -> None:
    query = """{ compare(fromDate: "2021-12", toDate: "2022-07") { nodes { before { code } after { code } } } }"""
    found = execute_query(log.system, query)["compare"]["nodes"]
    assert [(each["before"] and each["before"]["code"], each["after"]["code"]) for each in found] == [
        (None, "KE0001"),
        ("UY0801", "UY0801"),  # its completion was unknown
    ]


def test_a_timeline_of_what_was_so_counts_at_the_end_of_each_year(log: DatedLog) -> None:
    timeline = """commitments { timeline(dimension: STATUS, clock: EFFECTIVE, every: YEAR,
        from: "2018-06-01T00:00:00Z", until: "2022-12-31T23:59:59.999999Z") { totalCount values { value count } } }"""
    points = execute_query(log.system, f"{{ {timeline} }}")["commitments"]["timeline"]
    assert [({each["value"]: each["count"] for each in point["values"]}, point["totalCount"]) for point in points] == [
        ({"UNKNOWN": 4}, 4),
        ({"ACTIVE": 1, "UNKNOWN": 3}, 4),  # the page was seen before and after the year ended
        ({"ACTIVE": 2, "INACTIVE": 1, "UNKNOWN": 1}, 4),
        ({"ACTIVE": 4, "INACTIVE": 1}, 5),
        ({"ACTIVE": 5, "INACTIVE": 1}, 6),
    ]
    known_then = f"{{ at(position: {log.positions['crawls']}) {{ {timeline} }} }}"
    points = execute_query(log.system, known_then)["at"]["commitments"]["timeline"]
    assert [{each["value"]: each["count"] for each in point["values"]} for point in points] == [
        {"UNKNOWN": 1},
        {"UNKNOWN": 1},
        {"INACTIVE": 1},
        {"INACTIVE": 1},
        {"INACTIVE": 1},
    ]


# ------------------------------------------------------------------------------------------------------- the other axis


def test_at_the_end_of_time_everything_is_as_at_the_position(log: DatedLog) -> None:
    fields = "commitments { totalCount nodes { code title status endsOn leadInstitutions ratings { stage value } } }"
    for position in log.positions.values():
        query = f'{{ at(position: {position}) {{ {fields} asOf(date: "2100") {{ {fields} }} }} }}'
        found = execute_query(log.system, query)["at"]
        assert found.pop("asOf") == found


def test_a_date_on_the_query_and_on_the_newest_position_is_the_same(log: DatedLog) -> None:
    fields = f"commitments {{ nodes {{ {FIELDS} }} }}"
    for date in ("2018", "2019-10", "2020-06", "2022"):
        query = f'{{ at(position: {log.positions[HEAD]}) {{ asOf(date: "{date}") {{ {fields} }} }} }}'
        assert execute_query(log.system, query)["at"]["asOf"] == log.read(fields, date)
