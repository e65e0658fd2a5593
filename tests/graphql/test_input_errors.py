"""A wrong input value is named in plain words, with what it has to be, whether it is a literal or a variable."""

from __future__ import annotations

import json
from typing import Any

import pytest
from graphql import (
    GraphQLError,
    get_named_type,
    is_input_object_type,
    is_input_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    parse_value,
)
from graphql.utilities.validate_input_value import validate_input_literal, validate_input_value
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.graphql.executor import core_schema
from ogpgraph.graphql.input_errors import MAX_ERRORS, Place, find_input_errors, show_value
from ogpgraph.graphql.scalars import SCALAR_FORMS, SCALARS
from ogpgraph.web.document_cache import DocumentLimits, RequestErrors
from ogpgraph.web.error_codes import RequestErrorCode
from ogpgraph.web.errors import format_error
from ogpgraph.web.operation import OperationRunner
from ogpgraph.web.request import RequestParameters
from tests.graphql.client import SCHEMA

RUNNER = OperationRunner(SCHEMA, DocumentLimits())
INPUT_TYPES = [
    type_
    for name, type_ in sorted(core_schema(SCHEMA).type_map.items())
    if is_input_type(type_) and not name.startswith("__")
]
WHERE = "query ($w: CommitmentFilter) { commitments(where: $w) { totalCount } }"
CORRECT = "mutation ($i: CorrectInput!) { correct(input: $i) { position } }"
FIRST = "query ($f: Int) { commitments(first: $f) { totalCount } }"
CODE = "query ($c: String!) { commitment(code: $c) { id } }"


