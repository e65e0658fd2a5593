"""Every argument and every field of an input has a weight or a bound, and the page of weights is current."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    get_named_type,
    get_nullable_type,
    get_operation_ast,
    is_list_type,
    parse,
    validate,
)

from ogpgraph.graphql.argument_cost import ArgumentWeight, Tally, fields_of
from ogpgraph.graphql.cost_reference import build_cost_reference, iter_fields, iter_values
from ogpgraph.graphql.errors import LimitExceeded
from ogpgraph.graphql.executor import core_schema
from ogpgraph.graphql.query_cost import DocumentCost, measure_document
from ogpgraph.graphql.query_limits import QueryLimits
from ogpgraph.graphql.schema import build_schema
from ogpgraph.graphql.weights import weight_of_field, weight_of_value
from ogpgraph.readmodel.queries import MAX_PAGE_SIZE

SCHEMA = core_schema(build_schema())
PAGE = Path(__file__).parents[2] / "docs" / "cost.md"
VALUES = list(iter_values(SCHEMA))
LISTS = [each for each in VALUES if each.max_items is not None]
CONDITIONS = [
    each
    for each in VALUES
    if each.coordinate.partition(".")[0] in ("MemberFilter", "ActionPlanFilter", "CommitmentFilter", "EntryFilter")
    or each.coordinate.startswith("HistoryFilter.")
]
NUMBERS_THAT_SAY_HOW_MUCH = {
    "first": "the size of a page, which the cost of a connection follows from",
    "last": "the size of a page, too",
}
"""The arguments with numbers that make the server do more the greater they are."""
NUMBERS_THAT_ARE_VALUES = {
    "NumberFilter.eq",
    "NumberFilter.gte",
    "NumberFilter.lte",
    "Subscription.entries(after:)",
    "entry(position:)",
    "at(position:)",
    "compare(from:)",
    "compare(to:)",
    "PositionRange.from",
    "PositionRange.until",
    "MemberFilter.changedSince",
    "ActionPlanFilter.changedSince",
    "CommitmentFilter.changedSince",
}
"""The arguments with numbers that the server compares or looks up, whatever they are; and those of inputs of mutations
that are named below."""
DECLARE = (
    "{0} can grow without cost: declare `metadata=weighs(…)` where it is defined, with what it costs if it is given "
    "and for each item, and `max_items` for a list that is not of an enum (see ogpgraph.graphql.weights)"
)


def test_every_list_has_a_greatest_length() -> None:
    for value in LISTS:
        assert value.max_items, DECLARE.format(value.coordinate)
        measure = ArgumentWeight(value.coordinate, value.declared)
        assert measure.of_value([None] * value.max_items, Tally()) >= 0
        with pytest.raises(LimitExceeded, match=rf"has {value.max_items + 1} values, but may have {value.max_items}"):
            measure.of_value([None] * (value.max_items + 1), Tally())


def test_a_list_of_values_that_are_looked_up_costs_something_for_each() -> None:
    for value in LISTS:
        is_enum = weight_of_value(value.declared).max_items is None
        assert is_enum or weight_of_value(value.declared).item > 0, DECLARE.format(value.coordinate)


def test_every_condition_of_a_filter_costs_something() -> None:
    assert len(CONDITIONS) > 40
    for value in CONDITIONS:
        weight = weight_of_value(value.declared)
        assert weight.base or weight.item, DECLARE.format(value.coordinate)


def test_there_are_no_lists_of_lists() -> None:
    for value in VALUES:
        nullable: Any = get_nullable_type(value.declared.type)
        items = get_nullable_type(nullable.of_type) if is_list_type(nullable) else None
        assert not is_list_type(items), f"{value.coordinate}: no weight says how long the inner lists may be"


def test_a_number_is_the_size_of_a_page_or_only_a_value() -> None:
    """A new number that says how much is done needs a weight that follows from it: then name it above."""
    for value in VALUES:
        if get_named_type(value.declared.type).name not in ("Int", "Position"):
            continue
        name = value.coordinate.rpartition("(")[2].removesuffix(":)")
        is_input_of_mutation = value.coordinate.partition(".")[0].endswith("Input")
        is_list = value.max_items is not None
        assert (
            name in NUMBERS_THAT_SAY_HOW_MUCH
            or value.coordinate in NUMBERS_THAT_ARE_VALUES
            or is_input_of_mutation
            or is_list
        ), DECLARE.format(value.coordinate)


def test_pages_are_bounded_by_their_arguments() -> None:
    paged = {coordinate: field for coordinate, field in iter_fields(SCHEMA) if "first" in field.args}
    assert paged
    for coordinate, field in paged.items():
        assert get_named_type(field.type).name.endswith("Connection"), coordinate
        assert weight_of_field(field).base, f"{coordinate} finds a page: declare `metadata=LIST` or `computed(…)`"
    assert MAX_PAGE_SIZE == 100


def test_every_field_with_a_list_of_an_input_is_weighed_however_deep_it_is() -> None:
    """Every input object can be reached and is walked; one that contains itself is bounded by the depth of values."""
    inputs = [type_ for type_ in SCHEMA.type_map.values() if isinstance(type_, GraphQLInputObjectType)]
    assert len(inputs) > 40
    for type_ in inputs:
        measures = fields_of(type_)
        assert measures.keys() == type_.fields.keys()
        for name, field in type_.fields.items():
            value = _fill(field.type, 2)
            cost = measures[name].of_value(value, Tally())
            weight = weight_of_value(field)
            assert cost >= weight.base + weight.item, f"{type_.name}.{name}"


def _fill(type_: Any, depth: int) -> Any:
    """Return a plain value of a type with all fields, as deep as given."""
    if isinstance(type_, GraphQLNonNull):
        return _fill(type_.of_type, depth)
    if isinstance(type_, GraphQLList):
        return [_fill(type_.of_type, depth)]
    if isinstance(type_, GraphQLInputObjectType):
        return {name: _fill(field.type, depth - 1) for name, field in type_.fields.items()} if depth else {}
    return "x"


def test_long_texts_cost_by_their_length() -> None:
    text = "x" * 5_000
    for value in VALUES:
        measure = ArgumentWeight(value.coordinate, value.declared)
        if measure.input_type is None:
            short, long = (measure.of_value(each, Tally()) for each in ("x", [text] if measure.is_list else text))
            assert long >= short + 5, value.coordinate


def test_the_page_of_weights_is_generated_from_the_declarations() -> None:
    assert PAGE.read_text("utf-8") == build_cost_reference(SCHEMA), "run `make schema`"


COSTLY = {
    "a filter of 390 words": (
        "query ($w: CommitmentFilter) { commitments(where: $w) { totalCount } }",
        {"w": {"or": [{"title": "x"}] * 390}},
        20_000,
    ),
    "the same inside of lists": (
        "query ($w: CommitmentFilter) { members { nodes { commitments(where: $w) { totalCount } } } }",
        {"w": {"title": "x"}},
        5_000,
    ),
    "words in a related filter": (
        "query ($w: MemberFilter) { members(where: $w) { totalCount } }",
        {"w": {"commitments": {"title": "a b c d e f g"}}},
        200,
    ),
    "100 codes of entries": (
        "query ($w: EntryFilter) { entries(where: $w) { totalCount } }",
        {"w": {"commitment": ["FR0001"] * 100}},
        1_000,
    ),
    "a comparison": ("{ compare(from: 1) { totalCount } }", {}, 1_000),
    "a month's timeline": ("{ commitments { timeline(dimension: STATUS, every: MONTH) { time } } }", {}, 50_000),
    "facets across": (
        "{ commitments { facets(dimensions: [STATUS, CYCLE], across: MEMBER) { values { across { value } } } } }",
        {},
        3_000,
    ),
    "two orders": ("{ commitments(orderBy: [{field: CYCLE}, {field: STATUS}], first: 1) { nodes { code } } }", {}, 400),
    "lists at every entry": (
        "{ entries { nodes { subject { ... on Member { commitments { totalCount } } } } } }",
        {},
        50_000,
    ),
    "a mutation": (
        "mutation ($i: MergeCommitmentsInput!) { mergeCommitments(input: $i) { errors { code } } }",
        {"i": {"into": "FR0001", "commitments": ["FR0002"] * 100}},
        2_000,
    ),
}
"""Operations that cost next to nothing by the shape of their documents, and what they cost at least."""
REFUSED = {
    "50,000 conditions": (
        "query ($w: CommitmentFilter) { commitments(where: $w) { totalCount } }",
        {"w": {"or": [{"title": "x"}] * 50_000}},
        "`CommitmentFilter.or` has 50000 values",
    ),
    "9,000 conditions": (
        "query ($w: CommitmentFilter) { commitments(where: $w) { totalCount } }",
        {"w": {"or": [{"or": [{"title": "x"}] * 900}] * 10}},
        "values together",
    ),
    "8,000 words": (
        "query ($w: CommitmentFilter) { commitments(where: $w) { totalCount } }",
        {"w": {"or": [{"title": "a b c d e f g h i j"}] * 990, "and": [{"title": "a b c d e f g h i j"}] * 990}},
        r"part is `commitments\(where:\)`",
    ),
    "60,000 ids": (
        "query ($w: EntryFilter) { entries(where: $w) { totalCount } }",
        {"w": {"subject": ["x"] * 60_000}},
        "`EntryFilter.subject` has 60000 values, but may have 500",
    ),
    "5,000 dimensions": (
        "query ($d: [CommitmentDimension!]!) { commitments { facets(dimensions: $d) { values { value } } } }",
        {"d": ["MEMBER"] * 5_000},
        "`dimensions` has 5000 values",
    ),
    "lists at entries of entries": (
        """{ entries { nodes { subject { history { nodes { subject { ...M } } } } } } }
        fragment M on Member { commitments { totalCount } }""",
        {},
        "subject",
    ),
}


def measure(name: str, cases: Any) -> DocumentCost:
    text, variables, _ = cases[name]
    document = parse(text)
    assert not validate(SCHEMA, document)
    return measure_document(SCHEMA, document, get_operation_ast(document), variables)


@pytest.mark.parametrize("name", COSTLY)
def test_an_operation_costs_what_its_arguments_make_the_server_do(name: str) -> None:
    assert measure(name, COSTLY).cost.total >= COSTLY[name][2]


@pytest.mark.parametrize("name", REFUSED)
def test_an_operation_is_refused_by_the_part_that_costs_most(name: str) -> None:
    with pytest.raises(LimitExceeded, match=REFUSED[name][2]):
        measure(name, REFUSED).check(QueryLimits(), QueryLimits().cost)
