"""Snapshots of aggregates: the record's aggregates at one position, with what they refer to, and their texts.

Aggregates that were loaded together are completed together: the first time one of them needs a related aggregate, a
text or a list, one statement fetches it for all of them. So the number of statements depends on the shape of a query,
never on how many things it finds.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Final, Protocol, Self, TypeVar

from ogpgraph.domain.aggregate import Aggregate, aggregate_type_of, own_sources
from ogpgraph.domain.as_of import AggregateAsOf, cut, last_decided, possible_states
from ogpgraph.domain.claim_options import Unknown
from ogpgraph.domain.code import resolve_code
from ogpgraph.domain.source import last_observation_of
from ogpgraph.domain.state_id import StateId
from ogpgraph.domain.timeline import EarlierClaims, Timeline, last_instant
from ogpgraph.domain.values import value_text_references
from ogpgraph.lazy import cached_property
from ogpgraph.readmodel import queries
from ogpgraph.readmodel.bookmark import Bookmark
from ogpgraph.readmodel.existence import existed
from ogpgraph.readmodel.index import PRESENT_DAY
from ogpgraph.readmodel.model import ModelState
from ogpgraph.readmodel.queries import SqlStatement
from ogpgraph.readmodel.read_caches import ReadCaches
from ogpgraph.readmodel.tag_rules import CODED_TYPES
from ogpgraph.readmodel.tags import code_of
from ogpgraph.storage.database import Row, iter_chunks
from ogpgraph.storage.texts import CorruptText


class AggregateReader(Protocol):
    """What a snapshot of aggregates needs of the session that it is taken from."""

    projection_version: int
    count_characters: Callable[[int], None]
    """Called for each text that is read."""
    recall_text: Callable[[str], str | None]
    """Returns a text if it is in memory."""
    missing_texts: int
    """How often a text was not there: it was removed, but may be stored again, when something else states it."""

    @property
    def state(self) -> ModelState:
        """The state of the model at the session's head, or past it."""

    @property
    def caches(self) -> ReadCaches:
        """What the process keeps of what it has read."""

    def at(self, position: int, day: int = PRESENT_DAY) -> AggregateSnapshot:
        """Return the snapshot at a position and as of a day."""

    def load(self, requested: Iterable[tuple[AggregateSnapshot, str]]) -> None:
        """Load aggregates into snapshots, unless they are loaded."""

    def load_states(self, versions: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Aggregate]:
        """Return the states of streams since the positions of some of their entries."""

    def fetch(self, statement: SqlStatement) -> list[Row]:
        """Return the rows that a statement selects."""

    def try_texts(self, references: Iterable[str]) -> dict[str, str | CorruptText]:
        """Return reference → text, without those that were removed."""

    def root_at(self, position: int) -> str:
        """Return the root of the log's tree at a position, in hex."""

    def bookmark(self, position: int) -> Bookmark:
        """Return the bookmark of a position."""


TEMPLATE_POSITION: Final = 10**14 + secrets.randbelow(9 * 10**14)
"""Stands for the position in the ids of a template. It is drawn for each process, so that no text of the record has it,
and no log is as long."""


