"""What all things of the record share: their identity, their entries, and the claims and sources behind their values.

A thing leads to its entries, an entry to its thing and to the source that it cites, which is a thing itself. So these
types are in one module; those of each kind of thing are in `types`. What leads to nothing else is in `subject_facts`,
`entry_facts` and `part`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final, Self, TypeVar

import strawberry

from ogpgraph.domain.aggregate import Aggregate, aggregate_type_of, all_sources
from ogpgraph.domain.aggregate import Claim as StoredClaim
from ogpgraph.domain.event import Origin
from ogpgraph.domain.source import last_observed_at, observations
from ogpgraph.domain.values import TextValue
from ogpgraph.graphql.changes import Interval, claim_as_json
from ogpgraph.graphql.connections import (
    After,
    Before,
    Connection,
    First,
    Last,
    build_connection,
    find_none,
    parse_page_request,
)
from ogpgraph.graphql.dependence import FIXED, OWN
from ogpgraph.graphql.entry_facts import EntryFacts, EvidenceFacts
from ogpgraph.graphql.entry_filters import EntryOrders, HistoryFilter, build_entry_order
from ogpgraph.graphql.part import Observation, Owner, Part
from ogpgraph.graphql.scalars import DateTime, FieldValue
from ogpgraph.graphql.subject_facts import PathPrefix, SubjectFacts, is_at_or_below
from ogpgraph.graphql.volatile_fields import READS_HEAD
from ogpgraph.graphql.weights import LIST_COST, computed
from ogpgraph.readmodel.entry import Entry as StoredEntry
from ogpgraph.readmodel.index import Dimensions
from ogpgraph.readmodel.queries import Page
from ogpgraph.readmodel.snapshot import Snapshot
from ogpgraph.readmodel.tags import code_of

SUBJECT_TYPES: Final[dict[str, type[Subject]]] = {}
"""Aggregate type → the type of its objects. Each of them is added where it is defined."""
SubjectT = TypeVar("SubjectT", bound="Subject")
FindSource = Callable[[str], tuple[Snapshot, Aggregate | None]]
"""Returns a source by its id, None if there is none, and the snapshot that it is read in."""


@strawberry.interface(
    description="A thing with a history in the log: a member, action plan, commitment, source, code or account. Its "
    "fields describe it at the position that is read."
)
class Subject(SubjectFacts):
    AGGREGATE_TYPE: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        """Note the type of the objects of an aggregate type: entries lead to things of types that are defined later."""
        if cls.AGGREGATE_TYPE:
            SUBJECT_TYPES[cls.AGGREGATE_TYPE] = cls

    @strawberry.field(
        metadata=computed(LIST_COST) | OWN,
        description="The entries about it, up to the position that is read; the oldest first by default.",
    )
    def history(
        self,
        where: HistoryFilter | None = None,
        order_by: EntryOrders = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Entry] | None:
        page_request = parse_page_request(self.snapshot.session, first, after, last, before)
        query = (where or HistoryFilter()).to_query(self.snapshot, build_entry_order(order_by))
        return entry_connection(
            self.snapshot,
            lambda: self.snapshot.page_history(self.state, page_request, query),
            lambda: self.snapshot.count_history(self.state, query),
        )

    @strawberry.field(
        metadata=computed(5, length=40) | OWN,
        description="The current values of its fields, each with the entry that stated it. The entry shows who set the "
        "value, when, why and on which evidence.",
    )
    def blame(self, path: PathPrefix = "") -> list[Blame]:
        prefix = path.strip("/")
        return [
            Blame(path=each, claim=claim, owner=self)
            for each, claim in self.state.current_claims.items()
            # A path inside a value, such as the state of a rating, finds that value.
            if is_at_or_below(each, prefix) or is_at_or_below(prefix, each)
        ]

    @strawberry.field(
        metadata=computed(5, length=60) | OWN,
        description="What each source states about each field, current or not. Of several claims about a field one is "
        "current: (1) a claim of the thing's own pages, of OGP's database or of a person precedes one of a list on "
        "another page, and that one of a reference table; (2) then a claim in English, OGP's own language, precedes a "
        "translation; (3) then a later claim precedes an earlier one. A claim of the IRM's prose about a rating is "
        "never current.",
    )
    def claims(self, path: PathPrefix = "") -> list[Claim]:
        prefix = path.strip("/")
        return [
            Claim(path=each, claim=claim, is_current=claim is self.state.current_claim(each), owner=self)
            for each in sorted(self.state.claims)
            if is_at_or_below(each, prefix)
            for claim in self.state.claims[each]
            if claim.value is not None
        ]

    @strawberry.field(
        description="The pages, lists and files that its facts were read from, by type, code and language."
    )
    def sources(self) -> list[Source]:
        found = self.snapshot.find_all_related(self.state, all_sources)
        return [Source.of(source, self.snapshot) for source in sorted(found, key=code_of)]

    @classmethod
    def of(cls, state: Aggregate, snapshot: Snapshot) -> Self:
        """Return the object of an aggregate; raises LookupError if it is not of this type."""
        found = cls.find_type(state.id)(stream=state.id, snapshot=snapshot)
        found.state = state
        return found

    @classmethod
    def find_type(cls, stream: str) -> type[Self]:
        """Return the type of the object of a stream; raises LookupError if it is not this one."""
        object_type = SUBJECT_TYPES.get(aggregate_type_of(stream))
        if object_type is None or not issubclass(object_type, cls):
            raise LookupError(f"{stream} is no {cls.__name__}")
        return object_type

    def _related(self, type_: type[SubjectT], path: str) -> SubjectT | None:
        found = self.snapshot.find_related(self.state, path)
        return type_.of(found, self.snapshot) if found else None


# Sources


@strawberry.type(description="A published page, list or file that facts are read from.")
class Source(Subject):
    AGGREGATE_TYPE: ClassVar[str] = "source"

    @strawberry.field(
        metadata=OWN,
        description="The type of source: `PAGE` (a commitment's page), `COMMITMENT_LIST` (the list of all of a "
        "member's commitments, which OGP prints on the page of each of them), `DATABASE_FILE` (a file of OGP's "
        "commitment database) or `DOCUMENT`. Null if it is not known.",
    )
    def type(self) -> str | None:
        return self._string("type")

    @strawberry.field(
        metadata=OWN,
        description="The code of the commitment (of a page) or of the member (of a list), or the name of the file. "
        "Null if it is not known.",
    )
    def code(self) -> str | None:
        return self._string("code")

    @strawberry.field(
        metadata=OWN,
        description="The language in which it is published, as a lower-case code; null if it is not known.",
    )
    def language(self) -> str | None:
        return self._string("language")

    @strawberry.field(metadata=OWN, description="The URL at which it is published; null if it is not known.")
    def url(self) -> str | None:
        value = self.state.value("url")
        return self.snapshot.text(self.state, "url", value.text) if isinstance(value, TextValue) else None

    @strawberry.field(
        metadata=OWN,
        description="The observations that found new content or were read by a newer version of the importer, oldest "
        "first. Observations of unchanged content only change `lastObservedAt`.",
    )
    def observations(self) -> list[Observation]:
        return [
            Observation(
                observed_at=DateTime(time),
                content_hash=observation.content_hash,
                importer_version=observation.reader,
                reference=observation.text,
                owner=self,
            )
            for time, observation in observations(self.state)
        ]

    @strawberry.field(metadata=OWN, description="When it was last observed, changed or not; null if it never was.")
    def last_observed_at(self) -> DateTime | None:
        moment = last_observed_at(self.state)
        return DateTime(moment) if moment else None


# The log: entries, claims and evidence


@strawberry.type(
    description="An entry of the log: an event with the fields that it changed, its actor, time, reason and evidence. "
    "Entries are never changed or deleted."
)
class Entry(EntryFacts):
    @classmethod
    def of(cls, entry: StoredEntry, snapshot: Snapshot) -> Entry:
        """Return the object of an entry."""
        return cls(entry=entry, snapshot=snapshot)

    @strawberry.field(
        metadata=computed(opens_state=True) | FIXED,
        description="The thing that the entry is about, as it was right after this entry. Everything below is read at "
        "the position of this entry too.",
    )
    def subject(self) -> Subject:
        stream, then = self.entry.stream, self.snapshot.at_entry(self.entry)
        code = then.code_of(stream)
        return Subject.find_type(stream)(stream=stream, snapshot=then, load_state=self._load_subject, known_code=code)

    def _load_subject(self) -> Aggregate:
        _, state = self.snapshot.as_of_entry(self.entry, lambda entry: entry.stream)
        if state is None:
            raise LookupError(f"entry {self.entry.position} has no subject")
        return state

    @strawberry.field(
        metadata=READS_HEAD,
        description="The thing that the entry is about, as it is at present, whatever position is read: clients that "
        "follow the log merge it into what they show.",
    )
    def current(self) -> Subject:
        head, state = self.snapshot.find_present(self.entry)
        if state is None:
            raise LookupError(f"entry {self.entry.position} has no subject")
        return Subject.of(state, head)

    @strawberry.field(
        metadata=FIXED,
        description="The source that the facts were read from, as it was right after this entry; null if they were not "
        "read from a source.",
    )
    def source(self) -> Source | None:
        then, state = self.snapshot.as_of_entry(self.entry, lambda entry: entry.envelope.source)
        return Source.of(state, then) if state else None

    @strawberry.field(
        metadata=computed(2, length=20) | FIXED,
        description="The passages of sources that support the entry, one for each fact; empty if no source is cited. "
        "Their sources are as they were right after this entry.",
    )
    def evidence(self) -> list[Evidence]:
        return self.list_evidence(lambda source: self.snapshot.find_cited_source(self.entry, source))

    def list_evidence(self, find_source: FindSource) -> list[Evidence]:
        """Return the passages, whose sources a function finds."""
        return [
            Evidence(
                path=path,
                content_hash=item.content_hash,
                start=start,
                end=end,
                evidence=item,
                snapshot=self.snapshot,
                find_source=find_source,
            )
            for item in self.entry.envelope.evidence
            for path, (start, end) in sorted(item.spans.items())
        ]

    @strawberry.field(description="The entry that caused this one; null if there is none.")
    def caused_by(self) -> Entry | None:
        return self._entry_of_event(self.entry.envelope.causation)

    @strawberry.field(
        description="The entry that this one corrects or reverts, the newest of several; null if there is none."
    )
    def corrects(self) -> Entry | None:
        found = self.snapshot.find_amended_entry(self.entry)
        return Entry.of(found, self.snapshot) if found else None

    def _entry_of_event(self, event_id: str | None) -> Entry | None:
        found = self.snapshot.find_entry_by_event(event_id) if event_id else None
        return Entry.of(found, self.snapshot) if found else None


def entry_connection(
    snapshot: Snapshot,
    fetch_page: Callable[[], Page[StoredEntry]],
    count: Callable[[], int],
    find_positions: Callable[[], Sequence[int] | None] = find_none,
    find_dimensions: Callable[[], Dimensions | None] = find_none,
) -> Connection[Entry]:
    """Return the connection over a list of entries."""
    return build_connection(
        snapshot, fetch_page, lambda entry: Entry.of(entry, snapshot), count, find_positions, find_dimensions
    )


@strawberry.type(description="A passage of a source that supports a fact.")
class Evidence(EvidenceFacts):
    find_source: strawberry.Private[FindSource]

    @strawberry.field(
        description="The source that contains the passage; null if it is not in the record at that position."
    )
    def source(self) -> Source | None:
        snapshot, state = self.find_source(self.evidence.source)
        return Source.of(state, snapshot) if state else None


@strawberry.type(description="The current value of a field, with the entry that stated it.")
class Blame(Part):
    path: str = strawberry.field(description="The path of the field, such as `title/en`.")
    claim: strawberry.Private[StoredClaim]

    def locate(self) -> str:
        """Return the path of the value."""
        return f"blame/{self.path}"

    @strawberry.field(
        metadata=OWN,
        description="The value; null if it was a text that was removed from the record. A rating is an object of its "
        "fields.",
    )
    def value(self) -> FieldValue | None:
        return FieldValue(claim_as_json(self.owner.snapshot, self.owner.state, self.path, self.claim))

    @strawberry.field(metadata=OWN, description="The entry that stated the value.")
    def entry(self) -> Entry:
        return entry_of_claim(self.owner, self.claim)

    @strawberry.field(
        metadata=computed(2, length=20) | OWN,
        description="The passages of sources that support this value; empty if no source is cited.",
    )
    def evidence(self) -> list[Evidence]:
        snapshot = self.owner.snapshot
        found = self.entry().list_evidence(lambda source: (snapshot, snapshot.find_source(source)))
        return [each for each in found if each.path == self.path]

    @strawberry.field(
        metadata=OWN,
        description="The interval in which the field got this value, as narrow as all recorded observations make it.",
    )
    def changed_between(self) -> Interval:
        return Interval.of(self.claim.after, self.claim.before)


@strawberry.type(description="What one source, or a person, states about one field.")
class Claim(Blame):
    is_current: bool = strawberry.field(description="Whether this claim is the current value of the field.")

    def locate(self) -> str:
        """Return the path of the claim, of which each origin and source has at most one about a field."""
        return "/".join(filter(None, ("claims", self.path, *self.claim.key)))

    @strawberry.field(metadata=OWN, description="Where the claim was stated.")
    def stated_in(self) -> Origin:
        return self.claim.origin

    @strawberry.field(
        metadata=OWN, description="The language of the source, as a lower-case code; null if it is not known."
    )
    def language(self) -> str | None:
        return self.claim.language

    @strawberry.field(description="The source of the claim; null for a statement of a person.")
    def source(self) -> Source | None:
        snapshot = self.owner.snapshot
        state = snapshot.find_source(self.claim.source) if self.claim.source else None
        return Source.of(state, snapshot) if state else None


def entry_of_claim(owner: Owner, claim: StoredClaim) -> Entry:
    """Return the entry that stated a claim of a thing."""
    entry = owner.snapshot.find_entry_of_revision(owner.state, claim.revision)
    if entry is None:
        raise LookupError(f"{owner.state.id} has no entry of revision {claim.revision}")
    return Entry.of(entry, owner.snapshot)
