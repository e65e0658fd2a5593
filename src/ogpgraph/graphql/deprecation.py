"""Deprecated parts of the schema: how they are declared, and which of them an operation uses.

A part is deprecated by `deprecation_reason=deprecate("Use `x` instead.", since=…, removal=…)` at its declaration, in
the schema as `@deprecated(reason: …)`. A response names the deprecated fields, arguments, fields of inputs and values
of enums that its operation used, so that whoever runs a client learns of them without reading the schema again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

from graphql import (
    ArgumentNode,
    DocumentNode,
    EnumValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    ObjectFieldNode,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    get_nullable_type,
    is_list_type,
    type_from_ast,
    visit,
)

MIN_PERIOD: Final = timedelta(days=180)
"""How long a deprecated part works at least."""
_REASON: Final = re.compile(r"(.+\.) Deprecated since (\d{4}-\d\d-\d\d); works until (\d{4}-\d\d-\d\d) at least\.")


class Deprecation(NamedTuple):
    """A deprecated part of the schema, by its coordinate (`Type.field`, `Type.field(argument:)`), and the reason."""

    coordinate: str
    reason: str

    @property
    def since(self) -> date:
        """Return the day on which it was deprecated."""
        return parse_reason(self.reason)[1]

    @property
    def removal(self) -> date:
        """Return the day until which it works at least."""
        return parse_reason(self.reason)[2]


def deprecate(advice: str, *, since: date, removal: date) -> str:
    """Return the reason of a deprecation, which says what to use instead, and until when the part works at least.

    Raises:
        ValueError: if that is less than MIN_PERIOD, or the advice is not a sentence.
    """
    if removal - since < MIN_PERIOD or not advice.endswith("."):
        raise ValueError(f"a deprecated part works for {MIN_PERIOD.days} days at least, and its advice is a sentence")
    return f"{advice} Deprecated since {since}; works until {removal} at least."


def parse_reason(reason: str) -> tuple[str, date, date]:
    """Return the advice and the days in the reason of a deprecation; raises ValueError for any other text."""
    match = _REASON.fullmatch(reason)
    if match is None:
        raise ValueError(f"not the reason of a deprecation: {reason}")
    return match[1], date.fromisoformat(match[2]), date.fromisoformat(match[3])


def deprecation_headers(deprecations: tuple[Deprecation, ...]) -> dict[str, str]:
    """Return the headers `Deprecation` (RFC 9745) and `Sunset` (RFC 8594) with the earliest days of some parts."""
    if not deprecations:
        return {}
    since = datetime.combine(min(each.since for each in deprecations), datetime.min.time(), UTC)
    removal = datetime.combine(min(each.removal for each in deprecations), datetime.min.time(), UTC)
    return {"Deprecation": f"@{int(since.timestamp())}", "Sunset": removal.strftime("%a, %d %b %Y %H:%M:%S GMT")}


def find_in_document(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode
) -> tuple[Deprecation, ...]:
    """Return the deprecated parts that an operation of a valid document uses, with those in its fragments."""
    if not has_deprecations(schema):
        return ()
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    found: dict[Deprecation, None] = {}  # each once, in the order of the document
    entered: set[str] = set()
    pending: list[OperationDefinitionNode | FragmentDefinitionNode] = [operation]
    while pending:
        type_info = TypeInfo(schema)
        visitor = _DeprecationVisitor(type_info)
        visit(pending.pop(), TypeInfoVisitor(type_info, visitor))
        found |= dict.fromkeys(visitor.found)
        pending += [fragments[name] for name in visitor.spread if name not in entered]
        entered |= visitor.spread
    return tuple(found)


def find_in_variables(
    schema: GraphQLSchema, operation: OperationDefinitionNode, values: Mapping[str, Any]
) -> tuple[Deprecation, ...]:
    """Return the deprecated parts in the values of an operation's variables, which fit their types."""
    if not has_deprecations(schema):
        return ()
    found = (
        each
        for definition in operation.variable_definitions or ()
        for each in _find_in_value(values.get(definition.variable.name.value), type_from_ast(schema, definition.type))
    )
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=8)  # a process serves one schema; a few tests build their own
def has_deprecations(schema: GraphQLSchema) -> bool:
    """Return whether any part of a schema is deprecated."""
    return any(iter_deprecations(schema))


