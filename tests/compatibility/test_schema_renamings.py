"""A query of the first milestone works with the published schema once the listed words are renamed in it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from graphql import (
    GraphQLSchema,
    Visitor,
    build_schema,
    find_breaking_changes,
    lexicographic_sort_schema,
    parse,
    print_ast,
    print_schema,
    visit,
)
from graphql.language import (
    DocumentNode,
    EnumTypeDefinitionNode,
    FieldDefinitionNode,
    InputObjectTypeDefinitionNode,
    InterfaceTypeDefinitionNode,
    NamedTypeNode,
    NameNode,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
)

from ogpgraph.graphql.deprecation import iter_deprecations

HERE: Final = Path(__file__).parent
OLD_SCHEMA: Final = HERE / "first-milestone.graphql"
NEW_SCHEMA: Final = HERE.parents[1] / "schema" / "ogpgraph.graphql"
SECTIONS: Final = ("types", "fields", "arguments", "enum_values")
LISTED: Final[dict[str, Any]] = tomllib.loads((HERE / "renamings.toml").read_text())
RENAMINGS: Final[dict[str, dict[str, str]]] = LISTED["schema"]
BREAKING: Final[dict[str, str]] = LISTED["breaking"]
"""What is no longer possible, in the words of graphql-core, and why."""
BREAKING_ALIKE: Final[list[dict[str, str]]] = LISTED["breaking_alike"]
_CHANGELOG_SECTIONS: Final = re.split(
    r"^###? ", (HERE.parents[1] / "CHANGELOG.md").read_text("utf-8"), flags=re.MULTILINE
)
CHANGELOG: Final = " ".join(
    " ".join(section.split()) for section in _CHANGELOG_SECTIONS if section.startswith("GraphQL schema\n")
)
"""What it says of the schema, with single spaces, so that a sentence is found wherever its lines break."""


class StripDescriptions(Visitor):
    def enter(self, node: Any, *_: object) -> Any:
        return replace(node, description=None) if getattr(node, "description", None) else None


class RenameWords(Visitor):
    """Applies the renamings, which are keyed by the old type's name, and notes those that were used."""

    def __init__(self, renamings: dict[str, dict[str, str]]) -> None:
        super().__init__()
        self.unused = {(section, old) for section in SECTIONS for old in renamings.get(section, {})}
        self._renamings = renamings

    def leave(self, node: Any, *_: object) -> Any:
        match node:
            case NamedTypeNode() | ScalarTypeDefinitionNode():
                return self._renamed("types", node.name.value, node)
            case EnumTypeDefinitionNode():
                values = [
                    self._renamed("enum_values", f"{node.name.value}.{v.name.value}", v) for v in node.values or ()
                ]
                return self._renamed("types", node.name.value, replace(node, values=tuple(values)))
            case ObjectTypeDefinitionNode() | InterfaceTypeDefinitionNode() | InputObjectTypeDefinitionNode():
                fields: Any = [self._renamed_field(node.name.value, field) for field in node.fields or ()]
                return self._renamed("types", node.name.value, replace(node, fields=tuple(fields)))  # type: ignore[arg-type]
        return None

    def _renamed_field(self, type_name: str, field: Any) -> Any:
        key = f"{type_name}.{field.name.value}"
        if isinstance(field, FieldDefinitionNode):
            arguments = [self._renamed("arguments", f"{key}.{a.name.value}", a) for a in field.arguments or ()]
            field = replace(field, arguments=tuple(arguments))
        return self._renamed("fields", key, field)

    def _renamed(self, section: str, old: str, node: Any) -> Any:
        new = self._renamings.get(section, {}).get(old)
        if new is None:
            return node
        self.unused.discard((section, old))
        return replace(node, name=NameNode(value=new))


def parse_without_descriptions(path: Path) -> DocumentNode:
    document: DocumentNode = visit(parse(path.read_text(encoding="utf-8"), no_location=True), StripDescriptions())
    return document


def print_sorted(document: DocumentNode) -> str:
    return print_schema(lexicographic_sort_schema(build_schema(print_ast(document)))) + "\n"


@pytest.fixture(scope="module")
def renamed() -> tuple[DocumentNode, RenameWords]:
    rename = RenameWords(RENAMINGS)
    return visit(parse_without_descriptions(OLD_SCHEMA), rename), rename


def build(document: DocumentNode) -> GraphQLSchema:
    return build_schema(print_ast(document))


def test_nothing_of_the_first_milestone_breaks_besides_what_is_listed(
    renamed: tuple[DocumentNode, RenameWords],
) -> None:
    changes = find_breaking_changes(build(renamed[0]), build(parse_without_descriptions(NEW_SCHEMA)))
    kinds = [re.compile(each["change"]) for each in BREAKING_ALIKE]
    found = {change.description for change in changes}
    alike = {description for description in found if any(kind.fullmatch(description) for kind in kinds)}
    assert found - alike == set(BREAKING), "list it in renamings.toml with its reason, and in CHANGELOG.md"
    assert all(any(kind.fullmatch(each) for each in alike) for kind in kinds), "no longer needed"


@pytest.mark.parametrize("change", BREAKING)
def test_changelog_names_what_breaks(change: str) -> None:
    match = re.match(r"(?:Field|Argument|Enum value|Input field|A required field|Type)? ?(\w+)(?:\.(\w+))?", change)
    assert match is not None
    type_name, member = match[1], match[2] or match[1]
    words = {word for span in re.findall(r"`([^`]+)`", CHANGELOG) for word in re.findall(r"\w+", span)}
    assert member in words, f"CHANGELOG.md does not name {type_name}.{member}"


def test_changelog_names_what_is_deprecated() -> None:
    deprecated = {each.coordinate for each in iter_deprecations(build(parse_without_descriptions(NEW_SCHEMA)))}
    assert {each for each in deprecated if f"`{each}`" not in CHANGELOG} == set()


@pytest.mark.parametrize("kind", BREAKING_ALIKE, ids=lambda kind: kind["change"][:40])
def test_changelog_describes_what_breaks_alike(kind: dict[str, str]) -> None:
    assert kind["changelog"] in CHANGELOG


def test_every_listed_renaming_names_a_word_of_the_first_milestone(renamed: tuple[DocumentNode, RenameWords]) -> None:
    assert renamed[1].unused == set()
    assert set(RENAMINGS) <= set(SECTIONS)


def test_first_milestone_schema_holds_no_descriptions() -> None:
    text = OLD_SCHEMA.read_text(encoding="utf-8")
    assert text == print_sorted(parse_without_descriptions(OLD_SCHEMA))
