"""Lists as of a date: filters, orders, facets, comparisons and timelines, with answers written by hand beforehand.

The log is in `dated_log.py`.
"""

from __future__ import annotations

import pytest

from ogpgraph.domain.review import record_rating
from ogpgraph.domain.unit_of_work import CommandContext, Provenance, UnitOfWork
from ogpgraph.domain.values import Rating
from ogpgraph.domain.vocabulary import Indicator, RatingState, RatingValue, Stage
from ogpgraph.system import System
from tests.graphql.client import execute_query
from tests.graphql.dated_log import FERRIES, HEAD, KENYA, MAPS, DatedLog
from tests.importer.sample_pages import Page, Sibling, day, import_sample_page

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
        ("{unknown: [STATUS]}", KENYA),
        ("{unknown: []}", []),
        ("{not: [{unknown: [STATUS]}]}", MAPS + FERRIES),
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
def test_filters_are_three_valued(dated_log: DatedLog, where: str, codes: list[str]) -> None:
    assert dated_log.codes(f"where: {where}", "2020-06") == codes


def test_a_filter_finds_at_each_date_what_is_so_then(dated_log: DatedLog) -> None:
    found = {
        date: dated_log.codes("where: {milestone: {status: [COMPLETE]}}", date)
        for date in ("2019-09", "2019-11", "2019-12")
    }
    assert found == {"2019-09": [], "2019-11": [], "2019-12": FERRIES}
    where = "where: {rating: {indicator: COMPLETION, stage: END_OF_TERM, value: [SUBSTANTIAL, NOT_STARTED]}}"
    assert [dated_log.codes(where, date) for date in ("2020-10", "2020", "2021-01")] == [[], FERRIES, FERRIES]
    assert dated_log.codes(where, "2021-01-01", "late") == FERRIES


def _rate_maps(uow: UnitOfWork) -> None:
    rating = Rating(RatingState.RATED, RatingValue.LIMITED)
    since = Provenance(effective_on="2021-03-09")
    commitment = uow.require_by_code("commitment", "UY0902")
    record_rating(uow, commitment, Indicator.COMPLETION, Stage.RESULTS, rating, provenance=since)


def test_whether_a_commitment_is_known_from_lists_only_is_told_and_filtered_of_the_record_as_a_whole(
    system: System,
) -> None:
    import_sample_page(system, Page(siblings=[Sibling("UY0902", "Maps")]), 1)
    context = CommandContext(actor="account-7", role="reviewer", time=day(9))
    system.execute(context, _rate_maps)
    query = """{ asOf(date: "2021-03-05") { commitment(code: "UY0902") { listedOnly }
        commitments(where: {listedOnly: true}) { totalCount } } }"""
    found = execute_query(system, query)["asOf"]
    assert found == {"commitment": {"listedOnly": False}, "commitments": {"totalCount": 0}}


@pytest.mark.parametrize(
    ("order", "codes"),
    [
        ("[{field: ENDS_ON}]", ["UY0802", "KE0002", "UY0801", "UY0901"]),
        ("[{field: STATUS}]", ["UY0801", "UY0802", "UY0901", "KE0002"]),
        ("[{field: STATUS, direction: DESC}]", ["UY0901", "UY0801", "UY0802", "KE0002"]),
    ],
)
def test_an_order_places_what_is_unknown_with_what_has_no_value(
    dated_log: DatedLog, order: str, codes: list[str]
) -> None:
    assert dated_log.codes(f"orderBy: {order}", "2020-06") == codes


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
    dated_log: DatedLog, known: str, date: str, dimension: str, counts: dict[str, int]
) -> None:
    fields = f"commitments {{ facets(dimensions: [{dimension}]) {{ values {{ value count }} }} }}"
    (facet,) = dated_log.read(fields, date, known)["commitments"]["facets"]
    assert {each["value"]: each["count"] for each in facet["values"]} == counts


# -------------------------------------------------------------------------------------------- comparisons and timelines


def test_a_comparison_of_two_dates_has_what_changed_between_them(dated_log: DatedLog) -> None:
    fields = "nodes { before { code } after { code } changes { path before after } }"
    where = 'where: {code: {eq: "UY0901"}}'
    query = f'{{ compare(fromDate: "2019-08", toDate: "2020-06", {where}) {{ {fields} }} }}'
    (found,) = execute_query(dated_log.system, query)["compare"]["nodes"]
    changes = {each["path"]: (each["before"], each["after"]) for each in found["changes"]}
    assert changes == {
        "milestones/1.1/status": (None, "COMPLETE"),
        "ratings/COMPLETION/RESULTS/state": ("PENDING", "RATED"),
        "ratings/COMPLETION/RESULTS/statedAs": ("Pending IRM Review", "Limited"),
        "ratings/COMPLETION/RESULTS/value": (None, "LIMITED"),
        "status": ("ACTIVE", "INACTIVE"),
    }


def test_a_comparison_of_two_dates_has_the_commitments_that_changed_or_began(dated_log: DatedLog) -> None:
    query = """{ compare(fromDate: "2021-12", toDate: "2022-07") { nodes { before { code } after { code } } } }"""
    found = execute_query(dated_log.system, query)["compare"]["nodes"]
    assert [(each["before"] and each["before"]["code"], each["after"]["code"]) for each in found] == [
        (None, "KE0001"),
        ("UY0801", "UY0801"),  # its completion was unknown
    ]


def test_a_timeline_of_what_was_so_counts_at_the_end_of_each_year(dated_log: DatedLog) -> None:
    timeline = """commitments { timeline(dimension: STATUS, clock: EFFECTIVE, every: YEAR,
        from: "2018-06-01T00:00:00Z", until: "2022-12-31T23:59:59.999999Z") { totalCount values { value count } } }"""
    points = execute_query(dated_log.system, f"{{ {timeline} }}")["commitments"]["timeline"]
    assert [({each["value"]: each["count"] for each in point["values"]}, point["totalCount"]) for point in points] == [
        ({"UNKNOWN": 4}, 4),
        ({"ACTIVE": 1, "UNKNOWN": 3}, 4),  # the page was seen before and after the year ended
        ({"ACTIVE": 2, "INACTIVE": 1, "UNKNOWN": 1}, 4),
        ({"ACTIVE": 4, "INACTIVE": 1}, 5),
        ({"ACTIVE": 5, "INACTIVE": 1}, 6),
    ]
    known_then = f"{{ at(position: {dated_log.positions['crawls']}) {{ {timeline} }} }}"
    points = execute_query(dated_log.system, known_then)["at"]["commitments"]["timeline"]
    assert [{each["value"]: each["count"] for each in point["values"]} for point in points] == [
        {"UNKNOWN": 1},
        {"UNKNOWN": 1},
        {"INACTIVE": 1},
        {"INACTIVE": 1},
        {"INACTIVE": 1},
    ]
