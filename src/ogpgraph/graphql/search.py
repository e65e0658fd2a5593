"""The full-text search: results with scores, snippets and counts, at the position and date that are read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Final

import strawberry

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.state_id import StateId
from ogpgraph.graphql.connections import (
    Connection,
    find_none,
    parse_cursor,
    parse_page_request,
)
from ogpgraph.graphql.facets import FACET_COST, CountedDimensions, Facet, count_dimensions, count_facets
from ogpgraph.graphql.filters import CommitmentFilter, MemberFilter, list_condition
from ogpgraph.graphql.nodes import find_node
from ogpgraph.graphql.output_fields import read_language
from ogpgraph.graphql.part import Node
from ogpgraph.graphql.subject import Entry, Subject, entry_of_claim
from ogpgraph.graphql.weights import LOOKUP_COST, SEARCH, computed, weighs
from ogpgraph.lazy import cached_property
from ogpgraph.readmodel.bookmark import Bookmark
from ogpgraph.readmodel.filters import AllOf, Condition, RelatedTo
from ogpgraph.readmodel.queries import AggregateQuery, Page, PageKey, PageRequest, build_page
from ogpgraph.readmodel.search import Hit, HitKey, Search
from ogpgraph.readmodel.snapshot import Snapshot
from ogpgraph.search.postings import Numbers
from ogpgraph.search.snippets import SNIPPET_LENGTH, cut_snippet

_ORDER: Final = "search"
"""What the cursors of search results begin with."""


@strawberry.enum(description="The kinds of objects that the search finds.")
class SearchKind(Enum):
    MEMBER = strawberry.enum_value("MEMBER", description="Members, by their names and codes.")
    ACTION_PLAN = strawberry.enum_value("ACTION_PLAN", description="Action plans, by their titles and codes.")
    COMMITMENT = strawberry.enum_value(
        "COMMITMENT",
        description="Commitments, by all of their texts, those of their milestones and narratives included, by the "
        "institutions that lead or support them, and by their codes.",
    )
    MILESTONE = strawberry.enum_value("MILESTONE", description="Milestones, by their titles and progress reports.")
    NARRATIVE = strawberry.enum_value("NARRATIVE", description="Sections of the IRM's texts about commitments.")


_AGGREGATE_TYPES: Final = {
    SearchKind.MEMBER: "member",
    SearchKind.ACTION_PLAN: "plan",
    SearchKind.COMMITMENT: "commitment",
}
_PART_LISTS: Final = {SearchKind.MILESTONE: "milestones", SearchKind.NARRATIVE: "narratives"}


@strawberry.input(description="Conditions on what a search finds. All given conditions have to hold.")
class SearchFilter:
    kinds: list[SearchKind] | None = strawberry.field(default=None, description="It is of one of these kinds.")
    commitment: CommitmentFilter | None = strawberry.field(
        default=None,
        metadata=weighs(10),
        description="It is a commitment that matches, or a part of one. Members and action plans are not found then.",
    )
    member: MemberFilter | None = strawberry.field(
        default=None, metadata=weighs(10), description="It is of a member that matches, or the member itself."
    )

    def select(self, snapshot: Snapshot) -> dict[str, int]:
        """Return for each aggregate type those that match, as bitsets of its index."""
        members = self.member.condition(snapshot) if self.member else None
        conditions: dict[str, Condition] = {"commitment": self._condition_on_commitments(snapshot, members)}
        if self.commitment is None:
            conditions["plan"] = RelatedTo("member", "member", members) if members else AllOf()
            conditions["member"] = members or AllOf()
        return {name: snapshot.select(AggregateQuery(name, condition)) for name, condition in conditions.items()}

    def _condition_on_commitments(self, snapshot: Snapshot, members: Condition | None) -> Condition:
        listed = list_condition(self.commitment, snapshot)
        return AllOf((listed, RelatedTo("member", "member", members))) if members else listed


@strawberry.type(description="A part of a text in which words are highlighted, by the numbers of its code points.")
class Highlight:
    start: int = strawberry.field(description="The number of the first code point of the part; the text begins with 0.")
    end: int = strawberry.field(description="The number of the first code point after the part.")


@strawberry.type(
    description=f"The part of a text by which it was found best: whole words, about {SNIPPET_LENGTH} code points at "
    "most. It is plain text as recorded, never markup."
)
class SearchSnippet:
    text: str = strawberry.field(description="The part of the text.")
    start: int = strawberry.field(
        description="The number of its first code point in the whole text; 0 if it is the beginning."
    )
    highlights: list[Highlight] = strawberry.field(
        description="The words that were searched for, in order, as parts of `text`. They do not overlap."
    )


@strawberry.type(description="Something that a search found, and the text by which it was found best.")
class SearchHit:
    page: strawberry.Private[HitPage]
    hit: strawberry.Private[Hit]

    @strawberry.field(
        description="What was found: a member, action plan, commitment, milestone or narrative; null only if a field "
        "of it failed."
    )
    def item(self) -> Node | None:
        self.page.load()
        return find_node(self.page.snapshot, StateId(self.hit.key.stream, self.hit.key.part))

    @strawberry.field(
        description="How well it matches: a whole number, which depends on the query and on the object's texts alone, "
        "not on those of others. Scores of different queries cannot be compared."
    )
    def score(self) -> int:
        return self.hit.key.score

    @strawberry.field(
        name="field",
        description="The name of the field of the text, such as `title`, `leadInstitutions` or `text`; `code` if it "
        "was found by its code alone.",
    )
    def field_name(self) -> str:
        segments = self.hit.path.split("/")
        return segments[0] if segments[0] != "milestones" else segments[2]

    @strawberry.field(description="The path of the text in the commitment, action plan or member, such as `title/en`.")
    def path(self) -> str:
        return self.hit.path

    @strawberry.field(description="The language of the text, as a lower-case code; null for a code.")
    def language(self) -> str | None:
        return self.hit.path.rpartition("/")[2] if self.hit.reference else None

    @strawberry.field(
        description="The part of the text that matches best; for a code the code. Null if the text was removed from "
        "the record."
    )
    def snippet(self) -> SearchSnippet | None:
        text = self.page.read_text(self.hit)
        if text is None:
            return None
        if not self.hit.reference:
            return SearchSnippet(text=text, start=0, highlights=[Highlight(start=0, end=len(text))])
        found = cut_snippet(text, self.hit.places)
        highlights = [Highlight(start=each.start, end=each.end) for each in found.highlights]
        return SearchSnippet(text=found.text, start=found.start, highlights=highlights)

    @strawberry.field(description="The entry that stated the text or the code; null only if one of its fields failed.")
    def entry(self) -> Entry | None:
        state = self.page.find(self.hit)
        claim = state.current_claim(self.hit.path)
        return entry_of_claim(Subject.of(state, self.page.snapshot), claim) if claim else None


class HitPage:
    """The hits of a page, whose aggregates and texts are read together."""

    def __init__(self, snapshot: Snapshot, hits: list[Hit]) -> None:
        self.snapshot = snapshot
        self._hits = hits

    def load(self) -> Mapping[str, Aggregate]:
        """Return the aggregates of all hits by id; they are loaded at once, and in memory from then on."""
        return self._aggregates

    @cached_property
    def _aggregates(self) -> dict[str, Aggregate]:
        return self.snapshot.find_many(hit.key.stream for hit in self._hits)

    @cached_property
    def _references(self) -> list[str]:
        """The references of all texts, which are loaded once this is asked for."""
        references = [hit.reference for hit in self._hits if hit.reference]
        self.snapshot.load_texts(references)
        return references

    def find(self, hit: Hit) -> Aggregate:
        """Return the aggregate of a hit."""
        return self._aggregates[hit.key.stream]

    def read_text(self, hit: Hit) -> str | None:
        """Return the text of a hit, or its code; None for one that was removed. Raises CorruptText."""
        if not hit.reference:
            return self.find(hit).string("code")
        return self.snapshot.read_loaded_text(hit.reference) if hit.reference in self._references else None


@strawberry.type(
    description="A page of what a search found, best first, and the number and counts of all of it. Of two objects "
    "with the same score the one comes first that was recorded first, a commitment before its parts. Below "
    "`at(position:)` nothing of it ever changes."
)
class SearchConnection(Connection[SearchHit]):
    search: strawberry.Private[Search]
    found: strawberry.Private[Found]

    @strawberry.field(
        metadata=computed(FACET_COST, length=count_dimensions),
        description="The commitments that were found, or parts of which were found, counted by the values of one or "
        "more dimensions.",
    )
    def facets(
        self,
        dimensions: CountedDimensions,
    ) -> list[Facet] | None:
        listed = self.snapshot.select(AggregateQuery("commitment"))
        commitments = listed & self.search.select_owners(self.found.numbers, "commitment")
        return count_facets(self.snapshot, [commitments] * len(dimensions), dimensions, None)

    @strawberry.field(
        description="The words that were also searched for, because no text has a word of the query, but some have "
        "these, which differ in one letter or two. A word in quotation marks has none."
    )
    def suggestions(self) -> list[str]:
        return list(self.search.suggestions)


class Found:
    """The objects that a search finds under a filter, evaluated once."""

    def __init__(self, search: Search, snapshot: Snapshot, where: SearchFilter | None) -> None:
        self._search = search
        self._snapshot = snapshot
        self._where = where or SearchFilter()

    @cached_property
    def numbers(self) -> Numbers:
        """The objects, by number."""
        kinds = SearchKind if self._where.kinds is None else self._where.kinds
        aggregates, parts = (
            [names[each] for each in kinds if each in names] for names in (_AGGREGATE_TYPES, _PART_LISTS)
        )
        return self._search.find(self._where.select(self._snapshot), aggregates, parts)

    @cached_property
    def count(self) -> int:
        """How many there are."""
        return len(self.numbers)


def search_record(
    snapshot: Snapshot,
    query: str,
    language: str | None,
    where: SearchFilter | None,
    first: int | None,
    after: str | None,
) -> SearchConnection:
    """Return the connection over what a search finds at a snapshot.

    Raises:
        GraphQLError: as `parse_page_request`.
    """
    page_request = parse_page_request(snapshot.session, first, after, None, None, parse_cursor=_parse_hit_cursor)
    search = Search(query, None if language is None else read_language(language), snapshot.session, snapshot.index)
    found = Found(search, snapshot, where)
    fetch = _PageReader(search, found, snapshot, page_request)
    return SearchConnection(
        fetch_page=fetch.read,
        build_node=lambda hit: SearchHit(page=fetch.hits, hit=hit),
        count=lambda: found.count,
        find_versions=find_none,
        find_dimensions=find_none,
        snapshot=snapshot,
        search=search,
        found=found,
    )


class _PageReader:
    """Reads a page of what a search found, once."""

    def __init__(self, search: Search, found: Found, snapshot: Snapshot, page_request: PageRequest) -> None:
        self._search = search
        self._found = found
        self._snapshot = snapshot
        self._request = page_request

    @cached_property
    def _page(self) -> Page[Hit]:
        after = self._request.after
        last = None if after is None else _read_key(after)
        hits = self._search.page(self._found.numbers, self._request.limit + 1, last)
        return build_page([((_ORDER, str(hit.key.score), *hit.key[1:]), hit) for hit in hits], self._request)

    @cached_property
    def hits(self) -> HitPage:
        """The hits of the page."""
        return HitPage(self._snapshot, [hit for _, hit in self._page.items])

    def read(self) -> Page[Hit]:
        """Return the page."""
        return self._page


def _read_key(key: PageKey) -> HitKey:
    _, score, stream, part = map(str, key)
    return HitKey(int(score), stream, part)


def _parse_hit_cursor(cursor: str) -> tuple[Bookmark, PageKey]:
    bookmark, key = parse_cursor(cursor, (str, str, str, str))
    if key[0] != _ORDER or not re.fullmatch("[0-9]{1,9}", str(key[1])):
        raise ValueError("the cursor is not of a search")
    return bookmark, key


QueryText = Annotated[
    str,
    strawberry.argument(
        metadata=SEARCH,
        description="What to look for. Words are found in other inflections and, where the query has none, with "
        'accents; all words have to be in an object, except those that only join others. `"open budget"` finds these '
        "words as they are written, one after the other; `budg*` words that begin so; `institution:finance` a word in "
        "the fields of a name; `-tax` leaves out what has the word; `FR0043` is a code, too. No query is an error. "
        "The first 32 words count.",
    ),
]
"""The text of a query."""
SEARCH_DESCRIPTION: Final = (
    "What the full-text search finds in the texts that are valid at the position, and as of the date, that is read: "
    "members, action plans, commitments, milestones and narratives, the best first. Personal data that is masked, and "
    "text that was removed, is never found. Commitments that were split are left out, unless `where` names their "
    "status."
)
SEARCH_FIELD: Final = computed(LOOKUP_COST, reads_list=True)
