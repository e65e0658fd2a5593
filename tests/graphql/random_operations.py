"""Random operations of a schema: with aliases, fragments, interfaces, lists, variables, conditions and arguments."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence, Set
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
    parse,
    validate,
)

WORDS = ("UY", "UY0001", "en", "es", "title", "Europe", "nobody", "COMPLETION", "2015", "5")
PROBABLE_VALUES = {
    "Int": (0, 1, 2, 3, 3, 3, 5, 5, 5, 10, 50, 101),
    "Float": (0.5, 2),
    "Boolean": (True, False),
    "Position": (1, 3, 5, 9, 9, 9, 12, 40, 10**6),
    "DateTime": ("2016-05-01T00:00:00Z", "2026-01-01T00:00:00+02:00"),
    "PartialDate": ("2015", "2016-05", "2016-S1", "2017-03-01", "2018", "2019-02-30"),
}
"""Values of scalars, some of which are wrong where they are used; the values of other scalars are `WORDS`."""


class Operation(NamedTuple):
    """A valid document with one operation, and sets of variables for it."""

    text: str
    document: DocumentNode
    variables: tuple[dict[str, Any], ...]


class RandomOperations:
    """Generates valid operations of a schema, the same for the same seed.

    Nine fields of ten have one of the arguments that are `alternatives`, and none of those that are `rare`, because
    random values of them are wrong: otherwise nearly every operation would have an error.
    """

    def __init__(
        self, schema: GraphQLSchema, seed: int, *, alternatives: Sequence[Set[str]] = (), rare: Set[str] = frozenset()
    ) -> None:
        self._schema = schema
        self._random = random.Random(seed)
        self._alternatives = alternatives
        self._rare = rare
        self._declared: dict[str, Any] = {}
        self._fragments: list[str] = []

    def generate(self, number: int, *, variable_sets: int = 3) -> Iterator[Operation]:
        """Yield operations, each with some sets of variables."""
        found = 0
        while found < number:
            text = self._write_operation()
            document = parse(text)
            if not validate(self._schema, document):
                found += 1
                yield Operation(text, document, tuple(self._choose_variables() for _ in range(variable_sets)))

    def _write_operation(self) -> str:
        self._declared, self._fragments = {}, []
        assert self._schema.query_type
        selection = self._write_selection(self._schema.query_type, self._random.choice((2, 3, 3, 4)))
        variables = ", ".join(f"${name}: {type_}" for name, type_ in self._declared.items())
        return "\n".join([f"query Q{f'({variables})' if variables else ''} {selection}", *self._fragments])

    def _choose_variables(self) -> dict[str, Any]:
        return {
            name: self._choose_value(type_, 2)
            for name, type_ in self._declared.items()
            if isinstance(type_, GraphQLNonNull) or self._random.random() < 0.8
        }

    # Selections

    def _write_selection(self, kind: Any, depth: int) -> str:
        fields = list(kind.fields.items())
        chosen = self._random.choices(fields, k=self._random.randint(2, 5))
        parts = [self._write_part(kind, name, field, depth) for name, field in chosen]
        if isinstance(kind, GraphQLInterfaceType) and depth > 0:
            possible: list[GraphQLObjectType] = list(self._schema.get_possible_types(kind))
            chosen_types = self._random.sample(possible, min(len(possible), 2))
            parts += [f"... on {each.name} {self._write_selection(each, depth - 1)}" for each in chosen_types]
        if self._random.random() < 0.5:
            parts.insert(self._random.randint(0, len(parts)), "__typename")
        return "{ " + (" ".join(filter(None, parts)) or "__typename") + " }"

    def _write_part(self, kind: GraphQLNamedType, name: str, field: GraphQLField, depth: int) -> str:
        """Return a field, or a fragment that contains it; nothing where the field would lead too deep."""
        written = self._write_field(name, field, depth)
        if not written:
            return ""
        match self._random.randint(0, 9):
            case 0:
                return f"...{self._write_condition()} {{ {written} }}"
            case 1:
                return f"... on {kind.name} {{ {written} __typename }}"
            case 2:
                fragment = f"F{len(self._fragments)}"
                self._fragments.append(f"fragment {fragment} on {kind.name} {{ {written} }}")
                return f"...{fragment}{self._write_condition()}"
        return written

    def _write_field(self, name: str, field: GraphQLField, depth: int) -> str:
        type_ = get_named_type(field.type)
        if depth == 0 and not is_leaf_type(type_):
            return ""
        arguments, condition = self._write_arguments(field), self._write_condition()
        # A name of its own, so that it is never merged with one that has other arguments, except with itself.
        alias = f"a{self._random.randint(0, 10**9)}: " if arguments or not is_leaf_type(type_) else ""
        written = f"{alias}{name}{arguments}{condition}"
        if is_leaf_type(type_):
            return written
        selections = [self._write_selection(type_, depth - 1) for _ in range(self._random.choice((1, 1, 1, 2)))]
        return " ".join(f"{written} {each}" for each in selections)

    def _write_condition(self) -> str:
        if self._random.random() < 0.8:
            return ""
        directive, value = self._random.choice(("skip", "include")), self._random.choice(("true", "false"))
        if self._random.random() < 0.6:
            value = f"$c{self._random.randint(0, 1)}"
            self._declared[value[1:]] = GraphQLNonNull(self._schema.type_map["Boolean"])
        return f" @{directive}(if: {value})"

    # Arguments

    def _write_arguments(self, field: GraphQLField) -> str:
        names = {n for n, each in field.args.items() if is_required_argument(each) or self._random.random() < 0.2}
        if self._random.random() < 0.9:
            names = self._leave_out_contradictions(field, names)
        written = [f"{name}: {self._write_argument(each)}" for name, each in field.args.items() if name in names]
        return f"({', '.join(written)})" if written else ""

    def _leave_out_contradictions(self, field: GraphQLField, names: set[str]) -> set[str]:
        for one_of in self._alternatives:
            if one_of <= field.args.keys():
                names = (names - one_of) | {self._random.choice(sorted(one_of))}
        return names - self._rare

    def _write_argument(self, argument: GraphQLArgument) -> str:
        if self._random.random() < 0.5:
            variable = f"v{len(self._declared)}"
            self._declared[variable] = argument.type
            return f"${variable}"
        return write_literal(argument.type, self._choose_value(argument.type, 2))

    def _choose_value(self, type_: Any, depth: int) -> Any:
        """Return a value of an input type as JSON."""
        if isinstance(type_, GraphQLNonNull):
            return self._choose_value(type_.of_type, depth)
        if isinstance(type_, GraphQLList):
            return [self._choose_value(type_.of_type, depth) for _ in range(self._random.choice((0, 1, 1, 2)))]
        if isinstance(type_, GraphQLEnumType):
            return self._random.choice(list(type_.values))
        if isinstance(type_, GraphQLInputObjectType):
            return self._choose_fields(type_, depth)
        values = PROBABLE_VALUES.get(type_.name) or WORDS
        return self._random.choice(values)

    def _choose_fields(self, type_: GraphQLInputObjectType, depth: int) -> dict[str, Any]:
        required = {name: each for name, each in type_.fields.items() if is_required_input_field(each)}
        others: list[tuple[str, GraphQLInputField]] = [
            (name, each)
            for name, each in type_.fields.items()
            if name not in required and (depth > 0 or is_leaf_type(get_named_type(each.type)))
        ]
        chosen = self._random.sample(others, min(len(others), 1 if type_.is_one_of else self._random.randint(0, 2)))
        return {name: self._choose_value(each.type, depth - 1) for name, each in [*required.items(), *chosen]}


def write_literal(type_: Any, value: Any) -> str:
    """Return a JSON value as a literal of a document."""
    if isinstance(type_, GraphQLNonNull):
        return write_literal(type_.of_type, value)
    if isinstance(type_, GraphQLList):
        return f"[{', '.join(write_literal(type_.of_type, each) for each in value)}]"
    if isinstance(type_, GraphQLInputObjectType):
        fields = [f"{name}: {write_literal(type_.fields[name].type, each)}" for name, each in value.items()]
        return f"{{{', '.join(fields)}}}"
    return str(value) if isinstance(type_, GraphQLEnumType) else json.dumps(value)
