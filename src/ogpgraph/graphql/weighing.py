"""Weighs what a document asks for before it runs.

One pass goes over the parsed document. Each fragment is weighed once and counted as often as it is spread, so that
fragments which double each other take as little time as any. The pass stands before validation, which compares fields
pairwise: what it lets through is small enough for that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_introspection_type,
    is_leaf_type,
    is_list_type,
)
from msgspec import Struct

from ogpgraph.graphql.limits import Requested, TooMuch
from ogpgraph.graphql.weight import Weight
from ogpgraph.readmodel.paging import MOST_NODES

OBJECT: Final = 1
"""What an object costs. Scalars cost nothing; what is in a list costs as often as the list may be long."""

DEAR: Final[Mapping[str, int]] = {
    "blame": 5,
    "changes": 2,
    "claims": 5,
    "compare": 500,
    "evidence": 2,
    "facets": 50,
    "quote": 2,
    "timeline": 500,
    "totalCount": 2,
    "__schema": 500,
    "__type": 50,
}
"""What asking for a field costs besides the objects that it gives."""

LENGTHS: Final[Mapping[str, int]] = {
    "blame": 40,
    "claims": 60,
    "evidence": 20,
    "milestones": 6,
    "wordings": 20,
}
"""How long a list without pages is taken to be, where that is not `LENGTH`."""

LENGTH: Final = 10
NESTING: Final = 100
"""How far fields and fragments may be nested in each other: going down shall not end in the interpreter's limit."""


def weigh(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode | None,
    variables: Mapping[str, Any],
) -> Requested:
    """Return what an operation asks for, and how large its document is at its largest, used or not.

    Raises:
        TooMuch: if the document is nested too deeply to be weighed.
    """
    weighing = _Weighing(schema, document, variables)
    chosen, largest = Weight(), Weight()
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            weight = weighing.of_operation(definition)
            chosen = weight if definition is operation else chosen
        elif isinstance(definition, FragmentDefinitionNode):
            weight = weighing.of_fragment(definition.name.value, 0)
        else:
            continue
        largest = _at_most(largest, weight)
    return Requested(chosen, largest, weighing.repeats, len(document.definitions), frozenset(weighing.page_variables))


def _at_most(one: Weight, other: Weight) -> Weight:
    sizes = ("depth", "fields", "aliases", "directives")
    return Weight(*(max(getattr(one, size), getattr(other, size)) for size in sizes))


class _Weighing:
    """One pass over a document with the variables of one request."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self._schema = schema
        self._variables = variables
        self._fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self._weighed: dict[str, Weight] = {}
        self._defaults: dict[str, ValueNode | None] = {}
        self._known: dict[tuple[GraphQLNamedType | None, str], _Field] = {}
        self.page_variables: set[str] = set()
        self.repeats = 0

    def of_operation(self, operation: OperationDefinitionNode) -> Weight:
        self._defaults = {d.variable.name.value: d.default_value for d in operation.variable_definitions or ()}
        self._weighed.clear()  # another operation may have other defaults
        root = self._schema.get_root_type(operation.operation)
        weight = self._of_selections(operation.selection_set.selections, root, 0)
        weight.directives += len(operation.directives or ())
        return weight

    def of_fragment(self, name: str, level: int) -> Weight:
        weight = self._weighed.get(name)
        if weight is None:
            self._weighed[name] = Weight()  # while it is not known: one that spreads itself is refused by validation
            fragment = self._fragments[name]
            on = self._schema.get_type(fragment.type_condition.name.value)
            weight = self._weighed[name] = self._of_selections(fragment.selection_set.selections, on, level)
            weight.directives += len(fragment.directives or ())
        return weight

    def _of_selections(self, nodes: Sequence[SelectionNode], parent: GraphQLNamedType | None, level: int) -> Weight:
        if level > NESTING:
            raise TooMuch(f"Fields and fragments are nested more than {NESTING} levels deep.", "TOO_DEEP")
        weight, names = Weight(), set[str]()
        for node in nodes:
            weight.directives += len(node.directives or ())
            if isinstance(node, FieldNode):
                names.add((node.alias or node.name).value)
                self._add_field(node, parent, weight, level)
            elif isinstance(node, InlineFragmentNode):
                on = self._schema.get_type(node.type_condition.name.value) if node.type_condition else parent
                weight.add(self._of_selections(node.selection_set.selections, on, level + 1))
            elif isinstance(node, FragmentSpreadNode) and node.name.value in self._fragments:
                weight.add(self.of_fragment(node.name.value, level + 1))
        self.repeats += sum(1 for node in nodes if isinstance(node, FieldNode)) - len(names)
        return weight

    def _add_field(self, node: FieldNode, parent: GraphQLNamedType | None, weight: Weight, level: int) -> None:
        name = node.name.value
        weight.fields += 1
        weight.aliases += node.alias is not None
        weight.depth = weight.depth or 1
        own = DEAR.get(name, 0)
        if node.selection_set is None:
            if own:
                weight.add_field(name, own, 0, 1, Weight())
            return
        known = self._known.get((parent, name)) or self._know(parent, name)
        below = self._of_selections(node.selection_set.selections, known.kind, level + 1)
        weight.count(below, 1)
        if known.is_connection:
            weight.add_connection(name, self._page_size(node), below)
        elif known.is_page:
            weight.add_nodes(name, known.each, below)
        else:
            weight.add_field(name, own, known.each, known.number or self._page_size(node), below)

    def _know(self, parent: GraphQLNamedType | None, name: str) -> _Field:
        fields = hasattr(parent, "fields")
        field = self._schema.get_field(parent, name) if fields else None  # type: ignore[arg-type]  # it has fields
        known = self._known[parent, name] = _known(parent, name, field)
        return known

    def _page_size(self, node: FieldNode) -> int:
        given = [a.value for a in node.arguments or () if a.name.value in ("first", "last")]
        sizes = [size for size in map(self._whole_number, given) if size is not None]
        return min(max(sizes[0], 0), MOST_NODES) if sizes else MOST_NODES

    def _whole_number(self, value: ValueNode | None) -> int | None:
        if isinstance(value, VariableNode):
            name = value.name.value
            self.page_variables.add(name)
            if name in self._variables:
                given = self._variables[name]
                return given if isinstance(given, int) else None
            value = self._defaults.get(name)
        # What has more digits is no page size, and takes time to read.
        return int(value.value[:9]) if isinstance(value, IntValueNode) else None


class _Field(Struct, frozen=True):
    """What is known of a field: what it gives, what each costs, and how many there are (0: as its page size says)."""

    kind: GraphQLNamedType | None = None
    each: int = 0
    number: int = 1
    is_connection: bool = False
    is_page: bool = False


def _known(parent: GraphQLNamedType | None, name: str, field: GraphQLField | None) -> _Field:
    if field is None:
        return _Field()  # which validation refuses
    kind = get_named_type(field.type)
    if is_introspection_type(kind):
        return _Field(kind)
    each = 0 if is_leaf_type(kind) or kind.name.endswith(("Edge", "PageInfo")) else OBJECT
    number = LENGTHS.get(name, LENGTH) if is_list_type(get_nullable_type(field.type)) else 1
    is_page = _is_connection(parent) and name in ("nodes", "edges")
    return _Field(kind, each, 0 if "first" in field.args else number, _is_connection(kind), is_page)


def _is_connection(kind: GraphQLNamedType | None) -> bool:
    return kind is not None and kind.name.endswith("Connection")
