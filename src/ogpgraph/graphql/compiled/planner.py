"""Decides how what an operation selects is written: what is kept in fragments, what is joined, and what is plain.

A field is plain where nothing below it is an aggregate, an entry or a list of these: a generated function returns it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from graphql import (
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    get_named_type,
    is_composite_type,
)

from ogpgraph.graphql.compiled.fragments import (
    AggregateSelection,
    EntrySelection,
    Group,
    Join,
    KeyedField,
    LinkJoin,
    ListJoin,
    ObjectJoin,
)
from ogpgraph.graphql.compiled.run import encode
from ogpgraph.graphql.compiled.selections import (
    ByClass,
    ConnectionField,
    JoinedField,
    ListOf,
    Member,
    NamedField,
    NodesOfConnection,
    Nullable,
    ObjectSelection,
    PlainFields,
    PlainValue,
    SettledField,
    Value,
    VersionedSelection,
)
from ogpgraph.graphql.compiled.writer import DEFINITION, FieldSet, NotCovered, OperationWriter, class_of
from ogpgraph.graphql.connections import Connection
from ogpgraph.graphql.dependence import Keyed, Link, Named, Own, Part, Settled, dependence_of
from ogpgraph.graphql.subject import Entry, Subject
from ogpgraph.graphql.volatile_fields import READS_HEAD, VOLATILE

_UNSETTLED = (*READS_HEAD, *VOLATILE)


class _Run(NamedTuple):
    """Fields that follow each other: own or plain ones, or a single one that is neither."""

    field_set: dict[str, list[Any]]
    is_plain: bool


class Planner:
    """Plans how an operation is written, whose functions a writer writes.

    `bind` has to be called with these functions before the plan is used.
    """

    def __init__(self, writer: OperationWriter) -> None:
        self._writer = writer
        self._functions: dict[str, Callable[..., Any]] = {}
        self._values: dict[tuple[object, ...], Value] = {}
        self._joined: dict[tuple[object, ...], bool] = {}

    def plan(self) -> ObjectSelection:
        """Return how the data of the operation are written; raises NotCovered."""
        type_, field_set = self._writer.collect_root()
        return ObjectSelection(None, list(self._plan_members(type_, field_set)))

    def bind(self, functions: dict[str, Callable[..., Any]]) -> None:
        """Take the functions that the writer wrote, by their names."""
        self._functions |= functions

    def _function(self, name: str) -> Callable[[Any, Any], Any]:
        """Return a function that calls the one of a name, which is compiled after all are written."""
        functions = self._functions

        def call(source: Any, run: Any) -> Any:
            return functions[name](source, run)

        return call

    # Values

    def _plan_value(self, type_: GraphQLOutputType, details: list[Any]) -> Value:
        if isinstance(type_, GraphQLNonNull):
            return self._plan_required(type_.of_type, details)
        return Nullable(self._plan_required(type_, details))

    def _plan_required(self, type_: Any, details: list[Any]) -> Value:
        if isinstance(type_, GraphQLList):
            return ListOf(self._plan_value(type_.of_type, details))
        key = type_.name, *(id(each.node) for each in details)
        if key not in self._values:
            self._values[key] = self._plan_composite(type_, details)
        return self._values[key]

    def _plan_composite(self, type_: Any, details: list[Any]) -> Value:
        if isinstance(type_, GraphQLInterfaceType):
            possible = self._writer.possible_types(type_)
            return ByClass({class_of(each)[1]: self._plan_required(each, details) for each in possible})
        if not isinstance(type_, GraphQLObjectType):
            raise NotCovered(str(type_))
        class_ = class_of(type_)[1]
        if not self._has_joins(type_, details):
            return PlainValue(self._function(self._writer.write_object(type_, details)))
        if issubclass(class_, Entry):
            return self._plan_entry(type_, details)
        if issubclass(class_, Subject):
            return self._plan_aggregate(type_, class_, details)
        return ObjectSelection(class_, list(self._plan_members(type_, self._writer.collect(type_, details))))

    def _plan_entry(self, type_: GraphQLObjectType, details: list[Any]) -> EntrySelection:
        function = self._function(self._writer.write_object(type_, details))
        return EntrySelection(function, sorted(self._writer.find_variables(details)))

    def _has_joins(self, type_: Any, details: list[Any]) -> bool:
        """Return whether an object is a page of a list, or has something below it, or is something, with versions."""
        key = type_.name, *(id(each.node) for each in details)
        if key not in self._joined:
            self._joined[key] = self._look_for_joins(type_, details)
        return self._joined[key]

    def _look_for_joins(self, type_: Any, details: list[Any]) -> bool:
        if isinstance(type_, GraphQLInterfaceType):
            return any(self._has_joins(each, details) for each in self._writer.possible_types(type_))
        if not isinstance(type_, GraphQLObjectType):
            return False
        class_ = class_of(type_)[1]
        if issubclass(class_, (Subject, Connection)):
            return True
        if issubclass(class_, Entry):
            return all(self._is_own(type_, each) for each in self._writer.collect(type_, details).values())
        return any(self._leads_to_joins(type_, each) for each in self._writer.collect(type_, details).values())

    def _leads_to_joins(self, type_: GraphQLObjectType, details: list[Any]) -> bool:
        field = type_.fields.get(details[0].node.name.value)
        if field is None or not is_composite_type(named := get_named_type(field.type)):
            return False
        return isinstance(dependence_of(field), Keyed) or self._has_joins(named, details)

    # Objects

    def _plan_members(self, type_: GraphQLObjectType, field_set: FieldSet) -> Iterator[Member]:
        before = b"{"
        for run in _split(field_set, lambda details: not self._leads_to_joins(type_, details)):
            if run.is_plain:
                is_noted = all(self._is_noted(type_, details) for details in run.field_set.values())
                function = self._function(self._writer.write_fields(type_, run.field_set))
                yield PlainFields(before, function, is_noted=is_noted)
            else:
                ((name, details),) = run.field_set.items()
                yield self._plan_joined(type_, before + _key(name), details)
            before = b","

    def _is_noted(self, type_: GraphQLObjectType, details: list[Any]) -> bool:
        """Return whether what a plain field reads is noted with its object, or is nothing."""
        name = details[0].node.name.value
        if name != "totalCount" or not is_connection(type_):
            return bool(name == "__typename")
        node: Any = get_named_type(type_.fields["nodes"].type)
        return isinstance(node, GraphQLObjectType) and issubclass(class_of(node)[1], Subject)

    def _plan_joined(self, type_: GraphQLObjectType, before: bytes, details: list[Any]) -> Member:
        name = details[0].node.name.value
        field = type_.fields[name]
        declared = dependence_of(field)
        if isinstance(declared, Keyed):
            return self._plan_keyed(type_, before, details, declared)
        value, read = self._plan_value(field.type, details), self._function(self._writer.write_reader(type_, details))
        match declared:
            case Named(find_name):
                return NamedField(before, read, value, self._select(type_, details, find_name))
            case Settled(is_settled):
                return SettledField(before, read, value, self._select(type_, details, is_settled))
        if is_connection(get_named_type(field.type)):
            return ConnectionField(before, read, value)
        joined = JoinedField(before, read, value)
        nodes = self._plan_nodes(type_, details) if is_connection(type_) and name == "nodes" else None
        return NodesOfConnection(joined, before, nodes) if nodes else joined

    def _select(
        self, type_: GraphQLObjectType, details: list[Any], select: Callable[..., Any]
    ) -> Callable[[Any, Any], Any]:
        """Return a function that calls another with an object and the arguments of a field."""
        return self._function(self._writer.write_selector(type_, details, select))

    def _plan_keyed(self, type_: GraphQLObjectType, before: bytes, details: list[Any], declared: Keyed) -> KeyedField:
        find_key = self._select(type_, details, declared.find_key)
        find_dimensions = self._select(type_, details, declared.find_dimensions)
        function = self._function(self._writer.write_value(type_, details))
        return KeyedField(before, find_key, find_dimensions, function, sorted(self._writer.find_variables(details)))

    def _plan_nodes(self, connection: GraphQLObjectType, details: list[Any]) -> VersionedSelection | None:
        """Return what is selected of the nodes of a connection, if these have versions and are of one type."""
        planned = self._plan_required(get_named_type(connection.fields["nodes"].type), details)
        return planned if isinstance(planned, (AggregateSelection, EntrySelection)) else None

    # Aggregates

    def _plan_aggregate(
        self, type_: GraphQLObjectType, class_: type[Subject], details: list[Any]
    ) -> AggregateSelection:
        field_set = self._writer.collect(type_, details)
        groups: list[Group] = []
        joins: list[Join] = []
        before, own = b"{", dict[str, list[Any]]()
        for run in _split(field_set, lambda each: self._is_own(type_, each)):
            if run.is_plain:
                own = run.field_set
                continue
            ((name, selected),) = run.field_set.items()
            after = b"," + _key(name) if own else _key(name)
            groups.append(self._plan_group(type_, before, own, after))
            joins.append(self._plan_join(type_, class_, selected))
            before, own = b",", {}
        groups.append(self._plan_group(type_, before if own or not joins else b"", own, b"}"))
        variables = {each for group in field_set.values() for each in self._writer.find_variables(group)}
        whole = self._function(self._writer.write_object(type_, details))
        return AggregateSelection(class_, whole, groups, joins, sorted(variables))

    def _plan_group(self, type_: GraphQLObjectType, before: bytes, own: FieldSet, after: bytes) -> Group:
        function = self._function(self._writer.write_fields(type_, own)) if own else None
        has_ids = any(self._selects_id(type_, each) for each in own.values())
        return Group(before, function, after, has_ids=has_ids)

    def _plan_join(self, type_: GraphQLObjectType, class_: type[Subject], details: list[Any]) -> Join:
        field = type_.fields[details[0].node.name.value]
        match dependence_of(field):
            case Link(path) if not isinstance(field.type, GraphQLNonNull):
                linked = self._plan_required(field.type, details)
                if isinstance(linked, AggregateSelection):
                    return LinkJoin(path, linked.aggregate_type, linked)
            case Part(select) if (join := self._plan_list(type_, details, select)) is not None:
                return join
        return ObjectJoin(self._function(self._writer.write_value(type_, details)), class_)

    def _plan_list(self, type_: GraphQLObjectType, details: list[Any], select: Callable[..., Any]) -> ListJoin | None:
        """Return the list of an aggregate's things, if nothing but nodes and the length is selected."""
        connection: Any = get_named_type(type_.fields[details[0].node.name.value].type)
        members: list[tuple[bytes, VersionedSelection | None]] = []
        before = b"{"
        for name, selected in self._writer.collect(connection, details).items():
            before += _key(name)
            match selected[0].node.name.value:
                case "totalCount":
                    members.append((before, None))
                case "nodes" if (nodes := self._plan_nodes(connection, selected)) is not None:
                    members.append((before, nodes))
                case _:
                    return None
            before = b","
        if not members:
            return None
        return ListJoin(self._select(type_, details, select), members, b"}")

    # Dependence

    def _is_own(self, type_: GraphQLObjectType, details: list[Any]) -> bool:
        """Return whether a field, with all that is selected below it, depends on the version of its object alone."""
        name = details[0].node.name.value
        if name == "__typename":
            return True
        field = type_.fields.get(name)
        declared = dependence_of(field) if field else None
        if field is None or not isinstance(declared, Own):
            return False
        if declared.is_fixed:
            return self._is_settled(type_, details)
        return all(self._is_own(*each) for each in self._iter_below(field.type, details))

    def _is_settled(self, type_: GraphQLObjectType, details: list[Any]) -> bool:
        """Return whether no field, from one on, depends on more than the position that it is read at."""
        field = type_.fields.get(details[0].node.name.value)
        if field is None:
            return bool(details[0].node.name.value == "__typename")
        if any(field.extensions[DEFINITION].metadata.get(mark) for mark in _UNSETTLED):
            return False
        return all(self._is_settled(*each) for each in self._iter_below(field.type, details))

    def _selects_id(self, type_: GraphQLObjectType, details: list[Any]) -> bool:
        field = type_.fields.get(details[0].node.name.value)
        if field is None:
            return False
        if details[0].node.name.value == "id":
            return True
        below = self._iter_below(field.type, details)
        return any(self._selects_id(*each) for each in below)

    def _iter_below(
        self, type_: GraphQLOutputType, details: list[Any]
    ) -> Iterator[tuple[GraphQLObjectType, list[Any]]]:
        """Yield the fields that are selected on the objects of a field, each with the type of the object."""
        named: Any = get_named_type(type_)
        if not is_composite_type(named):
            return
        types: Sequence[Any] = (
            self._writer.possible_types(named) if isinstance(named, GraphQLInterfaceType) else [named]
        )
        for each in types:
            for selected in self._writer.collect(each, details).values():
                yield each, selected


def is_connection(type_: Any) -> bool:
    """Return whether a type is that of the pages of a list."""
    return isinstance(type_, GraphQLObjectType) and issubclass(class_of(type_)[1], Connection)


def _split(field_set: FieldSet, is_plain: Callable[[list[Any]], bool]) -> Iterator[_Run]:
    """Yield the fields in their order: those that are plain together, each of the others alone."""
    together: dict[str, list[Any]] = {}
    for name, details in field_set.items():
        if is_plain(details):
            together[name] = details
            continue
        if together:
            yield _Run(together, True)
        yield _Run({name: details}, False)
        together = {}
    if together:
        yield _Run(together, True)


def _key(response_name: str) -> bytes:
    return encode(response_name) + b":"
