"""A field that is declared to depend on its object's version alone is the same wherever that version is read.

Between the positions at which a version is read everything else changes: other things, their number, the day, the root
of the log. Each version is read by graphql-core, without any cache.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    GraphQLField,
    GraphQLObjectType,
    get_named_type,
    is_composite_type,
    is_required_argument,
    parse,
    validate,
)

from ogpgraph.graphql.compiled.writer import class_of
from ogpgraph.graphql.context import Context
from ogpgraph.graphql.dependence import Keyed, Link, Own, Part, dependence_of
from ogpgraph.graphql.executor import CoreExecutor, core_schema
from ogpgraph.graphql.schema import build_schema
from ogpgraph.graphql.subject import Entry, Subject
from ogpgraph.system import System

SCHEMA = build_schema()
CORE = core_schema(SCHEMA)
OBJECT_TYPES = [each for each in CORE.type_map.values() if isinstance(each, GraphQLObjectType)]
ARGUMENTS = {"rating": "(indicator: COMPLETION)", "history": "(first: 3)"}
MAX_STREAMS = 6
NOT_COMPARED = {"id"}
"""The id of a pinned state names the position; a fragment has a mark in its place."""


def types_of(class_: type) -> list[GraphQLObjectType]:
    return [each for each in OBJECT_TYPES if "strawberry-definition" in each.extensions and is_of(each, class_)]


def is_of(type_: GraphQLObjectType, class_: type) -> bool:
    return issubclass(class_of(type_)[1], class_)


def is_own(field: GraphQLField) -> bool:
    # An attribute has what its object was made with.
    return isinstance(dependence_of(field), Own)


def select_own(type_: Any, depth: int = 2) -> str:
    """Return the own fields of a type with those below them, in a selection."""
    fields = (write_own(name, field, depth) for name, field in type_.fields.items() if is_own(field))
    return " ".join(filter(None, fields))


def write_own(name: str, field: GraphQLField, depth: int) -> str:
    is_required = any(map(is_required_argument, field.args.values()))
    if name in NOT_COMPARED or (is_required and name not in ARGUMENTS):
        return ""
    named: Any = get_named_type(field.type)
    head = name + ARGUMENTS.get(name, "")
    if not is_composite_type(named):
        return head
    if not isinstance(named, GraphQLObjectType):
        return f"{head} {{ stableId }}"
    below = select_own(named, depth - 1) if depth else ""
    return f"{head} {{ {below} }}" if below else ""


def test_every_declared_field_is_compared() -> None:
    own = {
        name
        for type_ in (*types_of(Subject), *types_of(Entry))
        for name, field in type_.fields.items()
        if is_own(field) and not write_own(name, field, 2)
    }
    assert own == NOT_COMPARED


def read(system: System, text: str) -> Any:
    document = parse(text)
    assert validate(CORE, document) == []
    with system.read_session() as session:
        result = CoreExecutor.prepare(SCHEMA, document).run(Context(session, "1"), check_deadline=lambda: None)
    assert result.errors is None
    return result.data


def read_everywhere(system: System, fields: str) -> Iterator[Any]:
    """Yield what some fields of the record are at several positions, and at present."""
    with system.read_session() as session:
        head = session.head
    for position in range(head // 3, head + 1, head // 3):
        yield read(system, f"{{ at(position: {position}) {{ {fields} }} }}")["at"]
    yield read(system, f"{{ {fields} }}")


def streams_of(system: System, aggregate_type: str) -> list[str]:
    with system.read_session() as session:
        return list(session.state.streams.of_type(aggregate_type).ids[:MAX_STREAMS])


@pytest.mark.parametrize("type_", types_of(Subject), ids=str)
def test_own_fields_of_a_version_are_the_same_at_every_position(
    example_system: System, type_: GraphQLObjectType
) -> None:
    streams = streams_of(example_system, class_of(type_)[1].AGGREGATE_TYPE)  # type: ignore[attr-defined]  # of a Subject
    selection = f"... on {type_.name} {{ thing: stableId version: since {select_own(type_)} }}"
    fields = " ".join(f'n{number}: node(id: "{stream}") {{ {selection} }}' for number, stream in enumerate(streams))
    if not fields:
        pytest.skip("the example has none")
    versions = defaultdict[tuple[str, int], list[Any]](list)
    for found in read_everywhere(example_system, fields):
        for each in filter(None, found.values()):
            versions[each["thing"], each["version"]].append(each)
    assert max(map(len, versions.values())) > 1
    assert all(each == found[0] for found in versions.values() for each in found)


def test_own_fields_of_an_entry_are_the_same_at_every_position(example_system: System) -> None:
    [type_] = types_of(Entry)
    selection = f"... on Entry {{ {select_own(type_)} }}"
    fields = " ".join(f"n{number}: entry(position: {number}) {{ {selection} }}" for number in range(1, 60, 7))
    entries = defaultdict[int, list[Any]](list)
    for found in read_everywhere(example_system, fields):
        for each in filter(None, found.values()):
            entries[each["position"]].append(each)
    assert all(each == found[0] for found in entries.values() for each in found)
    assert max(map(len, entries.values())) > 1


def test_what_depends_on_the_day_on_other_things_or_on_the_present_is_not_declared_as_own() -> None:
    fields = CORE.type_map["Commitment"].fields | CORE.type_map["Entry"].fields  # type: ignore[attr-defined]
    for name in ("overdue", "sources", "lastObservedAt", "successors", "current", "causedBy", "corrects"):
        assert dependence_of(fields[name]) is None


@pytest.mark.parametrize(
    ("type_name", "field_name", "kind"),
    [
        ("Commitment", "actionPlan", Link),
        ("ActionPlan", "member", Link),
        ("Member", "commitments", Part),
        ("CommitmentConnection", "facets", Keyed),
    ],
)
def test_what_leads_to_others_is_declared_with_how_they_are_found(type_name: str, field_name: str, kind: type) -> None:
    fields: Any = CORE.type_map[type_name]
    assert isinstance(dependence_of(fields.fields[field_name]), kind)
