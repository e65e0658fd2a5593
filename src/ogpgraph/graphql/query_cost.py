"""The size and the cost of a document, measured before it is validated and executed.

The limits of the size (fields, depth, aliases, …) bound the time of parsing, validation and planning. The size counts a
fragment wherever it is spread, and operations that are not executed. The limit of the cost bounds the time of
execution. The cost is the number of objects that an operation can return with the page sizes that it asks for, and the
weights of its computed fields and of its arguments, literals and variables alike (see `weights`). Each fragment is
measured once, so measuring takes time in proportion to the length of the document, whatever its fragments expand to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import ceil
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
    OperationDefinitionNode,
    SelectionNode,
    get_named_type,
    get_nullable_type,
    is_introspection_type,
    is_leaf_type,
    is_list_type,
)
from msgspec import Struct, field

from ogpgraph.graphql.argument_cost import PAGE_SIZE, PLAIN_VALUE, ArgumentWeight, Scope, VariableUse
from ogpgraph.graphql.errors import DocumentErrorCode, LimitExceeded
from ogpgraph.graphql.query_limits import QueryLimits
from ogpgraph.graphql.weights import MAX_REPORTED_COST, PLAIN, STATE_COST, FieldWeight, OperationCost, weight_of_field
from ogpgraph.readmodel.queries import MAX_PAGE_SIZE

MAX_NESTING: Final = 100
"""The limit of fields and fragments nested in each other, so that measuring cannot exceed Python's recursion limit."""
INTROSPECTION: Final[Mapping[str, FieldWeight]] = {
    "__schema": FieldWeight(base=500),
    "__type": FieldWeight(base=50),
    "types": FieldWeight(length=300),
    "fields": FieldWeight(length=3),
    "inputFields": FieldWeight(length=2),
    "enumValues": FieldWeight(length=2),
    "args": FieldWeight(length=1),
    "interfaces": FieldWeight(length=1),
    "possibleTypes": FieldWeight(length=1),
    "directives": FieldWeight(length=5),
}
"""The weights of the fields of introspection, which have no declaration of ours; lengths are means over all types."""


class DocumentCost(Struct, frozen=True):
    """The cost of one operation of a document, and the size of the document.

    The cost depends on what `uses` read of the variables, and on nothing else.
    """

    operation: SelectionCost
    largest: SelectionCost
    repeated_fields: int
    definitions: int
    uses: tuple[VariableUse, ...]
    beginning: float = 0

    @property
    def cost(self) -> OperationCost:
        """The greatest possible cost of the operation, by the arguments that it has."""
        own = self.operation.own
        total = min(ceil(own.cost), MAX_REPORTED_COST)
        once, beginning = min(ceil(own.once), total), min(ceil(self.beginning), total)
        return OperationCost(total, once, min(own.objects, MAX_REPORTED_COST), beginning)

    @property
    def most_expensive_part(self) -> str:
        """The path of the field or argument with the greatest cost: `members.nodes.blame`, `commitments(where:)`."""
        names, path = [], self.operation.own.most_expensive[1]
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
        cost = self.cost.total
        if cost > max_cost:
            part = self.most_expensive_part
            advice = "Ask for less by this argument" if part.endswith(":)") else "Use `first` to ask for smaller pages"
            part_cost = min(ceil(self.operation.own.most_expensive[0]), MAX_REPORTED_COST)
            raise LimitExceeded(
                f"The operation costs {cost}; the limit is {max_cost}. The most expensive part is `{part}`, which "
                f"costs {part_cost}. {advice}, select less, or send several operations.",
                DocumentErrorCode.COST_EXCEEDED,
            )


# Measuring

_FieldPath = tuple[str, Any]
"""The name of a field, and the rest of the path below it or None."""
_ExpensivePart = tuple[float, _FieldPath | None]
"""The cost of one field or argument in all its occurrences, without the fields below it; and its path."""
_NOTHING: Final[_ExpensivePart] = (0, None)


