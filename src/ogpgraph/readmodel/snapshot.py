"""The only door for readers: the record as it stood at one position.

Whatever is read through a snapshot held at its position, nested things included. Things that came
in together are completed together: the first time a field of one of them needs a related thing, a
wording or a list, one statement fetches it for all of them. So the number of statements depends on
the shape of a query, never on the number of things it finds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import cached_property
from typing import Protocol

from ogpgraph.domain.code import meant
from ogpgraph.domain.source import last_observed_at
from ogpgraph.domain.subject import Subject, kind_of, own_sources
from ogpgraph.domain.values import references_of
from ogpgraph.merkle import EMPTY_ROOT
from ogpgraph.readmodel.entry import Entry
from ogpgraph.readmodel.index import Index
from ogpgraph.readmodel.lists import (
    VALID,
    EntryListing,
    Listing,
    Part,
    Statement,
    count_entries,
    count_parts,
    select_entries,
    select_parts,
)
from ogpgraph.readmodel.paging import Key, Page, Slice, page_of
from ogpgraph.readmodel.projection import code_of
from ogpgraph.storage.database import Row, Transaction, chunks


class Opened(Protocol):
    """What a snapshot needs of the reading it is taken from."""

    transaction: Transaction
    projection: int

    def at(self, position: int) -> Snapshot:
        """Return the snapshot at a position."""
        ...

    def fetch(self, wanted: Iterable[tuple[Snapshot, str]]) -> None:
        """Load subjects into the snapshots that want them."""
        ...

    def decoded(self, row: Row) -> Subject:
        """Return the subject in a row."""
        ...

    def entered(self, row: Row) -> Entry:
        """Return the entry in a row."""
        ...

    def index(self, kind: str, position: int) -> Index:
        """Return the index of a kind at a position."""
        ...

    def last_before(self, moment: datetime, most: int | None = None) -> Snapshot | None:
        """Return the snapshot after the last entry not later than a moment, nor than the position `most`, if any."""
        ...

    def wordings(self, references: Iterable[str]) -> dict[str, str]:
        """Return reference → wording."""
        ...


class Snapshot:
    """The record as it stood at `position`."""

    def __init__(self, reading: Opened, position: int) -> None:
        self.reading = reading
        self.position = position
        self._transaction = reading.transaction
        self._loaded: dict[str, dict[str, Subject]] = defaultdict(dict)
        self._since: dict[str, int] = {}
        self._absent: set[str] = set()
        self._wordings: dict[str, str | None] = {}
        self._indexes: dict[str, Index] = {}
        self._masks: dict[Listing, int] = {}
        self._parts: dict[tuple[Listing, Slice], dict[str, Page[Subject]]] = {}
        self._histories: dict[tuple[EntryListing, Slice], dict[str, Page[Entry]]] = defaultdict(dict)
        self._counts: dict[EntryListing, dict[str, int]] = defaultdict(dict)
        self._entries: dict[tuple[str, int], Entry] = {}
        self._by_event: dict[str, Entry | None] = {}
        self._flock: list[Snapshot] = [self]

    # Subjects

    def subject(self, stream: str) -> Subject | None:
        """Return a subject by its id, or None where there was none."""
        return self.subjects([stream]).get(stream)

    def subjects(self, streams: Iterable[str]) -> dict[str, Subject]:
        """Return the subjects that there were of these ids."""
        wanted = list(dict.fromkeys(streams))
        self.reading.fetch((self, stream) for stream in wanted)
        known = self._loaded
        return {stream: known[kind_of(stream)][stream] for stream in wanted if stream in known[kind_of(stream)]}

    def lacks(self, stream: str) -> bool:
        """Tell whether it is not known yet if there was a subject of this id."""
        return stream not in self._loaded[kind_of(stream)] and stream not in self._absent

    def note_absence(self, stream: str) -> None:
        """Remember that there was no subject of an id, unless it was received."""
        if stream not in self._loaded[kind_of(stream)]:
            self._absent.add(stream)

    def receive(self, rows: Iterable[Row]) -> dict[str, Subject]:
        """Keep the subjects of some rows for the rest of the reading, and return them by id."""
        received = {}
        for row in rows:
            subject = received[row["id"]] = self.reading.decoded(row)
            self._loaded[subject.kind][subject.id] = subject
            self._since[subject.id] = row["since"]
        return received

    def since(self, stream: str) -> int:
        """Return the position since which a subject that was read is as it is."""
        return self._since[stream]

    def by_code(self, kind: str, code: str) -> Subject | None:
        """Return the subject that a present or former code means, or a key it was known by, in any case, or None."""
        rows = self._transaction.rows(
            # Tags first: SQLite takes a cross join in the order it is written, PostgreSQL finds the order by itself.
            "select v.id, v.since, v.revision, v.document from tag t cross join version v where t.kind = :kind and "
            f"t.dimension = 'code' and t.value = :code and {VALID.format('t')} and v.id = t.id and {VALID.format('v')} "
            "order by v.code <> :code, v.since",
            kind=kind,
            code=code.upper(),
            at=self.position,
        )
        return next(iter(self.receive(rows).values()), None) or self._remaining(kind, code)

    def _remaining(self, kind: str, code: str) -> Subject | None:
        """Return the subject that a code means by way of another, which was merged into it and no list has any more."""
        stream = meant(kind, code, self.subject)
        found = self.subject(stream) if stream else None
        return found if found and code_of(found) else None

    def related(self, subject: Subject, path: str) -> Subject | None:
        """Return the subject that a path of another refers to; fetched for all that came with that one."""
        return next(iter(self.all_related(subject, lambda each: filter(None, [each.text(path)]))), None)

    def all_related(self, subject: Subject, references: Callable[[Subject], Iterable[str]]) -> list[Subject]:
        """Return the subjects whose ids a function finds in a subject, fetched for all that came with it."""
        targets = list(references(subject))
        if any(self.lacks(target) for target in targets):
            self.reading.fetch((s, t) for s, each in self._alike(subject) for t in references(each))
        found = self.subjects(targets)
        return [found[target] for target in targets if target in found]

    def company(self, subject: Subject) -> list[Subject]:
        """Return the subjects of the same kind that came in with one, itself included where it is of this snapshot."""
        return list(self._loaded[subject.kind].values()) or [subject]

    def _alike(self, subject: Subject) -> list[tuple[Snapshot, Subject]]:
        """Return the subjects that came in with one, those of the snapshots that came in with this one included."""
        alike = [(s, each) for s in self._flock for each in s._loaded[subject.kind].values()]  # noqa: SLF001 - its own kind
        return alike or [(self, subject)]

    # Wordings

    def wording(self, subject: Subject, path: str, reference: str) -> str | None:
        """Return the words a path of a subject refers to; None where they were removed.

        Asked for one, the wordings of the same field are fetched for all that came with it.
        """
        if reference not in self._wordings:
            group = path.partition("/")[0]
            self._fetch(r for _, each in self._alike(subject) for r in _references(each, group))
        return self._wordings.get(reference)

    def words(self, reference: str, group: Callable[[Entry], Iterable[str]]) -> str | None:
        """Return words that an entry refers to, fetched with those of all entries read so far; None where removed."""
        if reference not in self._wordings:
            self._fetch([reference, *(r for entry in self._read_entries() for r in group(entry))])
        return self._wordings.get(reference)

    def _fetch(self, references: Iterable[str]) -> None:
        wanted = {reference for reference in references if reference not in self._wordings}
        found = self.reading.wordings(wanted)
        for snapshot in self._flock:
            snapshot._wordings |= {reference: found.get(reference) for reference in wanted}  # noqa: SLF001 - its own kind

    # Lists

    def page(self, listing: Listing, wanted: Slice) -> Page[Subject]:
        """Return a slice of a list of subjects."""
        return self._pages(listing, wanted, {"": self._mask(listing)})[""]

    def page_of_parent(self, parent: Subject, listing: Listing, wanted: Slice) -> Page[Subject]:
        """Return a slice of a parent's part of a list; asked of one, it is fetched for all that came with it."""
        pages = self._parts.setdefault((listing, wanted), {})
        if parent.id not in pages:
            mask = self._mask(listing)
            owners = [each.id for each in self.company(parent) if each.id not in pages]
            pages |= self._pages(listing, wanted, {owner: mask & self._owned(listing, owner) for owner in owners})
        return pages[parent.id]

    def number(self, listing: Listing, parent: Subject | None = None) -> int:
        """Return how many there are in a list, or in a parent's part of it."""
        return self.selection(listing, parent).bit_count()

    def selection(self, listing: Listing, parent: Subject | None = None) -> int:
        """Return who is in a list, or in a parent's part of it, as a bitset of the kind's index."""
        return self._mask(listing) & (self._owned(listing, parent.id) if parent else -1)

    def index(self, kind: str) -> Index:
        """Return the index of a kind at this position."""
        if kind not in self._indexes:
            self._indexes[kind] = self.reading.index(kind, self.position)
        return self._indexes[kind]

    def _pages(self, listing: Listing, wanted: Slice, masks: dict[str, int]) -> dict[str, Page[Subject]]:
        index, bounds = self.index(listing.kind), (wanted.after, wanted.before)
        limit, backward = wanted.limit + 1, wanted.backward
        found = {each: index.page(m, listing.order, limit, bounds, backward=backward) for each, m in masks.items()}
        subjects = self.subjects(stream for keyed in found.values() for _, stream in keyed[: wanted.limit])
        pages = {each: page_of(keyed, wanted) for each, keyed in found.items()}
        return {each: page.mapped(subjects) for each, page in pages.items()}

    def _mask(self, listing: Listing) -> int:
        if listing not in self._masks:
            self._masks[listing] = listing.condition.mask(self.index(listing.kind), self.index)
        return self._masks[listing]

    def _owned(self, listing: Listing, owner: str) -> int:
        return self.index(listing.kind).having(listing.parent or "", (owner,))

    def _run(self, statement: Statement) -> list[Row]:
        return self._transaction.rows(statement.sql, **statement.parameters)

    # Entries

    def entries(self, listing: EntryListing, wanted: Slice) -> Page[Entry]:
        """Return a slice of the list of entries."""
        return page_of(self._keyed(self._entered(self._run(select_entries(listing, self.position, wanted)))), wanted)

    def history(self, subject: Subject, listing: EntryListing, wanted: Slice) -> Page[Entry]:
        """Return a slice of a subject's own entries, fetched for all that came with it."""
        pages = self._histories[listing, wanted]
        if subject.id not in pages:
            parts = {(s.position, each.id): s for s, each in self._alike(subject)}
            found: dict[Part, list[tuple[Key, Entry]]] = {part: [] for part in parts}
            for chunk in chunks(list(parts)):
                for row in self._run(select_parts(listing, wanted, chunk)):
                    part = row["at"], row["parent"]
                    found[part] += self._keyed(parts[part]._entered([row]))  # noqa: SLF001 - its own kind
            for part, s in parts.items():
                s._histories[listing, wanted][part[1]] = page_of(found[part], wanted)  # noqa: SLF001 - its own kind
        return pages[subject.id]

    def number_of_entries(self, listing: EntryListing, subject: Subject | None = None) -> int:
        """Return how many entries a list has, or a subject's part of it."""
        if subject is None:
            return int(self._run(count_entries(listing, self.position))[0]["number"])
        if subject.id not in self._counts[listing]:
            parts = {(s.position, each.id): s for s, each in self._alike(subject)}
            for chunk in chunks(list(parts)):
                numbers = {(row["at"], row["parent"]): row["number"] for row in self._run(count_parts(listing, chunk))}
                for part in chunk:
                    parts[part]._counts[listing][part[1]] = numbers.get(part, 0)  # noqa: SLF001 - its own kind
        return self._counts[listing][subject.id]

    def _keyed(self, entries: Iterable[Entry]) -> list[tuple[Key, Entry]]:
        return [((entry.position,), entry) for entry in entries]

    def entry_at(self, position: int) -> Entry | None:
        """Return the entry of a position, None past this snapshot's."""
        if not 1 <= position <= self.position:
            return None
        rows = self._transaction.rows("select e.* from entry e where e.position = :position", position=position)
        return next(iter(self._entered(rows)), None)

    def entry_of(self, event_id: str) -> Entry | None:
        """Return the entry of an event, None past this position; fetched with those that entries read so far name."""
        if event_id not in self._by_event:
            named = (i for e in self._read_entries() for i in (e.envelope.causation, e.envelope.corrects) if i)
            ids = sorted({event_id, *named})
            sql = "select e.* from entry e where e.event_id in :ids"
            rows = [row for chunk in chunks(ids) for row in self._transaction.rows(sql, ids=chunk)]
            for s in self._flock:
                entries = s._entered(row for row in rows if row["position"] <= s.position)  # noqa: SLF001 - its own kind
                s._by_event |= dict.fromkeys(ids) | {entry.event_id: entry for entry in entries}  # noqa: SLF001
        return self._by_event[event_id]

    def then(self, entry: Entry, stream_of: Callable[[Entry], str | None]) -> tuple[Snapshot, Subject | None]:
        """Return the snapshot at an entry's position and a subject it names; fetched for all entries read so far."""
        stream, then = stream_of(entry), self.reading.at(entry.position)
        if stream is None:
            return then, None
        if then.lacks(stream):
            entries = list(self._read_entries())
            flock = [self.reading.at(each.position) for each in entries]
            for snapshot in flock:
                snapshot._flock = flock  # noqa: SLF001 - its own kind
            self.reading.fetch((s, t) for s, e in zip(flock, entries, strict=True) if (t := stream_of(e)))
        return then, then.subject(stream)

    def source(self, stream: str) -> Subject | None:
        """Return a source, fetched with all that the entries read so far name."""
        if self.lacks(stream):
            entries = ((s, entry) for s in self._flock for entry in s._entries.values())  # noqa: SLF001 - its own kind
            named = ((s, item.source) for s, entry in entries for item in entry.envelope.evidence)
            self.reading.fetch([(self, stream), *named])
        return self.subject(stream)

    def entry_setting(self, subject: Subject, revision: int) -> Entry | None:
        """Return the entry that made a revision of a subject; fetched for all subjects that came with it."""
        if (subject.id, revision) not in self._entries:
            alike = self._alike(subject)
            streams, last = sorted({each.id for _, each in alike}), max(s.position for s, _ in alike)
            sql = "select e.* from entry e where e.stream in :streams and e.position <= :at order by e.position"
            rows: dict[str, list[Row]] = defaultdict(list)
            for chunk in chunks(streams):
                for row in self._transaction.rows(sql, streams=chunk, at=last):
                    rows[row["stream"]].append(row)
            for s, each in alike:
                s._entered(row for row in rows[each.id] if row["position"] <= s.position)  # noqa: SLF001 - its own kind
        return self._entries.get((subject.id, revision))

    def _entered(self, rows: Iterable[Row]) -> list[Entry]:
        entries = [self.reading.entered(row) for row in rows]
        self._entries |= {(entry.stream, entry.revision): entry for entry in entries}
        return entries

    def _read_entries(self) -> Iterator[Entry]:
        """Yield the entries read so far, here and in the snapshots that came in with this one."""
        return (entry for s in self._flock for entry in s._entries.values())  # noqa: SLF001 - its own kind

    # The whole

    def last_observed_at(self, subject: Subject) -> datetime | None:
        """Return when a page or file that speaks of a subject was last seen, by lists of siblings not counted."""
        sources = self.all_related(subject, own_sources)
        return max(filter(None, (last_observed_at(source) for source in sources)), default=None)

    @cached_property
    def recorded_at(self) -> str | None:
        """Return when the entry at this position was recorded; None for an empty log."""
        entry = self.entry_at(self.position)
        return entry.recorded_at if entry else None

    @cached_property
    def root_hash(self) -> str:
        """Return the root of the log's tree at this position, in hex."""
        entry = self.entry_at(self.position)
        return entry.root if entry else EMPTY_ROOT.hex()

    @property
    def projection(self) -> int:
        """Return the version of the projection that made the rows."""
        return self.reading.projection


def _references(subject: Subject, group: str) -> tuple[str, ...]:
    """Return the references to wordings in all fields of one name."""
    if "references" not in subject.derived:
        found: dict[str, list[str]] = defaultdict(list)
        for path, claims in subject.claims.items():
            found[path.partition("/")[0]] += (r for claim in claims for r in references_of(claim.value))
        subject.derived["references"] = {name: tuple(references) for name, references in found.items()}
    references: tuple[str, ...] = subject.derived["references"].get(group, ())
    return references
