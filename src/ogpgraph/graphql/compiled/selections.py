"""What is selected of the objects of a type, and how it is written as JSON.

A selection has members in the order of the response: groups of plain fields, which a generated function returns as a
dict, and fields with selections of their own. Together with the bytes between them they are the JSON of an object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from ogpgraph.graphql.compiled.leaves import items, refuse
from ogpgraph.graphql.compiled.run import Json, Run, encode, join_items
from ogpgraph.graphql.subject import Subject
from ogpgraph.readmodel.index import LISTING
from ogpgraph.readmodel.snapshot import Snapshot

Function = Callable[[Any, Run], Any]
"""A generated function: it takes an object, or another source, and the run."""
NULL = b"null"


class Value(Protocol):
    """What is written of a value."""

    def write(self, value: Any, run: Run) -> Json:
        """Return the value as JSON; raises whatever is wrong."""

    def write_all(self, values: Sequence[Any], run: Run) -> list[Json]:
        """Return each of some values as JSON."""


class VersionedSelection(Protocol):
    """What is selected of things that are read by their versions, without making objects where it is not needed."""

    def write_versions(self, versions: Sequence[int], view: Snapshot, run: Run) -> list[Json]:
        """Return the things of some versions as JSON."""


class OneByOne:
    """Writes several values one after the other."""

    def write(self, value: Any, run: Run) -> Json:
        """Return the value as JSON."""
        raise NotImplementedError

    def write_all(self, values: Sequence[Any], run: Run) -> list[Json]:
        """Return each of some values as JSON."""
        return [self.write(value, run) for value in values]


# Values of types that are not objects


class Nullable:
    """A value that may be null."""

    def __init__(self, inner: Value) -> None:
        self._inner = inner

    def write(self, value: Any, run: Run) -> Json:
        """Return the value as JSON."""
        return NULL if value is None else self._inner.write(value, run)

    def write_all(self, values: Sequence[Any], run: Run) -> list[Json]:
        """Return each of some values as JSON."""
        if None not in values:
            return self._inner.write_all(values, run)
        return [self.write(value, run) for value in values]


class ListOf(OneByOne):
    """A list."""

    def __init__(self, item: Value) -> None:
        self._item = item

    def write(self, value: Any, run: Run) -> Json:
        """Return the list as JSON."""
        return [b"[", join_items(self._item.write_all(list(items(value)), run)), b"]"]


class ByClass:
    """An object of an interface: its class says what is selected. A class that is missing is an error."""

    def __init__(self, selections: Mapping[type, Value]) -> None:
        self._selections = selections

    def write(self, value: Any, run: Run) -> Json:
        """Return the object as JSON."""
        return self._selections[type(value)].write(value, run)

    def write_all(self, values: Sequence[Any], run: Run) -> list[Json]:
        """Return each of some objects as JSON; those of a class are written together."""
        written: dict[type, Iterator[Json]] = {}
        for class_ in dict.fromkeys(map(type, values)):
            of_class = [value for value in values if type(value) is class_]
            written[class_] = iter(self._selections[class_].write_all(of_class, run))
        return [next(written[type(value)]) for value in values]


class PlainValue(OneByOne):
    """A value that a generated function returns as msgspec encodes it."""

    def __init__(self, function: Function) -> None:
        self._function = function

    def write(self, value: Any, run: Run) -> Json:
        """Return the value as JSON."""
        run.reads.give_up()
        return encode(self._function(value, run))


# Objects


class Member(Protocol):
    """A part of the JSON of an object, with the bytes before it."""

    def write(self, source: Any, run: Run) -> Json:
        """Return the part as JSON."""

    def write_all(self, sources: Sequence[Any], run: Run) -> list[Json]:
        """Return the part of each of some objects as JSON."""


class PlainFields(OneByOne):
    """Fields that a generated function returns as a dict; they `is_noted` if what they read is noted elsewhere."""

    def __init__(self, before: bytes, function: Function, *, is_noted: bool) -> None:
        self._before = before
        self._function = function
        self._is_noted = is_noted

    def write(self, source: Any, run: Run) -> Json:
        """Return the fields as JSON, without braces."""
        if not self._is_noted:
            run.reads.give_up()
        return self._before + encode(self._function(source, run))[1:-1]


class JoinedField:
    """A field with a selection of its own; a generated function returns its value."""

    def __init__(self, before: bytes, read: Function, value: Value) -> None:
        self._before = before
        self._read = read
        self._value = value

    def write(self, source: Any, run: Run) -> Json:
        """Return the field as JSON."""
        return [self._before, self._value.write(self._read_noting(source, run), run)]

    def write_all(self, sources: Sequence[Any], run: Run) -> list[Json]:
        """Return the field of each of some objects as JSON."""
        values = [self._read_noting(source, run) for source in sources]
        return [[self._before, each] for each in self._value.write_all(values, run)]

    def _read_noting(self, source: Any, run: Run) -> Any:
        """Return the value, and note what it is read from."""
        run.reads.give_up()
        return self._read(source, run)


class ConnectionField(JoinedField):
    """A field that is a page of a list, which says what it depends on."""

    def _read_noting(self, source: Any, run: Run) -> Any:
        """Return the connection, and note what it is read from."""
        connection = self._read(source, run)
        if connection is None:
            run.reads.give_up()
        else:
            run.reads.note_dimensions(connection.snapshot, connection.find_dimensions())
        return connection


class SettledField(JoinedField):
    """A field that never changes if it is not null, and if a function says so."""

    def __init__(self, before: bytes, read: Function, value: Value, is_settled: Function) -> None:
        super().__init__(before, read, value)
        self._is_settled = is_settled

    def _read_noting(self, source: Any, run: Run) -> Any:
        """Return the value, and note if it may change."""
        value = self._read(source, run)
        if value is None or not self._is_settled(source, run):
            run.reads.give_up()
        return value


class NamedField(JoinedField):
    """A field that is the thing with a code or an id, which a function finds in the arguments."""

    def __init__(self, before: bytes, read: Function, value: Value, find_name: Function) -> None:
        super().__init__(before, read, value)
        self._find_name = find_name

    def _read_noting(self, source: Any, run: Run) -> Any:
        """Return the thing, and note how it was found; its version is noted where it is written."""
        value = self._read(source, run)
        if isinstance(value, Subject):
            _note_name(value, self._find_name(source, run), run)
        else:  # later there may be such a thing
            run.reads.give_up()
        return value


def _note_name(found: Subject, name: tuple[str | None, str | None], run: Run) -> None:
    (code, id_), view, stream = name, found.snapshot, found.state.id
    if code is None and id_ == stream:
        return
    streams = view.session.state.streams.of_type(found.state.type)
    has_code = code is not None and streams.find_by_code(code.strip().upper(), view.position) == [stream]
    run.reads.note_dimensions(view, frozenset([(found.state.type, LISTING)]) if has_code else None)


class NodesOfConnection(OneByOne):
    """The nodes of a connection, written by their versions if it knows them."""

    def __init__(self, otherwise: JoinedField, before: bytes, nodes: VersionedSelection) -> None:
        self._otherwise = otherwise
        self._before = before
        self._nodes = nodes

    def write(self, source: Any, run: Run) -> Json:
        """Return the field as JSON."""
        versions = source.find_versions()
        if versions is None:
            run.reads.note_dimensions(source.snapshot, None)
            return self._otherwise.write(source, run)
        nodes = self._nodes.write_versions(versions, source.snapshot, run)
        return [self._before, b"[", join_items(nodes), b"]"]


class ObjectSelection:
    """What is selected of the objects of a class; of any object, if the class is None."""

    def __init__(self, class_: type | None, members: Sequence[Member]) -> None:
        self._class = class_
        self._members = members

    def write(self, value: Any, run: Run) -> Json:
        """Return the object as JSON."""
        self._check(value, run)
        written: list[Json] = [member.write(value, run) for member in self._members]
        return [*(written or [b"{"]), b"}"]

    def write_all(self, values: Sequence[Any], run: Run) -> list[Json]:
        """Return each of some objects as JSON: member by member, so that what they lead to is read together."""
        for value in values:
            self._check(value, run)
        columns = [member.write_all(values, run) for member in self._members] or [[b"{"] * len(values)]
        return [[*written, b"}"] for written in zip(*columns, strict=True)]

    def _check(self, value: Any, run: Run) -> None:
        if self._class is not None and type(value) is not self._class:
            refuse(value)
        run.check()
