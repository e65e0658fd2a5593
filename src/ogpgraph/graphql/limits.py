"""What a document asks for, weighed before it runs: its size, its depth, and its cost by the pages it wants.

One pass goes over the parsed document. Each fragment is weighed once and counted as often as it is spread, so that
fragments which double each other take as little time as any. The pass stands before validation, which compares fields
pairwise: what it lets through is small enough for that.
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
TOLD: Final = 2**53 - 1
"""The greatest cost that is told as it is: every JSON client can hold it."""


class Limits(Struct, frozen=True):
    """How much one document may ask for. `trusted_cost` is for the documents that the server knows."""

    cost: int = 500_000
    trusted_cost: int = 2_000_000
    characters: int = 50_000
    tokens: int = 2_000
    depth: int = 20
    fields: int = 1_000
    aliases: int = 100
    directives: int = 50
    definitions: int = 50
    repeats: int = 50


class TooMuch(Exception):
    """A document asks for more than it may; the message says of what, and how much of it."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


Path = tuple[str, Any]
"""The name of a field, and the rest of the path below it or None."""
Dearest = tuple[int, Path | None]
"""What a single field costs, itself and as often as it comes, without what is below it; and where it is."""
NOTHING: Final[Dearest] = (0, None)


class Weight(Struct):
    """What a selection asks for: each time it is made (`cost`), and for each node of the page around it (`paged`)."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    cost: int = 0
    paged: int = 0
    dearest: Dearest = NOTHING
    dearest_paged: Dearest = NOTHING

    def add(self, other: Weight) -> None:
        """Count another selection of the same object too."""
        self.count(other, 0)
        self.cost += other.cost
        self.paged += other.paged
        if other.dearest[0] > self.dearest[0]:
            self.dearest = other.dearest
        if other.dearest_paged[0] > self.dearest_paged[0]:
            self.dearest_paged = other.dearest_paged

    def count(self, below: Weight, levels: int) -> None:
        """Count the size of what is so many levels below."""
        self.depth = max(self.depth, below.depth + levels)
        self.fields += below.fields
        self.aliases += below.aliases
        self.directives += below.directives

    def add_field(self, name: str, own: int, each: int, number: int, below: Weight) -> None:
        """Count the cost of a field that gives `number` objects, which cost `each` and what is below them."""
        self.cost += own + number * (each + below.cost + below.paged)
        self._note(own + number * each, name, None)
        self._note(below.dearest[0] * number, name, below.dearest[1])

    def add_connection(self, name: str, size: int, below: Weight) -> None:
        """Count the cost of a connection whose pages have `size` nodes."""
        self.cost += below.cost + size * below.paged
        self._note(below.dearest[0], name, below.dearest[1])
        self._note(below.dearest_paged[0] * size, name, below.dearest_paged[1])

    def add_nodes(self, name: str, each: int, below: Weight) -> None:
        """Count the cost of one of the nodes of a connection's page."""
        self.paged += each + below.cost
        dearest = below.dearest if below.dearest[0] > each else (each, None)
        if dearest[0] > self.dearest_paged[0]:
            self.dearest_paged = dearest[0], (name, dearest[1])

    def _note(self, cost: int, name: str, path: Path | None) -> None:
        if cost > self.dearest[0]:
            self.dearest = cost, (name, path)


class Requested(Struct, frozen=True):
    """What one operation of a document asks for; the cost depends on the variables that say how large pages are."""

    weight: Weight
    largest: Weight
    repeats: int
    definitions: int
    page_variables: frozenset[str]

    @property
    def cost(self) -> int:
        """Return what the operation costs at most, by the pages it asks for."""
        return self.weight.cost

    @property
    def dearest(self) -> str:
        """Return the path of the field that costs most."""
        steps, path = [], self.weight.dearest[1]
        while path:
            steps.append(path[0])
            path = path[1]
        return ".".join(steps)

    def require(self, limits: Limits, most_cost: int) -> None:
        """Raise TooMuch where the document is larger, or its operation costs more, than it may."""
        largest = self.largest
        for found, most, what, code in (
            (self.definitions, limits.definitions, "operations and fragments", "TOO_MANY_FRAGMENTS"),
            (largest.depth, limits.depth, "levels of fields", "TOO_DEEP"),
            (largest.aliases, limits.aliases, "aliases", "TOO_MANY_ALIASES"),
            (largest.directives, limits.directives, "directives", "TOO_MANY_DIRECTIVES"),
            (self.repeats, limits.repeats, "fields that repeat another", "TOO_MANY_FIELDS"),
            (largest.fields, limits.fields, "fields", "TOO_MANY_FIELDS"),
        ):
            if found > most:
                raise TooMuch(f"The document has {min(found, TOLD)} {what}, and {most} is the most.", code)
        self.require_cost(most_cost)

    def require_cost(self, most: int) -> None:
        """Raise TooMuch where the operation costs more than it may."""
        if self.cost > most:
            raise TooMuch(
                f"The operation costs {min(self.cost, TOLD)}, and {most} is the most. Dearest is `{self.dearest}`, "
                f"alone {min(self.weight.dearest[0], TOLD)}: ask for smaller pages by `first`, or for less.",
                "COST_EXCEEDED",
            )


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


# Possessive, and what is not closed goes to the end: so it takes time in proportion to the text, whatever that is.
_TOKEN: Final = re.compile(
    r'#[^\n\r]*+|"""(?:[^"\\]++|(?:\\""")++|\\|"(?!""))*+(?:""")?|"(?:[^"\\\n\r]++|(?:\\.)++)*+"?|\.\.\.|[\w.+-]++|[^\s,\ufeff]'
)


def require_short(text: str, limits: Limits) -> None:
    """Raise TooMuch, without parsing, where a document is longer or has more tokens (comments too) than it may."""
    if len(text) > limits.characters:
        raise TooMuch(f"The document has more than {limits.characters} characters.", "TOO_MANY_TOKENS")
    if sum(1 for _ in islice(_TOKEN.finditer(text), limits.tokens + 1)) > limits.tokens:
        raise TooMuch(f"The document has more than {limits.tokens} tokens.", "TOO_MANY_TOKENS")