def errors_of(query: str, variables: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The errors of a request as clients get them."""
    parameters = RequestParameters(query=query, variables=variables)
    try:
        RUNNER.create_executor(RUNNER.prepare(parameters), parameters)
    except RequestErrors as error:
        return [format_error(each, code=error.code) for each in error.errors]
    return []


LITERALS = [
    (
        "{ at(position: -1) { __typename } }",
        "The argument `position` of `at` is -1, but has to be a whole number, 0 or",
    ),
    ('{ at(time: "soon") { __typename } }', 'The argument `time` of `at` is "soon", but has to be a time with a UTC'),
    (
        '{ commitments(where: {startsOn: {from: "soon"}}) { totalCount } }',
        'The argument `where.startsOn.from` of `commitments` is "soon", but has to be a year, half-year, quarter',
    ),
    (
        "{ commitments(where: {status: {in: [ACTIVE, ACTVE]}}) { totalCount } }",
        (
            "The argument `where.status.in[1]` of `commitments` is ACTVE, but has to be one of the values of "
            "CommitmentStatus. Did you mean 'ACTIVE' or 'INACTIVE'?"
        ),
    ),
    (
        '{ commitments(where: {status: {in: "ACTIVE"}}) { totalCount } }',
        (
            'The argument `where.status.in` of `commitments` is "ACTIVE", but has to be one of the values of '
            "CommitmentStatus, without quotes."
        ),
    ),
    (
        "{ commitments(where: {sttus: {in: [ACTIVE]}}) { totalCount } }",
        (
            "The argument `where` of `commitments` has the field `sttus`, which CommitmentFilter does not have. Did "
            "you mean 'status'?"
        ),
    ),
    (
        '{ commitments(first: "ten") { totalCount } }',
        'The argument `first` of `commitments` is "ten", but has to be a whole',
    ),
    (
        "{ commitment(code: null) { id } }",
        "The argument `code` of `commitment` is null, but has to be a string (String).",
    ),
    (
        "{ commitment(code: [A]) { id } }",
        "The argument `code` of `commitment` is a list, but has to be a string (String).",
    ),
    (
        "query ($f: Int = X) { commitments(first: $f) { totalCount } }",
        "The default of `$f` is X, but has to be a whole number",
    ),
    (
        '{ meta @skip(if: "no") { position } }',
        'The argument `if` of `@skip` is "no", but has to be true or false (Boolean).',
    ),
    (
        "mutation { correct(input: {reason: 5, changes: []}) { position } }",
        "The argument `input.reason` of `correct` is 5, but has to be a string (String).",
    ),
]
VARIABLES: list[tuple[str, dict[str, Any], str]] = [
    (FIRST, {"f": "3"}, 'The variable `$f` is "3", but has to be a whole number from -2147483648 to 2147483647 (Int).'),
    (FIRST, {"f": True}, "The variable `$f` is true, but has to be a whole number"),
    (CODE, {}, "The variable `$c` is missing: it has to be a string (String)."),
    (CODE, {"c": None}, "The variable `$c` is null, but has to be a string (String)."),
    (CODE, {"c": {"token": "secret"}}, "The variable `$c` is an object, but has to be a string (String)."),
    (
        WHERE,
        {"w": {"startsOn": {"from": 2018}}},
        "The variable `$w.startsOn.from` is 2018, but has to be a year,",
    ),
    (
        WHERE,
        {"w": {"status": {"in": ["ACTVE"]}}},
        'The variable `$w.status.in[0]` is "ACTVE", but has to be one of the',
    ),
    (WHERE, {"w": {"x": 1}}, "The variable `$w` has the field `x`, which CommitmentFilter does not have."),
    (WHERE, {"w": 1}, "The variable `$w` is 1, but has to be an object with fields of CommitmentFilter."),
    (CORRECT, {"i": {"entry": "7"}}, "The variable `$i` lacks `changes`, which has to be a list; each item has to be"),
]


@pytest.mark.parametrize(("query", "message"), LITERALS, ids=[query for query, _ in LITERALS])
def test_a_wrong_literal_is_named_with_its_place_in_the_document(query: str, message: str) -> None:
    error = errors_of(query)[0]
    assert error["message"].startswith(message)
    assert error["locations"]
    assert error["extensions"]["code"] in ("GRAPHQL_VALIDATION_FAILED", "BAD_POSITION", "BAD_TIME")


@pytest.mark.parametrize(("query", "variables", "message"), VARIABLES)
def test_a_wrong_variable_is_named_with_the_place_of_its_declaration(
    query: str, variables: dict[str, Any], message: str
) -> None:
    error = errors_of(query, variables)[0]
    assert error["message"].startswith(message)
    assert error["locations"] == [{"line": 1, "column": query.index("$") + 1}]
    assert error["extensions"]["code"] in ("BAD_USER_INPUT", "BAD_TIME")


def test_literals_and_variables_have_the_code_of_their_scalar() -> None:
    query = "query ($p: Position) { at(position: $p) { __typename } }"
    for errors in (errors_of("{ at(position: -1) { __typename } }"), errors_of(query, {"p": -1})):
        assert [error["extensions"]["code"] for error in errors] == ["BAD_POSITION"]


def test_long_values_are_shortened_and_objects_and_lists_are_not_quoted() -> None:
    [error] = errors_of(FIRST, {"f": "x" * 100_000})
    assert len(error["message"]) < 200
    [error] = errors_of(CODE, {"c": ["private"] * 5})
    assert "private" not in error["message"]
    [error] = errors_of(WHERE, {"w": {"y" * 100_000: "private"}})
    assert len(error["message"]) < 200
    assert "private" not in error["message"]


def test_the_first_errors_of_many_are_reported() -> None:
    assert len(errors_of(WHERE, {"w": {"cycle": {"in": ["2015"] * 1_000}}})) == MAX_ERRORS
    unknown = [{f"field{n}{m}": 1 for m in range(9)} for n in range(900)]
    assert len(errors_of(WHERE, {"w": {"or": unknown}})) == MAX_ERRORS


def test_no_names_are_suggested_for_a_name_that_is_long() -> None:
    (error,) = errors_of(WHERE, {"w": {"statu" + "s" * 100_000: 1}})
    assert "Did you mean" not in error["message"]


def test_a_variable_that_is_null_where_it_must_not_be_is_told_without_words_of_python() -> None:
    error = GraphQLError("Expected variable '$c' provided to non-null type 'String!' not to be None.")
    shown = str(format_error(error, code=RequestErrorCode.BAD_USER_INPUT)["message"])
    assert shown == "Expected variable '$c' provided to non-null type 'String!' not to be null."


def test_every_scalar_says_what_its_values_have_to_be() -> None:
    assert {scalar.name for scalar in SCALARS.values()} - {"FieldValue"} == set(
        SCALAR_FORMS
    )  # that one takes any value


# ----------------------------------------------------------------------------------------------- agreement with graphql

VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**54), 2**54),
        st.sampled_from(["ACTIVE", "2018", "2019-03", "x", "", "2026-11-22T12:00:00Z", "CODE", "ASC"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["in", "eq", "from", "isNull", "and", "field", "code", "status", "x"]), inner, max_size=3
        ),
    ),
    max_leaves=6,
)


@st.composite
def fitting_values(draw: st.DrawFn, type_: Any, depth: int = 0) -> Any:
    """Values that mostly fit a type, with something wrong here and there."""
    if draw(st.integers(0, 9)) == 0:
        return draw(VALUES)
    if is_non_null_type(type_):
        return draw(fitting_values(type_.of_type, depth))
    if is_list_type(type_):
        return [draw(fitting_values(type_.of_type, depth + 1)) for _ in range(draw(st.integers(0, 2)))]
    named = get_named_type(type_)
    if is_input_object_type(named):
        names = [name for name, each in named.fields.items() if draw(st.integers(0, 1 + 2 * depth)) == 0]
        return {name: draw(fitting_values(named.fields[name].type, depth + 1)) for name in names[: 4 - min(depth, 4)]}
    assert is_leaf_type(named)
    examples = list(getattr(named, "values", {})) or ["2018", "x", 3, True, "2026-11-22T12:00:00Z"]
    return draw(st.sampled_from(examples))


def literal_of(value: Any) -> str:
    """A value as a literal, with the names of enums without quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {literal_of(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal_of, value)) + "]"
    return value if isinstance(value, str) and value.isidentifier() and value.isupper() else json.dumps(value)


@given(st.data())
def test_a_value_is_described_exactly_if_graphql_core_refuses_it(data: st.DataObject) -> None:
    type_ = data.draw(st.sampled_from(INPUT_TYPES))
    value = data.draw(fitting_values(type_))
    refused: list[GraphQLError] = []
    validate_input_value(value, type_, lambda error, _path: refused.append(error))
    check_description(value, type_, refused)
    literal, refused_literal = parse_value(literal_of(value)), list[GraphQLError]()
    validate_input_literal(literal, type_, lambda error, _path: refused_literal.append(error))
    check_description(literal, type_, refused_literal)


def check_description(value: Any, type_: Any, refused: list[GraphQLError]) -> None:
    found = [each.message for each in find_input_errors(value, type_, Place("the argument", "a", " of `b`"))]
    assert bool(found) == bool(refused), (found, refused)
    for message in found:
        assert message[0] == "T"
        assert message[-1] in ".?"
        assert not any(word in message for word in ("None", "True", "False", "Undefined", "regex", "`str`")), message


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "null"), (True, "true"), ("é", '"é"'), ([1], "a list"), ({"a": 1}, "an object"), ("\x1b", '"\\u001b"')],
)
def test_a_value_is_shown_as_clients_write_it(value: object, shown: str) -> None:
    assert show_value(value) == shown
