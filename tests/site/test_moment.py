from __future__ import annotations

import pytest
from graphql import get_operation_ast, parse, validate

from ogpgraph.graphql.executor import core_schema
from ogpgraph.graphql.schema import build_schema
from ogpgraph.site.documents import find_document, load_document
from ogpgraph.site.moment import Moment, parse_at, parse_date, parse_day
from ogpgraph.site.pages import PAGES, page_documents
from ogpgraph.web.errors import RequestRejected
from ogpgraph.web.persisted_documents import document_id

MOMENTS = [Moment(), Moment(3), Moment("2020-01-01T00:00:00Z"), Moment(None, "2018"), Moment(3, "2018")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("216", 216),
        ("2018", 2018),
        ("2018-12-31", "2018-12-31T23:59:59.999999Z"),
        ("2018-12-31T12:00:00+01:00", "2018-12-31T11:00:00.000000Z"),
    ],
)
def test_at_is_a_position_a_day_or_a_time(text: str, expected: int | str) -> None:
    assert parse_at(text) == expected


@pytest.mark.parametrize("text", ["-1", "yesterday", "2018-13-01", "2018-02-30", "9" * 20, "1; drop", "２０１８"])
def test_anything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(RequestRejected, match="`at` is a position"):
        parse_at(text)


@pytest.mark.parametrize("text", ["soon", "2018-1", "2018-00", ""])
def test_a_date_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(RequestRejected, match="`asOf` is a year"):
        parse_date(text)


@pytest.mark.parametrize("text", ["soon", "2018-02-30", "2018-12", "2018-12-31T00:00:00Z", ""])
def test_a_day_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(RequestRejected, match="`until` is a day"):
        parse_day(text, "until")


@pytest.mark.parametrize("moment", MOMENTS, ids=["present", "position", "time", "date", "both"])
@pytest.mark.parametrize("name", [page.name for page in PAGES])
def test_the_document_of_each_page_is_valid_at_every_moment(name: str, moment: Moment) -> None:
    document = parse(find_document(name, moment))
    assert validate(core_schema(build_schema()), document) == []
    operation = get_operation_ast(document)
    assert operation
    declared = {each.variable.name.value for each in operation.variable_definitions or ()}
    assert set(moment.variables) <= declared


def test_programs_may_name_the_documents_of_all_pages() -> None:
    documents = page_documents()
    assert document_id(load_document("commitment")) in documents
    assert document_id(find_document("commitment", Moment(7, "2018"))) in documents
