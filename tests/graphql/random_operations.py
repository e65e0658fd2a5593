"""Random operations of a schema, with all that a document may have, which prefer what was asked for least so far."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from graphql import (
    DocumentNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    OperationType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from ogpgraph.domain.values import last_day
from tests.graphql.random_values import RandomValues, write_literal

Check = Callable[[str], DocumentNode | None]
"""Returns the document in a text, or None where it is not valid."""
ALTERNATIVES: Final = ({"first", "last"}, {"code", "id"}, {"position", "time"}, {"from", "fromDate"})
"""Of these arguments a field takes one."""
WITHOUT_OTHERS: Final[Mapping[str, set[str]]] = {
    "after": {"orderBy"},  # a cursor is one of an order
    "before": {"orderBy"},
    "fromDate": {"from", "to"},
    "from": {"toDate"},
    "time": {"root"},
}
"""Arguments that contradict others."""
NEVER_NULL: Final = {"code", "id", "position", "time", "root", "from", "fromDate", "toDate"}
"""Arguments of which one is required."""
PREFERRED: Final = {"Query.at": 4.0, "Query.asOf": 3.0, "Snapshot.asOf": 0.3}
"""How much more often than others a field is asked for."""
CARELESS: Final = 0.2
"""The share of operations in which some values are wrong, and contradict each other."""


class Operation(NamedTuple):
    """A valid document, the name of its operation where it has several, and sets of variables for it."""

    text: str
    document: DocumentNode
    variables: tuple[dict[str, Any], ...]
    name: str | None = None


class Variable(NamedTuple):
    """A variable of an operation: how it is declared, and how its value is chosen."""

    declaration: str
    is_required: bool
    choose: Callable[[], Any]


class RandomOperations:
    """Generates valid operations of a schema, the same for the same seed and the same values.

    `asked` counts each field (`Member.name`) and argument (`Member.name(language)`) that was asked for.
    """

    def __init__(self, schema: GraphQLSchema, seed: int, values: RandomValues, check: Check) -> None:
        self._schema = schema
        self._chance = random.Random(seed)
        self.values = values
        self._check = check
        self.asked: Counter[str] = Counter()
        self._variables: dict[str, Variable] = {}
        self._fragments: dict[str, str] = {}
        self._complete: dict[str, list[str]] = {}
        self._fields_left = 0

    def generate(
        self, number: int, *, variable_sets: int = 3, kind: OperationType = OperationType.QUERY
    ) -> Iterator[Operation]:
        """Yield operations of a kind, each with some sets of variables."""
        for _ in range(number):
            text, name, document = self._write_valid(kind)
            variables = tuple(self._choose_variables() for _ in range(variable_sets if self._variables else 1))
            yield Operation(text, document, variables, name)

    def _write_valid(self, kind: OperationType) -> tuple[str, str | None, DocumentNode]:
        while True:
            before = self.asked.copy()
            text, name = self._write_document(kind)
            if (document := self._check(text)) is not None:
                return text, name, document
            self.asked = before

    def _happens(self, probability: float) -> bool:
        return self._chance.random() < probability

    # Documents

    def _write_document(self, kind: OperationType) -> tuple[str, str | None]:
        self._variables, self._fragments, self._complete = {}, {}, {}
        self.values.is_careful = not self._happens(CARELESS)
        self._fields_left = self._chance.choice((6, 12, 25, 50))
        selection = self._write_root(kind, self._chance.choice((2, 3, 4, 5, 7)))
        declared = ", ".join(each.declaration for each in self._variables.values())
        fragments = "\n".join(self._fragments.values())
        if kind is OperationType.QUERY and not declared and self._happens(0.3):
            return f"{selection}\n{fragments}", None
        has_others = kind is not OperationType.MUTATION and self._happens(0.1)
        others = "query Other { __typename }\n" if has_others else ""
        header = f"{kind.value} Q{f'({declared})' if declared else ''}"
        return f"{others}{header} {selection}\n{fragments}", "Q" if others else None

    def _write_root(self, kind: OperationType, depth: int) -> str:
        root = self._schema.get_root_type(kind)
        assert root
        if kind is not OperationType.QUERY:  # it has one field
            name = min(root.fields, key=lambda each: (self.asked[f"{root.name}.{each}"], self._chance.random()))
            self.asked[f"{root.name}.{name}"] += 1
            return f"{{ {self._write_field(root, name, root.fields[name], depth)} }}"
        return self._write_views(depth) if self._happens(0.4) else self._write_selection(root, depth)

    def _write_views(self, depth: int) -> str:
        """Return a selection that asks for the same at several positions and dates."""
        view = self._schema.type_map["RecordView"]
        spread = f"...{self._add_fragment(view, self._write_selection(view, depth))}"
        views = self._chance.choices(("", "at", "at", "asOf", "at asOf"), k=3)
        return f"{{ {' '.join(self._write_view(each.split(), spread) for each in views)} }}"

    def _write_view(self, fields: list[str], spread: str) -> str:
        if not fields:
            return spread
        name, query = fields[0], self._schema.query_type
        assert query
        arguments = self._write_arguments(query, name, query.fields[name])
        return f"{name}{self._chance.randint(0, 10**6)}: {name}{arguments} {{ {self._write_view(fields[1:], spread)} }}"

    def _choose_variables(self) -> dict[str, Any]:
        forgotten = 0.0 if self.values.is_careful else 0.03
        return {
            name: each.choose()
            for name, each in self._variables.items()
            if not self._happens(forgotten if each.is_required else 0.25)
        }

    # Selections

    def _write_selection(self, kind: Any, depth: int) -> str:
        parts = [self._write_part(kind, name, field, depth) for name, field in self._choose_fields(kind, depth)]
        if isinstance(kind, GraphQLInterfaceType) and depth > 0:
            parts += self._write_possible_types(kind, depth)
        if self._happens(0.3):
            parts.insert(self._chance.randint(0, len(parts)), "__typename")
        return "{ " + (" ".join(filter(None, parts)) or "__typename") + " }"

    def _choose_fields(self, kind: Any, depth: int) -> list[tuple[str, GraphQLField]]:
        """Return some fields, rather those that were asked for least."""
        fields = [(n, each) for n, each in kind.fields.items() if depth > 0 or is_leaf_type(get_named_type(each.type))]
        weights = [self._weigh(f"{kind.name}.{name}") for name, _ in fields]
        number = min(self._fields_left, self._chance.randint(1, 5))
        self._fields_left -= number
        chosen = self._chance.choices(fields, weights, k=number) if fields else []
        return chosen + self._chance.sample(chosen, min(len(chosen), self._happens(0.2)))  # some twice

    def _weigh(self, field: str) -> float:
        preference = PREFERRED.get(field, 1.0)
        return float(preference * (1 + self.asked[field] / preference) ** -1.5)

    def _write_possible_types(self, kind: GraphQLInterfaceType, depth: int) -> list[str]:
        possible: list[GraphQLObjectType] = list(self._schema.get_possible_types(kind))
        weights = [(1 + self.asked[f"... on {each.name}"]) ** -3.0 for each in possible]
        chosen = {each.name: each for each in self._chance.choices(possible, weights, k=4)}
        self.asked.update(f"... on {name}" for name in chosen)
        return [f"... on {name} {self._write_selection(each, depth - 1)}" for name, each in chosen.items()]

    def _write_part(self, kind: GraphQLNamedType, name: str, field: GraphQLField, depth: int) -> str:
        """Return a field, or a fragment that contains it."""
        self.asked[f"{kind.name}.{name}"] += 1
        written = self._write_field(kind, name, field, depth)
        match self._chance.randint(0, 11):
            case 0:
                return f"...{self._write_conditions()} {{ {written} }}"
            case 1:
                return f"... on {kind.name}{self._write_conditions()} {{ {written} __typename }}"
            case 2:
                return f"{written} {self._spread(self._add_fragment(kind, f'{{ {written} }}'))}"  # the same twice
            case 3:
                return self._spread(self._add_fragment(kind, f"{{ {written} }}"))
            case 4 if self._complete.get(kind.name):
                return f"{written} {self._spread(self._chance.choice(self._complete[kind.name]))}"
        return written

    def _add_fragment(self, kind: GraphQLNamedType, selection: str) -> str:
        name = f"F{len(self._fragments)}"
        self._fragments[name] = f"fragment {name} on {kind.name} {selection}"
        self._complete.setdefault(kind.name, []).append(name)
        return name

    def _spread(self, fragment: str) -> str:
        return f"...{fragment}{self._write_conditions()}"

    def _write_field(self, kind: GraphQLNamedType, name: str, field: GraphQLField, depth: int) -> str:
        type_ = get_named_type(field.type)
        arguments, conditions = self._write_arguments(kind, name, field), self._write_conditions()
        written = f"{self._write_alias(name, arguments, type_)}{name}{arguments}{conditions}"
        if is_leaf_type(type_):
            return written
        selections = [self._write_selection(type_, depth - 1) for _ in range(self._chance.choice((1, 1, 1, 1, 2)))]
        return " ".join(f"{written} {each}" for each in selections)  # which are merged

    def _write_alias(self, name: str, arguments: str, type_: GraphQLNamedType) -> str:
        if arguments or (not is_leaf_type(type_) and self._happens(0.5)):
            # A name of its own, so that it is merged with others only that have the same arguments.
            return f"{name}{self._chance.randint(0, 10**6)}: "
        # Types of one interface may have different fields under one name.
        return f"{self._chance.choice('xyz')}: " if is_leaf_type(type_) and self._happens(0.1) else ""

    def _write_conditions(self) -> str:
        if not self._happens(0.15):
            return ""
        directives = self._chance.choice((["skip"], ["include"], ["include"], ["skip", "include"]))
        return "".join(f" @{each}(if: {self._write_condition(each)})" for each in directives)

    def _write_condition(self, directive: str) -> str:
        if self._happens(0.4):
            return "true" if (directive == "include") == self._happens(0.8) else "false"
        name = f"c{self._chance.randint(0, 1)}"
        if name not in self._variables:
            default = self._chance.choice(("", "", " = true", " = false"))
            type_ = f"Boolean{'' if default and self._happens(0.5) else '!'}"
            choose = lambda: self._happens(0.5)  # noqa: E731 - it is chosen for each set of variables
            self._variables[name] = Variable(f"${name}: {type_}{default}", not default, choose)
        return f"${name}"

    # Arguments

    def _write_arguments(self, kind: GraphQLNamedType, name: str, field: GraphQLField) -> str:
        chosen = self._choose_arguments(f"{kind.name}.{name}", field)
        self.asked.update(f"{kind.name}.{name}({each})" for each in chosen)
        given = self._choose_related(name, field, chosen) if self.values.is_careful else {}
        written = []
        for each in sorted(chosen):
            argument = field.args[each]
            literal = write_literal(argument.type, given[each]) if each in given else None
            written.append(f"{each}: {literal or self._write_argument(argument, name, each)}")
        return f"({', '.join(written)})" if written else ""

    def _choose_arguments(self, field_name: str, field: GraphQLField) -> set[str]:
        names = {each for each, argument in field.args.items() if is_required_argument(argument)}
        for each in field.args:
            likelihood = 0.15 + 0.5 / (1 + self.asked[f"{field_name}({each})"])
            names |= {each} if self._happens(likelihood) else set()
        if self.values.is_careful:
            names = self._leave_out_contradictions(field, names)
        return names

    def _leave_out_contradictions(self, field: GraphQLField, names: set[str]) -> set[str]:
        for one_of in ALTERNATIVES:
            if one_of <= field.args.keys():
                names = (names - one_of) | {self._chance.choice(sorted(one_of & names or one_of))}
        for each in sorted(names):
            names = names - WITHOUT_OTHERS.get(each, set()) if each in names else names
        needed = {"fromDate": "toDate", "root": "position"}
        return names | {needed[each] for each in names if each in needed and needed[each] in field.args}

    def _choose_related(self, name: str, field: GraphQLField, chosen: set[str]) -> dict[str, Any]:
        """Return values of arguments that depend on each other."""
        if name == "at" and {"position", "root"} <= chosen and self.values.known("roots"):
            pairs = list(zip(self.values.known("positions"), self.values.known("roots"), strict=False))
            position, root = self._chance.choice(pairs)
            return {"position": position, "root": root[: self._chance.choice((12, 40, 64))]}
        for pair in ("from", "to"), ("fromDate", "toDate"):
            if name == "compare" and pair[0] in chosen:
                nullable: Any = field.args[pair[0]].type
                several = [self.values.choose(GraphQLNonNull(nullable), f"compare.{pair[0]}") for _ in pair]
                return dict(zip(pair, sorted(several, key=_order_of), strict=True))
        return {}

    def _write_argument(self, argument: GraphQLArgument, field: str, name: str) -> str:
        names: tuple[str, ...] = (field, name, f"{field}.{name}")
        if name in ("first", "last", "orderBy", "where", "every", "clock"):
            names = (name,)
        type_: Any = argument.type
        if self.values.is_careful and name in NEVER_NULL and not isinstance(type_, GraphQLNonNull):
            type_ = GraphQLNonNull(type_)
        if self._happens(0.5):
            return self._declare(type_, names)
        return self._write_value(type_, self.values.choose(type_, *names), names)

    def _write_value(self, type_: Any, value: Any, names: tuple[str, ...]) -> str:
        """Return a literal, perhaps with variables for some fields of an input object."""
        inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        if not isinstance(inner, GraphQLInputObjectType) or not isinstance(value, dict):
            return write_literal(type_, value)
        written = []
        for each, chosen in value.items():
            field = inner.fields.get(each)
            inner_names = (*names, inner.name, each, f"{inner.name}.{each}")
            if field is not None and self._happens(0.2):
                written.append(f"{each}: {self._declare(field.type, inner_names)}")
            else:
                written.append(f"{each}: {self._write_value(field and field.type, chosen, inner_names)}")
        return f"{{{', '.join(written)}}}"

    def _declare(self, type_: Any, names: tuple[str, ...]) -> str:
        """Declare a variable for a value of a type; returns how it is used."""
        variable, default = f"v{len(self._variables)}", ""
        if self._happens(0.3):
            default = f" = {write_literal(type_, self.values.choose(type_, *names))}"
            if isinstance(type_, GraphQLNonNull) and self._happens(0.5):
                type_ = type_.of_type
        choose = lambda: self.values.choose(type_, *names)  # noqa: E731 - it is chosen for each set of variables
        is_required = isinstance(type_, GraphQLNonNull) and not default
        self._variables[variable] = Variable(f"${variable}: {type_}{default}", is_required, choose)
        return f"${variable}"


def _order_of(value: Any) -> int:
    """Return the order of a position, or of a date by its last day."""
    return value if isinstance(value, int) else last_day(value)