class AggregateSnapshot:
    """The aggregates of the record at `position`, and as of `day`: PRESENT_DAY for all that was stated.

    It is pinned for a reader that named the position; otherwise it stands for the present. Related aggregates are read
    through the same snapshot, so everything that is reached from there is pinned, too.
    """

    is_pinned = False
    is_template = False

    def __init__(self, session: AggregateReader, position: int, day: int = PRESENT_DAY) -> None:
        self.session = session
        self.position = position
        self.day = day
        self.projection_version = session.projection_version
        self._loaded: dict[str, dict[str, Aggregate]] = defaultdict(dict)
        self._since: dict[str, int] = {}
        self._dated: dict[str, AggregateAsOf] = {}
        self._absent: set[str] = set()
        self._texts: dict[str, str | CorruptText | None] = {}

    @cached_property
    def _siblings(self) -> list[Self]:
        """Those loaded together with this one, itself included: their aggregates are completed together, too."""
        return [self]

    @property
    def date(self) -> date | None:
        """Return the day as of which the snapshot is read, None for all that was stated."""
        return None if self.day == PRESENT_DAY else date.fromordinal(self.day)

    @property
    def undated(self) -> AggregateSnapshot:
        """Return the snapshot at the same position with all that was stated."""
        return self.session.at(self.position)

    @property
    def root_hash(self) -> str:
        """Return the root of the log's tree at this position, in hex."""
        return self.session.root_at(self.position)

    @property
    def bookmark(self) -> Bookmark:
        """Return the bookmark of this position."""
        return self.session.bookmark(self.position)

    @cached_property
    def pinned(self) -> Self:
        """Return this snapshot for a reader that named the position. What one of the two has loaded, both have."""
        if self.is_pinned:
            return self
        pinned = self._share()
        pinned.is_pinned, pinned._siblings = True, [pinned]
        return pinned

    @cached_property
    def template(self) -> Self:
        """Return this snapshot for what is kept for readers at other positions: its ids name TEMPLATE_POSITION."""
        template = self._share()
        template.is_pinned, template.is_template, template._siblings = True, True, [template]
        return template

    def _share(self) -> Self:
        """Return another snapshot that has what this one has loaded, and loads it for both."""
        other = object.__new__(type(self))
        other.__dict__ |= self.__dict__
        return other

    def state_id(self, stream: str, path: str = "") -> StateId:
        """Return the identity of the state of an aggregate, or of a part of it, that is read here."""
        if self.is_template:
            return StateId(stream, path, TEMPLATE_POSITION, self.date)
        return StateId(stream, path, self.position if self.is_pinned else None, self.date)

    # Aggregates

    def find(self, stream: str) -> Aggregate | None:
        """Return the aggregate of an id, or None."""
        return self.get_loaded(stream) or self.find_many([stream]).get(stream)

    def find_many(self, streams: Iterable[str]) -> dict[str, Aggregate]:
        """Return the aggregates that exist of some ids, by id, in the order of the ids."""
        requested = list(dict.fromkeys(streams))
        self.session.load((self, stream) for stream in requested)
        found = ((stream, self._loaded[aggregate_type_of(stream)].get(stream)) for stream in requested)
        return {stream: aggregate for stream, aggregate in found if aggregate is not None}

    def load_versions(self, aggregate_type: str, versions: Sequence[int]) -> list[Aggregate]:
        """Return the aggregates of a type that are as they are here since some positions, in the order of these.

        Raises KeyError for a position without one.
        """
        streams = self.session.state.streams.streams_of(versions)
        states = self.session.load_states(zip(streams, versions, strict=True))
        found = [states[version] for version in zip(streams, versions, strict=True)]
        self._loaded[aggregate_type].update(zip(streams, found, strict=True))
        self._since.update(zip(streams, versions, strict=True))
        return found

    def find_by_code(self, aggregate_type: str, code: str) -> Aggregate | None:
        """Return the aggregate of a code in any case, also of a former code or of the key it had before, or None."""
        if self.day != PRESENT_DAY:
            found_now = self.undated.find_by_code(aggregate_type, code)
            return self.find(found_now.id) if found_now else None
        key, streams = code.upper(), self.session.state.streams
        if aggregate_type in CODED_TYPES:
            holders = streams.of_type(aggregate_type).find_by_code(key, self.position)
            if holders:
                return self.find(holders[0])
        rows = self.session.fetch(queries.select_ids_by_code(aggregate_type, key, self.position))
        # None has the code now. Of those that had it before, the one that has changed since for longest.
        former = sorted((streams.version_at(row["id"], self.position), row["id"]) for row in rows)
        return self.find(former[0][1]) if former else self._find_merged(aggregate_type, code)

    def _find_merged(self, aggregate_type: str, code: str) -> Aggregate | None:
        """Return the aggregate that the one of this code was merged into; the merged one has no tags any more."""
        stream = resolve_code(aggregate_type, code, self.find)
        found = self.find(stream) if stream else None
        return found if found and code_of(found) else None

    def code_of(self, stream: str) -> str | None:
        """Return the code of an aggregate, which is not loaded for it; None if it has none, or that is not known so."""
        if self.day != PRESENT_DAY or aggregate_type_of(stream) not in CODED_TYPES:
            return None
        return self.session.state.streams.code_at(stream, self.position) or None

    def find_changed_ids(self, aggregate_type: str, day: int) -> frozenset[str]:
        """Return the ids of the aggregates that changed after a day and not later than on the snapshot's day."""
        statement = queries.select_changed_ids(aggregate_type, (day, self.day), self.position)
        return frozenset(row["id"] for row in self.session.fetch(statement))

    def find_ids_by_tag(self, aggregate_type: str, dimension: str, values: Sequence[str]) -> list[str]:
        """Return the ids of the aggregates that have one of some values of a dimension, in no order."""
        found: dict[str, None] = {}
        for chunk in iter_chunks(values):
            rows = self.session.fetch(queries.select_ids_by_tag(aggregate_type, dimension, chunk, self.position))
            found |= dict.fromkeys(row["id"] for row in rows)
        return list(found)

    def find_related(self, aggregate: Aggregate, path: str) -> Aggregate | None:
        """Return the aggregate that a path of another refers to; fetched for all loaded with that one."""
        target = aggregate.string(path)
        if not target:
            return None
        if (found := self.get_loaded(target)) is not None:
            return found
        return next(iter(self.find_all_related(aggregate, lambda each: filter(None, [each.string(path)]))), None)

    def find_all_related(
        self, aggregate: Aggregate, references: Callable[[Aggregate], Iterable[str]]
    ) -> list[Aggregate]:
        """Return the aggregates whose ids a function finds in another; fetched for all loaded with that one."""
        targets = list(references(aggregate))
        if any(self.needs_loading(target) for target in targets):
            self.session.load((s, target) for s, each in self._batch(aggregate) for target in references(each))
        found = self.find_many(targets)
        return [found[target] for target in targets if target in found]

    def last_observed_at(self, aggregate: Aggregate) -> datetime | None:
        """Return when a page or file about an aggregate was last observed; other pages that list it do not count."""
        sources = self.find_all_related(aggregate, own_sources)
        return max(filter(None, (last_observation_of(aggregate, source) for source in sources)), default=None)

    def since(self, stream: str) -> int:
        """Return the position since which a loaded aggregate is as it is."""
        return self._since[stream]

    def batch(self, aggregate: Aggregate) -> list[Aggregate]:
        """Return the aggregates of the same type loaded so far: all of them are completed together."""
        return list(self._loaded[aggregate.type].values()) or [aggregate]

    def _batch(self, aggregate: Aggregate) -> list[tuple[Self, Aggregate]]:
        """Return the batch of an aggregate over all sibling snapshots, each aggregate with its snapshot."""
        batch = [(s, each) for s in self._siblings for each in s._loaded[aggregate.type].values()]
        return batch or [(self, aggregate)]

    def needs_loading(self, stream: str) -> bool:
        """Return whether it is unknown yet if there is an aggregate of an id."""
        return stream not in self._loaded[aggregate_type_of(stream)] and stream not in self._absent

    def mark_absent(self, stream: str) -> None:
        """Remember that there is no aggregate of an id, unless it was loaded."""
        if stream not in self._loaded[aggregate_type_of(stream)]:
            self._absent.add(stream)

    def add(self, aggregate: Aggregate, since: int) -> None:
        """Add an aggregate to those loaded, which is as it is since a position."""
        self._loaded[aggregate.type][aggregate.id] = aggregate
        self._since[aggregate.id] = since

    def get_loaded(self, stream: str) -> Aggregate | None:
        """Return an aggregate if it is loaded."""
        return self._loaded[aggregate_type_of(stream)].get(stream)

    # As of a day

    def add_cut(self, stream: str, earlier: EarlierClaims) -> None:
        """Add an aggregate as of the snapshot's day, from what the undated snapshot has and its earlier claims."""
        aggregate, since = self.undated.get_loaded(stream), self.undated.since(stream)
        assert aggregate is not None
        state = cut(Timeline(aggregate, earlier), last_instant(self.day))
        self.session.caches.dated_states.add({(stream, since, self.day): state})
        self.add_dated(state, since)

    def add_dated(self, as_of: AggregateAsOf, since: int) -> None:
        """Add an aggregate as of the snapshot's day."""
        self._dated[as_of.aggregate.id] = as_of
        self.add(as_of.aggregate, since)

    def remove(self, stream: str) -> None:
        """Take an aggregate away from those loaded: it did not exist on the snapshot's day."""
        del self._loaded[aggregate_type_of(stream)][stream]

    def unknown(self, aggregate: Aggregate) -> Mapping[str, Unknown]:
        """Return path → what is unknown of a loaded aggregate on the snapshot's day."""
        return self._dated[aggregate.id].unknown if aggregate.id in self._dated else {}

    def last_decided(self, aggregate: Aggregate) -> Aggregate:
        """Return a loaded aggregate in which what is unknown on the snapshot's day is as it was known last."""
        return last_decided(aggregate) if self.unknown(aggregate) else aggregate

    def possible_states(self, aggregate: Aggregate) -> list[Aggregate]:
        """Return the states that a loaded aggregate may have had on the snapshot's day; itself alone if it is known."""
        as_of = self._dated.get(aggregate.id)
        return possible_states(as_of) if as_of and as_of.unknown else [aggregate]

    def plan_of(self, stream: str) -> str | None:
        """Return the plan whose begin decides whether a loaded plan or commitment existed; None for other types.

        A commitment of which no plan is known decides that itself.
        """
        match aggregate_type_of(stream):
            case "plan":
                return stream
            case "commitment":
                return self._loaded["commitment"][stream].string("actionPlan") or stream
        return None

    def has_begun(self, plan: str, stream: str) -> bool:
        """Return whether a plan had begun; where it is not known when, whether an aggregate of it was observed."""
        found = self.undated.find(plan)
        begin = found.string("startsOn") if found and found.type == "plan" else None
        return existed(begin, self.day, is_observed=self._dated[stream].is_observed)

    # Texts

    def text(self, aggregate: Aggregate, path: str, reference: str) -> str | None:
        """Return the text that a path of an aggregate refers to, None where it was removed; raises CorruptText.

        The texts of the same field are fetched for all aggregates loaded with this one.
        """
        if reference not in self._texts:
            if (known := self._recall_text(reference)) is not None:
                return known
            group = path.partition("/")[0]
            batch = self._batch(aggregate)
            # A value that may have been so is in no claim of the state.
            self.load_texts([reference, *(r for _, each in batch for r in _text_references(each, group))])
        return self.read_loaded_text(reference)

    def _recall_text(self, reference: str) -> str | None:
        """Return a text if the process has it in memory, and count its characters."""
        text = self.session.recall_text(reference)
        if text is not None:
            self.session.count_characters(len(text))
        return text

    def read_loaded_text(self, reference: str) -> str | None:
        """Return a text that was fetched, None where it was removed; raises CorruptText."""
        text = self._texts.get(reference)
        if isinstance(text, str):  # nearly always
            self.session.count_characters(len(text))
            return text
        self.session.missing_texts += 1
        return require_whole(text)

    def load_texts(self, references: Iterable[str]) -> None:
        missing = {reference for reference in references if reference not in self._texts}
        found = self.session.try_texts(missing)
        for sibling in self._siblings:
            sibling._texts |= {reference: found.get(reference) for reference in missing}


TextOrNone = TypeVar("TextOrNone", str, str | None)
SnapshotT = TypeVar("SnapshotT", bound="AggregateSnapshot")


def complete_together(snapshots: list[SnapshotT]) -> None:
    """Have snapshots of one session fetch for all of them what one of them needs of what it has loaded."""
    for snapshot in snapshots:
        snapshot._siblings = snapshots


def require_whole(text: TextOrNone | CorruptText) -> TextOrNone:
    """Return a text as it was read; raises CorruptText where that was corrupt."""
    if isinstance(text, CorruptText):
        raise CorruptText(text.reference)  # another one each time: an error that is raised has the traceback of once
    return text


def _text_references(aggregate: Aggregate, group: str) -> tuple[str, ...]:
    """Return the references to texts at all paths that begin with the same segment."""
    if "references" not in aggregate.cache:
        found: dict[str, list[str]] = defaultdict(list)
        for path, claims in aggregate.claims.items():
            for claim in claims:
                if references := value_text_references(claim.value):
                    found[path.partition("/")[0]] += references
        aggregate.cache["references"] = {name: tuple(references) for name, references in found.items()}
    of_group: tuple[str, ...] = aggregate.cache["references"].get(group, ())
    return of_group