class Amount(Struct):
    """What a selection set costs for each object that it is selected on.

    `once` is the part of the cost that no list repeats, `objects` how many objects there are at most. If it
    `reads_lists`, it does so in the state of the record in which the object is read.
    """

    cost: float = 0
    once: float = 0
    objects: int = 0
    reads_lists: bool = False
    most_expensive: _ExpensivePart = _NOTHING

    def add(self, other: Amount) -> None:
        """Add another selection on the same object."""
        self.cost += other.cost
        self.once += other.once
        self.objects += other.objects
        self.reads_lists |= other.reads_lists
        self.most_expensive = max(self.most_expensive, other.most_expensive, key=_cost_of)

    def add_below(self, name: str, other: Amount, number: int, *, is_list: bool) -> None:
        """Add a selection on a number of objects below a field."""
        self.cost += number * other.cost
        self.once += 0 if is_list else other.once
        self.objects += number * other.objects
        self.reads_lists |= other.reads_lists
        self.note(number * other.most_expensive[0], name, other.most_expensive[1])

    def note(self, cost: float, name: str, path: _FieldPath | None = None) -> None:
        """Remember a part if none is more expensive."""
        if cost > self.most_expensive[0]:
            self.most_expensive = cost, (name, path)


class SelectionCost(Struct):
    """The size of a selection set, and its cost: for each object it is selected on, and for each node of a page.

    The second one, `per_node`, is for selection sets on a connection. The page size is known only where the connection
    itself is selected, which may be outside of the fragment that selects `nodes`.
    """

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    own: Amount = field(default_factory=Amount)
    per_node: Amount = field(default_factory=Amount)

    def add(self, other: SelectionCost) -> None:
        """Add a selection set on the same object: that of a fragment."""
        self.add_size(other, levels=0)
        self.own.add(other.own)
        self.per_node.add(other.per_node)

    def add_size(self, below: SelectionCost, levels: int) -> None:
        """Add the size of a selection set that is a number of levels below."""
        self.depth = max(self.depth, below.depth + levels)
        self.fields += below.fields
        self.aliases += below.aliases
        self.directives += below.directives


def _cost_of(part: _ExpensivePart) -> float:
    return part[0]


def measure_document(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode | None,
    variables: Mapping[str, Any],
) -> DocumentCost:
    """Return the cost of an operation with its variables (0 without an operation), and the size of its document.

    The document need not be valid: fields and arguments that the schema does not have cost nothing.

    Raises:
        LimitExceeded: if fields, fragments or arguments are nested too deeply, or an argument has too many values.
    """
    estimator = _CostEstimator(schema, document)
    largest = measured = SelectionCost()
    scope = Scope({}, {})
    if operation is not None:
        defaults = {d.variable.name.value: d.default_value for d in operation.variable_definitions or ()}
        scope = Scope(variables, defaults)
        largest = measured = estimator.measure_operation(operation, scope)
    for definition in document.definitions:
        if isinstance(definition, FragmentDefinitionNode):
            largest = _largest_size(largest, estimator.measure_fragment(definition.name.value, 0))
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode) and definition is not operation:
            largest = _largest_size(largest, estimator.measure_operation(definition, Scope({}, {})))
    uses = tuple(scope.uses.values())
    return DocumentCost(
        measured, largest, estimator.repeated_fields, len(document.definitions), uses, estimator.beginning
    )


def _largest_size(one: SelectionCost, other: SelectionCost) -> SelectionCost:
    sizes = ("depth", "fields", "aliases", "directives")
    return SelectionCost(*(max(getattr(one, size), getattr(other, size)) for size in sizes))


