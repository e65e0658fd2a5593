"""The size and the cost of a document, measured before it is validated and executed.

The limits of the size (fields, depth, aliases, …) bound the time of parsing, validation and planning. The size counts a
fragment wherever it is spread, and operations that are not executed. The limit of the cost bounds the time of
execution. The cost is the number of objects that an operation can return with the page sizes that it asks for, and the
cost of its computed fields. Each fragment is measured once, so measuring takes time in proportion to the length of the
document, whatever its fragments expand to.
"""

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

from ogpgraph.graphql.errors import DocumentErrorCode
from ogpgraph.readmodel.queries import MAX_PAGE_SIZE

# Prices

OBJECT_COST: Final = 1
"""The cost of an object. A scalar costs nothing; the selection of a list counts once for each possible item."""

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
"""The cost of computing a field, in addition to the objects that it returns."""

LIST_LENGTHS: Final[Mapping[str, int]] = {
    "blame": 40,
    "claims": 60,
    "evidence": 20,
    "milestones": 6,
    "localizedTexts": 20,
}
"""The assumed lengths of lists without pages, where it is not DEFAULT_LIST_LENGTH."""

DEFAULT_LIST_LENGTH: Final = 10
MAX_NESTING: Final = 100
"""The limit of fields and fragments nested in each other, so that measuring cannot exceed Python's recursion limit."""
MAX_REPORTED_COST: Final = 2**53 - 1
"""The greatest cost that is reported exactly; JSON clients cannot represent a greater integer."""


# Limits


class QueryLimits(Struct, frozen=True):
    """The limits of one document. `persisted_cost` takes the place of `cost` for persisted documents."""

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
    """A document exceeds a limit. The message, for the client, names the limit; `code` is its error code."""

    def __init__(self, message: str, code: DocumentErrorCode) -> None:
        super().__init__(message)
        self.code = code


# The quantifiers are possessive and an unclosed string extends to the end, so the time is linear in any text.
_TOKEN: Final = re.compile(
    r'#[^\n\r]*+|"""(?:[^"\\]++|(?:\\""")++|\\|"(?!""))*+(?:""")?|"(?:[^"\\\n\r]++|(?:\\.)++)*+"?|\.\.\.|[\w.+-]++|[^\s,\ufeff]'
)


def check_length(text: str, limits: QueryLimits) -> None:
    """Check, without parsing, the number of characters and of tokens (comments included) of a document.

    Raises:
        LimitExceeded: if there are too many.
    """
    if len(text) > limits.characters:
        raise LimitExceeded(
            f"The document has more than {limits.characters} characters.", DocumentErrorCode.TOO_MANY_TOKENS
        )
    if sum(1 for _ in islice(_TOKEN.finditer(text), limits.tokens + 1)) > limits.tokens:
        raise LimitExceeded(f"The document has more than {limits.tokens} tokens.", DocumentErrorCode.TOO_MANY_TOKENS)


class DocumentCost(Struct, frozen=True):
    """The cost of one operation of a document, and the size of the document.

    The cost depends on the variables in `page_size_variables`, and on no others.
    """

    operation: SelectionCost
    largest: SelectionCost
    repeated_fields: int
    definitions: int
    page_size_variables: frozenset[str]

    @property
    def cost(self) -> int:
        """The greatest possible cost of the operation, by the page sizes that it asks for."""
        return self.operation.cost

    @property
    def most_expensive_field(self) -> str:
        """The path of the field with the greatest cost, such as `members.nodes.blame`."""
        names, path = [], self.operation.most_expensive[1]
        while path:
            names.append(path[0])
            path = path[1]
        return ".".join(names)

    def check(self, limits: QueryLimits, max_cost: int) -> None:
        """Check the size of the document and the cost of the operation.

        Raises:
            LimitExceeded: if one of them is too great.
        """
        largest = self.largest
        for number, limit, name, code in (
            (self.definitions, limits.definitions, "operations and fragments", DocumentErrorCode.TOO_MANY_FRAGMENTS),
            (largest.depth, limits.depth, "levels of fields", DocumentErrorCode.TOO_DEEP),
            (largest.aliases, limits.aliases, "aliases", DocumentErrorCode.TOO_MANY_ALIASES),
            (largest.directives, limits.directives, "directives", DocumentErrorCode.TOO_MANY_DIRECTIVES),
            (self.repeated_fields, limits.repeated_fields, "repeated fields", DocumentErrorCode.TOO_MANY_FIELDS),
            (largest.fields, limits.fields, "fields", DocumentErrorCode.TOO_MANY_FIELDS),
        ):
            if number > limit:
                raise LimitExceeded(
                    f"The document has {min(number, MAX_REPORTED_COST)} {name}; the limit is {limit}.", code
                )
        if self.cost > max_cost:
            raise LimitExceeded(
                f"The operation costs {min(self.cost, MAX_REPORTED_COST)}; the limit is {max_cost}. The most expensive "
                f"field is `{self.most_expensive_field}`, which costs "
                f"{min(self.operation.most_expensive[0], MAX_REPORTED_COST)}. Use `first` to ask for smaller pages, or "
                "select less.",
                DocumentErrorCode.COST_EXCEEDED,
            )


