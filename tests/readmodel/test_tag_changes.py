"""Tags are followed by what an event touches; that must come to the same as making all of them anew."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.domain.aggregate import Aggregate, evolve
from ogpgraph.domain.event import Cause, Envelope, Event, Facts, Origin
from ogpgraph.domain.values import Rating, TextValue, TranslationKind
from ogpgraph.domain.vocabulary import RatingState, RatingValue
from ogpgraph.readmodel.tags import compute_tags, diff_tags

WORDING = st.sampled_from("abc").map(lambda letter: TextValue(letter * 64, TranslationKind.ORIGINAL))
RATING = st.sampled_from([RatingValue.YES, RatingValue.NO, None]).map(
    lambda value: Rating(RatingState.RATED if value else RatingState.PENDING, value)
)
VALUES = {
    "code": st.sampled_from(["FR0001", "FR0002"]),
    "key": st.just("FRA-01-0123ABCD"),
    "formerCodes": st.just(("FR0009",)),
    "member": st.sampled_from(["member-a", "member-b"]),
    "status": st.sampled_from(["ACTIVE", "WITHDRAWN"]),
    "cycle": st.integers(2015, 2017),
    "startsOn": st.just("2018-01"),
    "policyAreas": st.sampled_from([("Aid",), ("Aid", "Access to Justice")]),
    "mergedInto": st.just("commitment-other"),
    "title/en": WORDING,
    "title/fr": WORDING,
    "description/es": WORDING,
    "milestones/1/status": st.sampled_from(["COMPLETE", "ONGOING"]),
    "milestones/1/endsOn": st.just("2019"),
    "milestones/2/title/en": WORDING,
    "ratings/STARRED/MIDTERM": RATING,
    "ratings/COMPLETION/MIDTERM": RATING,
    "ratings/COMPLETION/END_OF_TERM": RATING,
}
FACTS = st.fixed_dictionaries({}, optional={path: st.none() | values for path, values in VALUES.items()})
ORIGINS = st.sampled_from([Origin.PERSON, Origin.HEADER, Origin.SIBLING_LIST, Origin.NARRATIVE])


@given(st.lists(st.tuples(FACTS, ORIGINS), min_size=1, max_size=12))
def test_tags_that_are_followed_are_those_that_all_claims_give(said: list[tuple[Facts, Origin]]) -> None:
    subject, tags = Aggregate("commitment-x"), set[tuple[str, str]]()
    for revision, (facts, origin) in enumerate(said, start=1):
        time = datetime(2020, 1, revision, tzinfo=UTC)
        envelope = Envelope(
            id=str(revision), time=time, actor="a", role="r", cause=Cause.REPORTED, origin=origin, correlation="c"
        )
        event = Event(subject.id, revision, "CommitmentRevised", envelope, facts)
        after = evolve(subject, event)
        ended, begun = diff_tags(subject, after, event.facts)
        assert ended <= tags
        assert not begun & tags
        tags = (tags - ended) | begun
        assert tags == compute_tags(Aggregate(after.id, after.revision, after.claims))
        assert after.current_claims == Aggregate(after.id, after.revision, after.claims).current_claims
        assert list(after.current_claims) == sorted(after.current_claims)
        subject = after
