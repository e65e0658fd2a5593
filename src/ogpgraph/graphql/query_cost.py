"""What a selection asks for: its size, its depth, its cost by the pages it wants, and where it is dearest."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import islice
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

from ogpgraph.readmodel.queries import MAX_PAGE_SIZE

Path = tuple[str, Any]
"""The name of a field, and the rest of the path below it or None."""
MostExpensive = tuple[int, Path | None]
"""What a single field costs, itself and as often as it comes, without what is below it; and where it is."""
NOTHING: Final[MostExpensive] = (0, None)


class SelectionCost(Struct):
    """What a selection asks for: each time it is made (`cost`), and for each node of the page around it (`paged`)."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    cost: int = 0
    paged: int = 0
    most_expensive: MostExpensive = NOTHING
    most_expensive_paged: MostExpensive = NOTHING

    def add(self, other: SelectionCost) -> None:
        """Count another selection of the same object too."""
        self.count(other, 0)
        self.cost += other.cost
        self.paged += other.paged
        if other.most_expensive[0] > self.most_expensive[0]:
            self.most_expensive = other.most_expensive
        if other.most_expensive_paged[0] > self.most_expensive_paged[0]:
            self.most_expensive_paged = other.most_expensive_paged

    def count(self, below: SelectionCost, levels: int) -> None:
        """Count the size of what is so many levels below."""
        self.depth = max(self.depth, below.depth + levels)
        self.fields += below.fields
        self.aliases += below.aliases
        self.directives += below.directives

    def add_field(self, name: str, own: int, each: int, number: int, below: SelectionCost) -> None:
        """Count the cost of a field that gives `number` objects, which cost `each` and what is below them."""
        self.cost += own + number * (each + below.cost + below.paged)
        self._note_expensive(own + number * each, name, None)
        self._note_expensive(below.most_expensive[0] * number, name, below.most_expensive[1])

    def add_connection(self, name: str, size: int, below: SelectionCost) -> None:
        """Count the cost of a connection whose pages have `size` nodes."""
        self.cost += below.cost + size * below.paged
        self._note_expensive(below.most_expensive[0], name, below.most_expensive[1])
        self._note_expensive(below.most_expensive_paged[0] * size, name, below.most_expensive_paged[1])

    def add_nodes(self, name: str, each: int, below: SelectionCost) -> None:
        """Count the cost of one of the nodes of a connection's page."""
        self.paged += each + below.cost
        most_expensive = below.most_expensive if below.most_expensive[0] > each else (each, None)
        if most_expensive[0] > self.most_expensive_paged[0]:
            self.most_expensive_paged = most_expensive[0], (name, most_expensive[1])

    def _note_expensive(self, cost: int, name: str, path: Path | None) -> None:
        if cost > self.most_expensive[0]:
            self.most_expensive = cost, (name, path)


MAX_REPORTED_COST: Final = 2**53 - 1
"""The greatest cost that is told as it is: every JSON client can hold it."""


class QueryLimits(Struct, frozen=True):
    """How much one document may ask for. `trusted_cost` is for the documents that the server knows."""

    cost: int = 500_000
    persisted_cost: int = 2_000_000
    characters: int = 50_000
    tokens: int = 2_000
    depth: int = 20
    fields: int = 1_000
    aliases: int = 100
    directives: int = 50
    definitions: int = 50
    repeated_fields: int = 50