# Measuring

_FieldPath = tuple[str, Any]
"""The name of a field, and the rest of the path below it or None."""
_ExpensiveField = tuple[int, _FieldPath | None]
"""The cost of one field in all its occurrences, without the fields below it; and its path."""
_NO_FIELD: Final[_ExpensiveField] = (0, None)


class SelectionCost(Struct):
    """The size of a selection set, and its cost: for each object it is selected on, and for each node of a page.

    The second one, `cost_per_node`, is for selection sets on a connection. The page size is known only where the
    connection itself is selected, which may be outside of the fragment that selects `nodes`.
    """

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    cost: int = 0
    cost_per_node: int = 0
    most_expensive: _ExpensiveField = _NO_FIELD
    most_expensive_per_node: _ExpensiveField = _NO_FIELD

    def add(self, other: SelectionCost) -> None:
        """Add a selection set on the same object: that of a fragment."""
        self.add_size(other, levels=0)
        self.cost += other.cost
        self.cost_per_node += other.cost_per_node
        self.most_expensive = max(self.most_expensive, other.most_expensive, key=_cost_of)
        self.most_expensive_per_node = max(self.most_expensive_per_node, other.most_expensive_per_node, key=_cost_of)

    def add_size(self, below: SelectionCost, levels: int) -> None:
        """Add the size of a selection set that is a number of levels below."""
        self.depth = max(self.depth, below.depth + levels)
        self.fields += below.fields
        self.aliases += below.aliases
        self.directives += below.directives

    def add_field(self, name: str, own_cost: int, object_cost: int, number: int, below: SelectionCost) -> None:
        """Add the cost of a field that returns a number of objects, on each of which `below` is selected."""
        self.cost += own_cost + number * (object_cost + below.cost + below.cost_per_node)
        self._note_field(own_cost + number * object_cost, name, None)
        self._note_field(below.most_expensive[0] * number, name, below.most_expensive[1])

    def add_connection(self, name: str, page_size: int, below: SelectionCost) -> None:
        """Add the cost of a connection."""
        self.cost += below.cost + page_size * below.cost_per_node
        self._note_field(below.most_expensive[0], name, below.most_expensive[1])
        self._note_field(below.most_expensive_per_node[0] * page_size, name, below.most_expensive_per_node[1])

    def add_nodes(self, name: str, object_cost: int, below: SelectionCost) -> None:
        """Add the cost of `nodes` or `edges`, for each node."""
        self.cost_per_node += object_cost + below.cost
        own: _ExpensiveField = (object_cost, None)
        cost, path = max(own, below.most_expensive, key=_cost_of)
        self.most_expensive_per_node = max(self.most_expensive_per_node, (cost, (name, path)), key=_cost_of)

    def _note_field(self, cost: int, name: str, path: _FieldPath | None) -> None:
        if cost > self.most_expensive[0]:
            self.most_expensive = cost, (name, path)


def _cost_of(field: _ExpensiveField) -> int:
    return field[0]


def measure_document(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode | None,
    variables: Mapping[str, Any],
) -> DocumentCost:
    """Return the cost of an operation with its variables (0 without an operation), and the size of its document.

    The document need not be valid: fields that the schema does not have cost nothing.

    Raises:
        LimitExceeded: if fields and fragments are nested too deeply.
    """
    estimator = _CostEstimator(schema, document, variables)
    operation_cost, largest = SelectionCost(), SelectionCost()
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            measured = estimator.measure_operation(definition)
            operation_cost = measured if definition is operation else operation_cost
        elif isinstance(definition, FragmentDefinitionNode):
            measured = estimator.measure_fragment(definition.name.value, 0)
        else:
            continue
        largest = _largest_size(largest, measured)
    return DocumentCost(
        operation_cost,
        largest,
        estimator.repeated_fields,
        len(document.definitions),
        frozenset(estimator.page_size_variables),
    )


def _largest_size(one: SelectionCost, other: SelectionCost) -> SelectionCost:
    sizes = ("depth", "fields", "aliases", "directives")
    return SelectionCost(*(max(getattr(one, size), getattr(other, size)) for size in sizes))