class _CostEstimator:
    """Measures the definitions of one document, with the variables of one request."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._schema = schema
        self._fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self._fragment_costs: dict[str, SelectionCost] = {}
        self._scope = Scope({}, {})
        self.repeated_fields = 0
        self.beginning = 0.0

    def measure_operation(self, operation: OperationDefinitionNode, scope: Scope) -> SelectionCost:
        self._scope = scope
        self._fragment_costs.clear()  # their arguments may be variables, of which this operation has other values
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
        field = _find_field_cost(self._schema, parent, name) or _FieldCost()
        if node.selection_set is None and field.weight is PLAIN and not node.arguments:
            return
        below = SelectionCost()
        if node.selection_set is not None:
            below = self._measure_selections(node.selection_set.selections, field.type, level + 1)
            total.add_size(below, levels=1)
        if field.is_page:
            self._add_nodes(name, field, below, total.per_node)
            return
        arguments = self._add_arguments(name, node, field, total.own)
        if parent is not None and parent is self._schema.subscription_type:
            self.beginning += arguments
        self._add_objects(name, node, field, below, total.own)

    def _add_nodes(self, name: str, field: _FieldCost, below: SelectionCost, total: Amount) -> None:
        """Add the cost of `nodes` or `edges`, for each node."""
        total.cost += field.object_cost
        total.objects += field.object_cost
        total.note(field.object_cost, name)
        total.add_below(name, below.own, 1, is_list=True)

    def _add_arguments(self, name: str, node: FieldNode, field: _FieldCost, total: Amount) -> float:
        """Add the cost of the arguments of a field, and return it."""
        before = total.cost
        for argument in node.arguments or ():
            weight = field.arguments.get(argument.name.value)
            if weight is not None and not (field.has_pages and weight.place in ("first", "last")):
                cost = weight.of_node(argument.value, self._scope)
                total.cost += cost
                total.once += cost
                total.note(cost, f"{name}({weight.place}:)")
        return total.cost - before

    def _add_objects(self, name: str, node: FieldNode, field: _FieldCost, below: SelectionCost, total: Amount) -> None:
        """Add the cost of computing a field, and of the objects that it returns."""
        length = self._read_length(node, field) if field.is_list else 1
        computed = field.weight.base + field.weight.item * length
        if field.weight.opens_state and (below.own.reads_lists or below.per_node.reads_lists):
            computed += STATE_COST
            below.own.reads_lists = below.per_node.reads_lists = False
        total.reads_lists |= field.weight.reads_list
        total.cost += computed + length * field.object_cost
        total.once += computed
        total.objects += length * field.object_cost
        total.note(computed + length * field.object_cost, name)
        total.add_below(name, below.own, length, is_list=field.is_list)
        number = self._read_page_size(node) if field.is_connection else length
        total.add_below(name, below.per_node, number, is_list=True)

    def _read_length(self, node: FieldNode, field: _FieldCost) -> int:
        if not callable(field.weight.length):
            return self._read_page_size(node) if field.has_pages else field.weight.length
        arguments = {each.name.value: PLAIN_VALUE.of_node(each.value, self._scope) for each in node.arguments or ()}
        return field.weight.length(arguments)

    def _read_page_size(self, node: FieldNode) -> int:
        values = {argument.name.value: argument.value for argument in node.arguments or ()}
        sizes = [PAGE_SIZE.of_node(values[name], self._scope) for name in ("first", "last") if name in values]
        return min(sizes, default=MAX_PAGE_SIZE)


class _FieldCost(Struct, frozen=True):
    """What the cost of a field depends on, besides its selection set."""

    type: GraphQLNamedType | None = None
    weight: FieldWeight = PLAIN
    object_cost: int = 0
    is_list: bool = False
    has_pages: bool = False
    is_connection: bool = False
    is_page: bool = False
    arguments: Mapping[str, ArgumentWeight] = {}


@lru_cache(maxsize=10_000)  # a schema has about a thousand; tests build their own
def _find_field_cost(schema: GraphQLSchema, parent: GraphQLNamedType | None, name: str) -> _FieldCost | None:
    """Return the cost of a field of a type; None if the type has no such field, which validation rejects."""
    field: GraphQLField | None = schema.get_field(parent, name) if hasattr(parent, "fields") else None  # type: ignore[arg-type]  # it has fields
    if field is None:
        return None
    type_ = get_named_type(field.type)
    is_list = is_list_type(get_nullable_type(field.type)) and not is_leaf_type(type_)
    if is_introspection_type(type_):
        return _FieldCost(type_, INTROSPECTION.get(name, PLAIN), int(is_list), is_list)
    is_free = is_leaf_type(type_) or type_.name.endswith(("Edge", "PageInfo", "Connection"))
    return _FieldCost(
        type=type_,
        weight=weight_of_field(field),
        object_cost=0 if is_free else 1,
        is_list=is_list,
        has_pages="first" in field.args,
        is_connection=_is_connection(type_),
        is_page=_is_connection(parent) and name in ("nodes", "edges"),
        arguments={each: ArgumentWeight(each, argument) for each, argument in field.args.items()},
    )


def _is_connection(type_: GraphQLNamedType | None) -> bool:
    return type_ is not None and type_.name.endswith("Connection")
