"""A document that selects everything that the schema has, and a cache that keeps objects by id as clients do."""

from __future__ import annotations

from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from ogpgraph.graphql.executor import core_schema
from ogpgraph.graphql.volatile_fields import VOLATILE, marked_fields
from tests.graphql.client import SCHEMA

CORE = core_schema(SCHEMA)
OUTER_FIELDS = ("members", "actionPlans", "commitments", "entries")
Selectable = GraphQLObjectType | GraphQLInterfaceType


def select_everything(views: dict[str, str], depth: int = 3, page: int = 2) -> str:
    """Return a document with everything in a record, to a depth of objects, read below each of some root fields.

    `views` is name → root field such as `at(position: 5)`; an empty one stands for `Query` itself.
    """
    document = _Document(page)
    lists = " ".join(f"{name}(first: {page + 1}) {{ {document.spread(name, depth)} }}" for name in OUTER_FIELDS)
    roots = " ".join(f"{name}: {field} {{ {lists} }}" if field else lists for name, field in views.items())
    return f"{{ {roots} }} {' '.join(document.fragments.values())}"


class _Document:
    def __init__(self, page: int) -> None:
        self.page = page
        self.fragments: dict[str, str] = {}

    def spread(self, root_field: str, depth: int) -> str:
        type_ = get_named_type(CORE.query_type.fields[root_field].type)  # type: ignore[union-attr]
        return self._select(type_, depth)

    def _select(self, type_: Any, depth: int) -> str:
        name = f"{type_.name}_{depth}"
        if name not in self.fragments:
            self.fragments[name] = ""  # a type that refers to itself is on its way
            if isinstance(type_, GraphQLInterfaceType):
                selected = " ".join(self._select(each, depth) for each in CORE.get_possible_types(type_))
            else:
                fields = (self._field(type_, each, field, depth) for each, field in type_.fields.items())
                selected = " ".join(filter(None, ("__typename", *fields)))
            self.fragments[name] = f"fragment {name} on {type_.name} {{ {selected} }}"
        return f"...{name}"

    def _field(self, owner: Selectable, name: str, field: GraphQLField, depth: int) -> str:
        if any(map(is_required_argument, field.args.values())) or (owner.name, name) in marked_fields(CORE, *VOLATILE):
            return ""
        arguments = f"(first: {self.page})" if "first" in field.args else ""
        type_ = get_named_type(field.type)
        if is_leaf_type(type_):
            # Fields of one name have different types in different objects.
            return name if name in ("id", "stableId") else f"{owner.name}_{name}: {name}"
        if not isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType)):
            return ""
        below = depth if owner.name.endswith(("Connection", "Edge")) else depth - 1
        return f"{name}{arguments} {{ {self._select(type_, below)} }}" if below >= 0 else ""


class NormalizedCache:
    """Objects by type and id. Two of one id have to agree in their fields: a client shows one of them."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.conflicts: list[str] = []

    def write(self, value: Any) -> Any:
        """Keep the objects in a response, and return it with references in their place."""
        if isinstance(value, list):
            return [self.write(each) for each in value]
        if not isinstance(value, dict):
            return value
        fields = {name: self.write(each) for name, each in value.items()}
        if "id" not in fields or "__typename" not in fields:
            return fields
        key = fields["__typename"], fields["id"]
        known = self.objects.setdefault(key, {})
        for name, each in fields.items():
            known[name] = self._merge(f"{key}.{name}", known[name], each) if name in known else each
        return {"__ref": key}

    def _merge(self, where: str, old: Any, new: Any) -> Any:
        if isinstance(old, dict) and isinstance(new, dict) and "__ref" not in {**old, **new}:
            both = {name: self._merge(f"{where}.{name}", old[name], new[name]) for name in old.keys() & new.keys()}
            return {**old, **new, **both}
        if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
            return [self._merge(f"{where}[]", *each) for each in zip(old, new, strict=True)]
        if old != new:
            self.conflicts.append(f"{where}: {old!r} and {new!r}")
        return new
