"""What a reading gives: positions and times, lists page by page, related things in few statements, words apart."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ogpgraph.domain.action_plan import register_action_plan
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.commitment import register_commitment, withdraw_commitment
from ogpgraph.domain.event import Evidence, Facts, Origin
from ogpgraph.domain.lineage import recode_commitment
from ogpgraph.domain.member import register_member
from ogpgraph.domain.review import record_rating
from ogpgraph.domain.source import source_id
from ogpgraph.domain.unit_of_work import Provenance, UnitOfWork
from ogpgraph.domain.values import Observation, Rating, TranslationKind
from ogpgraph.domain.vocabulary import Indicator, RatingState, RatingValue, Stage
from ogpgraph.readmodel.entry import change_text_refs, reason_text_refs
from ogpgraph.readmodel.filters import HasValue
from ogpgraph.readmodel.queries import AggregateQuery, EntryQuery, Page, PageKey, PageRequest
from ogpgraph.readmodel.snapshot import PositionError, Snapshot
from ogpgraph.readmodel.tables import PROJECTION_VERSION, dump_rows
from ogpgraph.readmodel.tags import code_of
from ogpgraph.storage import event_log
from ogpgraph.system import System, migrate, open_system
from tests.application.in_memory_log import command_context
from tests.conftest import BOTH_ENGINES, SystemFactory, TickingClock
from tests.graphql.client import execute_query

pytestmark = BOTH_ENGINES

COMMITMENTS = AggregateQuery("commitment")
OF_PLAN = AggregateQuery("commitment", parent="actionPlan")
HISTORY = EntryQuery(parent="stream")
ALL = PageRequest(limit=1000)


def register(number: int) -> str:
    return f"FR{number:04}"


def fill(system: System, commitments: int, plans: int = 2) -> None:
    """A member, some plans, and commitments shared out among them, each with a page that speaks of it."""

    def commands(uow: UnitOfWork) -> None:
        member = register_member(uow, "FRA", {"prefix": "FR", "name/en": uow.text_value("France")}).id
        made = [
            register_action_plan(
                uow,
                f"FRA-{2010 + n}",
                {"member": member, "cycle": 2010 + n, "title/en": uow.text_value(f"Plan {n}")},
            ).id
            for n in range(plans)
        ]
        for number in range(1, commitments + 1):
            source = source_id("PAGE", register(number), "en")
            seen = Observation("sha256:0", uow.text_ref(f"page {number}"), "r")
            uow.append(
                source,
                "SourceRegistered",
                {"type": "PAGE", "code": register(number), "observations/2026-01-01T00:00:00Z": seen},
            )
            said: Facts = {
                "member": member,
                "actionPlan": made[number % plans],
                "title/en": uow.text_value(f"Commitment {number}"),
                "title/fr": uow.text_value(f"Engagement {number}", TranslationKind.HUMAN),
            }
            page = Provenance(
                origin=Origin.HEADER, source=source, language="en", evidence=(Evidence(source, "sha256:0"),)
            )
            register_commitment(uow, register(number), said, page)

    system.execute(command_context(reason="the beginning"), commands)


def announce(system: System, code: str) -> None:
    """Register a commitment, unless it is."""

    def commands(uow: UnitOfWork) -> None:
        if uow.resolve_code("commitment", code) is None:
            register_commitment(uow, code, {})

    system.execute(command_context(), commands)


def withdraw(system: System, code: str, on: int = 0) -> None:
    system.execute(
        command_context(on),
        lambda uow: withdraw_commitment(uow, uow.require_by_code("commitment", code)),
    )


def codes(page: Page[Aggregate]) -> list[str]:
    return [code_of(subject) for _, subject in page.items]


@contextmanager
def at(system: System, position: int | None = None) -> Iterator[Snapshot]:
    with system.read_session() as reading:
        yield reading.at_head() if position is None else reading.at(position)


# Positions and times


def test_a_log_without_entries_can_be_read_and_holds_nothing(system: System) -> None:
    with system.read_session() as reading:
        now = reading.at_head()
        assert (reading.head, now.position, now.recorded_at) == (0, 0, None)
        assert now.root_hash == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        assert now.find("commitment-1") is None
        assert now.page(COMMITMENTS, ALL).items == ()
        assert now.count(COMMITMENTS) == 0
        with pytest.raises(PositionError, match="position 1 is past the head, which is 0"):
            reading.at(1)
        with pytest.raises(PositionError, match="before the first entry"):
            reading.at_time(datetime.fromisoformat("2026-01-01T00:00:00Z"))


@pytest.mark.parametrize(
    ("position", "says"), [(0, "before the first"), (-1, "before the first"), (7, "past the head")]
)
def test_a_position_that_is_none_of_the_log_is_refused(system: System, position: int, says: str) -> None:
    fill(system, 1, plans=1)
    with system.read_session() as reading, pytest.raises(PositionError, match=says):
        reading.at(position if position < 7 else reading.head + 1)


def test_the_head_is_pinned_when_the_reading_begins(make_system: SystemFactory) -> None:
    system, other = make_system(), make_system()
    fill(system, 1)
    with system.read_session() as reading:
        before = reading.head
        other.execute(
            command_context(),
            lambda uow: withdraw_commitment(uow, uow.require_by_code("commitment", "FR0001")),
        )
        found = reading.at_head().find_by_code("commitment", "FR0001")
        assert found
        assert found.value("status") is None
        with pytest.raises(PositionError):
            reading.at(before + 1)
    with at(system) as now:
        assert now.position == before + 1


def test_a_time_means_the_last_entry_not_later(system: System, clock: TickingClock) -> None:
    for number in (1, 2, 3):
        clock.now = datetime.fromisoformat(f"2026-02-0{number}T12:00:00Z")
        announce(system, register(number))
    clock.now = datetime.fromisoformat("2026-03-01T00:00:00Z")
    with system.read_session() as reading:
        first, head = datetime.fromisoformat("2026-02-01T12:00:00Z"), reading.head
        assert reading.at_time(first).position == 1
        assert reading.at_time(first + timedelta(microseconds=1)).position == 2
        assert reading.at_time(datetime.fromisoformat("2026-02-02T13:00:00+01:00")).position == 3
        assert reading.at_time(datetime.fromisoformat("2026-02-28T00:00:00Z")).position == head
        for position in range(1, head + 1):
            recorded_at = reading.at(position).recorded_at
            assert recorded_at
            assert reading.at_time(datetime.fromisoformat(recorded_at)).position == position
        for early in ("2026-02-01T11:59:59.999999Z", "0999-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"):
            with pytest.raises(PositionError, match="is before the first entry"):
                reading.at_time(datetime.fromisoformat(early))
        for late in ("2026-04-01T00:00:00Z", "9999-12-31T23:59:59-12:00"):
            with pytest.raises(PositionError, match="is in the future"):
                reading.at_time(datetime.fromisoformat(late))


def answered(system: System, moment: datetime) -> int | None:
    """The position that a time is answered with, None where that is refused."""
    with system.read_session() as reading:
        try:
            return reading.at_time(moment).position
        except PositionError:
            return None


def test_a_time_is_answered_from_all_that_was_recorded_by_then_however_long_a_reading_is_open(
    make_system: SystemFactory,
) -> None:
    clock = TickingClock(timedelta(0))
    system = make_system(clock=clock)
    announce(system, "FR0001")
    clock.now += timedelta(hours=1)
    with system.read_session() as reading:
        clock.now += timedelta(minutes=2)
        announce(system, "FR0002")
        clock.now += timedelta(minutes=2)
        with pytest.raises(PositionError, match="is in the future"):
            reading.at_time(clock.now - timedelta(minutes=2))


@BOTH_ENGINES
def test_a_glance_sees_nothing_past_its_head_and_none_past_what_is_shown(system: System, clock: TickingClock) -> None:
    for code in ("FR0001", "FR0002"):
        announce(system, code)
    clock.now += timedelta(hours=1)
    with system.model.peek(3) as reading:
        assert reading.head == 3
        found = reading.find_last_before(clock.now)
        assert found is not None
        assert found.position == 3
        with pytest.raises(PositionError):
            reading.at(4)
    with pytest.raises(PositionError, match="position 5 is not available any more"), system.model.peek(5):
        pass


def test_a_time_is_not_answered_past_an_event_that_the_follower_stopped_before(make_system: SystemFactory) -> None:
    clock = TickingClock(timedelta(0))
    system = make_system(clock=clock)
    announce(system, "FR0001")
    clock.now += timedelta(hours=1)
    stopped_at = clock.now
    event = event_log.StoredEvent("code-plan-XXX", 1, "CodeRetired.1", b"{}")
    system.log.append([event], texts={}, command="a program of the future")
    clock.now += timedelta(hours=1)
    assert answered(system, stopped_at - timedelta(seconds=1)) == 2
    assert answered(system, stopped_at) is None
    assert answered(system, clock.now - timedelta(minutes=10)) is None


def test_the_projection_is_that_of_the_rows_not_of_the_program(system: System) -> None:
    announce(system, "FR0001")
    with system.database.write() as transaction:
        transaction.execute("update projector set projection_version = projection_version + 1")
    with system.read_session() as reading:
        assert reading.at_head().projection_version == reading.at(1).projection_version == PROJECTION_VERSION + 1
    assert execute_query(system, "{ meta { projection } }") == {"meta": {"projection": PROJECTION_VERSION + 1}}


# Lists, page by page

LISTED = 13
NUMBERS = count(5000)


def pages(system: System, size: int, *, backward: bool, position: int, write: bool) -> list[str]:
    """All codes of a list, page after page, each in a reading of its own, while others write in between."""
    found: list[str] = []
    key: PageKey | None = None
    while True:
        wanted = PageRequest(size, None if backward else key, key if backward else None, backward)
        with at(system, position) as snapshot:
            page = snapshot.page(COMMITMENTS, wanted)
        found = codes(page) + found if backward else found + codes(page)
        more, less = (page.has_previous, page.has_next) if backward else (page.has_next, page.has_previous)
        assert less == (key is not None)
        if not more:
            return found
        key = page.items[0 if backward else -1][0]
        if write:
            system.execute(command_context(), lambda uow: register_commitment(uow, register(next(NUMBERS)), {}))


@pytest.fixture(scope="module")
def thirteen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    url = f"sqlite:///{tmp_path_factory.mktemp('lists') / 'log.db'}"
    migrate(url)
    with open_system(url) as system:
        fill(system, LISTED)
        yield system


@settings(max_examples=20)
@given(size=st.integers(1, LISTED + 2), backward=st.booleans(), write=st.booleans())
def test_pages_of_any_size_join_to_the_whole_list_while_others_write(
    thirteen: System, size: int, backward: bool, write: bool
) -> None:
    whole = [register(number) for number in range(1, LISTED + 1)]
    position = 1 + 1 + 2 * 2 + 3 * LISTED  # the codes and things that `fill` registers
    with at(thirteen, position) as snapshot:
        assert codes(snapshot.page(COMMITMENTS, ALL)) == whole
        assert snapshot.count(COMMITMENTS) == LISTED
    assert pages(thirteen, size, backward=backward, position=position, write=write) == whole


def test_pages_of_the_present_show_whatever_was_there_all_along_once(system: System) -> None:
    fill(system, LISTED)
    found: list[str] = []
    key: PageKey | None = None
    while True:
        with at(system) as snapshot:
            page = snapshot.page(COMMITMENTS, PageRequest(3, after=key))
        found += codes(page)
        if not page.has_next:
            break
        key = page.items[-1][0]
        for code in (register(0), f"FR{len(found):02}99"):
            announce(system, code)
    assert [code for code in found if int(code[2:]) in range(1, LISTED + 1)] == [
        register(number) for number in range(1, LISTED + 1)
    ]
    assert len(found) == len(set(found))


def test_a_page_lies_between_its_keys(system: System) -> None:
    fill(system, 9)
    with at(system) as snapshot:
        keys = [key for key, _ in snapshot.page(COMMITMENTS, ALL).items]
        between = snapshot.page(COMMITMENTS, PageRequest(2, after=keys[1], before=keys[5]))
        assert codes(between) == ["FR0003", "FR0004"]
        assert (between.has_previous, between.has_next) == (True, True)
        backward = snapshot.page(COMMITMENTS, PageRequest(2, after=keys[1], before=keys[5], backward=True))
        assert codes(backward) == ["FR0004", "FR0005"]
        assert codes(snapshot.page(COMMITMENTS, PageRequest(0))) == []
        assert snapshot.page(COMMITMENTS, PageRequest(0)).has_next


@BOTH_ENGINES
def test_each_parent_s_part_of_a_list_is_its_own(system: System) -> None:
    fill(system, 9, plans=3)
    with at(system) as snapshot:
        plans = [plan for _, plan in snapshot.page(AggregateQuery("plan"), ALL).items]
        for number, plan in enumerate(plans):
            own = [register(n) for n in range(1, 10) if n % 3 == number]
            assert codes(snapshot.page_for_parent(plan, OF_PLAN, ALL)) == own
            assert codes(snapshot.page_for_parent(plan, OF_PLAN, PageRequest(2))) == own[:2]
            assert codes(snapshot.page_for_parent(plan, OF_PLAN, PageRequest(2, backward=True))) == own[-2:]
            assert snapshot.count(OF_PLAN, plan) == 3


@BOTH_ENGINES
def test_a_list_that_nothing_fulfils_is_empty(system: System) -> None:
    fill(system, 3)
    nobody = AggregateQuery("commitment", HasValue("status", ("WITHDRAWN",)))
    with at(system) as snapshot:
        assert snapshot.page(nobody, ALL).items == ()
        assert snapshot.count(nobody) == 0
        assert snapshot.page_entries(EntryQuery((("name", ("NoSuchEvent",)),)), ALL).items == ()
        assert snapshot.page_entries(EntryQuery((("name", ()),)), ALL).items == ()


@BOTH_ENGINES
def test_entries_are_found_by_their_columns_and_paged_by_position(system: System) -> None:
    fill(system, 3)
    system.execute(
        command_context(actor="another"),
        lambda uow: withdraw_commitment(uow, uow.require_by_code("commitment", "FR0002")),
    )
    with at(system) as snapshot:
        everything = [entry.position for _, entry in snapshot.page_entries(EntryQuery(), ALL).items]
        assert everything == list(range(1, snapshot.position + 1))
        by = EntryQuery((("actor", ("another",)), ("name", ("CommitmentWithdrawn", "CommitmentRevised"))))
        assert [entry.name for _, entry in snapshot.page_entries(by, ALL).items] == ["CommitmentWithdrawn"]
        assert snapshot.count_entries(by) == 1
        last = snapshot.page_entries(EntryQuery(), PageRequest(2, before=(snapshot.position,), backward=True))
        assert [key for key, _ in last.items] == [(snapshot.position - 2,), (snapshot.position - 1,)]


@BOTH_ENGINES
def test_the_history_of_a_thing_holds_its_own_entries(system: System) -> None:
    fill(system, 3)
    for number in (1, 3):
        withdraw(system, register(number), on=1)
    with at(system) as snapshot:
        found = [subject for _, subject in snapshot.page(COMMITMENTS, ALL).items]
        names = [[e.name for _, e in snapshot.page_history(each, HISTORY, ALL).items] for each in found]
        assert names == [
            ["CommitmentRegistered", "CommitmentWithdrawn"],
            ["CommitmentRegistered"],
            ["CommitmentRegistered", "CommitmentWithdrawn"],
        ]
        assert [snapshot.count_entries(HISTORY, each) for each in found] == [2, 1, 2]
    with at(system, snapshot.position - 1) as earlier:
        third = earlier.find_by_code("commitment", "FR0003")
        assert third
        assert len(earlier.page_history(third, HISTORY, ALL).items) == 1


# Codes


@BOTH_ENGINES
def test_a_code_means_who_has_it_now_before_who_had_it(system: System) -> None:
    system.execute(command_context(), lambda uow: register_commitment(uow, "FR0001", {}))
    first = system.execute(
        command_context(),
        lambda uow: recode_commitment(uow, uow.require_by_code("commitment", "FR0001"), "FR0101"),
    )
    assert first.events
    with at(system) as snapshot:
        old = snapshot.find_by_code("commitment", "fr0001")
        assert old == snapshot.find_by_code("commitment", "FR0101")
        assert old
        assert snapshot.find_by_code("commitment", "FR9999") is None
        assert snapshot.find_by_code("plan", "FR0001") is None
    with at(system, 2) as earlier:
        assert earlier.find_by_code("commitment", "FR0101") is None
        found = earlier.find_by_code("commitment", "FR0001")
        assert found
        assert found.id == old.id


# The past of an entry


@BOTH_ENGINES
def test_an_entry_s_subject_is_as_it_stood_then(system: System) -> None:
    fill(system, 2)
    system.execute(
        command_context(1),
        lambda uow: withdraw_commitment(uow, uow.require_by_code("commitment", "FR0001")),
    )
    with at(system) as snapshot:
        subject = snapshot.find_by_code("commitment", "FR0001")
        assert subject
        entries = [entry for _, entry in snapshot.page_history(subject, HISTORY, ALL).items]
        stood = [snapshot.as_of_entry(entry, lambda e: e.stream) for entry in entries]
        assert [(then.position, each.revision) for then, each in stood if each] == [
            (entry.position, entry.revision) for entry in entries
        ]
        assert [each.value("status") for _, each in stood if each] == [None, "WITHDRAWN"]
        assert snapshot.find_entry_by_event(entries[0].event_id) == entries[0]
        assert snapshot.find_entry_of_revision(subject, 2) == entries[1]
    with at(system, entries[1].position - 1) as earlier:
        assert earlier.find_entry_by_event(entries[1].event_id) is None
        assert earlier.find_entry(entries[1].position) is None


# Statements


def touch_everything(snapshot: Snapshot) -> None:
    """Read what a nested query reads: lists in lists, related things, wordings, sources, histories and who set what."""
    for _, plan in snapshot.page(AggregateQuery("plan"), ALL).items:
        snapshot.find_related(plan, "member")
        snapshot.text(plan, "title/en", plan.value("title/en").text)  # type: ignore[union-attr]
        for _, commitment in snapshot.page_for_parent(plan, OF_PLAN, ALL).items:
            snapshot.find_related(commitment, "member")
            snapshot.last_observed_at(commitment)
            for path, claim in commitment.claims_under("title/"):
                snapshot.text(commitment, path, claim.value.text)  # type: ignore[union-attr]
                snapshot.find_entry_of_revision(commitment, claim.revision)
            for _, entry in snapshot.page_history(commitment, HISTORY, ALL).items:
                snapshot.as_of_entry(entry, lambda e: e.stream)
                for reference in (*reason_text_refs(entry), *change_text_refs(entry)):
                    snapshot.entry_text(reference, change_text_refs)
        snapshot.count(OF_PLAN, plan)


def statements_for(system: System, commitments: int, plans: int) -> int:
    fill(system, commitments, plans)
    with system.read_session() as reading:
        before = reading.transaction.statements
        touch_everything(reading.at_head())
        return reading.transaction.statements - before


def test_the_number_of_statements_does_not_depend_on_the_number_of_things(make_system: SystemFactory) -> None:
    few, many = statements_for(make_system("few"), 4, 2), statements_for(make_system("many"), 90, 30)
    assert few == many
    assert many < 25


@BOTH_ENGINES
def test_more_things_than_one_statement_takes_are_fetched_in_a_few(system: System) -> None:
    fill(system, 30)
    with system.read_session() as reading:
        ids = [f"commitment-{n:06}" for n in range(1200)]
        before = reading.transaction.statements
        found = reading.at_head().find_many(ids)
        assert reading.transaction.statements - before == 3
        assert reading.at_head().find_many(ids) == found
        assert reading.transaction.statements - before == 3
        assert len(found) <= 30
        wanted = [(reading.at(position), each) for position in range(1, 50) for each in ids[:30]]
        reading.load(wanted)


# Wordings


@BOTH_ENGINES
def test_rows_hold_no_wordings_only_references(system: System) -> None:
    fill(system, 5)
    rating = Rating(RatingState.RATED, RatingValue.COMPLETE, stated_as=None)

    def commands(uow: UnitOfWork) -> None:
        stated = Rating(rating.state, rating.value, uow.text_ref("Fully complete, they say"))
        record_rating(uow, uow.require_by_code("commitment", "FR0001"), Indicator.COMPLETION, Stage.RESULTS, stated)

    system.execute(command_context(reason="a reason of our own"), commands)
    with system.database.read() as transaction:
        wordings = [row["content"] for row in transaction.fetch_all("select content from stored_text")]
        rows = b"".join(dump_rows(transaction)).decode()
    assert "a reason of our own" in wordings
    assert "Fully complete, they say" in wordings
    assert len(wordings) > 15
    for wording in wordings:
        assert wording not in rows


def test_a_wording_that_was_removed_is_read_as_none(system: System) -> None:
    fill(system, 2)
    with system.database.write() as transaction:
        transaction.execute("delete from stored_text where content = 'Commitment 1'")
    with at(system) as snapshot:
        texts = [
            snapshot.text(each, "title/en", each.value("title/en").text)  # type: ignore[union-attr]
            for _, each in snapshot.page(COMMITMENTS, ALL).items
        ]
    assert texts == [None, "Commitment 2"]


# Several who follow


@BOTH_ENGINES
def test_several_who_write_and_follow_at_once_project_each_event_once(make_system: SystemFactory) -> None:
    systems = [make_system() for _ in range(3)]

    def write(number: int) -> None:
        for n in range(5):
            code = register(100 * number + n)
            announce(systems[number], code)
            with systems[number].read_session() as reading:
                assert reading.at_head().find_by_code("commitment", code)

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(write, range(3)))
    with systems[0].read_session() as reading:
        assert reading.head == 30
        entries = reading.at_head().page_entries(EntryQuery(), ALL).items
        assert [entry.position for _, entry in entries] == list(range(1, 31))
        assert len({entry.event_id for _, entry in entries}) == 30
    digest = systems[0].digest()
    systems[1].rebuild()
    assert systems[2].digest() == digest
