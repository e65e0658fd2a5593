"""Shrinks a document for which something holds to a small one for which it still holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from graphql import REMOVE, DocumentNode, GraphQLSchema, Node, Visitor, parse, print_ast, validate, visit

_REMOVABLE: Final = {
    "field",
    "fragment_spread",
    "inline_fragment",
    "fragment_definition",
    "operation_definition",
    "variable_definition",
    "argument",
    "directive",
    "object_field",
}


def shrink(text: str, schema: GraphQLSchema, holds: Callable[[str], bool], *, most: int = 400) -> str:
    """Return a valid document without the parts for which `holds` needs not, after trying at most so many."""
    number = tried = 0
    while tried < most:
        smaller = _remove_part(parse(text), number)
        if smaller is None:
            return text
        number += 1
        if smaller and not validate(schema, parse(smaller)):
            tried += 1
            if holds(smaller):
                text, number = smaller, max(0, number - 1)
    return text


def _remove_part(document: DocumentNode, number: int) -> str | None:
    """Return a document without one of its parts, and without what only this part needed; None after the last."""
    remover = _Remover(number)
    removed = visit(document, remover)
    if not remover.is_done:
        return None
    try:
        text = print_ast(removed)
        for unused in ("fragment_spread", "fragment_definition"), ("variable", "variable_definition"):
            text = print_ast(_remove_unused(parse(text), *unused))
        parse(text)
    except Exception:  # nothing is left of a selection
        return ""
    return text


def _remove_unused(document: DocumentNode, use: str, definition: str) -> DocumentNode:
    uses = _Uses(use)
    visit(document, uses)
    kept = visit(document, _UnusedRemover(definition, uses.names))
    assert isinstance(kept, DocumentNode)
    return kept


class _Remover(Visitor):
    """Removes the part of a number, counted from the outside."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number
        self.is_done = False

    def enter(self, node: Node, *_: Any) -> Any:
        if node.kind not in _REMOVABLE or self.is_done:
            return None
        self._number -= 1
        if self._number >= 0:
            return None
        self.is_done = True
        return REMOVE


class _Uses(Visitor):
    """Collects the names of spreads, or of variables outside of their definitions."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind
        self.names: set[str] = set()

    def enter(self, node: Any, _key: Any, parent: Any, *_: Any) -> None:
        if node.kind == self._kind and getattr(parent, "kind", "") != "variable_definition":
            self.names.add(node.name.value)


class _UnusedRemover(Visitor):
    """Removes the definitions of fragments or variables without a use."""

    def __init__(self, kind: str, used: set[str]) -> None:
        super().__init__()
        self._kind = kind
        self._used = used

    def enter(self, node: Any, *_: Any) -> Any:
        if node.kind != self._kind:
            return None
        name = node.variable.name.value if self._kind == "variable_definition" else node.name.value
        return None if name in self._used else REMOVE
