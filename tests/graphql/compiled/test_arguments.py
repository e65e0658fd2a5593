"""Variables and arguments are those of graphql-core and strawberry, whatever values an operation of the schema has."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import strawberry
from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    OperationDefinitionNode,
    get_nullable_type,
    get_operation_ast,
    parse,
)
from graphql.execution.values import get_argument_values, get_variable_values
from strawberry.types.arguments import convert_arguments

from ogpgraph.graphql.compiled import arguments as arguments_module
from ogpgraph.graphql.compiled.arguments import FieldArguments, OperationVariables
from ogpgraph.graphql.compiled.writer import DEFINITION
from ogpgraph.graphql.executor import core_schema
from ogpgraph.graphql.schema import build_schema
from tests.graphql.random_values import RandomValues, write_literal

ROUNDS = 6


@pytest.fixture(scope="module")
def schema() -> strawberry.Schema:
    return build_schema()


def fields_with_arguments(schema: strawberry.Schema) -> Iterator[tuple[str, GraphQLField]]:
    for type_ in core_schema(schema).type_map.values():
        for name, field in type_.fields.items() if isinstance(type_, GraphQLObjectType) else ():
            if field.args and DEFINITION in field.extensions:
                yield name, field


def write_operation(
    name: str, field: GraphQLField, values: RandomValues, chance: random.Random
) -> tuple[str, dict[str, Any]]:
    """Return an operation with random arguments, each a variable, a literal, or one with variables."""
    definitions, literals = list[str](), list[str]()
    variables: dict[str, Any] = {}

    def write_value(type_: Any, value: Any) -> str:
        if chance.random() < 0.5:
            return write_literal(type_, value)
        variable = f"v{len(variables)}"
        definitions.append(f"${variable}: {type_}")
        variables[variable] = value
        return f"${variable}"

    for argument, declared in field.args.items():
        value = values.choose(declared.type, argument)
        fields = getattr(get_nullable_type(declared.type), "fields", {})
        if isinstance(value, dict) and chance.random() < 0.5 and not value.keys() - fields.keys():
            written = (f"{key}: {write_value(fields[key].type, each)}" for key, each in value.items())
            literals.append(f"{argument}: {{{', '.join(written)}}}")
        else:
            literals.append(f"{argument}: {write_value(declared.type, value)}")
    missing = chance.choice([*variables, *[None] * 9]) if variables else None
    return (
        f"query {f'({chr(44).join(definitions)})' if definitions else ''} {{ {name}({', '.join(literals)}) }}",
        {variable: value for variable, value in variables.items() if variable != missing},
    )


def read_operation(text: str) -> tuple[OperationDefinitionNode, FieldNode]:
    """Return an operation and its only field."""
    operation = get_operation_ast(parse(text))
    assert operation is not None
    node = operation.selection_set.selections[0]
    assert isinstance(node, FieldNode)
    return operation, node


def outcome_of(function: Callable[[], Any]) -> str:
    """Return what a function returns or raises, in full."""
    try:
        return repr(function())
    except Exception as error:
        return f"{type(error)} {error}"


def compare(schema: strawberry.Schema, field: GraphQLField, text: str, given: dict[str, Any]) -> str:
    """Compare variables and arguments with those of the libraries; returns what they are."""
    operation, node = read_operation(text)
    definitions, declared = operation.variable_definitions or (), field.extensions[DEFINITION].arguments
    variables = OperationVariables(core_schema(schema), definitions).coerce(given)
    expected = get_variable_values(core_schema(schema), definitions, given, max_errors=1, hide_suggestions=True)
    assert repr(variables) == repr(expected), text
    if isinstance(variables, list):
        return "wrong variables"
    arguments = FieldArguments(schema, field, declared, node)
    registry = schema.schema_converter.scalar_registry
    core = outcome_of(
        lambda: convert_arguments(get_argument_values(field, node, variables), declared, registry, schema.config)
    )
    assert outcome_of(lambda: arguments(variables)) == core, text
    return "right" if core.startswith("{") else "wrong arguments"


def test_variables_and_arguments_are_those_of_graphql_core_and_strawberry(schema: strawberry.Schema) -> None:
    chance, seen = random.Random(7), Counter[str]()
    values = RandomValues(chance)
    for number in range(ROUNDS):
        values.is_careful = number % 2 == 0
        for name, field in fields_with_arguments(schema):
            seen[compare(schema, field, *write_operation(name, field, values, chance))] += 1
    assert min(seen["wrong variables"], seen["wrong arguments"], seen["right"]) > 10, seen


def test_variables_are_filled_into_a_literal_without_coercing_it_again(
    schema: strawberry.Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = 'mutation ($title: String) { reviseCommitment(input: {commitment: "A", title: $title}) }'
    operation, node = read_operation(text)
    mutation = core_schema(schema).mutation_type
    assert mutation is not None
    field = mutation.fields["reviseCommitment"]
    found = FieldArguments(schema, field, field.extensions[DEFINITION].arguments, node)
    variables = OperationVariables(core_schema(schema), operation.variable_definitions or ()).coerce({"title": "B"})
    assert not isinstance(variables, list)
    monkeypatch.delattr(arguments_module, "get_argument_values")
    assert found(variables)["input"].title == "B"


def test_a_list_that_is_passed_is_one_of_its_own(schema: strawberry.Schema) -> None:
    operation, node = read_operation("query ($codes: [String!]) { commitments(where: {code: {in: $codes}}) }")
    query = core_schema(schema).query_type
    assert query is not None
    field = query.fields["commitments"]
    arguments = FieldArguments(schema, field, field.extensions[DEFINITION].arguments, node)
    variables = OperationVariables(core_schema(schema), operation.variable_definitions or ()).coerce({"codes": ["a"]})
    assert not isinstance(variables, list)
    arguments(variables)["where"].code.in_.append("b")
    assert arguments(variables)["where"].code.in_ == ["a"]
