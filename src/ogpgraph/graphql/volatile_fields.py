"""Fields whose value may change while the position that is read stays the same.

A response is a function of the document, its variables and the position, so it may be cached for as long as that
position is the head. A field that depends on anything else, such as the progress of the projection, is declared where
it is defined, by `metadata=VOLATILE`. A response that contains one must not be cached.

A response at a named position may be cached for longer, unless it contains a field that is read at the head whatever
the position. Such a field is declared by `metadata=READS_HEAD`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    get_named_type,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter

FieldCoordinate = tuple[str, str]
"""The name of a type and of one of its fields."""

Mark = Mapping[str, bool]
"""The metadata that marks a field: `@strawberry.field(metadata=VOLATILE, description=…)`."""
VOLATILE: Final[Mark] = {"volatile": True}
"""Marks a field that depends on more than the head."""
READS_HEAD: Final[Mark] = {"reads_head": True}
"""Marks a field that is read at the head, also below a position."""


def selects_field(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, mark: Mark
) -> bool:
    """Return whether an operation selects a field with a mark, directly or in a fragment that it spreads.

    The document has to be valid. `@skip` and `@include` are not evaluated: a field that they leave out counts too.
    """
    marked = marked_fields(schema, *mark)
    return any(field in marked for field in iter_selected_fields(schema, document, operation))


@lru_cache(maxsize=8)  # a process serves one schema; a few tests build their own
def marked_fields(schema: GraphQLSchema, mark: str) -> frozenset[FieldCoordinate]:
    """Return the fields of a schema with a mark, by its key.

    A field of an interface has the mark if it has it in any type that implements the interface.
    """
    found: set[FieldCoordinate] = set()
    for type_ in schema.type_map.values():
        if isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType)):
            owners = (type_, *type_.interfaces)
            marked = [name for name, field in type_.fields.items() if _has_mark(field, mark)]
            found.update((owner.name, name) for name in marked for owner in owners if name in owner.fields)
    return frozenset(found)


def iter_selected_fields(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode
) -> Iterator[FieldCoordinate]:
    """Yield the fields that an operation of a valid document selects, in no particular order."""
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    entered: set[str] = set()
    # Any: validation has established which nodes have a selection set, and which types have fields.
    pending: list[tuple[Any, Any]] = [(schema.get_root_type(operation.operation), operation)]
    while pending:
        parent, selecting = pending.pop()
        for node in selecting.selection_set.selections:
            match node:
                case FieldNode():
                    yield parent.name, node.name.value
                    field = schema.get_field(parent, node.name.value)
                    if node.selection_set and field:
                        pending.append((get_named_type(field.type), node))
                case InlineFragmentNode():
                    condition = node.type_condition
                    pending.append((schema.get_type(condition.name.value) if condition else parent, node))
                case FragmentSpreadNode() if node.name.value not in entered:
                    entered.add(node.name.value)
                    fragment = fragments[node.name.value]
                    pending.append((schema.get_type(fragment.type_condition.name.value), fragment))


def _has_mark(field: GraphQLField, mark: str) -> bool:
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    return bool(definition and definition.metadata.get(mark))