class LimitExceeded(Exception):
    """A document asks for more than it may; the message says of what, and how much of it."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class DocumentCost(Struct, frozen=True):
    """What one operation of a document asks for; the cost depends on the variables that say how large pages are."""

    weight: SelectionCost
    maximum: SelectionCost
    repeated_fields: int
    definitions: int
    page_size_variables: frozenset[str]

    @property
    def cost(self) -> int:
        """Return what the operation costs at most, by the pages it asks for."""
        return self.weight.cost

    @property
    def most_expensive(self) -> str:
        """Return the path of the field that costs most."""
        steps, path = [], self.weight.most_expensive[1]
        while path:
            steps.append(path[0])
            path = path[1]
        return ".".join(steps)

    def check(self, limits: QueryLimits, most_cost: int) -> None:
        """Raise TooMuch where the document is larger, or its operation costs more, than it may."""
        maximum = self.maximum
        for found, most, what, code in (
            (self.definitions, limits.definitions, "operations and fragments", "TOO_MANY_FRAGMENTS"),
            (maximum.depth, limits.depth, "levels of fields", "TOO_DEEP"),
            (maximum.aliases, limits.aliases, "aliases", "TOO_MANY_ALIASES"),
            (maximum.directives, limits.directives, "directives", "TOO_MANY_DIRECTIVES"),
            (self.repeated_fields, limits.repeated_fields, "fields that repeat another", "TOO_MANY_FIELDS"),
            (maximum.fields, limits.fields, "fields", "TOO_MANY_FIELDS"),
        ):
            if found > most:
                raise LimitExceeded(
                    f"The document has {min(found, MAX_REPORTED_COST)} {what}, and {most} is the most.", code
                )
        self.check_cost(most_cost)

    def check_cost(self, most: int) -> None:
        """Raise TooMuch where the operation costs more than it may."""
        if self.cost > most:
            raise LimitExceeded(
                f"The operation costs {min(self.cost, MAX_REPORTED_COST)}, and {most} is the most. Dearest is "
                f"`{self.most_expensive}`, alone {min(self.weight.most_expensive[0], MAX_REPORTED_COST)}: ask for "
                "smaller pages by `first`, or for less.",
                "COST_EXCEEDED",
            )


# Possessive, and what is not closed goes to the end: so it takes time in proportion to the text, whatever that is.
_TOKEN: Final = re.compile(
    r'#[^\n\r]*+|"""(?:[^"\\]++|(?:\\""")++|\\|"(?!""))*+(?:""")?|"(?:[^"\\\n\r]++|(?:\\.)++)*+"?|\.\.\.|[\w.+-]++|[^\s,\ufeff]'
)


def check_length(text: str, limits: QueryLimits) -> None:
    """Raise TooMuch, without parsing, where a document is longer or has more tokens (comments too) than it may."""
    if len(text) > limits.characters:
        raise LimitExceeded(f"The document has more than {limits.characters} characters.", "TOO_MANY_TOKENS")
    if sum(1 for _ in islice(_TOKEN.finditer(text), limits.tokens + 1)) > limits.tokens:
        raise LimitExceeded(f"The document has more than {limits.tokens} tokens.", "TOO_MANY_TOKENS")


OBJECT_COST: Final = 1
"""What an object costs. Scalars cost nothing; what is in a list costs as often as the list may be long."""