def iter_deprecations(schema: GraphQLSchema) -> Iterator[Deprecation]:
    """Yield all deprecated parts of a schema."""
    for coordinate, part in _iter_parts(schema):
        if part.deprecation_reason is not None:
            yield Deprecation(coordinate, part.deprecation_reason)


def _iter_parts(schema: GraphQLSchema) -> Iterator[tuple[str, Any]]:
    for type_ in schema.type_map.values():
        if type_.name.startswith("__"):
            continue
        if isinstance(type_, GraphQLEnumType):
            yield from ((f"{type_.name}.{name}", value) for name, value in type_.values.items())
        elif isinstance(type_, GraphQLInputObjectType):
            yield from ((f"{type_.name}.{name}", field) for name, field in type_.fields.items())
        elif isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType)):
            for name, field in type_.fields.items():
                yield f"{type_.name}.{name}", field
                yield from ((f"{type_.name}.{name}({one}:)", each) for one, each in field.args.items())


class _DeprecationVisitor(Visitor):
    """Collects the deprecated parts of one definition, and the names of the fragments that it spreads."""

    def __init__(self, type_info: TypeInfo) -> None:
        super().__init__()
        self.found: list[Deprecation] = []
        self.spread: set[str] = set()
        self._type_info = type_info
        self._field = ""

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        parent = self._type_info.get_parent_type()
        self._field = f"{parent.name if parent else ''}.{node.name.value}"
        self._note(self._field, self._type_info.get_field_def())

    def enter_argument(self, node: ArgumentNode, *_: Any) -> None:
        # The arguments of a field are visited before the fields that are selected on it.
        directive = self._type_info.get_directive()
        owner = f"@{directive.name}" if directive else self._field
        self._note(f"{owner}({node.name.value}:)", self._type_info.get_argument())

    def enter_object_field(self, node: ObjectFieldNode, *_: Any) -> None:
        type_ = get_named_type(self._type_info.get_parent_input_type())
        if isinstance(type_, GraphQLInputObjectType):
            self._note(f"{type_.name}.{node.name.value}", type_.fields.get(node.name.value))

    def enter_enum_value(self, node: EnumValueNode, *_: Any) -> None:
        type_ = get_named_type(self._type_info.get_input_type())
        if isinstance(type_, GraphQLEnumType):
            self._note(f"{type_.name}.{node.value}", type_.values.get(node.value))

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
        self.spread.add(node.name.value)

    def _note(self, coordinate: str, part: Any) -> None:
        if part is not None and part.deprecation_reason is not None:
            self.found.append(Deprecation(coordinate, part.deprecation_reason))


def _find_in_value(value: Any, type_: GraphQLInputType | Any) -> Iterator[Deprecation]:
    nullable = get_nullable_type(type_)
    if is_list_type(nullable):
        for item in value if isinstance(value, list) else [value]:
            yield from _find_in_value(item, nullable.of_type)
    elif isinstance(nullable, GraphQLEnumType):
        part = nullable.values.get(value) if isinstance(value, str) else None
        if part is not None and part.deprecation_reason is not None:
            yield Deprecation(f"{nullable.name}.{value}", part.deprecation_reason)
    elif isinstance(nullable, GraphQLInputObjectType) and isinstance(value, dict):
        for name, field in nullable.fields.items():
            if name in value and field.deprecation_reason is not None:
                yield Deprecation(f"{nullable.name}.{name}", field.deprecation_reason)
            yield from _find_in_value(value.get(name), field.type)
