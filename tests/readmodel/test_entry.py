"""Field-level changes: what an event changed, as its entry shows it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.event import Event, Origin
from ogpgraph.domain.fold import derive_delta, evolve
from ogpgraph.domain.live_statements import no_events
from ogpgraph.domain.values import Observation, Rating, TextListValue, TranslationKind
from ogpgraph.domain.vocabulary import RatingState, RatingValue
from ogpgraph.readmodel.entry import FieldChange, TextReference, changed_paths, diff_delta, diff_encoded
from ogpgraph.readmodel.entry_query import EntryQuery
from ogpgraph.readmodel.queries import PageRequest
from ogpgraph.readmodel.states import encode_delta
from ogpgraph.storage.logged_event import CorruptEvent
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES
from tests.domain.events import HEADER, SIBLING_LIST, build_aggregate, event, text_value
from tests.domain.values import events
from tests.support.writers import register_commitment

PENDING = Rating(RatingState.PENDING)


def changes(before: Aggregate, *, facts: dict[str, Any], **envelope: Any) -> list[FieldChange]:
    applied = event(before.revision + 1, facts, **envelope)
    return diff_delta(derive_delta(before, applied, no_events))


@given(events, events, st.sampled_from(Origin), st.booleans())
def test_the_changes_of_an_encoded_delta_are_those_of_the_delta(
    first: Event, second: Event, origin: Origin, is_repeated: bool
) -> None:
    first = structs.replace(first, withdraws=(), amends={})
    facts = {**second.facts, **(first.facts if is_repeated else {})}
    envelope = structs.replace(second.envelope, origin=origin)
    before = evolve(Aggregate(first.stream, first.revision - 1), first)
    applied = Event(first.stream, first.revision + 1, second.name, envelope, facts)

    def read(_revisions: Collection[int]) -> Mapping[int, Event]:
        return {first.revision: first}

    for delta in (derive_delta(Aggregate(first.stream), first, no_events), derive_delta(before, applied, read)):
        assert diff_encoded(encode_delta(delta)) == diff_delta(delta)


def test_change_has_the_value_before_and_after() -> None:
    before = build_aggregate(({"status": "ACTIVE", "title/en": text_value("a")}, {"on": 1}))
    facts = {"status": "INACTIVE", "title/en": text_value("b"), "startsOn": "2018"}
    assert changes(before, facts=facts, on=2) == [
        FieldChange("status", "ACTIVE", "INACTIVE"),
        FieldChange("title/en", TextReference(text="a" * 64), TextReference(text="b" * 64)),
        FieldChange("startsOn", None, "2018"),
    ]
    assert changes(before, facts={"status": None}, on=2) == [FieldChange("status", "ACTIVE", None)]


def test_rating_changes_field_by_field() -> None:
    before = build_aggregate(({"ratings/COMPLETION/DESIGN": PENDING}, {"on": 1}))
    rated = Rating(RatingState.RATED, RatingValue.COMPLETE, "a" * 64)
    assert changes(before, facts={"ratings/COMPLETION/DESIGN": rated}, on=2) == [
        FieldChange("ratings/COMPLETION/DESIGN/state", "PENDING", "RATED"),
        FieldChange("ratings/COMPLETION/DESIGN/statedAs", None, TextReference(text="a" * 64)),
        FieldChange("ratings/COMPLETION/DESIGN/value", None, "COMPLETE"),
    ]


@pytest.mark.parametrize("stated_as", [None, "text-1"])
@pytest.mark.parametrize("irm_report", [None, "text-2"])
@pytest.mark.parametrize("value", [None, RatingValue.LIMITED])
@pytest.mark.parametrize("before", [{}, {"ratings/COMPLETION/MIDTERM": PENDING}])
def test_an_entry_is_found_by_the_paths_of_its_changes(
    before: dict[str, Any], value: RatingValue | None, irm_report: str | None, stated_as: str | None
) -> None:
    facts: dict[str, Any] = {
        "title/en": text_value("Title"),
        "ratings/COMPLETION/MIDTERM": Rating(RatingState.RATED, value, stated_as, irm_report),
        "observations": Observation("sha256:0", "text-3", "r"),
    }
    aggregate = build_aggregate((before, {})) if before else Aggregate("commitment-1")
    delta = derive_delta(aggregate, event(2 if before else 1, facts), no_events)
    assert changed_paths(delta) == sorted({change.path for change in diff_delta(delta)})


def test_lists_and_observations_have_fields() -> None:
    seen = Observation("sha256:0", "c" * 64, "reader 1")
    facts = {"leadInstitutions/en": TextListValue(("a" * 64, "b" * 64)), "policyAreas": (), "observations/x": seen}
    assert changes(Aggregate("commitment-1"), facts=facts) == [
        FieldChange("leadInstitutions/en", None, TextReference(texts=("a" * 64, "b" * 64))),
        FieldChange("policyAreas", None, ()),
        FieldChange("observations/x/contentHash", None, "sha256:0"),
        FieldChange("observations/x/reader", None, "reader 1"),
    ]


def test_value_that_does_not_become_current_changes_the_claim_of_its_source() -> None:
    before = build_aggregate(({"status": "ACTIVE"}, {"on": 1, "origin": HEADER, "source": "page", "language": "en"}))
    listed: dict[str, Any] = {"origin": SIBLING_LIST, "source": "list", "on": 5}
    assert changes(before, facts={"status": "INACTIVE"}, **listed) == [FieldChange("claims/status", None, "INACTIVE")]
    after = evolve(before, event(2, {"status": "INACTIVE"}, **listed))
    assert changes(after, facts={"status": None}, **listed) == [FieldChange("claims/status", "INACTIVE", None)]


def test_withdrawn_claim_makes_the_claim_of_another_source_current() -> None:
    before = build_aggregate(
        ({"status": "ACTIVE"}, {"on": 1}),
        ({"status": "INACTIVE"}, {"on": 2, "origin": HEADER, "source": "page"}),
    )
    withdrawn = {"origin": HEADER, "source": "page", "on": 3}
    assert changes(before, facts={"status": None}, **withdrawn) == [FieldChange("status", "INACTIVE", "ACTIVE")]


def test_late_observation_changes_what_its_source_stated_then() -> None:
    page = {"origin": HEADER, "source": "page"}
    before = build_aggregate(({"status": "ACTIVE"}, {"on": 9, **page}))
    read = {1: event(1, {"status": "ACTIVE"}, on=9, **page)}
    late = event(2, {"status": "INACTIVE"}, on=5, seen=(None, 5), **page)
    assert diff_delta(derive_delta(before, late, lambda _: read)) == [FieldChange("claims/status", None, "INACTIVE")]


def test_other_kind_of_translation_of_the_same_text_is_no_change() -> None:
    before = build_aggregate(({"code": "FR0001", "title/en": text_value("a")}, {}))
    again = event(2, {"title/en": text_value("a", TranslationKind.MACHINE)})
    assert diff_delta(derive_delta(before, again, no_events)) == []


@BOTH_ENGINES
@pytest.mark.parametrize(
    "damage", ["update event set recorded_at = '2001' where position = 2", "delete from event where position = 2"]
)
def test_event_that_was_changed_or_deleted_in_the_log_is_never_served_but_named_by_its_position(
    system: System, damage: str
) -> None:
    for number in range(1, 4):
        register_commitment(system, f"FR{number:04}")
    with system.database.write() as transaction:
        transaction.execute(damage)
    with system.read_session() as session:
        entries = [entry for _, entry in session.at_head().page_entries(EntryQuery(), PageRequest()).items]
        assert [entry.position for entry in entries] == list(range(1, session.head + 1))
        assert entries[2].recorded_at < entries[3].recorded_at
        for read in ("recorded_at", "name", "stream", "envelope", "leaf"):
            with pytest.raises(CorruptEvent, match="position 2"):
                getattr(entries[1], read)
        assert session.at(2).root_hash == entries[1].root
