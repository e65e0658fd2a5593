"""The GraphQL documents of the pages: files of this package, with the fragments that several of them share."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from graphql import FragmentDefinitionNode, FragmentSpreadNode, Visitor, parse, print_ast, visit

from ogpgraph.site.moment import Moment, read_at


@cache
def load_document(name: str) -> str:
    """Return the document of a page with the shared fragments that it uses; the present is read."""
    document = parse((files("ogpgraph.site") / "documents" / f"{name}.graphql").read_text("utf-8"))
    texts = [print_ast(each) for each in document.definitions]
    own = {each.name.value for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    shared = _load_shared()
    wanted, used = _spreads(document) - own, dict[str, str]()
    while wanted:
        each = min(wanted)
        used[each] = print_ast(shared[each])
        wanted = (wanted | _spreads(shared[each])) - own - set(used)
    return "\n\n".join([*texts, *used.values()])


@cache
def document_at(name: str, moment: Moment) -> str:
    """Return the document of a page, read at a moment that has the same axes as the given one."""
    return read_at(load_document(name), moment)


def find_document(name: str, moment: Moment) -> str:
    """Return the document of a page that is read at a moment, whose values are variables."""
    at = None if moment.at is None else 0 if isinstance(moment.at, int) else ""
    return document_at(name, Moment(at, None if moment.as_of is None else ""))


@cache
def _load_shared() -> dict[str, FragmentDefinitionNode]:
    document = parse((files("ogpgraph.site") / "documents" / "shared.graphql").read_text("utf-8"))
    return {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}


def _spreads(node: object) -> set[str]:
    finder = _SpreadFinder()
    visit(node, finder)  # type: ignore[arg-type]  # a document or a definition
    return finder.names


class _SpreadFinder(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: object) -> None:
        self.names.add(node.name.value)