class _CostEstimator:
    """Measures the definitions of one document, with the variables of one request."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self._schema = schema
        self._variables = variables
        self._fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self._fragment_costs: dict[str, SelectionCost] = {}
        self._variable_defaults: dict[str, ValueNode | None] = {}
        self._fields: dict[tuple[GraphQLNamedType | None, str], _FieldCost] = {}
        self.page_size_variables: set[str] = set()
        self.repeated_fields = 0

    def measure_operation(self, operation: OperationDefinitionNode) -> SelectionCost:
        self._variable_defaults = {d.variable.name.value: d.default_value for d in operation.variable_definitions or ()}
        self._fragment_costs.clear()  # their page sizes may be variables, of which this operation has other defaults
        root = self._schema.get_root_type(operation.operation)
        measured = self._measure_selections(operation.selection_set.selections, root, 0)
        measured.directives += len(operation.directives or ())
        return measured

    def measure_fragment(self, name: str, level: int) -> SelectionCost:
        measured = self._fragment_costs.get(name)
        if measured is None:
            # A fragment that spreads itself, which validation rejects later, finds this and costs nothing there.
            self._fragment_costs[name] = SelectionCost()
            fragment = self._fragments[name]
            type_ = self._schema.get_type(fragment.type_condition.name.value)
            measured = self._measure_selections(fragment.selection_set.selections, type_, level)
            measured.directives += len(fragment.directives or ())
            self._fragment_costs[name] = measured
        return measured

    def _measure_selections(
        self, nodes: Sequence[SelectionNode], parent: GraphQLNamedType | None, level: int
    ) -> SelectionCost:
        if level > MAX_NESTING:
            raise LimitExceeded(
                f"Fields and fragments are nested more than {MAX_NESTING} levels deep.", DocumentErrorCode.TOO_DEEP
            )
        measured = SelectionCost()
        for node in nodes:
            measured.directives += len(node.directives or ())
            match node:
                case FieldNode():
                    self._add_field(node, parent, measured, level)
                case InlineFragmentNode():
                    condition = node.type_condition
                    type_ = self._schema.get_type(condition.name.value) if condition else parent
                    measured.add(self._measure_selections(node.selection_set.selections, type_, level + 1))
                case FragmentSpreadNode() if node.name.value in self._fragments:
                    measured.add(self.measure_fragment(node.name.value, level + 1))
        fields = [(node.alias or node.name).value for node in nodes if isinstance(node, FieldNode)]
        self.repeated_fields += len(fields) - len(set(fields))
        return measured

    def _add_field(self, node: FieldNode, parent: GraphQLNamedType | None, total: SelectionCost, level: int) -> None:
        name = node.name.value
        total.fields += 1
        total.aliases += node.alias is not None
        total.depth = total.depth or 1
        own_cost = FIELD_COSTS.get(name, 0)
        if node.selection_set is None:
            if own_cost:
                total.add_field(name, own_cost, 0, 1, SelectionCost())
            return
        field = self._find_field(parent, name)
        below = self._measure_selections(node.selection_set.selections, field.type, level + 1)
        total.add_size(below, levels=1)
        if field.is_connection:
            total.add_connection(name, self._page_size(node), below)
        elif field.is_page:
            total.add_nodes(name, field.object_cost, below)
        else:
            total.add_field(name, own_cost, field.object_cost, field.number or self._page_size(node), below)

    def _find_field(self, parent: GraphQLNamedType | None, name: str) -> _FieldCost:
        key = parent, name
        if key not in self._fields:
            field = self._schema.get_field(parent, name) if hasattr(parent, "fields") else None  # type: ignore[arg-type]  # it has fields
            self._fields[key] = _FieldCost.of(parent, name, field)
        return self._fields[key]

    def _page_size(self, node: FieldNode) -> int:
        values = [argument.value for argument in node.arguments or () if argument.name.value in ("first", "last")]
        sizes = [size for size in map(self._read_size, values) if size is not None]
        return min(max(sizes[0], 0), MAX_PAGE_SIZE) if sizes else MAX_PAGE_SIZE

    def _read_size(self, value: ValueNode | None) -> int | None:
        if isinstance(value, VariableNode):
            name = value.name.value
            self.page_size_variables.add(name)
            if name in self._variables:
                size = self._variables[name]
                return size if isinstance(size, int) else None
            value = self._variable_defaults.get(name)
        # Nine digits are more than MAX_PAGE_SIZE; converting a number of thousands of digits would take long.
        return int(value.value[:9]) if isinstance(value, IntValueNode) else None


class _FieldCost(Struct, frozen=True):
    """What the cost of a field depends on, besides its selection set. `number` is 0 if it is the page size."""

    type: GraphQLNamedType | None = None
    object_cost: int = 0
    number: int = 1
    is_connection: bool = False
    is_page: bool = False

    @classmethod
    def of(cls, parent: GraphQLNamedType | None, name: str, field: GraphQLField | None) -> _FieldCost:
        if field is None:
            return cls()  # validation rejects it
        type_ = get_named_type(field.type)
        if is_introspection_type(type_):
            return cls(type_)
        is_free = is_leaf_type(type_) or type_.name.endswith(("Edge", "PageInfo"))
        is_list = is_list_type(get_nullable_type(field.type))
        length = LIST_LENGTHS.get(name, DEFAULT_LIST_LENGTH) if is_list else 1
        return cls(
            type=type_,
            object_cost=0 if is_free else OBJECT_COST,
            number=0 if "first" in field.args else length,
            is_connection=_is_connection(type_),
            is_page=_is_connection(parent) and name in ("nodes", "edges"),
        )


def _is_connection(type_: GraphQLNamedType | None) -> bool:
    return type_ is not None and type_.name.endswith("Connection")
