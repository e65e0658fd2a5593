"""What is selected of aggregates and entries: fragments that are kept for each version, and joins between them.

A fragment has the fields of an aggregate that depend on its version alone, as JSON. They are cut into groups where a
field is in between that leads to something else. The things of a list are written together: their fragments are looked
up, those that are missing are made, and each field in between is written for all of them. So a list of a hundred
commitments whose fragments are kept takes a hundred look-ups, and makes no object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, count
from operator import itemgetter
from typing import Any, Final, Protocol

from ogpgraph.domain.aggregate import aggregate_type_of
from ogpgraph.graphql.compiled.leaves import refuse
from ogpgraph.graphql.compiled.run import Json, Run, encode, join_items
from ogpgraph.graphql.compiled.selections import NULL, Function, OneByOne, VersionedSelection
from ogpgraph.graphql.subject import Entry, Subject
from ogpgraph.readmodel.aggregate_snapshot import TEMPLATE_POSITION
from ogpgraph.readmodel.fragment_cache import Fragment, FragmentTable
from ogpgraph.readmodel.index import LISTING
from ogpgraph.readmodel.queries import AggregateQuery, PageRequest
from ogpgraph.readmodel.snapshot import RecordReader, Snapshot

_MARKER: Final = f"@{TEMPLATE_POSITION}".encode()
"""In a fragment that is made, it stands where an id names the position."""
_numbers = count()
_objects_of = itemgetter(0)
_characters_of = itemgetter(1)
_FIRST_PIECE: Final = 2


class _Fragments:
    """Keeps and finds the fragments of one selection, by the versions that they are of."""

    def __init__(self, variables: Sequence[str]) -> None:
        """Take the names of the variables that the selection has in it."""
        self._number = next(_numbers)
        self._variables = tuple(variables)

    def find(
        self, versions: Sequence[Any], view: Snapshot, run: Run, sources: Sequence[Any] | None = None
    ) -> list[Fragment]:
        """Return the fragments of versions; those that are missing are made, of the sources if these are given."""
        table = run.tables.get(self._number) or self._open_table(view.session, run)
        found = table.find(versions)
        missing = 0
        if None in found:
            made = self._make_all(
                [v for v, each in zip(versions, found, strict=True) if each is None], view, run, sources, table
            )
            missing = len(made)
            _count_cached([each for each in found if each is not None], view.session, run)
            found = [made[v] if each is None else each for v, each in zip(versions, found, strict=True)]
        else:
            _count_cached(found, view.session, run)
        view.session.caches.fragments.count(len(versions) - missing, missing)
        return found  # type: ignore[return-value]  # none is None

    def _open_table(self, session: RecordReader, run: Run) -> FragmentTable:
        values = [repr(run.variables.get(each)) for each in self._variables]
        key = self._number, session.log_identity.redaction_version, *values
        table = run.tables[self._number] = session.caches.fragments.table(key)
        return table

    def _make_all(
        self, versions: Sequence[Any], view: Snapshot, run: Run, sources: Sequence[Any] | None, table: FragmentTable
    ) -> dict[Any, Fragment]:
        """Return the fragments of versions, which are kept, except for those that lack a text that was removed.

        Those that are made are kept, too, where the time of the operation ends before all are: another attempt goes on
        from there.
        """
        distinct = list(dict.fromkeys(versions))
        sources = self.read(distinct, view) if sources is None else sources
        made: dict[Any, Fragment] = {}
        lacking: dict[Any, Fragment] = {}
        session = view.session
        try:
            with run.counting_characters(session):
                for version, source in zip(distinct, sources, strict=True):
                    objects, characters, missing_texts = run.objects, run.characters, session.missing_texts
                    pieces = self.make(source, run)
                    target = made if session.missing_texts == missing_texts else lacking
                    target[version] = (run.objects - objects, run.characters - characters, *pieces)
        finally:
            table.add(made)
        return made | lacking if lacking else made

    def read(self, versions: Sequence[int], view: Snapshot) -> list[Any]:
        """Return the objects of versions."""
        raise NotImplementedError

    def make(self, source: Any, run: Run) -> Iterable[bytes | tuple[bytes, ...] | str | None]:
        """Return the pieces of the fragment of an object."""
        raise NotImplementedError


def _count_cached(fragments: Sequence[Any], session: RecordReader, run: Run) -> None:
    run.count_objects(sum(map(_objects_of, fragments)))
    session.count_characters(sum(map(_characters_of, fragments)))


class KeyedField(_Fragments, OneByOne):
    """A field that is kept by a key that it depends on alone."""

    def __init__(
        self,
        before: bytes,
        find_key: Function,
        find_dimensions: Function,
        function: Function,
        variables: Sequence[str],
    ) -> None:
        super().__init__(variables)
        self._before = before
        self._find_key = find_key
        self._find_dimensions = find_dimensions
        self._function = function

    def write(self, source: Any, run: Run) -> Json:
        """Return the field as JSON."""
        key = self._find_key(source, run)
        run.reads.note_dimensions(source.snapshot, None if key is None else self._find_dimensions(source, run))
        if key is None:
            return self._before + encode(self._function(source, run))
        return [self._before, self.find([key], source.snapshot, run, [source])[0][_FIRST_PIECE]]

    def make(self, source: Any, run: Run) -> Iterable[bytes]:
        """Return the field as JSON."""
        return (encode(self._function(source, run)),)


# Entries


class EntrySelection(_Fragments):
    """What is selected of entries, all of which depends on the entry alone."""

    def __init__(self, function: Function, variables: Sequence[str]) -> None:
        super().__init__(variables)
        self._function = function

    def write(self, value: Any, run: Run) -> bytes:
        """Return an entry as JSON."""
        if type(value) is not Entry:
            refuse(value)
        written: bytes = self.find([value.entry.position], value.snapshot, run, [value])[0][_FIRST_PIECE]
        return written

    def write_all(self, values: Sequence[Any], run: Run) -> list[Json]:
        """Return each of some entries as JSON."""
        return [self.write(value, run) for value in values]

    def write_versions(self, versions: Sequence[int], view: Snapshot, run: Run) -> list[Json]:
        """Return the entries of some positions as JSON."""
        return list(map(itemgetter(_FIRST_PIECE), self.find(versions, view, run)))

    def read(self, versions: Sequence[int], view: Snapshot) -> list[Any]:
        """Return the entries of positions; raises Refused where one is missing."""
        return [Entry.of(entry or refuse(entry), view) for entry in view.find_entries(versions)]

    def make(self, source: Any, run: Run) -> Iterable[bytes]:
        """Return an entry as JSON."""
        return (encode(self._function(source, run)),)


# Aggregates


class Join(Protocol):
    """A field between the groups, which is written for each reader. The JSON of one that `is_short` is in one piece."""

    is_short: bool

    def find_target(self, source: Any) -> str | None:
        """Return what is kept of it in the fragment of an object."""

    def write_versions(
        self, versions: Sequence[int], targets: Sequence[str | None], view: Snapshot, run: Run
    ) -> list[Json]:
        """Return its values for versions of an aggregate, of which the fragments have the targets."""


class Group:
    """Own fields that follow each other, with the bytes before and after them."""

    def __init__(self, before: bytes, function: Function | None, after: bytes, *, has_ids: bool) -> None:
        self._before = before
        self._function = function
        self._after = after
        self.has_ids = has_ids

    def make(self, source: Any, run: Run) -> bytes | tuple[bytes, ...]:
        """Return the piece of an object; where it has ids, in parts, between which the position belongs."""
        own = encode(self._function(source, run))[1:-1] if self._function else b""
        piece = self._before + own + self._after
        if self.has_ids:
            return tuple(piece.split(_MARKER))
        if _MARKER in piece:
            refuse(piece)
        return piece


class AggregateSelection(_Fragments):
    """What is selected of the aggregates of a type: groups of own fields, with a join between each two.

    As of a day an aggregate has no version, so `whole` makes the object, as a dict.
    """

    def __init__(
        self,
        class_: type[Subject],
        whole: Function,
        groups: Sequence[Group],
        joins: Sequence[Join],
        variables: Sequence[str],
    ) -> None:
        super().__init__(variables)
        self._class = class_
        self._whole = whole
        self._groups = groups
        self._joins = joins
        self._has_lists = not all(join.is_short for join in joins)

    @property
    def is_short(self) -> bool:
        """Return whether the JSON of an aggregate is in one piece."""
        return not self._has_lists

    @property
    def aggregate_type(self) -> str:
        """Return the name of the type of the aggregates."""
        return self._class.AGGREGATE_TYPE

    def write(self, value: Any, run: Run) -> Json:
        """Return an aggregate as JSON."""
        if type(value) is not self._class:
            refuse(value)
        view: Snapshot = value.snapshot
        if view.date is not None:
            run.reads.note_dimensions(view, None)
            return encode(self._whole(value, run))
        return self.write_versions([view.since(value.state.id)], view, run)[0]

    def write_all(self, values: Sequence[Any], run: Run) -> list[Json]:
        """Return each of some aggregates as JSON: those of one view together, so what is missing is read at once."""
        first = values[0].snapshot if values else None
        if first is None or first.date is not None or any(each.snapshot is not first for each in values):
            return [self.write(value, run) for value in values]
        if any(type(each) is not self._class for each in values):
            refuse(values)
        return self.write_versions([first.since(each.state.id) for each in values], first, run)

    def write_versions(self, versions: Sequence[int], view: Snapshot, run: Run) -> list[Json]:
        """Return the aggregates of some versions, as a view has them, as JSON."""
        run.reads.note_versions(view, versions)
        found = self.find(versions, view, run)
        columns: list[Iterable[Any]] = [self._column(0, found, view)]
        for number, join in enumerate(self._joins):
            targets = list(map(itemgetter(_FIRST_PIECE + 2 * number + 1), found))
            columns += join.write_versions(versions, targets, view, run), self._column(number + 1, found, view)
        if not self._joins:
            return list(columns[0])
        rows = zip(*columns, strict=True)
        return list(map(list, rows)) if self._has_lists else list(map(b"".join, rows))

    def _column(self, number: int, found: Sequence[Fragment], view: Snapshot) -> list[Json]:
        pieces = map(itemgetter(_FIRST_PIECE + 2 * number), found)
        if not self._groups[number].has_ids:
            return list(pieces)
        return list(map(view.state_id("").qualifier.encode().join, pieces))

    def read(self, versions: Sequence[int], view: Snapshot) -> list[Any]:
        """Return the aggregates of versions, as a template: their ids name no certain position."""
        return read_aggregates(versions, view, view.template, self._class)

    def make(self, source: Any, run: Run) -> Iterable[bytes | tuple[bytes, ...] | str | None]:
        """Return the pieces of an aggregate: groups, and between them the targets of joins."""
        run.check()
        pieces: list[bytes | tuple[bytes, ...] | str | None] = [self._groups[0].make(source, run)]
        for join, group in zip(self._joins, self._groups[1:], strict=True):
            pieces += join.find_target(source), group.make(source, run)
        return pieces


def read_aggregates(
    versions: Sequence[int], view: Snapshot, template: Snapshot, class_: type[Subject]
) -> list[Subject]:
    """Return the aggregates of versions, which a view has, as objects that are read through a template of it."""
    states = view.load_versions(class_.AGGREGATE_TYPE, versions)
    return [class_.of(state, template) for state in states]


class LinkJoin:
    """The aggregate whose id is at a path."""

    def __init__(self, path: str, aggregate_type: str, selection: AggregateSelection) -> None:
        self.is_short = selection.is_short
        self._path = path
        self._aggregate_type = aggregate_type
        self._selection = selection

    def find_target(self, source: Any) -> str | None:
        """Return the id of the aggregate."""
        target: str | None = source.state.string(self._path)
        if target and aggregate_type_of(target) != self._aggregate_type:
            refuse(target)
        return target or None

    def write_versions(
        self, _versions: Sequence[int], targets: Sequence[str | None], view: Snapshot, run: Run
    ) -> list[Json]:
        """Return the aggregates of the targets as a view has them; null where it has none."""
        streams = view.session.state.streams.of_type(self._aggregate_type)
        distinct = [each for each in dict.fromkeys(targets) if each in streams.slots]
        versions = streams.versions_at([streams.slots[each] for each in distinct], view.position)
        existing = {target: version for target, version in zip(distinct, versions, strict=True) if version}
        if len(existing) < sum(map(bool, set(targets))):  # later there may be such a thing
            run.reads.note_dimensions(view, frozenset([(self._aggregate_type, LISTING)]))
        written = self._selection.write_versions(list(existing.values()), view, run)
        by_target: dict[str | None, Json] = dict(zip(existing, written, strict=True))
        return [by_target.get(target, NULL) for target in targets]


class ListJoin:
    """A list of the aggregates that belong to one, or its length, in an object with some constant bytes."""

    is_short = False

    def __init__(
        self,
        select: Callable[[Snapshot, Run], tuple[AggregateQuery, PageRequest]],
        members: Sequence[tuple[bytes, VersionedSelection | None]],
        after: bytes,
    ) -> None:
        """Take what selects the list, and members: bytes with the nodes after them, or without any the length."""
        self._select = select
        self._members = members
        self._after = after

    def find_target(self, _source: Any) -> str | None:
        """Return nothing: who belongs to an aggregate depends on them."""
        return None

    def write_versions(
        self, versions: Sequence[int], _targets: Sequence[str | None], view: Snapshot, run: Run
    ) -> list[Json]:
        """Return the lists of the aggregates of some versions."""
        run.count_objects(len(versions))
        query, page_request = self._select(view, run)
        run.reads.note_dimensions(view, query.dimensions)
        parents = view.session.state.streams.streams_of(versions)
        pages: list[list[int]] | None = None
        columns: list[Iterable[Json]] = []
        for before, selection in self._members:
            if selection is None:
                columns.append([b"%b%d" % (before, view.count_part(query, parent)) for parent in parents])
                continue
            pages = pages or view.page_versions_of_parts(query, page_request, parents)
            columns.append([[before, b"[", each, b"]"] for each in _write_pages(pages, selection, view, run)])
        return [[*each, self._after] for each in zip(*columns, strict=True)]


def _write_pages(
    pages: Sequence[Sequence[int]], selection: VersionedSelection, view: Snapshot, run: Run
) -> Iterable[Json]:
    """Yield the nodes of each page, with commas between them; those of all pages are written together."""
    nodes = selection.write_versions(list(chain.from_iterable(pages)), view, run)
    first = 0
    for page in pages:
        yield join_items(nodes[first : first + len(page)])
        first += len(page)


class ObjectJoin:
    """A field that is evaluated on the object, by a generated function."""

    is_short = True

    def __init__(self, function: Function, class_: type[Subject]) -> None:
        self._function = function
        self._class = class_

    def find_target(self, _source: Any) -> str | None:
        """Return nothing: the field is evaluated for each reader."""
        return None

    def write_versions(
        self, versions: Sequence[int], _targets: Sequence[str | None], view: Snapshot, run: Run
    ) -> list[Json]:
        """Return the field of the aggregates of some versions."""
        run.reads.note_dimensions(view, None)
        return [encode(self._function(each, run)) for each in read_aggregates(versions, view, view, self._class)]