FIELD_COSTS: Final[Mapping[str, int]] = {
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

LIST_LENGTHS: Final[Mapping[str, int]] = {
    "blame": 40,
    "claims": 60,
    "evidence": 20,
    "milestones": 6,
    "localizedTexts": 20,
}
"""How long a list without pages is taken to be, where that is not `LENGTH`."""

DEFAULT_LIST_LENGTH: Final = 10
MAX_NESTING: Final = 100
"""How far fields and fragments may be nested in each other: going down shall not end in the interpreter's limit."""


def measure_document(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode | None,
    variables: Mapping[str, Any],
) -> DocumentCost:
    """Return what an operation asks for, and how large its document is at its largest, used or not.

    Raises:
        TooMuch: if the document is nested too deeply to be weighed.
    """
    estimator = _CostEstimator(schema, document, variables)
    operation_cost, maximum = SelectionCost(), SelectionCost()
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            weight = estimator.measure_operation(definition)
            operation_cost = weight if definition is operation else operation_cost
        elif isinstance(definition, FragmentDefinitionNode):
            weight = estimator.measure_fragment(definition.name.value, 0)
        else:
            continue
        maximum = _maximum(maximum, weight)
    return DocumentCost(
        operation_cost,
        maximum,
        estimator.repeated_fields,
        len(document.definitions),
        frozenset(estimator.page_size_variables),
    )


def _maximum(one: SelectionCost, other: SelectionCost) -> SelectionCost:
    sizes = ("depth", "fields", "aliases", "directives")
    return SelectionCost(*(max(getattr(one, size), getattr(other, size)) for size in sizes))


class _CostEstimator:
    """One pass over a document with the variables of one request."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self._schema = schema
        self._variables = variables
        self._fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self._fragment_costs: dict[str, SelectionCost] = {}
        self._defaults: dict[str, ValueNode | None] = {}
        self._resolve_field: dict[tuple[GraphQLNamedType | None, str], _FieldCost] = {}
        self.page_size_variables: set[str] = set()
        self.repeated_fields = 0

    def measure_operation(self, operation: OperationDefinitionNode) -> SelectionCost:
        self._defaults = {d.variable.name.value: d.default_value for d in operation.variable_definitions or ()}
        self._fragment_costs.clear()  # another operation may have other defaults
        root = self._schema.get_root_type(operation.operation)
        weight = self._measure_selections(operation.selection_set.selections, root, 0)
        weight.directives += len(operation.directives or ())
        return weight

    def measure_fragment(self, name: str, level: int) -> SelectionCost:
        weight = self._fragment_costs.get(name)
        if weight is None:
            self._fragment_costs[name] = (
                SelectionCost()
            )  # while it is not known: one that spreads itself is refused by validation
            fragment = self._fragments[name]
            on = self._schema.get_type(fragment.type_condition.name.value)
            weight = self._fragment_costs[name] = self._measure_selections(fragment.selection_set.selections, on, level)
            weight.directives += len(fragment.directives or ())
        return weight

    def _measure_selections(
        self, nodes: Sequence[SelectionNode], parent: GraphQLNamedType | None, level: int
    ) -> SelectionCost:
        if level > MAX_NESTING:
            raise LimitExceeded(f"Fields and fragments are nested more than {MAX_NESTING} levels deep.", "TOO_DEEP")
        weight, names = SelectionCost(), set[str]()
        for node in nodes:
            weight.directives += len(node.directives or ())
            if isinstance(node, FieldNode):
                names.add((node.alias or node.name).value)
                self._add_field(node, parent, weight, level)
            elif isinstance(node, InlineFragmentNode):
                on = self._schema.get_type(node.type_condition.name.value) if node.type_condition else parent
                weight.add(self._measure_selections(node.selection_set.selections, on, level + 1))
            elif isinstance(node, FragmentSpreadNode) and node.name.value in self._fragments:
                weight.add(self.measure_fragment(node.name.value, level + 1))
        self.repeated_fields += sum(1 for node in nodes if isinstance(node, FieldNode)) - len(names)
        return weight

    def _add_field(self, node: FieldNode, parent: GraphQLNamedType | None, weight: SelectionCost, level: int) -> None:
        name = node.name.value
        weight.fields += 1
        weight.aliases += node.alias is not None
        weight.depth = weight.depth or 1
        own = FIELD_COSTS.get(name, 0)
        if node.selection_set is None:
            if own:
                weight.add_field(name, own, 0, 1, SelectionCost())
            return
        known = self._resolve_field.get((parent, name)) or self._remember_field(parent, name)
        below = self._measure_selections(node.selection_set.selections, known.kind, level + 1)
        weight.count(below, 1)
        if known.is_connection:
            weight.add_connection(name, self._page_size(node), below)
        elif known.is_page:
            weight.add_nodes(name, known.each, below)
        else:
            weight.add_field(name, own, known.each, known.number or self._page_size(node), below)

    def _remember_field(self, parent: GraphQLNamedType | None, name: str) -> _FieldCost:
        fields = hasattr(parent, "fields")
        field = self._schema.get_field(parent, name) if fields else None  # type: ignore[arg-type]  # it has fields
        known = self._resolve_field[parent, name] = _resolve_field(parent, name, field)
        return known

    def _page_size(self, node: FieldNode) -> int:
        given = [a.value for a in node.arguments or () if a.name.value in ("first", "last")]
        sizes = [size for size in map(self._read_size, given) if size is not None]
        return min(max(sizes[0], 0), MAX_PAGE_SIZE) if sizes else MAX_PAGE_SIZE

    def _read_size(self, value: ValueNode | None) -> int | None:
        if isinstance(value, VariableNode):
            name = value.name.value
            self.page_size_variables.add(name)
            if name in self._variables:
                given = self._variables[name]
                return given if isinstance(given, int) else None
            value = self._defaults.get(name)
        # What has more digits is no page size, and takes time to read.
        return int(value.value[:9]) if isinstance(value, IntValueNode) else None


class _FieldCost(Struct, frozen=True):
    """What is known of a field: what it gives, what each costs, and how many there are (0: as its page size says)."""

    kind: GraphQLNamedType | None = None
    each: int = 0
    number: int = 1
    is_connection: bool = False
    is_page: bool = False


def _resolve_field(parent: GraphQLNamedType | None, name: str, field: GraphQLField | None) -> _FieldCost:
    if field is None:
        return _FieldCost()  # which validation refuses
    kind = get_named_type(field.type)
    if is_introspection_type(kind):
        return _FieldCost(kind)
    each = 0 if is_leaf_type(kind) or kind.name.endswith(("Edge", "PageInfo")) else OBJECT_COST
    number = LIST_LENGTHS.get(name, DEFAULT_LIST_LENGTH) if is_list_type(get_nullable_type(field.type)) else 1
    is_page = _is_connection(parent) and name in ("nodes", "edges")
    return _FieldCost(kind, each, 0 if "first" in field.args else number, _is_connection(kind), is_page)


def _is_connection(kind: GraphQLNamedType | None) -> bool:
    return kind is not None and kind.name.endswith("Connection")
