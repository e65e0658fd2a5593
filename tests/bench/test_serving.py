"""What the comparison of servers computes: ratios, the form in which answers are compared, requests and the chart."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest
from graphql import parse

from bench.serving.chart import Bar, Group, draw_bars
from bench.serving.comparison import find_difference, normalize
from bench.serving.generator import format_request
from bench.serving.load import Load, Request
from bench.serving.measuring import Measurement
from bench.serving.operations import DOCUMENTS, MUTATIONS, Known, Operation, choose_variables, read_past
from bench.serving.page import BEGIN, END, build_page, replace_between
from bench.serving.report import Environment, Result
from bench.serving.summary import Spread, paired_ratio, summarize
from bench.serving.writer import has_errors

KNOWN = Known([f"FR{number:04}" for number in range(100)], [f"A{letter}X" for letter in "ABCDEFGH"], 1_000)


def _measure(server: str, scenario: str, round_: int, requests: int, cpu_ms: float = 1) -> Measurement:
    load = Load(requests=requests, seconds=1, p50_ms=1, p99_ms=2, max_ms=3, errors=0, bytes=requests * 10)
    return Measurement(
        server=server, operation="Q1", scenario=scenario, round=round_, load=load, cpu_ms=cpu_ms, resident_mb=100
    )


def test_a_ratio_is_the_median_of_the_ratios_of_rounds_that_both_have() -> None:
    assert paired_ratio({0: 10.0, 1: 40.0, 2: 90.0}, {0: 10.0, 1: 20.0, 2: 30.0, 3: 1.0}) == Spread(2.0, 1.0, 3.0)
    assert paired_ratio({0: 10.0}, {0: 0.0}) is None


def test_a_summary_has_ratios_to_the_references_and_to_the_same_server_while_idle() -> None:
    measured = [
        each
        for number in range(3)
        for each in (
            _measure("ours", "IDLE", number, 100),
            _measure("ours", "WRITES", number, 60 + number),
            _measure("peer", "IDLE", number, 50, cpu_ms=4),
        )
    ]
    ours, writes, peer = summarize(measured, "IDLE", ["peer"])
    assert (ours.server, ours.per_second, ours.ratios) == ("ours", Spread(100, 100, 100), {"peer": Spread(2, 2, 2)})
    assert (writes.scenario, writes.ratios) == ("WRITES", {"IDLE": Spread(0.61, 0.6, 0.62)})
    assert (peer.server, peer.ratios) == ("peer", {})
    assert (ours.cpu_ratios, writes.cpu_ratios) == ({"peer": Spread(4, 4, 4)}, {"IDLE": Spread(1, 1, 1)})


def test_facets_of_all_schemas_have_one_form() -> None:
    values = [{"value": "LIMITED", "across": [{"value": "2015", "count": 2}]}]
    areas = [{"value": "Land", "count": 3}, {"value": "Budgets", "count": 3}]
    rows = [
        {"dimension": "POLICY_AREA", "value": "Budgets", "across": None, "count": 3},
        {"dimension": "COMPLETION", "value": "LIMITED", "across": "2015", "count": 2},
        {"dimension": "POLICY_AREA", "value": "Land", "across": None, "count": 3},
    ]
    ours = {"commitments": {"completion": [{"values": values}], "areas": [{"values": areas}]}}
    forms: list[Any] = [ours, {"facets": {"completion": values, "areas": areas}}, {"facets": {"nodes": rows}}]
    first, *others = [normalize(Operation.Q3, each) for each in forms]
    assert len(first) == 3
    assert others == [first, first]


def test_connections_are_lists_and_an_object_without_fields_is_null() -> None:
    ours = {"entries": {"nodes": [{"position": 1, "subject": {}}]}}
    assert normalize(Operation.Q5, ours) == [{"position": 1, "subject": None}]


@pytest.mark.parametrize(
    ("theirs", "found"),
    [
        ([{"code": "A"}, {"code": "B"}], None),
        ([{"code": "B"}, {"code": "A"}], 'data[0].code: "A" and "B"'),
        ([{"code": "A"}], "data: 2 and 1 items"),
        ([{"code": "A"}, {"code": "B", "title": None}], "data[1]: fields ['code'] and ['code', 'title']"),
        ([{"code": "A"}, {"code": 1}], 'data[1].code: "B" and 1'),
    ],
)
def test_the_first_difference_is_named_with_its_path(theirs: object, found: str | None) -> None:
    assert find_difference([{"code": "A"}, {"code": "B"}], theirs) == found


def test_all_documents_are_valid_and_so_are_those_at_a_past_position() -> None:
    for documents in DOCUMENTS.values():
        for document in documents.values():
            parse(document)
            parse(read_past(document))
    for document in MUTATIONS.values():
        parse(document)


@pytest.mark.parametrize("operation", Operation)
def test_the_sets_of_variables_are_the_same_in_every_run(operation: Operation) -> None:
    assert choose_variables(operation, KNOWN) == choose_variables(operation, KNOWN)
    assert len({str(each) for each in choose_variables(operation, KNOWN)}) > 1


def test_a_request_is_read_back_from_its_line() -> None:
    posted = format_request(Request("POST", "/graphql", b'{"query": "\\t"}').encode())
    assert posted.endswith(b'Content-Length: 15\r\n\r\n{"query": "\\t"}')
    assert b'\r\nIf-None-Match: W/"1"\r\n' in format_request(Request("GET", "/graphql?query=x", etag='W/"1"').encode())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"data": {"revise": true}}', False),
        (b'{"data": {"reviseCommitment": {"errors": []}}}', False),
        (b'{"data": {"reviseCommitment": {"errors": [{"message": "no"}]}}}', True),
        (b'{"data": null, "errors": [{"message": "no"}]}', True),
    ],
)
def test_a_mutation_is_refused_by_errors_of_either_kind(body: bytes, expected: bool) -> None:
    assert has_errors(body) is expected


def test_the_chart_is_an_svg_with_a_bar_for_each_positive_value_on_one_scale() -> None:
    bars = (Bar("ours & theirs", 1_000, is_ours=True), Bar("slow", 10, is_ours=False), Bar("none", 0, is_ours=False))
    root = ET.fromstring(draw_bars("Title", "Subtitle", [Group("Q1", bars)]))
    _, *widths = [each.attrib["width"] for each in root.iter("{http://www.w3.org/2000/svg}rect")]
    first, second, third = map(float, widths)
    assert first > second > third == 0
    assert "ours & theirs" in [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]


def test_the_page_names_the_operations_in_which_another_server_is_faster() -> None:
    measured = [
        _measure("ogpgraph-sqlite", "IDLE", 0, 100),
        _measure("postgraphile", "IDLE", 0, 50),
        _measure("mercurius", "IDLE", 0, 200),
        _measure("floor", "IDLE", 0, 400),
        _measure("ogpgraph-sqlite", "PAST", 0, 90),
    ]
    summaries = summarize(measured, "IDLE", ["postgraphile", "mercurius", "floor"])
    environment = Environment(
        date="2026-01-02T03:04:05+00:00",
        commit="0123456789",
        cores=2,
        processor="a processor",
        load_average=0.1,
        generator="wrk",
        versions={},
        scale=1,
        commitments=6,
        entries=100,
        rounds=1,
        seconds=2,
        writes_per_second=100,
    )
    caveats = ["A caveat."]
    page = build_page(
        [Result(environment=environment, caveats=caveats, servers=[], summaries=summaries, measurements=measured)]
    )
    assert "| 100 (2 ×) | 50 | 200 | 400 |" in page
    assert "90 [90–90] | 1.0 / 2.0 | 1.00 | 0.90 |" in page
    assert "- Q1, idle: 0.5 times the rate of mercurius" in page
    assert "times the rate of floor" not in page
    assert page.endswith("A caveat.\n")


def test_figures_are_replaced_between_their_marks_and_nowhere_else() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert replace_between(text, "new") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    with pytest.raises(ValueError, match="are missing"):
        replace_between("no marks", "new")
